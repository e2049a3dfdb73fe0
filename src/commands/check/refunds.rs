//! Returns against the orders that they are of, which are in another domain's database: what was returned was bought, and no
//! more was refunded than was paid.
//!
//! There is no common state of two databases. What is found is therefore looked at again, and reported if it is still so.

use std::collections::{HashMap, HashSet};

use orders::invariants::{Purchase, awaited, credited, purchases, restocked};
use platform::database::ReadOnly;
use platform::invariants::{PAGE, Progress, Violation};
use resolvers::id::IdKind;
use returns::invariants::{OrderReturn, orders_after, returns_of_orders};
use sea_orm::DbErr;
use uuid::Uuid;

/// A return does not fit its order.
const ORDER: &str = "return_order";
/// More units are returned than were bought.
const UNITS: &str = "returned_units";
/// More was refunded than was paid.
const REFUNDED: &str = "refunded_total";
/// The customer has other store credit for a return than the return says.
const CREDIT: &str = "credited_return";
/// Units are in stock again of a return that is not completed.
const RESTOCKED: &str = "restocked_return";

/// The kinds of violations that are found here.
#[cfg(test)]
pub(super) const KINDS: &[&str] = &[ORDER, UNITS, REFUNDED, CREDIT, RESTOCKED];

pub(super) async fn check(
    orders: &ReadOnly,
    returns: &ReadOnly,
    report: &mut dyn FnMut(Progress),
) -> Result<(), DbErr> {
    let mut last = None;
    loop {
        let transaction = returns.begin().await?;
        let ids = orders_after(&transaction, last, PAGE).await?;
        transaction.end().await;
        last = ids.last().copied();
        if last.is_none() {
            return Ok(());
        }
        let mut found = compare(orders, returns, &ids).await?;
        if !found.is_empty() {
            let again = compare(orders, returns, &ids).await?;
            found.retain(|violation| again.contains(violation));
        }
        for violation in found {
            report(Progress::Violated(violation));
        }
        let checked = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        report(Progress::Checked("orders with returns", checked));
    }
}

/// What the orders domain says of a page of orders and their returns.
struct Sold {
    purchases: HashMap<Uuid, Purchase>,
    /// By return and currency.
    credited: HashMap<Uuid, HashMap<String, i64>>,
    /// By return and order line.
    restocked: HashMap<(Uuid, Uuid), i32>,
    /// Returns whose events wait there.
    awaited: HashSet<Uuid>,
}

async fn compare(
    orders: &ReadOnly,
    returns: &ReadOnly,
    ids: &[Uuid],
) -> Result<Vec<Violation>, DbErr> {
    // First what was refunded, then what was paid: both only grow, and an event that has left has arrived.
    let transaction = returns.begin().await?;
    let of_orders = returns_of_orders(&transaction, ids).await?;
    transaction.end().await;
    let all = of_orders.values().flatten();
    let of_returns: Vec<Uuid> = all.clone().map(|one| one.id).collect();
    let lines = all.flat_map(|one| one.lines.iter().map(|line| (one.id, line.order_item)));
    let lines: Vec<(Uuid, Uuid)> = lines.collect();
    let transaction = orders.begin().await?;
    let sold = Sold {
        purchases: purchases(&transaction, ids).await?,
        credited: credited(&transaction, &of_returns).await?,
        restocked: restocked(&transaction, &lines).await?,
        awaited: awaited(&transaction, &of_returns).await?,
    };
    transaction.end().await;
    let of_orders = of_orders.iter();
    let found = of_orders.flat_map(|(order, returns)| of_order(*order, returns, &sold));
    Ok(found.collect())
}

fn of_order(order: Uuid, returns: &[OrderReturn], sold: &Sold) -> Vec<Violation> {
    let mut found = Vec::new();
    for one in returns {
        found.extend(fits(order, one, sold));
        found.extend(credit(one, sold));
        found.extend(stock(one, sold));
    }
    if let Some(purchase) = sold.purchases.get(&order) {
        found.extend(units(order, returns, purchase));
        found.extend(refunds(order, returns, purchase));
    }
    found
}

