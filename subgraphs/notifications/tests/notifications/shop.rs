//! The domain at a time that tests choose, and what they do with deals.

use std::io::Cursor;
use std::sync::Arc;

use async_graphql::{Request, Variables};
use chrono::{DateTime, Utc};
use entities::notifications::preference::{self, NotificationCategory, NotificationChannel};
use entities::notifications::{customer_settings, deal_queue, notification};
use notifications::deals::{self, DealRun, DealTaskState, Drained, FileFormat, Progress};
use notifications::{Migrator, Partners, State, subgraph, workers};
use platform::bus::InProcessBus;
use platform::caller::Caller;
use platform::clock::Clock;
use platform::testing::{Scratch, scratch_databases};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{self, UPDATE};

pub(crate) const SCHEDULE: &str = "mutation($input: DealScheduleInput!, $key: String!) {
    dealSchedule(input: $input, idempotencyKey: $key) {
        scheduled suppressed notScheduled { reason customerIds } userErrors { code field }
    }
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
    pub(crate) async fn execute(&self, caller: Caller, document: &str, variables: Value) -> Value {
        let request = Request::new(document).variables(Variables::from_json(variables));
        serde_json::to_value(self.subgraph.execute(request, caller).await).unwrap()
    }

    pub(crate) async fn ask(&self, key: &str, input: Value) -> Value {
        let caller = Caller {
            scopes: ["marketing".to_owned()].into(),
            ..Caller::customer(IdKind::Customer.format(Uuid::from_u128(7)))
        };
        let variables = json!({ "input": input, "key": key });
        self.execute(caller, SCHEDULE, variables).await
    }

    /// Has something known of these customers, as if they had opened their settings.
    pub(crate) async fn know(&self, customers: &[Uuid]) {
        let db = self.scratch.database.write();
        for customer in customers {
            customer_settings::lock(db, *customer, "UTC").await.unwrap();
        }
    }

    /// Schedules this many deals of one customer, from a file.
    pub(crate) async fn schedule_many(&self, customer: Uuid, count: u64, start: &str, end: &str) {
        self.know(&[customer]).await;
        let id = IdKind::Customer.format(customer);
        let mut file = "customerId,title,body,windowStart,windowEnd\n".to_owned();
        for number in 0..count {
            file.push_str(&format!("{id},Sale {number},Today only,{start},{end}\n"));
        }
        let report = deals::schedule_file(
            DealRun::Schedule(&self.scratch.database),
            &self.clock,
            Cursor::new(file.into_bytes()),
            FileFormat::Csv,
            &mut |_: Progress<'_>| {},
        )
        .await
        .unwrap();
        assert_eq!(report.scheduled.scheduled, count);
    }

    /// Schedules a deal with this title, and returns how many customers get it and how many do not.
    pub(crate) async fn schedule(
        &self,
        title: &str,
        customers: &[Uuid],
        end: &str,
        more: Value,
    ) -> (i64, i64) {
        self.know(customers).await;
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
    pub(crate) async fn prefer(&self, customer: Uuid, timezone: Option<&str>, cell: Value) {
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

    /// The same by a row alone, such as by an import, so that nothing is computed anew.
    pub(crate) async fn import_quiet_nights(&self, customer: Uuid) {
        let cell = preference::Model {
            customer_id: customer,
            channel: NotificationChannel::Push,
            category: NotificationCategory::Deals,
            enabled: true,
            quiet_hours_start: "22:00:00".parse().ok(),
            quiet_hours_end: "07:00:00".parse().ok(),
            updated_at: self.clock.now(),
            migrated: false,
        };
        preference::upsert(self.scratch.database.write(), vec![cell])
            .await
            .unwrap();
    }

    /// Customers whose deal of the night is sent, not wanted, only within quiet hours, and of whom nothing is known.
    pub(crate) async fn different_customers(&self) -> [Uuid; 4] {
        let [wanted, unwanted, asleep, unknown] = [1, 2, 3, 4].map(customer);
        self.know(&[wanted]).await;
        self.prefer(unwanted, None, json!({ "enabled": false }))
            .await;
        self.quiet_nights(asleep, "UTC").await;
        [wanted, unwanted, asleep, unknown]
    }

    pub(crate) fn deals(&self) -> DealTaskState {
        self.state.deals(CancellationToken::new())
    }

    pub(crate) async fn drain(&self) -> Drained {
        deals::drain_once(&self.deals()).await.unwrap()
    }

    /// Runs the tasks that are due, such as messages whose process died while it sent them.
    pub(crate) async fn send_due(&self) {
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
    pub(crate) async fn message(&self) -> notification::Model {
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
