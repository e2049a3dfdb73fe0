//! Placing an order: what it costs, what is charged, and what stands against it.

use chrono::Duration;
use entities::orders::order;
use resolvers::testing::{ask, code};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::{PLACE, input};
use crate::others::{GONE, UNPRICED, product};
use crate::shop::{Shop, shops};
use crate::stripe::{DECLINED, NEEDS_ACTION, WORKS};

const WHOLE: &str = "query($id: ID!) { order(id: $id) {
    status placedAt customer { name }
    items { productName product { id } quantity restriction unitPrice { formatted } lineTotal { formatted } tax { amount } }
    subtotal { amount } shipping { amount } tax { amount } total { formatted } totalUsd { formatted } exchangeRate
    shippingAddress { name city countryCode } paymentMethod { kind last4 usable } paymentIntentId
    timeline { event actor } allowedActions
} }";

async fn orders(shop: &Shop) -> u64 {
    order::Entity::find()
        .count(shop.scratch.database.read())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_order_is_priced_taxed_shipped_and_paid_in_the_customers_currency() {
    for shop in shops().await {
        let mut input = input(WORKS);
        input["items"] = json!([
            { "productId": product(1), "quantity": 1 },
            { "productId": product(4), "quantity": 1 },
        ]);
        let placed = shop.place(&input, "k").await;
        assert_eq!(placed["userErrors"], json!([]));
        assert_eq!(placed["order"]["status"], "CONFIRMED");
        let id = &placed["order"]["id"];
        let data = shop.ada_asks(WHOLE, json!({ "id": id })).await;
        insta::allow_duplicates! {
            insta::with_settings!({ sort_maps => true }, {
                insta::assert_json_snapshot!(data["order"], @r#"
                {
                  "allowedActions": [
                    "CANCEL",
                    "REORDER"
                  ],
                  "customer": {
                    "name": "Ada"
                  },
                  "exchangeRate": "0.9205",
                  "items": [
                    {
                      "lineTotal": {
                        "formatted": "€27.61"
                      },
                      "product": {
                        "id": "prd_00000000000000000000000001"
                      },
                      "productName": "Notebook",
                      "quantity": 1,
                      "restriction": null,
                      "tax": {
                        "amount": "5.24"
                      },
                      "unitPrice": {
                        "formatted": "€27.61"
                      }
                    },
                    {
                      "lineTotal": {
                        "formatted": "€11.50"
                      },
                      "product": {
                        "id": "prd_00000000000000000000000004"
                      },
                      "productName": "Engraved Pen",
                      "quantity": 1,
                      "restriction": "PERSONALIZED",
                      "tax": {
                        "amount": "2.18"
                      },
                      "unitPrice": {
                        "formatted": "€11.50"
                      }
                    }
                  ],
                  "paymentIntentId": "pi_1",
                  "paymentMethod": {
                    "kind": "CARD",
                    "last4": "4242",
                    "usable": true
                  },
                  "placedAt": "2025-10-09T14:30:00.000Z",
                  "shipping": {
                    "amount": "5.51"
                  },
                  "shippingAddress": {
                    "city": "Leipzig",
                    "countryCode": "DE",
                    "name": "Ada Lovelace"
                  },
                  "status": "CONFIRMED",
                  "subtotal": {
                    "amount": "39.11"
                  },
                  "tax": {
                    "amount": "7.42"
                  },
                  "timeline": [
                    {
                      "actor": "customer",
                      "event": "order.placed"
                    },
                    {
                      "actor": "payment",
                      "event": "order.confirmed"
                    }
                  ],
                  "total": {
                    "formatted": "€52.04"
                  },
                  "totalUsd": {
                    "formatted": "$56.56"
                  }
                }
                "#);
            });
        }
        let intents = shop.stripe.intents();
        assert_eq!(intents.len(), 1);
        assert_eq!(intents[0]["amount"], 5_204, "{}", shop.scratch.name);
        assert_eq!(intents[0]["currency"], "eur");
        assert_eq!(intents[0]["status"], "succeeded");
        assert_eq!(&intents[0]["metadata"]["order"], id);

        let told = shop.told().await;
        let kinds: Vec<_> = told.iter().map(|event| event.event_type.as_str()).collect();
        assert_eq!(kinds, ["order.placed", "order.confirmed"]);
        assert_eq!(told[0].topic, "orders.events");
        assert_eq!(told[0].data["items"][1]["productId"], product(4));
        assert_eq!(
            told[0].data["total"],
            json!({ "amount": "52.04", "currency": "EUR" })
        );
        assert_eq!(told[1].data["previousStatus"], "pending");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_currency_is_the_chosen_one_or_that_of_the_country_it_goes_to() {
    for shop in shops().await {
        // Free shipping; tax of Germany, of Japan, of New York, none in Switzerland.
        let cases = [
            (json!("USD"), "DE", None, "71.40", "USD"),
            (Value::Null, "JP", Some("Tokyo"), "9900", "JPY"),
            (json!("EUR"), "US", Some("NY"), "57.42", "EUR"),
            (Value::Null, "CH", None, "60.00", "USD"),
            // Of pounds no rate is known: dollars, as no currency was chosen.
            (Value::Null, "GB", None, "72.00", "USD"),
        ];
        for (number, (currency, country, region, amount, paid)) in cases.into_iter().enumerate() {
            let mut input = input(WORKS);
            input["currency"] = currency;
            input["shippingAddress"]["countryCode"] = json!(country);
            input["shippingAddress"]["region"] = json!(region);
            let placed = shop.place(&input, &number.to_string()).await;
            let total = &placed["order"]["total"];
            assert_eq!(
                *total,
                json!({ "amount": amount, "currency": paid }),
                "{country}"
            );
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn shipping_is_charged_below_fifty_dollars_unless_nothing_is_delivered() {
    for shop in shops().await {
        let shipping = async |products: Value, key: &str| {
            let mut input = input(WORKS);
            input["items"] = products;
            input["currency"] = json!("USD");
            let placed = shop.place(&input, key).await;
            let document = "query($id: ID!) { order(id: $id) { shipping { amount } } }";
            let data = shop
                .ada_asks(document, json!({ "id": placed["order"]["id"] }))
                .await;
            data["order"]["shipping"]["amount"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let item = |number, quantity| json!({ "productId": product(number), "quantity": quantity });
        assert_eq!(shipping(json!([item(4, 3)]), "below").await, "5.99");
        assert_eq!(shipping(json!([item(4, 4)]), "at fifty").await, "0.00");
        assert_eq!(shipping(json!([item(3, 1)]), "a gift card").await, "0.00");
        assert_eq!(
            shipping(json!([item(3, 1), item(5, 1)]), "with a sticker").await,
            "5.99"
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_same_key_gives_the_same_order_and_charges_once() {
    for shop in shops().await {
        let first = shop.place(&input(WORKS), "k").await;
        let again = shop.place(&input(WORKS), "k").await;
        assert_eq!(first, again, "{}", shop.scratch.name);
        let mut other = input(WORKS);
        other["items"][0]["quantity"] = json!(3);
        let answer = shop.order_as(shop.ada, &other, "k").await;
        assert_eq!(code(&answer), "CONFLICT");
        assert_eq!((orders(&shop).await, shop.stripe.intents().len()), (1, 1));

        // Keys are each customer's own.
        let bobs = shop.order_as(shop.bob, &input(WORKS), "k").await;
        assert_ne!(
            bobs["data"]["orderPlace"]["order"]["id"],
            first["order"]["id"]
        );
        assert_eq!(orders(&shop).await, 2);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_same_key_at_once_gives_one_order_and_one_answer() {
    for shop in shops().await {
        let order = input(WORKS);
        let answers = futures::future::join_all((0..24).map(|_| shop.place(&order, "k"))).await;
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{answers:#?}"
        );
        assert_eq!(answers[0]["order"]["status"], "CONFIRMED");
        assert_eq!((orders(&shop).await, shop.stripe.intents().len()), (1, 1));
        let calls = shop.stripe.calls();
        let changes: Vec<_> = calls
            .iter()
            .filter(|call| call.starts_with("POST"))
            .collect();
        let paid = [
            "POST /v1/payment_intents",
            "POST /v1/payment_intents/pi_1/confirm",
        ];
        assert_eq!(changes, paid, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_ordered_is_told_with_its_place_and_nothing_is_written() {
    for shop in shops().await {
        let item = |number, quantity| json!({ "productId": product(number), "quantity": quantity });
        let cases = [
            (
                "items",
                json!([]),
                "INVALID_ITEMS",
                json!(["input", "items"]),
            ),
            (
                "items",
                json!([item(1, 0)]),
                "INVALID_QUANTITY",
                json!(["input", "items", "0", "quantity"]),
            ),
            (
                "items",
                json!([item(1, -3)]),
                "INVALID_QUANTITY",
                json!(["input", "items", "0", "quantity"]),
            ),
            (
                "items",
                json!([item(1, 100)]),
                "INVALID_QUANTITY",
                json!(["input", "items", "0", "quantity"]),
            ),
            (
                "items",
                json!([item(1, 1), item(77, 1)]),
                "PRODUCT_NOT_FOUND",
                json!(["input", "items", "1", "productId"]),
            ),
            (
                "items",
                json!([item(GONE, 1)]),
                "PRODUCT_NOT_AVAILABLE",
                json!(["input", "items", "0", "productId"]),
            ),
            (
                "items",
                json!([item(UNPRICED, 1)]),
                "PRODUCT_NOT_AVAILABLE",
                json!(["input", "items", "0", "productId"]),
            ),
            (
                "currency",
                json!("GBP"),
                "CURRENCY_NOT_AVAILABLE",
                json!(["input", "currency"]),
            ),
            (
                "paymentMethodToken",
                json!(""),
                "INVALID_PAYMENT_METHOD",
                json!(["input", "paymentMethodToken"]),
            ),
            (
                "paymentMethodToken",
                json!("pm_nobodys"),
                "INVALID_PAYMENT_METHOD",
                json!(["input", "paymentMethodToken"]),
            ),
        ];
        for (field, value, code, place) in cases {
            let mut input = input(WORKS);
            input[field] = value;
            let refused = shop.place(&input, "k").await;
            assert_eq!(refused["order"], Value::Null, "{code}");
            assert_eq!(refused["userErrors"][0]["code"], code);
            assert_eq!(refused["userErrors"][0]["field"], place);
        }
        assert_eq!((orders(&shop).await, shop.stripe.intents().len()), (0, 0));
        // The key is free for the mended order.
        let placed = shop.place(&input(WORKS), "k").await;
        assert_eq!(
            placed["order"]["status"], "CONFIRMED",
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_declined_payment_cancels_the_order_says_why_and_leaves_nothing_to_be_charged() {
    for shop in shops().await {
        let declined = shop.place(&input(DECLINED), "k").await;
        assert_eq!(declined["userErrors"][0]["code"], "PAYMENT_DECLINED");
        assert_eq!(
            declined["userErrors"][0]["field"],
            json!(["input", "paymentMethodToken"])
        );
        let message = declined["userErrors"][0]["message"].as_str().unwrap();
        assert!(message.contains("not enough money"), "{message}");
        assert_eq!(declined["order"]["status"], "CANCELLED");
        assert_eq!(
            declined["order"]["timeline"],
            json!([
                { "event": "order.placed", "actor": "customer" },
                { "event": "order.cancelled", "actor": "payment" },
            ])
        );
        assert_eq!(declined["order"]["allowedActions"], json!(["REORDER"]));
        shop.work_after(Duration::zero()).await;
        assert_eq!(shop.stripe.intents()[0]["status"], "canceled");
        assert_eq!(
            shop.payment().await.state,
            "released",
            "{}",
            shop.scratch.name
        );
        assert_eq!(shop.place(&input(DECLINED), "k").await, declined);
        assert_eq!(shop.stripe.intents().len(), 1);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_the_bank_asks_about_waits_for_the_customer() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        assert_eq!(placed["order"]["status"], "PENDING");
        assert_eq!(placed["userErrors"], json!([]));
        assert_eq!(placed["paymentClientSecret"], "pi_1_secret");
        assert_eq!(shop.place(&input(NEEDS_ACTION), "k").await, placed);

        shop.stripe.act("pi_1", "succeeded");
        shop.work_after(Duration::minutes(6)).await;
        let id = &placed["order"]["id"];
        assert_eq!(
            shop.story(id).await,
            "CONFIRMED: order.placed, order.confirmed"
        );
        let again = shop.place(&input(NEEDS_ACTION), "k").await;
        assert_eq!(
            again["paymentClientSecret"],
            Value::Null,
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_a_customer_with_an_account_can_order() {
    for shop in shops().await {
        let variables = json!({ "input": input(WORKS), "key": "k" });
        let visitor = ask(&shop.subgraph, None, PLACE, variables).await;
        assert_eq!(code(&visitor), "UNAUTHENTICATED");
        let stranger = shop.order_as(Uuid::from_u128(5), &input(WORKS), "k").await;
        assert_eq!(code(&stranger), "NOT_FOUND", "{stranger}");
        assert_eq!((orders(&shop).await, shop.stripe.intents().len()), (0, 0));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn without_those_who_are_asked_no_order_is_placed() {
    for shop in shops().await {
        let parts: [fn(&mut orders::State); 3] = [
            |state| state.stripe = None,
            |state| state.search = None,
            |state| state.pricing = None,
        ];
        for part in parts {
            let mut state = shop.state.clone();
            part(&mut state);
            let alone = orders::subgraph(state);
            let variables = json!({ "input": input(WORKS), "key": "k" });
            let answer = ask(&alone, Some(shop.ada), PLACE, variables).await;
            assert_eq!(code(&answer), "SUBGRAPH_UNAVAILABLE", "{answer}");
        }
        assert_eq!(orders(&shop).await, 0);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_of_fifty_lines_takes_as_many_statements_as_one_of_a_single_line() {
    for shop in shops().await {
        let mut counts = Vec::new();
        for lines in [1, 50] {
            let mut input = input(WORKS);
            let items = (0..lines)
                .map(|number| json!({ "productId": product(100 + number), "quantity": 1 }));
            input["items"] = items.collect();
            let before = shop.scratch.database.statements();
            let placed = shop.place(&input, &lines.to_string()).await;
            assert_eq!(placed["order"]["status"], "CONFIRMED", "{placed}");
            counts.push(shop.scratch.database.statements() - before);
        }
        // The second order finds the payment method that the first has kept.
        assert_eq!(counts[0], counts[1] + 1, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}
