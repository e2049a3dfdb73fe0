//! What carriers report about parcels.

use chrono::{DateTime, Utc};

use super::carrier_time::Moment;
use super::status::TrackingStatus;

/// A scan as a carrier reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    pub status: TrackingStatus,
    pub location: Option<String>,
    /// `None` when the carrier does not say: the status is the current one.
    pub at: Option<Moment>,
}

/// A scan with its time resolved, ready to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub status: TrackingStatus,
    pub location: Option<String>,
    /// When it happened, by the carrier's time.
    pub time: DateTime<Utc>,
    /// The carrier gave no offset, and the time zone of the place is not known: UTC was assumed.
    pub zone_assumed: bool,
    /// `None` when the carrier says nothing about it, which changes nothing.
    pub estimated_delivery: Option<DateTime<Utc>>,
}
