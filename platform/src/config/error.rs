//! Configuration errors. Each names the key, where it was set, and how to fix it.

use std::borrow::Cow;
use std::path::PathBuf;

use super::node::Origin;
use crate::yaml::YamlError;

/// One line each; [`std::error::Error::source`] holds the underlying error.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {} does not exist: create it, or choose another", .0.display())]
    FileMissing(PathBuf),
    #[error("the configuration file {} cannot be read", path.display())]
    FileUnreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the configuration file {} is not valid YAML", path.display())]
    FileSyntax {
        path: PathBuf,
        #[source]
        source: YamlError,
    },
    #[error("the configuration file {} must hold keys with values, such as `listen: 127.0.0.1:4000`", .0.display())]
    FileShape(PathBuf),
    #[error("the variable {0} is not valid UTF-8")]
    VariableText(String),
    #[error("unknown {}; {hint}", unknown(.key, .origin))]
    UnknownKey {
        /// Dotted path of the key.
        key: String,
        origin: Origin,
        /// The nearest valid key, or all valid keys.
        hint: String,
    },
    #[error("{}: {problem}", place(.key, .origin))]
    BadValue {
        /// Dotted path of the key.
        key: String,
        origin: Origin,
        /// The problem with the value, and its expected form.
        problem: String,
    },
}

/// A value that is invalid in combination with others; see [`super::Layers::load_checked`].
#[derive(Debug)]
pub struct Invalid {
    pub(super) key: Cow<'static, str>,
    pub(super) problem: Cow<'static, str>,
}

impl Invalid {
    /// The dotted path of the key to change, what is wrong with it, and how to fix it.
    pub fn new(key: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }
}

fn unknown(key: &str, origin: &Origin) -> String {
    match origin {
        Origin::Default => format!("key {key:?}"),
        Origin::File(path) => format!("key {key:?} in {}", path.display()),
        Origin::Variable(name) => format!("configuration variable {name}"),
        Origin::Flag(flag) => format!("key {key:?} set by {flag}"),
    }
}

fn place(key: &str, origin: &Origin) -> String {
    match origin {
        Origin::Default => format!("{key:?}"),
        Origin::File(path) => format!("{key:?} in {}", path.display()),
        Origin::Variable(name) => name.clone(),
        Origin::Flag(flag) => (*flag).to_owned(),
    }
}
