//! Details of federation: all forms of keys, `@override`, chains of `@requires`, and conflicts between types.

use router::{GraphQLRequest, PlanRequest, RequestContext};
use serde_json::json;

use crate::kit::{Graph, Subgraph, failure};

#[tokio::test]
async fn compound_and_nested_keys_carry_everything_they_name() {
    let a = Subgraph::new(
        "a",
        r#"type Query { seats: [Seat!]! }
           type Seat @key(fields: "row number hall { id }") { row: String! number: Int! hall: Hall! }
           type Hall @key(fields: "id") { id: ID! }"#,
    )
    .root("seats", json!([{ "row": "A", "number": 1, "hall": { "id": "h" } }]));
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int }
           type Seat @key(fields: "row number hall { id }") { row: String! number: Int! hall: Hall! price: String }
           type Hall @key(fields: "id") { id: ID! }"#,
    )
    .entity("Seat", |seat| {
        json!({ "price": format!("{}{}@{}", seat["row"].as_str().unwrap(), seat["number"], seat["hall"]["id"].as_str().unwrap()) })
    });
    let graph = Graph::new([a, b]).await;
    graph
        .check(
            "{ seats { price } }",
            json!({ "data": { "seats": [{ "price": "A1@h" }] } }),
        )
        .await;
}

#[tokio::test]
async fn one_key_leads_to_another() {
    let a = Subgraph::new(
        "a",
        r#"type Query { book: Book } type Book @key(fields: "isbn") { isbn: ID! }"#,
    )
    .root("book", json!({ "isbn": "i1" }));
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int } type Book @key(fields: "isbn") @key(fields: "id") { isbn: ID! id: ID! }"#,
    )
    .entity("Book", |book| json!({ "isbn": book["isbn"], "id": "b1" }));
    let c = Subgraph::new(
        "c",
        r#"type Query { c: Int } type Book @key(fields: "id") { id: ID! shelf: String }"#,
    )
    .entity(
        "Book",
        |book| json!({ "shelf": format!("shelf of {}", book["id"].as_str().unwrap()) }),
    );
    let graph = Graph::new([a, b, c]).await;
    graph
        .check(
            "{ book { shelf } }",
            json!({ "data": { "book": { "shelf": "shelf of b1" } } }),
        )
        .await;
}

#[tokio::test]
async fn an_entity_that_is_nowhere_is_null_and_asked_for_no_further() {
    let a = Subgraph::new(
        "a",
        r#"type Query { books: [Book] } type Book @key(fields: "isbn") { isbn: ID! }"#,
    )
    .root("books", json!([{ "isbn": "i1" }, { "isbn": "i2" }, null]));
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int } type Book @key(fields: "isbn") @key(fields: "id") { isbn: ID! id: ID }"#,
    )
    .entity("Book", |book| match book["isbn"].as_str() {
        Some("i1") => json!({ "id": "b1" }),
        _ => json!(null),
    });
    let c = Subgraph::new(
        "c",
        r#"type Query { c: Int } type Book @key(fields: "id") { id: ID shelf: String }"#,
    )
    .entity("Book", |_| json!({ "shelf": "here" }));
    let graph = Graph::new([a, b, c]).await;
    graph
        .check(
            "{ books { isbn shelf } }",
            json!({ "data": { "books": [{ "isbn": "i1", "shelf": "here" }, { "isbn": "i2", "shelf": null }, null] } }),
        )
        .await;
    for (_, variables) in graph.requests("c") {
        assert_eq!(
            variables["representations"],
            json!([{ "__typename": "Book", "id": "b1" }])
        );
    }
}

#[tokio::test]
async fn requirements_may_require_others() {
    let a = Subgraph::new(
        "a",
        r#"type Query { item: Item } type Item @key(fields: "id") { id: ID! base: Int parts: [Part!] } type Part @shareable { weight: Int }"#,
    )
    .root(
        "item",
        json!({ "id": "1", "base": 2, "parts": [{ "weight": 3 }, { "weight": 4 }] }),
    );
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int } type Item @key(fields: "id") { id: ID! base: Int @external parts: [Part!] @external double: Int @requires(fields: "base parts { weight }") } type Part { weight: Int @external }"#,
    )
    .entity("Item", |item| {
        let parts = item["parts"].as_array().unwrap();
        let parts: i64 = parts.iter().map(|part| part["weight"].as_i64().unwrap()).sum();
        json!({ "double": item["base"].as_i64().unwrap() * 2 + parts })
    });
    let c = Subgraph::new(
        "c",
        r#"type Query { c: Int } type Item @key(fields: "id") { id: ID! double: Int @external total: Int @requires(fields: "double") }"#,
    )
    .entity("Item", |item| json!({ "total": item["double"].as_i64().unwrap() + 100 }));
    let graph = Graph::new([a, b, c]).await;
    graph
        .check(
            "{ item { total } }",
            json!({ "data": { "item": { "total": 111 } } }),
        )
        .await;
}

