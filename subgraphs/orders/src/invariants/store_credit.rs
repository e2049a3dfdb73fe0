//! Store credit: entries add up to balances, none of which is negative, and what was spent belongs to an order.

use std::collections::HashSet;

use entities::orders::store_credit_entry::{self, CreditKind};
use entities::orders::{customer, order, store_credit_balance};
use platform::database::ReadTransaction;
use platform::invariants::{Inspection, PAGE, Rows, Violation};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use super::order::OrderData;
use crate::rules::status::OrderStatus;

/// A balance is not the sum of its entries, or negative.
pub(super) const BALANCE: &str = "store_credit_balance";
/// An entry does not fit what caused it.
pub(super) const ENTRY: &str = "store_credit_entry";
/// An order has not spent the credit that paid for it, or has not given it back.
pub(super) const OF_ORDER: &str = "order_store_credit";

pub(super) async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    let balances = Rows {
        name: "store credit balances",
        id: |row: &store_credit_balance::Model| IdKind::Customer.format(row.customer_id),
    };
    inspection
        .walk(
            balances,
            async |db, after| store_credit_balance::after(db, after, PAGE).await,
            of_balances,
        )
        .await?;
    let entries = Rows {
        name: "store credit entries",
        id: |id: &Uuid| format!("entry {id}"),
    };
    inspection
        .walk(
            entries,
            async |db, after| store_credit_entry::after(db, after, PAGE).await,
            of_entries,
        )
        .await
}

async fn of_balances(
    db: &ReadTransaction,
    balances: &[store_credit_balance::Model],
) -> Result<Vec<Violation>, DbErr> {
    let customers: Vec<Uuid> = balances.iter().map(|row| row.customer_id).collect();
    let sums = store_credit_entry::sums(db, &customers).await?;
    let known = customer::by_ids(db, &customers).await?;
    let mut found = Vec::new();
    for row in balances {
        let (id, currency) = (IdKind::Customer.format(row.customer_id), &row.currency_code);
        let key = (row.customer_id, currency.clone());
        let sum = sums.get(&key).copied().unwrap_or(0);
        if row.balance != sum {
            let expected = format!("a balance of {sum} {currency}, the sum of its entries");
            found.push(Violation::new(BALANCE, &id, expected, row.balance));
        }
        if row.balance < 0 {
            let expected = format!("0 or more {currency}");
            found.push(Violation::new(BALANCE, &id, expected, row.balance));
        }
        if !known.contains_key(&row.customer_id) {
            let expected = format!("a customer with a balance in {currency}");
            found.push(Violation::new(BALANCE, &id, expected, "none"));
        }
    }
    Ok(found)
}

async fn of_entries(db: &ReadTransaction, ids: &[Uuid]) -> Result<Vec<Violation>, DbErr> {
    let entries = store_credit_entry::by_ids(db, ids).await?;
    let orders: Vec<Uuid> = entries.iter().filter_map(|entry| entry.order_id).collect();
    let orders = order::by_ids(db, &orders).await?;
    let customers: Vec<Uuid> = entries.iter().map(|entry| entry.customer_id).collect();
    let balances = store_credit_balance::of_customers(db, &customers).await?;
    let balances: HashSet<(Uuid, String)> = balances
        .into_iter()
        .map(|row| (row.customer_id, row.currency_code))
        .collect();
    let mut found = Vec::new();
    for entry in &entries {
        let id = format!("{}/{}", entry.kind.as_str(), entry.reference);
        let mut wrong = |expected: &str, value: String| {
            found.push(Violation::new(ENTRY, &id, expected, value));
        };
        if !balances.contains(&(entry.customer_id, entry.currency_code.clone())) {
            wrong("a balance that it belongs to", "none".to_owned());
        }
        let is_sign_right = match entry.kind {
            CreditKind::Issued | CreditKind::GivenBack => entry.amount > 0,
            CreditKind::Spent => entry.amount < 0,
        };
        if !is_sign_right {
            let expected = match entry.kind {
                CreditKind::Spent => "a negative amount",
                _ => "a positive amount",
            };
            wrong(expected, entry.amount.to_string());
        }
        match (
            entry.kind,
            entry.order_id.and_then(|order| orders.get(&order)),
        ) {
            (CreditKind::Issued, _) if entry.return_id.is_none() => {
                wrong("a return that it was issued for", "none".to_owned());
            }
            (CreditKind::Issued, _) => {}
            (_, None) => wrong("an order that it belongs to", "none".to_owned()),
            (_, Some(order)) if order.customer_id != entry.customer_id => {
                let other = IdKind::Customer.format(order.customer_id);
                wrong("an order of the same customer", format!("one of {other}"));
            }
            (_, Some(_)) => {}
        }
    }
    Ok(found)
}

/// What an order has spent is what it was paid with, and what it has given back if it is cancelled.
pub(super) fn of_order(order: &OrderData) -> Vec<Violation> {
    let row = &order.row;
    let is_cancelled = row.status == OrderStatus::Cancelled;
    let of_kind = |kind| -> i64 {
        let entries = order.credit.iter();
        let of_kind = entries
            .filter(|entry| entry.kind == kind && entry.currency_code == row.local_currency_code);
        of_kind.map(|entry| entry.amount).sum()
    };
    let given_back = if is_cancelled {
        row.store_credit_amount
    } else {
        0
    };
    let expected = [
        (CreditKind::Spent, -row.store_credit_amount),
        (CreditKind::GivenBack, given_back),
    ];
    let wrong = expected.into_iter().filter_map(|(kind, expected)| {
        let sum = of_kind(kind);
        (sum != expected).then(|| {
            let expected = format!("{} of {expected}", kind.as_str());
            Violation::new(OF_ORDER, &order.id, expected, sum)
        })
    });
    wrong.collect()
}
