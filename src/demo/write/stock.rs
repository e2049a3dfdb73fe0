//! The orders domain's ledger of stock, whose sum is what the catalog says.

use std::ops::Range;

use entities::orders::stock_movement::MovementKind;
use entities::orders::{stock_level, stock_movement};
use platform::database::Database;
use resolvers::id::IdKind;

use super::{chunks, insert, is_written};
use crate::demo::orders::Order;
use crate::demo::stock::Ledgers;
use crate::demo::{Plan, Progress, Stream};

/// Writes the level of each product with the first entry of its ledger, and the last one where units were missing.
pub(super) async fn write_levels(
    database: &Database,
    plan: &Plan,
    ledgers: &Ledgers,
    progress: &Progress,
) -> anyhow::Result<()> {
    for chunk in chunks(0, plan.products) {
        let (levels, movements) = levels(plan, ledgers, chunk);
        let Some(last) = levels.last() else {
            break;
        };
        let transaction = database.begin().await?;
        let found = stock_level::of_products(&transaction, &[last.product_id]).await?;
        let found = found.get(&last.product_id).map(|found| found.sequence);
        if !is_written(found, last.sequence)? {
            let rows = insert::<stock_level::Entity>(&transaction, levels).await?
                + insert::<stock_movement::Entity>(&transaction, movements).await?;
            transaction.commit().await?;
            progress.add_rows(rows);
        }
    }
    Ok(())
}

fn levels(
    plan: &Plan,
    ledgers: &Ledgers,
    indexes: Range<u32>,
) -> (Vec<stock_level::Model>, Vec<stock_movement::Model>) {
    let (mut levels, mut movements) = (Vec::new(), Vec::new());
    for index in indexes {
        let product = plan.product(index);
        let ledger = ledgers.of(product.id);
        let (opening, correction) = ledger.around(product.available);
        let [first, last] = ledger.times.unwrap_or([product.created_at; 2]);
        let (opened_at, last) = (first.min(product.created_at), last.max(product.created_at));
        let public_id = IdKind::Product.format(product.id);
        let row =
            |sequence, kind, available, reference, reason, occurred_at| stock_movement::Model {
                product_id: product.id,
                sequence,
                kind,
                available,
                damaged: 0,
                reference,
                order_item_id: None,
                actor: "demo".to_owned(),
                reason,
                occurred_at,
            };
        let opened = public_id.clone();
        movements.push(row(
            1,
            MovementKind::Opening,
            opening,
            opened,
            None,
            opened_at,
        ));
        let mut sequence = 1 + ledger.count;
        if correction != 0 {
            sequence += 1;
            let adjustment = plan.id(Stream::StockCorrection, index.into()).simple();
            movements.push(row(
                sequence,
                MovementKind::Corrected,
                correction,
                format!("adj_{adjustment}:{public_id}"),
                Some("counted".to_owned()),
                last,
            ));
        }
        levels.push(stock_level::Model {
            product_id: product.id,
            available: product.available,
            damaged: ledger.sum.damaged,
            sequence,
            updated_at: last,
        });
    }
    (levels, movements)
}

/// The movements of these orders; `sequences` goes on where the orders before them have ended.
pub(super) fn movement_rows(
    plan: &Plan,
    orders: &[Order],
    sequences: &mut impl Iterator<Item = i64>,
) -> Vec<stock_movement::Model> {
    let movements = orders.iter().flat_map(|order| plan.movements(order));
    let rows = movements
        .zip(sequences)
        .map(|(movement, sequence)| stock_movement::Model {
            product_id: movement.product,
            sequence,
            kind: movement.kind,
            available: movement.units.available,
            damaged: movement.units.damaged,
            reference: movement.reference,
            order_item_id: Some(movement.item),
            actor: movement.actor,
            reason: None,
            occurred_at: movement.at,
        });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_sum_of_every_ledger_is_the_stock_in_the_catalog() {
        for orders in [0, 50, 2_500] {
            let plan = Plan::of(orders);
            let ledgers = Ledgers::new(&plan, &Progress::hidden());
            let (levels, mut movements) = levels(&plan, &ledgers, 0..plan.products);
            let mut sequences = ledgers.sequences.iter().copied();
            for chunk in plan.chunks() {
                let orders: Vec<_> = chunk.map(|index| plan.order(index)).collect();
                movements.extend(movement_rows(&plan, &orders, &mut sequences));
            }
            assert_eq!(sequences.next(), None);
            let references: HashSet<_> = movements
                .iter()
                .map(|row| (row.reference.as_str(), row.kind.as_str()))
                .collect();
            assert_eq!(references.len(), movements.len());
            let mut by_product: BTreeMap<Uuid, Vec<&stock_movement::Model>> = BTreeMap::new();
            for row in &movements {
                by_product.entry(row.product_id).or_default().push(row);
            }
            assert_eq!((levels.len(), by_product.len()), (500, 500));
            for (level, index) in levels.iter().zip(0..) {
                let ledger = by_product.get_mut(&level.product_id).unwrap();
                ledger.sort_unstable_by_key(|row| row.sequence);
                let numbers: Vec<_> = ledger.iter().map(|row| row.sequence).collect();
                assert_eq!(numbers, (1..=level.sequence).collect::<Vec<_>>());
                assert!(ledger.is_sorted_by_key(|row| row.occurred_at));
                let (mut available, mut damaged) = (0, 0);
                for row in ledger.iter() {
                    available += row.available;
                    damaged += row.damaged;
                    assert!(available >= 0 && damaged >= 0, "{row:?}");
                }
                assert_eq!((available, damaged), (level.available, level.damaged));
                assert_eq!(available, plan.product(index).available);
                let last = ledger.last().map(|row| row.occurred_at);
                assert!(last.is_some_and(|last| last <= level.updated_at));
            }
            let kinds: HashSet<_> = movements.iter().map(|row| row.kind.as_str()).collect();
            if orders == 2_500 {
                for kind in ["opening", "ordered", "cancelled", "returned", "corrected"] {
                    assert!(kinds.contains(kind), "{kind}");
                }
                assert!(levels.iter().any(|level| level.damaged > 0));
            }
        }
    }
}
