//! Names of tags that are the same in all processes.

use platform::cache::tagged::TagKey;
use sha2::{Digest, Sha256};

use crate::entity_cache::key;
use crate::entity_cache::versions::Tagged;

/// What shared values may depend on, besides what [`Tagged`] names.
#[derive(Clone, Copy, Debug)]
pub(super) enum SharedTag<'a> {
    Tagged(Option<&'a str>, Tagged<'a>),
    /// All entities of a type, as far as they are named by this field of their key: for those that were requested by
    /// another key.
    ByField(&'a str, &'a str),
    /// The list of all such fields, which is in the tag's version.
    FieldsOf(&'a str),
}

impl SharedTag<'_> {
    pub(super) fn key(self) -> TagKey {
        let (kind, subgraph, texts): (u8, Option<&str>, [&str; 3]) = match self {
            Self::Tagged(subgraph, tagged) => {
                let (kind, texts) = match tagged {
                    Tagged::Subgraph => (0, [""; 3]),
                    Tagged::RootField(field) => (1, [field, "", ""]),
                    Tagged::Type(name) => (2, [name, "", ""]),
                    Tagged::AnyOf(name) => (3, [name, "", ""]),
                    Tagged::Entity(name, field, value) => (4, [name, field, value]),
                    Tagged::Caller(caller) => (5, [caller, "", ""]),
                };
                (kind, subgraph, texts)
            }
            Self::ByField(name, field) => (6, None, [name, field, ""]),
            Self::FieldsOf(name) => (7, None, [name, "", ""]),
        };
        let mut hash = Sha256::new();
        hash.update([kind, u8::from(subgraph.is_some())]);
        for text in [subgraph.unwrap_or_default()].iter().chain(&texts) {
            key::text(&mut hash, text.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        TagKey(key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everything_has_a_tag_of_its_own() {
        let tags = [
            SharedTag::Tagged(None, Tagged::Type("Product")),
            SharedTag::Tagged(Some(""), Tagged::Type("Product")),
            SharedTag::Tagged(Some("shop"), Tagged::Type("Product")),
            SharedTag::Tagged(None, Tagged::AnyOf("Product")),
            SharedTag::Tagged(None, Tagged::RootField("Product")),
            SharedTag::Tagged(Some("shop"), Tagged::Subgraph),
            SharedTag::Tagged(None, Tagged::Entity("Product", "id", "1")),
            SharedTag::Tagged(None, Tagged::Entity("Product", "id1", "")),
            SharedTag::Tagged(None, Tagged::Caller("Product")),
            SharedTag::ByField("Product", "id"),
            SharedTag::FieldsOf("Product"),
        ];
        let keys: HashSet<TagKey> = tags.into_iter().map(SharedTag::key).collect();
        assert_eq!(keys.len(), tags.len());
        assert!(!keys.contains(&TagKey::ALL));
    }
}
