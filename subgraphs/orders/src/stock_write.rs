//! The only way to change stock: levels, ledger and event in one transaction, for as many products as there are in the
//! same number of statements.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::orders::stock_movement::MovementKind;
use entities::orders::{order, order_item, stock_level, stock_movement};
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::inventory_events::{self, PublishedLevel};
use crate::rules::stock::{self, Impossible, Shortage, Units};

/// Most products that one call changes: their rows are bound to single statements.
pub(crate) const MAX_PRODUCTS: usize = 1_000;

/// Who begins ledgers.
pub(crate) const CATALOG: &str = "catalog";

/// A change of one product's stock.
#[derive(Clone, Debug)]
pub(crate) struct Movement {
    pub product: Uuid,
    pub units: Units,
    pub kind: MovementKind,
    /// What causes it. The caller knows that it is new for this kind.
    pub reference: String,
    pub order_item: Option<Uuid>,
    /// Why, in words.
    pub reason: Option<String>,
}

/// By whom and when stock is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause<'a> {
    pub actor: &'a str,
    /// The aggregate of the event.
    pub aggregate: &'a str,
    pub now: DateTime<Utc>,
}

/// Levels that are locked until the transaction ends.
pub(crate) type Locked = HashMap<Uuid, stock_level::Model>;

/// The reference of an order line's movements.
pub fn line_reference(order: Uuid, item: Uuid) -> String {
    format!(
        "{}:{}",
        IdKind::Order.format(order),
        IdKind::OrderItem.format(item)
    )
}

/// Applies movements of products whose levels are locked, or says why they are impossible; nothing is written then.
pub(crate) async fn apply(
    transaction: &DatabaseTransaction,
    mut locked: Locked,
    movements: Vec<Movement>,
    cause: &Cause<'_>,
) -> Result<Result<(), Impossible>, DbErr> {
    if movements.is_empty() {
        return Ok(Ok(()));
    }
    let before = locked.iter().map(|(product, level)| {
        let units = Units {
            available: level.available,
            damaged: level.damaged,
        };
        (*product, units)
    });
    let moved: Vec<_> = movements
        .iter()
        .map(|movement| (movement.product, movement.units))
        .collect();
    let after = match stock::after(&before.collect(), &moved) {
        Ok(after) => after,
        Err(impossible) => return Ok(Err(impossible)),
    };
    let mut rows = Vec::with_capacity(movements.len());
    let mut changes: HashMap<Uuid, (MovementKind, i32)> = HashMap::new();
    for movement in movements {
        let product_id = movement.product;
        let level = locked.get_mut(&product_id).ok_or_else(|| {
            let product = IdKind::Product.format(product_id);
            DbErr::Custom(format!("the stock of {product} is not open"))
        })?;
        level.sequence += 1;
        let change = changes.entry(product_id).or_insert((movement.kind, 0));
        change.1 += movement.units.available;
        rows.push(stock_movement::Model {
            product_id,
            sequence: level.sequence,
            kind: movement.kind,
            available: movement.units.available,
            damaged: movement.units.damaged,
            reference: movement.reference,
            order_item_id: movement.order_item,
            actor: cause.actor.to_owned(),
            reason: movement.reason,
            occurred_at: cause.now,
        });
    }
    let mut levels = Vec::with_capacity(after.len());
    for (product, units) in after {
        if let Some(level) = locked.remove(&product) {
            levels.push(stock_level::Model {
                available: units.available,
                damaged: units.damaged,
                updated_at: cause.now,
                ..level
            });
        }
    }
    let published = levels.iter().filter_map(|level| {
        let (kind, change) = *changes.get(&level.product_id)?;
        Some(PublishedLevel::new(level, kind, change))
    });
    inventory_events::adjusted(transaction, published.collect(), cause).await?;
    stock_level::put(transaction, levels).await?;
    insert_many::<stock_movement::Entity>(transaction, rows).await?;
    Ok(Ok(()))
}

