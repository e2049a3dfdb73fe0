//! Puts wanted items before the rules, with all that is known about them: may they come back, and
//! what is given back for them?

use std::collections::HashMap;

use async_graphql::Context;
use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use entities::returns::return_item::Returned;
use resolvers::money::CurrencyCode;
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::order_facts::{OrderOfItem, Purchase};
use crate::rules::eligibility::{self, Ineligible, OrderFacts};
use crate::rules::input::{Wanted, WantedItem};
use crate::rules::refund::{self, Line, Paid, Quote, Refunded};
use crate::rules::status::ReturnStatus;

/// Wanted items of an order of the caller.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub order: OrderOfItem,
    pub facts: OrderFacts,
    /// The order's.
    pub currency: CurrencyCode,
    pub paid: Paid,
    pub lines: Vec<WishedLine<'a>>,
}

#[derive(Debug)]
pub(crate) struct WishedLine<'a> {
    pub wanted: &'a WantedItem,
    pub purchase: Purchase,
}

/// What was returned of the order before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    /// By order item.
    pub returned: HashMap<Uuid, Returned>,
    pub refunded: Refunded,
}

/// The refund, or every rule that stands against the return.
pub(crate) type Judgement = Result<Quote, Vec<Ineligible>>;

impl<'a> Wish<'a> {
    /// Asks the orders domain about the wanted items. One that the caller does not own, or that does
    /// not exist, is FORBIDDEN: which of the two is nobody's business. Items of another order of
    /// the caller's are mistakes of the input.
    pub(crate) async fn of(
        context: &Context<'_>,
        customer: Uuid,
        wanted: &'a Wanted,
    ) -> ApiResult<Result<Self, Vec<InputError>>> {
        let mut purchases = context
            .data_unchecked::<Loaders>()
            .purchases(context)?
            .load_many(wanted.order_items())
            .await?;
        let mut lines = Vec::with_capacity(wanted.items.len());
        for wanted in &wanted.items {
            let purchase = purchases
                .remove(&wanted.order_item)
                .filter(|purchase| purchase.order.customer == customer)
                .ok_or_else(|| {
                    ApiError::forbidden("You can only return items of your own orders")
                })?;
            lines.push(WishedLine { wanted, purchase });
        }
        let mistakes: Vec<_> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.purchase.order.id != wanted.order)
            .map(|(index, _)| not_of_the_order(index))
            .collect();
        if !mistakes.is_empty() {
            return Ok(Err(mistakes));
        }
        let Some(WishedLine { purchase, .. }) = lines.first() else {
            return Err(ApiError::internal("input without items was understood"));
        };
        Ok(Ok(Self {
            order: purchase.order,
            facts: purchase.item.order,
            currency: purchase.currency,
            paid: purchase.paid,
            lines,
        }))
    }

    /// Judges the wish as made now, after these returns.
    pub(crate) fn judge(&self, before: &Before, now: DateTime<Utc>) -> Judgement {
        let returned = |line: &WishedLine<'_>| {
            let returned = before.returned.get(&line.purchase.item.id);
            returned.copied().unwrap_or_default()
        };
        let items: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                let wanted = line.wanted.quantity.into();
                line.purchase.item.wanted(wanted, returned(line))
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
                quantity: line.wanted.quantity.into(),
                refunded: returned(line).refund_amount,
                our_mistake: line.wanted.reason.refunds_shipping,
            })
            .collect();
        Ok(refund::quote(&self.paid, &lines, &before.refunded))
    }
}

/// What the order's returns that are not cancelled give back already.
pub(crate) fn refunded(returns: &[customer_return::Model]) -> Refunded {
    returns
        .iter()
        .filter(|row| row.status != ReturnStatus::Cancelled.as_str())
        .fold(Refunded::default(), |sum, row| Refunded {
            tax: sum.tax + row.refund_tax,
            total: sum.total + row.refund_total,
            shipping: sum.shipping || row.shipping_refunded,
        })
}

fn not_of_the_order(index: usize) -> InputError {
    InputError::new(
        "NOT_OF_THIS_ORDER",
        "Every item of a return is part of the order that orderId names",
        &["input", "items", &index.to_string(), "orderItemId"],
    )
}
