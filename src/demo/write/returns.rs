//! The returns domain.

use std::collections::BTreeMap;

use chrono::Duration;
use entities::returns::return_review::{self, ReviewReason};
use entities::returns::{customer_return, label_rate, return_event, return_item};
use platform::database::Database;
use returns::RefundMethod;
use returns::rules::parcel::{self, Content, Measures};
use returns::rules::refund::{self, Line, Paid, Quote, Refunded};
use returns::rules::status::{ReturnStatus, timeline_event};
use sea_orm::EntityTrait;

use super::{insert, is_written};
use crate::demo::orders::Order;
use crate::demo::returns::Return;
use crate::demo::{Plan, Progress, Stream};

const RETURN_ADDRESS: &str =
    "Vantage Commerce Returns Center, 500 Warehouse Drive, Louisville KY 40218";

pub(super) async fn write(
    database: Database,
    plan: Plan,
    progress: Progress,
) -> anyhow::Result<()> {
    let mut rates = BTreeMap::new();
    for chunk in plan.chunks() {
        let orders: Vec<_> = chunk.map(|index| plan.order(index)).collect();
        let returns: Vec<_> = orders
            .iter()
            .filter_map(|order| Some((order, plan.return_of(order)?)))
            .collect();
        rates.extend(
            returns
                .iter()
                .filter_map(|(order, made)| label_rate(order, made)),
        );
        write_returns(&database, &plan, &progress, &returns).await?;
        progress.add_orders(orders.len());
    }
    let transaction = database.begin().await?;
    if label_rate::Entity::find()
        .one(&transaction)
        .await?
        .is_none()
    {
        let rates = rates.into_values().collect();
        let rows = insert::<label_rate::Entity>(&transaction, rates).await?;
        transaction.commit().await?;
        progress.add_rows(rows);
    }
    Ok(())
}

