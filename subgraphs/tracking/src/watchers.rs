//! Which orders somebody watches in this process: their parcels are asked about first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// Counts the watchers of each order. Cheap to clone; clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Watchers(Arc<Mutex<HashMap<Uuid, usize>>>);

impl Watchers {
    /// Counts a watcher until the value is dropped.
    pub fn watch(&self, order: Uuid) -> Watching {
        *self.lock().entry(order).or_default() += 1;
        Watching {
            watchers: self.clone(),
            order,
        }
    }

    /// The watched orders, the same order each time.
    pub fn orders(&self) -> Vec<Uuid> {
        let mut orders: Vec<_> = self.lock().keys().copied().collect();
        orders.sort_unstable();
        orders
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who watches an order.
#[derive(Debug)]
pub struct Watching {
    watchers: Watchers,
    order: Uuid,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.watchers.lock().entry(self.order) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
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
        let watchers = Watchers::default();
        let order = Uuid::now_v7();
        let (first, second) = (watchers.watch(order), watchers.watch(order));
        drop(first);
        assert_eq!(watchers.orders(), [order]);
        drop(second);
        assert!(watchers.orders().is_empty());
    }
}
