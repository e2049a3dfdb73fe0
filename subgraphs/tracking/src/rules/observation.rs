//! What carriers report about parcels.

use chrono::{DateTime, Utc};
use platform::carriers::Moment;

use super::status::TrackingStatus;

/// A scan as a carrier reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    pub status: TrackingStatus,
    pub location: Option<String>,
    /// `None` if the carrier gives none: the status is the current one.
    pub at: Option<Moment>,
}

/// A scan with a resolved time, ready to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub status: TrackingStatus,
    pub location: Option<String>,
    /// When it happened, by the carrier's clock.
    pub time: DateTime<Utc>,
    /// UTC was assumed: no offset was given, and the place's time zone is unknown.
    pub zone_assumed: bool,
    /// `None` if the report has none, which changes nothing.
    pub estimated_delivery: Option<DateTime<Utc>>,
}
