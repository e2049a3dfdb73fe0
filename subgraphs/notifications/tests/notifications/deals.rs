//! Deals: scheduled for customers, sent in their window and never in their quiet hours, once and in order.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Request, Variables};
use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::deal_queue;
use entities::notifications::notification::{self, DeliveryStatus};
use notifications::deals::{self, DealDelivery, DealTaskState, Drained};
use notifications::{Migrator, Partners, State, subgraph, workers};
use platform::bus::InProcessBus;
use platform::caller::Caller;
use platform::clock::Clock;
use platform::testing::{Scratch, scratch_databases};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::code;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{self, UPDATE};

const SCHEDULE: &str = "mutation($input: DealScheduleInput!, $key: String!) {
    dealSchedule(input: $input, idempotencyKey: $key) { scheduled suppressed userErrors { code field } }
}";

pub(crate) struct Shop {
    pub(crate) scratch: Scratch,
    pub(crate) clock: Clock,
    pub(crate) state: State,
    subgraph: Subgraph,
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The shop at this time on every database.
pub(crate) async fn shops(now: &str) -> Vec<Shop> {
    let mut shops = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        let clock = Clock::manual(time(now));
        let state = fixture::state(&scratch, clock.clone(), Partners::default());
        shops.push(Shop {
            subgraph: subgraph(state.clone()),
            scratch,
            clock,
            state,
        });
    }
    shops
}

impl Shop {
    async fn execute(&self, caller: Caller, document: &str, variables: Value) -> Value {
        let request = Request::new(document).variables(Variables::from_json(variables));
        serde_json::to_value(self.subgraph.execute(request, caller).await).unwrap()
    }

    async fn ask(&self, key: &str, input: Value) -> Value {
        let caller = Caller {
            scopes: ["marketing".to_owned()].into(),
            ..Caller::customer(IdKind::Customer.format(Uuid::from_u128(7)))
        };
        let variables = json!({ "input": input, "key": key });
        self.execute(caller, SCHEDULE, variables).await
    }

    /// Schedules a deal with this title, and returns how many customers get it and how many do not.
    pub(crate) async fn schedule(
        &self,
        title: &str,
        customers: &[Uuid],
        end: &str,
        more: Value,
    ) -> (i64, i64) {
        let ids: Vec<_> = customers
            .iter()
            .map(|id| IdKind::Customer.format(*id))
            .collect();
        let mut input = json!({
            "customerIds": ids, "title": title, "body": "Today only", "windowEnd": end,
            "deepLink": "vantage://deals/7", "imageUrl": "https://cdn.example.com/7.png",
        });
        let more = more.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(more);
        let answer = self.ask(&Uuid::now_v7().to_string(), input).await;
        let payload = &answer["data"]["dealSchedule"];
        assert_eq!(payload["userErrors"], json!([]), "{answer}");
        let count = |name: &str| payload[name].as_i64().unwrap();
        (count("scheduled"), count("suppressed"))
    }

