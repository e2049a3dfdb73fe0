//! Federation directives under any linked name, in execution and in introspection.

use platform::caller::Caller;
use router::{GraphQLRequest, RequestContext, Router};
use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

/// A supergraph whose fields `open`, `secret`, `scoped`, `ruled` and `hidden` belong to one subgraph.
fn supergraph(links: &str, join: &str, directives: [&str; 4]) -> String {
    let [secret, scoped, ruled, hidden] = directives;
    format!(
        r#"schema {links} {{ query: Query }}
           enum {join}__Graph {{ SHOP @{join}__graph(name: "shop", url: "http://shop") }}
           scalar {join}__FieldSet
           type Query @{join}__type(graph: SHOP) {{
             open: String
             secret: String @{secret}
             scoped: String @{scoped}(scopes: [["staff"]])
             ruled: String @{ruled}(policies: [["owner"]])
             hidden: String @{hidden}
           }}"#
    )
}

async fn graph(sdl: &str) -> Graph {
    let shop = ["open", "secret", "scoped", "ruled", "hidden"].iter().fold(
        Subgraph::new(
            "shop",
            "type Query { open: String secret: String scoped: String ruled: String hidden: String }",
        ),
        |shop, field| shop.root(field, json!(field)),
    );
    Graph::composed(sdl, [shop], |builder| builder).await
}

const JOIN: &str = r#"@link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)"#;

