//! Identifiers that follow from the seed, in the providers' own shapes.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The source of everything random in a sandbox.
#[derive(Debug)]
pub(crate) struct Ids(ChaCha8Rng);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// `prefix_` and 24 letters and digits, as Stripe writes ids.
    pub(crate) fn mixed(&mut self, prefix: &str) -> String {
        format!("{prefix}_{}", self.letters(24))
    }

    /// `prefix_` and 32 hexadecimal digits, as EasyPost writes ids.
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
