//! `@requires` in all forms: from a third subgraph, chained, with arguments, with fragments, of lists.

use router::{GraphQLRequest, RequestContext};
use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph, failure};

/// A shop whose shipping cost depends on fields of three other subgraphs.
async fn shop() -> Graph {
    let catalog = Subgraph::new(
        "catalog",
        r#"type Query { items: [Item] item: Item }
           type Item @key(fields: "id") { id: ID! name: String }"#,
    )
    .root(
        "items",
        json!([{ "id": "1", "name": "One" }, { "id": "2", "name": null }, null]),
    )
    .root("item", json!({ "id": "1", "name": "One" }))
    .entity("Item", |item| json!({ "id": item["id"], "name": "One" }));
    let sizes = Subgraph::new(
        "sizes",
        r#"type Query { sized: Item }
           type Item @key(fields: "id") { id: ID! weight(unit: String = "g"): Int box: Box parts: [Part] owner: Owner }
           type Box { width: Int height: Int label: String }
           type Part { weight: Int kind: String }
           interface Owner { id: ID! }
           type Person implements Owner { id: ID! age: Int }
           type Firm implements Owner { id: ID! vat: String }"#,
    )
    .root("sized", sized("1"))
    .entity("Item", |item| sized(item["id"].as_str().unwrap()));
    let shipping = Subgraph::new(
        "shipping",
        r#"type Query { shipped: [Item] }
           type Item @key(fields: "id") {
             id: ID!
             name: String @external
             weight(unit: String = "g"): Int @external
             box: Box @external
             parts: [Part] @external
             owner: Owner @external
             cost: Int @requires(fields: "weight(unit: \"kg\") box { width height }")
             heaviest: Int @requires(fields: "parts { weight }")
             recipient: String @requires(fields: "owner { ... on Person { id age } ... on Firm { vat } }")
             tag(upper: Boolean): String @requires(fields: "name")
             both: String @requires(fields: "name weight")
             parcel: Parcel @requires(fields: "weight")
           }
           type Parcel { grams: Int item: Item }
           type Box { width: Int @external height: Int @external }
           type Part { weight: Int @external }
           interface Owner { id: ID! }
           type Person implements Owner { id: ID! @external age: Int @external }
           type Firm implements Owner { id: ID! @external vat: String @external }"#,
    )
    .root("shipped", json!([{ "id": "1" }, { "id": "3" }]))
    .entity("Item", shipped);
    let prices = Subgraph::new(
        "prices",
        r#"type Query { p: Int }
           type Item @key(fields: "id") { id: ID! cost: Int @external total: Int @requires(fields: "cost") advice: String @requires(fields: "cost") }"#,
    )
    .entity("Item", |item| {
        json!({
            "id": item["id"],
            "total": item["cost"].as_i64().map(|cost| cost + 100),
            "advice": item["cost"].as_i64().map(|cost| if cost > 20 { "wait" } else { "buy" }),
        })
    });
    let offers = Subgraph::new(
        "offers",
        r#"type Query { o: Int }
           type Item @key(fields: "id") { id: ID! total: Int @external cost: Int @external deal: String @requires(fields: "total cost") }"#,
    )
    .entity("Item", |item| {
        json!({ "id": item["id"], "deal": format!("{} of {}", item["cost"], item["total"]) })
    });
    Graph::new([catalog, sizes, shipping, prices, offers]).await
}

fn sized(id: &str) -> Value {
    match id {
        "1" => json!({
            "id": "1", "weight": 2000, r#"weight{"unit":"kg"}"#: 2,
            "box": { "width": 3, "height": 4, "label": "b" },
            "parts": [{ "weight": 5, "kind": "a" }, null, { "weight": 9, "kind": "b" }],
            "owner": { "__typename": "Person", "id": "p", "age": 33 },
        }),
        "2" => json!({
            "id": "2", "weight": null, "box": null, "parts": [],
            "owner": { "__typename": "Firm", "id": "f", "vat": "SE1" },
        }),
        _ => {
            json!({ "id": id, "weight": failure("too light", json!({ "code": "CONFLICT" })), "box": null, "parts": null, "owner": null })
        }
    }
}

fn shipped(item: &Value) -> Value {
    let cost = item["weight"].as_i64().and_then(|weight| {
        let area = item["box"]["width"].as_i64()? * item["box"]["height"].as_i64()?;
        Some(weight * area)
    });
    let heaviest = item["parts"].as_array().and_then(|parts| {
        parts
            .iter()
            .filter_map(|part| part["weight"].as_i64())
            .max()
    });
    let recipient = item["owner"]
        .as_object()
        .map(|owner| match owner.get("age") {
            Some(age) => format!("a person of {age}"),
            None => format!("a firm of {}", owner["vat"]),
        });
    let name = item["name"].as_str();
    json!({
        "id": item["id"],
        "cost": cost,
        "heaviest": heaviest,
        "recipient": recipient,
        "tag": name.map(|name| format!("<{name}>")),
        r#"tag{"upper":true}"#: name.map(str::to_uppercase),
        "both": format!("{} {}", item["name"], item["weight"]),
        "parcel": item["weight"].as_i64().map(|grams| json!({ "grams": grams, "item": { "id": "2" } })),
    })
}

