//! A guessed id returns nothing, neither at the roots nor by representation.

use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{self, item, now, ord, shops};

const ORDER: &str = "query($id: ID!) { order(id: $id) { id } }";

const ENTITIES: &str = "query($representations: [_Any!]!) {
    _entities(representations: $representations) {
        ... on Customer { name }
        ... on Order { status total { amount } }
        ... on OrderItem { productName restriction orderDeliveredAt orderTotalUsd order { id status } }
    }
}";

#[tokio::test]
async fn an_order_is_null_when_missing_and_forbidden_when_it_is_someone_elses() {
    for shop in shops().await {
        shop.stock(vec![fixture::order(1, shop.bob, now())]).await;
        let missing = shop.ada_asks(ORDER, json!({ "id": ord(2) })).await;
        assert_eq!(missing["order"], Value::Null);
        let cases = [
            (Some(shop.ada), ord(1), "FORBIDDEN"),
            (
                Some(shop.ada),
                IdKind::Return.format(item(1)),
                "BAD_USER_INPUT",
            ),
            (Some(shop.ada), "ord_".to_owned(), "BAD_USER_INPUT"),
            (None, ord(1), "UNAUTHENTICATED"),
            (None, "ord_".to_owned(), "UNAUTHENTICATED"),
        ];
        for (caller, id, expected) in cases {
            let answer = execute(&shop.subgraph, caller, ORDER, json!({ "id": id })).await;
            assert_eq!(code(&answer), expected, "{id} in {}", shop.scratch.name);
            assert_eq!(answer["data"]["order"], Value::Null);
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn representations_give_the_callers_own_and_null_for_everything_else() {
    for shop in shops().await {
        let orders = [(1, shop.ada), (2, shop.bob)];
        shop.stock(
            orders
                .map(|(n, who)| fixture::order(n, who, now()))
                .to_vec(),
        )
        .await;
        let of = |kind: &str, id: String| json!({ "__typename": kind, "id": id });
        let customer = |id| of("Customer", IdKind::Customer.format(id));
        let line = |order| of("OrderItem", IdKind::OrderItem.format(item(order)));
        let representations = json!([
            customer(shop.ada),
            of("Order", ord(1)),
            line(1),
            // Belongs to Bob.
            customer(shop.bob),
            of("Order", ord(2)),
            line(2),
            // Belong to nobody, or are not ids.
            customer(Uuid::from_u128(0xE1E)),
            of("Order", ord(3)),
            line(3),
            of("Order", IdKind::OrderItem.format(item(1))),
            of("OrderItem", "nonsense".to_owned()),
            of("Customer", String::new()),
        ]);
        let variables = json!({ "representations": representations });
        let data = shop.ada_asks(ENTITIES, variables.clone()).await;
        let found = data["_entities"].as_array().unwrap();
        assert_eq!(found.len(), 12);
        assert_eq!(
            found[..3],
            [
                json!({ "name": "Ada" }),
                json!({ "status": "CONFIRMED", "total": { "amount": "3050" } }),
                json!({ "productName": "Notebook", "restriction": null,
                    "orderDeliveredAt": null, "orderTotalUsd": "20.33",
                    "order": { "id": ord(1), "status": "CONFIRMED" } }),
            ]
        );
        assert!(found[3..].iter().all(Value::is_null), "{found:?}");

        let answer = execute(&shop.subgraph, None, ENTITIES, variables).await;
        let found = answer["data"]["_entities"].as_array().unwrap();
        assert!(found.iter().all(Value::is_null), "{answer}");
        shop.scratch.drop().await;
    }
}
