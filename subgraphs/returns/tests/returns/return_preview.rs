//! `returnPreview`: eligibility and quote, nothing written.

use entities::returns::customer_return;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use returns::rules::status::ReturnStatus;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_orders::{FakeItem, FakeOrder};
use crate::fixture::{
    CUSTOMER, Fixture, STRANGER, fixtures, monitor, monitor_order, sorted, stored, time,
};

const PREVIEW: &str = "query($input: ReturnCreateInput!) {
    returnPreview(input: $input) {
        eligible
        reasons { code orderItemId deliveryDate returnDeadline }
        refund {
            items { amount } tax { amount } shipping { amount } total { amount currency }
            includesShipping
        }
    }
}";

fn input(order: Uuid, items: &[(Uuid, i32, &str)]) -> Value {
    let items: Vec<_> = items
        .iter()
        .map(|(item, quantity, reason)| {
            json!({
                "orderItemId": IdKind::OrderItem.format(*item),
                "quantity": quantity,
                "condition": "DEFECTIVE",
                "reasonCode": reason,
            })
        })
        .collect();
    json!({ "input": { "orderId": IdKind::Order.format(order), "items": items } })
}

async fn preview(fixture: &Fixture, order: Uuid, items: &[(Uuid, i32, &str)]) -> Value {
    fixture.ask(PREVIEW, input(order, items)).await
}

