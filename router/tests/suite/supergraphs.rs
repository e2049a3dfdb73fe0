//! Supergraphs composed elsewhere, with subgraphs at the URLs they contain.

use router::{GraphQLRequest, RequestContext, Router, RouterError};
use serde_json::json;

use crate::kit::{Subgraph, over_http};

/// As written by Apollo's composition, including definitions of the linked specifications.
const SUPERGRAPH: &str = r#"schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY)
  @link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)
{
  query: Root
}

directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean, overrideLabel: String, contextArguments: [join__ContextArgument!]) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA

input join__ContextArgument { name: String! type: String! context: String! selection: join__FieldValue! }
scalar join__DirectiveArguments
scalar join__FieldSet
scalar join__FieldValue
enum join__Graph {
  A @join__graph(name: "a", url: "A_URL")
  B @join__graph(name: "b", url: "B_URL")
}
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }

scalar Time @join__type(graph: A) @specifiedBy(url: "https://example.com/time")

type Root @join__type(graph: A) @join__type(graph: B) {
  thing: Thing @join__field(graph: A)
  things: [Thing!]! @join__field(graph: A)
}

interface Named @join__type(graph: A) { id: ID! }

type Thing implements Named @join__implements(graph: A, interface: "Named") @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
  id: ID!
  at: Time @join__field(graph: A)
  b: Int @join__field(graph: B)
  secret: Int @join__field(graph: B) @authenticated
}
"#;

async fn supergraph() -> (Router, [std::sync::Arc<Subgraph>; 2]) {
    let a = Subgraph::new(
        "a",
        "type Query { thing: Thing things: [Thing!]! } interface Named { id: ID! } type Thing implements Named { id: ID! at: Time } scalar Time",
    )
    .root("thing", json!({ "id": "t1", "at": "12:00" }))
    .root("things", json!([]));
    let b = Subgraph::new(
        "b",
        "type Query { b: Int } type Thing @key(fields: \"id\") { id: ID! b: Int secret: Int }",
    )
    .entity("Thing", |_| json!({ "b": 2, "secret": 3 }));
    let subgraphs = [std::sync::Arc::new(a), std::sync::Arc::new(b)];
    let mut sdl = SUPERGRAPH.to_owned();
    for (subgraph, mark) in subgraphs.iter().zip(["A_URL", "B_URL"]) {
        let transport = over_http(subgraph).await;
        sdl = sdl.replace(mark, transport.url().expect("a URL"));
    }
    let router = Router::builder()
        .supergraph(&sdl)
        .introspection(true)
        .build()
        .expect("a router");
    (router, subgraphs)
}

#[tokio::test]
async fn a_foreign_supergraph_is_served_at_its_urls() {
    let (router, _) = supergraph().await;
    let request = GraphQLRequest::new(
        "{ thing { id at b secret } __typename __type(name: \"Time\") { specifiedByURL } }",
    );
    let response = router.execute(request, RequestContext::default()).await;
    let answer: serde_json::Value = serde_json::from_slice(&response.to_bytes()).expect("JSON");
    assert_eq!(
        answer,
        json!({
            "data": {
                "thing": { "id": "t1", "at": "12:00", "b": 2, "secret": null },
                "__typename": "Root",
                "__type": { "specifiedByURL": "https://example.com/time" },
            },
            "errors": [{ "message": "Sign in to see this field.", "path": ["thing", "secret"], "extensions": { "code": "UNAUTHENTICATED" } }],
        })
    );
    let sdl = router.api_sdl();
    assert!(!sdl.contains("join__") && !sdl.contains("link"), "{sdl}");
}

#[test]
fn what_cannot_be_served_is_refused_with_the_reason() {
    let refusal = |sdl: &str| {
        let built = Router::builder().supergraph(sdl).build();
        built.expect_err("refused").to_string()
    };
    assert!(refusal("type Query {").contains("not valid SDL"));
    assert!(refusal("type Product { id: ID }").contains("no query type"));
    let unreachable = SUPERGRAPH
        .replace("A_URL", "http://a")
        .replace("B_URL", "ftp://b");
    assert!(
        refusal(&unreachable).contains("`b`"),
        "{}",
        refusal(&unreachable)
    );
    assert!(matches!(
        Router::builder().build(),
        Err(RouterError::NoSchema)
    ));
}

#[test]
fn a_schema_that_no_subgraph_is_behind_is_refused() {
    let router = Router::builder()
        .supergraph("type Query { a: Int }")
        .build();
    assert!(
        matches!(router, Err(RouterError::NoSubgraphs)),
        "{router:?}"
    );
}
