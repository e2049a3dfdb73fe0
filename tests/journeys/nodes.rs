//! Relay's `node` and `nodes` for every entity type, with access control, in every layout.

use crate::kit::{Graph, layouts};
use serde_json::{Value, json};

const MINE: &str = "{ me { id orders(first: 50) { nodes { id items { id product { id } } shipments { id } returns { id } } } notifications(first: 1) { nodes { id } } } }";

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Customer { name } ... on Order { status } ... on OrderItem { productName } ... on Product { title } ... on Return { nextStep } ... on Shipment { carrier } ... on Notification { title } } }";

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or("")
}

/// One of the demo customer's ids of each type.
fn ids(mine: &Value) -> Vec<(&'static str, String)> {
    let me = &mine["data"]["me"];
    let orders = me["orders"]["nodes"].as_array().expect("orders");
    let first = |find: fn(&Value) -> &Value| {
        let mut found = orders.iter().map(find).filter_map(Value::as_str);
        found.next().expect("one of each kind").to_owned()
    };
    vec![
        ("Customer", me["id"].as_str().unwrap().to_owned()),
        ("Order", first(|order| &order["id"])),
        ("OrderItem", first(|order| &order["items"][0]["id"])),
        (
            "Product",
            first(|order| &order["items"][0]["product"]["id"]),
        ),
        ("Return", first(|order| &order["returns"][0]["id"])),
        ("Shipment", first(|order| &order["shipments"][0]["id"])),
        (
            "Notification",
            me["notifications"]["nodes"][0]["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        ),
    ]
}

#[tokio::test]
async fn every_entity_is_found_by_its_id_by_whoever_may_have_it() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "300")], &[]).await;
        let token = graph.demo_token().await;
        let mine = graph.query(Some(&token), MINE, json!({})).await;
        assert_eq!(mine.get("errors"), None, "{layout:?}: {mine:#}");
        let mut known = ids(&mine);
        known.reverse();
        let all: Vec<_> = known.iter().map(|(_, id)| id.as_str()).collect();

        let found = graph
            .query(Some(&token), NODES, json!({ "ids": all }))
            .await;
        assert_eq!(found.get("errors"), None, "{layout:?}: {found:#}");
        let nodes = found["data"]["nodes"].as_array().expect("a list");
        assert_eq!(nodes.len(), known.len());
        for ((kind, id), node) in known.iter().zip(nodes) {
            assert_eq!(node["__typename"], *kind, "{layout:?}");
            assert_eq!(node["id"], **id, "{layout:?}");
            assert_eq!(
                node.as_object().expect("an object").len(),
                3,
                "{layout:?}: {node}"
            );
        }
        let statements = graph.statements().await;
        graph
            .query(Some(&token), NODES, json!({ "ids": all }))
            .await;
        let once = graph.statements().await - statements;
        let twice: Vec<_> = all.iter().chain(&all).collect();
        let statements = graph.statements().await;
        graph
            .query(Some(&token), NODES, json!({ "ids": twice }))
            .await;
        assert_eq!(graph.statements().await - statements, once, "{layout:?}");

        // Other customers see only the product, and cannot tell which ids exist.
        let other = graph
            .run(&["token", "--customer", "customer1@vantage.example"])
            .await;
        let absent = "ord_01h455vb4pex5vsknk084sn02q";
        let asked: Vec<_> = all.iter().copied().chain([absent]).collect();
        for token in [Some(&*other), None] {
            let found = graph.query(token, NODES, json!({ "ids": asked })).await;
            assert_eq!(found.get("errors"), None, "{layout:?}: {found:#}");
            for (id, node) in asked.iter().zip(found["data"]["nodes"].as_array().unwrap()) {
                let is_public = id.starts_with("prd_");
                assert_eq!(node.is_null(), !is_public, "{layout:?}: {id}: {node}");
            }
        }

        let one = "query($id: ID!) { node(id: $id) { id } }";
        let order = known.iter().find(|(kind, _)| *kind == "Order");
        let order = &order.expect("one").1;
        let found = graph.query(Some(&token), one, json!({ "id": order })).await;
        assert_eq!(found["data"]["node"]["id"], **order);
        let found = graph.query(Some(&other), one, json!({ "id": order })).await;
        assert_eq!(found, json!({ "data": { "node": null } }));
        for id in ["", "42", "abc_01h455vb4pex5vsknk084sn02q", "ord_1"] {
            let refused = graph.query(Some(&token), one, json!({ "id": id })).await;
            assert_eq!(code(&refused), "BAD_USER_INPUT", "{refused}");
            assert_eq!(refused["data"]["node"], Value::Null);
        }
        let many = vec![order; 101];
        let refused = graph
            .query(Some(&token), NODES, json!({ "ids": many }))
            .await;
        assert_eq!(code(&refused), "BAD_USER_INPUT", "{refused}");
        graph.stop().await;
    }
}

#[tokio::test]
async fn products_are_found_by_their_ids() {
    let layout = layouts()[0];
    let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "20")], &[]).await;
    let search = "{ productSearch(query: \"\", first: 3) { nodes { id title } } }";
    let search = graph.query(None, search, json!({})).await;
    let nodes = search["data"]["productSearch"]["nodes"].as_array().unwrap();
    let id = |at: usize| nodes[at]["id"].as_str().unwrap();
    let ids = [id(2), "prd_01h455vb4pex5vsknk084sn02q", id(0), id(2)];
    let products = "query($ids: [ID!]!) { products(ids: $ids) { id title } }";
    let found = graph.query(None, products, json!({ "ids": ids })).await;
    let expected = json!([nodes[2], null, nodes[0], nodes[2]]);
    assert_eq!(found["data"]["products"], expected, "{found}");
    let refused = graph
        .query(
            None,
            products,
            json!({ "ids": ["ord_01h455vb4pex5vsknk084sn02q"] }),
        )
        .await;
    assert_eq!(code(&refused), "BAD_USER_INPUT", "{refused}");
    graph.stop().await;
}
