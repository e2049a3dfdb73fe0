//! `advance` and the sweep on each database: every legal transition is written with its event, every other leaves no
//! trace.

use chrono::Duration;
use entities::returns::return_event;
use returns::RefundMethod;
use returns::rules::status::{ReturnStatus, transition};
use returns::transitions::{Actor, ReviewReason, Transition, TransitionError, advance};
use returns::workers::{SweepReport, sweep};
use uuid::Uuid;

use crate::fixture::{
    CUSTOMER, StoredReturn, bought_label, fixtures, monitor, monitor_order, now, sorted, stored,
};

const RETURN: Uuid = Uuid::from_u128(50);

fn transitions() -> [Transition; 8] {
    [
        Transition::LabelGenerated(bought_label(
            "9205590036297012345679",
            now() + Duration::days(14),
        )),
        Transition::CarrierScanned(now() - Duration::minutes(5)),
        Transition::RefundIssued {
            provider_id: Some("re_1".to_owned()),
            method: RefundMethod::StoreCredit,
        },
        Transition::Completed,
        Transition::ManualReview(ReviewReason::NoScan),
        Transition::Cancelled,
        Transition::LabelWanted,
        Transition::Closed,
    ]
}

fn at(status: ReturnStatus, id: Uuid) -> StoredReturn {
    let mut made = stored(id.as_u128(), CUSTOMER, monitor_order().id, monitor().id, 1);
    made.row.status = status;
    made.row.shipping_refunded = false;
    made.events.clear();
    made
}

