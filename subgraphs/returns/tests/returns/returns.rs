//! Reading stored returns.

use entities::returns::customer_return;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use returns::rules::status::ReturnStatus;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{
    CUSTOMER, STRANGER, StoredReturn, fixtures, monitor, monitor_order, representations, sorted,
    stored,
};

const RETURN: &str = "query($id: ID!) {
    return(id: $id) {
        id
        order { id returns { id } }
        status
        items { orderItem { id } productName quantity condition reason { code category label refundsShipping } reasonText }
        refund { items { formatted } tax { formatted } shipping { formatted } total { amount currency } includesShipping }
        refundMethod
        label { url carrier trackingNumber estimatedCost { formatted } returnAddress expiresAt }
        timeline { event timestamp }
        nextStep
        fallbackDeadline
        createdAt
        updatedAt
    }
}";

const RETURNS_OF_ORDERS: &str = "query($representations: [_Any!]!) {
    _entities(representations: $representations) {
        ... on Order {
            returns {
                id status nextStep
                items { productName reason { label } orderItem { id } }
                refund { total { formatted } }
                timeline { event }
                order { id returns { id } }
            }
        }
    }
}";

const STATUS: &str = "query($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on Return { id status } }
}";

fn monitor_return() -> StoredReturn {
    stored(1_000, CUSTOMER, monitor_order().id, monitor().id, 1)
}

fn id(id: u128) -> Value {
    json!({ "id": IdKind::Return.format(Uuid::from_u128(id)) })
}

