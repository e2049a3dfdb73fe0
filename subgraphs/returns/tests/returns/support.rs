//! Returns that wait for a person: each is in the queue, and each has a way out.

use chrono::Duration;
use entities::returns::{customer_return, store_credit};
use futures::future::join_all;
use platform::clock::Clock;
use resolvers::testing::{code, execute};
use returns::rules::status::ReturnStatus;
use returns::workers::sweep;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::desk::public;
use crate::fixture::{CUSTOMER, now};
use crate::providers::{Fault, tracking};
use crate::support_kit::{DECIDE, QUEUE, awaiting_scan, desks, in_review, unlabelled};

#[tokio::test]
async fn every_return_that_waits_for_a_person_is_in_the_queue_and_has_a_way_out() {
    let clock = Clock::manual(now());
    let make = |number, at| match number {
        2 | 3 => unlabelled(number, at),
        _ => awaiting_scan(number, at),
    };
    for (desk, ids) in desks(1..=7, &clock, make).await {
        let [no_scan, rate, no_label, refused, turned, cancelled, lost] = ids[..] else {
            panic!("seven returns");
        };
        // A carrier asks too much for a label.
        desk.providers.set_rates(6_000);
        let label = "mutation($id: ID!) { returnLabelGenerate(id: $id, idempotencyKey: \"k\") { labelStatus } }";
        let answer = desk.fixture.ask(label, json!({ "id": public(rate) })).await;
        let status = &answer["data"]["returnLabelGenerate"]["labelStatus"];
        assert_eq!(status, "UNAVAILABLE", "{answer}");
        // The provider refuses a refund.
        clock.advance(Duration::minutes(1));
        // Also when it is tried again, until support decides.
        desk.providers
            .fail("POST /v1/refunds", &[Fault::Refused; 3]);
        desk.scanned(4, "in_transit").await;
        desk.run().await;
        // A package is turned back before the carrier's pickup was reported.
        clock.advance(Duration::minutes(1));
        desk.scanned(5, "return_to_sender").await;
        // The package of a cancelled return is sent all the same.
        clock.advance(Duration::minutes(1));
        desk.cancel(cancelled).await;
        desk.scanned(6, "in_transit").await;
        // The label of a cancelled return is not known to its provider.
        clock.advance(Duration::minutes(1));
        let mut row = desk.row(lost).await;
        row.label_shipment_id = Some("shp_404".to_owned());
        let db = desk.fixture.scratch.database.write();
        customer_return::change(db, row.status, row.clone())
            .await
            .unwrap();
        desk.cancel(lost).await;
        desk.run().await;
        // Nobody asked for a label within two hours, and nobody scanned one within three days.
        clock.advance(Duration::hours(3));
        sweep(&desk.fixture.state).await.unwrap();
        clock.advance(Duration::hours(70));
        sweep(&desk.fixture.state).await.unwrap();
        // The clock is the same for all databases, so what the sweeps find may be found at once.
        let mut queue = desk.queue().await;
        queue.sort();
        let expected = [
            "CANCELLED_BUT_SCANNED",
            "LABEL_NOT_VOIDED",
            "NO_LABEL",
            "NO_SCAN",
            "RATE_OUT_OF_BOUNDS",
            "REFUND_REFUSED",
            "RETURNED_TO_CUSTOMER",
        ];
        assert_eq!(queue, expected, "{}", desk.fixture.scratch.name);

        // A higher price is accepted; another carrier is asked.
        desk.decided(rate, "RETRY_LABEL", json!({ "acceptAnyRate": true }))
            .await;
        desk.run().await;
        let row = desk.row(rate).await;
        assert_eq!(
            (row.status, row.label_cost),
            (ReturnStatus::LabelGenerated, Some(6_000))
        );
        desk.providers.set_rates(700);
        desk.decided(no_scan, "WAIT", json!({})).await;
        desk.decided(no_scan, "RETRY_LABEL", json!({ "carrier": "ups" }))
            .await;
        desk.run().await;
        let row = desk.row(no_scan).await;
        assert_eq!(row.status, ReturnStatus::LabelGenerated);
        assert_eq!(row.label_carrier.as_deref(), Some("UPS"));
        assert_ne!(row.tracking_number, Some(tracking(1)));

        let amount = json!({ "refundAmount": { "amount": "100.00", "currency": "EUR" } });
        desk.decided(refused, "REFUND", amount).await;
        desk.run().await;
        assert_eq!(desk.status(refused).await, ReturnStatus::RefundIssued);
        desk.decided(turned, "REFUND_TO_STORE_CREDIT", json!({}))
            .await;
        desk.run().await;
        assert_eq!(desk.status(turned).await, ReturnStatus::Completed);
        desk.decided(cancelled, "REFUND", json!({})).await;
        desk.run().await;
        assert_eq!(desk.status(cancelled).await, ReturnStatus::RefundIssued);
        desk.decided(no_label, "REJECT", json!({})).await;
        assert_eq!(desk.status(no_label).await, ReturnStatus::Cancelled);
        desk.decided(lost, "REJECT", json!({})).await;
        assert_eq!(desk.status(lost).await, ReturnStatus::Cancelled);

        assert_eq!(desk.queue().await, [""; 0]);
        let mut refunds = desk.providers.refunded();
        refunds.sort();
        let mut expected = [(public(refused), 10_000), (public(cancelled), 32_399)];
        expected.sort();
        assert_eq!(refunds, expected);
        let db = desk.fixture.scratch.database.read();
        let credits = store_credit::Entity::find().all(db).await.unwrap();
        assert_eq!(credits.len(), 1);
        assert_eq!((credits[0].return_id, credits[0].amount), (turned, 32_399));
        assert_eq!(credits[0].reason.as_str(), "support_decision");

        let closed = desk.support(QUEUE, json!({ "isOpen": false })).await;
        assert_eq!(closed["data"]["supportReturns"]["totalCount"], 7);
        let made = desk.decisions().await;
        assert_eq!(made.len(), 8);
        assert!(
            made.iter()
                .all(|made| made.actor == "agent-1" && made.note == "as agreed")
        );
        let events = desk.count("return.review_decided").await;
        assert_eq!(events, 8);
        // Nothing is done twice when everything runs again.
        clock.advance(Duration::hours(2));
        desk.run().await;
        sweep(&desk.fixture.state).await.unwrap();
        assert_eq!(desk.providers.refunded().len(), 2);
        assert_eq!(desk.queue().await, [""; 0]);
        desk.stop().await;
    }
}

