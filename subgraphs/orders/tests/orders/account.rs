//! A customer's own account and single orders.

use chrono::Duration;
use entities::orders::{customer, order};
use resolvers::testing::{code, execute};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{self, now, ord, shops};

#[tokio::test]
async fn an_order_shows_what_was_paid_and_what_happened() {
    for shop in shops().await {
        let placed_at = now() - Duration::days(2) + Duration::microseconds(123_456);
        shop.stock(vec![fixture::order(1, shop.ada, placed_at)])
            .await;
        let document = "query($id: ID!) { order(id: $id) {
            id status placedAt deliveredAt
            customer { id email name }
            items {
                id product { id __typename } productName quantity restriction order { id }
                unitPrice { formatted } lineTotal { formatted } tax { amount currency }
            }
            subtotal { amount } shipping { amount } tax { amount } total { amount currency formatted }
            totalUsd { amount currency } exchangeRate
            shippingAddress { name line1 line2 city region postalCode countryCode }
            paymentMethod { kind last4 usable } paymentIntentId
            timeline { event timestamp actor } allowedActions
        } }";
        let data = shop.ada_asks(document, json!({ "id": ord(1) })).await;
        // The engine returns fields in order of completion, so they are sorted for the snapshot.
        insta::allow_duplicates! {
            insta::with_settings!({ sort_maps => true }, {
                insta::assert_json_snapshot!(data["order"], @r#"
                {
                  "allowedActions": [
                    "CANCEL",
                    "REORDER"
                  ],
                  "customer": {
                    "email": "ada@example.com",
                    "id": "usr_000000000000000000000002pt",
                    "name": "Ada"
                  },
                  "deliveredAt": null,
                  "exchangeRate": "149.987500",
                  "id": "ord_00000000000000000000000001",
                  "items": [
                    {
                      "id": "oi_000000000000000000000000z8",
                      "lineTotal": {
                        "formatted": "¥2,000"
                      },
                      "order": {
                        "id": "ord_00000000000000000000000001"
                      },
                      "product": {
                        "__typename": "Product",
                        "id": "prd_0000000000000000000006nky0"
                      },
                      "productName": "Notebook",
                      "quantity": 2,
                      "restriction": null,
                      "tax": {
                        "amount": "200",
                        "currency": "JPY"
                      },
                      "unitPrice": {
                        "formatted": "¥1,000"
                      }
                    },
                    {
                      "id": "oi_000000000000000000000000z9",
                      "lineTotal": {
                        "formatted": "¥500"
                      },
                      "order": {
                        "id": "ord_00000000000000000000000001"
                      },
                      "product": {
                        "__typename": "Product",
                        "id": "prd_0000000000000000000006nky1"
                      },
                      "productName": "Engraved pen",
                      "quantity": 1,
                      "restriction": "PERSONALIZED",
                      "tax": {
                        "amount": "50",
                        "currency": "JPY"
                      },
                      "unitPrice": {
                        "formatted": "¥500"
                      }
                    }
                  ],
                  "paymentIntentId": "pi_1",
                  "paymentMethod": {
                    "kind": "CARD",
                    "last4": "4242",
                    "usable": true
                  },
                  "placedAt": "2025-10-07T14:30:00.123Z",
                  "shipping": {
                    "amount": "300"
                  },
                  "shippingAddress": {
                    "city": "Shibuya",
                    "countryCode": "JP",
                    "line1": "1-2-3 Jingumae",
                    "line2": null,
                    "name": "Ada Lovelace",
                    "postalCode": "150-0001",
                    "region": "Tokyo"
                  },
                  "status": "CONFIRMED",
                  "subtotal": {
                    "amount": "2500"
                  },
                  "tax": {
                    "amount": "250"
                  },
                  "timeline": [
                    {
                      "actor": "customer",
                      "event": "order.placed",
                      "timestamp": "2025-10-07T14:30:00.123Z"
                    },
                    {
                      "actor": "payment",
                      "event": "order.confirmed",
                      "timestamp": "2025-10-07T14:31:00.123Z"
                    }
                  ],
                  "total": {
                    "amount": "3050",
                    "currency": "JPY",
                    "formatted": "¥3,050"
                  },
                  "totalUsd": {
                    "amount": "20.33",
                    "currency": "USD"
                  }
                }
                "#);
            });
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_method_is_no_longer_usable_once_it_has_expired() {
    for shop in shops().await {
        shop.stock(vec![fixture::order(1, shop.ada, now())]).await;
        let document = "query($id: ID!) { order(id: $id) { paymentMethod { usable } } }";
        let mut published = Vec::new();
        for _ in 0..2 {
            let data = shop.ada_asks(document, json!({ "id": ord(1) })).await;
            published.push(data["order"]["paymentMethod"]["usable"].clone());
            shop.clock.advance(Duration::hours(1));
        }
        assert_eq!(published, [true, false], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn me_is_the_caller_and_nobody_when_the_account_is_gone() {
    for shop in shops().await {
        let document = "{ me { name email orders { totalCount nodes { id } } } }";
        let data = shop.ada_asks(document, json!({})).await;
        assert_eq!(
            data["me"],
            json!({ "name": "Ada", "email": "ada@example.com",
                "orders": { "totalCount": 0, "nodes": [] } })
        );
        let stranger = Some(Uuid::from_u128(0xE1E));
        let answer = execute(&shop.subgraph, stranger, document, json!({})).await;
        assert_eq!(answer, json!({ "data": { "me": null } }));
        let answer = execute(&shop.subgraph, None, document, json!({})).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_customer_is_found_by_email_in_any_case() {
    for shop in shops().await {
        let db = shop.scratch.database.read();
        let found = customer::by_email(db, "Ada@Example.COM").await.unwrap();
        assert_eq!(found.unwrap().id, shop.ada);
        assert_eq!(customer::by_email(db, "eve@example.com").await, Ok(None));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_from_the_database_is_an_internal_error_without_its_text() {
    for shop in shops().await {
        let broken = order::Model {
            exchange_rate: "about 150".to_owned(),
            ..fixture::order(1, shop.ada, now())
        };
        shop.stock(vec![broken]).await;
        let document = "query($id: ID!) { order(id: $id) { exchangeRate } }";
        let variables = json!({ "id": ord(1) });
        let answer = execute(&shop.subgraph, Some(shop.ada), document, variables).await;
        assert_eq!(code(&answer), "INTERNAL");
        assert_eq!(answer["data"]["order"], Value::Null);
        assert!(!answer.to_string().contains("about 150"), "{answer}");
        shop.scratch.drop().await;
    }
}

/// The router composes with these: keys, the foreign stub, and fields for other domains only.
#[tokio::test]
async fn the_sdl_has_the_keys_the_stub_and_the_hidden_fields() {
    for shop in shops().await {
        let sdl = shop.subgraph.sdl();
        for line in [
            "type Customer @key(fields: \"id\") {",
            "type Order @key(fields: \"id\") {",
            "type OrderItem @key(fields: \"id\") {",
            "type Product @key(fields: \"id\", resolvable: false) {",
            "  restriction: String @inaccessible",
            "  paymentIntentId: String @inaccessible",
            "  me: Customer @authenticated",
            "  ): Order @authenticated",
            "    first: Int = 20,",
            "    status: [OrderStatus!]",
            "  ): OrderConnection!",
        ] {
            assert!(
                sdl.lines().any(|published| published == line),
                "{line} in {sdl}"
            );
        }
        shop.scratch.drop().await;
    }
}
