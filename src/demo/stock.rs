//! The demo shop's ledger of stock: what orders took, and what came back from cancelled orders and completed returns.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entities::orders::stock_movement::MovementKind;
use orders::{ReturnedCondition, Units, line_reference, returned};
use resolvers::id::IdKind;
use returns::rules::status::ReturnStatus;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use uuid::Uuid;

use super::orders::{Line, Order};
use super::returns::Return;
use super::{Plan, Progress};

/// What an order or a return did to the stock of a product.
pub(super) struct Movement {
    pub(super) product: Uuid,
    pub(super) kind: MovementKind,
    pub(super) units: Units,
    pub(super) reference: String,
    pub(super) item: Uuid,
    pub(super) actor: String,
    pub(super) at: DateTime<Utc>,
}

impl Plan {
    /// The movements of an order: one for each line, another one if it was cancelled, and one of its return.
    pub(super) fn movements(&self, order: &Order) -> Vec<Movement> {
        let of_line = |line: &Line, kind, available, at| Movement {
            product: line.product.id,
            kind,
            units: Units {
                available,
                damaged: 0,
            },
            reference: line_reference(order.id, line.id),
            item: line.id,
            actor: IdKind::Customer.format(order.customer.id),
            at,
        };
        let lines = order.lines.iter();
        let mut movements: Vec<_> = lines
            .clone()
            .map(|line| of_line(line, MovementKind::Ordered, -line.quantity, order.placed_at))
            .collect();
        if let Some(at) = order.cancelled_at {
            let back = lines.map(|line| of_line(line, MovementKind::Cancelled, line.quantity, at));
            movements.extend(back);
        }
        movements.extend(self.return_of(order).as_ref().and_then(came_back));
        movements
    }
}

/// What a return added to the stock; nothing before it is complete.
fn came_back(made: &Return<'_>) -> Option<Movement> {
    let mut steps = made.events.iter();
    let &(_, at) = steps.find(|(step, _)| *step == ReturnStatus::Completed)?;
    let condition = StrDeserializer::<Error>::new(made.condition.as_str());
    let condition = ReturnedCondition::deserialize(condition).ok()?;
    let (of, item) = (IdKind::Return.format(made.id), made.line.id);
    Some(Movement {
        product: made.line.product.id,
        kind: MovementKind::Returned,
        units: returned(condition, 1),
        reference: format!("{of}:{}", IdKind::OrderItem.format(item)),
        item,
        actor: "returns".to_owned(),
        at,
    })
}

/// The ledgers of all products. Their movements are numbered in the order of time, which is not that of the orders.
pub(super) struct Ledgers {
    /// The number of each movement in its product's ledger, as [`Plan::movements`] lists them order by order.
    pub(super) sequences: Vec<i64>,
    by_product: HashMap<Uuid, Ledger>,
}

/// The ledger of a product between its opening and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// How many movements it has.
    pub(super) count: i64,
    /// The times of the first and of the last.
    pub(super) times: Option<[DateTime<Utc>; 2]>,
    /// Their sum.
    pub(super) sum: Units,
    /// The lowest sum of the first ones: nothing, or fewer units that can be sold.
    lowest: i32,
}

impl Ledger {
    /// How many units there were at first, and what a count corrected at last, so that this many are left and there
    /// never were fewer than none.
    pub(super) fn around(&self, available: i32) -> (i32, i32) {
        let opening = (available - self.sum.available).max(-self.lowest);
        (opening, available - self.sum.available - opening)
    }

    fn add(&mut self, moved: &Moved) {
        let [first, _] = self.times.unwrap_or([moved.at; 2]);
        self.times = Some([first, moved.at]);
        self.count += 1;
        self.sum.available += moved.units.available;
        self.sum.damaged += moved.units.damaged;
        self.lowest = self.lowest.min(self.sum.available);
    }
}

/// What the numbering needs of a movement, and where it stands in the order of generation.
struct Moved {
    at: DateTime<Utc>,
    place: usize,
    units: Units,
}

impl Ledgers {
    /// Generates all orders once.
    pub(super) fn new(plan: &Plan, progress: &Progress) -> Self {
        let mut moved: HashMap<Uuid, Vec<Moved>> = HashMap::new();
        let movements = (0..plan.orders).flat_map(|index| {
            progress.add_orders(1);
            plan.movements(&plan.order(index))
        });
        let mut count = 0;
        for movement in movements {
            moved.entry(movement.product).or_default().push(Moved {
                at: movement.at,
                place: count,
                units: movement.units,
            });
            count += 1;
        }
        let mut ledgers = Self {
            sequences: vec![0; count],
            by_product: HashMap::new(),
        };
        for (product, mut moved) in moved {
            moved.sort_unstable_by_key(|moved| (moved.at, moved.place));
            let mut ledger = Ledger::default();
            for moved in moved {
                ledger.add(&moved);
                // The first one is the opening.
                ledgers.sequences[moved.place] = ledger.count + 1;
            }
            ledgers.by_product.insert(product, ledger);
        }
        ledgers
    }

    /// The ledger of a product.
    pub(super) fn of(&self, product: Uuid) -> Ledger {
        self.by_product.get(&product).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn a_ledger_leaves_what_there_is_and_never_less_than_none() {
        let at = Utc.with_ymd_and_hms(2025, 10, 9, 12, 0, 0).unwrap();
        let ledger = |changes: &[i32]| {
            let mut ledger = Ledger::default();
            for &available in changes {
                let units = Units {
                    available,
                    damaged: 0,
                };
                ledger.add(&Moved {
                    at,
                    place: 0,
                    units,
                });
            }
            ledger
        };
        for (changes, available, expected) in [
            (&[][..], 7, (7, 0)),
            (&[-2, -1], 4, (7, 0)),
            (&[-3, 3], 0, (3, -3)),
            (&[-3, 3], 1, (3, -2)),
            (&[-3, 3, -2], 9, (11, 0)),
        ] {
            let found = ledger(changes).around(available);
            assert_eq!(found, expected, "{changes:?} {available}");
        }
    }
}
