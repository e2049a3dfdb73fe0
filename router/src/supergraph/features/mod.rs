//! Resolves the features that a supergraph links (`@link`, or `@core` in Federation 1). Documents name a feature's
//! elements according to its link; the rest of the router and the planner use the canonical names given by
//! [`canonical`].

mod link;
mod rewrite;
mod specifications;

use graphql_tools::static_graphql::schema::{Definition, Directive, Document, Value};

use crate::error::RouterError;
use link::Link;
use rewrite::Rewrite;
pub(super) use rewrite::each_directive;
pub(crate) use specifications::is_machinery;
use specifications::{CANONICAL_DIRECTIVES, is_reserved_type};

/// The document with every element of a known feature under its canonical name (`@authenticated`, `@join__type`,
/// `join__Graph`), however the document's links name it.
///
/// # Errors
/// An unimplemented feature that is linked for security or execution, or whose absence would give wrong answers;
/// ambiguous names.
pub(super) fn canonical(document: Document) -> Result<Document, RouterError> {
    let links = Links::of(&document);
    links.refuse_unreadable()?;
    links.refuse_unsupported()?;
    let document = Rewrite::new(&links).document(document)?;
    refuse_unsupported_directives(&document)?;
    Ok(document)
}

/// The names of federation's elements in a supergraph.
#[derive(Debug)]
pub(crate) struct FederationNames(Links);

impl FederationNames {
    /// # Errors
    /// If the text is not SDL.
    pub(crate) fn of(sdl: &str) -> Result<Self, String> {
        let document = graphql_tools::parser::parse_schema::<String>(sdl);
        let document = document.map_err(|error| error.to_string())?.into_static();
        Ok(Self(Links::of(&document)))
    }

    /// The canonical name of a federation directive.
    pub(crate) fn directive(&self, name: &str) -> Option<String> {
        match self.0.directive(name) {
            NameKind::Known(canonical) => Some(canonical),
            NameKind::Foreign => None,
            NameKind::Local => {
                let is_canonical = CANONICAL_DIRECTIVES.contains(&name) || is_machinery(name);
                (is_canonical && !self.0.is_renamed(name)).then(|| name.to_owned())
            }
        }
    }

    /// The canonical name of a federation type.
    pub(crate) fn type_name(&self, name: &str) -> Option<String> {
        match self.0.type_name(name) {
            NameKind::Known(canonical) => Some(canonical),
            NameKind::Foreign => None,
            NameKind::Local => is_machinery(name).then(|| name.to_owned()),
        }
    }

    /// Whether a directive links a specification that the router knows.
    pub(crate) fn is_known_link(&self, directive: &Directive) -> bool {
        Link::of(directive).is_some_and(|link| link.is_of_federation())
    }
}

/// The feature element that a name in the document refers to.
enum NameKind {
    /// An element of a known feature, with its canonical name.
    Known(String),
    /// An element of an unknown feature.
    Foreign,
    /// Part of the schema itself.
    Local,
}

#[derive(Debug)]
struct Links {
    links: Vec<Link>,
    /// The names of the linking directives: `link` or `core` by default.
    own_names: Vec<String>,
}

impl Links {
    fn of(document: &Document) -> Self {
        let directives: Vec<&Directive> = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::SchemaDefinition(schema) => Some(&schema.directives),
                _ => None,
            })
            .flatten()
            .collect();
        // A link to the link specification itself gives the directive's name.
        let mut own_names: Vec<String> = directives
            .iter()
            .filter_map(|directive| {
                let link = Link::of(directive)?;
                link.links_itself_by(&directive.name)
                    .then(|| directive.name.clone())
            })
            .collect();
        if own_names.is_empty() {
            own_names.extend(["link".to_owned(), "core".to_owned()]);
        }
        let links = directives
            .iter()
            .filter(|directive| own_names.contains(&directive.name))
            .filter_map(|directive| Link::of(directive))
            .collect();
        Self { links, own_names }
    }

    /// An import that is not understood may be the one that protects a field.
    fn refuse_unreadable(&self) -> Result<(), RouterError> {
        let unreadable = self.links.iter().find_map(|link| {
            let import = link.unreadable_import.clone()?;
            link.is_of_federation()
                .then(|| RouterError::UnreadableImport {
                    url: link.url.clone(),
                    import,
                })
        });
        unreadable.map_or(Ok(()), Err)
    }

    fn refuse_unsupported(&self) -> Result<(), RouterError> {
        let unsupported = self.links.iter().find_map(|link| {
            let purpose = link.purpose.as_ref()?;
            (!link.is_supported()).then(|| RouterError::UnsupportedFeature {
                feature: link.name.clone(),
                url: link.url.clone(),
                reason: format!("it is linked for {purpose}"),
            })
        });
        unsupported.map_or(Ok(()), Err)
    }

    fn directive(&self, name: &str) -> NameKind {
        if self.own_names.iter().any(|own| own == name) {
            return NameKind::Known("link".to_owned());
        }
        for link in &self.links {
            if let Some(element) = link.imported(&format!("@{name}")) {
                return link.directive(element.trim_start_matches('@'));
            }
        }
        for link in &self.links {
            if let Some(element) = link.in_namespace(name) {
                return link.directive(element);
            }
            if link.namespace == name {
                return link.directive(&link.name);
            }
        }
        NameKind::Local
    }

    fn type_name(&self, name: &str) -> NameKind {
        for link in &self.links {
            if let Some(element) = link.imported(name) {
                return link.type_name(element);
            }
        }
        for link in &self.links {
            if let Some(element) = link.in_namespace(name) {
                return link.type_name(element);
            }
        }
        NameKind::Local
    }

    /// Whether the elements of the specification with this prefix have other names.
    fn is_namespace_moved(&self, name: &str) -> bool {
        let mut links = self.links.iter();
        links.any(|link| link.has_left(name))
    }

    /// Whether a link renames the directive with this canonical name: then the canonical name is free for the schema's
    /// own directive.
    fn is_renamed(&self, canonical: &str) -> bool {
        self.links
            .iter()
            .any(|link| link.renames_directive(canonical))
    }
}

/// Rejects directives that are recognized but not implemented, where a field's value depends on the router's support.
fn refuse_unsupported_directives(document: &Document) -> Result<(), RouterError> {
    let mut unsupported = None;
    each_directive(document, &mut |directive| {
        let argument = |name: &str| {
            let mut arguments = directive.arguments.iter();
            arguments
                .find(|(known, _)| known == name)
                .map(|(_, value)| value)
        };
        let (feature, url, reason) = match directive.name.as_str() {
            "join__directive" => match argument("name") {
                Some(Value::String(name)) if name == "connect" || name == "source" => (
                    "connect",
                    "connect/v0.1",
                    "fields are resolved by connectors",
                ),
                _ => return,
            },
            _ => return,
        };
        unsupported.get_or_insert(RouterError::UnsupportedFeature {
            feature: feature.to_owned(),
            url: format!("https://specs.apollo.dev/{url}"),
            reason: reason.to_owned(),
        });
    });
    unsupported.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests;
