//! Scheduled changes that cannot take effect.

use chrono::Duration;
use entities::insert_many;
use entities::pricing::{price_adjustment, product_price, scheduled_price_change};
use resolvers::id::IdKind;
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::fixtures;

#[tokio::test]
async fn a_scheduled_change_that_is_impossible_does_not_hold_up_the_others() {
    for fixture in fixtures().await {
        let db = fixture.scratch.database.clone();
        let products = fixture.products(&[(2_000, None); 3]).await;
        let [deleted, unreadable, good] = products[..] else {
            panic!("three products")
        };
        let at = |minutes| fixture.clock.now() + Duration::minutes(minutes);
        let change = |product, field: &str, minutes| json!({ "productId": IdKind::Product.format(product), field: "30", "reason": "x", "effectiveAt": at(minutes) });
        let changes = json!([
            change(deleted, "compareAtUsd", 1),
            change(unreadable, "baseUsd", 2),
            change(good, "baseUsd", 3),
        ]);
        fixture.set_well(changes).await;
        let deletion = product_price::Entity::delete_by_id(deleted);
        deletion.exec(db.write()).await.unwrap();
        let adjustment = price_adjustment::Model {
            id: Uuid::now_v7(),
            product_id: unreadable,
            kind: "sale".to_owned(),
            usd_minor: -100,
            active_from: at(-1),
            active_until: None,
            percent: Some("much".to_owned()),
        };
        insert_many::<price_adjustment::Entity>(db.write(), vec![adjustment])
            .await
            .unwrap();
        fixture.pass(Duration::minutes(3)).await;
        assert_eq!(fixture.current(good).await, "30.00");
        let prices = product_price::of_products(db.read(), &products)
            .await
            .unwrap();
        assert_eq!(prices[&unreadable].base_usd_minor, 2_000, "as it was");
        let rows = scheduled_price_change::of_products(db.read(), &products)
            .await
            .unwrap();
        assert!(!rows.contains_key(&good), "it was applied");
        for (product, error) in [(deleted, "no price"), (unreadable, "\"much\"")] {
            let told = rows[&product][0].last_error.as_deref().unwrap_or_default();
            assert!(told.contains(error), "{told}");
        }
        fixture.scratch.drop().await;
    }
}