#[tokio::test]
async fn overridden_fields_come_from_their_new_home() {
    let a = Subgraph::new(
        "a",
        r#"type Query { item: Item } type Item @key(fields: "id") { id: ID! stock: Int }"#,
    )
    .root("item", json!({ "id": "1", "stock": -1 }))
    .entity("Item", |_| json!({ "stock": -1 }));
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int } type Item @key(fields: "id") { id: ID! stock: Int @override(from: "a") }"#,
    )
    .entity("Item", |_| json!({ "stock": 5 }));
    let graph = Graph::new([a, b]).await;
    graph
        .check(
            "{ item { stock } }",
            json!({ "data": { "item": { "stock": 5 } } }),
        )
        .await;
}

#[tokio::test]
async fn fields_of_one_name_may_differ_between_types() {
    let a = Subgraph::new(
        "a",
        r#"type Query { users: [Account!]! }
           union Account = User | Admin
           type User @key(fields: "id") { id: ID } type Admin @key(fields: "id") { id: ID! }"#,
    )
    .root(
        "users",
        json!([{ "__typename": "User", "id": "u" }, { "__typename": "Admin", "id": "a" }]),
    );
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int }
           type User @key(fields: "id") { id: ID name: String friends: [Admin!] }
           type Admin @key(fields: "id") { id: ID! name: String! friends: [User] }"#,
    )
    .entity(
        "User",
        |_| json!({ "name": "U", "friends": [{ "id": "a", "name": "A" }] }),
    )
    .entity(
        "Admin",
        |_| json!({ "name": "A", "friends": [{ "id": "u", "name": "U" }, null] }),
    );
    let graph = Graph::new([a, b]).await;
    graph
        .check(
            "{ users { ... on User { id user: name f: friends { name } } ... on Admin { adminId: id admin: name g: friends { name } } } }",
            json!({ "data": { "users": [
                { "id": "u", "user": "U", "f": [{ "name": "A" }] },
                { "adminId": "a", "admin": "A", "g": [{ "name": "U" }, null] },
            ] } }),
        )
        .await;
}

#[tokio::test]
async fn the_same_field_with_other_arguments_is_another_value() {
    let a = Subgraph::new(
        "a",
        r#"type Query { item: Item } type Item @key(fields: "id") { id: ID! }"#,
    )
    .root("item", json!({ "id": "1" }));
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int } type Item @key(fields: "id") { id: ID! price(currency: String = "USD"): Price } type Price { amount: Int code(upper: Boolean): String }"#,
    )
    .entity("Item", |_| {
        json!({
            "price{\"currency\":\"EUR\"}": { "amount": 9, "code": "eur" },
            "price{\"currency\":\"JPY\"}": { "amount": 1000, "code": "jpy" },
            "price": { "amount": 10, "code": "usd" },
        })
    });
    let graph = Graph::new([a, b]).await;
    graph
        .check_with(
            "query($c: String) { item { price { amount } eur: price(currency: \"EUR\") { amount code(upper: true) } jpy: price(currency: $c) { amount } } }",
            json!({ "c": "JPY" }),
            json!({ "data": { "item": { "price": { "amount": 10 }, "eur": { "amount": 9, "code": "eur" }, "jpy": { "amount": 1000 } } } }),
        )
        .await;
}

#[tokio::test]
async fn the_query_type_can_be_reached_from_a_mutation() {
    let a = Subgraph::new(
        "a",
        r#"type Query { count: Int } type Mutation { add: Payload } type Payload { query: Query done: Boolean }"#,
    )
    .root("count", json!(1))
    .root("add", json!({ "done": true, "query": { "count": 2 } }));
    let b = Subgraph::new("b", "type Query { other: Int }").root("other", json!(3));
    let graph = Graph::new([a, b]).await;
    graph
        .check(
            "mutation { add { done query { count other __typename } } }",
            json!({ "data": { "add": { "done": true, "query": { "count": 2, "other": 3, "__typename": "Query" } } } }),
        )
        .await;
}

#[tokio::test]
async fn entities_that_lead_back_to_where_they_came_from() {
    let users = Subgraph::new(
        "users",
        r#"type Query { me: User } type User @key(fields: "id") { id: ID! name: String }"#,
    )
    .root("me", json!({ "id": "u1" }))
    .entity(
        "User",
        |user| json!({ "name": format!("name of {}", user["id"].as_str().unwrap()) }),
    );
    let posts = Subgraph::new(
        "posts",
        r#"type Query { p: Int } type User @key(fields: "id") { id: ID! posts: [Post!] } type Post { title: String author: User likedBy: [[User]] }"#,
    )
    .entity("User", |_| {
        json!({ "posts": [{ "title": "t", "author": { "id": "u2", "posts": [{ "author": { "id": "u2" } }] }, "likedBy": [[{ "id": "u3" }, null], [{ "id": "u1" }]] }] })
    });
    let graph = Graph::new([users, posts]).await;
    graph
        .check(
            "{ me { posts { title author { name posts { author { name } } } likedBy { name } } } }",
            json!({ "data": { "me": { "posts": [{
                "title": "t",
                "author": { "name": "name of u2", "posts": [{ "author": { "name": "name of u2" } }] },
                "likedBy": [[{ "name": "name of u3" }, null], [{ "name": "name of u1" }]],
            }] } } }),
        )
        .await;
}

