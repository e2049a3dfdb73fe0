//! Formats money for display in the language of a request, by the conventions of Unicode's CLDR.

use std::sync::OnceLock;

use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal as FixedDecimal;
use icu_experimental::dimension::currency::CurrencyType;
use icu_experimental::dimension::currency::formatter::CurrencyFormatter;
use icu_locale_core::{Locale, locale};
use platform::caller::{Caller, Locale as CallerLocale};
use rust_decimal::Decimal;

use crate::money::{CurrencyCode, Money};

/// Of a request that names no language.
const DEFAULT: Locale = locale!("en-US");

/// The formats of one request. They are made when they are used first.
#[derive(Debug)]
pub(crate) struct MoneyFormats {
    language: Locale,
    by_currency: [OnceLock<Option<CurrencyFormatter<DecimalFormatter>>>; CurrencyCode::ALL.len()],
}

/// An amount as it is written in this language, an `Accept-Language` value such as "de-AT".
pub fn format(language: &str, money: Money) -> String {
    let locale = CallerLocale {
        languages: Some(language.to_owned()),
        ..CallerLocale::default()
    };
    let caller = Caller {
        locale,
        ..Caller::default()
    };
    MoneyFormats::of(&caller).format(money)
}

/// The language that an `Accept-Language` header prefers, such as "de-AT".
pub fn preferred_language(header: &str) -> Option<String> {
    preferred(header).map(|locale| locale.to_string())
}

impl MoneyFormats {
    pub(crate) fn of(caller: &Caller) -> Self {
        let languages = caller.locale.languages.as_deref();
        Self {
            language: languages.and_then(preferred).unwrap_or(DEFAULT),
            by_currency: Default::default(),
        }
    }

    /// With symbol, separators and the currency's own decimals, such as "$1,234.50" or "1.234,50 €".
    pub(crate) fn format(&self, money: Money) -> String {
        let position = CurrencyCode::ALL
            .iter()
            .position(|code| *code == money.currency);
        let format = position.and_then(|position| {
            let made = self.by_currency[position].get_or_init(|| self.make(money.currency));
            made.as_ref()
        });
        match format {
            Some(format) => format.format_fixed_decimal(&digits(money)).to_string(),
            None => format!("{} {}", money.currency.as_str(), money.decimal()),
        }
    }

    fn make(&self, currency: CurrencyCode) -> Option<CurrencyFormatter<DecimalFormatter>> {
        let code = currency.as_str().to_ascii_lowercase();
        let code = CurrencyType::try_from(&code.parse().ok()?).ok()?;
        let made =
            CurrencyFormatter::try_new_symbol((&self.language).into(), code, Default::default());
        made.inspect_err(|error| {
            let language = self.language.to_string();
            tracing::warn!(language, %error, "amounts cannot be formatted in this language");
        })
        .ok()
    }
}

fn digits(money: Money) -> FixedDecimal {
    let mut digits = FixedDecimal::from(money.minor);
    let places = i16::try_from(money.currency.decimal_places()).unwrap_or(0);
    digits.multiply_pow10(-places);
    digits
}

/// The language of an `Accept-Language` header with the highest quality; the first of those that have the same.
fn preferred(header: &str) -> Option<Locale> {
    let mut preferred: Option<(Decimal, Locale)> = None;
    for range in header.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some(language) = parts.next().and_then(|tag| tag.parse::<Locale>().ok()) else {
            continue;
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse().ok());
        let quality = quality.unwrap_or(Decimal::ONE);
        let is_better = preferred.as_ref().is_none_or(|(best, _)| quality > *best);
        if quality > Decimal::ZERO && is_better {
            preferred = Some((quality, language));
        }
    }
    preferred.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn formats(languages: Option<&str>) -> MoneyFormats {
        let locale = CallerLocale {
            languages: languages.map(str::to_owned),
            ..CallerLocale::default()
        };
        MoneyFormats::of(&Caller {
            locale,
            ..Caller::default()
        })
    }

    #[test]
    fn an_amount_is_written_as_its_reader_writes_it() {
        use CurrencyCode::{Brl, Cad, Eur, Gbp, Jpy, Usd};
        let cases = [
            (None, 123_450, Usd, "$1,234.50"),
            (None, 5, Gbp, "£0.05"),
            (None, -799, Cad, "-CA$7.99"),
            (None, 1_234_567, Jpy, "¥1,234,567"),
            (None, i64::MAX, Usd, "$92,233,720,368,547,758.07"),
            (Some("de"), 123_450, Eur, "1.234,50\u{a0}€"),
            (Some("de-CH"), 123_450, Eur, "€\u{a0}1'234.50"),
            (Some("fr-FR"), 123_450, Usd, "1\u{202f}234,50\u{a0}$US"),
            (Some("en-CA"), 799, Cad, "$7.99"),
            (Some("ja"), 2_988, Jpy, "￥2,988"),
            (Some("pt-BR"), 123_450, Brl, "R$\u{a0}1.234,50"),
            (Some("nonsense!"), 100, Usd, "$1.00"),
        ];
        for (languages, minor, currency, expected) in cases {
            let written = formats(languages).format(Money::new(minor, currency));
            assert_eq!(written, expected, "{languages:?}");
        }
    }

    #[test]
    fn the_language_with_the_highest_quality_is_used() {
        let cases = [
            ("de-DE,de;q=0.9,en;q=0.8", Some("de-DE")),
            ("en;q=0.8, fr", Some("fr")),
            ("en;q=0.8,fr;q=0.8", Some("en")),
            ("*", None),
            ("*,de;q=0.5", Some("de")),
            ("de;q=0", None),
            ("de;q=x", Some("de")),
            ("", None),
        ];
        for (header, expected) in cases {
            let language = preferred(header).map(|language| language.to_string());
            assert_eq!(language.as_deref(), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn every_header_and_amount_is_written(header in "[ -~]{0,40}", minor in any::<i64>()) {
            for currency in CurrencyCode::ALL {
                let written = formats(Some(&header)).format(Money::new(minor, currency));
                prop_assert!(!written.is_empty());
            }
        }
    }
}
