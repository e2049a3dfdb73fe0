//! Demo parcels: their carrier and progress.

use chrono::{DateTime, Duration, Utc};
use entities::orders::order::OrderStatus;
use entities::tracking::shipment::{Carrier, TrackingStatus};
use rand::RngExt;
use uuid::Uuid;

use super::orders::Order;
use super::{Plan, Stream};

pub(super) struct Shipment {
    pub(super) id: Uuid,
    pub(super) carrier: Carrier,
    pub(super) tracking_number: String,
    pub(super) estimated_delivery: DateTime<Utc>,
    /// Oldest first; the last one is the current status.
    pub(super) events: Vec<Event>,
}

pub(super) struct Event {
    pub(super) status: TrackingStatus,
    pub(super) location: String,
    pub(super) at: DateTime<Utc>,
}

/// The smallest number of ten digits, and how many there are.
const FIRST_NUMBER: u64 = 1_000_000_000;
const NUMBERS: u64 = 9_000_000_000;

/// A tracking number in the carrier's format, from ten digits.
pub(super) fn tracking_number(carrier: Carrier, digits: u64) -> String {
    let prefix = match carrier {
        Carrier::Dhl => "DHL",
        Carrier::Fedex => "FX",
        Carrier::Ups => "1Z999AA1",
        Carrier::Usps => "92055900362970",
    };
    format!("{prefix}{digits}")
}

/// Ten digits that look random and that no other order has: of a million random ones, some would be equal.
fn digits(index: u32) -> u64 {
    // A step that shares no factor with the number of results.
    FIRST_NUMBER + u64::from(index) * 2_654_435_761 % NUMBERS
}

impl Plan {
    /// The parcel of a shipped order.
    pub(super) fn shipment(&self, order: &Order) -> Option<Shipment> {
        let shipped_at = order.shipped_at?;
        let mut random = self.random(Stream::Shipment, order.index.into());
        // Not used any more, but what is drawn after it would be something else without it.
        let _: u64 = random.random_range(1_000_000_000..10_000_000_000);
        // The carriers' shares of the parcels: 35, 28, 22 and 15 percent.
        let by_share = match random.random_range(0..100) {
            0..35 => Carrier::Dhl,
            35..63 => Carrier::Fedex,
            63..85 => Carrier::Ups,
            _ => Carrier::Usps,
        };
        let carrier = order.carrier.unwrap_or(by_share);
        let arrival = order.delivered_at.unwrap_or(order.expected_at);
        let way = arrival - shipped_at;
        let place = order.customer.place;
        let [warehouse, hub, center, van] = place.route.map(str::to_owned);
        let stops = [
            (TrackingStatus::Shipped, warehouse, 0),
            (TrackingStatus::InTransit, hub, 35),
            (TrackingStatus::InTransit, center, 75),
            (TrackingStatus::OutForDelivery, van, 93),
            (TrackingStatus::Delivered, place.label(), 100),
        ];
        let delivered = order.status == OrderStatus::Delivered;
        let events = stops
            .into_iter()
            .map(|(status, location, percent)| Event {
                status,
                location,
                at: shipped_at + way * percent / 100,
            })
            .filter(|event| {
                if delivered {
                    true
                } else {
                    event.at <= self.now && event.status != TrackingStatus::Delivered
                }
            })
            .collect();
        Some(Shipment {
            id: self.id(Stream::Shipment, order.index.into()),
            carrier,
            tracking_number: tracking_number(carrier, digits(order.index)),
            estimated_delivery: arrival.max(self.now.min(arrival + Duration::days(1))),
            events,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_orders_have_the_same_digits() {
        let all: HashSet<u64> = (0..200_000).chain([u32::MAX]).map(digits).collect();
        assert_eq!(all.len(), 200_001);
        assert!(
            all.iter()
                .all(|digits| (FIRST_NUMBER..FIRST_NUMBER + NUMBERS).contains(digits))
        );
    }
}
