//! Stock: the ledger of a product adds up to its level and was never below zero, and what it says of orders is true.

use std::collections::HashMap;
use std::sync::Arc;

use entities::orders::order::OrderStatus;
use entities::orders::stock_movement::{self, MovementKind};
use entities::orders::{order, order_item, stock_level};
use platform::database::ReadTransaction;
use platform::invariants::{Inspection, PAGE, Rows, Violation};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::stock_write::line_reference;

/// A level is not the sum of its movements.
pub(super) const LEVEL: &str = "stock_level";
/// There was less than nothing.
pub(super) const NEGATIVE: &str = "stock_negative";
/// A movement does not fit the order line that it names.
pub(super) const MOVEMENT: &str = "stock_movement";
/// An order has not taken what was ordered, or has not given it back.
pub(super) const RESERVATION: &str = "stock_reservation";

/// Movements that are read at a time.
const MOVEMENTS: u64 = 1_000;

pub(super) async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    let rows = Rows {
        name: "products",
        id: |level: &stock_level::Model| IdKind::Product.format(level.product_id),
    };
    inspection
        .walk(
            rows,
            async |db, last: Option<stock_level::Model>| {
                stock_level::after(db, last.map(|level| level.product_id), PAGE).await
            },
            violations,
        )
        .await
}

async fn violations(
    db: &ReadTransaction,
    levels: &[stock_level::Model],
) -> Result<Vec<Violation>, DbErr> {
    let mut ledgers: HashMap<Uuid, Ledger> = HashMap::new();
    let products: Vec<Uuid> = levels.iter().map(|level| level.product_id).collect();
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let page = stock_movement::of_products(db, &products, after, MOVEMENTS).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some((last.product_id, last.sequence));
        found.extend(of_lines(db, &page).await?);
        for movement in &page {
            let ledger = ledgers.entry(movement.product_id).or_default();
            found.extend(ledger.add(movement));
        }
    }
    for level in levels {
        let ledger = ledgers.remove(&level.product_id).unwrap_or_default();
        found.extend(ledger.compare(level));
    }
    Ok(found)
}

/// The sum of a product's movements so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    available: i64,
    damaged: i64,
    sequence: i64,
}

impl Ledger {
    /// Adds the next movement.
    pub(super) fn add(&mut self, movement: &stock_movement::Model) -> Vec<Violation> {
        let id = IdKind::Product.format(movement.product_id);
        let mut found = Vec::new();
        if movement.sequence != self.sequence + 1 {
            let expected = format!("movement {}", self.sequence + 1);
            let next = format!("movement {}", movement.sequence);
            found.push(Violation::new(LEVEL, &id, expected, next));
        }
        let was_negative = self.is_negative();
        self.sequence = movement.sequence;
        self.available += i64::from(movement.available);
        self.damaged += i64::from(movement.damaged);
        if self.is_negative() && !was_negative {
            let after = format!("{self} after movement {}", self.sequence);
            found.push(Violation::new(NEGATIVE, &id, "0 or more", after));
        }
        found
    }

    const fn is_negative(self) -> bool {
        self.available < 0 || self.damaged < 0
    }

    /// Compares the sum of all movements with the level.
    pub(super) fn compare(self, level: &stock_level::Model) -> Vec<Violation> {
        let stored = Self {
            available: level.available.into(),
            damaged: level.damaged.into(),
            sequence: level.sequence,
        };
        let id = IdKind::Product.format(level.product_id);
        let mut found = Vec::new();
        if self != stored {
            let expected = format!("{self} after {} movements", self.sequence);
            let after = format!("{stored} after {}", stored.sequence);
            found.push(Violation::new(LEVEL, &id, expected, after));
        }
        // A negative sum is found where it becomes so.
        if stored.is_negative() && !self.is_negative() {
            found.push(Violation::new(NEGATIVE, &id, "0 or more", stored));
        }
        found
    }
}

