//! A return before it is made: would it be accepted, and what would be given back?

use std::collections::HashMap;

use async_graphql::{Context, ID, InputObject, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::returns::customer_return;
use entities::returns::return_item::Returned;
use futures::TryFutureExt;
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::eligibility::IneligibilityReason;
use crate::loaders::{Loaders, OrderOf};
use crate::order_facts::OrderItemFacts;
use crate::refund::RefundQuote;
use crate::return_item::ItemCondition;
use crate::rules::eligibility::{self, ItemFacts};
use crate::rules::input::{self, Wanted, WantedItem};
use crate::rules::refund::{self, Line, Refunded};
use crate::rules::status::ReturnStatus;

#[derive(Clone, Debug, InputObject)]
pub(crate) struct ReturnCreateInput {
    pub order_id: ID,
    pub items: Vec<ReturnItemInput>,
}

#[derive(Clone, Debug, InputObject)]
pub(crate) struct ReturnItemInput {
    pub order_item_id: ID,
    pub quantity: i32,
    pub condition: ItemCondition,
    /// One of `returnReasons`.
    pub reason_code: String,
    /// In the customer's own words.
    pub reason_text: Option<String>,
}

/// What would become of a return.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnPreview {
    pub eligible: bool,
    /// Everything that stands against it.
    pub reasons: Vec<IneligibilityReason>,
    /// Null when it is not eligible.
    pub refund: Option<RefundQuote>,
}

/// Judges the input as the caller's return, made now.
pub(crate) async fn preview(
    context: &Context<'_>,
    input: &ReturnCreateInput,
) -> ApiResult<ReturnPreview> {
    let customer = access::customer(context)?;
    let wanted = input::parse(input).map_err(|errors| refusal(&errors))?;
    let loaders = context.data_unchecked::<Loaders>();
    let order = wanted.order;
    let ids = || wanted.items.iter().map(|item| item.order_item);
    let (facts, returned, returns) = futures::try_join!(
        loaders.order_items(context)?.load_many(ids()),
        loaders
            .returned_of_item
            .load_many(ids())
            .map_err(ApiError::from),
        loaders
            .returns_of_order
            .load_one(OrderOf { customer, order })
            .map_err(ApiError::from),
    )?;
    let lines = lines(customer, &wanted, &facts, &returned)?;
    let now = context.data_unchecked::<State>().clock.now();
    judge(&lines, refunded(&returns.unwrap_or_default()), now)
}

/// All mistakes of the input in one error, each with its place.
fn refusal(mistakes: &[InputError]) -> ApiError {
    let told: Vec<_> = mistakes
        .iter()
        .map(|mistake| {
            let place = mistake.field.as_deref().unwrap_or_default().join(".");
            format!("{place}: {}", mistake.message)
        })
        .collect();
    ApiError::bad_user_input(told.join("; "))
}

/// A wanted item with all that is known about it.
struct WantedLine<'a> {
    wanted: &'a WantedItem,
    item: &'a OrderItemFacts,
    returned: Returned,
}

impl WantedLine<'_> {
    fn facts(&self) -> ItemFacts {
        self.item.wanted(self.wanted.quantity, self.returned)
    }

    fn line(&self) -> Line {
        Line {
            total: self.item.total,
            purchased: self.item.purchased,
            quantity: self.wanted.quantity,
            refunded: self.returned.refund_amount,
            our_mistake: self.wanted.reason.refunds_shipping,
        }
    }
}

/// The wanted items with their facts. One that the caller does not own, or that does not exist, is
/// FORBIDDEN: which of the two is nobody's business.
fn lines<'a>(
    customer: Uuid,
    wanted: &'a Wanted,
    facts: &'a HashMap<Uuid, OrderItemFacts>,
    returned: &HashMap<Uuid, Returned>,
) -> ApiResult<Vec<WantedLine<'a>>> {
    wanted
        .items
        .iter()
        .map(|wanted_item| {
            let item = facts
                .get(&wanted_item.order_item)
                .filter(|item| item.order.customer == customer)
                .ok_or_else(|| {
                    ApiError::forbidden("You can only return items of your own orders")
                })?;
            if item.order.id != wanted.order {
                return Err(ApiError::bad_user_input(
                    "Every item of a return is part of the order that orderId names",
                ));
            }
            Ok(WantedLine {
                wanted: wanted_item,
                item,
                returned: returned.get(&item.id).copied().unwrap_or_default(),
            })
        })
        .collect()
}

/// What the order's returns that are not cancelled give back already.
fn refunded(returns: &[customer_return::Model]) -> Refunded {
    returns
        .iter()
        .filter(|row| row.status != ReturnStatus::Cancelled.as_str())
        .fold(Refunded::default(), |sum, row| Refunded {
            tax: sum.tax + row.refund_tax,
            total: sum.total + row.refund_total,
            shipping: sum.shipping || row.shipping_refunded,
        })
}

fn judge(lines: &[WantedLine<'_>], refunded: Refunded, now: Time<Utc>) -> ApiResult<ReturnPreview> {
    let [WantedLine { item, .. }, ..] = lines else {
        return Err(ApiError::internal("input without items was understood"));
    };
    let order = &item.order;
    let items: Vec<_> = lines.iter().map(WantedLine::facts).collect();
    let failures = eligibility::check(&order.facts, &items, now);
    let refund = failures.is_empty().then(|| {
        let lines: Vec<_> = lines.iter().map(WantedLine::line).collect();
        RefundQuote::new(
            &refund::quote(&order.paid, &lines, &refunded),
            order.currency,
        )
    });
    Ok(ReturnPreview {
        eligible: failures.is_empty(),
        reasons: failures.iter().map(IneligibilityReason::from).collect(),
        refund,
    })
}