#[tokio::test]
async fn needs_come_from_a_third_subgraph() {
    let graph = shop().await;
    for (query, answer) in [
        ("{ item { cost } }", json!({ "item": { "cost": 24 } })),
        (
            "{ item { both } }",
            json!({ "item": { "both": "\"One\" 2000" } }),
        ),
        (
            "{ item { name tag cost } }",
            json!({ "item": { "name": "One", "tag": "<One>", "cost": 24 } }),
        ),
        ("{ sized { tag } }", json!({ "sized": { "tag": "<One>" } })),
        (
            "{ sized { cost weight } }",
            json!({ "sized": { "cost": 24, "weight": 2000 } }),
        ),
    ] {
        graph.check(query, json!({ "data": answer })).await;
    }
}

#[tokio::test]
async fn needs_are_fetched_from_where_the_entity_is_already() {
    let graph = shop().await;
    graph
        .check(
            "{ shipped { id heaviest } }",
            json!({ "data": { "shipped": [{ "id": "1", "heaviest": 9 }, { "id": "3", "heaviest": null }] } }),
        )
        .await;
}

#[tokio::test]
async fn needs_may_need_others_in_turn() {
    let graph = shop().await;
    for (query, answer) in [
        ("{ item { total } }", json!({ "item": { "total": 124 } })),
        (
            "{ item { advice total cost } }",
            json!({ "item": { "advice": "wait", "total": 124, "cost": 24 } }),
        ),
        (
            "{ item { deal } }",
            json!({ "item": { "deal": "24 of 124" } }),
        ),
        (
            "{ item { deal tag advice } }",
            json!({ "item": { "deal": "24 of 124", "tag": "<One>", "advice": "wait" } }),
        ),
        (
            "{ shipped { deal } }",
            json!({ "shipped": [{ "deal": "24 of 124" }, { "deal": "null of null" }] }),
        ),
    ] {
        let expected = match query.contains("shipped") {
            // Errors for the second item are reported where its values are needed.
            true => {
                json!({ "data": answer, "errors": [{ "message": "too light", "path": ["shipped", 1], "extensions": { "code": "CONFLICT" } }] })
            }
            false => json!({ "data": answer }),
        };
        graph.check(query, expected).await;
    }
}

#[tokio::test]
async fn arguments_of_a_need_are_its_own() {
    let graph = shop().await;
    for (query, answer) in [
        (
            r#"{ item { cost weight } }"#,
            json!({ "item": { "cost": 24, "weight": 2000 } }),
        ),
        (
            r#"{ item { weight(unit: "kg") cost grams: weight } }"#,
            json!({ "item": { "weight": 2, "cost": 24, "grams": 2000 } }),
        ),
        (
            r#"{ item { weight(unit: "g") cost both } }"#,
            json!({ "item": { "weight": 2000, "cost": 24, "both": "\"One\" 2000" } }),
        ),
        (
            r#"{ item { low: tag high: tag(upper: true) } }"#,
            json!({ "item": { "low": "<One>", "high": "ONE" } }),
        ),
    ] {
        graph.check(query, json!({ "data": answer })).await;
    }
}

#[tokio::test]
async fn needs_may_have_fragments_on_an_interface() {
    let graph = shop().await;
    graph
        .check(
            "{ items { recipient } }",
            json!({ "data": { "items": [{ "recipient": "a person of 33" }, { "recipient": "a firm of \"SE1\"" }, null] } }),
        )
        .await;
    graph
        .check(
            "{ items { recipient owner { __typename ... on Firm { vat } } } }",
            json!({ "data": { "items": [
                { "recipient": "a person of 33", "owner": { "__typename": "Person" } },
                { "recipient": "a firm of \"SE1\"", "owner": { "__typename": "Firm", "vat": "SE1" } },
                null,
            ] } }),
        )
        .await;
}

#[tokio::test]
async fn needs_that_are_null_are_handed_over_as_null() {
    let graph = shop().await;
    graph
        .check(
            "{ items { cost tag heaviest } }",
            json!({ "data": { "items": [
                { "cost": 24, "tag": "<One>", "heaviest": 9 },
                { "cost": null, "tag": null, "heaviest": null },
                null,
            ] } }),
        )
        .await;
}

#[tokio::test]
async fn objects_behind_a_requirement_have_requirements_too() {
    let graph = shop().await;
    graph
        .check(
            "{ item { parcel { grams item { recipient parcel { grams } } } } }",
            json!({ "data": { "item": { "parcel": { "grams": 2000, "item": { "recipient": "a firm of \"SE1\"", "parcel": null } } } } }),
        )
        .await;
}