async fn holds(sdl: &str) {
    let graph = graph(sdl).await;
    let refusal = |field: &str| json!({ "message": "Sign in to see this field.", "path": [field], "extensions": { "code": "UNAUTHENTICATED" } });
    graph
        .check(
            "{ open secret scoped ruled }",
            json!({
                "data": { "open": "open", "secret": null, "scoped": null, "ruled": null },
                "errors": [refusal("secret"), refusal("scoped"), refusal("ruled")],
            }),
        )
        .await;
    let caller = Caller {
        scopes: ["staff".to_owned()].into(),
        policies: ["owner".to_owned()].into(),
        ..Caller::customer("usr_1")
    };
    graph
        .check_as(
            caller,
            "{ secret scoped ruled }",
            json!({}),
            json!({ "data": { "secret": "secret", "scoped": "scoped", "ruled": "ruled" } }),
        )
        .await;
    let unknown: Value = serde_json::from_str(&graph.text("{ hidden }").await).expect("JSON");
    assert!(unknown.get("data").is_none(), "{unknown}");
    let answer = graph
        .text("{ __schema { queryType { fields { name } } types { name } directives { name } } }")
        .await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let schema = &answer["data"]["__schema"];
    let names = |list: &Value| -> Vec<String> {
        let items = list.as_array().expect("a list").iter();
        items
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(
        names(&schema["queryType"]["fields"]),
        ["open", "secret", "scoped", "ruled"]
    );
    let types = names(&schema["types"]);
    let machinery: Vec<_> = types
        .iter()
        .filter(|name| name.contains("__") && !name.starts_with("__"))
        .collect();
    assert!(machinery.is_empty(), "{machinery:?}");
    let directives = names(&schema["directives"]);
    let own = [
        "skip",
        "include",
        "defer",
        "deprecated",
        "specifiedBy",
        "oneOf",
    ];
    assert!(
        directives.iter().all(|name| own.contains(&name.as_str())),
        "{directives:?}"
    );
}

#[tokio::test]
async fn without_an_import_a_directive_has_its_feature_for_a_prefix() {
    let links = format!(
        r#"{JOIN} @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])"#
    );
    holds(&supergraph(
        &links,
        "join",
        [
            "federation__authenticated",
            "federation__requiresScopes",
            "federation__policy",
            "federation__inaccessible",
        ],
    ))
    .await;
}

#[tokio::test]
async fn an_import_may_rename_a_directive() {
    let links = format!(
        r#"{JOIN} @link(url: "https://specs.apollo.dev/federation/v2.9", as: "fed", import: [{{ name: "@authenticated", as: "@signedIn" }}, {{ name: "@inaccessible", as: "@private" }}, "@policy"])"#
    );
    holds(&supergraph(
        &links,
        "join",
        ["signedIn", "fed__requiresScopes", "policy", "private"],
    ))
    .await;
}

#[tokio::test]
async fn a_link_may_rename_a_feature() {
    let links = r#"@lnk(url: "https://specs.apollo.dev/link/v1.0", as: "lnk")
        @lnk(url: "https://specs.apollo.dev/join/v0.5", as: "j", for: EXECUTION)
        @lnk(url: "https://specs.apollo.dev/authenticated/v0.1", as: "in", for: SECURITY)
        @lnk(url: "https://specs.apollo.dev/requiresScopes/v0.1", as: "needs", for: SECURITY)
        @lnk(url: "https://specs.apollo.dev/policy/v0.1", as: "rule", for: SECURITY)
        @lnk(url: "https://specs.apollo.dev/inaccessible/v0.2", as: "no", for: SECURITY)"#;
    holds(&supergraph(links, "j", ["in", "needs", "rule", "no"])).await;
}

#[tokio::test]
async fn a_single_import_needs_no_brackets() {
    let link = |name: &str, rest: &str| {
        format!(r#"@link(url: "https://specs.apollo.dev/{name}/v0.1", for: SECURITY, {rest})"#)
    };
    let links = [
        JOIN.to_owned(),
        link(
            "authenticated",
            r#"import: { name: "@authenticated", as: "@signedIn" }"#,
        ),
        link(
            "requiresScopes",
            r#"as: "needs", import: "@requiresScopes""#,
        ),
        link("policy", r#"as: "rules", import: ["@policy"]"#),
        link(
            "inaccessible",
            r#"import: { name: "@inaccessible", as: "@private" }"#,
        ),
    ]
    .join(" ");
    holds(&supergraph(
        &links,
        "join",
        ["signedIn", "requiresScopes", "policy", "private"],
    ))
    .await;
}

#[test]
fn an_import_that_cannot_be_read_keeps_the_router_from_starting() {
    for import in [
        r#"{ name: "@authenticated", as: "signedIn" }"#,
        r#"{ name: "@authenticated", as: 5 }"#,
        r#"[{ as: "@signedIn" }]"#,
        r#"["@requiresScopes", 7]"#,
        "true",
    ] {
        let links = format!(
            r#"{JOIN} @link(url: "https://specs.apollo.dev/federation/v2.9", import: {import})"#
        );
        let sdl = supergraph(
            &links,
            "join",
            ["signedIn", "requiresScopes", "policy", "inaccessible"],
        );
        let refused = Router::builder().supergraph(&sdl).build();
        let message = refused.expect_err(import).to_string();
        assert!(message.contains("which cannot be read"), "{message}");
    }
}

#[tokio::test]
async fn a_supergraph_that_links_nothing_is_taken_by_its_words() {
    holds(&supergraph(
        "",
        "join",
        ["authenticated", "requiresScopes", "policy", "inaccessible"],
    ))
    .await;
}

#[test]
fn a_feature_that_is_needed_and_not_implemented_keeps_the_router_from_starting() {
    for (name, purpose) in [("encrypted", "SECURITY"), ("compressed", "EXECUTION")] {
        let url = format!("https://example.com/{name}/v1.0");
        let links = format!(r#"{JOIN} @link(url: "{url}", for: {purpose})"#);
        let sdl = supergraph(
            &links,
            "join",
            ["authenticated", "requiresScopes", "policy", "inaccessible"],
        );
        let refused = Router::builder()
            .supergraph(&sdl)
            .build()
            .expect_err("refused");
        let message = refused.to_string();
        assert!(
            message.contains(name) && message.contains(&url),
            "{message}"
        );
    }
}

/// Composition normally guarantees that nothing visible refers to inaccessible elements; the router must not rely on
/// it.
#[tokio::test]
async fn what_leads_to_an_inaccessible_type_is_inaccessible_too() {
    let sdl = format!(
        r#"schema {JOIN} {{ query: Query mutation: Mutation }}
           enum join__Graph {{ SHOP @join__graph(name: "shop", url: "http://shop") }}
           type Query @join__type(graph: SHOP) {{ open(of: Kind, with: Input): String vault: Vault }}
           type Mutation @join__type(graph: SHOP) @inaccessible {{ change: Int }}
           type Vault implements Place @join__implements(graph: SHOP, interface: "Place") @join__type(graph: SHOP) @inaccessible {{ name: String gold: Int }}
           interface Place @join__type(graph: SHOP) {{ name: String }}
           enum Kind @join__type(graph: SHOP) @inaccessible {{ A }}
           input Input @join__type(graph: SHOP) {{ kind: Kind name: String }}"#
    );
    let shop = Subgraph::new(
        "shop",
        "type Query { open(of: Kind, with: Input): String vault: Vault } type Mutation { change: Int } type Vault implements Place { name: String gold: Int } interface Place { name: String } enum Kind { A } input Input { kind: Kind name: String }",
    )
    .root("open", json!("open"));
    let graph = Graph::composed(&sdl, [shop], |builder| builder).await;
    graph
        .check(
            r#"{ open __schema { mutationType { name } } query: __type(name: "Query") { fields { name args { name } } } input: __type(name: "Input") { inputFields { name } } vault: __type(name: "Vault") { name } place: __type(name: "Place") { possibleTypes { name } } }"#,
            json!({ "data": {
                "open": "open",
                "__schema": { "mutationType": null },
                "query": { "fields": [{ "name": "open", "args": [{ "name": "with" }] }] },
                "input": { "inputFields": [{ "name": "name" }] },
                "vault": null,
                "place": { "possibleTypes": [] },
            } }),
        )
        .await;
    for query in [
        "{ vault { name } }",
        "mutation { change }",
        "{ open(of: A) }",
    ] {
        let request = GraphQLRequest::new(query);
        let answer = graph
            .local
            .execute(request, RequestContext::default())
            .await;
        assert!(answer.data.is_none(), "{query}");
    }
}

/// Composition also resolves links: subgraphs may import directives under other names, or not import them.
#[tokio::test]
async fn what_subgraphs_call_a_directive_does_not_matter() {
    for (import, name) in [
        (r#"["@key", "@authenticated"]"#, "authenticated"),
        (r#"["@key"]"#, "federation__authenticated"),
        (
            r#"["@key", { name: "@authenticated", as: "@signedIn" }]"#,
            "signedIn",
        ),
    ] {
        let sdl = format!(
            r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: {import})
               type Query {{ open: Int secret: Int @{name} }}"#
        );
        let service = std::sync::Arc::new(Answering);
        let transport = router::LocalTransport::new("shop", service);
        let router = Router::builder()
            .subgraph("shop", &sdl, std::sync::Arc::new(transport))
            .build();
        let router = router.unwrap_or_else(|error| panic!("{import}: {error}"));
        let answer = router
            .execute(
                GraphQLRequest::new("{ open secret }"),
                RequestContext::default(),
            )
            .await;
        assert_eq!(
            answer.data_value(),
            json!({ "open": 1, "secret": null }),
            "{import}"
        );
        assert_eq!(answer.errors.len(), 1, "{import}");
    }
}

/// A subgraph that returns 1 for every field.
struct Answering;

#[async_trait::async_trait]
impl router::LocalService for Answering {
    async fn execute(&self, _: async_graphql::Request, _: Caller) -> async_graphql::Response {
        let data = json!({ "open": 1, "secret": 1 });
        async_graphql::Response::new(async_graphql::Value::from_json(data).expect("data"))
    }

    fn subscribe(
        &self,
        _: router::LocalSubscription,
    ) -> futures::stream::BoxStream<'static, async_graphql::Response> {
        unreachable!("it has no subscriptions")
    }
}
