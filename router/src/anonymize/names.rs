//! Replaces names by hashes. Planners break ties by the order of names, so a hash is prefixed with the name's rank among the
//! supergraph's names, or among those that only the document has.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::type_system::{BUILT_IN_SCALARS, ROOTS};

/// The number of digits of a hash: enough to distinguish the names of one schema.
const DIGITS: usize = 8;

/// Names with a meaning in GraphQL or federation.
const KEPT: [&str; 5] = ["_Any", "_Entity", "_Service", "_entities", "_service"];

#[derive(Debug)]
pub(super) struct Names {
    salt: String,
    /// The supergraph's names with their replacements.
    known: BTreeMap<String, String>,
    /// The same for names that only a document has, such as aliases.
    others: BTreeMap<String, String>,
    /// Set while names are collected, and not replaced.
    collected: Option<BTreeSet<String>>,
}

impl Names {
    /// Begins by collecting names without replacing them.
    pub(super) fn collecting(salt: &str) -> Self {
        Self {
            salt: salt.to_owned(),
            known: BTreeMap::new(),
            others: BTreeMap::new(),
            collected: Some(BTreeSet::new()),
        }
    }

    /// From now on, replaces the collected names, which are the supergraph's.
    pub(super) fn rename_supergraph(&mut self) {
        let collected = self.collected.take().unwrap_or_default();
        self.known = ranked("n", &self.salt, collected);
    }

    /// Collects the names of a document without replacing them.
    pub(super) fn collect_document(&mut self) {
        self.collected = Some(BTreeSet::new());
    }

    /// From now on, also replaces the collected names, which are the document's.
    pub(super) fn rename_document(&mut self) {
        let mut collected = self.collected.take().unwrap_or_default();
        collected.retain(|name| !self.known.contains_key(name));
        self.others = ranked("x", &self.salt, collected);
    }

    /// A name's replacement.
    pub(super) fn of(&mut self, name: &str) -> String {
        if is_kept(name) {
            return name.to_owned();
        }
        if let Some(collected) = &mut self.collected {
            collected.insert(name.to_owned());
            return name.to_owned();
        }
        let renamed = self.known.get(name).or_else(|| self.others.get(name));
        // All names have been collected before.
        renamed.map_or_else(|| hash(&self.salt, name), Clone::clone)
    }

    pub(super) fn change(&mut self, name: &mut String) {
        *name = self.of(name);
    }

    /// Replaces each part of a name with a namespace, or of a path.
    pub(super) fn parts(&mut self, text: &str, separator: &str) -> String {
        let parts = text.split(separator).map(|part| match part {
            "" => String::new(),
            part => self.of(part),
        });
        parts.collect::<Vec<_>>().join(separator)
    }
}

/// The replacements of names, in order.
fn ranked(prefix: &str, salt: &str, names: BTreeSet<String>) -> BTreeMap<String, String> {
    let width = names.len().to_string().len();
    let names = names.into_iter().enumerate();
    names
        .map(|(rank, name)| {
            let hash = hash(salt, &name);
            (name, format!("{prefix}{rank:0width$}_{hash}"))
        })
        .collect()
}

fn is_kept(name: &str) -> bool {
    name.starts_with("__")
        || BUILT_IN_SCALARS.contains(&name)
        || ROOTS.iter().any(|(_, root)| *root == name)
        || KEPT.contains(&name)
}

/// The hash of a text.
pub(super) fn hash(salt: &str, text: &str) -> String {
    let digest = Sha256::new()
        .chain_update(salt.as_bytes())
        .chain_update([0])
        .chain_update(text.as_bytes())
        .finalize();
    let mut digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(DIGITS);
    digits
}
