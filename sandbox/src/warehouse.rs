//! The warehouse: packs orders, registers their parcels at the shop by webhook, and hands them to carriers. Whoever runs
//! the sandbox tells it which orders wait.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::parcels::{Carrier, ExistingParcel, Parcel, Place, Scenario, Status};
use crate::provider::Provider;
use crate::world::World;

/// Where the warehouse is: the city that returns are sent to.
const CITY: (&str, &str) = ("Louisville", "KY");

/// Hours from an order's arrival to its parcel, and from there to the carrier's first scan.
const PACKING_HOURS: i32 = 2;
const HANDOVER_HOURS: i32 = 2;

/// An order to send.
#[derive(Clone, Debug)]
pub struct WaitingOrder {
    /// The shop's id of the order, which the webhook repeats.
    pub id: String,
    pub city: String,
    /// A state's two letters, where there are some.
    pub region: Option<String>,
}

/// What is packed and not scanned yet.
#[derive(Debug, Default)]
pub(crate) struct Warehouse {
    /// By the order's id: where it goes, and when it is packed.
    waiting: BTreeMap<String, (Place, DateTime<Utc>)>,
    /// Numbers of packed parcels, and when the carrier gets them.
    packed: BTreeMap<String, DateTime<Utc>>,
}

impl Warehouse {
    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        let waiting = self.waiting.values().map(|(_, due)| *due);
        waiting.chain(self.packed.values().copied()).min()
    }
}

impl World {
    /// Replaces the orders that wait. Those that are gone were cancelled, or sent by somebody else.
    pub(crate) fn set_waiting_orders(&mut self, orders: Vec<WaitingOrder>) {
        let due = self.now + self.hours(PACKING_HOURS);
        let mut known = std::mem::take(&mut self.warehouse.waiting);
        self.warehouse.waiting = orders
            .into_iter()
            .map(|order| {
                let state = order.region.unwrap_or_default();
                let place = Place::town_of(&order.city, &state);
                let entry = known.remove(&order.id).unwrap_or((place, due));
                (order.id, entry)
            })
            .collect();
    }

    /// Packs orders and hands parcels over, as far as they are due.
    pub(crate) fn work_in_warehouse(&mut self) {
        let now = self.now;
        let due: Vec<_> = self
            .warehouse
            .waiting
            .extract_if(.., |_, (_, due)| *due <= now)
            .collect();
        for (order, (place, _)) in due {
            self.pack(&order, place);
        }
        let due: Vec<_> = self
            .warehouse
            .packed
            .extract_if(.., |_, due| *due <= now)
            .collect();
        let hour = self.hours(1);
        for (number, _) in due {
            let moved = self.parcels.change(&number, |parcel| {
                let is_first = !parcel.was_handed_over();
                if is_first {
                    parcel.hand_over(None, hour, now);
                }
                is_first
            });
            if moved == Some(true) {
                self.notify_movement(&number);
            }
        }
    }

    /// Loads a parcel that was handed over, or registered, before this sandbox was started.
    pub(crate) fn load_parcel(&mut self, known: ExistingParcel) {
        let (number, carrier) = (known.number.clone(), known.carrier);
        let to = known.destination.as_deref().map(Place::parse);
        let is_label = known.status == Status::LabelCreated;
        let is_new = self.parcels.load(known);
        let Some(to) = to.filter(|_| is_new) else {
            return;
        };
        let (hour, now) = (self.hours(1), self.now);
        self.parcels.change(&number, |parcel| {
            parcel.continue_journey((origin(), to), hour, now);
        });
        if carrier == Carrier::Usps {
            self.track(number.clone(), carrier, None, None);
        }
        if is_label {
            let due = now + self.hours(HANDOVER_HOURS);
            self.warehouse.packed.insert(number, due);
        }
    }

    fn pack(&mut self, order: &str, to: Place) {
        // The same after a restart, when the shop may have taken the webhook already.
        let (carrier, number) = label(self.config.seed, order);
        if self.parcels.get(&number).is_none() {
            let scenario = Scenario::Standard;
            let parcel =
                Parcel::labelled(carrier, number.clone(), origin(), to, scenario, self.now);
            self.parcels.put(parcel);
        }
        if carrier == Carrier::Usps {
            // Labels of the post come from EasyPost, which then tracks them.
            self.track(number.clone(), carrier, None, None);
        }
        let due = self.now + self.hours(HANDOVER_HOURS);
        self.warehouse.packed.insert(number.clone(), due);
        let body = json!({ "orderId": order, "carrier": carrier, "trackingNumber": number });
        let id = format!("{order}/{number}");
        let body = body.to_string().into_bytes();
        self.notify(Provider::Fulfilment, "shipment.registered", id, body);
    }

