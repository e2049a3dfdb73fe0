//! What a subgraph links, and the names it thereby has for federation's directives.

use std::collections::{BTreeMap, BTreeSet};

use super::specification::{self, DIRECTIVES, NEWEST, TYPES};
use super::{Report, Subgraph};
use crate::error::CompositionCode;
use crate::type_system::ast::{self, Directive, Document, Value};

const FEDERATION: &str = "https://specs.apollo.dev/federation";
/// Where the specifications of composition are.
const HOME: &str = "https://specs.apollo.dev/";
/// Directives that remain in a supergraph, under one name.
const KEPT: [&str; 7] = [
    "tag",
    "inaccessible",
    "authenticated",
    "requiresScopes",
    "policy",
    "cost",
    "listSize",
];

/// A use of `@link`.
#[derive(Debug)]
pub(super) struct Link {
    /// The URL without its version.
    pub(super) identity: String,
    pub(super) version: String,
    /// Names there, and here; those of directives with `@`.
    pub(super) imports: Vec<(String, String)>,
    prefix: String,
}

/// The links of a subgraph.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) all: Vec<Link>,
    /// Federation's directives by their names in the subgraph.
    pub(super) names: BTreeMap<String, &'static str>,
    /// Types of federation by their names in the subgraph.
    pub(super) types: BTreeSet<String>,
    /// Whether it is of Federation 1.
    pub(super) is_old: bool,
}

impl Links {
    /// Reads a document's links. None after an error.
    pub(super) fn of(name: &str, document: &Document, report: &mut Report) -> Option<Self> {
        let mut links = Self::default();
        let before = report.diagnostics.len();
        for directive in uses(document) {
            match Link::of(directive) {
                Ok(Some(link)) => links.all.push(link),
                Ok(None) => {}
                Err(problem) => report.add(
                    CompositionCode::InvalidLinkDirectiveUsage,
                    [name],
                    format!("[{name}] @link: {problem}"),
                ),
            }
        }
        let of_federation = |link: &&Link| link.identity == FEDERATION;
        let own: Vec<&Link> = links.all.iter().filter(of_federation).collect();
        links.is_old = own.is_empty();
        let mut identities = BTreeSet::new();
        for link in &links.all {
            if !identities.insert(&link.identity) {
                report.add(
                    CompositionCode::InvalidLinkDirectiveUsage,
                    [name],
                    format!(
                        "[{name}] {} is linked twice: write one @link with all imports",
                        link.identity
                    ),
                );
            }
        }
        match own.first() {
            None => {
                let old = DIRECTIVES.iter().filter(|known| known.is_old);
                links.names = old
                    .map(|known| (known.name.to_owned(), known.name))
                    .collect();
            }
            Some(link) => {
                links.names = link.names(name, report);
                let imported = link.imports.iter().map(|(_, here)| here.clone());
                links.types = imported.filter(|here| !here.starts_with('@')).collect();
            }
        }
        for link in &links.all {
            let identity = link.identity.strip_prefix(HOME).unwrap_or_default();
            if let Some(known) = specification::directive(identity) {
                links.names.insert(link.prefix.clone(), known.name);
            }
        }
        (report.diagnostics.len() == before).then_some(links)
    }

    /// Whether a type belongs to a linked specification, rather than to the subgraph.
    pub(super) fn has_type(&self, name: &str) -> bool {
        let mut links = self.all.iter();
        self.types.contains(name)
            || name.starts_with("link__")
            || name.starts_with("federation__")
            || links.any(|link| link.identity.starts_with(HOME) && link.has(name))
    }
}

fn uses(document: &Document) -> impl Iterator<Item = &Directive> {
    let directives = document
        .definitions
        .iter()
        .flat_map(|definition| match definition {
            ast::Definition::Schema(schema) => &schema.directives[..],
            _ => &[],
        });
    directives.filter(|directive| directive.name == "link")
}

impl Link {
    /// None for what has no URL, which is reported as a missing argument.
    fn of(directive: &Directive) -> Result<Option<Self>, String> {
        let Some(Value::String(url)) = ast::argument(directive, "url") else {
            return Ok(None);
        };
        let url = url.trim_end_matches('/');
        let (identity, version) = match url.rsplit_once('/') {
            Some((identity, version)) if is_version(version) => (identity, version),
            _ => (url, ""),
        };
        let prefix = match ast::argument(directive, "as") {
            Some(Value::String(prefix)) => prefix.clone(),
            _ => identity.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        let mut imports = Vec::new();
        if let Some(Value::List(items)) = ast::argument(directive, "import") {
            for item in items {
                imports.push(import(item)?);
            }
        }
        Ok(Some(Self {
            identity: identity.to_owned(),
            version: version.to_owned(),
            imports,
            prefix,
        }))
    }

    pub(super) fn is_of_home(&self) -> bool {
        self.identity.starts_with(HOME)
    }

    pub(super) fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }

