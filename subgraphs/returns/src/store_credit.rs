//! Store credit instead of money: one per return, announced to the customer.

use chrono::{DateTime, Utc};
use entities::returns::store_credit::StoreCreditReason;
use entities::returns::{customer_return, store_credit};
use metrics::counter;
use platform::database::{Database, DatabaseTransaction};
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::events::{self, StoreCreditIssued, StoreCreditRecorded};
use crate::transitions::TransitionError;

/// Credits per transaction.
const BATCH: u64 = 100;

/// Credits an amount in minor units for a return locked by the transaction, and returns the credit's id. The caller
/// must ensure that it was not credited before.
pub(crate) async fn issue(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    amount: i64,
    reason: StoreCreditReason,
    now: DateTime<Utc>,
) -> Result<Uuid, TransitionError> {
    let currency =
        CurrencyCode::from_code(&row.currency).ok_or(TransitionError::UnknownValue(row.id))?;
    let credit = store_credit::Model {
        id: Uuid::now_v7(),
        customer_id: row.customer_id,
        return_id: row.id,
        amount,
        currency: row.currency.clone(),
        reason,
        announced_at: Some(now),
        created_at: now,
    };
    let credit = store_credit::issue(transaction, credit).await?;
    counter!("vantage_returns_store_credits_total", "reason" => reason.as_str()).increment(1);
    let return_id = IdKind::Return.format(row.id);
    let event = NewEvent {
        topic: events::TOPIC,
        event_type: events::STORE_CREDIT_ISSUED,
        aggregate_id: &return_id,
        data: StoreCreditIssued {
            version: 1,
            return_id: return_id.clone(),
            order_id: IdKind::Order.format(row.order_id),
            customer_id: IdKind::Customer.format(row.customer_id),
            store_credit_id: credit.id.to_string(),
            amount: Money::new(amount, currency).decimal(),
            total_amount: Money::new(credit.amount, currency).decimal(),
            currency: currency.as_str(),
            reason: reason.as_str(),
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(credit.id)
}

/// Tells the orders domain of credits from before customers could spend them.
pub(crate) async fn announce(database: &Database, now: DateTime<Utc>) -> Result<(), DbErr> {
    loop {
        let transaction = database.begin().await?;
        let credits = store_credit::unannounced(&transaction, BATCH).await?;
        if credits.is_empty() {
            return Ok(());
        }
        for credit in &credits {
            let Some(currency) = CurrencyCode::from_code(&credit.currency) else {
                tracing::error!(
                    return_id = IdKind::Return.format(credit.return_id),
                    currency = credit.currency,
                    "store credit has an unknown currency"
                );
                continue;
            };
            let return_id = IdKind::Return.format(credit.return_id);
            let event = NewEvent {
                topic: events::TOPIC,
                event_type: events::STORE_CREDIT_RECORDED,
                aggregate_id: &return_id,
                data: StoreCreditRecorded {
                    version: 1,
                    return_id: return_id.clone(),
                    customer_id: IdKind::Customer.format(credit.customer_id),
                    total_amount: Money::new(credit.amount, currency).decimal(),
                    currency: currency.as_str(),
                },
            };
            outbox::append(&transaction, event, now).await?;
        }
        let ids: Vec<Uuid> = credits.iter().map(|credit| credit.id).collect();
        store_credit::set_announced(&transaction, &ids, now).await?;
        transaction.commit().await?;
    }
}
