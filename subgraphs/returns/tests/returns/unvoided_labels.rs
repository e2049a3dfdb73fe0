//! A label that could not be voided keeps its return in the queue, whatever becomes of the return, until it is settled.

use chrono::Duration;
use platform::clock::Clock;
use returns::rules::status::ReturnStatus;
use returns::workers::sweep;
use serde_json::json;
use uuid::Uuid;

use crate::desk::{Desk, public};
use crate::fixture::now;
use crate::providers::Fault;
use crate::support_kit::{QUEUE, desks, unlabelled};

const VOID: &str = "POST /v2/shipments/*/refund";

/// Desks with one return whose label support has replaced, and EasyPost did not void the old one.
async fn with_unvoided_label(clock: &Clock) -> Vec<(Desk, Uuid)> {
    let mut all = Vec::new();
    for (desk, ids) in desks(1..=1, clock, unlabelled).await {
        let id = ids[0];
        let document = "mutation($id: ID!) { returnLabelGenerate(id: $id, idempotencyKey: \"k\") { userErrors { code } } }";
        let answer = desk
            .fixture
            .ask(document, json!({ "id": public(id) }))
            .await;
        let errors = &answer["data"]["returnLabelGenerate"]["userErrors"];
        assert_eq!(errors, &json!([]), "{answer}");
        desk.run().await;
        all.push((desk, id));
    }
    clock.advance(Duration::hours(73));
    for (desk, id) in &all {
        sweep(&desk.fixture.state).await.unwrap();
        assert_eq!(desk.queue().await, ["NO_SCAN"]);
        desk.providers.fail(VOID, &[Fault::Refused]);
        desk.decided(*id, "RETRY_LABEL", json!({})).await;
        desk.run().await;
        assert_eq!(desk.status(*id).await, ReturnStatus::LabelGenerated);
        assert_eq!(voided(desk), [false, false]);
        assert_eq!(desk.queue().await, ["LABEL_NOT_VOIDED"]);
    }
    all
}

/// Whether each label was voided, the oldest first.
fn voided(desk: &Desk) -> Vec<bool> {
    let shipments = desk.providers.shipments().into_iter();
    shipments.map(|(_, _, is_voided)| is_voided).collect()
}

#[tokio::test]
async fn it_waits_until_it_is_voided_although_the_return_goes_on() {
    let clock = Clock::manual(now());
    for (desk, id) in with_unvoided_label(&clock).await {
        desk.scanned(2, "in_transit").await;
        desk.run().await;
        assert_eq!(desk.status(id).await, ReturnStatus::RefundIssued);
        assert_eq!(desk.queue().await, ["LABEL_NOT_VOIDED"]);
        desk.scanned(2, "delivered").await;
        assert_eq!(desk.status(id).await, ReturnStatus::Completed);
        let queue = desk.support(QUEUE, json!({})).await;
        let review = &queue["data"]["supportReturns"]["nodes"][0]["review"];
        assert_eq!(review["reason"], "LABEL_NOT_VOIDED", "{queue}");
        let possible = json!(["RETRY_VOID", "REJECT", "WAIT"]);
        assert_eq!(review["allowedDecisions"], possible);
        let error = desk.refused(id, "REFUND", json!({})).await;
        assert_eq!(error["code"], "DECISION_NOT_POSSIBLE");

        // It is refused once more, and support is not alerted again.
        desk.providers.fail(VOID, &[Fault::Refused]);
        desk.decided(id, "RETRY_VOID", json!({})).await;
        desk.run().await;
        assert_eq!(desk.queue().await, ["LABEL_NOT_VOIDED"]);
        assert_eq!(desk.count("return.support_alert").await, 1);

        desk.decided(id, "RETRY_VOID", json!({})).await;
        desk.run().await;
        assert_eq!(voided(&desk), [true, false]);
        assert_eq!(desk.queue().await, [""; 0]);
        let made = desk.decisions().await;
        let made: Vec<_> = made.iter().map(|made| made.decision.as_str()).collect();
        assert_eq!(made, ["retry_label", "retry_void", "retry_void"]);
        let error = desk.refused(id, "RETRY_VOID", json!({})).await;
        assert_eq!(error["code"], "ALREADY_DECIDED");
        desk.stop().await;
    }
}

#[tokio::test]
async fn it_waits_until_support_accepts_the_loss_with_a_note() {
    let clock = Clock::manual(now());
    for (desk, id) in with_unvoided_label(&clock).await {
        desk.scanned(2, "in_transit").await;
        desk.run().await;
        let error = desk.refused(id, "REJECT", json!({ "note": " " })).await;
        assert_eq!(error["code"], "INVALID_TEXT");
        assert_eq!(desk.queue().await, ["LABEL_NOT_VOIDED"]);
        desk.decided(id, "REJECT", json!({ "note": "Claimed by phone" }))
            .await;
        assert_eq!(desk.queue().await, [""; 0]);
        let made = desk.decisions().await;
        let last = made.last().unwrap();
        assert_eq!(
            (last.note.as_str(), last.actor.as_str()),
            ("Claimed by phone", "agent-1")
        );
        assert_eq!(last.reason.as_str(), "label_not_voided");
        assert_eq!(
            (last.status_before, last.status_after),
            (ReturnStatus::RefundIssued, ReturnStatus::RefundIssued)
        );
        desk.scanned(2, "delivered").await;
        assert_eq!(desk.status(id).await, ReturnStatus::Completed);
        assert_eq!(desk.queue().await, [""; 0]);
        desk.stop().await;
    }
}

#[tokio::test]
async fn it_waits_behind_other_reasons_and_does_not_change_what_was_decided_about_them() {
    let clock = Clock::manual(now());
    for (desk, id) in with_unvoided_label(&clock).await {
        // The clock is the same for all databases, so the sweep may find the new label, too.
        let mut row = desk.row(id).await;
        row.label_generated_at = Some(clock.now() - Duration::hours(73));
        let db = desk.fixture.scratch.database.write();
        entities::returns::customer_return::change(db, row.status, row)
            .await
            .unwrap();
        sweep(&desk.fixture.state).await.unwrap();
        assert_eq!(desk.queue().await, ["NO_SCAN"]);
        let amount = json!({ "refundAmount": { "amount": "100.00", "currency": "EUR" } });
        let refunded = desk.decide(id, "REFUND", amount).await;
        assert_eq!(refunded["userErrors"], json!([]));
        // Nothing is decided about the label yet.
        let review = &refunded["return"]["review"];
        assert_eq!(
            (&review["isOpen"], &review["decision"]),
            (&json!(true), &json!(null))
        );
        assert_eq!(desk.queue().await, ["LABEL_NOT_VOIDED"]);
        desk.decided(id, "REJECT", json!({})).await;
        assert_eq!(desk.queue().await, [""; 0]);
        desk.run().await;
        assert_eq!(desk.status(id).await, ReturnStatus::RefundIssued);
        assert_eq!(desk.providers.refunded(), [(public(id), 10_000)]);
        desk.stop().await;
    }
}
