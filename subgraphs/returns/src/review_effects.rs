//! What a decision of support changes, in its transaction.

use chrono::{DateTime, Utc};
use entities::returns::return_decision::{self, ReviewDecision};
use entities::returns::{
    customer_return, return_event, return_item, return_review, unvoided_label,
};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use platform::tasks::enqueue;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::events::{self, ReviewDecided};
use crate::label_task::BuyLabel;
use crate::refund_requote;
use crate::refund_supplement;
use crate::refund_task::IssueRefund;
use crate::replaced_label_task::VoidReplacedLabel;
use crate::review;
use crate::rules::refund::{Quote, credit_share};
use crate::rules::review::{Effect, with_total};
use crate::rules::status::ReturnStatus;
use crate::transitions::{self, Actor, Transition, TransitionError};
use crate::void_task::VoidLabel;

/// A change that was decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub decision_id: Uuid,
    pub effect: Effect,
    /// The decided refund in minor units; `None`: as quoted.
    pub amount: Option<i64>,
    pub now: DateTime<Utc>,
}

impl Change {
    /// Whether it decides the amount of the refund.
    pub(crate) fn fixes_refund(&self) -> bool {
        self.amount.is_some() || self.effect == Effect::RefundNothing
    }
}

/// Applies the change to a return that the transaction has locked, with its order, and returns the changed row.
pub(crate) async fn apply(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    change: &Change,
) -> Result<customer_return::Model, TransitionError> {
    let (id, now) = (row.id, change.now);
    match change.effect {
        Effect::Label if row.status == ReturnStatus::Initiated => {
            row.support_alerted_at = None;
            row = finish(transaction, row, now).await?;
            enqueue(transaction, &BuyLabel { return_id: id }, now, now).await?;
        }
        Effect::Label => {
            replace_label(transaction, &row, change).await?;
            row = advance(transaction, row, &Transition::LabelWanted, now).await?;
            enqueue(transaction, &BuyLabel { return_id: id }, now, now).await?;
        }
        Effect::Refund | Effect::RefundNothing => {
            let amount = match change.effect {
                Effect::RefundNothing => Some(0),
                _ => change.amount,
            };
            if let Some(amount) = amount {
                set_refund(transaction, &mut row, amount).await?;
                // The provider remembers another amount under the present key.
                let key = |_| format!("refund-{}", change.decision_id.simple());
                row.refund_key = row.refund_requested_at.map(key);
            }
            row = finish(transaction, row, now).await?;
            enqueue(transaction, &IssueRefund { return_id: id }, now, now).await?;
        }
        Effect::Reopen => {
            // Quoted again when it is issued: the order's other returns have changed meanwhile.
            row.shipping_refunded = false;
            set_refund(transaction, &mut row, change.amount.unwrap_or(0)).await?;
            if let Some(shipment) = &row.label_shipment_id {
                // It has been used for this return.
                review::settle_label(transaction, id, shipment, now).await?;
            }
            let scanned = Transition::CarrierScanned(row.carrier_scanned_at.unwrap_or(now));
            row = advance(transaction, row, &scanned, now).await?;
            enqueue(transaction, &IssueRefund { return_id: id }, now, now).await?;
        }
        Effect::Cancel => row = cancel(transaction, row, now).await?,
        Effect::Close => row = advance(transaction, row, &Transition::Closed, now).await?,
        Effect::Dismiss => row = finish(transaction, row, now).await?,
        Effect::AcceptLoss => {
            unvoided_label::settle_all(transaction, id, now).await?;
            row = finish(transaction, row, now).await?;
        }
        Effect::Void => {
            if let Some(label) = unvoided_label::oldest(transaction, id).await? {
                let void = VoidReplacedLabel {
                    decision_id: change.decision_id,
                    return_id: id,
                    shipment_id: label.shipment_id,
                };
                enqueue(transaction, &void, now, now).await?;
            }
            row = wait(transaction, row, now).await?;
        }
        Effect::Wait => row = wait(transaction, row, now).await?,
    }
    Ok(row)
}

/// Leaves the return in the queue, and puts its reminder off.
async fn wait(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    now: DateTime<Utc>,
) -> Result<customer_return::Model, TransitionError> {
    return_review::remind(transaction, &[row.id], now).await?;
    row.updated_at = now;
    transitions::update(transaction, &row).await?;
    Ok(row)
}

