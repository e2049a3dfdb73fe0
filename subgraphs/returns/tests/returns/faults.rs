//! Creates and cancels returns while the database fails at every possible step: each key gives exactly one complete
//! return, or one cancellation.

use entities::returns::{customer_return, return_event, return_item};
use platform::database::faults::Fault;
use platform::tables::outbox_event;
use serde_json::{Value, json};

use crate::desk::public;
use crate::fake_orders::FakeOrder;
use crate::fixture::{fixtures, monitor, monitor_order};
use crate::labels::made;
use crate::return_cancel::CANCEL;
use crate::return_create::{CREATE, input};

/// More than there are steps.
const UNITS: i32 = 400;

fn order() -> FakeOrder {
    let mut item = monitor();
    item.quantity = UNITS;
    FakeOrder {
        items: vec![item],
        ..monitor_order()
    }
}

fn created(answer: &Value) -> Option<&str> {
    answer["data"]["returnCreate"]["return"]["id"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_at_any_step_leaves_one_whole_return_for_a_key() {
    for fixture in fixtures(&[order()]).await {
        let faults = fixture.scratch.database.faults();
        let mut keys = 0;
        for fault in Fault::ALL {
            for step in 0.. {
                let case = format!("{} {fault:?} at {step}", fixture.scratch.name);
                faults.fail_after(step, fault);
                let first = fixture.ask(CREATE, input(&order(), 1, &case)).await;
                let is_past_the_end = faults.clear();
                let again = fixture.ask(CREATE, input(&order(), 1, &case)).await;
                let id = created(&again).unwrap_or_else(|| panic!("{case}: {again:#}"));
                if let Some(first) = created(&first) {
                    assert_eq!(first, id, "{case}");
                }
                keys += 1;
                assert_eq!(
                    fixture.count::<customer_return::Entity>().await,
                    keys,
                    "{case}"
                );
                assert_eq!(fixture.count::<return_item::Entity>().await, keys, "{case}");
                assert_eq!(
                    fixture.count::<return_event::Entity>().await,
                    keys,
                    "{case}"
                );
                assert_eq!(
                    fixture.count::<outbox_event::Entity>().await,
                    keys,
                    "{case}"
                );
                if is_past_the_end {
                    break;
                }
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_at_any_step_leaves_one_cancellation() {
    for fixture in fixtures(&[order()]).await {
        let faults = fixture.scratch.database.faults();
        let mut returns = 0;
        for fault in Fault::ALL {
            for step in 0.. {
                let case = format!("{} {fault:?} at {step}", fixture.scratch.name);
                returns += 1;
                let stored = made(returns);
                let variables = json!({ "id": public(stored.row.id), "key": case });
                fixture.store(vec![stored]).await;
                faults.fail_after(step, fault);
                fixture.ask(CANCEL, variables.clone()).await;
                let is_past_the_end = faults.clear();
                let again = fixture.ask(CANCEL, variables).await;
                let cancelled = &again["data"]["returnCancel"];
                assert_eq!(cancelled["userErrors"], json!([]), "{case}: {again:#}");
                assert_eq!(cancelled["return"]["status"], "CANCELLED", "{case}");
                let published = fixture.events().await.len() as u128;
                assert_eq!(published, returns, "{case}");
                if is_past_the_end {
                    break;
                }
            }
        }
        fixture.scratch.drop().await;
    }
}
