//! The router resolves introspection itself, and shows only the public schema.

use crate::kit::{Graph, Subgraph};
use router::{ErrorCode, GraphQLRequest, RequestContext};
use serde_json::{Value, json};

async fn graph() -> Graph {
    let a = Subgraph::new(
        "a",
        r#"type Query { "All products." products(first: Int = 20, by: Order = { desc: true }): [Product!]! old: Int @deprecated(reason: "gone") hidden: Int @inaccessible }
           type Mutation { touch: Int }
           interface Named { name: String }
           "What is sold." type Product implements Named @key(fields: "id") { id: ID! name: String kind: Kind secret: Secret @inaccessible }
           type Secret @inaccessible { x: Int }
           enum Kind { A B @deprecated C @inaccessible }
           union Any = Product
           input Order { desc: Boolean! = false, by: [String!] }
           scalar Time"#,
    )
    .root("products", json!([]));
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Time any: Any } scalar Time type Product @key(fields: "id") { id: ID! stock: Int @authenticated } union Any = Product"#,
    );
    Graph::new([a, b]).await
}

const FULL: &str = r#"query IntrospectionQuery {
  __schema {
    description queryType { name kind } mutationType { name } subscriptionType { name }
    types { ...FullType }
    directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields(includeDeprecated: true) { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }"#;

async fn execute(graph: &Graph, query: &str) -> Value {
    let response = graph
        .local
        .execute(GraphQLRequest::new(query), RequestContext::default())
        .await;
    assert_eq!(response.errors, [], "{query}");
    response.data_value()
}

#[tokio::test]
async fn the_full_query_describes_every_type_it_refers_to() {
    let graph = graph().await;
    let data = execute(&graph, FULL).await;
    let schema = &data["__schema"];
    assert_eq!(
        schema["queryType"],
        json!({ "name": "Query", "kind": "OBJECT" })
    );
    assert_eq!(schema["mutationType"], json!({ "name": "Mutation" }));
    assert_eq!(schema["subscriptionType"], Value::Null);
    let mut names: Vec<&str> = schema["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ty| ty["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "Any",
            "Boolean",
            "Float",
            "ID",
            "Int",
            "Kind",
            "Mutation",
            "Named",
            "Order",
            "Product",
            "Query",
            "String",
            "Time",
            "__Directive",
            "__DirectiveLocation",
            "__EnumValue",
            "__Field",
            "__InputValue",
            "__Schema",
            "__Type",
            "__TypeKind"
        ]
    );
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                if let (Some(name), Some(Value::Null) | None) = (
                    fields.get("name").and_then(Value::as_str),
                    fields.get("ofType"),
                ) && fields.contains_key("kind")
                {
                    found.push(name);
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(schema, &mut found);
    for name in found {
        assert!(
            names.contains(&name),
            "{name} is referred to and not described"
        );
    }
    let text = data.to_string();
    for internal in [
        "join__",
        "_entities",
        "_service",
        "_Any",
        "link",
        "inaccessible",
        "authenticated",
        "Secret",
        "hidden",
    ] {
        assert!(!text.contains(internal), "{internal}");
    }
    let mut directives: Vec<&str> = schema["directives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|directive| directive["name"].as_str().unwrap())
        .collect();
    directives.sort_unstable();
    assert_eq!(
        directives,
        [
            "defer",
            "deprecated",
            "include",
            "oneOf",
            "skip",
            "specifiedBy"
        ]
    );
}

#[tokio::test]
async fn types_are_described_as_written() {
    let graph = graph().await;
    let query = r#"query($name: String! = "Query") { __type(name: $name) { __typename name description fields { name description args { name defaultValue type { name kind ofType { name } } } type { kind ofType { kind } } } }
        product: __type(name: "Product") { description } kind: __type(name: "Kind") { enumValues { name } all: enumValues(includeDeprecated: true) { name isDeprecated deprecationReason } }
        none: __type(name: "Secret") { name } named: __type(name: "Named") { possibleTypes { name } interfaces { name } } }"#;
    assert_eq!(
        execute(&graph, query).await,
        json!({
            "__type": { "__typename": "__Type", "name": "Query", "description": null, "fields": [
                { "name": "any", "description": null, "args": [], "type": { "kind": "UNION", "ofType": null } },
                { "name": "b", "description": null, "args": [], "type": { "kind": "SCALAR", "ofType": null } },
                { "name": "products", "description": "All products.", "args": [
                    { "name": "first", "defaultValue": "20", "type": { "name": "Int", "kind": "SCALAR", "ofType": null } },
                    { "name": "by", "defaultValue": "{desc: true}", "type": { "name": "Order", "kind": "INPUT_OBJECT", "ofType": null } },
                ], "type": { "kind": "NON_NULL", "ofType": { "kind": "LIST" } } },
            ]},
            "product": { "description": "What is sold." },
            "kind": { "enumValues": [{ "name": "A" }], "all": [
                { "name": "A", "isDeprecated": false, "deprecationReason": null },
                { "name": "B", "isDeprecated": true, "deprecationReason": "No longer supported" } ] },
            "none": null,
            "named": { "possibleTypes": [{ "name": "Product" }], "interfaces": [] },
        })
    );
}

#[tokio::test]
async fn it_combines_with_data_and_needs_no_subgraph_alone() {
    let graph = graph().await;
    let data = execute(&graph, "{ n: __typename ...F __schema { queryType { name } } } fragment F on Query { __typename __schema { mutationType { name } } }").await;
    assert_eq!(
        data,
        json!({ "n": "Query", "__typename": "Query", "__schema": { "mutationType": { "name": "Mutation" }, "queryType": { "name": "Query" } } })
    );
    assert_eq!(graph.requests("a"), []);
    let data = execute(
        &graph,
        "{ products { id } __type(name: \"Int\") { kind } __typename }",
    )
    .await;
    assert_eq!(
        data,
        json!({ "products": [], "__type": { "kind": "SCALAR" }, "__typename": "Query" })
    );
}

#[tokio::test]
async fn it_can_be_switched_off_for_all_and_on_for_one() {
    let graph = Graph::with(
        [Subgraph::new("a", "type Query { a: Int }").root("a", json!(1))],
        |builder| builder.introspection(false),
    )
    .await;
    let run = |query: &'static str, introspection: Option<bool>| {
        let context = RequestContext {
            introspection,
            ..RequestContext::default()
        };
        graph.local.execute(GraphQLRequest::new(query), context)
    };
    let refused = run(
        "{ a ...F } fragment F on Query { __schema { queryType { name } } }",
        None,
    )
    .await;
    assert!(refused.data.is_none());
    assert_eq!(refused.errors[0].code(), ErrorCode::Forbidden);
    assert_eq!(run("{ a __typename }", None).await.errors, []);
    assert_eq!(
        run("{ __type(name: \"Int\") { name } }", Some(true))
            .await
            .errors,
        []
    );
}

#[tokio::test]
async fn the_api_schema_prints_without_machinery() {
    let graph = graph().await;
    let sdl = graph.local.api_sdl();
    for internal in [
        "join__",
        "@link",
        "_entities",
        "inaccessible",
        "@authenticated",
        "scalar Int",
        "__Type",
        "directive @skip",
    ] {
        assert!(!sdl.contains(internal), "{internal} in {sdl}");
    }
    assert!(sdl.contains("stock: Int\n"), "{sdl}");
    assert!(
        sdl.contains("old: Int @deprecated(reason: \"gone\")"),
        "{sdl}"
    );
    assert!(graph.local.supergraph_sdl().contains("join__Graph"));
}
