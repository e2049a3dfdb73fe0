//! Places, as carriers name them.

use std::fmt;

/// Where a parcel was seen: `Sort Facility, Columbus OH`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// What kind of place it is; may be empty.
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

    /// Reads what [`fmt::Display`] writes.
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

    /// The same town, another kind of place.
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