#[tokio::test]
async fn of_concurrent_decisions_one_wins_and_the_others_learn_which() {
    let clock = Clock::manual(now());
    for (desk, id) in in_review(&clock).await {
        let decisions = ["REFUND", "REJECT", "RETRY_LABEL", "REFUND_TO_STORE_CREDIT"];
        let made = decisions.map(|decision| desk.decide(id, decision, json!({})));
        let payloads = join_all(made).await;
        let won: Vec<_> = decisions
            .iter()
            .zip(&payloads)
            .filter(|(_, payload)| payload["userErrors"] == json!([]))
            .map(|(decision, _)| *decision)
            .collect();
        assert_eq!(won.len(), 1, "{payloads:?}");
        for payload in payloads {
            let Some(error) = payload["userErrors"].get(0) else {
                continue;
            };
            assert_eq!(error["code"], "ALREADY_DECIDED");
            let message = error["message"].as_str().unwrap();
            let expected = format!("agent-1 decided {} at ", won[0]);
            assert!(message.starts_with(&expected), "{message}");
        }
        assert_eq!(desk.decisions().await.len(), 1);
        desk.run().await;
        desk.stop().await;
    }
}

#[tokio::test]
async fn support_decides_within_what_was_captured_and_with_a_reason() {
    let clock = Clock::manual(now());
    for (desk, id) in in_review(&clock).await {
        let amount = |amount: &str, currency: &str| json!({ "refundAmount": { "amount": amount, "currency": currency } });
        let long = json!({ "note": "x".repeat(2_001) });
        for (decision, extra, expected) in [
            ("REFUND", amount("324.00", "EUR"), "REFUND_TOO_HIGH"),
            ("REFUND", amount("10.00", "USD"), "INVALID_AMOUNT"),
            ("REFUND", amount("10.001", "EUR"), "INVALID_AMOUNT"),
            ("REFUND", amount("-1", "EUR"), "INVALID_AMOUNT"),
            ("REFUND", amount("0", "EUR"), "INVALID_AMOUNT"),
            ("REJECT", amount("10.00", "EUR"), "INVALID_AMOUNT"),
            ("REFUND", long, "INVALID_TEXT"),
            ("REFUND", json!({ "note": " " }), "INVALID_TEXT"),
            ("REFUND", json!({ "carrier": "UPS" }), "INVALID_TEXT"),
        ] {
            let error = desk.refused(id, decision, extra).await;
            assert_eq!(error["code"], expected, "{error}");
        }
        assert_eq!(desk.queue().await, ["NO_SCAN"]);
        assert!(desk.decisions().await.is_empty());

        // The whole payment can be refunded, and the refund cannot be cancelled meanwhile.
        desk.decided(id, "REFUND", amount("323.99", "EUR")).await;
        let cancel = "mutation($id: ID!) { returnCancel(id: $id, idempotencyKey: \"c\") { userErrors { code } } }";
        let answer = desk.fixture.ask(cancel, json!({ "id": public(id) })).await;
        let errors = &answer["data"]["returnCancel"]["userErrors"];
        assert_eq!(errors[0]["code"], "RETURN_NOT_CANCELLABLE", "{answer}");
        desk.run().await;
        assert_eq!(desk.providers.refunded(), [(public(id), 32_399)]);
        // The package may still come.
        desk.scanned(1, "delivered").await;
        assert_eq!(desk.status(id).await, ReturnStatus::Completed);
        let error = desk.refused(id, "REFUND", json!({})).await;
        assert_eq!(error["code"], "ALREADY_DECIDED");
        desk.stop().await;
    }
}

