//! Places in the carriers' notation.

use std::fmt;

use chrono_tz::Tz;

/// Where a parcel was scanned: `Sort Facility, Columbus OH`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The kind of place; may be empty.
    pub(crate) site: String,
    pub(crate) city: String,
    /// A state's two letters; may be empty.
    pub(crate) state: String,
}

impl Place {
    pub(crate) fn new(site: &str, city: &str, state: &str) -> Self {
        Self {
            site: site.to_owned(),
            city: city.to_owned(),
            state: state.to_owned(),
        }
    }

    /// A town in an address. Regions that carriers do not write as two letters are left out.
    pub(crate) fn town_of(city: &str, region: &str) -> Self {
        let state = if is_state(region) { region } else { "" };
        Self::new("", city.trim(), state)
    }

    /// Parses the output of [`fmt::Display`].
    pub(crate) fn parse(text: &str) -> Self {
        let (site, town) = match text.rsplit_once(',') {
            Some((site, town)) if !is_state(town.trim()) => (site.trim(), town.trim().to_owned()),
            _ => ("", text.replace(',', " ")),
        };
        let town = town.split_whitespace().collect::<Vec<_>>();
        match town.split_last() {
            Some((state, city)) if is_state(state) && !city.is_empty() => {
                Self::new(site, &city.join(" "), state)
            }
            _ => Self::new(site, &town.join(" "), ""),
        }
    }

    /// Another kind of place in the same town.
    pub(crate) fn at(&self, site: &str) -> Self {
        Self {
            site: site.to_owned(),
            ..self.clone()
        }
    }

    /// `Columbus OH`.
    pub(crate) fn town(&self) -> String {
        if self.state.is_empty() {
            self.city.clone()
        } else {
            format!("{} {}", self.city, self.state)
        }
    }
}

/// What identifies a place's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) zone: Tz,
    pub(crate) country: &'static str,
    pub(crate) postal_code: &'static str,
}

/// Towns on parcels' routes, with their postal codes.
const TOWNS: [(&str, Tz, &str, &str); 26] = [
    ("Austin TX", Tz::America__Chicago, "US", "78701"),
    ("Brooklyn NY", Tz::America__New_York, "US", "11201"),
    ("Buffalo NY", Tz::America__New_York, "US", "14203"),
    ("Chicago IL", Tz::America__Chicago, "US", "60607"),
    ("Cincinnati OH", Tz::America__New_York, "US", "45202"),
    ("Columbus OH", Tz::America__New_York, "US", "43215"),
    ("Dallas TX", Tz::America__Chicago, "US", "75201"),
    ("Denver CO", Tz::America__Denver, "US", "80202"),
    ("Frankfurt", Tz::Europe__Berlin, "DE", "60547"),
    (
        "Indianapolis IN",
        Tz::America__Indiana__Indianapolis,
        "US",
        "46241",
    ),
    ("Leeds", Tz::Europe__London, "GB", "LS1 4AP"),
    ("Leipzig", Tz::Europe__Berlin, "DE", "04109"),
    ("Los Angeles CA", Tz::America__Los_Angeles, "US", "90045"),
    (
        "Louisville KY",
        Tz::America__Kentucky__Louisville,
        "US",
        "40213",
    ),
    ("Lyon", Tz::Europe__Paris, "FR", "69002"),
    ("Memphis TN", Tz::America__Chicago, "US", "38118"),
    ("Miami FL", Tz::America__New_York, "US", "33122"),
    ("Newark NJ", Tz::America__New_York, "US", "07102"),
    ("Newcastle NSW", Tz::Australia__Sydney, "AU", "2300"),
    ("Oakland CA", Tz::America__Los_Angeles, "US", "94601"),
    ("Ontario CA", Tz::America__Los_Angeles, "US", "91761"),
    ("Ottawa ON", Tz::America__Toronto, "CA", "K1P 1J1"),
    ("Paris", Tz::Europe__Paris, "FR", "75001"),
    ("Pasadena CA", Tz::America__Los_Angeles, "US", "91101"),
    ("Sydney NSW", Tz::Australia__Sydney, "AU", "2000"),
    ("Yokohama", Tz::Asia__Tokyo, "JP", "220-0011"),
];

impl Place {
    /// The town's time zone, if known.
    pub(crate) fn clock(&self) -> Option<Clock> {
        let town = self.town();
        let (_, zone, country, postal_code) = TOWNS.into_iter().find(|(name, ..)| *name == town)?;
        // Readers must be able to derive the zone; a province with several zones is not enough.
        (country != "CA").then_some(Clock {
            zone,
            country,
            postal_code,
        })
    }
}

fn is_state(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.site.is_empty() {
            f.write_str(&self.town())
        } else {
            write!(f, "{}, {}", self.site, self.town())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for place in [
            Place::new("", "Brooklyn", "NY"),
            Place::new("Local Delivery Vehicle", "Brooklyn", "NY"),
            Place::new("", "New York", "NY"),
            Place::new("Sort Facility", "Köln", ""),
            Place::new("", "Paris", ""),
            Place::default(),
        ] {
            assert_eq!(Place::parse(&place.to_string()), place);
        }
        assert_eq!(
            Place::parse("Brooklyn, NY"),
            Place::new("", "Brooklyn", "NY")
        );
    }
}
