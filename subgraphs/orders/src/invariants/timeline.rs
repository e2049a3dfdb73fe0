//! Timelines: an order has the status that its timeline leads to, by legal transitions, and DELIVERED means that everything
//! has arrived.

use platform::invariants::Violation;
use resolvers::id::IdKind;
use uuid::Uuid;

use super::order::OrderData;
use crate::events;
use crate::rules::parcel_content::{self, Units};
use crate::rules::status::{OrderStatus, transition};

/// An order's status does not follow from its timeline.
pub(super) const TIMELINE: &str = "order_timeline";
/// An order is delivered, and something of it has not arrived; or parcels have more than was ordered.
pub(super) const DELIVERY: &str = "order_delivery";

pub(super) fn check(order: &OrderData) -> Vec<Violation> {
    let mut found: Vec<_> = status(order).into_iter().collect();
    found.extend(times(order));
    found.extend(delivery(order));
    found.extend(content(order));
    let entries: Vec<&str> = order
        .events
        .iter()
        .map(|entry| entry.event.as_str())
        .collect();
    let (id, is_published) = (order.id.as_str(), was_placed_here(order));
    let missing = order
        .published
        .check(id, events::PLACED, is_published, &entries);
    found.extend(missing);
    found
}

/// Whether the order was placed with an event, unlike those of the demo shop.
fn was_placed_here(order: &OrderData) -> bool {
    let row = &order.row;
    let is_charged = order.payment.as_ref();
    let is_charged = is_charged.is_some_and(|payment| payment.created_at == row.placed_at);
    is_charged || row.store_credit_amount > 0
}

/// The status that an entry of a timeline sets.
fn status_of(entry: &str) -> Option<OrderStatus> {
    Some(match entry {
        events::PLACED => OrderStatus::Pending,
        events::CONFIRMED => OrderStatus::Confirmed,
        events::SHIPPED => OrderStatus::Shipped,
        events::DELIVERED => OrderStatus::Delivered,
        events::CANCELLED => OrderStatus::Cancelled,
        _ => return None,
    })
}

/// Entries have the carrier's times, so their order is that of the statuses, each of which an order has once.
fn status(order: &OrderData) -> Option<Violation> {
    let entries = order.events.iter();
    let mut statuses: Vec<_> = entries
        .filter_map(|entry| status_of(&entry.event))
        .collect();
    statuses.sort_unstable_by_key(|status| position(*status));
    let starts = statuses.first() == Some(&OrderStatus::Pending);
    let is_legal = starts
        && statuses
            .windows(2)
            .all(|pair| transition(pair[0], pair[1]).is_ok());
    let ends = statuses.last() == Some(&order.row.status);
    if is_legal && ends {
        return None;
    }
    let names: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
    let status = order.row.status.as_str();
    let expected = format!("a timeline that legally leads to {status}");
    let found = match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    Some(Violation::new(TIMELINE, &order.id, expected, found))
}

/// The place of a status in every timeline.
const fn position(status: OrderStatus) -> u8 {
    match status {
        OrderStatus::Pending => 0,
        OrderStatus::Confirmed => 1,
        OrderStatus::Shipped => 2,
        OrderStatus::Delivered => 3,
        OrderStatus::Cancelled => 4,
    }
}

fn times(order: &OrderData) -> Vec<Violation> {
    let row = &order.row;
    let times = [
        (events::CONFIRMED, row.confirmed_at),
        (events::SHIPPED, row.shipped_at),
        (events::DELIVERED, row.delivered_at),
        (events::CANCELLED, row.cancelled_at),
    ];
    let mut found = Vec::new();
    for (event, time) in times {
        let entry = order.events.iter().find(|entry| entry.event == event);
        let expected = match (entry, time) {
            (Some(_), None) => format!("a time for {event}, which is in the timeline"),
            (None, Some(_)) => format!("{event} in the timeline, since there is a time for it"),
            (Some(_), Some(_)) | (None, None) => continue,
        };
        found.push(Violation::new(TIMELINE, &order.id, expected, "none"));
    }
    found
}

/// Finds lines of which parcels have more units than were ordered. What came back may be sent again.
fn content(order: &OrderData) -> Vec<Violation> {
    let is_back = |parcel: Uuid| {
        let mut parcels = order.parcels.iter();
        parcels.any(|known| known.id == parcel && known.returned_at.is_some())
    };
    let mut found = Vec::new();
    for item in &order.items {
        let lines = order.parcel_lines.iter();
        let sent: i64 = lines
            .filter(|line| line.order_item_id == item.id && !is_back(line.parcel_id))
            .map(|line| i64::from(line.quantity))
            .sum();
        if sent > i64::from(item.quantity) {
            let id = IdKind::OrderItem.format(item.id);
            let expected = format!("at most {} units of {id} in parcels", item.quantity);
            found.push(Violation::new(DELIVERY, &order.id, expected, sent));
        }
    }
    found
}

/// Orders without registered parcels follow what tracking says of all.
fn delivery(order: &OrderData) -> Vec<Violation> {
    let is_delivered = order.row.status == OrderStatus::Delivered;
    if !is_delivered || order.parcels.is_empty() {
        return Vec::new();
    }
    let ordered = order.items.iter().map(|item| Units {
        item: item.id,
        quantity: item.quantity,
    });
    let sent = order.parcel_lines.iter().map(|line| Units {
        item: line.order_item_id,
        quantity: line.quantity,
    });
    let sent: Vec<_> = sent.collect();
    let mut found = Vec::new();
    for left in parcel_content::left(&ordered.collect::<Vec<_>>(), &sent) {
        let item = IdKind::OrderItem.format(left.item);
        let expected = format!("all units of {item} in parcels");
        let found_units = format!("{} in none", left.quantity);
        found.push(Violation::new(DELIVERY, &order.id, expected, found_units));
    }
    for parcel in &order.parcels {
        // What came back after the delivery may have been sent again.
        let mut came_back = order.parcels.iter().filter_map(|other| other.returned_at);
        let is_sent_again = came_back.any(|at| parcel.registered_at >= at);
        if parcel.delivered_at.is_none() && parcel.returned_at.is_none() && !is_sent_again {
            let expected = format!(
                "the parcel {} to have arrived",
                IdKind::Shipment.format(parcel.id)
            );
            found.push(Violation::new(
                DELIVERY,
                &order.id,
                expected,
                "that it has not",
            ));
        }
    }
    found
}
