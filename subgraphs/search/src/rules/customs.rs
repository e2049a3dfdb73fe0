//! What customs authorities need to know of goods: their class and their origin.

use celes::Country;

/// The shortest code of the Harmonized System, and the longest one of a country's own tariff.
const HS_DIGITS: std::ops::RangeInclusive<usize> = 6..=13;

/// The digits of a code of the Harmonized System, which may be written with dots and spaces (`8518.30`); `None` if it
/// is none.
pub(crate) fn hs_code(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '.' | ' ')).collect();
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    // Chapters are 01 to 97, and 98 and 99 in national tariffs.
    let has_chapter = !digits.starts_with("00");
    (are_digits && has_chapter && HS_DIGITS.contains(&digits.len())).then_some(digits)
}

/// Whether this is a country's code (ISO 3166-1 alpha-2) in upper case.
pub(crate) fn is_country(code: &str) -> bool {
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code && Country::from_alpha2(code).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_of_the_harmonized_system_have_six_digits_or_more() {
        for (text, code) in [
            ("851830", "851830"),
            ("8518.30", "851830"),
            ("8518.30.20 00", "8518302000"),
            ("010121", "010121"),
            ("8517130000001", "8517130000001"),
        ] {
            assert_eq!(hs_code(text).as_deref(), Some(code));
        }
        for odd in [
            "",
            "8518",
            "85183",
            "85183a",
            "000000",
            "-851830",
            "85183000000000",
            "八五一八三〇",
        ] {
            assert_eq!(hs_code(odd), None, "{odd}");
        }
    }

    #[test]
    fn countries_have_two_upper_case_letters() {
        assert!(["DE", "TW", "US", "VN"].into_iter().all(is_country));
        assert!(
            !["", "de", "DEU", "XX", "D ", "Germany", "ÄÖ"]
                .into_iter()
                .any(is_country)
        );
    }

    proptest! {
        #[test]
        fn a_code_is_read_the_same_way_again(text in "[0-9. ]{0,20}") {
            if let Some(code) = hs_code(&text) {
                prop_assert_eq!(hs_code(&code), Some(code));
            }
        }
    }
}
