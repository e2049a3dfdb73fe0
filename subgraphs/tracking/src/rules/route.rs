//! The routes that parcels of the demo take.

use crate::status::TrackingStatus as Status;

/// A place on a route, and what the carrier says there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub status: Status,
    pub place: &'static str,
}

const fn stop(status: Status, place: &'static str) -> Stop {
    Stop { status, place }
}

const ROUTES: [[Stop; 6]; 5] = [
    [
        stop(Status::Shipped, "Warehouse, Chicago IL"),
        stop(Status::InTransit, "Sort Facility, Columbus OH"),
        stop(Status::InTransit, "Sort Facility, Pittsburgh PA"),
        stop(Status::InTransit, "Distribution Center, Newark NJ"),
        stop(
            Status::OutForDelivery,
            "Local Delivery Vehicle, Brooklyn NY",
        ),
        stop(Status::Delivered, "Front Door, Brooklyn NY"),
    ],
    [
        stop(Status::Shipped, "Warehouse, Louisville KY"),
        stop(Status::InTransit, "Hub, Memphis TN"),
        stop(Status::InTransit, "Sort Facility, Dallas TX"),
        stop(Status::InTransit, "Distribution Center, Phoenix AZ"),
        stop(
            Status::OutForDelivery,
            "Local Delivery Vehicle, Los Angeles CA",
        ),
        stop(Status::Delivered, "Parcel Locker, Los Angeles CA"),
    ],
    [
        stop(Status::Shipped, "Warehouse, Leipzig DE"),
        stop(Status::InTransit, "Hub, Frankfurt DE"),
        stop(Status::InTransit, "Sort Facility, Liege BE"),
        stop(Status::InTransit, "Distribution Center, Paris FR"),
        stop(Status::OutForDelivery, "Local Delivery Vehicle, Lyon FR"),
        stop(Status::Delivered, "Reception, Lyon FR"),
    ],
    [
        stop(Status::Shipped, "Warehouse, Osaka JP"),
        stop(Status::InTransit, "Kansai International Airport JP"),
        stop(Status::InTransit, "Haneda Airport, Tokyo JP"),
        stop(Status::InTransit, "Distribution Center, Saitama JP"),
        stop(Status::OutForDelivery, "Local Delivery Vehicle, Tokyo JP"),
        stop(Status::Delivered, "Front Door, Tokyo JP"),
    ],
    [
        stop(Status::Shipped, "Warehouse, Toronto ON"),
        stop(Status::InTransit, "Sort Facility, Ottawa ON"),
        stop(Status::InTransit, "Hub, Winnipeg MB"),
        stop(Status::InTransit, "Distribution Center, Calgary AB"),
        stop(
            Status::OutForDelivery,
            "Local Delivery Vehicle, Vancouver BC",
        ),
        stop(Status::Delivered, "Mail Room, Vancouver BC"),
    ],
];

/// Statuses from which [`next`] leads on.
pub(crate) const MOVING: [&str; 7] = [
    Status::LabelCreated.as_str(),
    Status::Shipped.as_str(),
    Status::InTransit.as_str(),
    Status::OutForDelivery.as_str(),
    Status::DeliveryAttempted.as_str(),
    Status::AvailableForPickup.as_str(),
    Status::Exception.as_str(),
];

/// Where a parcel goes next on the route that `key` chooses, or `None` at the end. `nobody_home`
/// makes a delivery fail. A parcel that is nowhere on the route joins it.
pub(crate) fn next(
    key: u128,
    status: Status,
    place: Option<&str>,
    nobody_home: bool,
) -> Option<Stop> {
    // Fewer than six routes, so the remainder is a small index.
    let route = &ROUTES[(key % ROUTES.len() as u128) as usize];
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

    #[test]
    fn every_route_leads_from_the_label_to_the_door() {
        for key in 0..ROUTES.len() as u128 {
            let mut passed = Vec::new();
            let (mut status, mut place) = (Status::LabelCreated, None);
            while let Some(stop) = next(key, status, place, false) {
                (status, place) = (stop.status, Some(stop.place));
                passed.push(stop);
            }
            assert_eq!(passed, ROUTES[key as usize]);
        }
    }

    #[test]
    fn every_moving_parcel_arrives_from_wherever_it_is() {
        for stored in MOVING {
            let mut status = Status::parse(stored).unwrap();
            let mut place = Some("somewhere else");
            let mut steps = 0;
            while let Some(stop) = next(3, status, place, false) {
                (status, place) = (stop.status, Some(stop.place));
                steps += 1;
                assert!(steps < 10, "{stored} goes in circles");
            }
            assert_eq!(status, Status::Delivered, "{stored}");
        }
        assert_eq!(next(0, Status::Delivered, None, false), None);
    }

    #[test]
    fn when_nobody_is_home_the_carrier_comes_again() {
        let out = ROUTES[0][4];
        let attempt = next(0, out.status, Some(out.place), true).unwrap();
        assert_eq!(attempt.status, Status::DeliveryAttempted);
        let again = next(0, attempt.status, Some(attempt.place), true).unwrap();
        assert_eq!(again, out);
    }
}
