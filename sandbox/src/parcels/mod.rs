//! Parcels of all carriers: where they are, and where they go next.

mod carrier;
mod journey;
mod parcel;
mod place;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

pub use carrier::Carrier;
pub(crate) use journey::Scenario;
pub use parcel::{ExistingParcel, Status};
pub(crate) use parcel::{Parcel, Scan};
pub(crate) use place::Place;

/// Every parcel known to a carrier, by tracking number.
#[derive(Debug, Default)]
pub(crate) struct Parcels {
    parcels: IndexMap<String, Parcel>,
    /// When parcels move next, so that idle ones cost nothing.
    due: BTreeMap<DateTime<Utc>, Vec<String>>,
}

impl Parcels {
    pub(crate) fn get(&self, number: &str) -> Option<&Parcel> {
        self.parcels.get(number)
    }

    /// Adds or replaces a parcel.
    pub(crate) fn put(&mut self, parcel: Parcel) {
        if let Some(due) = parcel.next_due() {
            self.due.entry(due).or_default().push(parcel.number.clone());
        }
        self.parcels.insert(parcel.number.clone(), parcel);
    }

    /// Loads a parcel that was handed to the carrier elsewhere, and returns whether it is new; a known one is kept.
    pub(crate) fn load(&mut self, known: ExistingParcel) -> bool {
        let is_new = !self.parcels.contains_key(&known.number);
        if is_new {
            self.put(Parcel::from_existing(known));
        }
        is_new
    }

    /// The parcel with this number. An unknown number in the carrier's format is a label that was printed but not
    /// handed over: it stays until it is moved.
    pub(crate) fn of_carrier(
        &mut self,
        carrier: Carrier,
        number: &str,
        now: DateTime<Utc>,
    ) -> Option<&Parcel> {
        if !self.parcels.contains_key(number) {
            if Carrier::of(number) != Some(carrier) {
                return None;
            }
            self.put(Parcel::awaiting_handover(carrier, number, now));
        }
        self.parcels
            .get(number)
            .filter(|parcel| parcel.carrier == carrier)
    }

    /// Changes a parcel and reschedules its next move.
    pub(crate) fn change<T>(
        &mut self,
        number: &str,
        change: impl FnOnce(&mut Parcel) -> T,
    ) -> Option<T> {
        let parcel = self.parcels.get_mut(number)?;
        let changed = change(parcel);
        if let Some(due) = parcel.next_due() {
            self.due.entry(due).or_default().push(number.to_owned());
        }
        Some(changed)
    }

    /// Moves parcels up to this time. Returns their numbers, once for each move.
    pub(crate) fn advance(&mut self, now: DateTime<Utc>) -> Vec<String> {
        let mut moved = Vec::new();
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() > now {
                break;
            }
            for number in entry.remove() {
                if self.change(&number, |parcel| parcel.advance(now)) == Some(true) {
                    moved.push(number);
                }
            }
        }
        moved
    }

    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.due.keys().next().copied()
    }
}
