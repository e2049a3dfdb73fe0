//! The budget of a running request: objects and bytes, counted as responses arrive and before they are merged.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::representations::EntityPositions;
use crate::prepare::Exceeded;
use crate::prepare::plan::{Fetch, Target};
use crate::value::{Object, Value, Weight};

/// What remains of a request's limits; shared by all of its fetches.
#[derive(Debug)]
pub(crate) struct Budget {
    entities: Allowance,
    bytes: Allowance,
}

#[derive(Debug)]
struct Allowance {
    limit: &'static str,
    allowed: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(entities: usize, bytes: usize) -> Self {
        Self {
            entities: Allowance::new("entities", entities),
            bytes: Allowance::new("response_bytes", bytes),
        }
    }

    /// Counts bytes that have arrived and are not decoded yet.
    ///
    /// # Errors
    /// The limit they exceed.
    pub(crate) fn receive(&self, bytes: usize) -> Result<(), Exceeded> {
        self.bytes.spend(bytes)
    }

    /// Releases bytes that have been decoded; the decoded data is counted instead.
    pub(crate) fn decoded(&self, bytes: usize) {
        self.bytes.refund(bytes);
    }

    /// Counts a fetch's data at every position it is merged into.
    ///
    /// # Errors
    /// The limit it exceeds; the data must not be merged.
    pub(super) fn hold<'g>(
        &self,
        fetch: &Fetch,
        data: &Value,
        gathered: impl Iterator<Item = &'g EntityPositions>,
    ) -> Result<(), Exceeded> {
        let weight = weigh(fetch, data, gathered);
        self.entities.spend(weight.objects)?;
        self.bytes.spend(weight.bytes)
    }

    /// # Errors
    /// A limit that has been exceeded; no more fetches should be sent.
    pub(super) fn check(&self) -> Result<(), Exceeded> {
        self.entities.spend(0)?;
        self.bytes.spend(0)
    }

    /// Objects counted so far.
    pub(crate) fn entities(&self) -> usize {
        self.entities.used.load(Ordering::Relaxed)
    }
}

impl Allowance {
    fn new(limit: &'static str, allowed: usize) -> Self {
        Self {
            limit,
            allowed,
            used: AtomicUsize::new(0),
        }
    }

    fn spend(&self, amount: usize) -> Result<(), Exceeded> {
        let before = self
            .used
            .update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.saturating_add(amount)
            });
        if before.saturating_add(amount) > self.allowed {
            return Err(Exceeded {
                limit: self.limit,
                allowed: self.allowed,
            });
        }
        Ok(())
    }

    fn refund(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

fn weigh<'g>(
    fetch: &Fetch,
    data: &Value,
    mut gathered: impl Iterator<Item = &'g EntityPositions>,
) -> Weight {
    match (&fetch.target, data) {
        (Target::Fields { path, .. }, data) => {
            let count = match gathered.next() {
                Some(gathered) if !path.is_empty() => gathered.positions().count(),
                _ => 1,
            };
            data.weight().times(count)
        }
        (Target::Entities(aliases), Value::Object(answer)) => {
            let mut weight = Weight::default();
            for (alias, gathered) in aliases.iter().zip(gathered) {
                weight.add(of_entities(entities(answer, alias.key), gathered));
            }
            weight
        }
        (Target::Entities(_), data) => data.weight(),
    }
}

fn entities(answer: &Object, key: crate::value::Symbol) -> &[Value] {
    match answer.get(key) {
        Some(Value::List(entities)) => entities,
        _ => &[],
    }
}

/// Counts each entity once per position.
fn of_entities(entities: &[Value], positions: &EntityPositions) -> Weight {
    let weights: Vec<Weight> = entities.iter().map(Value::weight).collect();
    let mut weight = Weight::default();
    for (index, _) in positions.positions() {
        if let Some(entity) = weights.get(index) {
            weight.add(*entity);
        }
    }
    weight
}
