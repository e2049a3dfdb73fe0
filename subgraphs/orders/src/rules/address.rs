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

/// Destinations of the US Postal Service that ISO 3166-2 data lacks: territories, which also have country codes of their
/// own, military addresses, and the usual name of DC.
const US_REGIONS: [(&str, &str); 10] = [
    ("DC", "District of Columbia"),
    ("AS", "American Samoa"),
    ("GU", "Guam"),
    ("MP", "Northern Mariana Islands"),
    ("PR", "Puerto Rico"),
    ("VI", "Virgin Islands"),
    ("VI", "U.S. Virgin Islands"),
    ("AA", "Armed Forces Americas"),
    ("AE", "Armed Forces Europe"),
    ("AP", "Armed Forces Pacific"),
];

/// The first three digits of ZIP codes by state: first and last prefix, then the states that use them. Some prefixes
/// cross a border.
const ZIP_PREFIXES: &str = include_str!("zip_prefixes.txt");

/// The code of a state, province or territory, without the country prefix. Accepts `TX`, `US-TX` and `Texas`, in any
/// case.
pub(crate) fn region(country: &Country, given: &str) -> Option<&'static str> {
    let given = given.trim();
    let subdivision = country.subdivisions().iter().find_map(|subdivision| {
        let (_, code) = subdivision.code.split_once('-')?;
        let is_it = [subdivision.code, code, subdivision.name]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(given));
        is_it.then_some(code)
    });
    subdivision.or_else(|| {
        let code = given
            .split_at_checked(3)
            .and_then(|(prefix, code)| prefix.eq_ignore_ascii_case("US-").then_some(code))
            .unwrap_or(given);
        let mut regions = US_REGIONS.iter().filter(|_| country.alpha2 == "US");
        regions.find_map(|&(known, name)| {
            let is_it = known.eq_ignore_ascii_case(code) || name.eq_ignore_ascii_case(given);
            is_it.then_some(known)
        })
    })
}

/// The code and name of each region of a country; the first name, where it has several.
pub(crate) fn regions(country: &Country) -> Vec<(&'static str, &'static str)> {
    let known = country.subdivisions().iter().filter_map(|subdivision| {
        let (_, code) = subdivision.code.split_once('-')?;
        Some((code, subdivision.name))
    });
    let others = US_REGIONS.iter().copied();
    let others = others.filter(|_| country.alpha2 == "US");
    let mut regions: Vec<_> = known.chain(others).collect();
    regions.sort_by_key(|(code, _)| *code);
    regions.dedup_by_key(|(code, _)| *code);
    regions
}

/// Whether the region uses the postal code; true where this is unknown.
pub(crate) fn is_in_region(country: &Country, postal_code: &str, region: &str) -> bool {
    let prefix = postal_code.trim().get(..3);
    let Some(prefix) = prefix.filter(|_| country.alpha2 == "US") else {
        return true;
    };
    let row = ZIP_PREFIXES.lines().find_map(|row| {
        let (first, rest) = row.split_once(' ')?;
        let (last, states) = rest.split_once(' ')?;
        (first..=last).contains(&prefix).then_some(states)
    });
    row.is_none_or(|states| states.split(' ').any(|state| state == region))
}

/// Whether addresses of the country have postal codes.
pub(crate) fn has_postal_codes(country: &Country) -> bool {
    let known = Alpha2::try_from(country.alpha2);
    known.is_ok_and(|alpha2| alpha2.to_country().postal_code())
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
            ("US", "District of Columbia", Some("DC")),
            ("US", "PR", Some("PR")),
            ("US", "us-pr", Some("PR")),
            ("US", "Puerto Rico", Some("PR")),
            ("US", "gu", Some("GU")),
            ("US", "VI", Some("VI")),
            ("US", "AS", Some("AS")),
            ("US", "MP", Some("MP")),
            ("US", "AA", Some("AA")),
            ("US", "AE", Some("AE")),
            ("US", "Armed Forces Pacific", Some("AP")),
            ("CA", "PR", None),
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
    fn a_zip_code_is_in_use_in_its_states_alone() {
        let us = country("US").unwrap();
        for (postal_code, region, expected) in [
            ("90001", "CA", true),
            ("90001-1234", "CA", true),
            ("90001", "NY", false),
            ("11201", "NY", true),
            ("00501", "NY", true),
            ("00501", "PR", false),
            ("06390", "NY", true),
            ("06390", "CT", true),
            ("83414", "WY", true),
            ("86515", "NM", true),
            ("73301", "TX", true),
            ("73301", "OK", false),
            ("20588", "MD", true),
            ("00901", "PR", true),
            ("96910", "GU", true),
            ("96799", "AS", true),
            ("09012", "AE", true),
            ("34002", "AA", true),
            ("96201", "AP", true),
            ("00000", "NY", true),
            ("", "NY", true),
            ("é1€", "NY", true),
        ] {
            let is_there = is_in_region(&us, postal_code, region);
            assert_eq!(is_there, expected, "{postal_code} {region}");
        }
        let canada = country("CA").unwrap();
        assert!(is_in_region(&canada, "100", "ON"));
    }

    #[test]
    fn every_state_has_zip_codes_and_no_prefix_is_listed_twice() {
        let us = country("US").unwrap();
        let mut previous = "";
        let mut listed = std::collections::BTreeSet::new();
        for row in ZIP_PREFIXES.lines() {
            let parts: Vec<_> = row.split(' ').collect();
            assert!(previous < parts[0] && parts[0] <= parts[1], "{row}");
            previous = parts[1];
            for state in &parts[2..] {
                assert_eq!(region(&us, state), Some(*state), "{row}");
                listed.insert(*state);
            }
        }
        // The states, DC, five territories and three military regions.
        assert_eq!(listed.len(), 50 + 1 + 5 + 3);
    }

    #[test]
    fn some_countries_have_no_postal_codes() {
        for (code, expected) in [
            ("HK", false),
            ("AE", false),
            ("QA", false),
            ("US", true),
            ("DE", true),
            ("IE", true),
        ] {
            let country = country(code).unwrap();
            assert_eq!(has_postal_codes(&country), expected, "{code}");
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
