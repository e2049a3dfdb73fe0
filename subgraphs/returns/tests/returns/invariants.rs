//! Every invariant is checked: returns that went their way are clean, and each wrong row is found, by its kind, and nothing
//! else.

use chrono::Duration;
use platform::clock::Clock;
use platform::invariants::{Inspection, Progress, Violation};
use resolvers::id::IdKind;
use returns::rules::status::ReturnStatus;
use returns::transitions::{Actor, Transition};
use returns::workers::sweep;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::desk::{Desk, desks_at, event, labelled, public};
use crate::fake_orders::FakeOrder;
use crate::fixture::{bought_label, now};
use crate::return_create::{CREATE, input};

/// What `vantage check` finds in the returns database at this time of its clock.
pub(crate) async fn violations(desk: &Desk) -> Vec<Violation> {
    let fixture = &desk.fixture;
    let database = fixture.scratch.database.read_only().await.unwrap().unwrap();
    let mut found = Vec::new();
    let mut checked = 0;
    let mut report = |progress| match progress {
        Progress::Checked(_, rows) => checked += rows,
        Progress::Violated(violation) => found.push(violation),
    };
    let mut inspection = Inspection::new(&database, fixture.state.clock.now(), &mut report);
    returns::invariants::check(&mut inspection).await.unwrap();
    database.close().await;
    assert!(checked > 0);
    found
}

/// A wrong row: how it becomes wrong and right again, and what is found. `DONE` stands for the id of the completed return.
type Wrong = (&'static str, &'static str, &'static [&'static str]);

const WRONG: &[Wrong] = &[
    (
        "UPDATE returns SET refund_tax = refund_tax + 1 WHERE status = 'completed'",
        "UPDATE returns SET refund_tax = refund_tax - 1 WHERE status = 'completed'",
        &["return_amounts"],
    ),
    (
        "UPDATE return_items SET quantity = 0",
        "UPDATE return_items SET quantity = 1",
        &[
            "return_amounts",
            "return_amounts",
            "return_amounts",
            "return_amounts",
        ],
    ),
    (
        "UPDATE returns SET status = 'carrier_scanned' WHERE status = 'completed'",
        "UPDATE returns SET status = 'completed' WHERE status = 'carrier_scanned'",
        &["return_timeline"],
    ),
    (
        "UPDATE return_events SET event = 'cancelled' WHERE event = 'completed'",
        "UPDATE return_events SET event = 'completed' WHERE event = 'cancelled' AND actor = 'warehouse'",
        // An illegal transition, and one that was not published.
        &["return_timeline", "timeline_event"],
    ),
    (
        "UPDATE returns SET refund_issued_at = NULL WHERE status = 'completed'",
        "UPDATE returns SET refund_issued_at = updated_at WHERE status = 'completed'",
        &["return_timeline"],
    ),
    (
        "UPDATE returns SET refund_provider_id = NULL WHERE status = 'completed'",
        "UPDATE returns SET refund_provider_id = 're_1' WHERE status = 'completed'",
        &["return_refund"],
    ),
    (
        "UPDATE returns SET payment_intent_id = NULL WHERE status = 'completed'",
        "UPDATE returns SET payment_intent_id = 'pi_1' WHERE status = 'completed'",
        &["return_refund"],
    ),
    (
        "UPDATE store_credits SET amount = amount + 1",
        "UPDATE store_credits SET amount = amount - 1",
        &["return_store_credit"],
    ),
    (
        "UPDATE return_reviews SET reason = 'cancelled_but_scanned' WHERE closed_at IS NULL",
        "UPDATE return_reviews SET reason = 'no_scan' WHERE closed_at IS NULL",
        &["return_review"],
    ),
    (
        "UPDATE return_reviews SET closed_at = since WHERE closed_at IS NULL",
        "UPDATE return_reviews SET closed_at = NULL",
        &["return_review"],
    ),
    (
        "UPDATE outbox_events SET event_type = 'x' WHERE aggregate_id = 'DONE' AND sequence = 3",
        "UPDATE outbox_events SET event_type = 'return.carrier_scanned' WHERE aggregate_id = 'DONE' AND sequence = 3",
        &["timeline_event"],
    ),
    (
        "UPDATE outbox_sequences SET last = last + 1 WHERE aggregate_id = 'DONE'",
        "UPDATE outbox_sequences SET last = last - 1 WHERE aggregate_id = 'DONE'",
        &["outbox_sequence"],
    ),
    (
        "UPDATE idempotency_keys SET outcome = 'null' WHERE operation = 'returnCancel'",
        "DELETE FROM idempotency_keys WHERE operation = 'returnCancel'",
        &["idempotency_result"],
    ),
    (
        "UPDATE idempotency_keys SET outcome = '{\"id\":\"00000000-0000-0000-0000-000000000404\"}' WHERE key = 'done'",
        "DELETE FROM idempotency_keys WHERE key = 'done'",
        &["idempotency_result"],
    ),
    (
        "UPDATE returns SET status = 'teleported' WHERE status = 'completed'",
        "UPDATE returns SET status = 'completed' WHERE status = 'teleported'",
        &["unreadable_row"],
    ),
];

