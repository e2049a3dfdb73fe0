//! A single link: what it links, for what purpose, and how its elements are named.

use graphql_tools::static_graphql::schema::{Directive, Value};

use super::NameKind;
use super::specifications::{canonical_directive, canonical_type, is_implemented, specification};

/// A use of `@link(url:, as:, for:, import:)`, or of `@core(feature:, as:, for:)`.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) url: String,
    /// The URL without its version.
    identity: String,
    /// The feature's name in the URL.
    pub(super) name: String,
    version: String,
    /// The prefix of its elements' names, and the name of its own directive.
    pub(super) namespace: String,
    /// Names in the feature, mapped to names in the document; directives with `@`.
    imports: Vec<(String, String)>,
    /// The first import that cannot be read.
    pub(super) unreadable_import: Option<String>,
    /// `SECURITY`, `EXECUTION`, or any other text.
    pub(super) purpose: Option<String>,
}

impl Link {
    pub(super) fn of(directive: &Directive) -> Option<Self> {
        let argument = |name: &str| {
            let mut arguments = directive.arguments.iter();
            let found = arguments.find(|(known, _)| known == name);
            found.map(|(_, value)| value)
        };
        let url = name_of(argument("url").or_else(|| argument("feature"))?)?;
        let (identity, name, version) = parts(url);
        let namespace = argument("as").and_then(name_of).unwrap_or(&name).to_owned();
        let written = match argument("import") {
            Some(Value::List(items)) => items.as_slice(),
            None | Some(Value::Null) => &[],
            // A list of one, without brackets.
            Some(single) => std::slice::from_ref(single),
        };
        let unreadable = written.iter().find(|value| import(value).is_none());
        Some(Self {
            url: url.to_owned(),
            identity,
            version,
            namespace,
            imports: written.iter().filter_map(import).collect(),
            unreadable_import: unreadable.map(ToString::to_string),
            purpose: argument("for").and_then(name_of).map(str::to_owned),
            name,
        })
    }

    /// Whether it links, with a directive of this name, the specification of that very directive.
    pub(super) fn links_itself_by(&self, directive: &str) -> bool {
        let imported = || self.imported(&format!("@{directive}"));
        match specification(&self.identity) {
            Some(own @ ("link" | "core")) => {
                self.namespace == directive || imported() == Some(&format!("@{own}"))
            }
            _ => false,
        }
    }

    fn specification(&self) -> Option<&str> {
        specification(&self.identity)
    }

    /// Whether it links a specification that the router knows, implemented or not.
    pub(super) fn is_of_federation(&self) -> bool {
        self.specification().is_some()
    }

    pub(super) fn is_supported(&self) -> bool {
        self.specification()
            .is_some_and(|specification| is_implemented(specification, &self.version))
    }

    /// The feature's name for the document's imported name.
    pub(super) fn imported(&self, name: &str) -> Option<&str> {
        let mut imports = self.imports.iter();
        let found = imports.find(|(_, known)| known == name);
        found.map(|(element, _)| element.as_str())
    }

    /// The name after the namespace.
    pub(super) fn in_namespace<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&self.namespace)?.strip_prefix("__")
    }

    pub(super) fn directive(&self, element: &str) -> NameKind {
        self.specification().map_or(NameKind::Foreign, |known| {
            NameKind::Known(canonical_directive(known, element))
        })
    }

    pub(super) fn type_name(&self, element: &str) -> NameKind {
        self.specification().map_or(NameKind::Foreign, |known| {
            NameKind::Known(canonical_type(known, element))
        })
    }

    /// Whether the name would be one of its elements without the namespace.
    pub(super) fn has_left(&self, name: &str) -> bool {
        let own = self
            .specification()
            .and_then(|known| name.strip_prefix(known));
        own.is_some_and(|rest| rest.starts_with("__")) && self.in_namespace(name).is_none()
    }

    /// Whether it gives the directive with this canonical name another name.
    pub(super) fn renames_directive(&self, canonical: &str) -> bool {
        let Some(known) = self.specification() else {
            return false;
        };
        let imported_as_another = self.imports.iter().any(|(element, name)| {
            element
                .strip_prefix('@')
                .is_some_and(|element| canonical_directive(known, element) == canonical)
                && name.strip_prefix('@') != Some(canonical)
        });
        let linked_as_another = self.namespace != self.name
            && canonical_directive(known, &self.name) == canonical
            && self.namespace != canonical;
        imported_as_another || linked_as_another
    }
}

fn name_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) | Value::Enum(text) => Some(text),
        _ => None,
    }
}

/// `"@key"`, or `{ name: "@key", as: "@identity" }`.
fn import(value: &Value) -> Option<(String, String)> {
    match value {
        Value::Object(fields) => {
            let field = |name: &str| {
                let mut fields = fields.iter();
                fields
                    .find(|(known, _)| known == name)
                    .and_then(|(_, value)| name_of(value))
            };
            let name = field("name")?;
            let given = match fields.iter().any(|(known, _)| known == "as") {
                true => field("as")?,
                false => name,
            };
            // A directive stays one.
            (name.starts_with('@') == given.starts_with('@'))
                .then(|| (name.to_owned(), given.to_owned()))
        }
        value => name_of(value).map(|name| (name.to_owned(), name.to_owned())),
    }
}

/// A feature's identity, name and version. The version is the last path segment, if it looks like one; the name is the
/// one before.
fn parts(url: &str) -> (String, String, String) {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let url = url.trim_end_matches('/');
    let is_version = |segment: &str| {
        segment.strip_prefix('v').is_some_and(|numbers| {
            numbers.starts_with(|c: char| c.is_ascii_digit())
                && numbers.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    };
    let (identity, version) = match url.rsplit_once('/') {
        Some((identity, version)) if is_version(version) => (identity, version),
        _ => (url, ""),
    };
    let name = identity.rsplit('/').next().unwrap_or(identity);
    (identity.to_owned(), name.to_owned(), version.to_owned())
}
