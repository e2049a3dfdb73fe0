//! A checkout is quoted in one currency at one rate.

use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, fixtures, rate};

const QUOTE: &str = "query($products: [ID!]!, $currency: CurrencyCode, $country: String) {
    checkoutQuote(products: $products, charges: [\"5.99\"], currency: $currency, shippingCountry: $country) {
        currency fallback exchangeRate { effectiveRate }
        prices { amount { amount currency } usd { amount } }
        charges { amount { amount currency } usd { amount } }
    }
}";

impl Fixture {
    async fn quote(&self, products: &[Uuid], currency: Value, country: Value) -> Value {
        let products: Vec<_> = products.iter().map(|id| IdKind::Product.id(*id)).collect();
        let variables = json!({ "products": products, "currency": currency, "country": country });
        let mut answer = self.ask(QUOTE, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["checkoutQuote"].take()
    }
}

#[tokio::test]
async fn a_checkout_is_quoted_in_one_currency_by_one_rate() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.9205", now)]).await;
        let product = fixture.products(&[(3_500, None)]).await[0];
        fixture.adjust(product, "sale", -500, (-2, None)).await;
        let products = [product, Uuid::now_v7(), product];
        let amount = |amount: &str, currency: &str, usd: &str| json!({ "amount": { "amount": amount, "currency": currency }, "usd": { "amount": usd } });
        let in_euros = json!({
            "currency": "EUR",
            "fallback": null,
            "exchangeRate": { "effectiveRate": "0.9205" },
            "prices": [amount("27.61", "EUR", "30.00"), null, amount("27.61", "EUR", "30.00")],
            "charges": [amount("5.51", "EUR", "5.99")],
        });
        let explicit = fixture.quote(&products, json!("EUR"), json!("JP")).await;
        assert_eq!(explicit, in_euros, "{}", fixture.scratch.name);
        let by_country = fixture.quote(&products, Value::Null, json!("DE")).await;
        assert_eq!(by_country, in_euros);

        // There is no rate for yen.
        for (currency, fallback) in [("JPY", json!("NO_RATE")), ("USD", Value::Null)] {
            let quote = fixture
                .quote(&[product], json!(currency), Value::Null)
                .await;
            let in_dollars = json!({
                "currency": "USD",
                "fallback": fallback,
                "exchangeRate": { "effectiveRate": "1" },
                "prices": [amount("30.00", "USD", "30.00")],
                "charges": [amount("5.99", "USD", "5.99")],
            });
            assert_eq!(quote, in_dollars, "{currency}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_checkout_takes_as_many_statements_for_one_product_as_for_a_hundred() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.9205", now)]).await;
        let products = fixture.products(&[(1_000, None); 100]).await;
        let before = fixture.scratch.database.statements();
        fixture
            .quote(&products[..1], json!("EUR"), Value::Null)
            .await;
        let one = fixture.scratch.database.statements() - before;
        fixture.quote(&products, json!("EUR"), Value::Null).await;
        let hundred = fixture.scratch.database.statements() - before - one;
        assert_eq!(
            (one, hundred),
            (2, 1),
            "{}: then the rates are cached",
            fixture.scratch.name
        );
        fixture.scratch.drop().await;
    }
}