/// Begins the ledger of products that have none, with what there is, and returns how many there were. Do this before
/// locking levels.
pub(crate) async fn open(
    transaction: &DatabaseTransaction,
    quantities: &HashMap<Uuid, i32>,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<usize, DbErr> {
    let products: Vec<Uuid> = quantities.keys().copied().collect();
    let known = stock_level::of_products(transaction, &products).await?;
    let mut unknown = products;
    unknown.retain(|product| !known.contains_key(product));
    if unknown.is_empty() {
        return Ok(0);
    }
    stock_level::open(transaction, unknown.clone(), now).await?;
    let mut locked = stock_level::lock(transaction, &unknown).await?;
    // Another transaction may have opened some in the meantime.
    locked.retain(|_, level| level.sequence == 0);
    let movements: Vec<Movement> = locked
        .keys()
        .map(|product| Movement {
            product: *product,
            units: Units {
                available: quantities
                    .get(product)
                    .map_or(0, |quantity| (*quantity).clamp(0, stock::MAX_UNITS)),
                damaged: 0,
            },
            kind: MovementKind::Opening,
            reference: IdKind::Product.format(*product),
            order_item: None,
            reason: None,
        })
        .collect();
    let count = movements.len();
    let cause = Cause {
        actor,
        aggregate: inventory_events::OPENING,
        now,
    };
    match apply(transaction, locked, movements, &cause).await? {
        Ok(()) => Ok(count),
        Err(_) => Err(DbErr::Custom("an opening stock is out of range".to_owned())),
    }
}

/// Takes the lines of a new order, all of them or none. Their products' ledgers are open.
pub(crate) async fn take(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    items: &[order_item::Model],
    now: DateTime<Utc>,
) -> Result<Result<(), Vec<Shortage>>, DbErr> {
    let products: Vec<Uuid> = items.iter().map(|item| item.product_id).collect();
    let locked = stock_level::lock(transaction, &products).await?;
    let movements = items.iter().map(|item| Movement {
        product: item.product_id,
        units: Units {
            available: -item.quantity,
            damaged: 0,
        },
        kind: MovementKind::Ordered,
        reference: line_reference(order.id, item.id),
        order_item: Some(item.id),
        reason: None,
    });
    let cause = Cause {
        actor: &IdKind::Customer.format(order.customer_id),
        aggregate: &IdKind::Order.format(order.id),
        now,
    };
    match apply(transaction, locked, movements.collect(), &cause).await? {
        Ok(()) => Ok(Ok(())),
        Err(Impossible::Short(shortages)) => Ok(Err(shortages)),
        Err(Impossible::TooMany(product)) => Err(out_of_range(product)),
    }
}

/// Gives back what a cancelled order, which is locked, has taken; what it has given back already stays.
pub(crate) async fn give_back(
    transaction: &DatabaseTransaction,
    order: Uuid,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let items = order_item::of_orders(transaction, &[order]).await?;
    let items = items.get(&order).into_iter().flatten();
    let references: Vec<String> = items.map(|item| line_reference(order, item.id)).collect();
    let taken =
        stock_movement::of_references(transaction, &references, MovementKind::Ordered).await?;
    let given_back =
        stock_movement::known_references(transaction, &references, MovementKind::Cancelled).await?;
    let movements: Vec<Movement> = taken
        .into_iter()
        .filter(|movement| !given_back.contains(&movement.reference))
        .map(|movement| Movement {
            product: movement.product_id,
            units: Units {
                available: -movement.available,
                damaged: 0,
            },
            kind: MovementKind::Cancelled,
            reference: movement.reference,
            order_item: movement.order_item_id,
            reason: None,
        })
        .collect();
    let products: Vec<Uuid> = movements.iter().map(|movement| movement.product).collect();
    let locked = stock_level::lock(transaction, &products).await?;
    let cause = Cause {
        actor,
        aggregate: &IdKind::Order.format(order),
        now,
    };
    possible(apply(transaction, locked, movements, &cause).await?)
}

/// The outcome of movements that only add units.
pub(crate) fn possible(outcome: Result<(), Impossible>) -> Result<(), DbErr> {
    outcome.map_err(|impossible| match impossible {
        Impossible::TooMany(product) => out_of_range(product),
        Impossible::Short(shortages) => {
            let product = shortages.first().map(|shortage| shortage.product);
            out_of_range(product.unwrap_or_default())
        }
    })
}

fn out_of_range(product: Uuid) -> DbErr {
    let product = IdKind::Product.format(product);
    DbErr::Custom(format!("the stock of {product} would be out of range"))
}
