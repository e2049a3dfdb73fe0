//! The only way to change store credit: balance and entry in one transaction. It is never negative.

use chrono::{DateTime, Utc};
use entities::orders::store_credit_entry::CreditKind;
use entities::orders::{order, store_credit_balance, store_credit_entry};
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use resolvers::money::Money;
use sea_orm::DbErr;
use uuid::Uuid;

/// Pays for a new order with its store credit, and returns whether there is enough.
pub(crate) async fn spend(
    transaction: &DatabaseTransaction,
    order: &order::Model,
) -> Result<bool, DbErr> {
    let (amount, now) = (-order.store_credit_amount, order.placed_at);
    change(transaction, order, CreditKind::Spent, amount, now).await
}

/// Gives back what a cancelled order, which is locked, has used. An order is cancelled once.
pub(crate) async fn give_back(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let amount = order.store_credit_amount;
    if change(transaction, order, CreditKind::GivenBack, amount, now).await? {
        return Ok(());
    }
    let order = IdKind::Order.format(order.id);
    Err(DbErr::Custom(format!(
        "the store credit of {order} cannot be given back"
    )))
}

async fn change(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    kind: CreditKind,
    amount: i64,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    if amount == 0 {
        return Ok(true);
    }
    let (customer, currency) = (order.customer_id, &order.local_currency_code);
    if !store_credit_balance::add(transaction, customer, currency, amount, now).await? {
        return Ok(false);
    }
    let entry = store_credit_entry::Model {
        id: Uuid::now_v7(),
        customer_id: customer,
        currency_code: currency.clone(),
        kind,
        amount,
        reference: IdKind::Order.format(order.id),
        order_id: Some(order.id),
        return_id: None,
        occurred_at: now,
    };
    store_credit_entry::insert(transaction, entry).await?;
    Ok(true)
}

/// Credits a return up to this total. What was credited for it before is not credited again.
pub(crate) async fn issue(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    return_id: Uuid,
    total: Money,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let currency = total.currency.as_str();
    // Others who issue for this return wait here.
    store_credit_balance::add(transaction, customer, currency, 0, now).await?;
    let issued = store_credit_entry::issued_for_return(transaction, return_id).await?;
    let amount = total.minor - issued.get(currency).copied().unwrap_or_default();
    if amount <= 0 {
        return Ok(());
    }
    store_credit_balance::add(transaction, customer, currency, amount, now).await?;
    let reference = format!("{}:{}", IdKind::Return.format(return_id), total.minor);
    let entry = store_credit_entry::Model {
        id: Uuid::now_v7(),
        customer_id: customer,
        currency_code: currency.to_owned(),
        kind: CreditKind::Issued,
        amount,
        reference,
        order_id: None,
        return_id: Some(return_id),
        occurred_at: now,
    };
    store_credit_entry::insert(transaction, entry).await
}
