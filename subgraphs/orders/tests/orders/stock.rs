//! Stock: taken with the order, given back once, and always the sum of its ledger.

use chrono::Duration;
use entities::orders::stock_movement::MovementKind;
use entities::orders::{stock_level, stock_movement};
use orders::workers::subscribers;
use platform::bus::Event;
use platform::inbox::HandleError;
use platform::testing::until;
use resolvers::id::IdKind;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::input;
use crate::fake_stripe::{DECLINED, NEEDS_ACTION, WORKS};
use crate::fake_subgraphs::{IN_STOCK, LAST_UNIT, product};
use crate::fixture::{Shop, now, shops};

fn lines(lines: &[(u128, i32)]) -> Value {
    let lines = lines
        .iter()
        .map(|&(number, quantity)| json!({ "productId": product(number), "quantity": quantity }));
    lines.collect()
}

fn order_of(items: &[(u128, i32)], token: &str) -> Value {
    let mut input = input(token);
    input["items"] = lines(items);
    input
}

impl Shop {
    /// Available and damaged units of a product, which are the sum of its ledger.
    pub(crate) async fn stock_of(&self, number: u128) -> (i32, i32) {
        let (db, id) = (self.scratch.database.read(), Uuid::from_u128(number));
        let level = stock_level::Entity::find_by_id(id).one(db).await.unwrap();
        let Some(level) = level else {
            return (-1, -1);
        };
        let movements = stock_movement::of_product(db, id, None, 1_000).await;
        let movements = movements.unwrap();
        let sum = |of: fn(&stock_movement::Model) -> i32| movements.iter().map(of).sum::<i32>();
        let stock = (level.available, level.damaged);
        assert_eq!(
            (sum(|row| row.available), sum(|row| row.damaged)),
            stock,
            "{movements:#?}"
        );
        let numbers: Vec<_> = movements.iter().rev().map(|row| row.sequence).collect();
        assert_eq!(numbers, (1..=level.sequence).collect::<Vec<_>>());
        stock
    }

    async fn kinds(&self, number: u128) -> Vec<MovementKind> {
        let (db, id) = (self.scratch.database.read(), Uuid::from_u128(number));
        let movements = stock_movement::of_product(db, id, None, 1_000).await;
        movements
            .unwrap()
            .iter()
            .rev()
            .map(|row| row.kind)
            .collect()
    }

    /// Delivers an event of another domain to its consumer here.
    pub(crate) async fn deliver(&self, event: &Event) -> Result<(), HandleError> {
        let subscribers = subscribers(&self.state);
        let subscriber = subscribers
            .iter()
            .find(|subscriber| subscriber.group.topics.contains(&event.topic.as_str()))
            .expect("a consumer of the topic");
        let transaction = self.scratch.database.begin().await?;
        let now = self.clock.now();
        subscriber.handler.handle(&transaction, event, now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn event(kind: &str, data: Value) -> Event {
    let topic = if kind.starts_with("return.") {
        "returns.events"
    } else {
        "search.events"
    };
    Event {
        id: Uuid::now_v7(),
        topic: topic.to_owned(),
        event_type: kind.to_owned(),
        aggregate_id: "a".to_owned(),
        sequence: 1,
        occurred_at: now(),
        data,
        traceparent: None,
    }
}

#[tokio::test]
async fn an_order_takes_all_its_lines_or_none_and_says_what_is_left() {
    for shop in shops().await {
        let few = order_of(&[(1, 2), (LAST_UNIT, 2)], WORKS);
        let refused = shop.place(&few, "few").await;
        assert_eq!(refused["order"], Value::Null);
        assert_eq!(refused["userErrors"][0]["code"], "OUT_OF_STOCK");
        let field = json!(["input", "items", "1", "quantity"]);
        assert_eq!(refused["userErrors"][0]["field"], field);
        let shortage = json!([{
            "product": { "id": product(LAST_UNIT) }, "wanted": 2, "availableQuantity": 1,
        }]);
        assert_eq!(refused["shortages"], shortage);
        assert_eq!(shop.orders().await, 0);
        assert_eq!(shop.stripe.intents().len(), 0, "nothing is charged");
        assert_eq!(shop.stock_of(1).await, (-1, -1), "nothing is written");

        // The key is free.
        let enough = order_of(&[(1, 2), (LAST_UNIT, 1)], WORKS);
        let placed = shop.place(&enough, "few").await;
        assert_eq!(placed["order"]["status"], "CONFIRMED", "{placed:#}");
        assert_eq!(placed["shortages"], json!([]));
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 2, 0));
        assert_eq!(shop.stock_of(LAST_UNIT).await, (0, 0));
        let again = shop.place(&enough, "few").await;
        assert_eq!(again["order"]["id"], placed["order"]["id"]);
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 2, 0), "once");