/// The order exists, and customer, currency and payment are its own.
fn fits(order: Uuid, one: &OrderReturn, sold: &Sold) -> Vec<Violation> {
    let (id, order_id) = (IdKind::Return.format(one.id), IdKind::Order.format(order));
    let Some(purchase) = sold.purchases.get(&order) else {
        let expected = format!("the order {order_id}");
        return vec![Violation::new(ORDER, id, expected, "no such order")];
    };
    let mut found = Vec::new();
    let mut wrong = |expected: String, stored: String| {
        found.push(Violation::new(ORDER, &id, expected, stored));
    };
    if one.customer != purchase.customer {
        let customer = IdKind::Customer.format(purchase.customer);
        let expected = format!("a return of {customer}, who placed {order_id}");
        wrong(expected, IdKind::Customer.format(one.customer));
    }
    if one.currency != purchase.currency {
        let expected = format!("a refund in {}, as {order_id} was paid", purchase.currency);
        wrong(expected, one.currency.clone());
    }
    if one.paid_back > 0 && one.payment_intent != purchase.payment_intent {
        let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
        let expected = format!("a refund of the payment {}", name(&purchase.payment_intent));
        wrong(expected, name(&one.payment_intent));
    }
    found
}

/// No more units are returned than were bought, of lines of the order.
fn units(order: Uuid, returns: &[OrderReturn], purchase: &Purchase) -> Vec<Violation> {
    let mut returned: HashMap<Uuid, i32> = HashMap::new();
    let live = returns.iter().filter(|one| !one.is_cancelled);
    for line in live.flat_map(|one| &one.lines) {
        *returned.entry(line.order_item).or_default() += line.quantity;
    }
    let id = IdKind::Order.format(order);
    let wrong = returned.into_iter().filter_map(|(item, quantity)| {
        let bought = purchase.items.get(&item).map_or(0, |item| item.quantity);
        (quantity > bought).then(|| {
            let item = IdKind::OrderItem.format(item);
            let expected = format!("at most {bought} units of {item} returned, as were bought");
            Violation::new(UNITS, &id, expected, quantity)
        })
    });
    wrong.collect()
}

/// The payment method gets back no more than was captured, and the customer no more than the total, unless a person decided
/// otherwise.
fn refunds(order: Uuid, returns: &[OrderReturn], purchase: &Purchase) -> Vec<Violation> {
    let Some(captured) = purchase.captured else {
        return Vec::new();
    };
    let id = IdKind::Order.format(order);
    let paid_back = purchase.refunded + returns.iter().map(|one| one.paid_back).sum::<i64>();
    let mut found = Vec::new();
    if paid_back > captured {
        let expected = format!("at most {captured} refunded, as was captured");
        found.push(Violation::new(REFUNDED, &id, expected, paid_back));
    }
    let by_rule = returns.iter().filter(|one| !one.is_credit_decided);
    let credited: i64 = by_rule.map(|one| one.credited).sum();
    if credited > 0 && paid_back + credited > purchase.total {
        let expected = format!(
            "at most {} refunded and credited, the total",
            purchase.total
        );
        found.push(Violation::new(
            REFUNDED,
            &id,
            expected,
            paid_back + credited,
        ));
    }
    found
}

/// The customer can spend what was credited, unless the event is still on its way.
fn credit(one: &OrderReturn, sold: &Sold) -> Option<Violation> {
    let issued = sold.credited.get(&one.id);
    let issued = issued.and_then(|issued| issued.get(&one.currency)).copied();
    let issued = issued.unwrap_or(0);
    let is_in_flight = one.is_in_flight || sold.awaited.contains(&one.id);
    let is_missing = issued < one.credited && !is_in_flight;
    (issued > one.credited || is_missing).then(|| {
        let expected = format!("store credit of {} for the customer", one.credited);
        Violation::new(CREDIT, IdKind::Return.format(one.id), expected, issued)
    })
}

/// Only what is back is in stock again.
fn stock(one: &OrderReturn, sold: &Sold) -> Vec<Violation> {
    let wrong = one.lines.iter().filter_map(|line| {
        let units = *sold.restocked.get(&(one.id, line.order_item))?;
        let back = if one.is_completed { line.quantity } else { 0 };
        (units > back).then(|| {
            let item = IdKind::OrderItem.format(line.order_item);
            let expected = format!("at most {back} units of {item} in stock again");
            Violation::new(RESTOCKED, IdKind::Return.format(one.id), expected, units)
        })
    });
    wrong.collect()
}

#[cfg(test)]
#[path = "refunds/tests.rs"]
mod tests;
