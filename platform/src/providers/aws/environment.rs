//! The variables that say where credentials are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The process's variables whose names begin with `AWS_`, and its home directory. Empty ones count as absent.
#[derive(Clone)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    pub(crate) fn of_process() -> Self {
        Self::new(std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_string().ok()?))
        }))
    }

    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let is_used = |(name, value): &(String, String)| {
            (name.starts_with("AWS_") || name == "HOME") && !value.trim().is_empty()
        };
        Self(variables.into_iter().filter(is_used).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }
}

/// Shows the names alone: some values are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
