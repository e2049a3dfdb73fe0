//! Invariants of this domain's data, for `vantage check`. `docs/invariants.md` has a section for each kind of violation.

mod amounts;
mod order;
mod purchase;
mod reviews;
mod stock;
mod store_credit;
mod timeline;

use std::collections::HashMap;

use entities::orders::{order as orders, order_refund, stock_level};
use platform::database::ReadTransaction;
use platform::invariants::idempotency::{self, Missing};
use platform::invariants::{Inspection, orphans, outbox};
use platform::tables::idempotency_key;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

pub use purchase::{Purchase, PurchasedItem, awaited, credited, purchases, restocked};

/// The kinds of violations that are found here, besides those of the tables that all databases have.
pub const KINDS: &[&str] = &[
    stock::LEVEL,
    stock::NEGATIVE,
    stock::MOVEMENT,
    stock::RESERVATION,
    amounts::AMOUNTS,
    amounts::PAYMENT,
    amounts::REFUNDS,
    timeline::TIMELINE,
    timeline::DELIVERY,
    store_credit::OF_ORDER,
    store_credit::BALANCE,
    store_credit::ENTRY,
    reviews::REVIEW,
];

/// Checks this domain's database.
pub async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    stock::check(inspection).await?;
    order::check(inspection).await?;
    store_credit::check(inspection).await?;
    outbox::check(inspection).await?;
    idempotency::check(inspection, missing).await?;
    orphans::check(inspection).await
}

/// Results that name orders, refunds or products that do not exist.
async fn missing(
    db: &ReadTransaction,
    keys: &[idempotency_key::Model],
) -> Result<Vec<Missing>, DbErr> {
    let mut named: Vec<(usize, IdKind, Uuid)> = Vec::new();
    let mut refunds: Vec<(usize, Uuid)> = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let id = |field: &str| key.outcome[field].as_str()?.parse().ok();
        let order = id("id").or_else(|| id("order"));
        named.extend(order.map(|order| (index, IdKind::Order, order)));
        refunds.extend(id("refund").map(|refund| (index, refund)));
        let products = key.outcome["products"].as_array();
        let products = products.into_iter().flatten();
        let products = products.filter_map(|product| product.as_str()?.parse().ok());
        named.extend(products.map(|product| (index, IdKind::Product, product)));
    }
    let ids_of = |kind| -> Vec<Uuid> {
        let of_kind = named.iter().filter(|(_, known, _)| *known == kind);
        of_kind.map(|(_, _, id)| *id).collect()
    };
    let orders = orders::existing(db, &ids_of(IdKind::Order)).await?;
    let levels = stock_level::of_products(db, &ids_of(IdKind::Product)).await?;
    let mut missing = Vec::new();
    for &(index, kind, id) in &named {
        let exists = match kind {
            IdKind::Product => levels.contains_key(&id),
            _ => orders.contains(&id),
        };
        if !exists {
            let row = kind.format(id);
            missing.push(Missing { index, row });
        }
    }
    let ids: Vec<Uuid> = refunds.iter().map(|(_, id)| *id).collect();
    let known = order_refund::existing(db, &ids).await?;
    for (index, id) in refunds {
        if !known.contains(&id) {
            let row = format!("refund {id}");
            missing.push(Missing { index, row });
        }
    }
    Ok(missing)
}

/// The rows of one thing, of those of many.
fn of<T: Default>(rows: &mut HashMap<Uuid, T>, id: Uuid) -> T {
    rows.remove(&id).unwrap_or_default()
}
