//! What other domains tell: stock and prices change; searches follow.

use chrono::Duration;
use entities::insert_many;
use entities::search::product;
use platform::bus::Event;
use platform::inbox::HandleError;
use platform::tables::outbox_event;
use resolvers::id::IdKind;
use sea_orm::{EntityTrait, QueryOrder};
use search::IndexFollower;
use search::workers::subscribers;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Fixture, Item, fixtures, id};

const IN_STOCK: &str = "{ productSearch(query: \"\", filters: { inStock: true }) { totalCount } }";

fn event(kind: &str, data: Value) -> Event {
    let topic = match kind {
        "price.changed" => "pricing.events",
        kind if kind.starts_with("product.") => "catalog.events",
        _ => "inventory.events",
    };
    Event {
        id: Uuid::now_v7(),
        topic: topic.to_owned(),
        event_type: kind.to_owned(),
        aggregate_id: "ret_1".to_owned(),
        sequence: 1,
        occurred_at: "2025-10-09T12:00:00Z".parse().unwrap(),
        data,
        traceparent: None,
    }
}

async fn tell(fixture: &Fixture, event: &Event) -> Result<(), HandleError> {
    let subscribers = subscribers();
    let subscriber = subscribers
        .iter()
        .find(|subscriber| subscriber.group.topics.contains(&event.topic.as_str()))
        .expect("a consumer of the topic");
    let transaction = fixture.scratch.database.begin().await?;
    let now = fixture.state.clock.now();
    subscriber.handler.handle(&transaction, event, now).await?;
    transaction.commit().await?;
    Ok(())
}

async fn quantity(fixture: &Fixture, number: usize) -> i32 {
    let found = product::Entity::find_by_id(id(number))
        .one(fixture.scratch.database.read())
        .await;
    found.unwrap().unwrap().available_quantity
}

