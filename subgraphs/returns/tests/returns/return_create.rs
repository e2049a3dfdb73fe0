//! `returnCreate`: once per key, one at a time per order, with an event.

use chrono::Duration;
use entities::returns::{customer_return, return_item};
use futures::future::join_all;
use platform::tables::idempotency_key;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_orders::{FakeItem, FakeOrder};
use crate::fixture::{STRANGER, fixtures, monitor, monitor_order, now, sorted};

pub(crate) const CREATE: &str = "mutation($input: ReturnCreateInput!, $key: String!) {
    returnCreate(input: $input, idempotencyKey: $key) {
        return {
            id status refundMethod nextStep fallbackDeadline createdAt order { id }
            refund { items { amount } shipping { amount } total { amount currency } includesShipping }
            items {
                orderItem { id } productName quantity condition reason { code } reasonText
            }
            timeline { event timestamp } label { url }
        }
        userErrors {
            __typename
            ... on UserError { code field }
            ... on InputError { type }
            ... on ReturnIneligible {
                type message reasons { code message orderItemId deliveryDate returnDeadline }
            }
        }
    }
}";

pub(crate) fn input(order: &FakeOrder, units: i32, key: &str) -> Value {
    json!({
        "key": key,
        "input": {
            "orderId": IdKind::Order.format(order.id),
            "items": [{
                "orderItemId": IdKind::OrderItem.format(order.items[0].id),
                "quantity": units,
                "condition": "DEFECTIVE",
                "reasonCode": "defective_on_arrival",
                "reasonText": "Screen has a dead pixel",
            }],
        },
    })
}

