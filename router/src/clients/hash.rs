//! SHA-256 in lower-case hexadecimal: identifies documents, and stores keys in the clients file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const BYTES: usize = 32;

/// The SHA-256 hash of a document or a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256Hash([u8; BYTES]);

impl Sha256Hash {
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Compares in constant time.
    pub(crate) fn is_secretly(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Not 64 lower-case hexadecimal digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 hash has 64 characters of 0-9 and a-f")]
pub struct NoSha256Hash;

impl FromStr for Sha256Hash {
    type Err = NoSha256Hash;

    fn from_str(text: &str) -> Result<Self, NoSha256Hash> {
        let digits = text.as_bytes();
        if digits.len() != 2 * BYTES {
            return Err(NoSha256Hash);
        }
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(NoSha256Hash),
        };
        let mut hash = [0; BYTES];
        let (pairs, _) = digits.as_chunks();
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = 16 * digit(*high)? + digit(*low)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sha256Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_the_specification_of_persisted_documents_does() {
        let document = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}";
        let hex = "7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e";
        let hash = Sha256Hash::of(document.as_bytes());
        assert_eq!(hash.to_string(), hex);
        assert_eq!(hex.parse(), Ok(hash));
        assert!(hash.is_secretly(&hash) && !hash.is_secretly(&Sha256Hash::of(b"")));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in [
            "",
            "7dba",
            &"A".repeat(64),
            &"g".repeat(64),
            &"0".repeat(65),
            &"é".repeat(32),
        ] {
            assert_eq!(text.parse::<Sha256Hash>(), Err(NoSha256Hash), "{text}");
        }
    }
}
