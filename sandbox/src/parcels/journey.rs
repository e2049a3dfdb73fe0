//! Journeys: what happens to a parcel after it is handed over, and when.

use serde::{Deserialize, Serialize};

use super::carrier::Carrier;
use super::parcel::Status;
use super::place::Place;

/// The course of a journey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scenario {
    /// The parcel stays where it is until it is moved.
    #[default]
    Manual,
    /// Delivered in two days.
    Standard,
    /// Two days late.
    Delayed,
    /// The first delivery attempt fails.
    Attempted,
    /// Waits at one of the carrier's pickup points.
    PickupPoint,
    /// Is held up on the way, and arrives in the end.
    Exception,
    /// Is not accepted, and is returned to its sender.
    Returned,
    /// Never seen again.
    Lost,
}

/// Where a step happens.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Origin,
    Hub,
    Center,
    Van,
    Door,
    Shop,
}

/// A future step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Hours since the journey began.
    pub(crate) hour: u32,
    pub(crate) status: Status,
    pub(crate) place: Place,
}

impl Scenario {
    /// The steps after the carrier received the parcel, in order.
    pub(super) fn steps(self, carrier: Carrier, from: &Place, to: &Place) -> Vec<Step> {
        use Status::*;
        use Stop::*;
        let steps: &[(u32, Status, Stop)] = match self {
            Self::Manual => &[],
            Self::Standard => &[
                (5, InTransit, Origin),
                (14, InTransit, Hub),
                (30, InTransit, Center),
                (44, OutForDelivery, Van),
                (49, Delivered, Door),
            ],
            Self::Delayed => &[
                (5, InTransit, Origin),
                (14, InTransit, Hub),
                (62, InTransit, Hub),
                (78, InTransit, Center),
                (92, OutForDelivery, Van),
                (97, Delivered, Door),
            ],
            Self::Attempted => &[
                (14, InTransit, Hub),
                (30, InTransit, Center),
                (44, OutForDelivery, Van),
                (48, DeliveryAttempted, Door),
                (68, OutForDelivery, Van),
                (72, Delivered, Door),
            ],
            Self::PickupPoint => &[
                (14, InTransit, Hub),
                (30, InTransit, Center),
                (44, OutForDelivery, Van),
                (48, DeliveryAttempted, Door),
                (50, AvailableForPickup, Shop),
                (74, Delivered, Shop),
            ],
            Self::Exception => &[
                (14, InTransit, Hub),
                (20, Exception, Hub),
                (54, InTransit, Center),
                (68, OutForDelivery, Van),
                (73, Delivered, Door),
            ],
            Self::Returned => &[
                (14, InTransit, Hub),
                (30, InTransit, Center),
                (44, OutForDelivery, Van),
                (48, DeliveryAttempted, Door),
                (68, OutForDelivery, Van),
                (72, DeliveryAttempted, Door),
                (96, Returning, Center),
                (120, Returning, Hub),
                (144, Delivered, Origin),
            ],
            Self::Lost => &[(5, InTransit, Origin), (14, InTransit, Hub)],
        };
        steps
            .iter()
            .map(|&(hour, status, stop)| Step {
                hour,
                status,
                place: match stop {
                    Origin => from.at("Sort Facility"),
                    Hub => carrier.hub(),
                    Center => to.at("Distribution Center"),
                    Van => to.at("Local Delivery Vehicle"),
                    Door => to.at(""),
                    Shop => to.at("Pickup Point"),
                },
            })
            .collect()
    }

    /// Hours from handover to the delivery that the carrier promises.
    pub(super) const PROMISED_HOURS: i64 = 49;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_journey_goes_forward_in_time_and_ends_as_it_says() {
        let place = Place::new("", "Brooklyn", "NY");
        for (scenario, last) in [
            (Scenario::Standard, Status::Delivered),
            (Scenario::Delayed, Status::Delivered),
            (Scenario::Attempted, Status::Delivered),
            (Scenario::PickupPoint, Status::Delivered),
            (Scenario::Exception, Status::Delivered),
            (Scenario::Returned, Status::Delivered),
            (Scenario::Lost, Status::InTransit),
        ] {
            let steps = scenario.steps(Carrier::Ups, &place, &place);
            assert!(steps.is_sorted_by(|a, b| a.hour < b.hour), "{scenario:?}");
            assert_eq!(
                steps.last().map(|step| step.status),
                Some(last),
                "{scenario:?}"
            );
        }
    }
}