#[tokio::test]
async fn a_return_is_written_with_its_items_timeline_and_event() {
    for fixture in fixtures(&[monitor_order()]).await {
        let mut answer = fixture.ask(CREATE, input(&monitor_order(), 1, "k")).await;
        let payload = &mut answer["data"]["returnCreate"];
        let id = payload["return"]["id"].take();
        sorted().bind(|| {
            insta::allow_duplicates! {
                insta::assert_json_snapshot!(payload, @r#"
            {
              "return": {
                "createdAt": "2025-10-09T10:15:22.000Z",
                "fallbackDeadline": null,
                "id": null,
                "items": [
                  {
                    "condition": "DEFECTIVE",
                    "orderItem": {
                      "id": "oi_00000000000000000000000034"
                    },
                    "productName": "4K Monitor Pro 32 inch",
                    "quantity": 1,
                    "reason": {
                      "code": "defective_on_arrival"
                    },
                    "reasonText": "Screen has a dead pixel"
                  }
                ],
                "label": null,
                "nextStep": "Generate your shipping label",
                "order": {
                  "id": "ord_0000000000000000000000000a"
                },
                "refund": {
                  "includesShipping": true,
                  "items": {
                    "amount": "299.00"
                  },
                  "shipping": {
                    "amount": "9.00"
                  },
                  "total": {
                    "amount": "323.99",
                    "currency": "EUR"
                  }
                },
                "refundMethod": "ORIGINAL_PAYMENT",
                "status": "INITIATED",
                "timeline": [
                  {
                    "event": "return_initiated",
                    "timestamp": "2025-10-09T10:15:22.000Z"
                  }
                ]
              },
              "userErrors": []
            }
            "#)
            }
        });
        let [event] = &fixture.events().await[..] else {
            panic!("one event")
        };
        let name = (event.topic.as_str(), event.event_type.as_str());
        assert_eq!(name, ("returns.events", "return.initiated"));
        assert_eq!(event.sequence, 1);
        let mut data = event.data.clone();
        assert_eq!(data["returnId"].take(), id);
        sorted().bind(|| {
            insta::allow_duplicates! {
                insta::assert_json_snapshot!(data, @r#"
            {
              "actor": "usr_00000000000000000000000001",
              "customerId": "usr_00000000000000000000000001",
              "items": [
                {
                  "condition": "defective",
                  "orderItemId": "oi_00000000000000000000000034",
                  "productId": "prd_000000000000000000000000z8",
                  "productName": "4K Monitor Pro 32 inch",
                  "quantity": 1,
                  "reasonCode": "defective_on_arrival"
                }
              ],
              "orderId": "ord_0000000000000000000000000a",
              "previousStatus": null,
              "refund": {
                "currency": "EUR",
                "includesShipping": true,
                "items": "299.00",
                "method": "original_payment",
                "shipping": "9.00",
                "tax": "15.99",
                "total": "323.99"
              },
              "returnId": null,
              "status": "initiated",
              "version": 1
            }
            "#)
            }
        });

        let read = fixture
            .ask(
                "query($id: ID!) { return(id: $id) { status items { quantity } } }",
                json!({ "id": id }),
            )
            .await;
        assert_eq!(
            read["data"]["return"],
            json!({ "status": "INITIATED", "items": [{ "quantity": 1 }] })
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_same_key_from_64_callers_makes_one_return() {
    for fixture in fixtures(&[monitor_order()]).await {
        let order = monitor_order();
        let calls = (0..64).map(|_| fixture.ask(CREATE, input(&order, 1, "k")));
        let answers = join_all(calls).await;
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{}", fixture.scratch.name);
        }
        let payload = &answers[0]["data"]["returnCreate"];
        assert!(payload["return"]["id"].is_string(), "{payload:#}");
        assert_eq!(fixture.count::<customer_return::Entity>().await, 1);
        assert_eq!(fixture.count::<return_item::Entity>().await, 1);
        assert_eq!(fixture.events().await.len(), 1);

        let other = fixture.ask(CREATE, input(&order, 2, "k")).await;
        assert_eq!(code(&other), "CONFLICT");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn of_many_returns_of_the_last_unit_one_wins() {
    for fixture in fixtures(&[monitor_order()]).await {
        let order = monitor_order();
        let keys: Vec<_> = (0..16).map(|key| format!("k{key}")).collect();
        let calls = keys
            .iter()
            .map(|key| fixture.ask(CREATE, input(&order, 1, key)));
        let answers = join_all(calls).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers
            .iter()
            .map(|answer| &answer["data"]["returnCreate"])
            .partition(|payload| payload["return"].is_object());
        assert_eq!(won.len(), 1, "{}: {answers:#?}", fixture.scratch.name);
        for payload in lost {
            let error = &payload["userErrors"][0];
            assert_eq!(error["__typename"], "ReturnIneligible");
            assert_eq!(error["reasons"][0]["code"], "ALREADY_RETURNED");
        }
        assert_eq!(fixture.count::<customer_return::Entity>().await, 1);
        // A refused request leaves no trace: its key can be used again.
        assert_eq!(fixture.count::<idempotency_key::Entity>().await, 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_of_45_days_ago_is_past_its_window() {
    let order = FakeOrder {
        delivered_at: Some(now() - Duration::days(45)),
        ..monitor_order()
    };
    for fixture in fixtures(std::slice::from_ref(&order)).await {
        let answer = fixture.ask(CREATE, input(&order, 1, "k")).await;
        assert_eq!(
            answer,
            json!({ "data": { "returnCreate": {
                "return": null,
                "userErrors": [{
                    "__typename": "ReturnIneligible",
                    "code": "RETURN_INELIGIBLE",
                    "type": "RETURN_INELIGIBLE",
                    "field": null,
                    "message": "This order is not eligible for return",
                    "reasons": [{
                        "code": "PAST_RETURN_WINDOW",
                        "message": "Return window expired. Orders must be returned within 30 days \
                                    of delivery.",
                        "orderItemId": null,
                        "deliveryDate": "2025-08-25T10:15:22.000Z",
                        "returnDeadline": "2025-09-24T10:15:22.000Z",
                    }],
                }],
            } } })
        );
        assert_eq!(fixture.count::<customer_return::Entity>().await, 0);
        assert_eq!(fixture.events().await, []);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn input_errors_name_their_field_and_items_of_other_customers_are_forbidden() {
    let other = FakeOrder {
        id: Uuid::from_u128(11),
        items: vec![FakeItem {
            id: Uuid::from_u128(101),
            ..monitor()
        }],
        ..monitor_order()
    };
    for fixture in fixtures(&[monitor_order(), other.clone()]).await {
        let answer = fixture.ask(CREATE, input(&monitor_order(), 0, "k")).await;
        let payload = &answer["data"]["returnCreate"];
        assert_eq!(payload["return"], Value::Null);
        assert_eq!(
            payload["userErrors"],
            json!([{
                "__typename": "InputError",
                "code": "INVALID_QUANTITY",
                "type": "INVALID_QUANTITY",
                "field": ["input", "items", "0", "quantity"],
            }])
        );

        let mut mixed = input(&monitor_order(), 1, "k");
        mixed["input"]["orderId"] = json!(IdKind::Order.format(other.id));
        let answer = fixture.ask(CREATE, mixed).await;
        let error = &answer["data"]["returnCreate"]["userErrors"][0];
        assert_eq!(error["code"], "NOT_OF_THIS_ORDER", "{answer:#}");

        let variables = input(&monitor_order(), 1, "k");
        let stranger = execute(&fixture.subgraph, Some(STRANGER), CREATE, variables.clone()).await;
        assert_eq!(code(&stranger), "FORBIDDEN");
        let visitor = execute(&fixture.subgraph, None, CREATE, variables).await;
        assert_eq!(code(&visitor), "UNAUTHENTICATED");
        let keyless = fixture.ask(CREATE, input(&monitor_order(), 1, "")).await;
        assert_eq!(code(&keyless), "BAD_USER_INPUT");
        assert_eq!(fixture.count::<customer_return::Entity>().await, 0);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_return_of_many_items_takes_as_many_statements_as_one_of_one() {
    let order = FakeOrder {
        items: (0..50)
            .map(|number| FakeItem {
                id: Uuid::from_u128(1_000 + number),
                line_total: 1_000,
                ..monitor()
            })
            .collect(),
        ..monitor_order()
    };
    for fixture in fixtures(std::slice::from_ref(&order)).await {
        let mut counts = Vec::new();
        for (key, items) in [("k1", 0..1), ("k2", 1..50)] {
            let items: Vec<_> = order.items[items]
                .iter()
                .map(|item| {
                    json!({
                        "orderItemId": IdKind::OrderItem.format(item.id),
                        "quantity": 1,
                        "condition": "UNOPENED",
                        "reasonCode": "changed_mind",
                    })
                })
                .collect();
            let input = json!({ "orderId": IdKind::Order.format(order.id), "items": items });
            let prior = fixture.scratch.database.statements();
            let answer = fixture
                .ask(CREATE, json!({ "key": key, "input": input }))
                .await;
            assert_eq!(
                answer["data"]["returnCreate"]["userErrors"],
                json!([]),
                "{answer:#}"
            );
            counts.push(fixture.scratch.database.statements() - prior);
        }
        assert_eq!(counts[0], counts[1], "{}", fixture.scratch.name);
        fixture.scratch.drop().await;
    }
}