#[tokio::test]
async fn a_legal_transition_is_written_with_its_event_and_another_leaves_no_trace() {
    for fixture in fixtures(&[]).await {
        let mut number = 100;
        let mut legal = 0;
        for &from in ReturnStatus::ALL {
            for to in transitions() {
                number += 1;
                let id = Uuid::from_u128(number);
                fixture.store(vec![at(from, id)]).await;
                let prior = fixture.row(id).await;
                match fixture.advance(id, &to, Actor::System).await {
                    Ok(advanced) => {
                        legal += 1;
                        assert!(transition(from, to.to(), false).is_ok(), "{from:?} {to:?}");
                        assert_eq!(advanced.status, to.to());
                        assert_eq!(fixture.row(id).await, advanced);
                    }
                    Err(TransitionError::Illegal(refused)) => {
                        assert_eq!(transition(from, to.to(), false), Err(refused));
                        assert_eq!(fixture.row(id).await, prior);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        assert_eq!(legal, 15);
        assert_eq!(fixture.published().await.len(), legal);
        assert_eq!(fixture.count::<return_event::Entity>().await, 15);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn events_have_what_each_transition_brought() {
    let [label, scan, refund, completion, review, ..] = transitions();
    for fixture in fixtures(&[]).await {
        fixture
            .store(vec![at(ReturnStatus::Initiated, RETURN)])
            .await;
        // The scan is late: the return waits for it in manual review.
        for step in [
            label.clone(),
            review.clone(),
            scan.clone(),
            refund.clone(),
            completion.clone(),
        ] {
            fixture.advance(RETURN, &step, Actor::System).await.unwrap();
        }
        let row = fixture.row(RETURN).await;
        assert_eq!(row.refund_method, RefundMethod::StoreCredit);
        assert_eq!(row.label_cost, Some(712));
        assert_eq!(row.carrier_scanned_at, Some(now() - Duration::minutes(5)));
        let published = fixture.published().await;
        sorted().bind(|| {
            insta::allow_duplicates! {
                insta::assert_json_snapshot!(published, @r#"
            [
              [
                "return.label_generated",
                {
                  "actor": "system",
                  "carrier": "USPS",
                  "customerId": "usr_00000000000000000000000001",
                  "expiresAt": "2025-10-23T10:15:22Z",
                  "fallbackDeadline": "2025-10-12T10:15:22Z",
                  "orderId": "ord_0000000000000000000000000a",
                  "previousStatus": "initiated",
                  "returnId": "ret_0000000000000000000000001j",
                  "status": "label_generated",
                  "trackingNumber": "9205590036297012345679",
                  "version": 1
                }
              ],
              [
                "return.manual_review",
                {
                  "actor": "system",
                  "customerId": "usr_00000000000000000000000001",
                  "orderId": "ord_0000000000000000000000000a",
                  "previousStatus": "label_generated",
                  "reason": "no_scan",
                  "returnId": "ret_0000000000000000000000001j",
                  "status": "manual_review",
                  "version": 1
                }
              ],
              [
                "return.carrier_scanned",
                {
                  "actor": "system",
                  "customerId": "usr_00000000000000000000000001",
                  "late": true,
                  "orderId": "ord_0000000000000000000000000a",
                  "previousStatus": "manual_review",
                  "returnId": "ret_0000000000000000000000001j",
                  "scannedAt": "2025-10-09T10:10:22Z",
                  "status": "carrier_scanned",
                  "version": 1
                }
              ],
              [
                "return.refund_issued",
                {
                  "actor": "system",
                  "customerId": "usr_00000000000000000000000001",
                  "orderId": "ord_0000000000000000000000000a",
                  "previousStatus": "carrier_scanned",
                  "refund": {
                    "currency": "EUR",
                    "includesShipping": false,
                    "items": "299.00",
                    "method": "store_credit",
                    "shipping": "9.00",
                    "tax": "15.99",
                    "total": "323.99"
                  },
                  "returnId": "ret_0000000000000000000000001j",
                  "status": "refund_issued",
                  "version": 1
                }
              ],
              [
                "return.completed",
                {
                  "actor": "system",
                  "customerId": "usr_00000000000000000000000001",
                  "items": [
                    {
                      "condition": "defective",
                      "orderItemId": "oi_00000000000000000000000034",
                      "productId": "prd_000000000000000000000000z8",
                      "productName": "4K Monitor Pro 32 inch",
                      "quantity": 1,
                      "reasonCode": "defective_on_arrival"
                    }
                  ],
                  "orderId": "ord_0000000000000000000000000a",
                  "previousStatus": "refund_issued",
                  "returnId": "ret_0000000000000000000000001j",
                  "status": "completed",
                  "version": 1
                }
              ]
            ]
            "#)
            }
        });
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_row_that_was_not_locked_and_changed_meanwhile_is_not_overwritten() {
    for fixture in fixtures(&[]).await {
        fixture
            .store(vec![at(ReturnStatus::LabelGenerated, RETURN)])
            .await;
        let stale = fixture.row(RETURN).await;
        fixture
            .advance(RETURN, &Transition::Cancelled, Actor::Support)
            .await
            .unwrap();
        let transaction = fixture.scratch.database.begin().await.unwrap();
        let scan = Transition::CarrierScanned(now());
        let refused = advance(&transaction, stale, &scan, Actor::Carrier, now()).await;
        assert!(matches!(refused, Err(TransitionError::Conflict(id)) if id == RETURN));
        transaction.rollback().await;
        assert_eq!(fixture.row(RETURN).await.status.as_str(), "cancelled");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_sweep_reviews_what_was_not_scanned_and_tells_support_once_of_what_has_no_label() {
    for fixture in fixtures(&[]).await {
        // More than one page of each.
        let returns = (0..240).map(|number| {
            let mut made = at(ReturnStatus::Initiated, Uuid::from_u128(1_000 + number));
            if number % 2 == 0 {
                made.row.status = ReturnStatus::LabelGenerated;
            } else {
                made.row.label_generated_at = None;
            }
            made
        });
        fixture.store(returns.collect()).await;
        assert_eq!(sweep(&fixture.state).await.unwrap(), SweepReport::default());

        fixture.state.clock.advance(Duration::hours(3));
        let alerts = SweepReport {
            alerted: 120,
            ..SweepReport::default()
        };
        assert_eq!(sweep(&fixture.state).await.unwrap(), alerts);
        assert_eq!(sweep(&fixture.state).await.unwrap(), SweepReport::default());

        fixture.state.clock.advance(Duration::hours(72));
        // Two concurrent instances: each return is settled by one of them.
        let (one, other) =
            futures::try_join!(sweep(&fixture.state), sweep(&fixture.state)).unwrap();
        assert_eq!(
            (one.reviewed + other.reviewed, one.failed + other.failed),
            (120, 0)
        );
        assert_eq!(
            fixture.row(Uuid::from_u128(1_000)).await.status.as_str(),
            "manual_review"
        );
        assert_eq!(
            fixture.row(Uuid::from_u128(1_001)).await.status.as_str(),
            "initiated"
        );
        let published = fixture.published().await;
        let count = |name| {
            published
                .iter()
                .filter(|(published, _)| published == name)
                .count()
        };
        assert_eq!(count("return.support_alert"), 120);
        assert_eq!(count("return.manual_review"), 120);
        // Those without a label have waited for a person for three days.
        assert_eq!(count("return.review_overdue"), 120);
        assert_eq!(published.len(), 360);
        fixture.scratch.drop().await;
    }
}
