//! Denied and hidden fields of interface and union members: the response is the same by any path and with any other
//! selections.

use platform::caller::Caller;
use router::{GraphQLRequest, PlanRequest, RequestContext};
use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

const HEADER: &str = r#"schema
    @link(url: "https://specs.apollo.dev/link/v1.0")
    @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)
    @link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)
    @link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY)
    { query: Query }
    enum join__Graph { SHOP @join__graph(name: "shop", url: "http://shop") RATE @join__graph(name: "rate", url: "http://rate") }"#;

/// Books whose price requires a signed-in user, films whose price is public, and hidden elements.
fn supergraph() -> String {
    format!(
        r#"{HEADER}
        type Query @join__type(graph: SHOP) @join__type(graph: RATE) {{
          product: Product @join__field(graph: SHOP)
          products: [Product] @join__field(graph: SHOP)
          found: [Found] @join__field(graph: SHOP)
          unpublished: [Unpublished] @join__field(graph: SHOP)
          rated: [Product] @join__field(graph: RATE)
        }}
        interface Unpublished @join__type(graph: SHOP) {{ id: ID! }}
        interface Product @join__type(graph: SHOP, key: "id") @join__type(graph: RATE, key: "id", isInterfaceObject: true) {{
          id: ID! price: Int @join__field(graph: SHOP) code: String @join__field(graph: SHOP) maker: Maker @join__field(graph: SHOP)
          stars: Int @join__field(graph: RATE) @authenticated
        }}
        type Book implements Product @join__implements(graph: SHOP, interface: "Product") @join__type(graph: SHOP, key: "id") {{
          id: ID! price: Int @authenticated code: String @inaccessible maker: Maker @authenticated stars: Int @join__field
        }}
        type Film implements Product @join__implements(graph: SHOP, interface: "Product") @join__type(graph: SHOP, key: "id") {{
          id: ID! price: Int code: String maker: Maker stars: Int @join__field
        }}
        type Draft implements Product & Unpublished @inaccessible @join__implements(graph: SHOP, interface: "Product") @join__implements(graph: SHOP, interface: "Unpublished") @join__type(graph: SHOP, key: "id") {{
          id: ID! price: Int code: String maker: Maker stars: Int @join__field
        }}
        type Maker @join__type(graph: SHOP) {{ name: String }}
        union Found @join__type(graph: SHOP) @join__unionMember(graph: SHOP, member: "Book") @join__unionMember(graph: SHOP, member: "Film") @join__unionMember(graph: SHOP, member: "Draft") = Book | Film | Draft"#
    )
}

fn product(type_name: &str) -> Value {
    json!({ "__typename": type_name, "id": type_name, "price": 42, "code": "c", "maker": { "name": "m" } })
}

async fn graph() -> Graph {
    graph_with(false).await
}

async fn graph_with(plan: bool) -> Graph {
    let fields = "id: ID! price: Int code: String maker: Maker";
    let products = json!([product("Book"), product("Film"), product("Draft")]);
    let shop = Subgraph::new(
        "shop",
        &format!(
            r#"type Query {{ product: Product products: [Product] found: [Found] unpublished: [Unpublished] }}
               interface Unpublished {{ id: ID! }}
               interface Product @key(fields: "id") {{ {fields} }}
               type Book implements Product @key(fields: "id") {{ {fields} }}
               type Film implements Product @key(fields: "id") {{ {fields} }}
               type Draft implements Product & Unpublished @key(fields: "id") {{ {fields} }}
               type Maker {{ name: String }}
               union Found = Book | Film | Draft"#
        ),
    )
    .root("product", product("Book"))
    .root("products", products.clone())
    .root("found", products)
    .root("unpublished", json!([product("Draft")]))
    .entity("Product", |known| {
        product(known["id"].as_str().unwrap_or_default())
    })
    .entity("Book", |_| product("Book"))
    .entity("Film", |_| product("Film"));
    let rated = |id: &str| json!({ "__typename": "Product", "id": id, "stars": 5 });
    let rate = Subgraph::new(
        "rate",
        r#"type Query { rated: [Product] } type Product @key(fields: "id") { id: ID! stars: Int }"#,
    )
    .root(
        "rated",
        json!([rated("Book"), rated("Film"), rated("Draft")]),
    )
    .entity(
        "Product",
        |known| json!({ "__typename": "Product", "id": known["id"], "stars": 5 }),
    );
    Graph::composed(&supergraph(), [shop, rate], |builder| {
        builder.expose_query_plan(plan)
    })
    .await
}

fn refusal(path: Value) -> Value {
    json!({ "message": "Sign in to see this field.", "path": path, "extensions": { "code": "UNAUTHENTICATED" } })
}

/// Adding `__typename` at any position does not change the rest of the response.
async fn check(graph: &Graph, field: &str, selection: &str, expected: Value, errors: Value) {
    let mut answer = json!({ "data": { field: expected.clone() } });
    if errors != json!([]) {
        answer["errors"] = errors;
    }
    graph
        .check(&format!("{{ {field} {{ {selection} }} }}"), answer.clone())
        .await;
    let mut typed = answer;
    let types = ["Book", "Film"];
    match &mut typed["data"][field] {
        Value::Array(items) => {
            for (item, name) in items.iter_mut().zip(types) {
                item["t"] = json!(name);
            }
        }
        one => one["t"] = json!("Book"),
    }
    graph
        .check(
            &format!("{{ {field} {{ {selection} t: __typename }} }}"),
            typed,
        )
        .await;
}

