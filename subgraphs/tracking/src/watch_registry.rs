//! The orders being watched in this process: their parcels are polled first, and metrics show their number.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::rules::status::Carrier;

/// Counts the watchers of each order. Cheap to clone; clones share the count.
#[derive(Clone, Debug, Default)]
pub struct WatchRegistry(Arc<Mutex<HashMap<Uuid, Watched>>>);

/// An order's watchers, and the carrier of its parcel if known.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    watchers: usize,
    carrier: Option<Carrier>,
}

impl WatchRegistry {
    /// Counts a watcher until the guard is dropped.
    pub fn watch(&self, order: Uuid) -> WatchGuard {
        self.lock().entry(order).or_default().watchers += 1;
        WatchGuard {
            watchers: self.clone(),
            order,
        }
    }

    /// The watched orders, in a stable order.
    pub fn orders(&self) -> Vec<Uuid> {
        let mut orders: Vec<_> = self.lock().keys().copied().collect();
        orders.sort_unstable();
        orders
    }

    /// How many watch parcels of this carrier; `None`: orders without a parcel.
    pub(crate) fn of_carrier(&self, carrier: Option<Carrier>) -> usize {
        let watched = self.lock();
        let of_carrier = watched.values().filter(|order| order.carrier == carrier);
        of_carrier.map(|order| order.watchers).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Watched>> {
        self.0.lock()
    }
}

/// A watcher of an order.
#[derive(Debug)]
pub struct WatchGuard {
    watchers: WatchRegistry,
    order: Uuid,
}

impl WatchGuard {
    /// Sets the carrier once it is known.
    pub(crate) fn set_carrier(&self, carrier: Carrier) {
        if let Some(watched) = self.watchers.lock().get_mut(&self.order) {
            watched.carrier = Some(carrier);
        }
    }
}

impl Drop for WatchGuard {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.watchers.lock().entry(self.order) {
            entry.get_mut().watchers -= 1;
            if entry.get().watchers == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_watched_until_its_last_watcher_has_left() {
        let watchers = WatchRegistry::default();
        let order = Uuid::now_v7();
        let (first, second) = (watchers.watch(order), watchers.watch(order));
        assert_eq!(watchers.of_carrier(None), 2);
        second.set_carrier(Carrier::Ups);
        assert_eq!(watchers.of_carrier(Some(Carrier::Ups)), 2);
        assert_eq!(watchers.of_carrier(None), 0);
        drop(first);
        assert_eq!(watchers.orders(), [order]);
        drop(second);
        assert!(watchers.orders().is_empty());
    }
}
