//! The carriers and the formats of their tracking numbers.

use serde::{Deserialize, Serialize};

use super::place::Place;

/// A carrier of parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    Dhl,
    Fedex,
    Ups,
    Usps,
}

impl Carrier {
    /// The carrier whose format the number has.
    pub(crate) fn of(number: &str) -> Option<Self> {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if number.strip_prefix("DHL").is_some_and(digits)
            || number.strip_prefix("JD").is_some_and(digits)
        {
            Some(Self::Dhl)
        } else if number.strip_prefix("FX").is_some_and(digits)
            || digits(number) && matches!(number.len(), 12 | 15)
        {
            Some(Self::Fedex)
        } else if number.len() == 18
            && number
                .strip_prefix("1Z")
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            Some(Self::Ups)
        } else if digits(number) && (20..=30).contains(&number.len()) && number.starts_with('9') {
            Some(Self::Usps)
        } else {
            None
        }
    }

    /// EasyPost's name of the carrier.
    pub(crate) fn easypost_name(self) -> &'static str {
        match self {
            Self::Dhl => "DHLExpress",
            Self::Fedex => "FedEx",
            Self::Ups => "UPS",
            Self::Usps => "USPS",
        }
    }

    pub(crate) fn from_easypost_name(name: &str) -> Option<Self> {
        [Self::Dhl, Self::Fedex, Self::Ups, Self::Usps]
            .into_iter()
            .find(|carrier| carrier.easypost_name().eq_ignore_ascii_case(name))
    }

    /// The carrier's sorting hub.
    pub(super) fn hub(self) -> Place {
        match self {
            Self::Dhl => Place::new("Sort Facility", "Cincinnati", "OH"),
            Self::Fedex => Place::new("World Hub", "Memphis", "TN"),
            Self::Ups => Place::new("Worldport", "Louisville", "KY"),
            Self::Usps => Place::new("Regional Facility", "Indianapolis", "IN"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_their_carrier() {
        for (number, carrier) in [
            ("DHL1234567890", Some(Carrier::Dhl)),
            ("FX9876543210", Some(Carrier::Fedex)),
            ("794612345678", Some(Carrier::Fedex)),
            ("1Z999AA10123456784", Some(Carrier::Ups)),
            ("9205590036297012345678", Some(Carrier::Usps)),
            ("1Z999AA1", None),
            ("DHL", None),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(Carrier::of(number), carrier, "{number}");
        }
    }
}
