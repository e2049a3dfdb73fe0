//! `orderPlace`: the price, the charge, and that it is charged once.

use chrono::Duration;
use platform::testing::until;
use resolvers::testing::code;
use serde_json::{Value, json};

use crate::checkout::input;
use crate::fake_stripe::{NEEDS_ACTION, WORKS};
use crate::fake_subgraphs::product;
use crate::fixture::shops;

const WHOLE: &str = "query($id: ID!) { order(id: $id) {
    status placedAt customer { name }
    items { productName product { id } quantity restriction unitPrice { formatted } lineTotal { formatted } tax { amount } }
    subtotal { amount } shipping { amount } tax { amount } total { formatted } totalUsd { formatted } exchangeRate
    shippingAddress { name city countryCode } paymentMethod { kind last4 usable } paymentIntentId
    timeline { event actor } allowedActions
} }";

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

        let published = shop.published().await;
        let kinds: Vec<_> = published
            .iter()
            .map(|event| event.event_type.as_str())
            .collect();
        assert_eq!(kinds, ["order.placed", "order.confirmed"]);
        assert_eq!(published[0].topic, "orders.events");
        assert_eq!(published[0].data["items"][1]["productId"], product(4));
        assert_eq!(
            published[0].data["total"],
            json!({ "amount": "52.04", "currency": "EUR" })
        );
        assert_eq!(published[1].data["previousStatus"], "pending");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_currency_is_the_chosen_one_or_that_of_the_country_it_goes_to() {
    for shop in shops().await {
        // Free shipping; tax in Germany, Japan and New York, none in Switzerland.
        let cases = [
            (json!("USD"), "DE", None, "71.40", "USD"),
            (Value::Null, "JP", Some("Tokyo"), "9900", "JPY"),
            (json!("EUR"), "US", Some("New York"), "57.42", "EUR"),
            (Value::Null, "CH", None, "60.00", "USD"),
            // There is no rate for pounds, and no currency was chosen: dollars.
            (Value::Null, "GB", None, "72.00", "USD"),
        ];
        for (number, (currency, country, region, amount, paid)) in cases.into_iter().enumerate() {
            let mut input = input(WORKS);
            input["currency"] = currency;
            input["shippingAddress"]["countryCode"] = json!(country);
            input["shippingAddress"]["region"] = json!(region);
            let postal_code = match country {
                "JP" => "150-0001",
                "CH" => "8001",
                "GB" => "SW1Y 4JH",
                _ => "11201",
            };
            input["shippingAddress"]["postalCode"] = json!(postal_code);
            let placed = shop.place(&input, &number.to_string()).await;
            let total = &placed["order"]["total"];
            assert_eq!(
                *total,
                json!({ "amount": amount, "currency": paid }),
                "{country}"
            );
            let fallback = (country == "GB").then_some("NO_RATE");
            assert_eq!(placed["currencyFallback"], json!(fallback), "{country}");
            let again = shop.place(&input, &number.to_string()).await;
            assert_eq!(again["currencyFallback"], json!(fallback), "{country}");
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
        assert_eq!((shop.orders().await, shop.stripe.intents().len()), (1, 1));

        // Keys are separate for each customer.
        let bobs = shop.order_as(shop.bob, &input(WORKS), "k").await;
        assert_ne!(
            bobs["data"]["orderPlace"]["order"]["id"],
            first["order"]["id"]
        );
        assert_eq!(shop.orders().await, 2);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_same_key_at_once_gives_one_order_and_one_answer() {
    for shop in shops().await {
        let order = input(WORKS);
        let answers = futures::future::join_all((0..24).map(|_| shop.place(&order, "k"))).await;
        until("the order is paid", async || {
            shop.place(&order, "k").await["order"]["status"] == "CONFIRMED"
        })
        .await;
        let last = shop.place(&order, "k").await;
        for answer in &answers {
            assert_eq!(answer["order"]["id"], last["order"]["id"], "{answers:#?}");
            // On a busy machine, some do not wait until it is paid.
            let is_early = answer["order"]["status"] == "PENDING";
            assert!(is_early || *answer == last, "{answers:#?}");
        }
        assert_eq!((shop.orders().await, shop.stripe.intents().len()), (1, 1));
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
        // The second order finds the payment method saved by the first.
        assert_eq!(counts[0], counts[1] + 1, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}
