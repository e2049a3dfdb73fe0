//! Positions in a stream: entry ids, `milliseconds-number`, formatted so that they sort as text.

use std::fmt;

use crate::bus::BusError;

/// An entry's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offset {
    milliseconds: u64,
    number: u64,
}

impl Offset {
    pub(super) fn parse(id: &str) -> Result<Self, BusError> {
        id.split_once('-')
            .and_then(|(milliseconds, number)| {
                Some(Self {
                    milliseconds: milliseconds.parse().ok()?,
                    number: number.parse().ok()?,
                })
            })
            .ok_or_else(|| BusError::Unavailable(format!("{id:?} is not an entry id").into()))
    }

    /// The largest offset below this one.
    pub(super) const fn before(self) -> Self {
        match self.number.checked_sub(1) {
            Some(number) => Self { number, ..self },
            None => Self {
                milliseconds: self.milliseconds.saturating_sub(1),
                number: u64::MAX,
            },
        }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{:020}", self.milliseconds, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_sort_as_text_in_the_order_of_the_stream() {
        let ids = [
            "0-0",
            "0-1",
            "9-18446744073709551615",
            "10-0",
            "10-2",
            "10-10",
        ];
        let offsets: Vec<_> = ids.iter().map(|id| Offset::parse(id).unwrap()).collect();
        let texts: Vec<_> = offsets.iter().map(ToString::to_string).collect();
        assert!(texts.is_sorted());
        assert_eq!(offsets[3].before(), offsets[2]);
        assert_eq!(offsets[1].before(), offsets[0]);
        assert!(Offset::parse("10").is_err());
    }
}