    /// Whether a name is in its namespace.
    fn has(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.prefix);
        rest.is_some_and(|rest| rest.starts_with("__"))
    }

    /// The names of federation's directives by this link, which is federation's.
    fn names(&self, subgraph: &str, report: &mut Report) -> BTreeMap<String, &'static str> {
        let minor = self
            .version
            .strip_prefix("v2.")
            .and_then(|minor| minor.parse().ok());
        let Some(minor) = minor.filter(|minor: &u32| *minor <= NEWEST) else {
            report.add(
                CompositionCode::UnknownFederationLinkVersion,
                [subgraph],
                format!(
                    "[{subgraph}] version {} of federation is not known: link v2.0 to v2.{NEWEST}",
                    self.version
                ),
            );
            return BTreeMap::new();
        };
        let there = DIRECTIVES.iter().filter(|known| known.since <= minor);
        let mut names: BTreeMap<String, &'static str> = BTreeMap::new();
        for known in there {
            let element = format!("@{}", known.name);
            let mut imports = self
                .imports
                .iter()
                .filter(|(there, _)| *there == element)
                .peekable();
            if imports.peek().is_none() {
                names.insert(format!("{}__{}", self.prefix, known.name), known.name);
            }
            for (_, here) in imports {
                names.insert(here.trim_start_matches('@').to_owned(), known.name);
            }
        }
        for (there, _) in &self.imports {
            let element = there.strip_prefix('@');
            let known = element.and_then(specification::directive);
            let is_known =
                known.is_some_and(|known| known.since <= minor) || TYPES.contains(&there.as_str());
            if !is_known {
                report.add(
                    CompositionCode::InvalidLinkDirectiveUsage,
                    [subgraph],
                    format!(
                        "[{subgraph}] federation {} has no `{there}` to import: link a version that has it, or write directives with `@`",
                        self.version
                    ),
                );
            }
        }
        names
    }
}

fn is_version(text: &str) -> bool {
    let numbers = text.strip_prefix('v').and_then(|text| text.split_once('.'));
    numbers
        .is_some_and(|(major, minor)| major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok())
}

fn import(value: &Value) -> Result<(String, String), String> {
    let (name, alias) = match value {
        Value::String(name) => return Ok((name.clone(), name.clone())),
        Value::Object(fields) => {
            let of = |name: &str| {
                let mut fields = fields.iter();
                fields.find_map(|(known, value)| (known == name).then_some(value))
            };
            (of("name"), of("as"))
        }
        _ => (None, None),
    };
    let Some(Value::String(name)) = name else {
        return Err("an import is a name, or { name: \"@directive\", as: \"@other\" }".to_owned());
    };
    let alias = match alias {
        None => name,
        Some(Value::String(alias)) => alias,
        Some(_) => return Err(format!("the import of {name} has an `as` that is no text")),
    };
    if name.starts_with('@') != alias.starts_with('@') {
        return Err(format!(
            "{name} is imported as {alias}: either both or none begin with `@`"
        ));
    }
    Ok((name.clone(), alias.clone()))
}

/// What subgraphs must agree on: the names of directives that the supergraph keeps, and those they compose.
pub(super) fn check(subgraphs: &[Subgraph], report: &mut Report) {
    for kept in KEPT {
        let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for subgraph in subgraphs.iter().filter(|one| !one.links.is_old) {
            let known = subgraph.links.names.iter();
            let imported = known.filter(|(name, own)| **own == kept && !name.contains("__"));
            for (name, _) in imported {
                names.entry(name).or_default().push(&subgraph.name);
            }
        }
        if names.len() > 1 {
            let all = names.values().flatten().copied();
            let listed: Vec<String> = names.keys().map(|name| format!("@{name}")).collect();
            report.add(
                CompositionCode::LinkImportNameMismatch,
                all,
                format!(
                    "@{kept} is imported as {}: import it under one name in all subgraphs",
                    listed.join(" and ")
                ),
            );
        }
    }
    composed(subgraphs, report);
}

/// Directives named by `@composeDirective`.
fn composed(subgraphs: &[Subgraph], report: &mut Report) {
    let code = CompositionCode::DirectiveCompositionError;
    let mut versions: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut names: BTreeMap<(&str, &str), (&str, &str)> = BTreeMap::new();
    for subgraph in subgraphs {
        let name = subgraph.name.as_str();
        for directive in &subgraph.schema.directives {
            if directive.name != "composeDirective" {
                continue;
            }
            let Some(Value::String(composed)) = ast::argument(directive, "name") else {
                let message = format!("[{name}] @composeDirective needs the name of a directive");
                report.add(code, [name], message);
                continue;
            };
            let mut links = subgraph.links.all.iter();
            let found = links.find_map(|link| {
                let mut imports = link.imports.iter();
                let element = imports
                    .find(|(_, here)| here == composed)
                    .map(|(there, _)| there);
                element.map(|element| (link, element))
            });
            let own = composed.strip_prefix('@').unwrap_or_default();
            let is_defined = subgraph.schema.directive_definitions.contains_key(own);
            let problem = match found {
                _ if own.is_empty() => "write its name with `@`",
                Some((link, _)) if link.is_of_home() => {
                    "directives of federation are composed by themselves"
                }
                _ if !is_defined => "it is not defined here",
                None => "it is not imported by a @link, whose URL tells which directive it is",
                Some((link, element)) => {
                    let major = (link.major(), name);
                    let known = *versions.entry(&link.identity).or_insert(major);
                    if known.0 != major.0 {
                        report.add(
                            code,
                            [known.1, name],
                            format!(
                                "{} is linked in versions {} and {}: compose one major version",
                                link.identity, known.0, major.0
                            ),
                        );
                    }
                    let here = (composed.as_str(), name);
                    let known = *names.entry((&link.identity, element)).or_insert(here);
                    if known.0 != here.0 {
                        report.add(
                            code,
                            [known.1, name],
                            format!(
                                "{element} of {} is imported as {} and {}: import it under one name",
                                link.identity, known.0, here.0
                            ),
                        );
                    }
                    continue;
                }
            };
            let message = format!("[{name}] @composeDirective(name: \"{composed}\"): {problem}");
            report.add(code, [name], message);
        }
    }
}
