//! Identifiers in the providers' formats. They depend on the seed and on when the sandbox was started, so a restarted
//! sandbox never reuses earlier ids.

use chrono::{DateTime, Utc};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The source of all randomness in a sandbox.
#[derive(Debug)]
pub(crate) struct Ids(ChaCha8Rng);

impl Ids {
    pub(crate) fn new(seed: u64, started: DateTime<Utc>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(started.timestamp_micros().cast_unsigned());
        Self(random)
    }

    /// `prefix_` and 24 letters and digits: Stripe's format.
    pub(crate) fn mixed(&mut self, prefix: &str) -> String {
        format!("{prefix}_{}", self.letters(24))
    }

    /// `prefix_` and 32 hexadecimal digits: EasyPost's format.
    pub(crate) fn hex(&mut self, prefix: &str) -> String {
        format!("{prefix}_{:032x}", self.0.random::<u128>())
    }

    pub(crate) fn letters(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(BASE62[self.0.random_range(0..BASE62.len())]))
            .collect()
    }

    pub(crate) fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.0.random_range(0..10)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_seed_and_the_start_and_differ_after_a_restart() {
        let started = DateTime::UNIX_EPOCH;
        let restarted = started + chrono::TimeDelta::microseconds(1);
        let id = |seed, started| Ids::new(seed, started).mixed("pi");
        assert_eq!(id(1, started), id(1, started));
        assert_ne!(id(1, started), id(1, restarted));
        assert_ne!(id(1, started), id(2, started));
    }
}
