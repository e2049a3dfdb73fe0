//! How a document's names are resolved.

use super::*;

fn canonical_sdl(sdl: &str) -> Result<String, String> {
    let document = graphql_tools::parser::parse_schema::<String>(sdl)
        .expect(sdl)
        .into_static();
    canonical(document)
        .map(|document| document.to_string())
        .map_err(|error| error.to_string())
}

/// The directives of the field `Query.a`.
fn directives_of_a(schema: &str, directives: &str) -> Vec<String> {
    let sdl = format!("schema {schema} {{ query: Query }} type Query {{ a: Int {directives} }}");
    let text = canonical_sdl(&sdl).expect(&sdl);
    let line = text
        .lines()
        .find(|line| line.contains("a: Int"))
        .expect("a field");
    line.split('@')
        .skip(1)
        .map(|directive| {
            directive
                .split(['(', ' '])
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

const FEDERATION: &str = r#"url: "https://specs.apollo.dev/federation/v2.9""#;

#[test]
fn elements_are_found_by_prefix_import_and_alias() {
    let check = |schema: &str, directives: &str, expected: &[&str]| {
        assert_eq!(
            directives_of_a(schema, directives),
            expected,
            "{schema} {directives}"
        );
    };
    check(
        &format!(r#"@link({FEDERATION}, import: ["@key"])"#),
        "@federation__authenticated @federation__inaccessible @federation__requiresScopes(scopes: []) @federation__policy(policies: []) @federation__tag(name: \"x\") @federation__cost(weight: 1) @federation__listSize(assumedSize: 1)",
        &[
            "authenticated",
            "inaccessible",
            "requiresScopes",
            "policy",
            "tag",
            "cost",
            "listSize",
        ],
    );
    check(
        &format!(
            r#"@link({FEDERATION}, import: [{{ name: "@authenticated", as: "@signedIn" }}, "@inaccessible"])"#
        ),
        "@signedIn @inaccessible @federation__requiresScopes(scopes: [])",
        &["authenticated", "inaccessible", "requiresScopes"],
    );
    check(
        &format!(r#"@link({FEDERATION}, as: "fed")"#),
        "@fed__authenticated",
        &["authenticated"],
    );
    check(
        r#"@link(url: "https://specs.apollo.dev/authenticated/v0.1", as: "signedIn", for: SECURITY)
           @link(url: "https://specs.apollo.dev/inaccessible/v0.2/", as: "private", for: SECURITY)
           @link(url: "https://specs.apollo.dev/tag/v0.3", as: "label")
           @link(url: "https://specs.apollo.dev/cost/v0.1", as: "price", import: [{ name: "@listSize", as: "@length" }])
           @link(url: "https://specs.apollo.dev/join/v0.5", as: "j", for: EXECUTION)"#,
        "@signedIn @private @label(name: \"x\") @price(weight: 1) @length(assumedSize: 1) @j__field(graph: A)",
        &[
            "authenticated",
            "inaccessible",
            "tag",
            "cost",
            "listSize",
            "join__field",
        ],
    );
    check(
        r#"@lnk(url: "https://specs.apollo.dev/link/v1.0", as: "lnk")
           @lnk(url: "https://specs.apollo.dev/authenticated/v0.1", as: "in")"#,
        "@in",
        &["authenticated"],
    );
    check(
        r#"@core(feature: "https://specs.apollo.dev/core/v0.2")
           @core(feature: "https://specs.apollo.dev/join/v0.1", for: EXECUTION)
           @core(feature: "https://specs.apollo.dev/inaccessible/v0.1", as: "no", for: SECURITY)"#,
        "@no @join__field(graph: A)",
        &["inaccessible", "join__field"],
    );
}

#[test]
fn what_nothing_links_is_what_it_is_called() {
    let check = |schema: &str, directives: &str, expected: &[&str]| {
        assert_eq!(
            directives_of_a(schema, directives),
            expected,
            "{schema} {directives}"
        );
    };
    check("", "@authenticated @own", &["authenticated", "own"]);
    // Not imported, but unambiguous.
    check(
        &format!(r#"@link({FEDERATION}, import: ["@key"])"#),
        "@authenticated",
        &["authenticated"],
    );
    // The schema's own, since federation's has another name.
    check(
        &format!(r#"@link({FEDERATION}, import: [{{ name: "@tag", as: "@label" }}])"#),
        "@tag(of: 1) @label(name: \"x\")",
        &["tag"],
    );
    // Belongs to another specification.
    check(
        r#"@link(url: "https://example.com/auth/v1.0", import: ["@authenticated", "@other"])"#,
        "@authenticated @other @auth__more",
        &["other", "auth__more"],
    );
}

#[test]
fn types_of_features_are_renamed_wherever_they_are_named() {
    let text = canonical_sdl(
        r#"schema @link(url: "https://specs.apollo.dev/link/v1.0", import: ["Purpose"]) @link(url: "https://specs.apollo.dev/join/v0.3", as: "j", for: EXECUTION) { query: Query }
           directive @link(url: String, as: String, for: Purpose, import: [link__Import]) repeatable on SCHEMA
           directive @j__graph(name: String!, url: String!) on ENUM_VALUE
           directive @j__field(graph: j__Graph, requires: j__FieldSet) repeatable on FIELD_DEFINITION
           enum j__Graph { A @j__graph(name: "a", url: "http://a") }
           enum Purpose { SECURITY EXECUTION }
           scalar j__FieldSet
           scalar link__Import
           type Query @j__type(graph: A) { a: Int @j__field(graph: A) }"#,
    )
    .expect("canonical");
    for expected in [
        "enum join__Graph",
        "directive @join__field(graph: join__Graph, requires: join__FieldSet)",
        "enum link__Purpose",
        "for: link__Purpose",
        "scalar join__FieldSet",
        "type Query @join__type(graph: A)",
        "@join__graph(name: \"a\", url: \"http://a\")",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(
        !text.contains("j__") || text.matches("j__").count() == 0,
        "{text}"
    );
}

#[test]
fn what_is_needed_and_not_implemented_is_refused_by_name() {
    let refusal = |schema: &str, field: &str| {
        let sdl = format!("schema {schema} {{ query: Query }} type Query {{ a{field} }}");
        canonical_sdl(&sdl).expect_err(&sdl)
    };
    let check = |schema: &str, field: &str, name: &str, url: &str| {
        let message = refusal(schema, field);
        assert!(
            message.contains(&format!("`{name}`")) && message.contains(url),
            "{message}"
        );
    };
    let linked = |url: &str, purpose: &str| format!(r#"@link(url: "{url}", for: {purpose})"#);
    let url = "https://example.com/encrypted/v1.0";
    check(&linked(url, "SECURITY"), ": Int", "encrypted", url);
    check(&linked(url, "EXECUTION"), ": Int", "encrypted", url);
    for url in [
        "https://specs.apollo.dev/connect/v0.2",
        "https://specs.apollo.dev/source/v0.1",
    ] {
        let name = url.split('/').nth(3).unwrap_or_default();
        check(&linked(url, "EXECUTION"), ": Int", name, url);
    }
    // Future versions may mean anything.
    let url = "https://specs.apollo.dev/authenticated/v0.9";
    check(&linked(url, "SECURITY"), ": Int", "authenticated", url);
    let url = "https://specs.apollo.dev/join/v1.0";
    check(&linked(url, "EXECUTION"), ": Int", "join", url);
    let other = r#"@link(url: "https://example.com/notes/v1.0")"#;
    let sdl = format!("schema {other} {{ query: Query }} type Query {{ a: Int }}");
    assert!(
        canonical_sdl(&sdl).is_ok(),
        "what has no purpose may be ignored"
    );
}
