//! API keys, which authenticate clients without a user. They are generated here and not stored; only their hashes are.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::config::Secret;
use rand::RngExt;

use super::hash::Sha256Hash;

/// The header that carries a key.
pub const KEY_HEADER: &str = "x-api-key";

/// The prefix of every key, so that secret scanners recognize leaked ones.
const PREFIX: &str = "vantage_key_";
/// As long as its stored hash.
const BYTES: usize = 32;

/// A newly generated key.
#[derive(Clone)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// Generates a random key.
    pub fn generate() -> Self {
        let bytes: [u8; BYTES] = rand::rng().random();
        Self(Secret::new(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(bytes)
        )))
    }

    /// The key itself, to be shown once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The hash to store.
    pub fn hash(&self) -> Sha256Hash {
        Sha256Hash::of(self.expose().as_bytes())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_differ_and_are_not_shown() {
        let (one, other) = (ApiKey::generate(), ApiKey::generate());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), PREFIX.len() + 43);
        assert_eq!(format!("{one:?}"), "ApiKey(…)");
        assert_eq!(one.hash(), Sha256Hash::of(one.expose().as_bytes()));
    }
}