    /// Changes a customer's push deals, and the time zone.
    async fn prefer(&self, customer: Uuid, timezone: Option<&str>, cell: Value) {
        let mut update = json!({ "channel": "PUSH", "category": "DEALS" });
        let cell = cell.as_object().unwrap().clone();
        update.as_object_mut().unwrap().extend(cell);
        let id = IdKind::Customer.format(customer);
        let key = Uuid::now_v7();
        let input = json!({ "updates": [update], "timezone": timezone });
        let variables = json!({ "customer": id, "input": input, "key": key });
        let answer = self.execute(Caller::customer(id), UPDATE, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let errors = &answer["data"]["notificationPreferencesUpdate"]["userErrors"];
        assert_eq!(errors, &json!([]));
    }

    pub(crate) async fn quiet_nights(&self, customer: Uuid, timezone: &str) {
        let night = json!({ "quietHours": { "start": "22:00", "end": "07:00" } });
        self.prefer(customer, Some(timezone), night).await;
    }

    pub(crate) fn deals(&self) -> DealTaskState {
        self.state.deals(CancellationToken::new())
    }

    pub(crate) async fn drain(&self) -> Drained {
        deals::drain_once(&self.deals()).await.unwrap()
    }

    /// Sends messages whose process died while it sent them.
    async fn send_due(&self) {
        let bus = Arc::new(InProcessBus::new());
        let (clock, stop) = (self.clock.clone(), CancellationToken::new());
        let context = WorkerContext::new(&self.scratch.database, bus, clock, stop);
        let runner = workers::message_runner(&self.state, &context);
        runner.run_due().await.unwrap();
    }

    pub(crate) fn set_time(&self, to: &str) {
        self.clock.advance(time(to) - self.clock.now());
    }

    /// The log, in the order of scheduling.
    pub(crate) async fn messages(&self) -> Vec<notification::Model> {
        let rows = notification::Entity::find().order_by_asc(notification::Column::Id);
        rows.all(self.scratch.database.read()).await.unwrap()
    }

    /// The only message.
    async fn message(&self) -> notification::Model {
        let mut messages = self.messages().await;
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }

    pub(crate) async fn queue(&self) -> Vec<deal_queue::Model> {
        let rows = deal_queue::Entity::find();
        rows.all(self.scratch.database.read()).await.unwrap()
    }
}

pub(crate) fn customer(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[tokio::test]
async fn a_deal_at_eleven_in_the_evening_goes_out_at_seven_in_the_morning() {
    let new_york = "America/New_York";
    for (zone, evening, morning) in [
        (
            new_york,
            "2025-09-29T23:00:00-04:00",
            "2025-09-30T07:00:00-04:00",
        ),
        // The nights on which the clocks change.
        (
            new_york,
            "2025-11-01T23:00:00-04:00",
            "2025-11-02T07:00:00-05:00",
        ),
        (
            new_york,
            "2026-03-07T23:00:00-05:00",
            "2026-03-08T07:00:00-04:00",
        ),
        (
            "Europe/Berlin",
            "2026-03-28T23:00:00+01:00",
            "2026-03-29T07:00:00+02:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T23:00:00+10:30",
            "2026-10-04T07:00:00+11:00",
        ),
    ] {
        for shop in shops(evening).await {
            let name = shop.scratch.name;
            shop.quiet_nights(customer(1), zone).await;
            let end = (time(evening) + TimeDelta::days(2)).to_rfc3339();
            shop.schedule("Sale", &[customer(1)], &end, json!({})).await;
            assert_eq!(
                shop.message().await.scheduled_for,
                Some(time(morning)),
                "{name}"
            );
            assert_eq!(shop.drain().await, Drained::default());
            let second_before = (time(morning) - TimeDelta::seconds(1)).to_rfc3339();
            shop.set_time(&second_before);
            assert_eq!(shop.drain().await, Drained::default());
            shop.set_time(morning);
            assert_eq!(shop.drain().await.sent, 1, "{name} {zone} {evening}");
            let message = shop.message().await;
            assert_eq!(message.status, DeliveryStatus::Sent);
            assert_eq!(message.sent_at, Some(time(morning)));
            assert_eq!(shop.queue().await, []);
            assert_eq!(shop.drain().await, Drained::default());
            shop.scratch.drop().await;
        }
    }
}

#[tokio::test]
async fn what_customers_change_meanwhile_decides() {
    for shop in shops("2026-06-01T23:00:00Z").await {
        let name = shop.scratch.name;
        let [traveller, sleeper, tired, out] = [1, 2, 3, 4].map(customer);
        for each in [traveller, sleeper, out] {
            shop.quiet_nights(each, "UTC").await;
        }
        let everyone = [traveller, sleeper, tired, out];
        shop.schedule("Sale", &everyone, "2026-06-03T00:00:00Z", json!({}))
            .await;
        // It is four in the afternoon there.
        shop.prefer(traveller, Some("America/Los_Angeles"), json!({}))
            .await;
        let later = json!({ "quietHours": { "start": "21:00", "end": "09:30" } });
        shop.prefer(sleeper, None, later).await;
        shop.prefer(
            tired,
            None,
            json!({ "quietHours": { "start": "22:30", "end": "23:30" } }),
        )
        .await;
        shop.prefer(out, None, json!({ "enabled": false })).await;
        let times: Vec<_> = shop
            .messages()
            .await
            .iter()
            .map(|row| row.scheduled_for.unwrap())
            .collect();
        let at = |text: &str| time(text);
        assert_eq!(
            times[..3],
            [
                at("2026-06-01T23:00:00Z"),
                at("2026-06-02T09:30:00Z"),
                at("2026-06-01T23:30:00Z")
            ],
            "{name}"
        );
        let drained = shop.drain().await;
        assert_eq!((drained.sent, drained.put_off), (1, 0), "{name}");
        shop.set_time("2026-06-01T23:30:00Z");
        assert_eq!(shop.drain().await.sent, 1);
        shop.set_time("2026-06-02T09:30:00Z");
        let drained = shop.drain().await;
        assert_eq!((drained.sent, drained.opted_out), (1, 1), "{name}");
        let last = shop.messages().await.remove(3);
        assert_eq!(last.status, DeliveryStatus::Suppressed);
        assert_eq!(last.reason.as_deref(), Some("opted_out"));
        assert_eq!(shop.queue().await, []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn quiet_hours_of_the_moment_decide_even_if_nothing_was_computed_anew() {
    use entities::notifications::preference::{self, NotificationCategory, NotificationChannel};
    for shop in shops("2026-06-01T12:00:00Z").await {
        let window = json!({ "windowStart": "2026-06-01T22:30:00Z" });
        shop.schedule("Sale", &[customer(1)], "2026-06-03T00:00:00Z", window)
            .await;
        let cell = preference::Model {
            customer_id: customer(1),
            channel: NotificationChannel::Push,
            category: NotificationCategory::Deals,
            enabled: true,
            quiet_hours_start: "22:00:00".parse().ok(),
            quiet_hours_end: "07:00:00".parse().ok(),
            updated_at: shop.clock.now(),
            migrated: false,
        };
        // Such as by an import.
        preference::upsert(shop.scratch.database.write(), vec![cell])
            .await
            .unwrap();
        let expected = || async { shop.message().await.scheduled_for.unwrap() };
        assert_eq!(expected().await, time("2026-06-01T22:30:00Z"));
        if shop.scratch.name == "sqlite" {
            // Once a day, all are computed anew.
            deals::recalculate_all(&shop.scratch.database, &shop.clock)
                .await
                .unwrap();
            assert_eq!(expected().await, time("2026-06-02T07:00:00Z"));
        }
        shop.set_time("2026-06-01T22:30:00Z");
        assert_eq!(shop.drain().await.sent, 0, "{}", shop.scratch.name);
        assert_eq!(expected().await, time("2026-06-02T07:00:00Z"));
        shop.set_time("2026-06-02T07:00:00Z");
        assert_eq!(shop.drain().await.sent, 1);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_deal_whose_window_ends_is_dropped_and_counted() {
    for shop in shops("2026-06-01T23:00:00Z").await {
        shop.quiet_nights(customer(1), "UTC").await;
        // The window ends in the night, or while nobody drains.
        shop.schedule("Night", &[customer(1)], "2026-06-02T03:00:00Z", json!({}))
            .await;
        shop.schedule("Missed", &[customer(2)], "2026-06-02T00:00:00Z", json!({}))
            .await;
        shop.set_time("2026-06-02T03:00:00Z");
        let drained = shop.drain().await;
        assert_eq!(
            (drained.expired, drained.sent),
            (2, 0),
            "{}",
            shop.scratch.name
        );
        for message in shop.messages().await {
            assert_eq!(message.status, DeliveryStatus::Suppressed);
            assert_eq!(message.reason.as_deref(), Some("expired"));
        }
        assert_eq!(shop.queue().await, []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_customers_deals_are_sent_in_order_and_urgent_ones_of_others_first() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let end = "2026-06-03T00:00:00Z";
        let (patient, urgent) = (customer(1), customer(2));
        for title in ["first", "second", "third"] {
            shop.schedule(title, &[patient], end, json!({})).await;
        }
        // Its window begins later, so it does not hold back what is scheduled after it.
        let later = json!({ "windowStart": "2026-06-01T18:00:00Z" });
        shop.schedule("later", &[urgent], end, later).await;
        shop.schedule("urgent", &[urgent], end, json!({ "priority": "HIGH" }))
            .await;
        let db = shop.scratch.database.read();
        let due = deal_queue::due(db, shop.clock.now(), 10).await.unwrap();
        let messages = shop.messages().await;
        let title = |id: Uuid| {
            messages
                .iter()
                .find(|row| row.id == id)
                .unwrap()
                .title
                .clone()
        };
        let titles: Vec<_> = due.iter().map(|deal| title(deal.notification_id)).collect();
        assert_eq!(titles, ["urgent", "first"], "{}", shop.scratch.name);
        assert_eq!(shop.drain().await.sent, 4);
        shop.set_time("2026-06-01T18:00:00Z");
        assert_eq!(shop.drain().await.sent, 1);
        let mut sent: Vec<_> = shop
            .messages()
            .await
            .iter()
            .map(|row| (row.customer_id, row.position.unwrap(), row.title.clone()))
            .collect();
        sent.sort();
        let titles: Vec<_> = sent.iter().map(|(.., title)| title.as_str()).collect();
        assert_eq!(titles, ["first", "second", "third", "urgent", "later"]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn two_instances_that_drain_at_once_send_each_deal_once() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let customers: Vec<_> = (1..=20).map(customer).collect();
        for title in ["one", "two", "three"] {
            shop.schedule(title, &customers, "2026-06-03T00:00:00Z", json!({}))
                .await;
        }
        let (a, b) = (shop.deals(), shop.deals());
        let (a, b) = tokio::join!(deals::drain_once(&a), deals::drain_once(&b));
        let (a, b) = (a.unwrap(), b.unwrap());
        // What one had claimed while the other looked is left to the next drain.
        shop.clock.advance(TimeDelta::minutes(1));
        let rest = shop.drain().await;
        assert!(a.sent + b.sent + rest.sent >= 60, "{a:?} {b:?} {rest:?}");
        assert_all_sent_once(&shop, 3).await;
        shop.scratch.drop().await;
    }
}

/// Each customer got each of these deals once.
pub(crate) async fn assert_all_sent_once(shop: &Shop, deals: i64) {
    let messages = shop.messages().await;
    let name = shop.scratch.name;
    for message in &messages {
        assert_eq!(message.status, DeliveryStatus::Sent, "{name} {message:?}");
    }
    // Positions are counted when something is sent, so nothing was sent twice.
    let mut positions: Vec<_> = messages
        .iter()
        .map(|row| (row.customer_id, row.position))
        .collect();
    positions.sort();
    let customers: Vec<_> = messages.iter().map(|row| row.customer_id).collect();
    let mut expected: Vec<_> = customers
        .into_iter()
        .flat_map(|id| (1..=deals).map(move |position| (id, Some(position))))
        .collect();
    expected.sort();
    expected.dedup();
    assert_eq!(positions, expected, "{name}");
    assert_eq!(shop.queue().await, [], "{name}");
}

#[tokio::test]
async fn a_drain_that_is_cut_off_anywhere_loses_nothing_and_repeats_nothing() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let customers: Vec<_> = (1..=12).map(customer).collect();
        for title in ["one", "two"] {
            shop.schedule(title, &customers, "2026-06-03T00:00:00Z", json!({}))
                .await;
        }
        for round in 0..40 {
            let state = shop.deals();
            let limit = Duration::from_micros(500 * round);
            let cut = tokio::time::timeout(limit, deals::drain_once(&state)).await;
            // Claims of the process that died end.
            shop.clock.advance(TimeDelta::seconds(20));
            if cut.is_ok() {
                break;
            }
        }
        for _ in 0..4 {
            shop.clock.advance(TimeDelta::minutes(1));
            shop.send_due().await;
            shop.drain().await;
        }
        assert_all_sent_once(&shop, 2).await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn who_does_not_want_deals_is_reported_and_a_repeated_request_schedules_nothing_more() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        shop.prefer(customer(2), None, json!({ "enabled": false }))
            .await;
        let ids = [1, 2, 3].map(|number| IdKind::Customer.format(customer(number)));
        let input = json!({
            "customerIds": ids,
            "title": "Sale", "body": "Today only", "windowEnd": "2026-06-02T00:00:00Z",
        });
        for _ in 0..2 {
            let answer = shop.ask("k1", input.clone()).await;
            let expected = json!({ "scheduled": 2, "suppressed": 1, "userErrors": [] });
            assert_eq!(answer["data"]["dealSchedule"], expected, "{answer}");
        }
        assert_eq!(shop.messages().await.len(), 3, "{}", shop.scratch.name);
        assert_eq!(shop.drain().await.sent, 2);
        let mut other = input;
        other["title"] = json!("Other");
        assert_eq!(code(&shop.ask("k1", other).await), "CONFLICT");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_marketing_schedules_deals_and_every_mistake_is_named() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let id = IdKind::Customer.format(customer(1));
        let input = json!({
            "customerIds": [id, "usr_1", id], "title": " ", "body": "x".repeat(1_001),
            "deepLink": "javascript:alert(1)", "imageUrl": "http://cdn.example.com/7.png",
            "windowStart": "2026-06-02T00:00:00Z", "windowEnd": "2026-06-01T18:00:00Z",
        });
        let variables = json!({ "input": input, "key": "k" });
        let visitor = shop
            .execute(Caller::default(), SCHEDULE, variables.clone())
            .await;
        assert_eq!(code(&visitor), "UNAUTHENTICATED");
        let refused = shop
            .execute(Caller::customer(id), SCHEDULE, variables)
            .await;
        assert_eq!(code(&refused), "FORBIDDEN");
        let answer = shop.ask("k", input).await;
        let errors: Vec<_> = answer["data"]["dealSchedule"]["userErrors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (error["code"].as_str().unwrap(), error["field"].to_string()))
            .collect();
        assert_eq!(
            errors,
            [
                ("INVALID_TEXT", r#"["input","title"]"#.to_owned()),
                ("INVALID_TEXT", r#"["input","body"]"#.to_owned()),
                ("INVALID_LINK", r#"["input","deepLink"]"#.to_owned()),
                ("INVALID_LINK", r#"["input","imageUrl"]"#.to_owned()),
                ("INVALID_PERIOD", r#"["input","windowEnd"]"#.to_owned()),
                ("INVALID_ID", r#"["input","customerIds","1"]"#.to_owned()),
                (
                    "DUPLICATE_ITEM",
                    r#"["input","customerIds","2"]"#.to_owned()
                ),
            ]
        );
        assert_eq!(shop.messages().await, []);
        for count in [0, 1_001_u128] {
            let ids: Vec<_> = (0..count)
                .map(|number| IdKind::Customer.format(customer(number)))
                .collect();
            let input = json!({ "customerIds": ids, "title": "t", "body": "b", "windowEnd": "2026-06-02T00:00:00Z" });
            let answer = shop.ask("k", input).await;
            let error = &answer["data"]["dealSchedule"]["userErrors"][0]["code"];
            assert_eq!(error, "INVALID_ITEMS", "{answer}");
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_file_is_scheduled_once_however_often_it_is_sent() {
    use deals::{FileFormat, Progress, schedule_file};
    for shop in shops("2026-06-01T12:00:00Z").await {
        let id = |number| IdKind::Customer.format(customer(number));
        let line = |number| format!("{},Sale,Today only,2026-06-02T00:00:00Z,high\n", id(number));
        let header = "customerId,title,body,windowEnd,priority\n";
        let csv = format!("{header}{}{}{}", line(1), line(2), line(1));
        let load = async |text: String, format, database| {
            let mut problems = Vec::new();
            let mut tell = |progress: Progress<'_>| {
                if let Progress::Problem {
                    line,
                    field,
                    message,
                } = progress
                {
                    problems.push(format!("{line} {field}: {message}"));
                }
            };
            let source = std::io::Cursor::new(text.into_bytes());
            let report = schedule_file(database, &shop.clock, source, format, &mut tell);
            (report.await.unwrap(), problems)
        };
        let database = &shop.scratch.database;
        let (report, _) = load(csv.clone(), FileFormat::Csv, None).await;
        assert_eq!(
            (report.deals, shop.messages().await.len()),
            (3, 0),
            "{}",
            shop.scratch.name
        );
        let (report, _) = load(csv.clone(), FileFormat::Csv, Some(database)).await;
        assert_eq!((report.scheduled.scheduled, report.scheduled.known), (2, 1));
        let (report, _) = load(csv, FileFormat::Csv, Some(database)).await;
        assert_eq!((report.scheduled.scheduled, report.scheduled.known), (0, 3));
        assert!(shop.queue().await.iter().all(|deal| deal.priority == 1));
        let json = format!(
            "{{\"customerId\": \"{}\", \"title\": \"\", \"body\": \"b\", \"windowEnd\": \"soon\", \"priority\": \"low\"}}\n{{\"customer\": 1}}\n",
            id(3)
        );
        let (report, problems) = load(json, FileFormat::Json, Some(database)).await;
        assert_eq!((report.deals, report.problems), (0, 4));
        assert_eq!(
            problems[..3],
            [
                "1 windowEnd: \"soon\" is not a time, such as 2025-11-28T00:00:00Z",
                "1 priority: \"LOW\" is neither NORMAL nor HIGH",
                "1 title: This must have 1 to 120 characters",
            ]
        );
        assert!(
            problems[3].starts_with("2 : unknown field `customer`"),
            "{problems:?}"
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn deals_are_sent_no_faster_than_allowed() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let customers: Vec<_> = (1..=6).map(customer).collect();
        shop.schedule("Sale", &customers, "2026-06-03T00:00:00Z", json!({}))
            .await;
        let state = DealTaskState {
            delivery: DealDelivery {
                at_once: 2,
                per_second: 10,
                ..shop.deals().delivery
            },
            ..shop.deals()
        };
        let started = std::time::Instant::now();
        assert_eq!(deals::drain_once(&state).await.unwrap().sent, 6);
        // Two at a time, a fifth of a second each.
        assert!(
            started.elapsed() >= Duration::from_millis(600),
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}