#[tokio::test]
async fn our_mistake_gives_everything_back_and_a_change_of_mind_less_the_shipping() {
    for fixture in fixtures(&[monitor_order()]).await {
        let order = monitor_order().id;
        let defective = preview(
            &fixture,
            order,
            &[(monitor().id, 1, "defective_on_arrival")],
        )
        .await;
        assert_eq!(
            defective,
            json!({ "data": { "returnPreview": {
                "eligible": true,
                "reasons": [],
                "refund": {
                    "items": { "amount": "299.00" },
                    "tax": { "amount": "15.99" },
                    "shipping": { "amount": "9.00" },
                    "total": { "amount": "323.99", "currency": "EUR" },
                    "includesShipping": true,
                },
            } } })
        );
        let unwanted = preview(&fixture, order, &[(monitor().id, 1, "changed_mind")]).await;
        assert_eq!(
            unwanted["data"]["returnPreview"]["refund"],
            json!({
                "items": { "amount": "299.00" },
                "tax": { "amount": "15.99" },
                "shipping": { "amount": "-9.00" },
                "total": { "amount": "305.99", "currency": "EUR" },
                "includesShipping": false,
            })
        );
        let returns = customer_return::Entity::find()
            .count(fixture.scratch.database.read())
            .await
            .unwrap();
        assert_eq!(returns, 0, "nothing is written");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_support_has_refunded_is_not_refunded_again() {
    for fixture in fixtures(&[monitor_order()]).await {
        let total = async |refunded| {
            fixture.orders.refund(refunded);
            let items = [(monitor().id, 1, "defective_on_arrival")];
            let answer = preview(&fixture, monitor_order().id, &items).await;
            answer["data"]["returnPreview"]["refund"]["total"]["amount"].clone()
        };
        assert_eq!(total(0).await, "323.99");
        assert_eq!(total(30_000).await, "23.99");
        assert_eq!(total(32_399).await, "0.00");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refusal_has_every_reason_and_no_quote() {
    let personalized = FakeItem {
        restriction: Some("PERSONALIZED"),
        ..monitor()
    };
    let order = FakeOrder {
        delivered_at: Some(time("2025-08-25T00:00:00Z")),
        items: vec![personalized],
        ..monitor_order()
    };
    for fixture in fixtures(std::slice::from_ref(&order)).await {
        let answer = preview(&fixture, order.id, &[(monitor().id, 2, "changed_mind")]).await;
        sorted().bind(|| {
            insta::allow_duplicates! {
                insta::assert_json_snapshot!(answer, @r#"
                {
                  "data": {
                    "returnPreview": {
                      "eligible": false,
                      "reasons": [
                        {
                          "code": "PAST_RETURN_WINDOW",
                          "deliveryDate": "2025-08-25T00:00:00.000Z",
                          "orderItemId": null,
                          "returnDeadline": "2025-09-24T00:00:00.000Z"
                        },
                        {
                          "code": "EXCLUDED_CATEGORY",
                          "deliveryDate": null,
                          "orderItemId": "oi_00000000000000000000000034",
                          "returnDeadline": null
                        },
                        {
                          "code": "QUANTITY_EXCEEDS_PURCHASED",
                          "deliveryDate": null,
                          "orderItemId": "oi_00000000000000000000000034",
                          "returnDeadline": null
                        }
                      ],
                      "refund": null
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
async fn earlier_returns_count_for_units_money_and_shipping_unless_cancelled() {
    let three = FakeItem {
        quantity: 3,
        line_total: 10_000,
        ..monitor()
    };
    let order = FakeOrder {
        items: vec![three],
        ..monitor_order()
    };
    let item = monitor().id;
    for fixture in fixtures(std::slice::from_ref(&order)).await {
        let mut first = stored(1_000, CUSTOMER, order.id, item, 2);
        first.items[0].refund_amount = 6_667;
        (first.row.refund_items, first.row.refund_tax) = (6_667, 1_067);
        first.row.refund_total = 6_667 + 1_067 + 900;
        let mut cancelled = stored(1_001, CUSTOMER, order.id, item, 3);
        cancelled.row.status = ReturnStatus::Cancelled;
        fixture.store(vec![first, cancelled]).await;

        let last = preview(&fixture, order.id, &[(item, 1, "stopped_working")]).await;
        assert_eq!(
            last["data"]["returnPreview"]["refund"],
            json!({
                // What remains of 100.00 and 15.99, not another third rounded up.
                "items": { "amount": "33.33" },
                "tax": { "amount": "5.32" },
                "shipping": { "amount": "0.00" },
                "total": { "amount": "38.65", "currency": "EUR" },
                "includesShipping": false,
            })
        );
        let too_many = preview(&fixture, order.id, &[(item, 2, "stopped_working")]).await;
        let reasons = &too_many["data"]["returnPreview"]["reasons"];
        assert_eq!(reasons[0]["code"], "QUANTITY_EXCEEDS_PURCHASED");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_preview_is_of_ones_own_items_of_one_order_with_known_reasons() {
    let other_order = FakeOrder {
        id: Uuid::from_u128(11),
        items: vec![FakeItem {
            id: Uuid::from_u128(101),
            ..monitor()
        }],
        ..monitor_order()
    };
    let order = monitor_order().id;
    let item = monitor().id;
    for fixture in fixtures(&[monitor_order(), other_order]).await {
        let good = input(order, &[(item, 1, "changed_mind")]);
        let stranger = execute(&fixture.subgraph, Some(STRANGER), PREVIEW, good.clone()).await;
        assert_eq!(code(&stranger), "FORBIDDEN");
        let visitor = execute(&fixture.subgraph, None, PREVIEW, good.clone()).await;
        assert_eq!(code(&visitor), "UNAUTHENTICATED");

        let missing = preview(&fixture, order, &[(Uuid::from_u128(7), 1, "changed_mind")]).await;
        assert_eq!(code(&missing), "FORBIDDEN");
        let mixed = [
            (item, 1, "changed_mind"),
            (Uuid::from_u128(101), 1, "changed_mind"),
        ];
        assert_eq!(
            code(&preview(&fixture, order, &mixed).await),
            "BAD_USER_INPUT"
        );
        let unknown = preview(&fixture, order, &[(item, 0, "bored")]).await;
        assert_eq!(code(&unknown), "BAD_USER_INPUT");
        assert_eq!(
            unknown["errors"][0]["message"],
            "input.items.0.quantity: The quantity must be at least 1; \
             input.items.0.reasonCode: The reason is not one of returnReasons"
        );

        fixture.orders.fail();
        let answer = execute(&fixture.subgraph, Some(CUSTOMER), PREVIEW, good).await;
        assert_eq!(code(&answer), "SUBGRAPH_UNAVAILABLE");
        fixture.scratch.drop().await;
    }
}