#[tokio::test]
async fn entities_at_several_places_of_one_subgraph_are_one_request() {
    let home = Subgraph::new(
        "home",
        r#"type Query { me: User top: [Product!] cart: Cart }
           type User @key(fields: "id") { id: ID! } type Product @key(fields: "id") { id: ID! }
           type Cart { lines: [Line!]! } type Line { product: Product }"#,
    )
    .root("me", json!({ "id": "u" }))
    .root("top", json!([{ "id": "p1" }, { "id": "p2" }]))
    .root(
        "cart",
        json!({ "lines": [{ "product": { "id": "p2" } }, { "product": { "id": "p3" } }] }),
    );
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query { r: Int }
           type User @key(fields: "id") { id: ID! written(first: Int): Int }
           type Product @key(fields: "id") { id: ID! stars: Int }"#,
    )
    .entity("User", |_| json!({ "written": 5 }))
    .entity("Product", |product| match product["id"].as_str() {
        Some("p2") => json!({ "stars": failure("hidden", json!({ "code": "FORBIDDEN" })) }),
        _ => json!({ "stars": 4 }),
    });
    let graph = Graph::with([home, reviews], |builder| builder.expose_query_plan(true)).await;
    let query = "query($n: Int) { me { written(first: $n) } best: top { stars } cart { lines { product { s: stars } } } }";
    for (name, router) in graph.routers() {
        let request = GraphQLRequest::new(query).with_variables(json!({ "n": 1 }));
        let context = RequestContext {
            query_plan: PlanRequest::Shown,
            ..RequestContext::default()
        };
        let mut response = router.execute(request, context).await;
        assert_eq!(
            response.data_value(),
            json!({
                "me": { "written": 5 },
                "best": [{ "stars": 4 }, { "stars": null }],
                "cart": { "lines": [{ "product": { "s": null } }, { "product": { "s": 4 } }] },
            }),
            "over {name}"
        );
        response.errors.sort_by_key(|error| error.path.len());
        let errors = serde_json::to_value(&response.errors).unwrap();
        let error = |path| json!({ "message": "hidden", "path": path, "extensions": { "code": "FORBIDDEN" } });
        assert_eq!(
            errors,
            json!([
                error(json!(["best", 1, "stars"])),
                error(json!(["cart", "lines", 0, "product", "s"]))
            ]),
            "over {name}"
        );
        assert!(
            response.extensions["queryPlan"]
                .to_string()
                .contains("BatchFetch")
        );
        let requests = graph.requests("reviews");
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert_eq!(requests[0].1["n"], 1);
    }
}

#[tokio::test]
async fn fields_with_a_needed_name_make_room() {
    let a = Subgraph::new(
        "a",
        r#"type Query { items: [Item] }
           type Item @key(fields: "id") { id: ID! name: String size(unit: Unit = CM): Int owner: Owner }
           enum Unit { CM MM }
           type Owner { name: String }"#,
    )
    .root(
        "items",
        json!([{ "id": "1", "name": "one", "owner": { "name": "Ann" }, "size": 5, r#"size{"unit":"MM"}"#: 50 }]),
    )
    .entity("Item", |item| {
        json!({ "id": item["id"], "name": failure("no name", json!({ "code": "CONFLICT" })) })
    });
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Item }
           enum Unit { CM MM }
           type Item @key(fields: "id") { id: ID! name: String @external size(unit: Unit = CM): Int @external volume: Int @requires(fields: "size(unit: MM)") tag: String @requires(fields: "name") }"#,
    )
    .root("b", json!({ "id": "1" }))
    .entity("Item", |item| {
        json!({ "volume": item["size"].as_i64().map(|size| size * size), "tag": item["name"] })
    });
    let graph = Graph::new([a, b]).await;
    graph
        .check(
            "{ items { id: name name: id size volume tag } }",
            json!({ "data": { "items": [{ "id": "one", "name": "1", "size": 5, "volume": 2500, "tag": "one" }] } }),
        )
        .await;
    graph
        .check(
            "{ items { volume size: name name: owner { id: name } tag } }",
            json!({ "data": { "items": [{ "volume": 2500, "size": "one", "name": { "id": "Ann" }, "tag": "one" }] } }),
        )
        .await;
    // Error paths use the client's response keys.
    graph
        .check(
            "{ b { id: name } }",
            json!({
                "data": { "b": { "id": null } },
                "errors": [{ "message": "no name", "path": ["b", "id"], "extensions": { "code": "CONFLICT" } }],
            }),
        )
        .await;
}
