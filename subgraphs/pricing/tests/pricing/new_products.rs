//! Products that are new in the catalog: a base price with them is their price, and a known price is published again.

use platform::bus::Event;
use platform::inbox::HandleError;
use platform::tables::outbox_event;
use pricing::workers::subscribers;
use resolvers::id::IdKind;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, fixtures};

async fn upserted(fixture: &Fixture, products: Value) -> Result<(), HandleError> {
    let event = Event {
        id: Uuid::now_v7(),
        topic: "search.events".to_owned(),
        event_type: "product.upserted.v1".to_owned(),
        aggregate_id: "products".to_owned(),
        sequence: 1,
        occurred_at: "2025-10-09T12:00:00Z".parse().unwrap(),
        data: json!({ "version": 1, "products": products }),
        traceparent: None,
    };
    let subscribers = subscribers(&fixture.state);
    let catalog = subscribers
        .iter()
        .find(|subscriber| subscriber.group.name == "pricing.catalog");
    let transaction = fixture.scratch.database.begin().await?;
    let now = fixture.clock.now();
    catalog
        .unwrap()
        .handler
        .handle(&transaction, &event, now)
        .await?;
    transaction.commit().await?;
    Ok(())
}

#[tokio::test]
async fn a_base_price_is_taken_for_new_products_without_a_price() {
    for fixture in fixtures().await {
        let known = fixture.products(&[(2_000, None)]).await[0];
        let [new, unpriced, old] = [(); 3].map(|()| Uuid::now_v7());
        let id = |product| IdKind::Product.format(product);
        let products = json!([
            { "id": id(known), "created": true, "basePriceUsd": "5.00" },
            { "id": id(new), "created": true, "basePriceUsd": "79.90" },
            { "id": id(unpriced), "created": true },
            { "id": id(old), "created": false, "basePriceUsd": "3.00" },
        ]);
        // Also when it arrives twice.
        for _ in 0..2 {
            upserted(&fixture, products.clone()).await.unwrap();
        }
        let prices = fixture
            .prices(&[known, new, unpriced, old], json!("USD"))
            .await;
        let dollars = |index: usize| prices[index]["price"]["current"]["usd"]["amount"].clone();
        assert_eq!(dollars(0), "20.00");
        assert_eq!(dollars(1), "79.90");
        assert_eq!((dollars(2), dollars(3)), (Value::Null, Value::Null));

        let rows = outbox_event::Entity::find().order_by_asc(outbox_event::Column::Sequence);
        let rows = rows.all(fixture.scratch.database.read()).await.unwrap();
        let published: Vec<_> = rows
            .iter()
            .flat_map(|row| row.data["prices"].as_array().unwrap())
            .map(|price| (price["productId"].clone(), price["currentUsd"].clone()))
            .collect();
        let price = |product, usd: &str| (json!(id(product)), json!(usd));
        // Searches that did not know the product before get its price now.
        assert_eq!(published[..2], [price(known, "20.00"), price(new, "79.90")]);
        assert_eq!(published.len(), 4, "{published:?}");

        for nonsense in [
            json!([{ "id": "x", "created": true }]),
            json!([{ "id": id(new), "created": true, "basePriceUsd": "1.999" }]),
            json!([{ "id": id(new), "created": true, "basePriceUsd": "-1" }]),
        ] {
            let refused = upserted(&fixture, nonsense).await;
            assert!(
                matches!(refused, Err(HandleError::Unusable(_))),
                "{refused:?}"
            );
        }
        fixture.scratch.drop().await;
    }
}