#[tokio::test]
async fn needs_under_other_selections_of_the_same_object_stay_complete() {
    let graph = shop().await;
    for (query, answer) in [
        (
            "{ item { box { label } cost } }",
            json!({ "item": { "box": { "label": "b" }, "cost": 24 } }),
        ),
        (
            "{ item { box { w: width } parts { kind } cost heaviest } }",
            json!({ "item": { "box": { "w": 3 }, "parts": [{ "kind": "a" }, null, { "kind": "b" }], "cost": 24, "heaviest": 9 } }),
        ),
        (
            "{ item { parts { weight: kind } heaviest } }",
            json!({ "item": { "parts": [{ "weight": "a" }, null, { "weight": "b" }], "heaviest": 9 } }),
        ),
        (
            "{ item { name: id tag } }",
            json!({ "item": { "name": "1", "tag": "<One>" } }),
        ),
    ] {
        graph.check(query, json!({ "data": answer })).await;
    }
}

#[tokio::test]
async fn each_subgraph_is_asked_once_for_what_several_requirements_share() {
    let graph = shop().await;
    graph
        .check(
            "{ item { cost heaviest both } }",
            json!({ "data": { "item": { "cost": 24, "heaviest": 9, "both": "\"One\" 2000" } } }),
        )
        .await;
    // One request by each transport's router.
    assert_eq!(graph.requests("catalog").len(), 2);
}

/// A shop in which several subgraphs may fail to return what shipping requires.
async fn fragile() -> Graph {
    let lost = |what: &str| failure(what, json!({ "code": "CONFLICT" }));
    let catalog = Subgraph::new(
        "catalog",
        r#"type Query { items: [Item] }
           type Item @key(fields: "id") { id: ID! }"#,
    )
    .root(
        "items",
        json!([{ "id": "1" }, { "id": "2" }, { "id": "3" }, { "id": "4" }]),
    );
    let weights = Subgraph::new(
        "weights",
        r#"type Query { w: Int } type Item @key(fields: "id") { id: ID! weight: Int! }"#,
    )
    .entity("Item", move |item| match item["id"].as_str() {
        Some("2" | "4") => lost("no weight"),
        _ => json!({ "id": item["id"], "weight": 5 }),
    });
    let sizes = Subgraph::new(
        "sizes",
        r#"type Query { s: Int } type Item @key(fields: "id") { id: ID! size: Size! } type Size { width: Int! depth: Int! }"#,
    )
    .entity("Item", move |item| match item["id"].as_str() {
        Some("3" | "4") => lost("no size"),
        _ => json!({ "id": item["id"], "size": { "width": 2, "depth": 3 } }),
    });
    let shipping = Subgraph::new(
        "shipping",
        r#"type Query { x: Int }
           type Item @key(fields: "id") {
             id: ID!
             weight: Int! @external
             size: Size! @external
             cost(per: Int!): Int @requires(fields: "weight")
             area: Int @requires(fields: "size { width depth }")
             carrier: String
           }
           type Size { width: Int! @external depth: Int! @external }"#,
    )
    .entity("Item", |item| {
        let size = &item["size"];
        let area = size["width"].as_i64().zip(size["depth"].as_i64());
        json!({
            "id": item["id"],
            "cost": item["weight"].as_i64(),
            "area": area.map(|(width, depth)| width * depth),
            "carrier": "Snail",
        })
    });
    Graph::new([catalog, weights, sizes, shipping]).await
}

#[tokio::test]
async fn a_need_that_cannot_be_had_costs_the_fields_that_have_it() {
    let graph = fragile().await;
    let expected = json!({
        "data": { "items": [
            { "cost": 5, "area": 6, "carrier": "Snail" },
            { "cost": null, "area": 6, "carrier": "Snail" },
            { "cost": 5, "area": null, "carrier": "Snail" },
            { "cost": null, "area": null, "carrier": "Snail" },
        ] },
    });
    for (name, router) in graph.routers() {
        let query = "query($per: Int!) { items { cost(per: $per) area carrier } }";
        let request = GraphQLRequest::new(query).with_variables(json!({ "per": 1 }));
        let response = router.execute(request, RequestContext::default()).await;
        let answer: Value = serde_json::from_slice(&response.to_bytes()).unwrap();
        assert_eq!(answer["data"], expected["data"], "over {name}");
        let mut errors: Vec<String> = answer["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| format!("{} {}", error["message"], error["path"]))
            .collect();
        errors.sort();
        let expected = [
            r#""no size" ["items",2]"#,
            r#""no size" ["items",3]"#,
            r#""no weight" ["items",1]"#,
            r#""no weight" ["items",3]"#,
        ];
        assert_eq!(errors, expected, "over {name}");
    }
}

#[tokio::test]
async fn nothing_is_asked_apart_while_all_needs_are_met() {
    let graph = fragile().await;
    graph
        .check(
            "{ items { carrier } }",
            json!({ "data": { "items": [{ "carrier": "Snail" }, { "carrier": "Snail" }, { "carrier": "Snail" }, { "carrier": "Snail" }] } }),
        )
        .await;
    assert_eq!(
        graph.requests("shipping").len(),
        2,
        "one over each transport"
    );
    let shop = shop().await;
    shop.check(
        "{ item { both heaviest tag } }",
        json!({ "data": { "item": { "both": "\"One\" 2000", "heaviest": 9, "tag": "<One>" } } }),
    )
    .await;
    assert_eq!(
        shop.requests("shipping").len(),
        2,
        "one over each transport"
    );
}
