//! What is stored of customers here: exported and erased.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::returns::customer_return::{self, ReturnStatus};
use entities::returns::{
    refund_supplement, return_decision, return_event, return_item, return_review, store_credit,
};
use platform::database::{DatabaseTransaction, ReadTransaction};
use platform::inbox::ConsumerGroup;
use platform::tasks;
use resolvers::erasure::{self, Erased, Eraser};
use resolvers::export::{Export, ExportError, PAGE, money};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::erased_label_task::DeleteErasedLabel;

pub(crate) const CUSTOMERS: ConsumerGroup = ConsumerGroup {
    name: "returns.customers",
    topics: &[erasure::TOPIC],
};

/// Deletes labels and what was written in words. Amounts, items and their reasons stay, as accounting needs them. A return
/// that is not settled keeps its label until it is.
#[derive(Clone, Copy, Debug)]
pub struct EraseReturns;

#[async_trait]
impl Eraser for EraseReturns {
    async fn erase(
        &self,
        transaction: &DatabaseTransaction,
        customer: Uuid,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Erased, DbErr> {
        let mut erased = Erased::default();
        let mut after = None;
        loop {
            let page = customer_return::of_customer(transaction, customer, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(erased);
            };
            after = Some(last.id);
            let past: Vec<_> = page.iter().filter(|row| row.created_at <= until).collect();
            erase_returns(transaction, &past, &mut erased, now).await?;
        }
    }
}

/// Whether the customer has still to send something, or their refund has to be paid.
fn is_open(row: &customer_return::Model) -> bool {
    match row.status {
        ReturnStatus::Initiated
        | ReturnStatus::LabelGenerated
        | ReturnStatus::CarrierScanned
        | ReturnStatus::ManualReview => true,
        ReturnStatus::RefundIssued | ReturnStatus::Completed | ReturnStatus::Cancelled => false,
    }
}

async fn erase_returns(
    transaction: &DatabaseTransaction,
    returns: &[&customer_return::Model],
    erased: &mut Erased,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (mut settled, mut labelled) = (Vec::new(), Vec::new());
    for row in returns {
        if is_open(row) {
            erased.open.push(IdKind::Return.format(row.id));
            continue;
        }
        settled.push(row.id);
        if row.label_object.is_some() || row.label_url.is_some() {
            labelled.push(row.id);
        }
    }
    for &return_id in &labelled {
        tasks::enqueue(transaction, &DeleteErasedLabel { return_id }, now, now).await?;
    }
    let links = customer_return::delete_label_links(transaction, &labelled).await?;
    erased.count("returns", links);
    let texts = return_item::delete_reason_texts(transaction, &settled).await?;
    erased.count("return_items", texts);
    let notes = return_decision::delete_notes(transaction, &settled).await?;
    erased.count("return_decisions", notes);
    Ok(())
}

/// Writes everything that is stored of the customer.
///
/// # Errors
/// A database that cannot be read, or an output that cannot be written.
pub async fn export(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    let mut after = None;
    loop {
        let page = customer_return::of_customer(db, customer, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let ids: Vec<Uuid> = page.iter().map(|row| row.id).collect();
        let mut parts = ReturnParts {
            items: return_item::of_returns(db, &ids).await?,
            events: return_event::of_returns(db, &ids).await?,
            decisions: return_decision::of_returns(db, &ids).await?,
            reviews: return_review::of_returns(db, &ids).await?,
            supplements: refund_supplement::of_returns(db, &ids).await?,
            credits: store_credit::of_returns(db, &ids).await?,
        };
        for row in &page {
            export.row("returns", &parts.row(row))?;
        }
    }
}

/// What belongs to the returns of a page.
struct ReturnParts {
    items: HashMap<Uuid, Vec<return_item::Model>>,
    events: HashMap<Uuid, Vec<return_event::Model>>,
    decisions: HashMap<Uuid, Vec<return_decision::Model>>,
    reviews: HashMap<Uuid, return_review::Model>,
    supplements: HashMap<Uuid, refund_supplement::Model>,
    credits: HashMap<Uuid, store_credit::Model>,
}

impl ReturnParts {
    fn row(&mut self, found: &customer_return::Model) -> Value {
        let (id, currency) = (found.id, found.currency.as_str());
        let mut row = json!({
            "id": IdKind::Return.format(id),
            "orderId": IdKind::Order.format(found.order_id),
            "status": found.status,
            "refund": refund_row(found),
            "label": label_row(found),
            "carrierScannedAt": found.carrier_scanned_at,
            "deliveredAt": found.delivered_at,
            "turnedBackAt": found.turned_back_at,
            "createdAt": found.created_at,
            "updatedAt": found.updated_at,
        });
        row["items"] = rows(self.items.remove(&id), |item| item_row(item, currency));
        row["timeline"] = rows(self.events.remove(&id), event_row);
        row["decisions"] = rows(self.decisions.remove(&id), |decision| {
            decision_row(decision, currency)
        });
        row["review"] = self
            .reviews
            .remove(&id)
            .map(|review| review_row(&review))
            .unwrap_or_default();
        row["refundSupplement"] = self
            .supplements
            .remove(&id)
            .map(|supplement| supplement_row(&supplement, currency))
            .unwrap_or_default();
        row["storeCredit"] = self
            .credits
            .remove(&id)
            .map(|credit| credit_row(&credit))
            .unwrap_or_default();
        row
    }
}

fn rows<T>(found: Option<Vec<T>>, row: impl FnMut(&T) -> Value) -> Value {
    found.unwrap_or_default().iter().map(row).collect()
}

fn refund_row(row: &customer_return::Model) -> Value {
    let amount = |minor| money(minor, &row.currency);
    json!({
        "method": row.refund_method,
        "items": amount(row.refund_items),
        "tax": amount(row.refund_tax),
        "shipping": amount(row.refund_shipping),
        "total": amount(row.refund_total),
        "asStoreCredit": amount(row.refund_credit),
        "paymentId": row.payment_intent_id,
        "providerId": row.refund_provider_id,
        "requestedAt": row.refund_requested_at,
        "issuedAt": row.refund_issued_at,
    })
}

fn label_row(row: &customer_return::Model) -> Value {
    let cost = row.label_cost.zip(row.label_cost_currency.as_deref());
    json!({
        "file": row.label_object,
        "url": row.label_url,
        "carrier": row.label_carrier,
        "trackingNumber": row.tracking_number,
        "shipmentId": row.label_shipment_id,
        "cost": cost.map(|(minor, currency)| money(minor, currency)),
        "returnAddress": row.label_return_address,
        "generatedAt": row.label_generated_at,
        "expiresAt": row.label_expires_at,
        "voidedAt": row.label_voided_at,
    })
}

fn item_row(item: &return_item::Model, currency: &str) -> Value {
    json!({
        "orderItemId": IdKind::OrderItem.format(item.order_item_id),
        "productId": item.product_id.map(|id| IdKind::Product.format(id)),
        "productName": item.product_name,
        "quantity": item.quantity,
        "condition": item.condition,
        "reasonCode": item.reason_code,
        "reasonText": item.reason_text,
        "refund": money(item.refund_amount, currency),
    })
}

fn event_row(entry: &return_event::Model) -> Value {
    json!({
        "event": entry.event,
        "actor": entry.actor,
        "occurredAt": entry.occurred_at,
    })
}

/// Without the person of support who decided: that is about another person.
fn decision_row(decision: &return_decision::Model, currency: &str) -> Value {
    json!({
        "decision": decision.decision,
        "reason": decision.reason,
        "note": decision.note,
        "refundBefore": money(decision.refund_before, currency),
        "refundAfter": money(decision.refund_after, currency),
        "decidedAt": decision.decided_at,
    })
}

fn review_row(review: &return_review::Model) -> Value {
    json!({
        "reason": review.reason,
        "since": review.since,
        "closedAt": review.closed_at,
    })
}

fn supplement_row(supplement: &refund_supplement::Model, currency: &str) -> Value {
    json!({
        "amount": money(supplement.amount, currency),
        "providerId": supplement.provider_id,
        "requestedAt": supplement.requested_at,
        "issuedAt": supplement.issued_at,
    })
}

fn credit_row(credit: &store_credit::Model) -> Value {
    json!({
        "amount": money(credit.amount, &credit.currency),
        "reason": credit.reason,
        "createdAt": credit.created_at,
    })
}
