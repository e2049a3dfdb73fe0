//! Recomputes a return's refund when it is issued: the order's other returns may have changed since it was quoted.

use chrono::{DateTime, Utc};
use entities::returns::{customer_return, order_lock, return_item};
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use sea_orm::DbErr;

use crate::order_payment::OrderPayment;
use crate::return_request::refunded;
use crate::rules::reasons::ReturnReason;
use crate::rules::refund::{self, Line, Quote};
use crate::rules::status::ReturnStatus;
use crate::tasks::TaskError;
use crate::transitions::{self, TransitionError};

/// Recomputes the refund of a return that the transaction has locked, and stores it if it has increased. Takes the
/// order's lock, so that no other return of the order changes meanwhile.
pub(crate) async fn requote(
    transaction: &DatabaseTransaction,
    row: &mut customer_return::Model,
    order: &OrderPayment,
    now: DateTime<Utc>,
) -> Result<(), TaskError> {
    order_lock::acquire(transaction, row.order_id, now).await?;
    let mut returns =
        customer_return::of_orders(transaction, row.customer_id, &[row.order_id]).await?;
    let mut others = returns.remove(&row.order_id).unwrap_or_default();
    others.retain(|other| other.id != row.id && other.status != ReturnStatus::Cancelled);
    let ids: Vec<_> = others
        .iter()
        .map(|other| other.id)
        .chain([row.id])
        .collect();
    let mut items = return_item::of_returns(transaction, &ids).await?;
    let own = items.remove(&row.id).unwrap_or_default();
    let of_others: Vec<_> = items.into_values().flatten().collect();

    let currency =
        CurrencyCode::from_code(&row.currency).ok_or(TransitionError::UnknownValue(row.id))?;
    let unusable = || {
        let order = IdKind::Order.format(row.order_id);
        TaskError::Orders(format!(
            "the amounts or items of order {order} are inconsistent"
        ))
    };
    let (paid, bought) = order.bought(currency).ok_or_else(unusable)?;
    let lines = own.iter().map(|item| {
        let bought = bought.get(&item.order_item_id).ok_or_else(unusable)?;
        let reason = ReturnReason::from_code(&item.reason_code);
        let refunded = of_others
            .iter()
            .filter(|other| other.order_item_id == item.order_item_id);
        Ok(Line {
            total: bought.total,
            purchased: bought.quantity,
            quantity: item.quantity.into(),
            refunded: refunded.map(|other| other.refund_amount).sum(),
            seller_fault: reason.is_some_and(|reason| reason.refunds_shipping),
        })
    });
    let lines: Vec<_> = lines.collect::<Result<_, TaskError>>()?;
    let shown = shown(row, &own);
    let quote = refund::requote(&paid, &lines, &refunded(&others), &shown);
    if quote == shown {
        return Ok(());
    }
    tracing::info!(
        return_id = IdKind::Return.format(row.id),
        shown = shown.total,
        total = quote.total,
        currency = row.currency,
        "refund requoted"
    );
    row.updated_at = now;
    write(transaction, row, &own, quote).await?;
    transitions::update(transaction, row).await?;
    Ok(())
}

/// Puts the refund into the row, which the caller updates, and writes it to the items.
pub(crate) async fn write(
    transaction: &DatabaseTransaction,
    row: &mut customer_return::Model,
    items: &[return_item::Model],
    quote: Quote,
) -> Result<(), DbErr> {
    row.refund_items = quote.items;
    row.refund_tax = quote.tax;
    row.refund_shipping = quote.shipping;
    row.refund_total = quote.total;
    row.shipping_refunded = quote.includes_shipping;
    let ids = items.iter().map(|item| item.id);
    let amounts: Vec<_> = ids.zip(quote.lines).collect();
    return_item::set_refund_amounts(transaction, &amounts).await
}

/// The refund as stored in the return.
pub(crate) fn shown(row: &customer_return::Model, items: &[return_item::Model]) -> Quote {
    Quote {
        lines: items.iter().map(|item| item.refund_amount).collect(),
        items: row.refund_items,
        tax: row.refund_tax,
        shipping: row.refund_shipping,
        total: row.refund_total,
        includes_shipping: row.shipping_refunded,
    }
}
