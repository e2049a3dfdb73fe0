//! An event of a live subscription, serialized once for all watchers.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

/// An item delivered to a stream's watchers.
#[derive(Debug)]
pub(crate) struct Event {
    pub id: EventId,
    /// The GraphQL response as JSON.
    pub payload: Bytes,
}

/// Identifies an event, so that a reconnecting watcher can name its last one. Written as `<stream>-<number>`, with
/// `-<sequence>` if the source numbers its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    /// Random for each stream.
    pub stream: u64,
    /// Numbers the stream's events, from 1.
    pub number: u64,
    /// The source's own number, the same in every stream.
    pub sequence: Option<i64>,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.stream, self.number)?;
        match self.sequence {
            Some(sequence) => write!(f, "-{sequence}"),
            None => Ok(()),
        }
    }
}

/// The text is not an id of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownEventId;

impl FromStr for EventId {
    type Err = UnknownEventId;

    fn from_str(text: &str) -> Result<Self, UnknownEventId> {
        let mut parts = text.trim().splitn(3, '-');
        let mut part = || parts.next().ok_or(UnknownEventId);
        let stream = u64::from_str_radix(part()?, 16).map_err(|_| UnknownEventId)?;
        let number = part()?.parse().map_err(|_| UnknownEventId)?;
        let sequence = parts
            .next()
            .map(str::parse)
            .transpose()
            .map_err(|_| UnknownEventId)?;
        Ok(Self {
            stream,
            number,
            sequence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_from_their_text_and_nothing_else_does() {
        for sequence in [None, Some(0), Some(41), Some(-3)] {
            let id = EventId {
                stream: u64::MAX - 1,
                number: 7,
                sequence,
            };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "1", "x-1", "1-x", "1-1-x", "1-1-1-1"] {
            assert_eq!(text.parse::<EventId>(), Err(UnknownEventId), "{text}");
        }
    }
}
