//! Reads `text/event-stream`. Existing crates buffer events of any size; this reader is bounded.

use bytes::{Buf, BytesMut};

/// A stream may begin with a byte order mark, which has no meaning.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Takes chunks and returns events.
#[derive(Debug)]
pub(super) struct EventReader {
    max_bytes: usize,
    unread: BytesMut,
    name: String,
    data: Vec<u8>,
    begun: bool,
    /// The last line ended in a carriage return: a following newline belongs to it.
    after_return: bool,
}

/// An event of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerSentEvent {
    pub name: String,
    pub data: Vec<u8>,
}

/// An event is larger than allowed.
#[derive(Debug, thiserror::Error)]
#[error("an event has more than {0} bytes")]
pub(super) struct TooLarge(usize);

impl EventReader {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            unread: BytesMut::new(),
            name: String::new(),
            data: Vec::new(),
            begun: false,
            after_return: false,
        }
    }

    pub(super) fn feed(&mut self, chunk: &[u8]) {
        self.unread.extend_from_slice(chunk);
    }

    /// The next complete event of what has been fed.
    pub(super) fn next(&mut self) -> Result<Option<ServerSentEvent>, TooLarge> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                let event = ServerSentEvent {
                    name: std::mem::take(&mut self.name),
                    data: std::mem::take(&mut self.data),
                };
                // Without data, as after comments, there is no event; only `complete` may be empty.
                if !event.data.is_empty() || !event.name.is_empty() {
                    return Ok(Some(event));
                }
                continue;
            }
            self.field(&line);
            self.check(0)?;
        }
        self.check(self.unread.len())?;
        Ok(None)
    }

    fn check(&self, more: usize) -> Result<(), TooLarge> {
        if self.data.len() + more > self.max_bytes {
            return Err(TooLarge(self.max_bytes));
        }
        Ok(())
    }

    fn field(&mut self, line: &[u8]) {
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            _ => {}
        }
    }

    /// The next line, without its terminator.
    fn line(&mut self) -> Option<BytesMut> {
        if !self.begun {
            let most = self.unread.len().min(BYTE_ORDER_MARK.len());
            if self.unread[..most] == BYTE_ORDER_MARK[..most] {
                if most < BYTE_ORDER_MARK.len() {
                    return None;
                }
                self.unread.advance(most);
            }
            self.begun = true;
        }
        if self.after_return && !self.unread.is_empty() {
            self.after_return = false;
            if self.unread[0] == b'\n' {
                self.unread.advance(1);
            }
        }
        let end = self
            .unread
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let line = self.unread.split_to(end);
        self.after_return = self.unread[0] == b'\r';
        self.unread.advance(1);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\n\nevent: next\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nretry: 5\rid:7\revent:next\rdata:{}\r\r:\n\nevent: complete\ndata:\n\n";

    fn events(chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<(String, String)> {
        let mut reader = EventReader::new(100);
        let mut events = Vec::new();
        for chunk in chunks {
            reader.feed(chunk.as_ref());
            while let Some(event) = reader.next().expect("small events") {
                let data = String::from_utf8(event.data).expect("UTF-8");
                events.push((event.name, data));
            }
        }
        events
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let expected = [("next", "{\"a\":\n1}"), ("next", "{}"), ("complete", "")];
        let expected = expected.map(|(name, data)| (name.to_owned(), data.to_owned()));
        assert_eq!(events([STREAM]), expected);
        assert_eq!(events(STREAM.as_bytes().chunks(1)), expected);
        assert_eq!(events(STREAM.as_bytes().chunks(7)), expected);
    }

    #[test]
    fn an_event_without_end_is_cut_off() {
        let mut reader = EventReader::new(100);
        reader.feed(b"data: ");
        reader.feed(&[b'x'; 200]);
        assert!(reader.next().is_err());
        let mut reader = EventReader::new(100);
        for _ in 0..30 {
            reader.feed(b"data: 1234567\n");
        }
        assert!(reader.next().is_err());
    }
}
