//! The layers of a configuration, lowest first: the types' defaults, a YAML file, environment variables, flags.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::error::{ConfigError, Invalid};
use super::node::{Clash, Node, Origin};
use super::read::{Problem, Reader};
use super::{secret, suggest};
use crate::yaml;

/// Separates path segments in a variable's name; a single underscore is part of a name.
pub(super) const SEPARATOR: &str = "__";

/// Collects layers, each overriding those before it, and deserializes the result.
///
/// ```
/// # use platform::config::Layers;
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Shop { open: bool, seats: u8 }
///
/// let variables = [("SHOP_SEATS".into(), "12".into())];
/// let shop: Shop = Layers::new("SHOP_").variables(variables, &[])?.flag("--open", "open", "true")?.load()?;
/// assert!(shop.open && shop.seats == 12);
/// # Ok::<(), platform::config::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Layers {
    prefix: &'static str,
    root: Node,
    /// The key and value under which secrets must be long.
    strict: Option<(&'static str, &'static str)>,
    /// Former paths of renamed keys, with their current names.
    renamed: Vec<(&'static str, &'static str)>,
}

impl Layers {
    /// Starts without layers. Reads only variables with this prefix (`VANTAGE_`).
    pub fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            root: Node::new(serde_json::json!({}), &Origin::Default),
            strict: None,
            renamed: Vec::new(),
        }
    }

    /// Renames the key at this dotted path: layers added afterwards may use either name. A file that uses both gets an
    /// unknown-key error.
    pub fn renamed(mut self, former: &'static str, name: &'static str) -> Self {
        self.renamed.push((former, name));
        self
    }

    /// Requires production-length [`super::Secret`]s when this key has this value.
    pub fn strict_secrets(mut self, key: &'static str, value: &'static str) -> Self {
        self.strict = Some((key, value));
        self
    }

    /// Adds a YAML file; a missing file is an error.
    pub fn file(self, path: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => self.yaml(&text, path),
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                Err(ConfigError::FileMissing(path.to_owned()))
            }
            Err(source) => Err(ConfigError::FileUnreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Like [`Layers::file`], but ignores a missing file.
    pub fn file_if_present(self, path: &Path) -> Result<Self, ConfigError> {
        if path.exists() {
            self.file(path)
        } else {
            Ok(self)
        }
    }

    /// Adds YAML text; the path is only used in errors.
    pub fn yaml(self, text: &str, path: &Path) -> Result<Self, ConfigError> {
        let values: serde_json::Value =
            yaml::from_str(text).map_err(|source| ConfigError::FileSyntax {
                path: path.to_owned(),
                source,
            })?;
        if !(values.is_object() || values.is_null()) {
            return Err(ConfigError::FileShape(path.to_owned()));
        }
        self.over(Node::new(values, &Origin::File(path.to_owned())))
    }

    /// Adds the process's environment variables. A reserved name, or one that starts with a reserved name ending in
    /// `_`, belongs to somebody else and is ignored (both without the prefix).
    pub fn variables(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        reserved: &[&str],
    ) -> Result<Self, ConfigError> {
        let mut own = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let Some(rest) = name.strip_prefix(self.prefix) else {
                continue;
            };
            let is_reserved =
                |known: &&str| rest == *known || (known.ends_with('_') && rest.starts_with(known));
            if reserved.iter().any(is_reserved) {
                continue;
            }
            let value = value
                .into_string()
                .map_err(|_| ConfigError::VariableText(name.to_owned()))?;
            own.push((name.to_owned(), rest.to_lowercase(), value));
        }
        // The environment is unordered; errors should not depend on its order.
        own.sort();
        for (name, key, value) in own {
            let path: Vec<String> = key.split(SEPARATOR).map(str::to_owned).collect();
            self = self.over(Node::at(&path, value, &Origin::Variable(name)))?;
        }
        Ok(self)
    }

    /// Adds one command-line flag; the key is a dotted path.
    pub fn flag(
        self,
        flag: &'static str,
        key: &str,
        value: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        self.over(Node::at(&path, value.into(), &Origin::Flag(flag)))
    }

    /// Loads the whole configuration. The type's `Default` is the lowest layer, key by key: a section that sets one key
    /// keeps the defaults of the others. Defaults must survive serialization, so none may be a [`super::Secret`].
    pub fn load<T: DeserializeOwned + Default + Serialize>(self) -> Result<T, ConfigError> {
        self.load_checked(|_| Ok(()))
    }

    /// Like [`Layers::load`], with a check across several values.
    pub fn load_checked<T: DeserializeOwned + Default + Serialize>(
        self,
        check: impl FnOnce(&T) -> Result<(), Invalid>,
    ) -> Result<T, ConfigError> {
        let defaults =
            serde_json::to_value(T::default()).map_err(|error| ConfigError::BadValue {
                key: "defaults".to_owned(),
                origin: Origin::Default,
                problem: error.to_string(),
            })?;
        let mut tree = Self {
            root: Node::new(defaults.clone(), &Origin::Default),
            ..self
        }
        .over(self.root)?;
        let configuration = loop {
            let reader = Reader {
                node: &tree.root,
                shortest_secret: tree.shortest_secret(),
            };
            let error = match serde_path_to_error::deserialize(reader) {
                Ok(configuration) => break configuration,
                Err(error) => error,
            };
            let path = path(&error);
            let is_unset = matches!(error.inner(), Problem::Unset) && tree.root.unset(&path);
            if !is_unset {
                return Err(tree.explain(error, &defaults));
            }
        };
        match check(&configuration) {
            Ok(()) => Ok(configuration),
            Err(Invalid { key, problem }) => Err(ConfigError::BadValue {
                origin: tree
                    .root
                    .find(key.split('.'))
                    .map_or(Origin::Default, |node| node.origin.clone()),
                key: key.into_owned(),
                problem: problem.into_owned(),
            }),
        }
    }

    fn shortest_secret(&self) -> usize {
        let is_strict = self.strict.is_some_and(|(key, value)| {
            let node = self.root.find(key.split('.'));
            node.is_some_and(|node| node.value.is_text(value))
        });
        if is_strict {
            secret::SHORTEST_IN_PRODUCTION
        } else {
            secret::SHORTEST
        }
    }

    fn over(mut self, mut layer: Node) -> Result<Self, ConfigError> {
        for (former, name) in &self.renamed {
            layer.rename(former, name);
        }
        match self.root.merge(layer) {
            Ok(()) => Ok(self),
            Err(Clash {
                path,
                value,
                section,
            }) => Err(ConfigError::BadValue {
                key: path.join("."),
                problem: format!(
                    "sets a value where {section} sets the keys of a section: keep one of them"
                ),
                origin: value,
            }),
        }
    }

    fn explain(
        &self,
        error: serde_path_to_error::Error<Problem>,
        defaults: &serde_json::Value,
    ) -> ConfigError {
        let path = path(&error);
        let key = path.join(".");
        let origin = self.root.origin(&path).clone();
        let problem = match error.into_inner() {
            Problem::UnknownKey(known) => {
                return ConfigError::UnknownKey {
                    hint: suggest::hint(self.prefix, &path, &origin, known, defaults),
                    key,
                    origin,
                };
            }
            Problem::MissingKey(missing) => format!("needs the key {missing:?}"),
            Problem::Unset => "is empty: set it, or remove the variable".to_owned(),
            Problem::BadValue(problem) => match suggest::default(&path, defaults) {
                Some(default) => format!("{problem} (the default is {default})"),
                None => problem,
            },
        };
        ConfigError::BadValue {
            key,
            origin,
            problem,
        }
    }
}

/// The keys that lead to the value in question.
fn path(error: &serde_path_to_error::Error<Problem>) -> Vec<String> {
    error.path().iter().filter_map(segment).collect()
}

/// One key of a path; list items are counted from 1.
fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some((index + 1).to_string()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}
