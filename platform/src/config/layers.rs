//! The layers of a configuration, lowest first: defaults of the types, a YAML file, variables, flags.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decode::{DecodeError, Fault};
use super::error::{ConfigError, Invalid};
use super::node::{Clash, Node, Origin, Value};
use super::{secret, suggest};

/// Joins the segments of a path in a variable's name; a single underscore belongs to a name.
pub(super) const SEPARATOR: &str = "__";

/// Collects layers, each over the ones before, and gives the whole its types.
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
    /// The key and its value with which secrets must be long.
    strict: Option<(&'static str, &'static str)>,
}

impl Layers {
    /// No layer yet. Variables are those whose name starts with the prefix (`VANTAGE_`).
    pub fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            root: Node::new(Origin::Default, Value::Section([].into())),
            strict: None,
        }
    }

    /// Every [`super::Secret`] must be as long as production needs when this key has this value.
    pub fn strict_secrets(mut self, key: &'static str, value: &'static str) -> Self {
        self.strict = Some((key, value));
        self
    }

    /// Lays a YAML file over the layers so far; a file that is not there is an error.
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

    /// Like [`Layers::file`], but a file that is not there adds nothing.
    pub fn file_if_present(self, path: &Path) -> Result<Self, ConfigError> {
        if path.exists() {
            self.file(path)
        } else {
            Ok(self)
        }
    }

    /// Lays YAML text over the layers so far; the path only names it in errors.
    pub fn yaml(self, text: &str, path: &Path) -> Result<Self, ConfigError> {
        let yaml: serde_norway::Value =
            serde_norway::from_str(text).map_err(|source| ConfigError::FileSyntax {
                path: path.to_owned(),
                source,
            })?;
        if !(yaml.is_mapping() || yaml.is_null()) {
            return Err(ConfigError::FileShape(path.to_owned()));
        }
        self.over(Node::from_yaml(yaml, &Origin::File(path.to_owned())))
    }

    /// Lays the process's variables over the layers so far. A reserved name, or one that starts with a
    /// reserved name ending in `_`, is somebody else's and left alone (both without the prefix).
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
        // The environment has no order; errors should not depend on it.
        own.sort();
        for (name, key, value) in own {
            let path: Vec<String> = key.split(SEPARATOR).map(str::to_owned).collect();
            self = self.over(Node::at(&path, value, &Origin::Variable(name)))?;
        }
        Ok(self)
    }

    /// Lays one flag of the command line over the layers so far; the key is a dotted path.
    pub fn flag(
        self,
        flag: &'static str,
        key: &str,
        value: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        self.over(Node::at(&path, value.into(), &Origin::Flag(flag)))
    }

    /// The whole configuration. The type's `Default` is the lowest layer, key by key: a section that sets
    /// one key keeps its own defaults for the rest. Defaults must survive being serialized, so none is a
    /// [`super::Secret`].
    pub fn load<T: DeserializeOwned + Default + Serialize>(self) -> Result<T, ConfigError> {
        self.load_checked(|_| Ok(()))
    }

    /// Like [`Layers::load`], with a check of what no single value can know to be wrong.
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
        let tree = Self {
            root: Node::from_defaults(&defaults),
            ..self
        }
        .over(self.root)?;
        let configuration =
            T::deserialize(&tree.root).map_err(|error| tree.explain(error, &defaults))?;
        tree.check_secrets()?;
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

    /// Where secrets must be long, whether they are.
    fn check_secrets(&self) -> Result<(), ConfigError> {
        let is_strict = self.strict.is_some_and(|(key, value)| {
            let node = self.root.find(key.split('.'));
            node.is_some_and(|node| node.value.is_text(value))
        });
        if !is_strict {
            return Ok(());
        }
        for (key, node, text) in self.root.secrets("") {
            if let Err(problem) = secret::check(text, secret::SHORTEST_IN_PRODUCTION) {
                return Err(ConfigError::BadValue {
                    key,
                    origin: node.origin.clone(),
                    problem,
                });
            }
        }
        Ok(())
    }

    fn over(mut self, layer: Node) -> Result<Self, ConfigError> {
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

    fn explain(&self, error: DecodeError, defaults: &serde_json::Value) -> ConfigError {
        let DecodeError {
            path,
            origin,
            fault,
        } = error;
        let origin = origin.unwrap_or_else(|| self.root.origin.clone());
        let key = path.join(".");
        match fault {
            Fault::UnknownKey(known) => ConfigError::UnknownKey {
                hint: suggest::hint(self.prefix, &path, &origin, known, defaults),
                key,
                origin,
            },
            Fault::MissingKey(missing) => ConfigError::BadValue {
                key,
                origin,
                problem: format!("needs the key {missing:?}"),
            },
            Fault::BadValue(problem) => {
                let default = suggest::default(&path, defaults)
                    .map(|default| format!(" (the default is {default})"))
                    .unwrap_or_default();
                ConfigError::BadValue {
                    key,
                    origin,
                    problem: problem + &default,
                }
            }
        }
    }
}
