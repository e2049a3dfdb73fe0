//! `OrderItem.returnEligibility`, with facts about orders in representations, as the router sends them.

use chrono::Duration;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use returns::rules::status::ReturnStatus;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_orders::{FakeItem, FakeOrder};
use crate::fixture::{CUSTOMER, fixtures, monitor, monitor_order, now, sorted, stored, time};

const ELIGIBILITY: &str = "query($representations: [_Any!]!) {
    _entities(representations: $representations) {
        ... on OrderItem {
            returnEligibility {
                eligible
                reasons { code message orderItemId deliveryDate returnDeadline }
                returnDeadline
                returnableQuantity
            }
        }
        ... on Order { returns { status } }
    }
}";

/// The items of these orders.
fn items(orders: &[FakeOrder]) -> Value {
    let items: Vec<_> = orders.iter().flat_map(FakeOrder::representations).collect();
    json!({ "representations": items })
}

#[tokio::test]
async fn an_item_is_eligible_until_its_deadline_for_the_units_that_are_left() {
    let three = FakeItem {
        id: Uuid::from_u128(101),
        quantity: 3,
        ..monitor()
    };
    let order = FakeOrder {
        items: vec![monitor(), three],
        ..monitor_order()
    };
    for fixture in fixtures(std::slice::from_ref(&order)).await {
        let mut cancelled = stored(1_000, CUSTOMER, order.id, Uuid::from_u128(101), 2);
        cancelled.row.status = ReturnStatus::Cancelled;
        let partial = stored(1_001, CUSTOMER, order.id, Uuid::from_u128(101), 1);
        fixture.store(vec![cancelled, partial]).await;
        let answer = fixture
            .ask(ELIGIBILITY, items(std::slice::from_ref(&order)))
            .await;
        sorted().bind(|| {
            insta::allow_duplicates! {
                insta::assert_json_snapshot!(answer, @r#"
                {
                  "data": {
                    "_entities": [
                      {
                        "returnEligibility": {
                          "eligible": true,
                          "reasons": [],
                          "returnDeadline": "2025-11-02T10:15:22.000Z",
                          "returnableQuantity": 1
                        }
                      },
                      {
                        "returnEligibility": {
                          "eligible": true,
                          "reasons": [],
                          "returnDeadline": "2025-11-02T10:15:22.000Z",
                          "returnableQuantity": 2
                        }
                      }
                    ]
                  }
                }
                "#);
            }
        });
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn every_reason_against_a_return_is_listed() {
    let order = |id, delivered_at, items| FakeOrder {
        id: Uuid::from_u128(id),
        delivered_at,
        items,
        ..monitor_order()
    };
    let item = |id| FakeItem {
        id: Uuid::from_u128(id),
        ..monitor()
    };
    let gift_card = FakeItem {
        restriction: Some("DIGITAL"),
        ..item(100)
    };
    let old = FakeOrder {
        total_usd: 1_000,
        ..order(10, Some(time("2025-08-25T00:00:00Z")), vec![gift_card])
    };
    let under_way = order(11, None, vec![item(101)]);
    let at_the_deadline = order(12, Some(now() - Duration::days(30)), vec![item(102)]);
    let returned = order(13, Some(now()), vec![item(103)]);
    let orders = [old, under_way, at_the_deadline, returned];
    for fixture in fixtures(&orders).await {
        fixture
            .store(vec![stored(
                1_000,
                CUSTOMER,
                Uuid::from_u128(13),
                Uuid::from_u128(103),
                1,
            )])
            .await;
        let answer = fixture.ask(ELIGIBILITY, items(&orders)).await;
        sorted().bind(|| {
            insta::allow_duplicates! {
                insta::assert_json_snapshot!(answer, @r#"
                {
                  "data": {
                    "_entities": [
                      {
                        "returnEligibility": {
                          "eligible": false,
                          "reasons": [
                            {
                              "code": "PAST_RETURN_WINDOW",
                              "deliveryDate": "2025-08-25T00:00:00.000Z",
                              "message": "Return window expired. Orders must be returned within 30 days of delivery.",
                              "orderItemId": null,
                              "returnDeadline": "2025-09-24T00:00:00.000Z"
                            },
                            {
                              "code": "ORDER_TOTAL_TOO_LOW",
                              "deliveryDate": null,
                              "message": "Order total too low. Only orders over $10.00 can be returned.",
                              "orderItemId": null,
                              "returnDeadline": null
                            },
                            {
                              "code": "EXCLUDED_CATEGORY",
                              "deliveryDate": null,
                              "message": "Digital products cannot be returned.",
                              "orderItemId": "oi_00000000000000000000000034",
                              "returnDeadline": null
                            }
                          ],
                          "returnDeadline": "2025-09-24T00:00:00.000Z",
                          "returnableQuantity": 0
                        }
                      },
                      {
                        "returnEligibility": {
                          "eligible": false,
                          "reasons": [
                            {
                              "code": "NOT_DELIVERED",
                              "deliveryDate": null,
                              "message": "This order has not been delivered yet. It can be returned once it has arrived.",
                              "orderItemId": null,
                              "returnDeadline": null
                            }
                          ],
                          "returnDeadline": null,
                          "returnableQuantity": 0
                        }
                      },
                      {
                        "returnEligibility": {
                          "eligible": true,
                          "reasons": [],
                          "returnDeadline": "2025-10-09T10:15:22.000Z",
                          "returnableQuantity": 1
                        }
                      },
                      {
                        "returnEligibility": {
                          "eligible": false,
                          "reasons": [
                            {
                              "code": "ALREADY_RETURNED",
                              "deliveryDate": null,
                              "message": "This item has already been returned.",
                              "orderItemId": "oi_00000000000000000000000037",
                              "returnDeadline": null
                            }
                          ],
                          "returnDeadline": "2025-11-08T10:15:22.000Z",
                          "returnableQuantity": 0
                        }
                      }
                    ]
                  }
                }
                "#);
            }
        });
        fixture.scratch.drop().await;
    }
}

/// The orders subgraph tells nothing of an item that is not the caller's, or does not exist.
#[tokio::test]
async fn without_what_orders_tell_there_is_no_eligibility_and_nobody_asks_for_it() {
    for fixture in fixtures(&[monitor_order()]).await {
        let order = monitor_order().id;
        fixture
            .store(vec![stored(1_000, CUSTOMER, order, monitor().id, 1)])
            .await;
        let calls = fixture.orders.calls();
        let item = IdKind::OrderItem.format(monitor().id);
        let variables = json!({ "representations": [
            { "__typename": "Order", "id": IdKind::Order.format(order) },
            { "__typename": "OrderItem", "id": item },
            { "__typename": "OrderItem", "id": item, "quantity": null, "restriction": null,
              "orderDeliveredAt": null, "orderTotalUsd": null },
        ] });
        let answer = fixture.ask(ELIGIBILITY, variables).await;
        let entities = json!([
            { "returns": [{ "status": "LABEL_GENERATED" }] },
            { "returnEligibility": null },
            { "returnEligibility": null },
        ]);
        assert_eq!(answer, json!({ "data": { "_entities": entities } }));
        assert_eq!(fixture.orders.calls(), calls);
        let malformed = json!({ "representations": [{ "__typename": "OrderItem", "id": "oi_1" }] });
        let answer = fixture.ask(ELIGIBILITY, malformed).await;
        assert_eq!(answer, json!({ "data": { "_entities": [null] } }));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn eligibility_needs_a_customer() {
    let orders = [monitor_order()];
    for fixture in fixtures(&orders).await {
        let answer = execute(&fixture.subgraph, None, ELIGIBILITY, items(&orders)).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED");
        let nothing = json!({ "_entities": [{ "returnEligibility": null }] });
        assert_eq!(answer["data"], nothing);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_hundred_items_take_one_statement_as_one_does() {
    let orders: Vec<_> = (0..50)
        .map(|number| FakeOrder {
            id: Uuid::from_u128(number + 1),
            items: [1_000, 2_000]
                .map(|base| FakeItem {
                    id: Uuid::from_u128(base + number),
                    ..monitor()
                })
                .to_vec(),
            ..monitor_order()
        })
        .collect();
    for fixture in fixtures(&orders).await {
        for orders in [&orders[..1], &orders[..]] {
            let calls = fixture.orders.calls();
            let statements = fixture.scratch.database.statements();
            let answer = fixture.ask(ELIGIBILITY, items(orders)).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            let answers = answer["data"]["_entities"].as_array().unwrap();
            assert_eq!(answers.len(), 2 * orders.len());
            for answer in answers {
                assert_eq!(answer["returnEligibility"]["eligible"], true);
            }
            assert_eq!(fixture.orders.calls(), calls);
            assert_eq!(fixture.scratch.database.statements() - statements, 1);
        }
        fixture.scratch.drop().await;
    }
}