#[tokio::test]
async fn a_return_is_shown_whole() {
    for fixture in fixtures(&[]).await {
        fixture.store(vec![monitor_return()]).await;
        let answer = fixture.ask(RETURN, id(1_000)).await;
        sorted().bind(|| {
            insta::allow_duplicates! {
                insta::assert_json_snapshot!(answer, @r#"
                {
                  "data": {
                    "return": {
                      "createdAt": "2025-10-09T10:15:22.000Z",
                      "fallbackDeadline": "2025-10-12T10:16:46.000Z",
                      "id": "ret_000000000000000000000000z8",
                      "items": [
                        {
                          "condition": "DEFECTIVE",
                          "orderItem": {
                            "id": "oi_00000000000000000000000034"
                          },
                          "productName": "4K Monitor Pro 32 inch",
                          "quantity": 1,
                          "reason": {
                            "category": "QUALITY",
                            "code": "defective_on_arrival",
                            "label": "Defective on arrival",
                            "refundsShipping": true
                          },
                          "reasonText": "Screen has a dead pixel"
                        }
                      ],
                      "label": {
                        "carrier": "USPS",
                        "estimatedCost": {
                          "formatted": "$8.45"
                        },
                        "expiresAt": "2025-10-23T10:16:46.000Z",
                        "returnAddress": "500 Warehouse Drive, Louisville KY 40218",
                        "trackingNumber": "9205590036297012345678",
                        "url": "https://labels.example/label.pdf?signature=1"
                      },
                      "nextStep": "Print label and drop off package at any USPS location",
                      "order": {
                        "id": "ord_0000000000000000000000000a",
                        "returns": [
                          {
                            "id": "ret_000000000000000000000000z8"
                          }
                        ]
                      },
                      "refund": {
                        "includesShipping": true,
                        "items": {
                          "formatted": "€299.00"
                        },
                        "shipping": {
                          "formatted": "€9.00"
                        },
                        "tax": {
                          "formatted": "€15.99"
                        },
                        "total": {
                          "amount": "323.99",
                          "currency": "EUR"
                        }
                      },
                      "refundMethod": "ORIGINAL_PAYMENT",
                      "status": "LABEL_GENERATED",
                      "timeline": [
                        {
                          "event": "return_initiated",
                          "timestamp": "2025-10-09T10:15:22.000Z"
                        },
                        {
                          "event": "label_generated",
                          "timestamp": "2025-10-09T10:16:46.000Z"
                        }
                      ],
                      "updatedAt": "2025-10-09T10:16:46.000Z"
                    }
                  }
                }
                "#);
            }
        });
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_cancelled_return_has_no_label_no_deadline_and_no_next_step() {
    for fixture in fixtures(&[]).await {
        let mut cancelled = monitor_return();
        cancelled.row.status = ReturnStatus::Cancelled;
        cancelled.row.label_voided_at = Some(cancelled.row.updated_at);
        fixture.store(vec![cancelled]).await;
        let answer = fixture.ask(RETURN, id(1_000)).await;
        let shown = &answer["data"]["return"];
        assert_eq!(shown["status"], "CANCELLED");
        for gone in ["label", "fallbackDeadline", "nextStep"] {
            assert_eq!(shown[gone], Value::Null, "{gone}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_return_is_its_customers_only() {
    for fixture in fixtures(&[]).await {
        fixture.store(vec![monitor_return()]).await;
        let subgraph = &fixture.subgraph;

        let missing = fixture.ask(RETURN, id(7)).await;
        assert_eq!(missing, json!({ "data": { "return": null } }));
        let malformed = fixture.ask(RETURN, json!({ "id": "ord_1" })).await;
        assert_eq!(code(&malformed), "BAD_USER_INPUT");
        let strangers = execute(subgraph, Some(STRANGER), RETURN, id(1_000)).await;
        assert_eq!(code(&strangers), "FORBIDDEN");
        assert_eq!(strangers["data"], json!({ "return": null }));
        let visitors = execute(subgraph, None, RETURN, id(1_000)).await;
        assert_eq!(code(&visitors), "UNAUTHENTICATED");

        // By reference: the caller's own return, and nothing for a guessed id.
        let mut references = representations(IdKind::Return, "Return", &[Uuid::from_u128(1_000)]);
        let list = references["representations"].as_array_mut().unwrap();
        list.push(json!({ "__typename": "Return", "id": "nonsense" }));
        let own = fixture.ask(STATUS, references.clone()).await;
        assert_eq!(own["data"]["_entities"][0]["status"], "LABEL_GENERATED");
        assert_eq!(own["data"]["_entities"][1], Value::Null);
        for nobody in [Some(STRANGER), None] {
            let answer = execute(subgraph, nobody, STATUS, references.clone()).await;
            assert_eq!(answer, json!({ "data": { "_entities": [null, null] } }));
        }

        let orders = representations(IdKind::Order, "Order", &[monitor_order().id]);
        let answer = execute(subgraph, Some(STRANGER), RETURNS_OF_ORDERS, orders.clone()).await;
        assert_eq!(
            answer,
            json!({ "data": { "_entities": [{ "returns": [] }] } })
        );
        let answer = execute(subgraph, None, RETURNS_OF_ORDERS, orders).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED");
        assert_eq!(
            answer["data"],
            json!({ "_entities": [{ "returns": null }] })
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_returns_of_a_hundred_orders_take_as_many_statements_as_those_of_one() {
    for fixture in fixtures(&[]).await {
        let orders: Vec<_> = (1..=100).map(Uuid::from_u128).collect();
        let returns = orders
            .iter()
            .map(|order| stored(order.as_u128() + 1_000, CUSTOMER, *order, *order, 1));
        fixture.store(returns.collect()).await;

        let mut statements = Vec::new();
        for orders in [&orders[..1], &orders[..]] {
            let prior = fixture.scratch.database.statements();
            let variables = representations(IdKind::Order, "Order", orders);
            let answer = fixture.ask(RETURNS_OF_ORDERS, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            for (entity, order) in answer["data"]["_entities"]
                .as_array()
                .unwrap()
                .iter()
                .zip(orders)
            {
                let shown = &entity["returns"][0];
                assert_eq!(shown["items"][0]["reason"]["label"], "Defective on arrival");
                assert_eq!(shown["timeline"][1]["event"], "label_generated");
                assert_eq!(shown["order"]["id"], IdKind::Order.format(*order));
                assert_eq!(shown["order"]["returns"][0]["id"], shown["id"]);
            }
            statements.push(fixture.scratch.database.statements() - prior);
        }
        assert_eq!(
            statements,
            [3, 3],
            "{}: returns, items, timelines",
            fixture.scratch.name
        );

        // By reference each return is loaded, also in one statement.
        let ids: Vec<_> = orders
            .iter()
            .map(|order| Uuid::from_u128(order.as_u128() + 1_000))
            .collect();
        let prior = fixture.scratch.database.statements();
        let answer = fixture
            .ask(STATUS, representations(IdKind::Return, "Return", &ids))
            .await;
        assert_eq!(answer["data"]["_entities"][99]["status"], "LABEL_GENERATED");
        assert_eq!(fixture.scratch.database.statements() - prior, 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_eighteen_reasons_are_for_everyone() {
    for fixture in fixtures(&[]).await {
        let document = "{ returnReasons { code category label refundsShipping } }";
        let answer = execute(&fixture.subgraph, None, document, json!({})).await;
        let reasons = answer["data"]["returnReasons"].as_array().unwrap();
        assert_eq!(reasons.len(), 18);
        assert_eq!(
            reasons[15],
            json!({
                "code": "wrong_item_shipped",
                "category": "LOGISTICS",
                "label": "Wrong item shipped",
                "refundsShipping": true,
            })
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_orders_shipping_is_refunded_once_whatever_is_written() {
    use entities::insert_many;
    use entities::returns::customer_return::Entity;
    for fixture in fixtures(&[]).await {
        let order = monitor_order().id;
        let db = fixture.scratch.database.write();
        let row = |id| stored(id, CUSTOMER, order, monitor().id, 1).row;
        insert_many::<Entity>(db, vec![row(1_000)]).await.unwrap();
        insert_many::<Entity>(db, vec![row(1_001)])
            .await
            .unwrap_err();
        let mut cancelled = row(1_002);
        cancelled.status = ReturnStatus::Cancelled;
        insert_many::<Entity>(db, vec![cancelled]).await.unwrap();
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_return_with_an_unknown_status_is_an_error_and_no_row_that_vanished() {
    for fixture in fixtures(&[]).await {
        let other = stored(
            1_001,
            CUSTOMER,
            Uuid::from_u128(11),
            Uuid::from_u128(110),
            1,
        );
        fixture.store(vec![monitor_return(), other]).await;
        // As if written by a newer version.
        let set_status = async |status: &str| {
            customer_return::Entity::update_many()
                .col_expr(customer_return::Column::Status, Expr::value(status))
                .filter(customer_return::Column::Id.eq(Uuid::from_u128(1_000)))
                .exec(fixture.scratch.database.write())
                .await
                .unwrap();
        };
        set_status("teleported").await;
        let cancel =
            "mutation($id: ID!) { returnCancel(id: $id, idempotencyKey: \"k\") { return { id } } }";
        for document in [RETURN, cancel] {
            let answer = fixture.ask(document, id(1_000)).await;
            assert_eq!(
                code(&answer),
                "INTERNAL",
                "{}: {answer}",
                fixture.scratch.name
            );
            assert!(!answer.to_string().contains("teleported"), "{answer}");
        }
        let status = "query($id: ID!) { return(id: $id) { status } }";
        let other = fixture.ask(status, id(1_001)).await;
        assert_eq!(other["data"]["return"]["status"], "LABEL_GENERATED");
        // The version that knows the status finds the return unchanged.
        set_status("carrier_scanned").await;
        let found = fixture.ask(status, id(1_000)).await;
        assert_eq!(found["data"]["return"]["status"], "CARRIER_SCANNED");
        fixture.scratch.drop().await;
    }
}