#[tokio::test]
async fn only_support_sees_the_queue_notes_and_others_returns() {
    let clock = Clock::manual(now());
    for (desk, id) in in_review(&clock).await {
        let subgraph = &desk.fixture.subgraph;
        let input = json!({ "returnId": public(id), "decision": "REFUND", "note": "mine" });
        let decide = json!({ "input": input, "key": "k" });
        for caller in [Some(CUSTOMER), None] {
            let expected = match caller {
                Some(_) => "FORBIDDEN",
                None => "UNAUTHENTICATED",
            };
            let queue = execute(subgraph, caller, QUEUE, json!({})).await;
            assert_eq!(code(&queue), expected, "{queue}");
            let decided = execute(subgraph, caller, DECIDE, decide.clone()).await;
            assert_eq!(code(&decided), expected, "{decided}");
        }
        desk.decided(id, "WAIT", json!({})).await;
        let own = "query($id: ID!) { return(id: $id) { review { reason decision isOpen } } }";
        let variables = json!({ "id": public(id) });
        let answer = desk.fixture.ask(own, variables.clone()).await;
        let expected = json!({ "reason": "NO_SCAN", "decision": "WAIT", "isOpen": true });
        assert_eq!(answer["data"]["return"]["review"], expected, "{answer}");
        let secret = "query($id: ID!) { return(id: $id) { review { note history { actor } } } }";
        let answer = desk.fixture.ask(secret, variables.clone()).await;
        assert_eq!(code(&answer), "FORBIDDEN");
        assert_eq!(
            answer["data"]["return"]["review"],
            json!({ "note": null, "history": null })
        );
        let answer = desk.support(secret, variables).await;
        let review = &answer["data"]["return"]["review"];
        assert_eq!(review["note"], "as agreed");
        assert_eq!(review["history"][0]["actor"], "agent-1");
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_return_that_waits_for_a_day_is_reported_again_each_day_until_somebody_decides() {
    let clock = Clock::manual(now());
    for (desk, id) in in_review(&clock).await {
        let reported = async || {
            let report = sweep(&desk.fixture.state).await.unwrap();
            assert_eq!(report.overdue, report.overdue.min(1));
            report.overdue
        };
        // The clock is the same for all databases.
        desk.decided(id, "WAIT", json!({})).await;
        assert_eq!(reported().await, 0);
        clock.advance(Duration::hours(25));
        assert_eq!(reported().await, 1);
        assert_eq!(reported().await, 0);
        clock.advance(Duration::hours(23));
        desk.decided(id, "WAIT", json!({})).await;
        clock.advance(Duration::hours(2));
        assert_eq!(reported().await, 0, "somebody has looked");
        clock.advance(Duration::hours(23));
        assert_eq!(reported().await, 1);
        desk.decided(id, "REJECT", json!({})).await;
        clock.advance(Duration::hours(48));
        assert_eq!(reported().await, 0);
        assert_eq!(desk.count("return.review_overdue").await, 2);
        desk.stop().await;
    }
}

#[tokio::test]
async fn the_queue_is_paged_and_filtered() {
    let clock = Clock::manual(now());
    for (desk, _) in desks(1..=5, &clock, awaiting_scan).await {
        clock.advance(Duration::hours(73));
        sweep(&desk.fixture.state).await.unwrap();
        let mut seen = Vec::new();
        let mut after = Value::Null;
        loop {
            let answer = desk
                .support(QUEUE, json!({ "first": 2, "after": after }))
                .await;
            let page = &answer["data"]["supportReturns"];
            assert_eq!(page["totalCount"], 5);
            seen.extend(
                page["nodes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["id"].clone()),
            );
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        seen.dedup();
        assert_eq!(seen.len(), 5);
        for (filter, expected) in [
            (json!({ "status": ["MANUAL_REVIEW"] }), 5),
            (json!({ "status": ["INITIATED"] }), 0),
            (
                json!({ "status": ["INITIATED", "MANUAL_REVIEW"], "reason": "NO_SCAN" }),
                5,
            ),
            (json!({ "reason": "NO_LABEL" }), 0),
            (json!({ "isOpen": false }), 0),
        ] {
            let answer = desk.support(QUEUE, filter.clone()).await;
            assert_eq!(
                answer["data"]["supportReturns"]["totalCount"], expected,
                "{filter}"
            );
        }
        let many = desk.support(QUEUE, json!({ "first": 101 })).await;
        assert_eq!(code(&many), "BAD_USER_INPUT");
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_refund_that_support_lowers_keeps_the_proportion_of_credit_and_payment() {
    // A quarter was paid with store credit; of one cent nothing is left for the payment.
    for (amount, refunded) in [("100.00", Some(7_500)), ("0.01", None)] {
        let clock = Clock::manual(now());
        for (desk, ids) in desks(1..=1, &clock, awaiting_scan).await {
            let id = ids[0];
            desk.fixture.orders.pay_with_credit(32_399 / 4);
            desk.providers.fail("POST /v1/refunds", &[Fault::Refused]);
            desk.scanned(1, "in_transit").await;
            desk.run().await;
            assert_eq!(desk.queue().await, ["REFUND_REFUSED"]);

            let extra = json!({ "refundAmount": { "amount": amount, "currency": "EUR" } });
            desk.decided(id, "REFUND", extra).await;
            desk.run().await;
            let row = desk.row(id).await;
            assert_eq!(row.status, ReturnStatus::RefundIssued);
            let expected: Vec<_> = refunded
                .map(|cents| (public(id), cents))
                .into_iter()
                .collect();
            assert_eq!(desk.providers.refunded(), expected);
            let db = desk.fixture.scratch.database.read();
            let credits = store_credit::Entity::find().all(db).await.unwrap();
            let credited: i64 = credits.iter().map(|credit| credit.amount).sum();
            assert_eq!(credited + refunded.unwrap_or(0), row.refund_total);
            desk.stop().await;
        }
    }
}
