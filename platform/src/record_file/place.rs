//! Where a record is in its file, in the words of those who look it up there.

use std::fmt;

/// Where a record is in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Where it is, or ends if it has several lines; from 1.
    pub line: u64,
    /// Its number in a JSON array, from 1: all entries may be on one line.
    pub entry: Option<u64>,
}

impl Place {
    /// A record that its line identifies.
    pub const fn of_line(line: u64) -> Self {
        Self { line, entry: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry}, line {}", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}