#[tokio::test]
async fn a_field_that_one_member_denies_is_denied_through_the_interface() {
    let graph = graph().await;
    check(
        &graph,
        "product",
        "id price",
        json!({ "id": "Book", "price": null }),
        json!([refusal(json!(["product", "price"]))]),
    )
    .await;
    check(
        &graph,
        "products",
        "price",
        json!([{ "price": null }, { "price": 42 }, null]),
        json!([refusal(json!(["products", 0, "price"]))]),
    )
    .await;
    check(
        &graph,
        "products",
        "maker { name }",
        json!([{ "maker": null }, { "maker": { "name": "m" } }, null]),
        json!([refusal(json!(["products", 0, "maker"]))]),
    )
    .await;
}

#[tokio::test]
async fn what_a_member_denies_is_not_fetched() {
    let graph = graph_with(true).await;
    let context = RequestContext {
        query_plan: PlanRequest::Shown,
        ..RequestContext::default()
    };
    let request = GraphQLRequest::new("{ products { price } }");
    let answer = graph.local.execute(request, context).await;
    let plan = answer.extensions["queryPlan"].to_string();
    let sent: String = plan.split(char::is_whitespace).collect();
    assert!(sent.contains("onFilm{price}"), "{plan}");
    assert_eq!(sent.matches("price").count(), 1, "{plan}");
}

#[tokio::test]
async fn a_field_that_one_member_hides_is_null_through_the_interface() {
    let graph = graph().await;
    check(
        &graph,
        "products",
        "code",
        json!([{ "code": null }, { "code": "c" }, null]),
        json!([]),
    )
    .await;
}

#[tokio::test]
async fn a_member_that_is_inaccessible_is_null_whatever_is_selected() {
    let graph = graph().await;
    for field in ["products", "found"] {
        for selection in [
            "id",
            "... on Product { id }",
            "... on Book { id } ... on Film { id }",
        ] {
            if field == "found" && selection == "id" {
                continue;
            }
            check(
                &graph,
                field,
                selection,
                json!([{ "id": "Book" }, { "id": "Film" }, null]),
                json!([]),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn an_object_of_an_interface_whose_types_are_all_inaccessible_is_null() {
    let graph = graph().await;
    for selection in ["id", "__typename", "... on Unpublished { id }"] {
        let document = format!("{{ unpublished {{ {selection} }} }}");
        let answer = json!({ "data": { "unpublished": [null] } });
        graph.check(&document, answer).await;
    }
}

#[tokio::test]
async fn what_is_denied_of_an_interface_object_is_denied_of_its_members() {
    let graph = graph().await;
    for selection in ["stars", "... on Book { stars } ... on Film { stars }"] {
        check(
            &graph,
            "products",
            selection,
            json!([{ "stars": null }, { "stars": null }, null]),
            json!([
                refusal(json!(["products", 0, "stars"])),
                refusal(json!(["products", 1, "stars"])),
            ]),
        )
        .await;
    }
    check(
        &graph,
        "rated",
        "id price",
        json!([{ "id": "Book", "price": null }, { "id": "Film", "price": 42 }, null]),
        json!([refusal(json!(["rated", 0, "price"]))]),
    )
    .await;
}

#[tokio::test]
async fn who_may_see_everything_gets_it() {
    let graph = graph().await;
    graph
        .check_as(
            Caller::customer("usr_1"),
            "{ products { price stars maker { name } } rated { price stars } }",
            json!({}),
            json!({ "data": {
                "products": [
                    { "price": 42, "stars": 5, "maker": { "name": "m" } },
                    { "price": 42, "stars": 5, "maker": { "name": "m" } },
                    null,
                ],
                "rated": [{ "price": 42, "stars": 5 }, { "price": 42, "stars": 5 }, null],
            } }),
        )
        .await;
}

/// Only the denial depends on the type here, so nothing else would request `__typename`.
#[tokio::test]
async fn the_type_is_asked_for_where_only_a_denial_depends_on_it() {
    let fields = "id: ID! price: Int";
    let shop = Subgraph::new(
        "shop",
        &format!(
            r#"type Query {{ product: Product products: [Product] }}
               interface Product {{ {fields} }}
               type Book implements Product {{ id: ID! price: Int @authenticated }}
               type Film implements Product {{ {fields} }}
               type Song implements Product {{ {fields} }}"#
        ),
    )
    .root("product", product("Book"))
    .root(
        "products",
        json!([product("Book"), product("Film"), product("Song")]),
    );
    let graph = Graph::new([shop]).await;
    check(
        &graph,
        "product",
        "id price",
        json!({ "id": "Book", "price": null }),
        json!([refusal(json!(["product", "price"]))]),
    )
    .await;
    graph
        .check(
            "{ products { id price } }",
            json!({
                "data": { "products": [
                    { "id": "Book", "price": null },
                    { "id": "Film", "price": 42 },
                    { "id": "Song", "price": 42 },
                ] },
                "errors": [refusal(json!(["products", 0, "price"]))],
            }),
        )
        .await;
}
