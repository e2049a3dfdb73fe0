//! A returned product is in stock again, and is found when filtering for that.

use entities::search::product;
use platform::bus::Event;
use platform::inbox::HandleError;
use resolvers::id::IdKind;
use sea_orm::EntityTrait;
use search::workers::subscribers;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Fixture, Item, fixtures, id};

const IN_STOCK: &str = "{ productSearch(query: \"\", filters: { inStock: true }) { totalCount } }";

fn event(kind: &str, data: Value) -> Event {
    Event {
        id: Uuid::now_v7(),
        topic: "returns.events".to_owned(),
        event_type: kind.to_owned(),
        aggregate_id: "ret_1".to_owned(),
        sequence: 1,
        occurred_at: "2025-10-09T12:00:00Z".parse().unwrap(),
        data,
    }
}

async fn tell(fixture: &Fixture, event: &Event) -> Result<(), HandleError> {
    let [subscriber] = &subscribers(&fixture.state)[..] else {
        panic!("one consumer")
    };
    assert_eq!(subscriber.group.topics, ["returns.events"]);
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
async fn a_completed_return_puts_each_unit_back_into_stock() {
    let sold_out = Item {
        quantity: 0,
        ..Item::PLAIN
    };
    for fixture in fixtures(&[Item::PLAIN.row(1), sold_out.row(2)]).await {
        let found = fixture.ask(IN_STOCK, json!({})).await;
        assert_eq!(found["data"]["productSearch"]["totalCount"], 1, "{found:#}");
        let product = |number| IdKind::Product.format(id(number));
        let data = json!({
            "version": 1,
            "items": [
                {"productId": product(1), "quantity": 1},
                {"productId": product(2), "quantity": 3},
                {"productId": null, "quantity": 1},
                {"productId": product(3), "quantity": 1},
            ],
        });
        tell(&fixture, &event("return.initiated", data.clone()))
            .await
            .unwrap();
        assert_eq!(quantity(&fixture, 1).await, 1);
        tell(&fixture, &event("return.completed", data))
            .await
            .unwrap();
        assert_eq!(quantity(&fixture, 1).await, 2);
        assert_eq!(quantity(&fixture, 2).await, 3);
        assert!(fixture.state.open_index().await.unwrap());
        let found = fixture.ask(IN_STOCK, json!({})).await;
        assert_eq!(found["data"]["productSearch"]["totalCount"], 2);
        assert!(!fixture.state.open_index().await.unwrap(), "once");

        let nonsense = event(
            "return.completed",
            json!({"items": [{"productId": "x", "quantity": 1}]}),
        );
        let refused = tell(&fixture, &nonsense).await;
        assert!(
            matches!(refused, Err(HandleError::Unusable(_))),
            "{refused:?}"
        );
        fixture.scratch.drop().await;
    }
}
