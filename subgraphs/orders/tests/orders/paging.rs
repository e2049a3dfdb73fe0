//! A customer's list of orders, paged in both directions.

use chrono::Duration;
use entities::orders::order::{self, OrderStatus};
use resolvers::testing::{code, execute};
use serde_json::{Value, json};

use crate::fixture::{self, Shop, now, ord, shops};

const PAGE: &str =
    "query($first: Int, $after: String, $last: Int, $before: String, $status: [OrderStatus!]) {
    me { orders(first: $first, after: $after, last: $last, before: $before, status: $status) {
        totalCount
        nodes { id }
        edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    } }
}";

/// Seven orders of Ada's among Bob's. Orders 3, 4 and 5 were placed at the same moment, so their ids decide. By time
/// and id, 7 is the newest.
async fn stock(shop: &Shop) {
    let minutes = [(1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (6, 4), (7, 5)];
    let statuses = [
        OrderStatus::Delivered,
        OrderStatus::Cancelled,
        OrderStatus::Confirmed,
        OrderStatus::Shipped,
    ];
    let mut orders: Vec<_> = minutes
        .iter()
        .map(|&(number, minute)| order::Model {
            status: statuses[usize::try_from(number).unwrap() % statuses.len()],
            ..fixture::order(number, shop.ada, now() + Duration::minutes(minute))
        })
        .collect();
    orders.extend((11..20).map(|number| fixture::order(number, shop.bob, now())));
    shop.stock(orders).await;
}

async fn page(shop: &Shop, variables: Value) -> Value {
    shop.ada_asks(PAGE, variables).await["me"]["orders"].take()
}

fn ids(page: &Value) -> Vec<String> {
    let nodes = page["nodes"].as_array().unwrap();
    let id = |node: &Value| node["id"].as_str().unwrap().to_owned();
    let edges = page["edges"].as_array().unwrap();
    let of_edges: Vec<_> = edges.iter().map(|edge| id(&edge["node"])).collect();
    let ids: Vec<_> = nodes.iter().map(id).collect();
    assert_eq!(ids, of_edges);
    ids
}

fn orders(numbers: impl IntoIterator<Item = u128>) -> Vec<String> {
    numbers.into_iter().map(ord).collect()
}

#[tokio::test]
async fn pages_walk_the_list_both_ways_without_gap_or_repeat() {
    for shop in shops().await {
        stock(&shop).await;
        for size in 1..=8 {
            let (mut forward, mut after) = (Vec::new(), Value::Null);
            loop {
                let page = page(&shop, json!({ "first": size, "after": after })).await;
                assert_eq!(page["totalCount"], 7);
                assert_eq!(page["pageInfo"]["hasPreviousPage"], !after.is_null());
                forward.extend(ids(&page));
                after = page["pageInfo"]["endCursor"].clone();
                if page["pageInfo"]["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(forward, orders((1..=7).rev()), "forward by {size}");

            let (mut backward, mut before) = (Vec::new(), Value::Null);
            loop {
                let page = page(&shop, json!({ "last": size, "before": before })).await;
                assert_eq!(page["pageInfo"]["hasNextPage"], !before.is_null());
                backward.splice(0..0, ids(&page));
                before = page["pageInfo"]["startCursor"].clone();
                if page["pageInfo"]["hasPreviousPage"] == false {
                    break;
                }
            }
            assert_eq!(backward, orders((1..=7).rev()), "backward by {size}");
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_placed_meanwhile_neither_repeats_nor_hides_another() {
    for shop in shops().await {
        stock(&shop).await;
        let first = page(&shop, json!({ "first": 3 })).await;
        let newer = fixture::order(8, shop.ada, now() + Duration::days(1));
        shop.stock(vec![newer]).await;
        let after = &first["pageInfo"]["endCursor"];
        let second = page(&shop, json!({ "first": 3, "after": after })).await;
        assert_eq!(ids(&second), orders([4, 3, 2]));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_status_filter_narrows_the_list_and_its_count() {
    for shop in shops().await {
        stock(&shop).await;
        let cases = [
            (json!(["CONFIRMED"]), orders([6, 2])),
            (
                json!(["SHIPPED", "CANCELLED", "SHIPPED"]),
                orders([7, 5, 3, 1]),
            ),
            (json!(["PENDING"]), orders([])),
            (json!([]), orders((1..=7).rev())),
            (json!(null), orders((1..=7).rev())),
        ];
        for (status, expected) in cases {
            let page = page(&shop, json!({ "status": status })).await;
            assert_eq!(ids(&page), expected, "{status}");
            assert_eq!(page["totalCount"], expected.len());
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn pages_that_are_too_large_or_start_nowhere_are_refused() {
    for shop in shops().await {
        for variables in [
            json!({ "first": 101 }),
            json!({ "first": -1 }),
            json!({ "last": 101 }),
            json!({ "after": "nonsense" }),
            json!({ "before": "WyJhIl0", "last": 1 }),
        ] {
            let answer = execute(&shop.subgraph, Some(shop.ada), PAGE, variables.clone()).await;
            assert_eq!(code(&answer), "BAD_USER_INPUT", "{variables}");
        }
        shop.scratch.drop().await;
    }
}
