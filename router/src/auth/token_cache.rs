//! Identities of tokens that were verified, so that a client's next request costs a hash instead of a signature.

use std::time::{Duration, SystemTime};

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::verifier::Identity;

/// Memory for all entries, approximately.
const MAX_BYTES: u64 = 16 << 20;
/// An entry's own memory, beside what its token says.
const ENTRY_BYTES: usize = 512;
/// A token is verified again after this time in any case.
const LIFETIME: Duration = Duration::from_secs(600);

/// The SHA-256 hash of a token. The tokens themselves are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

#[derive(Clone)]
struct Entry {
    identity: Identity,
    /// The generation of the keys that the token was verified with.
    generation: u64,
    bytes: u32,
}

/// Only has tokens that were valid, each until it expires or the keys change.
pub(super) struct TokenCache(Cache<TokenHash, Entry>);

impl TokenCache {
    pub(super) fn new() -> Self {
        let cache = Cache::builder()
            .weigher(|_: &TokenHash, entry: &Entry| entry.bytes)
            .max_capacity(MAX_BYTES)
            .time_to_live(LIFETIME)
            .build();
        Self(cache)
    }

    /// The token's identity, if it was verified with keys of this generation and has not expired.
    pub(super) fn get(
        &self,
        token: &TokenHash,
        generation: u64,
        now: SystemTime,
    ) -> Option<Identity> {
        let entry = self.0.get(token)?;
        let is_valid = entry.generation == generation
            && entry
                .identity
                .expires_at
                .is_some_and(|expires_at| now < expires_at);
        is_valid.then_some(entry.identity)
    }

    /// Keeps the identity of a token of this length, verified with keys of this generation or newer ones.
    pub(super) fn put(
        &self,
        token: TokenHash,
        length: usize,
        generation: u64,
        identity: &Identity,
    ) {
        let entry = Entry {
            identity: identity.clone(),
            generation,
            bytes: u32::try_from(length + ENTRY_BYTES).unwrap_or(u32::MAX),
        };
        self.0.insert(token, entry);
    }
}

#[cfg(test)]
mod tests {
    use platform::caller::Caller;

    use super::*;

    #[test]
    fn a_token_is_known_until_it_expires_or_the_keys_change() {
        let cache = TokenCache::new();
        let now = SystemTime::now();
        let identity = Identity {
            caller: Caller {
                subject: Some("usr_1".to_owned()),
                ..Caller::default()
            },
            expires_at: Some(now + Duration::from_secs(60)),
        };
        let token = TokenHash::of("a.b.c");
        assert_eq!(cache.get(&token, 1, now), None);
        cache.put(token, 5, 1, &identity);
        assert_eq!(cache.get(&token, 1, now), Some(identity.clone()));
        assert_eq!(cache.get(&TokenHash::of("a.b.d"), 1, now), None);
        assert_eq!(cache.get(&token, 2, now), None);
        let expired = now + Duration::from_secs(60);
        assert_eq!(cache.get(&token, 1, expired), None);
        cache.put(token, 5, 2, &identity);
        assert_eq!(cache.get(&token, 2, now), Some(identity));
    }
}