async fn write_returns(
    database: &Database,
    plan: &Plan,
    progress: &Progress,
    returns: &[(&Order, Return<'_>)],
) -> anyhow::Result<()> {
    let Some((order, made)) = returns.last() else {
        return Ok(());
    };
    let transaction = database.begin().await?;
    let found = customer_return::by_id(&transaction, made.id).await?;
    if is_written(found.map(|found| found.customer_id), order.customer.id)? {
        return Ok(());
    }
    let rows = returns.iter().map(|(order, made)| return_row(order, made));
    let rows = rows.collect();
    let items = returns.iter().map(|(order, made)| item_row(order, made));
    let items = items.collect();
    let events = returns.iter();
    let events = events.flat_map(|(order, made)| event_rows(order, made, plan));
    let events = events.collect();
    let reviews = returns.iter().filter_map(|(_, made)| review_row(made));
    let reviews = reviews.collect();
    let rows = insert::<customer_return::Entity>(&transaction, rows).await?
        + insert::<return_item::Entity>(&transaction, items).await?
        + insert::<return_event::Entity>(&transaction, events).await?
        + insert::<return_review::Entity>(&transaction, reviews).await?;
    transaction.commit().await?;
    progress.add_rows(rows);
    Ok(())
}

/// What the return's label cost, by its country and weight.
fn label_rate(order: &Order, made: &Return<'_>) -> Option<((String, i32), label_rate::Model)> {
    let label = made.label.as_ref()?;
    let attributes = made.line.product.attributes;
    let content = Content {
        units: 1,
        of: Measures {
            grams: attributes.map(|of| of.weight_grams),
            millimetres: None,
        },
    };
    let country = order.customer.place.country.to_owned();
    let pounds = parcel::pounds(&[content]);
    let rate = label_rate::Model {
        country: country.clone(),
        pounds,
        carrier: "USPS".to_owned(),
        service: "GroundAdvantage".to_owned(),
        cents: label.cost,
        seen_at: label.generated_at,
    };
    Some(((country, pounds), rate))
}

/// The refund of one unit of the line, by the domain's own rules.
fn quote(order: &Order, made: &Return<'_>) -> Quote {
    let paid = Paid {
        subtotal: order.subtotal,
        shipping: order.shipping,
        tax: order.tax,
        total: order.total(),
    };
    let quantity = i64::from(made.line.quantity);
    let line = Line {
        total: made.line.unit_price * quantity,
        purchased: quantity,
        quantity: 1,
        refunded: 0,
        seller_fault: made.our_fault,
    };
    refund::quote(&paid, &[line], &Refunded::default())
}

fn return_row(order: &Order, made: &Return<'_>) -> customer_return::Model {
    let quote = quote(order, made);
    let at = |status: ReturnStatus| {
        made.events
            .iter()
            .find(|(event, _)| *event == status)
            .map(|(_, at)| *at)
    };
    let label = made.label.as_ref();
    customer_return::Model {
        id: made.id,
        order_id: order.id,
        customer_id: order.customer.id,
        status: made.status,
        currency: order.currency.as_str().to_owned(),
        refund_items: quote.items,
        refund_tax: quote.tax,
        refund_shipping: quote.shipping,
        refund_total: quote.total,
        refund_credit: 0,
        shipping_refunded: quote.includes_shipping && made.status != ReturnStatus::Cancelled,
        refund_method: RefundMethod::OriginalPayment,
        payment_intent_id: at(ReturnStatus::RefundIssued)
            .map(|_| format!("pi_demo_{}", order.index)),
        refund_key: at(ReturnStatus::RefundIssued).map(|_| made.id.to_string()),
        refund_attempts: i32::from(at(ReturnStatus::RefundIssued).is_some()),
        refund_requested_at: at(ReturnStatus::RefundIssued),
        refund_provider_id: at(ReturnStatus::RefundIssued)
            .map(|_| format!("re_demo_{}", order.index)),
        refund_issued_at: at(ReturnStatus::RefundIssued),
        label_shipment_id: label.map(|_| format!("shp_demo_{}", order.index)),
        label_object: label.map(|_| format!("{}/label.pdf", made.id)),
        label_url: label.map(|_| format!("https://labels.vantage.example/{}/label.pdf", made.id)),
        label_carrier: label.map(|_| "USPS".to_owned()),
        tracking_number: label.map(|label| label.tracking_number.clone()),
        label_cost: label.map(|label| label.cost),
        label_cost_currency: label.map(|_| "USD".to_owned()),
        label_return_address: label.map(|_| RETURN_ADDRESS.to_owned()),
        label_generated_at: label.map(|label| label.generated_at),
        label_expires_at: label.map(|label| label.generated_at + Duration::days(14)),
        label_voided_at: None,
        carrier_scanned_at: at(ReturnStatus::CarrierScanned),
        delivered_at: at(ReturnStatus::Completed),
        turned_back_at: None,
        // A running shop would have alerted support about returns without a label.
        support_alerted_at: (made.status == ReturnStatus::Initiated)
            .then(|| made.created_at + Duration::hours(2)),
        created_at: made.created_at,
        updated_at: made.events.last().map_or(made.created_at, |(_, at)| *at),
    }
}

fn item_row(order: &Order, made: &Return<'_>) -> return_item::Model {
    return_item::Model {
        id: made.item_id,
        return_id: made.id,
        order_item_id: made.line.id,
        product_id: Some(made.line.product.id),
        product_name: made.line.product.title.clone(),
        quantity: 1,
        condition: made.condition,
        reason_code: made.reason.to_owned(),
        reason_text: None,
        refund_amount: quote(order, made).items,
        created_at: made.created_at,
    }
}

/// Why the return waits for a person, if it does.
fn review_row(made: &Return<'_>) -> Option<return_review::Model> {
    let since = made.events.last().map_or(made.created_at, |(_, at)| *at);
    let (reason, since) = match made.status {
        ReturnStatus::ManualReview => (ReviewReason::NoScan, since),
        ReturnStatus::Initiated => (ReviewReason::NoLabel, since + Duration::hours(2)),
        _ => return None,
    };
    Some(return_review::Model {
        return_id: made.id,
        reason,
        since,
        closed_at: None,
        reminded_at: None,
    })
}

fn event_rows(order: &Order, made: &Return<'_>, plan: &Plan) -> Vec<return_event::Model> {
    made.events
        .iter()
        .zip(8_u64..)
        .map(|(&(event, occurred_at), position)| return_event::Model {
            id: plan.id(Stream::Event, u64::from(order.index) * 16 + position),
            return_id: made.id,
            event: timeline_event(event).to_owned(),
            actor: match event {
                ReturnStatus::Initiated | ReturnStatus::Cancelled => "customer".to_owned(),
                _ => "system".to_owned(),
            },
            occurred_at,
        })
        .collect()
}
