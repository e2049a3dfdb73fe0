//! The number of SQL statements depends on the query, never on the number of rows.

use chrono::Duration;
use resolvers::id::IdKind;
use resolvers::testing::execute;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{self, Shop, item, now, shops};

const ACCOUNT: &str = "query($first: Int!) { me { orders(first: $first) { nodes {
    id
    total { formatted }
    items { productName unitPrice { formatted } product { id } }
    timeline { event }
    customer { name }
    paymentMethod { last4 }
} } } }";

async fn statements(shop: &Shop, document: &str, variables: Value) -> (u64, Value) {
    let before = shop.scratch.database.statements();
    let data = shop.ada_asks(document, variables).await;
    (shop.scratch.database.statements() - before, data)
}

async fn stocked_shops() -> Vec<Shop> {
    let shops = shops().await;
    for shop in &shops {
        let placed_at = |number: u128| now() + Duration::minutes(i64::try_from(number).unwrap());
        let orders = (1..=100).map(|number| fixture::order(number, shop.ada, placed_at(number)));
        shop.stock(orders.collect()).await;
    }
    shops
}

#[tokio::test]
async fn the_account_page_takes_as_many_statements_for_one_order_as_for_a_hundred() {
    for shop in stocked_shops().await {
        let (one, data) = statements(&shop, ACCOUNT, json!({ "first": 1 })).await;
        assert_eq!(data["me"]["orders"]["nodes"].as_array().unwrap().len(), 1);
        let (hundred, data) = statements(&shop, ACCOUNT, json!({ "first": 100 })).await;
        let nodes = data["me"]["orders"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 100);
        assert!(
            nodes
                .iter()
                .all(|node| node["items"][1]["productName"] == "Engraved pen")
        );
        // Customer, orders, items, timelines, payment methods.
        assert_eq!((one, hundred), (5, 5), "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_list_is_counted_only_when_asked() {
    for shop in stocked_shops().await {
        let without = "{ me { orders { nodes { id } } } }";
        let with = "{ me { orders { ...Counted } } } fragment Counted on OrderConnection { total: totalCount nodes { id } }";
        let (without, _) = statements(&shop, without, json!({})).await;
        let (with, data) = statements(&shop, with, json!({})).await;
        assert_eq!((without, with), (2, 3));
        assert_eq!(data["me"]["orders"]["total"], 100);
        shop.scratch.drop().await;
    }
}

/// So that a page waits for the database once less; an account that no longer exists shows it.
#[tokio::test]
async fn an_account_and_its_orders_are_read_at_once() {
    for shop in stocked_shops().await {
        let document = "{ me { orders(status: [CONFIRMED]) { totalCount nodes { id } } } }";
        let nobody = Some(Uuid::from_u128(0xDEAD));
        let before = shop.scratch.database.statements();
        let answer = execute(&shop.subgraph, nobody, document, json!({})).await;
        assert_eq!(answer["data"], json!({ "me": null }), "{answer}");
        assert_eq!(shop.scratch.database.statements() - before, 3);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn one_list_inside_every_order_is_read_once() {
    for shop in stocked_shops().await {
        let document = "query($first: Int!) { me { orders(first: $first) { nodes {
            customer { orders(first: 3, status: [CONFIRMED, SHIPPED]) { totalCount nodes { id } } }
        } } } }";
        let (one, _) = statements(&shop, document, json!({ "first": 1 })).await;
        let (hundred, _) = statements(&shop, document, json!({ "first": 100 })).await;
        assert_eq!((one, hundred), (4, 4));
        shop.scratch.drop().await;
    }
}

/// What the returns domain requests of items.
#[tokio::test]
async fn a_hundred_items_by_representation_take_two_statements_with_their_orders() {
    for shop in stocked_shops().await {
        let document = "query($representations: [_Any!]!) { _entities(representations: $representations) {
            ... on OrderItem {
                id quantity restriction unitPrice { amount currency } lineTotal { amount currency } tax { amount currency }
                order {
                    id status deliveredAt totalUsd { amount } subtotal { amount currency } shipping { amount currency }
                    tax { amount currency } total { amount currency } customer { id }
                }
            }
        } }";
        for count in [1, 100] {
            let representations: Vec<_> = (1..=count)
                .map(|order| {
                    let id = IdKind::OrderItem.format(item(order));
                    json!({ "__typename": "OrderItem", "id": id })
                })
                .collect();
            let variables = json!({ "representations": representations });
            let (statements, data) = statements(&shop, document, variables).await;
            let found = data["_entities"].as_array().unwrap();
            assert!(
                found
                    .iter()
                    .all(|item| item["order"]["totalUsd"]["amount"] == "20.33")
            );
            assert_eq!(statements, 2, "{count} items in {}", shop.scratch.name);
        }
        shop.scratch.drop().await;
    }
}

/// More rows than one statement can bind, as in the demo data.
#[tokio::test]
async fn any_number_of_rows_is_inserted() {
    for shop in shops().await {
        let orders = (1..=2_500).map(|number| fixture::order(number, shop.bob, now()));
        shop.stock(orders.collect()).await;
        let db = shop.scratch.database.read();
        let count = entities::orders::order::count(db, shop.bob, &[]).await;
        assert_eq!(count, Ok(2_500), "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}
