//! Loads everything known about the requested items and evaluates the rules: whether they may be returned, and what is
//! refunded.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Context;
use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use entities::returns::return_item::Returned;
use resolvers::money::CurrencyCode;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::input::{ParsedInput, ParsedItem};
use crate::loaders::Loaders;
use crate::order_facts::{OrderOfItem, Purchase};
use crate::rules::eligibility::{self, Ineligible, OrderFacts};
use crate::rules::refund::{self, Line, Paid, Quote, Refunded};
use crate::rules::status::ReturnStatus;

/// Requested items of an order of the caller.
#[derive(Debug)]
pub(crate) struct ReturnRequest<'a> {
    pub order: OrderOfItem,
    pub facts: OrderFacts,
    /// The order's currency.
    pub currency: CurrencyCode,
    pub paid: Paid,
    /// Where the order was sent to, ISO 3166-1 alpha-2.
    pub country: Arc<str>,
    pub lines: Vec<RequestedLine<'a>>,
}

#[derive(Debug)]
pub(crate) struct RequestedLine<'a> {
    pub parsed: &'a ParsedItem,
    pub purchase: Purchase,
}

/// The order's earlier returns.
#[derive(Clone, Debug, Default)]
pub(crate) struct PriorReturns {
    /// By order item.
    pub returned: HashMap<Uuid, Returned>,
    pub refunded: Refunded,
}

/// The refund, or every failed rule.
pub(crate) type Evaluation = Result<Quote, Vec<Ineligible>>;

impl<'a> ReturnRequest<'a> {
    /// Loads the requested items from the orders domain. Items that do not exist or belong to somebody else are
    /// FORBIDDEN without distinction; items of another order of the caller are input errors.
    pub(crate) async fn load(
        context: &Context<'_>,
        customer: Uuid,
        parsed: &'a ParsedInput,
    ) -> ApiResult<Result<Self, Vec<InputError>>> {
        let mut purchases = context
            .data_unchecked::<Loaders>()
            .purchases(context)?
            .load_many(parsed.order_items())
            .await?;
        let mut lines = Vec::with_capacity(parsed.items.len());
        for parsed in &parsed.items {
            let purchase = purchases
                .remove(&parsed.order_item)
                .filter(|purchase| purchase.order.customer == customer)
                .ok_or_else(|| {
                    ApiError::forbidden("You can only return items of your own orders")
                })?;
            lines.push(RequestedLine { parsed, purchase });
        }
        let errors: Vec<_> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.purchase.order.id != parsed.order)
            .map(|(index, _)| not_of_the_order(index))
            .collect();
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        let Some(RequestedLine { purchase, .. }) = lines.first() else {
            return Err(ApiError::internal("the parsed input has no items"));
        };
        Ok(Ok(Self {
            order: purchase.order,
            facts: purchase.item.order,
            currency: purchase.currency,
            paid: purchase.paid,
            country: purchase.country.clone(),
            lines,
        }))
    }

    /// Evaluates the request as of now, after these returns.
    pub(crate) fn evaluate(&self, prior: &PriorReturns, now: DateTime<Utc>) -> Evaluation {
        let returned = |line: &RequestedLine<'_>| {
            let returned = prior.returned.get(&line.purchase.item.id);
            returned.copied().unwrap_or_default()
        };
        let items: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                let requested = line.parsed.quantity.into();
                line.purchase.item.item_facts(requested, returned(line))
            })
            .collect();
        let failures = eligibility::check(&self.facts, &items, now);
        if !failures.is_empty() {
            return Err(failures);
        }
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|line| Line {
                total: line.purchase.total,
                purchased: line.purchase.item.purchased,
                quantity: line.parsed.quantity.into(),
                refunded: returned(line).refund_amount,
                seller_fault: line.parsed.reason.refunds_shipping,
            })
            .collect();
        Ok(refund::quote(&self.paid, &lines, &prior.refunded))
    }
}

/// Amounts already refunded by the order's returns, except cancelled ones.
pub(crate) fn refunded(returns: &[customer_return::Model]) -> Refunded {
    returns
        .iter()
        .filter(|row| row.status != ReturnStatus::Cancelled)
        .fold(Refunded::default(), |sum, row| Refunded {
            tax: sum.tax + row.refund_tax,
            total: sum.total + row.refund_total,
            shipping: sum.shipping || row.shipping_refunded,
        })
}

fn not_of_the_order(index: usize) -> InputError {
    InputError::new(
        UserErrorCode::NotOfThisOrder,
        "Every item must belong to the order in orderId",
        &["input", "items", &index.to_string(), "orderItemId"],
    )
}
