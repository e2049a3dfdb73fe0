//! What reconciliation finds that nobody was at anymore, and the flag that closes self-service.

use std::io::Write;
use std::time::Duration;

use platform::flags::{EvaluationContext, FlagFile, Flags};
use platform::supervisor::Supervisor;
use resolvers::testing::code;
use returns::rules::status::ReturnStatus;
use returns::subgraph;
use returns::workers::{Swept, sweep};
use serde_json::json;
use uuid::Uuid;

use crate::desk::{desks, labelled, public};
use crate::fixture::{fixtures, monitor_order};

#[tokio::test]
async fn refunds_and_labels_that_nobody_is_at_are_taken_up_again() {
    let orders: Vec<_> = (1..=2).map(|number| labelled(number).0).collect();
    for mut desk in desks(&orders).await {
        let mut made: Vec<_> = (1..=2).map(|number| labelled(number).1).collect();
        made[0].row.status = ReturnStatus::CarrierScanned.as_str().to_owned();
        made[1].row.status = ReturnStatus::Cancelled.as_str().to_owned();
        made[1].row.label_shipment_id = None;
        let id = made[0].row.id;
        desk.fixture.store(made).await;
        let resumed = Swept {
            resumed: 1,
            ..Swept::default()
        };
        assert_eq!(sweep(&desk.fixture.state).await.unwrap(), resumed);
        assert_eq!(sweep(&desk.fixture.state).await.unwrap(), Swept::default());
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
        made.row.status = ReturnStatus::CarrierScanned.as_str().to_owned();
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        let counted = Swept {
            orphans: 2,
            ..Swept::default()
        };
        sweep(&desk.fixture.state).await.unwrap();
        desk.work();
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert_eq!(sweep(&desk.fixture.state).await.unwrap(), Swept::default());
        // One beside the return's own, one of a return that there is not, and three of no concern.
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

#[tokio::test]
async fn without_self_service_every_mutation_is_refused_and_returns_can_still_be_read() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"self_service_returns:\n  default: false\n")
        .unwrap();
    for mut fixture in fixtures(&[monitor_order()]).await {
        let provider =
            FlagFile::open(file.path(), Duration::from_secs(60), &Supervisor::new()).unwrap();
        fixture.state.flags = Flags::of(provider, EvaluationContext::default()).await;
        fixture.subgraph = subgraph(fixture.state.clone());
        let (_, made) = labelled(1);
        let id = public(made.row.id);
        fixture.store(vec![made]).await;
        for mutation in [
            "mutation($id: ID!) { returnCancel(id: $id, idempotencyKey: \"k\") { return { id } } }",
            "mutation($id: ID!) { returnLabelGenerate(id: $id, idempotencyKey: \"k\") { return { id } } }",
        ] {
            let refused = fixture.ask(mutation, json!({ "id": id })).await;
            assert_eq!(code(&refused), "FORBIDDEN", "{mutation}");
        }
        let read = "query($id: ID!) { return(id: $id) { status } }";
        let read = fixture.ask(read, json!({ "id": id })).await;
        assert_eq!(read["data"]["return"]["status"], "LABEL_GENERATED");
        fixture.scratch.drop().await;
    }
}