impl Desk {
    async fn sql(&self, sql: &str) {
        let db = self.fixture.scratch.database.write();
        let done = db.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn created(&self, order: &FakeOrder, key: &str) -> Uuid {
        let answer = self.fixture.ask(CREATE, input(order, 1, key)).await;
        let id = answer["data"]["returnCreate"]["return"]["id"].as_str();
        let id = id.unwrap_or_else(|| panic!("{answer:#}"));
        IdKind::Return.parse(id).unwrap()
    }

    async fn label(&self, id: Uuid) {
        let expires_at = self.fixture.state.clock.now() + Duration::days(14);
        let label = Transition::LabelGenerated(bought_label(&id.to_string(), expires_at));
        let advanced = self.fixture.advance(id, &label, Actor::System).await;
        advanced.unwrap();
    }

    async fn carrier_says(&self, id: Uuid, status: &str) {
        let at = self.fixture.state.clock.now();
        let hook = event(&format!("{status} {id}"), &id.to_string(), &[(status, at)]);
        assert_eq!(self.hook(&hook).await, 200);
    }

    /// Returns of every fate; the id of the completed one.
    async fn live(&self, orders: &[FakeOrder], clock: &Clock) -> String {
        let done = self.created(&orders[0], "done").await;
        let cancelled = self.created(&orders[1], "cancelled").await;
        let credited = self.created(&orders[2], "credited").await;
        let waiting = self.created(&orders[3], "waiting").await;
        self.cancel(cancelled).await;
        for id in [done, credited, waiting] {
            self.label(id).await;
        }
        self.carrier_says(done, "in_transit").await;
        self.run().await;
        self.fixture.orders.close_payment_methods();
        self.carrier_says(credited, "in_transit").await;
        self.run().await;
        self.carrier_says(done, "delivered").await;
        clock.advance(Duration::hours(73));
        sweep(&self.fixture.state).await.unwrap();
        let statuses = [done, cancelled, credited, waiting].map(|id| self.status(id));
        let statuses = futures::future::join_all(statuses).await;
        let expected = [
            ReturnStatus::Completed,
            ReturnStatus::Cancelled,
            ReturnStatus::RefundIssued,
            ReturnStatus::ManualReview,
        ];
        assert_eq!(statuses, expected);
        public(done)
    }
}

#[tokio::test]
async fn returns_of_every_fate_are_clean_and_each_wrong_row_is_found() {
    let orders: Vec<_> = (1..=4)
        .map(|number| {
            let (mut order, _) = labelled(number);
            order.items[0].id = Uuid::from_u128(100 + u128::from(number));
            order
        })
        .collect();
    let clock = Clock::manual(now());
    for desk in desks_at(&orders, &clock).await {
        let name = desk.fixture.scratch.name;
        let done = desk.live(&orders, &clock).await;
        assert_eq!(violations(&desk).await, [], "{name}");
        for (change, undo, kinds) in WRONG {
            desk.sql(&change.replace("DONE", &done)).await;
            let found = violations(&desk).await;
            let mut found: Vec<_> = found.iter().map(|violation| violation.kind).collect();
            found.sort_unstable();
            assert_eq!(found, *kinds, "{name}: {change}");
            desk.sql(&undo.replace("DONE", &done)).await;
            assert_eq!(violations(&desk).await, [], "{name}: {undo}");
        }
        desk.stop().await;
    }
}
