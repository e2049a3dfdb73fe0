//! The place of a scan: its label for customers, and its time zone.

use chrono_tz::Tz;

/// A place as the carrier gives it; each part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub city: Option<String>,
    /// The code of a state or province.
    pub state: Option<String>,
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
    pub postal_code: Option<String>,
}

/// Time zones of countries with a single one, from the time zone database.
const COUNTRIES: &str = include_str!("zones/countries.txt");
/// Time zones of states and provinces with a single one, in countries with several.
const STATES: &str = include_str!("zones/states.txt");
/// Time zones by the first three digits of US postal codes, without those that span several zones.
const US_POSTAL_CODES: &str = include_str!("zones/us_postal_codes.txt");

impl Place {
    /// The label for customers: `NEWARK` and `NJ` become `Newark NJ`.
    pub fn label(&self) -> Option<String> {
        let city = self.city.as_deref().unwrap_or_default();
        // Some carriers write in capitals; text with lower-case letters is kept.
        let shouts = !city.chars().any(char::is_lowercase);
        let words = city.split_whitespace().map(|word| {
            if shouts {
                capitalized(word)
            } else {
                word.to_owned()
            }
        });
        let state = self.state.as_deref().map(str::trim).unwrap_or_default();
        let parts: Vec<_> = words.chain([state.to_owned()]).collect();
        let label = parts.join(" ");
        let label = label.trim();
        (!label.is_empty()).then(|| label.to_owned())
    }

    /// The place's time zone, if it is unambiguous.
    pub fn zone(&self) -> Option<Tz> {
        let upper = |text: &String| text.trim().to_uppercase();
        let state = self.state.as_ref().map(upper);
        let postal_code = self.postal_code.as_deref().map(str::trim);
        let country = self.country.as_ref().map(upper);
        let country = match (country.as_deref(), state.as_deref()) {
            (Some(country), _) if !country.is_empty() => country.to_owned(),
            // US carriers omit the country for domestic places.
            (_, Some(state)) => ["US", "CA"]
                .into_iter()
                .find(|country| find(STATES, &format!("{country}-{state}")).is_some())?
                .to_owned(),
            _ => return None,
        };
        if country == "US"
            && let Some(zone) = postal_code.and_then(us_zone)
        {
            return Some(zone);
        }
        find(COUNTRIES, &country)
            .or_else(|| find(STATES, &format!("{country}-{}", state?)))
            .or_else(|| islands(&country, postal_code?))
    }
}

/// `WORD` as `Word`.
fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    first + &letters.as_str().to_lowercase()
}

fn find(table: &str, key: &str) -> Option<Tz> {
    let mut rows = table.lines().filter_map(|row| row.split_once(' '));
    let (_, zone) = rows.find(|(name, _)| *name == key)?;
    zone.parse().ok()
}

fn us_zone(postal_code: &str) -> Option<Tz> {
    let digits = postal_code.get(..3)?;
    if postal_code.len() < 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    US_POSTAL_CODES
        .lines()
        .find_map(|row| {
            let mut columns = row.split(' ');
            let (first, last) = (columns.next()?, columns.next()?);
            (first..=last).contains(&digits).then(|| columns.next())?
        })?
        .parse()
        .ok()
}

/// Islands with another time zone than their country's mainland.
fn islands(country: &str, postal_code: &str) -> Option<Tz> {
    let islands: &[&str] = match country {
        "ES" => &["35", "38"],
        "PT" => &["9"],
        _ => return None,
    };
    if islands.iter().any(|prefix| postal_code.starts_with(prefix)) {
        return (country == "ES").then_some(Tz::Atlantic__Canary);
    }
    Some(if country == "ES" {
        Tz::Europe__Madrid
    } else {
        Tz::Europe__Lisbon
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, state: &str, postal_code: &str) -> Place {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Place {
            city: None,
            country: part(country),
            state: part(state),
            postal_code: part(postal_code),
        }
    }

    #[test]
    fn a_place_has_a_clock_if_there_can_be_only_one() {
        for (country, state, postal_code, zone) in [
            ("DE", "", "53113", Some(Tz::Europe__Berlin)),
            ("de", "", "", Some(Tz::Europe__Berlin)),
            ("US", "CA", "", Some(Tz::America__Los_Angeles)),
            ("", "CA", "", Some(Tz::America__Los_Angeles)),
            ("", "QC", "", Some(Tz::America__Toronto)),
            ("US", "TX", "", None),
            ("US", "TX", "75201", Some(Tz::America__Chicago)),
            ("US", "TX", "79901", Some(Tz::America__Denver)),
            ("US", "", "10001", Some(Tz::America__New_York)),
            ("US", "KY", "40213-0001", Some(Tz::America__New_York)),
            ("US", "KY", "", None),
            ("US", "IN", "47586", None),
            ("CA", "ON", "", None),
            ("AU", "QLD", "4000", Some(Tz::Australia__Brisbane)),
            ("ES", "", "28001", Some(Tz::Europe__Madrid)),
            ("ES", "", "35001", Some(Tz::Atlantic__Canary)),
            ("ES", "", "", None),
            ("", "XX", "", None),
            ("", "", "", None),
            ("US", "", "é1€", None),
        ] {
            let zone_of = place(country, state, postal_code).zone();
            assert_eq!(zone_of, zone, "{country} {state} {postal_code}");
        }
    }

    #[test]
    fn every_row_of_the_tables_can_be_read() {
        for (table, columns) in [(COUNTRIES, 2), (STATES, 2), (US_POSTAL_CODES, 3)] {
            for row in table.lines() {
                let parts: Vec<_> = row.split(' ').collect();
                assert_eq!(parts.len(), columns, "{row}");
                assert!(parts[columns - 1].parse::<Tz>().is_ok(), "{row}");
            }
        }
    }

    #[test]
    fn a_label_is_written_as_people_write_it() {
        let town = |city: &str, state: &str| {
            let named = Place {
                city: Some(city.to_owned()),
                ..place("", state, "")
            };
            named.label()
        };
        for (city, state, label) in [
            ("NEWARK", "NJ", Some("Newark NJ")),
            ("Newark NJ", "", Some("Newark NJ")),
            ("SALT LAKE CITY", "UT", Some("Salt Lake City UT")),
            ("Köln", "", Some("Köln")),
            ("", "NJ", Some("NJ")),
            (" ", "", None),
        ] {
            assert_eq!(town(city, state).as_deref(), label);
        }
    }
}
