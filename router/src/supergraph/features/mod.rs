//! The features that a supergraph links (`@link`, or `@core` in Federation 1), resolved once. Documents name the elements of
//! a feature as its link says; the rest of the router, and the planner, read the canonical names that [`canonical`] gives them.

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

/// The document with every element of a known feature under its canonical name: `@authenticated`, `@join__type`,
/// `join__Graph`, however the document's links name them.
///
/// # Errors
/// A feature that is linked for security or execution and is not implemented, or one without which fields would be answered
/// wrongly; names that cannot be told apart.
pub(super) fn canonical(document: Document) -> Result<Document, RouterError> {
    let links = Links::of(&document);
    links.refuse_unsupported()?;
    let document = Rewrite::new(&links).document(document)?;
    refuse_unsupported_directives(&document)?;
    Ok(document)
}

/// What a document with this link calls the directive of this canonical name.
pub(super) fn names_by(link: &Directive, canonical: &str) -> Vec<String> {
    Link::of(link).map_or_else(Vec::new, |link| link.names_of(canonical))
}

/// What a name of the document is.
enum NameKind {
    /// An element of a feature that the router knows, and its canonical name.
    Known(String),
    /// An element of another feature.
    Foreign,
    /// Of the schema itself.
    Local,
}

struct Links {
    links: Vec<Link>,
    /// What the directives that link are called: `link` or `core`, if nothing else is said.
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
        // A link to the link specification itself says what the directive is called.
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

    /// Whether the elements of the specification that this name begins with are called otherwise.
    fn is_namespace_moved(&self, name: &str) -> bool {
        let mut links = self.links.iter();
        links.any(|link| link.has_left(name))
    }

    /// Whether a link gives the directive of this canonical name another name on purpose: then the canonical name is free for
    /// the schema's own directive.
    fn is_renamed(&self, canonical: &str) -> bool {
        self.links
            .iter()
            .any(|link| link.renames_directive(canonical))
    }
}

/// Directives that mean a field's value depends on what the router does for it, and that are understood, but not implemented.
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
