//! Names of objects.

use std::fmt;

/// Longest name accepted.
const LONGEST: usize = 255;

/// A name such as `returns/ret_01h.pdf`: segments of letters, digits, `-`, `_` and `.`, none starting with a dot. It is
/// valid as a file path and in a URL without encoding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

/// The text is not a valid object name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an object name: use segments of letters, digits, -, _ and . with / between them")]
pub struct InvalidKey;

impl ObjectKey {
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidKey> {
        let name = name.into();
        let is_part = |part: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed)
        };
        if name.len() > LONGEST || !name.split('/').all(is_part) {
            return Err(InvalidKey);
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The media type for its extension.
    pub fn content_type(&self) -> &'static str {
        match self.0.rsplit_once('.').map(|(_, extension)| extension) {
            Some("pdf") => "application/pdf",
            Some("png") => "image/png",
            _ => "application/octet-stream",
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_directory_nor_need_encoding() {
        for name in ["a", "returns/ret_01h.pdf", "2025/10/a-b_c.v2.png"] {
            assert_eq!(ObjectKey::new(name).unwrap().as_str(), name);
        }
        for name in [
            "", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", ".a", "a/.b", "a b", "ä", "a?b",
            "a\\b", "a\0", "a%2f",
        ] {
            assert_eq!(ObjectKey::new(name), Err(InvalidKey), "{name:?}");
        }
        assert_eq!(ObjectKey::new("a".repeat(256)), Err(InvalidKey));
    }

    #[test]
    fn the_extension_says_the_media_type() {
        let check = |name: &str, expected: &str| {
            assert_eq!(ObjectKey::new(name).unwrap().content_type(), expected);
        };
        check("a/b.pdf", "application/pdf");
        check("b.png", "image/png");
        check("b.html", "application/octet-stream");
        check("b", "application/octet-stream");
    }
}