    fn hours(&self, hours: i32) -> Duration {
        let hour = Duration::from_std(self.config.pace.get()).unwrap_or(Duration::MAX);
        hour.checked_mul(hours).unwrap_or(Duration::MAX)
    }
}

fn origin() -> Place {
    Place::new("Warehouse", CITY.0, CITY.1)
}

/// The carrier and the tracking number of an order's parcel. The carriers' shares are 35, 28, 22 and 15 percent.
fn label(seed: u64, order: &str) -> (Carrier, String) {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(order);
    let hash = hash.finalize();
    let number = |from: usize| {
        let bytes = hash.iter().skip(from).take(8);
        bytes.fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let carrier = match number(0) % 100 {
        0..35 => Carrier::Dhl,
        35..63 => Carrier::Fedex,
        63..85 => Carrier::Ups,
        _ => Carrier::Usps,
    };
    let digits = number(8) % 10_000_000_000;
    let prefix = match carrier {
        Carrier::Dhl => "DHL",
        Carrier::Fedex => "FX",
        Carrier::Ups => "1Z999AA1",
        Carrier::Usps => "92055900362970",
    };
    (carrier, format!("{prefix}{digits:010}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::Config;

    #[test]
    fn carriers_have_their_shares_and_numbers_are_theirs() {
        let mut shares: HashMap<Carrier, u32> = HashMap::new();
        for order in 0..10_000 {
            let (carrier, number) = label(1, &format!("ord_{order}"));
            assert_eq!(Carrier::of(&number), Some(carrier), "{number}");
            *shares.entry(carrier).or_default() += 1;
        }
        for (carrier, percent) in [
            (Carrier::Dhl, 35),
            (Carrier::Fedex, 28),
            (Carrier::Ups, 22),
            (Carrier::Usps, 15),
        ] {
            let share = shares[&carrier];
            assert!(share.abs_diff(percent * 100) < 200, "{carrier:?}: {share}");
        }
    }

    fn order(id: &str) -> WaitingOrder {
        WaitingOrder {
            id: id.to_owned(),
            city: "Austin".to_owned(),
            region: Some("TX".to_owned()),
        }
    }

    #[test]
    fn a_waiting_order_is_packed_handed_over_and_arrives_at_its_address() {
        let start = DateTime::UNIX_EPOCH;
        let mut world = World::new(Config::default(), start);
        world.set_waiting_orders(vec![order("ord_1"), order("ord_2")]);
        world.advance(start + Duration::hours(1));
        // It was cancelled.
        world.set_waiting_orders(vec![order("ord_1")]);
        let (_, number) = label(1, "ord_1");
        world.advance(start + Duration::hours(2));
        assert!(!world.parcels.get(&number).unwrap().was_handed_over());
        world.advance(start + Duration::hours(4));
        let scan = world.parcels.get(&number).unwrap().last().clone();
        assert_eq!(scan.status, Status::Shipped);
        assert_eq!(scan.place.to_string(), "Pickup, Louisville KY");
        world.advance(start + Duration::hours(54));
        let scan = world.parcels.get(&number).unwrap().last().clone();
        assert_eq!(scan.status, Status::Delivered);
        assert_eq!(scan.place.to_string(), "Austin TX");
        let (_, cancelled) = label(1, "ord_2");
        assert!(world.parcels.get(&cancelled).is_none());
    }

    #[test]
    fn a_parcel_continues_after_a_restart_from_where_it_was() {
        let start = DateTime::UNIX_EPOCH;
        for (status, location, next, after) in [
            (Status::LabelCreated, "", "Pickup, Louisville KY", 2),
            (
                Status::Shipped,
                "Pickup, Louisville KY",
                "Sort Facility, Louisville KY",
                5,
            ),
            (
                Status::InTransit,
                "World Hub, Memphis TN",
                "Distribution Center, Austin TX",
                16,
            ),
            (
                Status::OutForDelivery,
                "Local Delivery Vehicle, Austin TX",
                "Austin TX",
                5,
            ),
        ] {
            let mut world = World::new(Config::default(), start);
            world.load_parcel(ExistingParcel {
                number: "FX1".to_owned(),
                carrier: Carrier::Fedex,
                status,
                location: location.to_owned(),
                at: start,
                estimated_delivery: None,
                destination: Some("Austin TX".to_owned()),
            });
            world.advance(start + Duration::hours(after));
            let scan = world.parcels.get("FX1").unwrap().last().clone();
            assert_eq!(scan.place.to_string(), next, "{status:?}");
        }
    }
}