impl std::fmt::Display for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} available and {} damaged",
            self.available, self.damaged
        )
    }
}

/// Compares movements with the order lines that they name.
async fn of_lines(
    db: &ReadTransaction,
    movements: &[stock_movement::Model],
) -> Result<Vec<Violation>, DbErr> {
    let ids: Vec<Uuid> = movements
        .iter()
        .filter_map(|movement| movement.order_item_id)
        .collect();
    let items = order_item::by_ids(db, &ids).await?;
    let ids: Vec<Uuid> = items.values().map(|item| item.order_id).collect();
    let orders = order::by_ids(db, &ids).await?;
    let mut found = Vec::new();
    for movement in movements {
        let Some(id) = movement.order_item_id else {
            continue;
        };
        let item = items.get(&id);
        let order = item.and_then(|item| orders.get(&item.order_id));
        let Some((item, order)) = item.zip(order) else {
            let expected = format!("the line {}", IdKind::OrderItem.format(id));
            found.push(Violation::new(
                MOVEMENT,
                name(movement),
                expected,
                "no such line",
            ));
            continue;
        };
        found.extend(of_line(movement, item, order));
    }
    Ok(found)
}

fn of_line(
    movement: &stock_movement::Model,
    item: &Arc<order_item::Model>,
    order: &order::Model,
) -> Option<Violation> {
    let quantity = item.quantity;
    let of_line = line_reference(order.id, item.id);
    let (expected, is_right) = match movement.kind {
        MovementKind::Ordered => (
            format!("{} units for {of_line}", -quantity),
            movement.available == -quantity && movement.reference == of_line,
        ),
        MovementKind::Cancelled => (
            format!("{quantity} units for {of_line}, whose order is cancelled"),
            movement.available == quantity
                && movement.reference == of_line
                && order.status == OrderStatus::Cancelled,
        ),
        MovementKind::Returned => {
            let units = i64::from(movement.available) + i64::from(movement.damaged);
            let expected = format!("1 to {quantity} units of {of_line}");
            (expected, (1..=i64::from(quantity)).contains(&units))
        }
        MovementKind::Opening
        | MovementKind::Restocked
        | MovementKind::Corrected
        | MovementKind::WrittenOff => return None,
    };
    let is_right = is_right && movement.product_id == item.product_id;
    (!is_right).then(|| {
        let units = movement.available + movement.damaged;
        let (reference, status) = (&movement.reference, order.status.as_str());
        let found = format!("{units} units for {reference}, whose order is {status}");
        Violation::new(MOVEMENT, name(movement), expected, found)
    })
}

fn name(movement: &stock_movement::Model) -> String {
    let product = IdKind::Product.format(movement.product_id);
    format!("{product}/{}", movement.sequence)
}

/// Finds lines of an order that took no stock, or have not given it back. An order from before the ledger took none.
pub(super) fn of_order(
    order: &order::Model,
    items: &[Arc<order_item::Model>],
    movements: &[stock_movement::Model],
) -> Vec<Violation> {
    let moved = |item: &order_item::Model, kind| {
        let reference = line_reference(order.id, item.id);
        movements
            .iter()
            .any(|movement| movement.kind == kind && movement.reference == reference)
    };
    let took_any = items.iter().any(|item| moved(item, MovementKind::Ordered));
    if !took_any {
        return Vec::new();
    }
    let mut found = Vec::new();
    for item in items {
        let id = line_reference(order.id, item.id);
        let has_taken = moved(item, MovementKind::Ordered);
        let has_given_back = moved(item, MovementKind::Cancelled);
        if !has_taken {
            let expected = format!("{} units taken", item.quantity);
            found.push(Violation::new(RESERVATION, id, expected, "none"));
        } else if order.status == OrderStatus::Cancelled && !has_given_back {
            let expected = format!("{} units given back", item.quantity);
            found.push(Violation::new(RESERVATION, id, expected, "none"));
        }
    }
    found
}