async fn advance(
    transaction: &DatabaseTransaction,
    row: customer_return::Model,
    transition: &Transition,
    now: DateTime<Utc>,
) -> Result<customer_return::Model, TransitionError> {
    transitions::advance(transaction, row, transition, Actor::Support, now).await
}

/// Writes a row whose status does not change, and closes the review.
async fn finish(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    now: DateTime<Utc>,
) -> Result<customer_return::Model, TransitionError> {
    row.updated_at = now;
    transitions::update(transaction, &row).await?;
    review::close(transaction, row.id, now).await?;
    Ok(row)
}

async fn set_refund(
    transaction: &DatabaseTransaction,
    row: &mut customer_return::Model,
    amount: i64,
) -> Result<(), DbErr> {
    let mut items = return_item::of_returns(transaction, &[row.id]).await?;
    let items = items.remove(&row.id).unwrap_or_default();
    let shown = refund_requote::shown(row, &items);
    let quote = if amount == 0 {
        Quote {
            lines: vec![0; items.len()],
            items: 0,
            tax: 0,
            shipping: 0,
            total: 0,
            includes_shipping: false,
        }
    } else {
        with_total(&shown, amount)
    };
    // What store credit paid keeps its proportion.
    row.refund_credit = credit_share(quote.total, row.refund_credit, row.refund_total);
    refund_requote::write(transaction, row, &items, quote).await
}

/// Enqueues voiding the label that the return has, unless it was used.
async fn replace_label(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    change: &Change,
) -> Result<(), DbErr> {
    let Some(shipment_id) = row
        .label_shipment_id
        .clone()
        .filter(|_| has_unused_label(row))
    else {
        return Ok(());
    };
    let void = VoidReplacedLabel {
        decision_id: change.decision_id,
        return_id: row.id,
        shipment_id,
    };
    enqueue(transaction, &void, change.now, change.now).await
}

fn has_unused_label(row: &customer_return::Model) -> bool {
    row.label_generated_at.is_some()
        && row.label_voided_at.is_none()
        && row.carrier_scanned_at.is_none()
        && row.turned_back_at.is_none()
}

async fn cancel(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    now: DateTime<Utc>,
) -> Result<customer_return::Model, TransitionError> {
    let is_used = row.label_generated_at.is_some() && !has_unused_label(&row);
    if is_used {
        // There is nothing to void, and support knows.
        row.support_alerted_at = Some(now);
    }
    let row = advance(transaction, row, &Transition::Cancelled, now).await?;
    if row.label_shipment_id.is_some() && !is_used {
        let void = VoidLabel { return_id: row.id };
        enqueue(transaction, &void, now, now).await?;
    }
    refund_supplement::enqueue_if_owed(transaction, &row, now).await?;
    Ok(row)
}

/// Tells the customer's timeline and other domains. What leaves the return where it is does not concern the customer.
pub(crate) async fn announce(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    decided: &return_decision::Model,
) -> Result<(), DbErr> {
    let is_over = !matches!(
        decided.decision,
        ReviewDecision::Wait | ReviewDecision::RetryVoid
    );
    if is_over {
        let event = return_event::Model {
            id: Uuid::now_v7(),
            return_id: row.id,
            event: events::REVIEW_DECIDED_TIMELINE.to_owned(),
            actor: Actor::Support.name(),
            occurred_at: decided.decided_at,
        };
        entities::insert_many::<return_event::Entity>(transaction, vec![event]).await?;
    }
    let return_id = IdKind::Return.format(row.id);
    let event = NewEvent {
        topic: events::TOPIC,
        event_type: events::REVIEW_DECIDED,
        aggregate_id: &return_id,
        data: ReviewDecided {
            version: 1,
            return_id: return_id.clone(),
            order_id: IdKind::Order.format(row.order_id),
            customer_id: IdKind::Customer.format(row.customer_id),
            reason: decided.reason.as_str(),
            decision: decided.decision.as_str(),
            actor: decided.actor.clone(),
            previous_status: decided.status_before.as_str(),
            status: decided.status_after.as_str(),
        },
    };
    outbox::append(transaction, event, decided.decided_at).await?;
    Ok(())
}
