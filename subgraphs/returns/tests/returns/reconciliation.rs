//! Reconciliation of abandoned returns, and the flag that switches off self-service.

use std::io::Write;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use platform::flags::{EvaluationContext, FlagFile, Flags};
use platform::supervisor::Supervisor;
use resolvers::id::IdKind;
use resolvers::testing::code;
use returns::rules::status::ReturnStatus;
use returns::subgraph;
use returns::workers::{SweepReport, sweep};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{desks, labelled, public};
use crate::fake_orders::FakeOrder;

#[tokio::test]
async fn refunds_and_labels_that_nobody_is_at_are_taken_up_again() {
    let orders: Vec<_> = (1..=2).map(|number| labelled(number).0).collect();
    for mut desk in desks(&orders).await {
        let mut made: Vec<_> = (1..=2).map(|number| labelled(number).1).collect();
        made[0].row.status = ReturnStatus::CarrierScanned;
        made[1].row.status = ReturnStatus::Cancelled;
        made[1].row.label_shipment_id = None;
        let id = made[0].row.id;
        desk.fixture.store(made).await;
        let resumed = SweepReport {
            resumed: 1,
            ..SweepReport::default()
        };
        assert_eq!(sweep(&desk.fixture.state).await.unwrap(), resumed);
        assert_eq!(
            sweep(&desk.fixture.state).await.unwrap(),
            SweepReport::default()
        );
        desk.work();
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert_eq!(desk.providers.refunded().len(), 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn refunds_that_no_return_knows_are_reported() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, mut made) = labelled(1);
        made.row.status = ReturnStatus::CarrierScanned;
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        let counted = SweepReport {
            orphans: 2,
            ..SweepReport::default()
        };
        sweep(&desk.fixture.state).await.unwrap();
        desk.work();
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert_eq!(
            sweep(&desk.fixture.state).await.unwrap(),
            SweepReport::default()
        );
        // One in addition to the return's own, one for a return that does not exist, and three that do not count.
        desk.providers.refund_behind(&public(id), "succeeded");
        desk.providers
            .refund_behind(&public(Uuid::now_v7()), "pending");
        desk.providers.refund_behind(&public(id), "failed");
        desk.providers
            .refund_behind("ord_01jgfjjz00fn5av7nnwvhbdmgn", "succeeded");
        desk.providers.refund_behind("by hand", "succeeded");
        assert_eq!(sweep(&desk.fixture.state).await.unwrap(), counted);
        desk.stop().await;
    }
}

/// An order that can be returned now.
fn delivered() -> FakeOrder {
    FakeOrder {
        delivered_at: Some(Utc::now() - TimeDelta::days(2)),
        ..labelled(1).0
    }
}

