//! Validates an address against its country: the country's code (ISO 3166-1), its states and provinces (ISO 3166-2),
//! and the format of its postal codes.

use celes::Country;
use keshvar::Alpha2;
use regex::RegexBuilder;

/// The country with this upper-case code.
pub(crate) fn country(code: &str) -> Option<Country> {
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then(|| Country::from_alpha2(code).ok()).flatten()
}

/// The code of a state, province or territory, without the country prefix. Accepts `TX`, `US-TX` and `Texas`, in any
/// case.
pub(crate) fn region(country: &Country, given: &str) -> Option<&'static str> {
    let given = given.trim();
    country.subdivisions().iter().find_map(|subdivision| {
        let (_, code) = subdivision.code.split_once('-')?;
        let is_it = [subdivision.code, code, subdivision.name]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(given));
        is_it.then_some(code)
    })
}

/// Whether a postal code has its country's format; anything is valid where the format is unknown.
pub(crate) fn is_postal_code(country: &Country, given: &str) -> bool {
    let Ok(alpha2) = Alpha2::try_from(country.alpha2) else {
        return true;
    };
    let Some(form) = alpha2.to_country().postal_code_format() else {
        return true;
    };
    let whole = RegexBuilder::new(&format!("^(?:{form})$")).build();
    // An invalid format rejects nobody.
    whole.is_ok_and(|form| form.is_match(&given.trim().to_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_iso_3166_are_countries() {
        for code in ["DE", "US", "JP", "GB", "CH", "PR", "HK"] {
            assert_eq!(country(code).unwrap().alpha2, code);
        }
        for code in [
            "", "D", "ZZ", "QQ", "XX", "EU", "UK", "AA", "de", "DEU", "D1", "Germany",
        ] {
            assert!(country(code).is_none(), "{code}");
        }
    }

    #[test]
    fn a_region_is_known_by_its_code_or_its_name() {
        let cases = [
            ("US", "TX", Some("TX")),
            ("US", "tx", Some("TX")),
            ("US", "US-TX", Some("TX")),
            ("US", "Texas", Some("TX")),
            ("US", " new york ", Some("NY")),
            ("US", "DC", Some("DC")),
            ("US", "QQ", None),
            ("US", "ON", None),
            ("US", "Ontario", None),
            ("US", "Kentuckey", None),
            ("US", "", None),
            ("US", "-", None),
            ("CA", "ON", Some("ON")),
            ("CA", "Ontario", Some("ON")),
            ("CA", "quebec", Some("QC")),
            ("CA", "TX", None),
        ];
        for (code, given, expected) in cases {
            let country = country(code).unwrap();
            assert_eq!(region(&country, given), expected, "{code} {given}");
        }
    }

    #[test]
    fn a_postal_code_has_the_form_of_its_country() {
        let cases = [
            ("US", "90001", true),
            ("US", "90001-1234", true),
            ("US", "9000", false),
            ("US", "SW1Y 4JH", false),
            ("US", "90001 x", false),
            ("CA", "K1A 0B1", true),
            ("CA", "k1a0b1", true),
            ("CA", "90001", false),
            ("GB", "SW1Y 4JH", true),
            ("GB", "sw1y4jh", true),
            ("GB", "12345", false),
            ("DE", "04109", true),
            ("DE", "4109", false),
            ("JP", "150-0001", true),
            ("JP", "1500001", true),
            ("CH", "8001", true),
            ("BR", "01310-100", true),
            ("MX", "06600", true),
            ("AU", "2000", true),
            // No postal codes in Hong Kong.
            ("HK", "-", true),
            ("AE", "00000", true),
        ];
        for (code, given, expected) in cases {
            let country = country(code).unwrap();
            assert_eq!(is_postal_code(&country, given), expected, "{code} {given}");
        }
    }

    #[test]
    fn every_countrys_form_can_be_read() {
        for country in Country::get_countries() {
            let Ok(alpha2) = Alpha2::try_from(country.alpha2) else {
                continue;
            };
            if let Some(form) = alpha2.to_country().postal_code_format() {
                let read = RegexBuilder::new(&format!("^(?:{form})$")).build();
                assert!(read.is_ok(), "{}: {form}", country.alpha2);
            }
        }
    }
}
