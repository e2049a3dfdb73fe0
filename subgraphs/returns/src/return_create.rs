//! `returnCreate`: evaluates and writes a return in one transaction that holds its order's lock, so that of two
//! concurrent returns of the last unit only one succeeds.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entities::returns::{customer_return, order_lock, return_item};
use platform::database::DatabaseTransaction;
use resolvers::ApiResult;
use resolvers::user_error::InputError;
use uuid::Uuid;

use crate::RefundMethod;
use crate::customer_return::Return;
use crate::return_request::{PriorReturns, RequestedLine, ReturnRequest, refunded};
use crate::rules::eligibility::Ineligible;
use crate::rules::refund::Quote;
use crate::rules::status::ReturnStatus;
use crate::transitions::{self, Actor};
use crate::user_error::{ReturnCreateError, ReturnIneligible};

/// The outcome of `returnCreate`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnCreatePayload {
    /// The new return; null if there are errors.
    #[graphql(name = "return")]
    pub made: Option<Return>,
    /// Why no return was created; empty if one was.
    pub user_errors: Vec<ReturnCreateError>,
}

impl ReturnCreatePayload {
    pub(crate) fn of(row: customer_return::Model) -> ApiResult<Self> {
        Ok(Self {
            made: Some(row.try_into()?),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn with_errors(errors: Vec<InputError>) -> Self {
        Self {
            made: None,
            user_errors: errors.into_iter().map(ReturnCreateError::Input).collect(),
        }
    }

    pub(crate) fn ineligible(failures: &[Ineligible]) -> Self {
        let error = ReturnCreateError::Ineligible(ReturnIneligible::new(failures));
        Self {
            made: None,
            user_errors: vec![error],
        }
    }
}

/// Evaluates the request against earlier returns and writes the return, or returns every failed rule; then nothing but
/// the lock was written.
pub(crate) async fn create(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    request: &ReturnRequest<'_>,
    now: DateTime<Utc>,
) -> ApiResult<Result<customer_return::Model, Vec<Ineligible>>> {
    let order = request.order.id;
    order_lock::acquire(transaction, order, now).await?;
    let items: Vec<_> = request
        .lines
        .iter()
        .map(|line| line.purchase.item.id)
        .collect();
    let returned = return_item::returned(transaction, &items).await?;
    let mut returns = customer_return::of_orders(transaction, customer, &[order]).await?;
    let prior = PriorReturns {
        returned,
        refunded: refunded(&returns.remove(&order).unwrap_or_default()),
    };
    let quote = match request.evaluate(&prior, now) {
        Ok(quote) => quote,
        Err(failures) => return Ok(Err(failures)),
    };
    let row = row(customer, request, &quote, now);
    let items = request
        .lines
        .iter()
        .zip(&quote.lines)
        .map(|(line, refund)| item_row(&row, line, *refund))
        .collect();
    transitions::initiate(transaction, &row, items, Actor::Customer(customer), now).await?;
    Ok(Ok(row))
}

fn row(
    customer: Uuid,
    request: &ReturnRequest<'_>,
    quote: &Quote,
    now: DateTime<Utc>,
) -> customer_return::Model {
    customer_return::Model {
        id: Uuid::now_v7(),
        order_id: request.order.id,
        customer_id: customer,
        status: ReturnStatus::Initiated,
        currency: request.currency.as_str().to_owned(),
        refund_items: quote.items,
        refund_tax: quote.tax,
        refund_shipping: quote.shipping,
        refund_total: quote.total,
        refund_credit: 0,
        shipping_refunded: quote.includes_shipping,
        refund_method: RefundMethod::OriginalPayment,
        payment_intent_id: None,
        refund_key: None,
        refund_attempts: 0,
        refund_requested_at: None,
        refund_provider_id: None,
        refund_issued_at: None,
        label_shipment_id: None,
        label_object: None,
        label_url: None,
        label_carrier: None,
        tracking_number: None,
        label_cost: None,
        label_cost_currency: None,
        label_return_address: None,
        label_generated_at: None,
        label_expires_at: None,
        label_voided_at: None,
        carrier_scanned_at: None,
        delivered_at: None,
        turned_back_at: None,
        support_alerted_at: None,
        created_at: now,
        updated_at: now,
    }
}

fn item_row(
    made: &customer_return::Model,
    line: &RequestedLine<'_>,
    refund_amount: i64,
) -> return_item::Model {
    return_item::Model {
        id: Uuid::now_v7(),
        return_id: made.id,
        order_item_id: line.purchase.item.id,
        product_id: Some(line.purchase.product),
        product_name: line.purchase.product_name.to_string(),
        quantity: line.parsed.quantity,
        condition: line.parsed.condition,
        reason_code: line.parsed.reason.code.to_owned(),
        reason_text: line.parsed.reason_text.clone(),
        refund_amount,
        created_at: made.created_at,
    }
}
