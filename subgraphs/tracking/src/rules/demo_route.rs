//! The routes of demo parcels, on which the demo shop's parcels were sent.

use super::status::TrackingStatus as Status;

/// A place on a route, and the carrier's status there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub status: Status,
    pub place: &'static str,
}

const fn stop(status: Status, place: &'static str) -> Stop {
    Stop { status, place }
}

const fn route(places: [&'static str; 5]) -> [Stop; 5] {
    let [warehouse, hub, center, van, door] = places;
    [
        stop(Status::Shipped, warehouse),
        stop(Status::InTransit, hub),
        stop(Status::InTransit, center),
        stop(Status::OutForDelivery, van),
        stop(Status::Delivered, door),
    ]
}

/// Where routes share a place, the first one is used from there.
const ROUTES: [[Stop; 5]; 11] = [
    route([
        "Warehouse, Chicago IL",
        "Sort Facility, Columbus OH",
        "Distribution Center, Newark NJ",
        "Local Delivery Vehicle, Brooklyn NY",
        "Brooklyn NY",
    ]),
    route([
        "Warehouse, Louisville KY",
        "Sort Facility, Denver CO",
        "Distribution Center, Ontario CA",
        "Local Delivery Vehicle, Pasadena CA",
        "Pasadena CA",
    ]),
    route([
        "Warehouse, Louisville KY",
        "Sort Facility, Memphis TN",
        "Distribution Center, Dallas TX",
        "Local Delivery Vehicle, Austin TX",
        "Austin TX",
    ]),
    route([
        "Warehouse, Chicago IL",
        "International Hub, Newark NJ",
        "Gateway, Frankfurt",
        "Delivery Van, Leipzig",
        "Leipzig",
    ]),
    route([
        "Warehouse, Chicago IL",
        "International Hub, Newark NJ",
        "Gateway, Paris",
        "Delivery Van, Lyon",
        "Lyon",
    ]),
    route([
        "Warehouse, Chicago IL",
        "International Hub, Newark NJ",
        "Gateway, East Midlands",
        "Delivery Van, Leeds",
        "Leeds",
    ]),
    route([
        "Warehouse, Chicago IL",
        "Customs, Buffalo NY",
        "Sort Facility, Toronto ON",
        "Delivery Vehicle, Ottawa ON",
        "Ottawa ON",
    ]),
    route([
        "Warehouse, Louisville KY",
        "International Hub, Los Angeles CA",
        "Gateway, Sydney NSW",
        "Delivery Van, Newcastle NSW",
        "Newcastle NSW",
    ]),
    route([
        "Warehouse, Louisville KY",
        "International Hub, Los Angeles CA",
        "Gateway, Narita",
        "Delivery Van, Yokohama",
        "Yokohama",
    ]),
    route([
        "Warehouse, Louisville KY",
        "International Hub, Miami FL",
        "Customs, Guarulhos SP",
        "Delivery Van, Campinas SP",
        "Campinas SP",
    ]),
    route([
        "Warehouse, Louisville KY",
        "Customs, Laredo TX",
        "Sort Facility, Mexico City",
        "Delivery Van, Puebla",
        "Puebla",
    ]),
];

/// Statuses from which [`next`] continues.
pub(crate) const MOVING: [Status; 7] = [
    Status::LabelCreated,
    Status::Shipped,
    Status::InTransit,
    Status::OutForDelivery,
    Status::DeliveryAttempted,
    Status::AvailableForPickup,
    Status::Exception,
];

/// A parcel's next stop, or `None` at the end: on the route of its current place, or else on the one chosen by `key`.
/// `nobody_home` makes a delivery attempt fail.
pub(crate) fn next(
    key: u128,
    status: Status,
    place: Option<&str>,
    nobody_home: bool,
) -> Option<Stop> {
    let route = ROUTES
        .iter()
        .find(|route| route.iter().any(|stop| Some(stop.place) == place))
        // The remainder is a valid index.
        .unwrap_or(&ROUTES[(key % ROUTES.len() as u128) as usize]);
    let at = route
        .iter()
        .position(|stop| stop.status == status && Some(stop.place) == place);
    let first = |status| route.iter().position(|stop| stop.status == status);
    let next = match (status, at) {
        (Status::OutForDelivery, _) if nobody_home => {
            return Some(Stop {
                status: Status::DeliveryAttempted,
                ..route[first(Status::OutForDelivery)?]
            });
        }
        (_, Some(at)) => Some(at + 1),
        (Status::LabelCreated, None) => Some(0),
        (Status::Shipped | Status::Exception, None) => first(Status::InTransit),
        (Status::InTransit | Status::DeliveryAttempted, None) => first(Status::OutForDelivery),
        (Status::OutForDelivery | Status::AvailableForPickup, None) => first(Status::Delivered),
        (Status::Delivered | Status::Returning, None) => None,
    }?;
    route.get(next).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stops after the label, for a parcel at this place.
    fn way(key: u128, place: Option<&'static str>) -> Vec<Stop> {
        let (mut status, mut place) = (Status::LabelCreated, place);
        let mut passed = Vec::new();
        while let Some(stop) = next(key, status, place, false) {
            (status, place) = (stop.status, Some(stop.place));
            passed.push(stop);
        }
        passed
    }

    #[test]
    fn every_way_leads_from_the_warehouse_to_a_door() {
        for key in 0..ROUTES.len() as u128 {
            let statuses: Vec<_> = way(key, None).iter().map(|stop| stop.status).collect();
            let expected = ROUTES[0].map(|stop| stop.status);
            assert_eq!(statuses, expected, "{key}");
        }
        assert_eq!(way(7, Some("Brooklyn NY")), ROUTES[0]);
        assert_eq!(way(7, Some("Pasadena CA")), ROUTES[1]);
    }

    #[test]
    fn a_parcel_past_the_shared_places_stays_on_its_route() {
        for route in ROUTES {
            let center = route[2];
            let van = next(0, center.status, Some(center.place), false);
            assert_eq!(van, Some(route[3]));
            assert_eq!(
                next(0, route[3].status, Some(route[3].place), false),
                Some(route[4])
            );
        }
    }

    #[test]
    fn every_moving_parcel_arrives_from_wherever_it_is() {
        for from in MOVING {
            let mut status = from;
            let mut place = Some("somewhere else");
            let mut steps = 0;
            while let Some(stop) = next(3, status, place, false) {
                (status, place) = (stop.status, Some(stop.place));
                steps += 1;
                assert!(steps < 10, "{from:?} goes in circles");
            }
            assert_eq!(status, Status::Delivered, "{from:?}");
        }
        assert_eq!(next(0, Status::Delivered, None, false), None);
    }

    #[test]
    fn when_nobody_is_home_the_carrier_comes_again() {
        let out = ROUTES[0][3];
        let attempt = next(0, out.status, Some(out.place), true).unwrap();
        assert_eq!(attempt.status, Status::DeliveryAttempted);
        let again = next(0, attempt.status, Some(attempt.place), true).unwrap();
        assert_eq!(again, out);
    }
}
