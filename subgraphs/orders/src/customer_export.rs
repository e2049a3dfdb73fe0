//! What is stored of a customer here, for an export.

use std::collections::HashMap;
use std::sync::Arc;

use entities::orders::order::{self, PageQuery};
use entities::orders::{
    customer, order_decision, order_event, order_item, order_parcel, order_parcel_line,
    order_payment, order_refund, order_review, payment_method, store_credit_balance,
    store_credit_entry,
};
use platform::database::ReadTransaction;
use resolvers::export::{Export, ExportError, PAGE, money};
use resolvers::id::IdKind;
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::{Value, json};
use uuid::Uuid;

/// Writes everything that is stored of the customer.
///
/// # Errors
/// A database that cannot be read, or an output that cannot be written.
pub async fn export(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    let found = customer::by_ids(db, &[customer]).await?;
    for row in found.values() {
        let row = json!({
            "id": IdKind::Customer.format(row.id),
            "email": (!row.is_erased()).then_some(&row.email),
            "name": row.name,
            "createdAt": row.created_at,
        });
        export.row("customers", &row)?;
    }
    export_payment_methods(db, customer, export).await?;
    export_orders(db, customer, export).await?;
    for row in store_credit_balance::of_customer(db, customer).await? {
        let row = json!({
            "balance": money(row.balance, &row.currency_code),
            "updatedAt": row.updated_at,
        });
        export.row("storeCreditBalances", &row)?;
    }
    let mut before = None;
    loop {
        let page = store_credit_entry::of_customer(db, customer, before, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        before = Some(last.id);
        for row in &page {
            let row = json!({
                "kind": row.kind,
                "amount": money(row.amount, &row.currency_code),
                "orderId": row.order_id.map(|id| IdKind::Order.format(id)),
                "returnId": row.return_id.map(|id| IdKind::Return.format(id)),
                "occurredAt": row.occurred_at,
            });
            export.row("storeCreditEntries", &row)?;
        }
    }
}

async fn export_payment_methods(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    let mut after = None;
    loop {
        let page = payment_method::of_customer(db, customer, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for row in &page {
            let row = json!({
                "id": row.id,
                "kind": row.kind,
                "last4": row.last4,
                "providerId": row.token,
                "expiresAt": row.expires_at,
                "closedAt": row.closed_at,
                "createdAt": row.created_at,
            });
            export.row("paymentMethods", &row)?;
        }
    }
}

async fn export_orders(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    let mut after = None;
    loop {
        let page = page(db, customer, after).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some((last.placed_at, last.id));
        let ids: Vec<Uuid> = page.iter().map(|order| order.id).collect();
        let mut parts = OrderParts::load(db, &ids).await?;
        for order in &page {
            export.row("orders", &parts.row(order))?;
        }
    }
}

/// What belongs to the orders of a page.
struct OrderParts {
    items: HashMap<Uuid, Vec<Arc<order_item::Model>>>,
    payments: HashMap<Uuid, order_payment::Model>,
    refunds: HashMap<Uuid, Vec<order_refund::Model>>,
    parcels: HashMap<Uuid, Vec<order_parcel::Model>>,
    parcel_lines: HashMap<Uuid, Vec<order_parcel_line::Model>>,
    events: HashMap<Uuid, Vec<Arc<order_event::Model>>>,
    decisions: HashMap<Uuid, Vec<order_decision::Model>>,
    reviews: HashMap<Uuid, order_review::Model>,
}

impl OrderParts {
    async fn load(db: &ReadTransaction, orders: &[Uuid]) -> Result<Self, DbErr> {
        let parcels = order_parcel::of_orders(db, orders).await?;
        let parcel_ids: Vec<Uuid> = parcels.values().flatten().map(|row| row.id).collect();
        let mut parcel_lines: HashMap<Uuid, Vec<_>> = HashMap::new();
        for line in order_parcel_line::of_parcels(db, &parcel_ids).await? {
            parcel_lines.entry(line.parcel_id).or_default().push(line);
        }
        Ok(Self {
            items: order_item::of_orders(db, orders).await?,
            payments: order_payment::of_orders(db, orders).await?,
            refunds: order_refund::of_orders(db, orders).await?,
            parcels,
            parcel_lines,
            events: order_event::of_orders(db, orders).await?,
            decisions: order_decision::of_orders(db, orders).await?,
            reviews: order_review::of_orders(db, orders).await?,
        })
    }

    fn row(&mut self, order: &order::Model) -> Value {
        let amount = |minor| money(minor, &order.local_currency_code);
        let mut row = json!({
            "id": IdKind::Order.format(order.id),
            "status": order.status,
            "total": amount(order.local_currency_amount),
            "totalUsd": money(order.usd_amount, "USD"),
            "exchangeRate": order.exchange_rate,
            "storeCredit": amount(order.store_credit_amount),
            "subtotal": amount(order.subtotal_amount),
            "shipping": amount(order.shipping_amount),
            "tax": amount(order.tax_amount),
            "shippingAddress": address(&order.shipping_address),
            "billingAddress": order.billing_address.as_ref().map(address),
            "shippingOption": order.shipping_option,
            "paymentMethodId": order.payment_method_id,
            "paymentId": order.payment_intent_id,
            "placedAt": order.placed_at,
            "confirmedAt": order.confirmed_at,
            "shippedAt": order.shipped_at,
            "deliveredAt": order.delivered_at,
            "cancelledAt": order.cancelled_at,
        });
        let currency = order.local_currency_code.as_str();
        row["items"] = rows(self.items.remove(&order.id), |item| item_row(item));
        row["payment"] = self
            .payments
            .remove(&order.id)
            .map(|payment| payment_row(&payment, currency))
            .unwrap_or_default();
        row["refunds"] = rows(self.refunds.remove(&order.id), |refund| {
            refund_row(refund, currency)
        });
        let lines = &mut self.parcel_lines;
        row["parcels"] = rows(self.parcels.remove(&order.id), |parcel| {
            let mut row = parcel_row(parcel);
            row["lines"] = rows(lines.remove(&parcel.id), parcel_line_row);
            row
        });
        row["timeline"] = rows(self.events.remove(&order.id), |entry| event_row(entry));
        row["decisions"] = rows(self.decisions.remove(&order.id), |decision| {
            decision_row(decision, currency)
        });
        row["review"] = self
            .reviews
            .remove(&order.id)
            .map(|review| review_row(&review))
            .unwrap_or_default();
        row
    }
}

fn rows<T>(found: Option<Vec<T>>, row: impl FnMut(&T) -> Value) -> Value {
    found.unwrap_or_default().iter().map(row).collect()
}

fn address(address: &order::Address) -> Value {
    json!({
        "name": address.name,
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "region": address.region,
        "postalCode": address.postal_code,
        "countryCode": address.country_code,
    })
}

fn item_row(item: &order_item::Model) -> Value {
    json!({
        "id": IdKind::OrderItem.format(item.id),
        "productId": IdKind::Product.format(item.product_id),
        "productName": item.product_name,
        "quantity": item.quantity,
        "unitPrice": money(item.unit_price_amount, &item.currency_code),
        "tax": money(item.tax_amount, &item.currency_code),
    })
}

fn payment_row(payment: &order_payment::Model, currency: &str) -> Value {
    json!({
        "state": payment.state,
        "declineCode": payment.decline_code,
        "refundId": payment.refund_id,
        "captured": payment.captured_amount.map(|captured| money(captured, currency)),
        "authorizedUntil": payment.authorized_until,
        "createdAt": payment.created_at,
        "updatedAt": payment.updated_at,
    })
}

fn refund_row(refund: &order_refund::Model, currency: &str) -> Value {
    json!({
        "amount": money(refund.amount, currency),
        "state": refund.state,
        "providerId": refund.provider_id,
        "failure": refund.failure,
        "requestedAt": refund.requested_at,
        "settledAt": refund.settled_at,
    })
}

fn parcel_row(parcel: &order_parcel::Model) -> Value {
    json!({
        "id": IdKind::Shipment.format(parcel.id),
        "carrier": parcel.carrier,
        "trackingNumber": parcel.tracking_number,
        "registeredAt": parcel.registered_at,
        "shippedAt": parcel.shipped_at,
        "deliveredAt": parcel.delivered_at,
        "returnedAt": parcel.returned_at,
    })
}

fn parcel_line_row(line: &order_parcel_line::Model) -> Value {
    json!({
        "orderItemId": IdKind::OrderItem.format(line.order_item_id),
        "quantity": line.quantity,
    })
}

fn event_row(entry: &order_event::Model) -> Value {
    json!({
        "event": entry.event,
        "actor": entry.actor,
        "detail": entry.detail,
        "occurredAt": entry.occurred_at,
    })
}

/// Without the person of support who decided: that is about another person.
fn decision_row(decision: &order_decision::Model, currency: &str) -> Value {
    json!({
        "decision": decision.decision,
        "reason": decision.reason,
        "note": decision.note,
        "refund": decision.refund_amount.map(|refund| money(refund, currency)),
        "decidedAt": decision.decided_at,
    })
}

fn review_row(review: &order_review::Model) -> Value {
    json!({
        "reason": review.reason,
        "since": review.since,
        "closedAt": review.closed_at,
    })
}

/// A page of the customer's orders, oldest first.
pub(crate) async fn page(
    db: &impl ConnectionTrait,
    customer: Uuid,
    after: Option<order::Key>,
) -> Result<Vec<Arc<order::Model>>, DbErr> {
    let query = PageQuery {
        newest_first: false,
        after,
        limit: PAGE,
    };
    order::of_customer(db, customer, &[], &query).await
}
