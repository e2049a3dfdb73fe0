//! What tests of returns that wait for a person have in common.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use entities::returns::{customer_return, return_decision};
use platform::bus::InProcessBus;
use platform::clock::Clock;
use platform::workers::WorkerContext;
use resolvers::testing::{execute_as, with_scope};
use returns::rules::status::ReturnStatus;
use returns::workers::sweep;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::desk::{Desk, desks_at, event, labelled, public};
use crate::fixture::StoredReturn;
use crate::providers::tracking;

pub(crate) const DECIDE: &str = "mutation($input: ReturnReviewInput!, $key: String!) {
  returnReviewDecide(input: $input, idempotencyKey: $key) {
    return { id status review { isOpen decision note allowedDecisions } }
    userErrors { code message field }
  }
}";

pub(crate) const QUEUE: &str = "query($status: [ReturnStatus!], $reason: ReviewReason, $isOpen: Boolean! = true, $first: Int, $after: String) {
  supportReturns(status: $status, reason: $reason, isOpen: $isOpen, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id status review {
      reason decision note allowedDecisions
      history { decision note actor reason statusBefore statusAfter refundBefore { amount } refundAfter { amount } }
    } }
  }
}";

impl Desk {
    pub(crate) async fn support(&self, document: &str, variables: Value) -> Value {
        let caller = with_scope("agent-1", "support");
        execute_as(&self.fixture.subgraph, caller, document, variables).await
    }

    /// The reasons in the queue, in its order.
    pub(crate) async fn queue(&self) -> Vec<String> {
        let answer = self.support(QUEUE, json!({})).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let queue = &answer["data"]["supportReturns"];
        let nodes = queue["nodes"].as_array().unwrap();
        assert_eq!(queue["totalCount"], nodes.len());
        let reason = |node: &Value| node["review"]["reason"].as_str().unwrap().to_owned();
        nodes.iter().map(reason).collect()
    }

    pub(crate) async fn decide(&self, id: Uuid, decision: &str, extra: Value) -> Value {
        let mut input =
            json!({ "returnId": public(id), "decision": decision, "note": "as agreed" });
        for (name, value) in extra.as_object().unwrap() {
            input[name] = value.clone();
        }
        let key = Uuid::now_v7().to_string();
        let answer = self
            .support(DECIDE, json!({ "input": input, "key": key }))
            .await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["returnReviewDecide"].clone()
    }

    pub(crate) async fn decided(&self, id: Uuid, decision: &str, extra: Value) {
        let payload = self.decide(id, decision, extra).await;
        assert_eq!(payload["userErrors"], json!([]), "{decision}");
        assert_eq!(payload["return"]["review"]["decision"], decision);
    }

    pub(crate) async fn refused(&self, id: Uuid, decision: &str, extra: Value) -> Value {
        let payload = self.decide(id, decision, extra).await;
        assert_eq!(payload["return"], Value::Null, "{payload}");
        payload["userErrors"][0].clone()
    }

    /// Runs every task that is due.
    pub(crate) async fn run(&self) {
        let state = &self.fixture.state;
        let bus = Arc::new(InProcessBus::new());
        let stop = CancellationToken::new();
        let context = WorkerContext::new(&state.database, bus, state.clock.clone(), stop);
        let runner = returns::workers::runner(state, context);
        runner.run_due().await.unwrap();
    }

    pub(crate) async fn scanned(&self, number: usize, status: &str) {
        let at = self.fixture.state.clock.now();
        let id = format!("evt_{}", Uuid::now_v7());
        let hook = event(&id, &tracking(number), &[(status, at)]);
        assert_eq!(self.hook(&hook).await, 200);
    }

    pub(crate) async fn cancel(&self, id: Uuid) {
        let document = "mutation($id: ID!, $key: String!) {
          returnCancel(id: $id, idempotencyKey: $key) { return { status } userErrors { code } }
        }";
        let variables = json!({ "id": public(id), "key": Uuid::now_v7().to_string() });
        let answer = self.fixture.ask(document, variables).await;
        let cancelled = &answer["data"]["returnCancel"];
        assert_eq!(cancelled["return"]["status"], "CANCELLED", "{answer}");
    }

    pub(crate) async fn status(&self, id: Uuid) -> ReturnStatus {
        self.row(id).await.status
    }

    pub(crate) async fn decisions(&self) -> Vec<return_decision::Model> {
        let made = return_decision::Entity::find().order_by_asc(return_decision::Column::Id);
        made.all(self.fixture.scratch.database.read())
            .await
            .unwrap()
    }
}

/// A return whose label was made now.
pub(crate) fn awaiting_scan(number: u32, at: DateTime<Utc>) -> StoredReturn {
    let (_, mut made) = labelled(number);
    made.row.label_generated_at = Some(at);
    made.row.created_at = at;
    made.row.label_shipment_id = None;
    made
}

/// A return without a label.
pub(crate) fn unlabelled(number: u32, at: DateTime<Utc>) -> StoredReturn {
    let mut made = awaiting_scan(number, at);
    let row: &mut customer_return::Model = &mut made.row;
    row.status = ReturnStatus::Initiated;
    row.label_generated_at = None;
    row.tracking_number = None;
    row.label_url = None;
    row.label_object = None;
    made
}

/// Desks with these returns, each of an order of its own.
pub(crate) async fn desks(
    numbers: std::ops::RangeInclusive<u32>,
    clock: &Clock,
    make: impl Fn(u32, DateTime<Utc>) -> StoredReturn,
) -> Vec<(Desk, Vec<Uuid>)> {
    let orders: Vec<_> = numbers.clone().map(|number| labelled(number).0).collect();
    let mut all = Vec::new();
    for desk in desks_at(&orders, clock).await {
        let made: Vec<_> = numbers
            .clone()
            .map(|number| make(number, clock.now()))
            .collect();
        let ids = made.iter().map(|made| made.row.id).collect();
        desk.fixture.store(made).await;
        all.push((desk, ids));
    }
    all
}

/// Desks with one return whose label was not scanned.
pub(crate) async fn in_review(clock: &Clock) -> Vec<(Desk, Uuid)> {
    let made = desks(1..=1, clock, awaiting_scan).await;
    clock.advance(Duration::hours(73));
    let mut all = Vec::new();
    for (desk, ids) in made {
        sweep(&desk.fixture.state).await.unwrap();
        assert_eq!(desk.queue().await, ["NO_SCAN"]);
        all.push((desk, ids[0]));
    }
    all
}
