//! Money: an integer of minor units with its currency. Never a float.

use async_graphql::{ComplexObject, Context, Enum, SimpleObject};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::error::{ApiError, ApiResult};
use crate::money_format::MoneyFormats;

/// The supported currencies, by ISO 4217 code.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Enum,
)]
#[graphql(rename_items = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CurrencyCode {
    /// US dollar.
    Usd,
    /// Euro.
    Eur,
    /// British pound.
    Gbp,
    /// Canadian dollar.
    Cad,
    /// Australian dollar.
    Aud,
    /// Japanese yen, which has no decimals.
    Jpy,
    /// Mexican peso.
    Mxn,
    /// Brazilian real.
    Brl,
}

impl CurrencyCode {
    pub const ALL: [Self; 8] = [
        Self::Usd,
        Self::Eur,
        Self::Gbp,
        Self::Cad,
        Self::Aud,
        Self::Jpy,
        Self::Mxn,
        Self::Brl,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Cad => "CAD",
            Self::Aud => "AUD",
            Self::Jpy => "JPY",
            Self::Mxn => "MXN",
            Self::Brl => "BRL",
        }
    }

    /// The currency with this ISO 4217 code, if it is supported.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|currency| currency.as_str() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Usd => "US Dollar",
            Self::Eur => "Euro",
            Self::Gbp => "British Pound",
            Self::Cad => "Canadian Dollar",
            Self::Aud => "Australian Dollar",
            Self::Jpy => "Japanese Yen",
            Self::Mxn => "Mexican Peso",
            Self::Brl => "Brazilian Real",
        }
    }

    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Usd => "$",
            Self::Eur => "€",
            Self::Gbp => "£",
            Self::Cad => "C$",
            Self::Aud => "A$",
            Self::Jpy => "¥",
            Self::Mxn => "MX$",
            Self::Brl => "R$",
        }
    }

    /// ISO 4217 exponent: the number of decimals of the minor unit.
    pub const fn decimal_places(self) -> u32 {
        match self {
            Self::Jpy => 0,
            _ => 2,
        }
    }
}

/// How to round an amount to whole minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// For prices: the customer never pays more.
    Down,
    /// For refunds: the customer never gets less.
    Up,
}

/// An amount of money in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[graphql(complex, shareable, serial)]
pub struct Money {
    /// In minor units: cents, or whole yen.
    #[graphql(skip)]
    pub minor: i64,
    /// The currency of `amount`.
    pub currency: CurrencyCode,
}

#[ComplexObject]
impl Money {
    /// In major units, with as many decimals as the currency has: "29.45" euros, "1200" yen. Negative for a deduction.
    async fn amount(&self) -> Decimal {
        self.decimal()
    }

    /// For display in the language of the request's `accept-language`, American English by default: symbol, separators
    /// and the currency's own decimals, "$1,234.50".
    async fn formatted(&self, context: &Context<'_>) -> ApiResult<String> {
        let formats = context.data::<MoneyFormats>();
        let formats = formats.map_err(|_| ApiError::internal("a request without its language"))?;
        Ok(formats.format(*self))
    }
}

impl Money {
    pub const fn new(minor: i64, currency: CurrencyCode) -> Self {
        Self { minor, currency }
    }

    /// The amount in major units, "29.45".
    pub fn decimal(&self) -> Decimal {
        Decimal::new(self.minor, self.currency.decimal_places())
    }

    /// The amount nearest to this decimal in the given direction; `None` if it exceeds 64 bits.
    pub fn from_decimal(
        amount: Decimal,
        currency: CurrencyCode,
        rounding: Rounding,
    ) -> Option<Self> {
        let strategy = match rounding {
            Rounding::Down => RoundingStrategy::ToNegativeInfinity,
            Rounding::Up => RoundingStrategy::ToPositiveInfinity,
        };
        let scale = Decimal::from(10_i64.pow(currency.decimal_places()));
        let minor = amount
            .checked_mul(scale)?
            .round_dp_with_strategy(0, strategy);
        Some(Self::new(minor.to_i64()?, currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prices_round_down_and_refunds_up() {
        let amount = Decimal::new(29_456, 3);
        let price = Money::from_decimal(amount, CurrencyCode::Eur, Rounding::Down).unwrap();
        let refund = Money::from_decimal(amount, CurrencyCode::Eur, Rounding::Up).unwrap();
        assert_eq!(price.decimal().to_string(), "29.45");
        assert_eq!(refund.decimal().to_string(), "29.46");
    }

    #[test]
    fn money_is_written_with_the_decimals_of_its_currency() {
        let cases = [
            (123_450, CurrencyCode::Usd, "1234.50"),
            (5, CurrencyCode::Gbp, "0.05"),
            (-799, CurrencyCode::Cad, "-7.99"),
            (1_234_567, CurrencyCode::Jpy, "1234567"),
            (0, CurrencyCode::Brl, "0.00"),
        ];
        for (minor, currency, amount) in cases {
            assert_eq!(Money::new(minor, currency).decimal().to_string(), amount);
        }
    }

    proptest! {
        #[test]
        fn rounding_moves_an_amount_by_less_than_one_minor_unit(units in -1_000_000_000_i64..1_000_000_000, scale in 0_u32..8) {
            let amount = Decimal::new(units, scale);
            for currency in CurrencyCode::ALL {
                let down = Money::from_decimal(amount, currency, Rounding::Down).unwrap();
                let up = Money::from_decimal(amount, currency, Rounding::Up).unwrap();
                prop_assert!(down.decimal() <= amount && amount <= up.decimal());
                prop_assert!(up.minor - down.minor <= 1);
            }
        }
    }
}
