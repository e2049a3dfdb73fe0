//! What the composed supergraph contains beyond what the library merges.

use super::*;

const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@external", "@requires", "@shareable", "@authenticated", "@requiresScopes"])"#;

#[test]
fn root_types_are_joined_to_their_subgraphs() {
    let a = format!(
        "{LINK} type Query {{ a: A }} type A @key(fields: \"id\") {{ id: ID! }} type Mutation {{ go: Int }}"
    );
    let b = format!(
        "{LINK} type A @key(fields: \"id\") {{ id: ID! b: Int @authenticated c: Int @requiresScopes(scopes: [[\"x\"]]) }}"
    );
    let sdl = compose(&[("a", &a, "http://a"), ("b", &b, "http://b")]).expect("composes");
    let line = |start: &str| {
        sdl.lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        line("type Query"),
        "type Query @join__type(graph: A) @join__type(graph: B) {"
    );
    assert_eq!(
        line("type Mutation"),
        "type Mutation @join__type(graph: A) {"
    );
    assert!(
        sdl.contains("b: Int @authenticated @join__field(graph: B)"),
        "{sdl}"
    );
    assert!(sdl.contains("@requiresScopes(scopes: [[\"x\"]])"), "{sdl}");
}

#[test]
fn scalars_are_joined_to_the_subgraphs_that_use_them() {
    let a = format!("{LINK} type Query {{ a: Time }} scalar Time scalar Place");
    let b = format!(
        "{LINK} type Query {{ b(at: Time): In c(in: Where): Int }} type In {{ b: Int }} input Where {{ place: Place }} scalar Time scalar Place"
    );
    let subgraphs = [("a-1", a.as_str(), "http://a"), ("b", &b, "http://b")];
    let sdl = compose(&subgraphs).expect("composes");
    for scalar in [
        "scalar Time @join__type(graph: A_1) @join__type(graph: B)",
        "scalar Place @join__type(graph: B)",
    ] {
        assert!(sdl.contains(scalar), "{sdl}");
    }
}

#[test]
fn scalars_keep_their_specifications() {
    let a = format!("{LINK} type Query {{ a: Time }} scalar Time @specifiedBy(url: \"https://a\")");
    let subgraph = |scalar: &str| format!("{LINK} type Query {{ b: Time }} scalar Time {scalar}");
    let cases = [
        (subgraph(""), 0),
        (subgraph("@specifiedBy(url: \"https://a\")"), 0),
        (subgraph("@specifiedBy(url: \"https://b\")"), 1),
    ];
    for (b, hints) in cases {
        let composition = compose_with_hints(&[("a", &a, "http://a"), ("b", &b, "http://b")]);
        let composition = composition.expect("composes");
        let scalar = "scalar Time @specifiedBy(url: \"https://a\") @join__type";
        assert!(composition.sdl.contains(scalar), "{}", composition.sdl);
        assert_eq!(composition.hints.len(), hints, "{:?}", composition.hints);
        let api = crate::supergraph::api_sdl(&composition.sdl).expect("a supergraph");
        assert!(
            api.contains("scalar Time @specifiedBy(url: \"https://a\")"),
            "{api}"
        );
    }
}

#[test]
fn root_types_keep_the_first_description() {
    let a = format!("{LINK} type Query {{ a: Int }} \"Changes.\" type Mutation {{ a: Int }}");
    let b = format!(
        "{LINK} schema {{ query: Root }} \"Reads.\" type Root {{ b: Int }} \"No root.\" type Subscription {{ b: Int }}"
    );
    let c = format!("{LINK} \"Also reads.\" type Query {{ c: Int }}");
    let subgraphs =
        [("a", &a), ("b", &b), ("c", &c)].map(|(name, sdl)| (name, sdl.as_str(), "http://a"));
    let sdl = compose(&subgraphs).expect("composes");
    for description in ["\"Reads.\"\ntype Query", "\"Changes.\"\ntype Mutation"] {
        assert!(sdl.contains(description), "{sdl}");
    }
    assert!(!sdl.contains("Also reads."), "{sdl}");
}

#[test]
fn what_is_used_is_linked_and_defined() {
    let imports = r#"import: ["@key", "@shareable", "@tag", "@inaccessible", "@requiresScopes"]"#;
    let link = format!(
        r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", {imports})"#
    );
    let a = format!(
        "{link} type Query {{ a: A b: Int @requiresScopes(scopes: [[\"x\"]]) }} enum A {{ X Y @inaccessible }}"
    );
    let sdl = compose(&[("a", &a, "http://a")]).expect("composes");
    let links = |sdl: &str| {
        let schema = sdl.split('{').next().unwrap_or_default();
        let links = schema.split("https://specs.apollo.dev/").skip(1);
        links
            .filter_map(|link| link.split('"').next().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let defined = |sdl: &str| {
        let mut names = BTreeSet::new();
        for line in sdl.lines() {
            let name = ["directive @", "scalar ", "enum "]
                .into_iter()
                .find_map(|start| line.strip_prefix(start));
            let name = name.and_then(|rest| rest.split(['(', ' ']).next());
            if let Some(name) = name {
                assert!(names.insert(name.to_owned()), "{name} is defined twice");
            }
        }
        names
    };
    let linked = [
        "link/v1.0",
        "join/v0.4",
        "inaccessible/v0.2",
        "requiresScopes/v0.1",
    ];
    assert_eq!(links(&sdl), linked);
    let names = defined(&sdl);
    for name in [
        "link",
        "link__Import",
        "link__Purpose",
        "join__field",
        "join__FieldSet",
        "join__Graph",
        "inaccessible",
        "requiresScopes",
        "requiresScopes__Scope",
    ] {
        assert!(names.contains(name), "{name}: {sdl}");
    }
    assert!(!names.contains("authenticated") && !names.contains("join__owner"));

    let open = omit_authorization(&sdl).expect("a supergraph");
    assert_eq!(links(&open), &linked[..3]);
    assert!(!open.contains("requiresScopes"), "{open}");
    assert!(open.contains("Y @inaccessible"), "{open}");
    assert!(defined(&open).is_subset(&names));
}

#[test]
fn every_diagnostic_is_reported() {
    let a = format!("{LINK} type Query {{ a: Int b: Int }}");
    let b = format!("{LINK} type Query {{ a: Int b: Int }}");
    let error = compose(&[("a", &a, "http://a"), ("b", &b, "http://b")]).expect_err("conflict");
    assert_eq!(error.diagnostics.len(), 2, "{error}");
    let error = compose(&[("a", "type Query {", "http://a")]).expect_err("syntax");
    assert!(error.to_string().contains("[a]"), "{error}");
}

#[test]
fn arguments_from_contexts_are_refused_under_any_name() {
    for (import, name) in [
        (
            r#", import: ["@key", "@context", "@fromContext"]"#,
            "fromContext",
        ),
        (
            r#", import: ["@key", "@context", { name: "@fromContext", as: "@within" }]"#,
            "within",
        ),
        (
            r#", import: ["@key", "@context"]"#,
            "federation__fromContext",
        ),
    ] {
        let sdl = format!(
            r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.8"{import})
            type Query {{ user: User }}
            type User @key(fields: "id") @context(name: "u") {{ id: ID! currency: String tx: Tx }}
            type Tx @key(fields: "id") {{ id: ID! amount(code: String @{name}(field: "$u {{ currency }}")): Int }}"#
        );
        let error = compose(&[("a", &sdl, "http://a")]).expect_err(name);
        assert!(error.to_string().contains("[a] @fromContext"), "{error}");
    }
}
