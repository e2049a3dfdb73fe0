//! One parcel: its history and its future steps.

use std::collections::VecDeque;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::carrier::Carrier;
use super::journey::{Scenario, Step};
use super::place::Place;
use crate::carriers::Oddity;

/// The status of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    LabelCreated,
    Shipped,
    InTransit,
    OutForDelivery,
    DeliveryAttempted,
    AvailableForPickup,
    Delivered,
    Returning,
    Exception,
}

/// A parcel handed to its carrier before the sandbox was started.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExistingParcel {
    pub number: String,
    pub carrier: Carrier,
    pub status: Status,
    /// Such as `Sort Facility, Columbus OH`.
    #[serde(default)]
    pub location: String,
    /// When it was scanned there.
    pub at: DateTime<Utc>,
    #[serde(default)]
    pub estimated_delivery: Option<DateTime<Utc>>,
    /// The town to which it continues, such as `Austin TX`. By default it stays where it is until it is moved.
    #[serde(default)]
    pub destination: Option<String>,
}

/// A carrier's scan.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) status: Status,
    pub(crate) place: Place,
    pub(crate) at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) number: String,
    pub(crate) carrier: Carrier,
    pub(crate) from: Place,
    pub(crate) to: Place,
    /// Oldest first, never empty.
    scans: Vec<Scan>,
    scenario: Scenario,
    /// Future steps with their times, once the journey has begun.
    ahead: VecDeque<(DateTime<Utc>, Step)>,
    pub(crate) estimated_delivery: Option<DateTime<Utc>>,
    /// Its oddities, if they were set.
    pub(crate) oddities: Option<Vec<Oddity>>,
}

/// The assumed age of a label that the carrier has not heard of: older than anything others know about it.
const UNHEARD_OF_SINCE: Duration = Duration::days(14);

impl Parcel {
    /// A label, not handed over yet.
    pub(crate) fn labelled(
        carrier: Carrier,
        number: String,
        from: Place,
        to: Place,
        scenario: Scenario,
        now: DateTime<Utc>,
    ) -> Self {
        let scans = vec![Scan {
            status: Status::LabelCreated,
            place: from.clone(),
            at: now,
        }];
        Self {
            number,
            carrier,
            from,
            to,
            scans,
            scenario,
            ahead: VecDeque::new(),
            estimated_delivery: None,
            oddities: None,
        }
    }

    pub(super) fn from_existing(known: ExistingParcel) -> Self {
        let place = Place::parse(&known.location);
        Self {
            scans: vec![Scan {
                status: known.status,
                place: place.clone(),
                at: known.at,
            }],
            number: known.number,
            carrier: known.carrier,
            from: place.clone(),
            to: place,
            scenario: Scenario::Manual,
            ahead: VecDeque::new(),
            estimated_delivery: known.estimated_delivery,
            oddities: None,
        }
    }

    /// Continues the journey between these towns from its newest scan. A label is still to be handed over.
    pub(crate) fn continue_journey(
        &mut self,
        (from, to): (Place, Place),
        hour: Duration,
        now: DateTime<Utc>,
    ) {
        self.from = from;
        self.to = to;
        self.scenario = Scenario::Standard;
        if !self.was_handed_over() {
            return;
        }
        let last = self.last().clone();
        let steps = Scenario::Standard.steps(self.carrier, &self.from, &self.to);
        let passed = steps
            .iter()
            .rposition(|step| step.status == last.status && step.place.town() == last.place.town())
            .or_else(|| steps.iter().rposition(|step| step.status == last.status));
        let since = passed.map_or(0, |index| steps[index].hour);
        let ahead = steps.into_iter().skip(passed.map_or(0, |index| index + 1));
        self.ahead = ahead
            .map(|step| {
                let hours = i32::try_from(step.hour - since).unwrap_or(i32::MAX);
                (now + hour * hours, step)
            })
            .collect();
    }

    pub(super) fn awaiting_handover(carrier: Carrier, number: &str, now: DateTime<Utc>) -> Self {
        let place = Place::default();
        let printed = now - UNHEARD_OF_SINCE;
        Self::labelled(
            carrier,
            number.to_owned(),
            place.clone(),
            place,
            Scenario::Manual,
            printed,
        )
    }

    pub(crate) fn scans(&self) -> &[Scan] {
        &self.scans
    }

    /// The newest scan.
    pub(crate) fn last(&self) -> &Scan {
        // There is always at least one.
        &self.scans[self.scans.len() - 1]
    }

    pub(crate) fn was_handed_over(&self) -> bool {
        self.scans.len() > 1 || self.last().status != Status::LabelCreated
    }

    /// Hands the parcel to the carrier, which starts its journey. `hour` is how long an hour of it takes.
    pub(crate) fn hand_over(&mut self, place: Option<Place>, hour: Duration, now: DateTime<Utc>) {
        let place = place.unwrap_or_else(|| self.from.at("Pickup"));
        self.record_scan(Status::Shipped, place, now);
        self.ahead = self
            .scenario
            .steps(self.carrier, &self.from, &self.to)
            .into_iter()
            .map(|step| {
                (
                    now + hour * i32::try_from(step.hour).unwrap_or(i32::MAX),
                    step,
                )
            })
            .collect();
        if self.estimated_delivery.is_none() {
            let hours = i32::try_from(Scenario::PROMISED_HOURS).unwrap_or(i32::MAX);
            self.estimated_delivery = Some(now + hour * hours);
        }
    }

    /// Records a scan and cancels the rest of the scenario.
    pub(crate) fn record_scan(&mut self, status: Status, place: Place, now: DateTime<Utc>) {
        self.ahead.clear();
        self.scans.push(Scan {
            status,
            place,
            at: now,
        });
    }

    /// Continues with this scenario.
    pub(crate) fn set_scenario(&mut self, scenario: Scenario) {
        self.scenario = scenario;
    }

    /// Takes the next step if it is due, and returns whether it was.
    pub(super) fn advance(&mut self, now: DateTime<Utc>) -> bool {
        match self.ahead.front() {
            Some((due, _)) if *due <= now => {}
            _ => return false,
        }
        let Some((at, step)) = self.ahead.pop_front() else {
            return false;
        };
        self.scans.push(Scan {
            status: step.status,
            place: step.place,
            at,
        });
        true
    }

    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.ahead.front().map(|(due, _)| *due)
    }
}