        let published = shop.published_on("inventory.events").await;
        let taken = published.last().unwrap();
        assert_eq!(taken.event_type, "inventory.adjusted");
        assert_eq!(taken.aggregate_id, placed["order"]["id"]);
        let products = json!([
            { "productId": product(1), "sequence": 2, "kind": "ordered",
              "availableQuantity": IN_STOCK - 2, "damagedQuantity": 0, "change": -2 },
            { "productId": product(LAST_UNIT), "sequence": 2, "kind": "ordered",
              "availableQuantity": 0, "damagedQuantity": 0, "change": -1 },
        ]);
        assert_eq!(taken.data["products"], products);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn of_64_concurrent_buyers_of_the_last_unit_one_gets_it() {
    for shop in shops().await {
        let keys: Vec<_> = (0..64).map(|number| format!("k{number}")).collect();
        // Some name the other product first: nobody waits for each other.
        let inputs = [
            order_of(&[(LAST_UNIT, 1), (1, 1)], WORKS),
            order_of(&[(1, 1), (LAST_UNIT, 1)], WORKS),
        ];
        let orders = keys.iter().zip(inputs.iter().cycle());
        let orders = orders.map(|(key, input)| shop.place(input, key));
        let answers = futures::future::join_all(orders).await;
        let (placed, refused): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|answer| answer["order"]["id"].is_string());
        assert_eq!(
            (placed.len(), refused.len()),
            (1, 63),
            "{}",
            shop.scratch.name
        );
        for answer in refused {
            assert_eq!(answer["userErrors"][0]["code"], "OUT_OF_STOCK", "{answer}");
            assert_eq!(answer["shortages"][0]["availableQuantity"], 0);
        }
        assert_eq!(shop.stock_of(LAST_UNIT).await, (0, 0));
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 1, 0));
        assert_eq!(shop.orders().await, 1);
        // On a busy machine, it is not paid yet.
        until("its payment is requested", async || {
            shop.stripe.intents().len() == 1
        })
        .await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_declined_a_cancelled_and_an_abandoned_order_each_give_back_once() {
    use MovementKind::{Cancelled, Opening, Ordered};
    for shop in shops().await {
        let declined = shop.place(&order_of(&[(1, 3)], DECLINED), "declined").await;
        assert_eq!(declined["order"]["status"], "CANCELLED");
        assert_eq!(shop.stock_of(1).await, (IN_STOCK, 0));

        let placed = shop.place(&order_of(&[(1, 3)], WORKS), "cancelled").await;
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 3, 0));
        for key in ["cancel", "cancel", "another"] {
            shop.cancel(&placed["order"]["id"], key).await;
        }
        shop.work_after(Duration::minutes(1)).await;
        assert_eq!(shop.stock_of(1).await, (IN_STOCK, 0));

        let waiting = shop
            .place(&order_of(&[(1, 3)], NEEDS_ACTION), "abandoned")
            .await;
        assert_eq!(waiting["order"]["status"], "PENDING");
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 3, 0));
        for _ in 0..3 {
            shop.work_after(Duration::minutes(70)).await;
        }
        let story = shop.story(&waiting["order"]["id"]).await;
        assert_eq!(story, "CANCELLED: order.placed, order.cancelled");
        assert_eq!(shop.stock_of(1).await, (IN_STOCK, 0));
        let pairs = [Ordered, Cancelled].repeat(3);
        assert_eq!(shop.kinds(1).await, [vec![Opening], pairs].concat());
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn returned_units_are_sold_again_only_unused_and_counted_once() {
    for shop in shops().await {
        let placed = shop.place(&order_of(&[(1, 5), (2, 1)], WORKS), "k").await;
        assert_eq!(placed["order"]["status"], "CONFIRMED");
        let item = |number: u128, product_id: Value, quantity: i32, condition: &str| {
            json!({
                "orderItemId": IdKind::OrderItem.format(Uuid::from_u128(number)),
                "productId": product_id, "quantity": quantity, "condition": condition,
            })
        };
        let completed = event(
            "return.completed",
            json!({ "returnId": "ret_1", "items": [
                item(1, product(1).into(), 1, "unopened"),
                item(2, product(1).into(), 1, "opened_unused"),
                item(3, product(1).into(), 2, "opened_used"),
                item(4, product(2).into(), 1, "damaged"),
                // From before returns knew the product, of a line that is not here.
                item(5, Value::Null, 1, "unopened"),
            ] }),
        );
        for _ in 0..2 {
            shop.deliver(&completed).await.unwrap();
            assert_eq!(shop.stock_of(1).await, (IN_STOCK - 5 + 2, 2));
            assert_eq!(shop.stock_of(2).await, (IN_STOCK - 1, 1));
        }
        // A product that the catalog has not announced waits for it.
        let early = event(
            "return.completed",
            json!({ "returnId": "ret_2", "items": [item(6, product(5).into(), 1, "unopened")] }),
        );
        let refused = shop.deliver(&early).await;
        assert!(matches!(refused, Err(HandleError::Later(_))), "{refused:?}");
        let products = json!([{ "id": product(5), "availableQuantity": 7 }]);
        let announced = event(
            "product.stock.v1",
            json!({ "version": 1, "products": products }),
        );
        shop.deliver(&announced).await.unwrap();
        shop.deliver(&early).await.unwrap();
        assert_eq!(shop.stock_of(5).await, (8, 0));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn damaged_units_are_written_off_and_never_more_than_there_are() {
    for shop in shops().await {
        let placed = shop.place(&order_of(&[(1, 3)], WORKS), "k").await;
        assert_eq!(placed["order"]["status"], "CONFIRMED");
        let item = json!({
            "orderItemId": IdKind::OrderItem.format(Uuid::from_u128(1)),
            "productId": product(1), "quantity": 3, "condition": "damaged",
        });
        let completed = json!({ "returnId": "ret_1", "items": [item] });
        shop.deliver(&event("return.completed", completed))
            .await
            .unwrap();

        let write_off = |units: i32| json!([{ "productId": product(1), "writeOff": units, "reason": "scrapped" }]);
        let field = |name: &str| json!(["input", "changes", "0", name]);
        let both = json!([{ "productId": product(1), "writeOff": 1, "change": 1, "reason": "r" }]);
        for (changes, name) in [
            (write_off(4), "writeOff"),
            (write_off(0), "quantity"),
            (write_off(-1), "quantity"),
            (both, "quantity"),
        ] {
            let refused = shop.adjust(changes.clone(), "wrong").await;
            let error = &refused["userErrors"][0];
            assert_eq!(error["code"], "INVALID_QUANTITY", "{changes}");
            assert_eq!(error["field"], field(name), "{changes}");
        }
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 3, 3));

        for _ in 0..2 {
            let written_off = shop.adjust(write_off(2), "a").await;
            assert_eq!(written_off["userErrors"], json!([]));
            assert_eq!(written_off["stock"][0]["damagedQuantity"], 1);
            let entry = json!({
                "kind": "WRITTEN_OFF", "actor": "desk", "reason": "scrapped", "availableChange": 0,
            });
            assert_eq!(
                written_off["stock"][0]["movements"]["nodes"],
                json!([entry])
            );
        }
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 3, 1));
        let published = shop.published_on("inventory.events").await;
        let mut levels = published.iter().map(|event| &event.data["products"][0]);
        let level = levels.find(|level| level["kind"] == "written_off").unwrap();
        assert_eq!(level["change"], 0);
        assert_eq!(level["damagedQuantity"], 1);
        assert_eq!(level["availableQuantity"], IN_STOCK - 3);

        let file = |units: i32| format!("productId,writeOff\n{},{units}\n", product(1));
        let (_, problems) = shop.import(&file(2), false).await;
        assert_eq!(problems, ["2 writeOff: There are only 1 damaged units"]);
        assert_eq!(shop.import(&file(1), false).await.0.changed, 1);
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 3, 0));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_ledger_begins_once_and_a_product_that_is_new_in_the_catalog_is_told_its_stock() {
    for shop in shops().await {
        let upserted = |quantity: i32, created: bool| {
            let products =
                json!([{ "id": product(1), "availableQuantity": quantity, "created": created }]);
            event(
                "product.upserted.v1",
                json!({ "version": 1, "products": products }),
            )
        };
        let told = async || shop.published_on("inventory.events").await.len();
        shop.deliver(&upserted(12, false)).await.unwrap();
        assert_eq!((shop.stock_of(1).await, told().await), ((12, 0), 1));
        // What the catalog says later changes nothing.
        shop.deliver(&upserted(99, false)).await.unwrap();
        assert_eq!((shop.stock_of(1).await, told().await), ((12, 0), 1));
        shop.deliver(&upserted(99, true)).await.unwrap();
        assert_eq!((shop.stock_of(1).await, told().await), ((12, 0), 2));
        let last = shop.published_on("inventory.events").await.pop().unwrap();
        assert_eq!(last.data["products"][0]["availableQuantity"], 12);
        assert_eq!(last.data["products"][0]["sequence"], 1);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_database_refuses_negative_stock() {
    for shop in shops().await {
        shop.place(&order_of(&[(1, 1)], WORKS), "k").await;
        let db = shop.scratch.database.write();
        for column in ["available", "damaged"] {
            let update = format!("UPDATE stock_levels SET {column} = -1");
            let refused = db.execute_unprepared(&update).await;
            assert!(refused.is_err(), "{column} on {}", shop.scratch.name);
        }
        shop.scratch.drop().await;
    }
}
