//! Store credit instead of money: one per return, announced to the customer.

use chrono::{DateTime, Utc};
use entities::returns::store_credit::StoreCreditReason;
use entities::returns::{customer_return, store_credit};
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use uuid::Uuid;

use crate::events::{self, StoreCreditIssued};
use crate::transitions::TransitionError;

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
        created_at: now,
    };
    let id = store_credit::issue(transaction, credit).await?;
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
            store_credit_id: id.to_string(),
            amount: Money::new(amount, currency).decimal(),
            currency: currency.as_str(),
            reason: reason.as_str(),
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(id)
}
