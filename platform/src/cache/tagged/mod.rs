//! A cache shared by processes whose values depend on tags. A tag has a version, which changes with what it stands for;
//! whoever stores a value stores with it what the versions were when its making began, and whoever reads it compares.

mod breaker;
mod redis;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use redis::RedisTaggedCache;

/// What a value is found by: hashed, since it may be long.
pub type ValueKey = [u8; 32];

/// Something that values depend on, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagKey(pub [u8; 16]);

impl TagKey {
    /// What all values depend on.
    pub const ALL: Self = Self([0; 16]);
}

/// Values, and the versions of tags at the same moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// In the order of the keys; `None` where there is no value.
    pub values: Vec<Option<Bytes>>,
    /// In the order of the tags; `None` for one without a version: nothing that depends on it is valid.
    pub versions: Vec<Option<Bytes>>,
    /// The cache's own clock, in milliseconds.
    pub now: u64,
}

/// A value to store, and for how long.
#[derive(Clone, Debug)]
pub struct SharedValue {
    pub key: ValueKey,
    pub value: Bytes,
    pub lifetime: Duration,
}

/// Values and versions of tags. Both may disappear at any time; a version that has disappeared or changed never comes
/// back, not even after a restart of a server that has forgotten something.
#[async_trait]
pub trait TaggedCache: fmt::Debug + Send + Sync {
    /// `None` if the cache cannot be used now.
    async fn read(&self, keys: &[ValueKey], tags: &[TagKey]) -> Option<Snapshot>;

    /// Gives each tag a version that has none, and returns the versions of all.
    async fn create(&self, tags: &[TagKey]) -> Option<Vec<Option<Bytes>>>;

    /// Stores values if that is possible now.
    async fn put(&self, values: Vec<SharedValue>);

    /// Gives tags new versions, and makes sure that these names are listed in the versions of these other tags (see
    /// [`listed_names`]). Returns whether that is certain.
    async fn change(&self, tags: &[TagKey], names: &[(TagKey, String)]) -> bool;
}

/// The names that are listed in a tag's version.
pub fn listed_names(version: &[u8]) -> impl Iterator<Item = &str> {
    let version = std::str::from_utf8(version).unwrap_or_default();
    let items = version.split(',');
    let names = items.filter_map(|item| Some(item.split_once(':')?.1));
    names.filter(|name| !name.is_empty())
}

/// A part of a version that lists a name; `unique` was never used before.
pub fn listed_name(unique: &str, name: &str) -> String {
    format!(",{unique}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_list_names() {
        let of = |version: &str| -> Vec<String> {
            listed_names(version.as_bytes())
                .map(str::to_owned)
                .collect()
        };
        assert!(of("8f3a").is_empty());
        let version = format!("8f3a{}{}", listed_name("1", "id"), listed_name("2", "upc"));
        assert_eq!(of(&version), ["id", "upc"]);
        // The first name may be listed in a version that nobody has created.
        assert_eq!(of(&listed_name("1", "id")), ["id"]);
        assert!(listed_names(b"\xff,1:id").next().is_none());
    }
}
