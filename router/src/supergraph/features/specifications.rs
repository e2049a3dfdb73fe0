//! The known specifications, their versions, and the canonical names of their elements.

/// Where the federation specifications live.
const HOME: &str = "specs.apollo.dev/";

/// The implemented versions of each specification. Any 2.x is accepted for federation.
const IMPLEMENTED: &[(&str, &[&str])] = &[
    ("link", &["v1.0"]),
    ("core", &["v0.1", "v0.2"]),
    ("join", &["v0.1", "v0.2", "v0.3", "v0.4", "v0.5"]),
    ("tag", &["v0.1", "v0.2", "v0.3"]),
    ("inaccessible", &["v0.1", "v0.2"]),
    ("authenticated", &["v0.1"]),
    ("requiresScopes", &["v0.1"]),
    ("policy", &["v0.1"]),
    ("cost", &["v0.1"]),
    ("context", &["v0.1"]),
];

/// Specifications that are recognized in order to reject them by name.
const RECOGNIZED: &[&str] = &["connect", "source"];

/// Directives whose canonical name has no prefix.
pub(super) const CANONICAL_DIRECTIVES: &[&str] = &[
    "link",
    "inaccessible",
    "authenticated",
    "requiresScopes",
    "policy",
    "tag",
    "cost",
    "listSize",
    "context",
    "fromContext",
];

/// Specifications whose definitions are internal, by the prefix of their canonical names.
const MACHINERY: &[&str] = &[
    "join__",
    "link__",
    "core__",
    "federation__",
    "inaccessible__",
    "tag__",
    "cost__",
    "policy__",
    "requiresScopes__",
    "authenticated__",
    "context__",
    "connect__",
    "source__",
    "composite__",
    "extension__",
];

/// Whether the definition with this canonical name belongs to federation rather than to the schema.
pub(crate) fn is_machinery(name: &str) -> bool {
    MACHINERY.iter().any(|prefix| name.starts_with(prefix))
}

/// Types that the planner looks up by name.
pub(super) fn is_reserved_type(name: &str) -> bool {
    name.starts_with("join__") || name.starts_with("link__")
}

/// The specification with this identity (a URL without its version), if known.
pub(super) fn specification(identity: &str) -> Option<&str> {
    let (_, address) = identity.split_once("://")?;
    let name = address.strip_prefix(HOME)?;
    let known = name == "federation"
        || RECOGNIZED.contains(&name)
        || IMPLEMENTED.iter().any(|(known, _)| *known == name);
    known.then_some(name)
}

pub(super) fn is_implemented(specification: &str, version: &str) -> bool {
    match specification {
        "federation" => version.starts_with("v2."),
        _ => IMPLEMENTED
            .iter()
            .any(|(known, versions)| *known == specification && versions.contains(&version)),
    }
}

/// The canonical name of a specification's directive.
pub(super) fn canonical_directive(specification: &str, element: &str) -> String {
    match (specification, element) {
        ("federation", element) if CANONICAL_DIRECTIVES.contains(&element) => element.to_owned(),
        ("core", "core") => "link".to_owned(),
        ("cost", "listSize") => element.to_owned(),
        ("context", "fromContext") => element.to_owned(),
        (specification, element) if specification == element => element.to_owned(),
        _ => format!("{specification}__{element}"),
    }
}

/// The canonical name of a specification's type.
pub(super) fn canonical_type(specification: &str, element: &str) -> String {
    match (specification, element) {
        ("federation", "Scope") => "requiresScopes__Scope".to_owned(),
        ("federation", "Policy") => "policy__Policy".to_owned(),
        ("federation", "ContextFieldValue") => "context__ContextFieldValue".to_owned(),
        _ => format!("{specification}__{element}"),
    }
}