#[tokio::test]
async fn without_self_service_no_return_is_made_and_those_under_way_go_on() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "flags: { self_service_returns: { state: ENABLED, variants: { on: true, off: false }, defaultVariant: off } }";
    file.write_all(text.as_bytes()).unwrap();
    let order = delivered();
    for mut desk in desks(std::slice::from_ref(&order)).await {
        let input = json!({
            "orderId": IdKind::Order.format(order.id),
            "items": [{
                "orderItemId": IdKind::OrderItem.format(order.items[0].id),
                "quantity": 1, "condition": "UNOPENED", "reasonCode": "changed_mind",
            }],
        });
        let create = "mutation($input: ReturnCreateInput!, $key: String!) {
          returnCreate(input: $input, idempotencyKey: $key) { return { id } userErrors { __typename } }
        }";
        let made = json!({ "input": input, "key": "prior" });
        let prior = desk.fixture.ask(create, made.clone()).await;
        let id = prior["data"]["returnCreate"]["return"]["id"].clone();
        assert!(id.is_string(), "{prior}");

        let provider = FlagFile::open(file.path(), Duration::from_secs(60), &Supervisor::new())
            .await
            .unwrap();
        let fixture = &mut desk.fixture;
        fixture.state.flags = Flags::of(provider, EvaluationContext::default()).await;
        fixture.subgraph = subgraph(fixture.state.clone());

        let refused = fixture
            .ask(create, json!({ "input": input, "key": "after" }))
            .await;
        assert_eq!(code(&refused), "FORBIDDEN");
        assert_eq!(
            fixture.ask(create, made).await,
            prior,
            "a replay makes nothing"
        );
        let preview = "query($input: ReturnCreateInput!) {
          returnPreview(input: $input) { eligible reasons { code message } refund { total { amount } } }
        }";
        let preview = fixture.ask(preview, json!({ "input": input })).await;
        let preview = &preview["data"]["returnPreview"];
        assert_eq!(
            (&preview["eligible"], &preview["refund"]),
            (&json!(false), &json!(null))
        );
        assert_eq!(preview["reasons"][0]["code"], "SELF_SERVICE_UNAVAILABLE");
        let eligibility = "query($representations: [_Any!]!) {
          _entities(representations: $representations) { ... on OrderItem {
            returnEligibility { eligible returnableQuantity reasons { code } }
          } }
        }";
        let item = json!({ "representations": order.representations() });
        let eligibility = fixture.ask(eligibility, item).await;
        let eligibility = &eligibility["data"]["_entities"][0]["returnEligibility"];
        assert_eq!(
            (&eligibility["eligible"], &eligibility["returnableQuantity"]),
            (&json!(false), &json!(0))
        );
        assert_eq!(
            eligibility["reasons"][0]["code"],
            "SELF_SERVICE_UNAVAILABLE"
        );

        // The existing return gets its label and can be cancelled.
        let label = "mutation($id: ID!) {
          returnLabelGenerate(id: $id, idempotencyKey: \"l\") { return { status } userErrors { code } }
        }";
        let labelled = fixture.ask(label, json!({ "id": id })).await;
        assert_eq!(labelled["errors"], json!(null), "{labelled}");
        let parsed = IdKind::Return.parse(id.as_str().unwrap()).unwrap();
        desk.until_status(parsed, ReturnStatus::LabelGenerated)
            .await;
        let cancel = "mutation($id: ID!) {
          returnCancel(id: $id, idempotencyKey: \"c\") { return { status } userErrors { code } }
        }";
        let cancelled = desk.fixture.ask(cancel, json!({ "id": id })).await;
        assert_eq!(
            cancelled["data"]["returnCancel"]["return"]["status"],
            "CANCELLED"
        );
        desk.stop().await;
    }
}

#[tokio::test]
async fn replays_of_every_mutation_ask_no_other_domain() {
    let order = delivered();
    for desk in desks(std::slice::from_ref(&order)).await {
        let input = json!({
            "orderId": IdKind::Order.format(order.id),
            "items": [{
                "orderItemId": IdKind::OrderItem.format(order.items[0].id),
                "quantity": 1, "condition": "UNOPENED", "reasonCode": "changed_mind",
            }],
        });
        let create = "mutation($input: ReturnCreateInput!) {
          returnCreate(input: $input, idempotencyKey: \"k\") { return { id status } userErrors { __typename } }
        }";
        let label = "mutation($id: ID!) {
          returnLabelGenerate(id: $id, idempotencyKey: \"k\") { return { id status } userErrors { code } }
        }";
        let cancel = "mutation($id: ID!) {
          returnCancel(id: $id, idempotencyKey: \"k\") { return { id status } userErrors { code } }
        }";
        let made = desk.fixture.ask(create, json!({ "input": input })).await;
        let id = made["data"]["returnCreate"]["return"]["id"].clone();
        let variables = json!({ "id": id });
        desk.fixture.ask(label, variables.clone()).await;
        let parsed = IdKind::Return.parse(id.as_str().unwrap()).unwrap();
        desk.until_status(parsed, ReturnStatus::LabelGenerated)
            .await;

        desk.fixture.orders.fail();
        let calls = desk.fixture.orders.calls();
        let again = |answer: &Value, name: &str, status: &str| {
            let answered = &answer["data"][name];
            assert_eq!(
                answered["return"],
                json!({ "id": id, "status": status }),
                "{answer}"
            );
            assert_eq!(answered["userErrors"], json!([]));
        };
        let answer = desk.fixture.ask(create, json!({ "input": input })).await;
        again(&answer, "returnCreate", "LABEL_GENERATED");
        let answer = desk.fixture.ask(label, variables.clone()).await;
        again(&answer, "returnLabelGenerate", "LABEL_GENERATED");
        for _ in 0..2 {
            let answer = desk.fixture.ask(cancel, variables.clone()).await;
            again(&answer, "returnCancel", "CANCELLED");
        }
        let answer = desk.fixture.ask(create, json!({ "input": input })).await;
        again(&answer, "returnCreate", "CANCELLED");
        let other = json!({ "input": { "orderId": input["orderId"], "items": [] } });
        let answer = desk.fixture.ask(create, other).await;
        assert_eq!(code(&answer), "CONFLICT");
        assert_eq!(desk.fixture.orders.calls(), calls);
        desk.stop().await;
    }
}
