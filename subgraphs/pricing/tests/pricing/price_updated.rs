//! Watching a product's price.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use futures::StreamExt;
use platform::bus::Event;
use platform::caller::Caller;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, fixtures, rate};

impl Fixture {
    /// Tells those who watch these products that they changed, as the event of a change does.
    async fn announce(&self, products: &[Uuid]) {
        let subscribers = pricing::workers::subscribers(&self.state);
        let subscriber = subscribers
            .iter()
            .find(|subscriber| subscriber.group.topics.contains(&"pricing.events"))
            .expect("the consumer of price changes");
        let prices: Vec<Value> = products
            .iter()
            .map(|id| json!({ "productId": IdKind::Product.format(*id) }))
            .collect();
        let event = Event {
            id: Uuid::now_v7(),
            topic: "pricing.events".to_owned(),
            event_type: "price.changed".to_owned(),
            aggregate_id: "prices".to_owned(),
            sequence: 1,
            occurred_at: self.clock.now(),
            data: json!({ "version": 1, "prices": prices }),
            traceparent: None,
        };
        let transaction = self.scratch.database.begin().await.unwrap();
        let now = self.clock.now();
        subscriber
            .handler
            .handle(&transaction, &event, now)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }
}

fn watch(product: Uuid, arguments: &str) -> String {
    let id = IdKind::Product.format(product);
    format!(
        "subscription {{ priceUpdated(productId: \"{id}\"{arguments}) {{ \
           current {{ amount {{ amount currency }} }} }} }}"
    )
}

#[tokio::test]
async fn a_watcher_sees_the_price_and_each_change_in_its_currency() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.5", now)]).await;
        let products = fixture.products(&[(2_000, None), (3_000, None)]).await;
        let document: Arc<str> = watch(products[0], ", currency: EUR").into();
        let make = move || (Request::new(&*document), Caller::default());
        let mut seen = fixture.subgraph.execute_stream(make);
        let mut next = async || {
            let response = seen.next().await.unwrap();
            assert_eq!(response.errors, []);
            let data = response.data.into_json().unwrap();
            let amount = &data["priceUpdated"]["current"]["amount"];
            assert_eq!(amount["currency"], "EUR");
            amount["amount"].as_str().unwrap().to_owned()
        };
        assert_eq!(next().await, "10.00");
        // Another product's change, and one that changes nothing, are no news.
        fixture.announce(&products).await;
        fixture.adjust(products[0], "sale", -400, (-1, None)).await;
        fixture.announce(&products).await;
        assert_eq!(next().await, "8.00");
        // Nor is a change lost that the database cannot be asked about at first.
        fixture.adjust(products[0], "sale", -400, (-1, None)).await;
        fixture.rename_table("product_prices", "gone").await;
        fixture.announce(&products).await;
        let waits = Duration::from_millis(50);
        let told = tokio::time::timeout(waits, next()).await;
        assert!(told.is_err(), "{told:?}");
        fixture.rename_table("gone", "product_prices").await;
        assert_eq!(next().await, "6.00");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_price_that_does_not_exist_cannot_be_watched() {
    for fixture in fixtures().await {
        let document: Arc<str> = watch(Uuid::now_v7(), "").into();
        let make = move || (Request::new(&*document), Caller::default());
        let responses: Vec<_> = fixture.subgraph.execute_stream(make).collect().await;
        let refusal = serde_json::to_value(&responses[0]).unwrap();
        assert_eq!(resolvers::testing::code(&refusal), "NOT_FOUND");
        assert_eq!(responses.len(), 1);
        fixture.scratch.drop().await;
    }
}
