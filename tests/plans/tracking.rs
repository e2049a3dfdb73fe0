//! Finders of the tracking domain.

use chrono::{Duration, Utc};
use entities::tracking::shipment::{Carrier, TrackingStatus};
use entities::tracking::{change, event, shipment, shipment_line};

use super::planner::Planner;
use super::{ids, long_ago};

pub(crate) async fn wrong(db: &Planner) -> Vec<String> {
    let ([id, ..], now) = (ids(), Utc::now());
    let due = shipment::Due {
        polled_before: now,
        created_after: now - Duration::days(60),
    };
    wrong_plans!(
        db,
        "shipment::of_customer": shipment::of_customer(db, id, &ids()),
        "shipment::by_id": shipment::by_id(db, id),
        "shipment::of_orders": shipment::of_orders(db, id, &ids()),
        "shipment::of_order": shipment::of_order(db, id),
        "shipment::of_returns": shipment::of_returns(db, id, &ids()),
        "shipment::lock_journey": shipment::lock_journey(db, id, None),
        "shipment::lock_journey of a return": shipment::lock_journey(db, id, Some(id)),
        "shipment::of_orders_in": shipment::of_orders_in(db, &ids(), &[TrackingStatus::InTransit, TrackingStatus::Exception]),
        "shipment::by_number": shipment::by_number(db, Carrier::Dhl, "1"),
        "shipment::mark_registered": shipment::mark_registered(db, id, now),
        "shipment_line::of_shipments": shipment_line::of_shipments(db, &ids()),
        "shipment::due": shipment::due(db, Carrier::Dhl, due, None, 20),
        "shipment::due of orders": shipment::due(db, Carrier::Dhl, due, Some(&ids()), 20),
        "shipment::claim": shipment::claim(db, &ids(), due, now),
        "shipment::answered": shipment::answered(db, id, now),
        "shipment::record_failure": shipment::record_failure(db, id),
        "event::of_shipments": event::of_shipments(db, &ids()),
        "change::after": change::after(db, id, 1, 20),
        "change::sweep": change::sweep(db, long_ago(), 100),
        "shipment::page_of_customer": shipment::page_of_customer(db, id, Some(id), 100),
        "shipment::delete_places": shipment::delete_places(db, &ids()),
        "event::delete_places": event::delete_places(db, &ids()),
        "change::delete_of_journeys": change::delete_of_journeys(db, &ids()),
        "shipment::outward_least_recently_polled": shipment::outward_least_recently_polled(db, &[TrackingStatus::InTransit], true, 20),
        "shipment::outward_of_customer_in": shipment::outward_of_customer_in(db, id, &[TrackingStatus::InTransit]),
        "shipment::by_number_alone": shipment::by_number_alone(db, &[Carrier::Dhl, Carrier::Ups], "1"),
        "shipment::overdue": shipment::overdue(db, now - Duration::days(30), 20),
        "shipment::mark_overdue": shipment::mark_overdue(db, &ids(), now),
    )
}