#[tokio::test]
async fn stock_follows_its_ledger_and_an_older_level_changes_nothing() {
    let sold_out = Item {
        quantity: 0,
        ..Item::PLAIN
    };
    for fixture in fixtures(&[Item::PLAIN.row(1), sold_out.row(2)]).await {
        let found = fixture.ask(IN_STOCK, json!({})).await;
        assert_eq!(found["data"]["productSearch"]["totalCount"], 1, "{found:#}");
        let level = |number, sequence: i64, quantity: i32| json!({ "productId": IdKind::Product.format(id(number)), "sequence": sequence, "availableQuantity": quantity });
        let adjusted = |levels: Value| {
            event(
                "inventory.adjusted",
                json!({ "version": 1, "reason": "ordered", "products": levels }),
            )
        };
        let mut follower = IndexFollower::new(fixture.state.clone());
        follower.follow().await.unwrap();
        let steps = [
            (
                json!([level(1, 2, 0), level(2, 5, 3), level(3, 1, 9)]),
                2,
                (0, 3),
            ),
            // Late, the same again, and two levels of a product in one event.
            (json!([level(1, 1, 7), level(2, 5, 9)]), 0, (0, 3)),
            (json!([level(1, 4, 4), level(1, 3, 8)]), 1, (4, 3)),
        ];
        for (levels, indexed, expected) in steps {
            fixture.state.clock.advance(Duration::seconds(1));
            tell(&fixture, &adjusted(levels)).await.unwrap();
            let shown = (quantity(&fixture, 1).await, quantity(&fixture, 2).await);
            assert_eq!(shown, expected);
            assert_eq!(follower.follow().await.unwrap(), indexed);
        }
        let found = fixture.ask(IN_STOCK, json!({})).await;
        assert_eq!(found["data"]["productSearch"]["totalCount"], 2);

        let nonsense = adjusted(json!([{"productId": "x", "sequence": 1, "availableQuantity": 1}]));
        let refused = tell(&fixture, &nonsense).await;
        assert!(
            matches!(refused, Err(HandleError::Unusable(_))),
            "{refused:?}"
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn products_from_before_the_ledger_are_announced_to_it_once() {
    let old = |number| Item::PLAIN.row(number);
    for fixture in fixtures(&[old(1), old(2)]).await {
        let database = &fixture.scratch.database;
        let now = fixture.state.clock.now();
        for _ in 0..2 {
            search::stock::announce(database, now).await.unwrap();
        }
        let rows = outbox_event::Entity::find().all(database.read()).await;
        let rows = rows.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].event_type, "product.stock.v1");
        let products = rows[0].data["products"].as_array().unwrap();
        let quantities: Vec<_> = products
            .iter()
            .map(|product| &product["availableQuantity"])
            .collect();
        assert_eq!(quantities, [1, 1]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_changed_price_decides_what_is_found_and_an_older_one_changes_nothing() {
    const CHEAP: &str = "query: \"\", filters: { maxPrice: \"5\" }";
    let rows: Vec<_> = (1..=3).map(|number| Item::PLAIN.row(number)).collect();
    for fixture in fixtures(&rows).await {
        let mut follower = IndexFollower::new(fixture.state.clone());
        let price = |number, sequence, usd: &str| json!({ "productId": IdKind::Product.format(id(number)), "sequence": sequence, "currentUsd": usd });
        let steps = [
            (vec![price(1, 1, "4.99"), price(9, 1, "1.00")], 1),
            (vec![price(2, 3, "5.00"), price(3, 1, "5.01")], 2),
            (vec![price(2, 2, "9.00"), price(1, 2, "50.00")], 1),
        ];
        for (prices, found) in steps {
            fixture.state.clock.advance(Duration::seconds(1));
            tell(
                &fixture,
                &event("price.changed", json!({ "version": 1, "prices": prices })),
            )
            .await
            .unwrap();
            follower.follow().await.unwrap();
            let cheap = fixture
                .search(CHEAP, "totalCount facets { name buckets { count } }")
                .await;
            assert_eq!(cheap["totalCount"], found, "{prices:?}");
            let all = fixture.search("query: \"thing\"", "totalCount").await;
            assert_eq!(all["totalCount"], 3, "each product is there once");
        }
        assert_eq!(
            fixture.state.engine.status().await.unwrap().products,
            Some(3)
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_change_is_read_once_however_long_nothing_else_changes() {
    for fixture in fixtures(&[Item::PLAIN.row(1)]).await {
        let mut follower = IndexFollower::new(fixture.state.clone());
        follower.follow().await.unwrap();
        let prices = json!([{ "productId": IdKind::Product.format(id(1)), "sequence": 1, "currentUsd": "4.99" }]);
        fixture.state.clock.advance(Duration::minutes(1));
        let changed = event("price.changed", json!({ "version": 1, "prices": prices }));
        tell(&fixture, &changed).await.unwrap();
        assert_eq!(follower.follow().await.unwrap(), 1);
        let db = fixture.scratch.database.clone();
        // Within the period that is looked at again, and after it.
        for seconds in [1, 31, 1] {
            fixture.state.clock.advance(Duration::seconds(seconds));
            let before = db.statements();
            assert_eq!(follower.follow().await.unwrap(), 0);
            assert_eq!(db.statements() - before, 1, "no product is read");
        }
        // What was changed before the last look and committed after it is found.
        let row = product::Model {
            updated_at: fixture.state.clock.now() - Duration::seconds(20),
            ..Item::PLAIN.row(2)
        };
        insert_many::<product::Entity>(db.write(), vec![row])
            .await
            .unwrap();
        assert_eq!(follower.follow().await.unwrap(), 1);
        assert_eq!(
            fixture.state.engine.status().await.unwrap().products,
            Some(2)
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn products_follow_another_systems_catalog_in_the_order_of_their_numbers() {
    for fixture in fixtures(&[Item::PLAIN.row(0), Item::PLAIN.row(1)]).await {
        let product = |number| IdKind::Product.format(id(number));
        let upserted = |products: Value| {
            event(
                "product.upserted.v1",
                json!({ "version": 1, "products": products }),
            )
        };
        let title = async |number| {
            let db = fixture.scratch.database.read();
            let found = product::Entity::find_by_id(id(number)).one(db).await;
            let row = found.unwrap()?;
            Some((row.title, row.active))
        };
        let both = upserted(json!([
            { "id": product(0), "sequence": 5, "title": "Fifth", "unknownField": 1 },
            { "id": product(7), "sequence": 1, "title": "New", "category": "Lamps", "brand": null },
        ]));
        tell(&fixture, &both).await.unwrap();
        assert_eq!(title(0).await, Some(("Fifth".to_owned(), true)));
        assert_eq!(title(7).await, Some(("New".to_owned(), true)));
        // Older, and the same again: nothing.
        for sequence in [4, 5] {
            let late = json!([{ "id": product(0), "sequence": sequence, "title": "Late" }]);
            tell(&fixture, &upserted(late)).await.unwrap();
        }
        assert_eq!(title(0).await, Some(("Fifth".to_owned(), true)));
        let deleted = |sequence: i64| {
            let products = json!([{ "id": product(0), "sequence": sequence }]);
            event(
                "product.deleted.v1",
                json!({ "version": 1, "products": products }),
            )
        };
        tell(&fixture, &deleted(3)).await.unwrap();
        assert_eq!(title(0).await, Some(("Fifth".to_owned(), true)));
        tell(&fixture, &deleted(6)).await.unwrap();
        assert_eq!(title(0).await, Some(("Fifth".to_owned(), false)));
        // Of several changes of a product in one event, the newest counts.
        let twice = json!([
            { "id": product(1), "sequence": 2, "title": "Second" },
            { "id": product(1), "sequence": 1, "title": "First" },
        ]);
        tell(&fixture, &upserted(twice)).await.unwrap();
        assert_eq!(title(1).await, Some(("Second".to_owned(), true)));
        // This domain publishes what has changed, under numbers of its own.
        let rows = outbox_event::Entity::find().order_by_asc(outbox_event::Column::Sequence);
        let rows = rows.all(fixture.scratch.database.read()).await.unwrap();
        let types: Vec<_> = rows.iter().map(|row| row.event_type.as_str()).collect();
        assert_eq!(
            types,
            [
                "product.upserted.v1",
                "product.deleted.v1",
                "product.upserted.v1"
            ]
        );
        assert!(rows.iter().all(|row| row.topic == "search.events"));

        for nonsense in [
            json!([{ "id": "x", "sequence": 1 }]),
            json!([{ "id": product(8), "sequence": 1, "title": "No category" }]),
            json!([{ "id": product(0), "sequence": 9, "weightGrams": 0 }]),
        ] {
            let refused = tell(&fixture, &upserted(nonsense)).await;
            assert!(
                matches!(refused, Err(HandleError::Unusable(_))),
                "{refused:?}"
            );
        }
        fixture.scratch.drop().await;
    }
}
