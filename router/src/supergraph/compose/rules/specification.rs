//! The directives of federation, as subgraphs may use them.

/// A directive of a specification.
pub(super) struct Known {
    pub(super) name: &'static str,
    /// The minor version of Federation 2 that has it first.
    pub(super) since: u32,
    /// In Federation 1, too.
    pub(super) is_old: bool,
    /// Name and type of each argument; those with `!` are required.
    pub(super) arguments: &'static [(&'static str, &'static str)],
    pub(super) locations: &'static [&'static str],
    pub(super) is_repeatable: bool,
}

const EVERYWHERE: &[&str] = &[
    "FIELD_DEFINITION",
    "INTERFACE",
    "OBJECT",
    "UNION",
    "ARGUMENT_DEFINITION",
    "SCALAR",
    "ENUM",
    "ENUM_VALUE",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
    "SCHEMA",
];
const ACCESS: &[&str] = &["FIELD_DEFINITION", "OBJECT", "INTERFACE", "SCALAR", "ENUM"];

const fn known(
    name: &'static str,
    since: u32,
    arguments: &'static [(&'static str, &'static str)],
    locations: &'static [&'static str],
) -> Known {
    Known {
        name,
        since,
        is_old: false,
        arguments,
        locations,
        is_repeatable: false,
    }
}

const fn repeatable(known: Known) -> Known {
    Known {
        is_repeatable: true,
        ..known
    }
}

const fn old(known: Known) -> Known {
    Known {
        is_old: true,
        ..known
    }
}

pub(super) const DIRECTIVES: &[Known] = &[
    old(repeatable(known(
        "key",
        0,
        &[("fields", "_!"), ("resolvable", "Boolean")],
        &["OBJECT", "INTERFACE"],
    ))),
    old(known(
        "requires",
        0,
        &[("fields", "_!")],
        &["FIELD_DEFINITION"],
    )),
    old(known(
        "provides",
        0,
        &[("fields", "_!")],
        &["FIELD_DEFINITION"],
    )),
    old(known(
        "external",
        0,
        &[("reason", "String")],
        &["OBJECT", "FIELD_DEFINITION"],
    )),
    old(known("extends", 0, &[], &["OBJECT", "INTERFACE"])),
    old(repeatable(known(
        "tag",
        0,
        &[("name", "String!")],
        EVERYWHERE,
    ))),
    // Its repetition is an error of its own.
    repeatable(known("shareable", 0, &[], &["FIELD_DEFINITION", "OBJECT"])),
    old(known("inaccessible", 0, &[], EVERYWHERE)),
    known(
        "override",
        0,
        &[("from", "String!"), ("label", "String")],
        &["FIELD_DEFINITION"],
    ),
    repeatable(known(
        "composeDirective",
        1,
        &[("name", "String")],
        &["SCHEMA"],
    )),
    known("interfaceObject", 3, &[], &["OBJECT"]),
    known("authenticated", 5, &[], ACCESS),
    known("requiresScopes", 5, &[("scopes", "[[String!]!]!")], ACCESS),
    known("policy", 6, &[("policies", "[[String!]!]!")], ACCESS),
    repeatable(known(
        "context",
        8,
        &[("name", "String!")],
        &["OBJECT", "INTERFACE", "UNION"],
    )),
    known(
        "fromContext",
        8,
        &[("field", "_")],
        &["ARGUMENT_DEFINITION"],
    ),
    known(
        "cost",
        9,
        &[("weight", "Int!")],
        &[
            "ARGUMENT_DEFINITION",
            "ENUM",
            "FIELD_DEFINITION",
            "INPUT_FIELD_DEFINITION",
            "OBJECT",
            "SCALAR",
        ],
    ),
    known(
        "listSize",
        9,
        &[
            ("assumedSize", "Int"),
            ("slicingArguments", "[String!]"),
            ("sizedFields", "[String!]"),
            ("requireOneSlicingArgument", "Boolean"),
        ],
        &["FIELD_DEFINITION"],
    ),
    repeatable(known(
        "cacheTag",
        12,
        &[("format", "String!")],
        &["FIELD_DEFINITION", "OBJECT"],
    )),
];

/// The directives of GraphQL itself.
pub(super) const BUILT_IN: &[Known] = &[
    known(
        "deprecated",
        0,
        &[("reason", "String")],
        &[
            "FIELD_DEFINITION",
            "ARGUMENT_DEFINITION",
            "INPUT_FIELD_DEFINITION",
            "ENUM_VALUE",
        ],
    ),
    known("specifiedBy", 0, &[("url", "String!")], &["SCALAR"]),
    known("oneOf", 0, &[], &["INPUT_OBJECT"]),
    repeatable(known(
        "link",
        0,
        &[
            ("url", "String!"),
            ("as", "String"),
            ("for", "_"),
            ("import", "_"),
        ],
        &["SCHEMA"],
    )),
];

/// The newest version of Federation 2 that is known.
pub(super) const NEWEST: u32 = 13;

/// Types that links import beside directives.
pub(super) const TYPES: [&str; 4] = ["FieldSet", "Scope", "Policy", "ContextFieldValue"];

/// Types of federation's machinery, which subgraphs may write out.
pub(super) const MACHINERY: [&str; 4] = ["_Any", "_Entity", "_Service", "_FieldSet"];

pub(super) fn directive(name: &str) -> Option<&'static Known> {
    DIRECTIVES.iter().find(|known| known.name == name)
}
