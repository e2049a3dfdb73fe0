//! The reports parsed from a carrier's response, one per parcel, with parse issues.

use chrono::{DateTime, Utc};
use platform::carriers::{Moment, Place};
use serde_json::Value;

use crate::rules::observation::Scan;
use crate::rules::status::{Carrier, TrackingStatus};

/// A carrier's report of a parcel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// `None` if the response omits the number it was asked about.
    pub number: Option<String>,
    /// `None` if the sender's name for the carrier is unknown.
    pub carrier: Option<Carrier>,
    /// Unordered.
    pub scans: Vec<Scan>,
    pub estimated_delivery: Option<DateTime<Utc>>,
    /// What could not be parsed.
    pub issues: Vec<ParseIssue>,
}

/// Something that could not be parsed, or not with certainty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ParseIssue {
    /// A parcel without a number.
    Number,
    /// An element that is not a scan.
    Scan,
    /// A scan without a readable time.
    Time,
    /// A scan without any status.
    Status,
    /// An unknown code.
    UnknownCode(String),
    /// An invalid estimate.
    Estimate,
    /// A local time at a place whose time zone is unknown.
    Zone,
}

impl ParseIssue {
    /// The name in metrics and logs.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Scan => "scan",
            Self::Time => "time",
            Self::Status => "status",
            Self::UnknownCode(_) => "unknown_code",
            Self::Estimate => "estimate",
            Self::Zone => "zone_assumed",
        }
    }
}

impl Report {
    /// Whether there was something to parse, all of which failed. An unknown code does not count as failed.
    pub(crate) fn is_unreadable(&self) -> bool {
        let is_unread = |loss: &ParseIssue| {
            matches!(
                loss,
                ParseIssue::Number | ParseIssue::Scan | ParseIssue::Time | ParseIssue::Status
            )
        };
        self.scans.is_empty() && self.issues.iter().any(is_unread)
    }

    /// Parses elements independently: an invalid one does not affect the others. A scan without a readable time takes
    /// that of the scan before it, or else after it: `elements` are in order, oldest or newest first.
    pub(super) fn read_scans<'a>(
        &mut self,
        elements: &'a [Value],
        read: impl Fn(&'a Value) -> Result<ReadScan, ParseIssue>,
    ) {
        let elements: Vec<_> = elements.iter().map(read).collect();
        let times: Vec<_> = elements
            .iter()
            .map(|element| element.as_ref().ok().and_then(|read| read.scan.at))
            .collect();
        for (position, element) in elements.into_iter().enumerate() {
            match element {
                Ok(mut read) => {
                    if read.scan.at.is_none() {
                        self.issues.push(ParseIssue::Time);
                        read.scan.at = nearest(&times, position);
                    }
                    if read.scan.at.is_some() {
                        self.push(read);
                    }
                }
                Err(loss) => self.issues.push(loss),
            }
        }
    }

    pub(super) fn push(&mut self, read: ReadScan) {
        let ReadScan {
            scan,
            handed_to_sender,
        } = read;
        if scan.at.is_some_and(|moment| moment.zone_assumed) {
            self.issues.push(ParseIssue::Zone);
        }
        if handed_to_sender {
            // Delivered, but not to the recipient.
            self.scans.push(Scan {
                status: TrackingStatus::Returning,
                ..scan.clone()
            });
        }
        self.scans.push(scan);
    }

    /// The newest scan's time.
    pub(super) fn newest(&self) -> Option<DateTime<Utc>> {
        let times = self.scans.iter().filter_map(|scan| scan.at);
        times.map(|moment| moment.at).max()
    }

    /// Uses the first of these fields that is an estimate.
    pub(super) fn read_estimate(&mut self, fields: &[&Value], destination: &Place) {
        for field in fields {
            match estimate(field, destination) {
                Ok(None) => {}
                Ok(estimate) => {
                    self.estimated_delivery = estimate;
                    return;
                }
                Err(loss) => self.issues.push(loss),
            }
        }
    }
}

/// The earlier of the two nearest times, so that the event is not taken for a newer one than it is.
fn nearest(times: &[Option<Moment>], position: usize) -> Option<Moment> {
    let (left, right) = times.split_at(position);
    let left = left.iter().rev().find_map(|time| *time);
    let right = right.iter().find_map(|time| *time);
    [left, right]
        .into_iter()
        .flatten()
        .min_by_key(|moment| moment.at)
}

/// A parsed scan.
#[derive(Clone, Debug)]
pub(super) struct ReadScan {
    pub scan: Scan,
    /// Whether it is a delivery to the sender.
    pub handed_to_sender: bool,
}

impl ReadScan {
    pub(super) fn new(
        status: TrackingStatus,
        place: &Place,
        at: Option<Moment>,
        said: &str,
    ) -> Self {
        // Only a day is given: a final status is taken as the day's last event.
        let at = at.map(|moment| match status {
            TrackingStatus::Delivered => Moment {
                at: moment.latest(),
                ..moment
            },
            _ => moment,
        });
        Self {
            scan: Scan {
                status,
                location: place.label(),
                at,
            },
            handed_to_sender: status == TrackingStatus::Delivered && names_the_sender(said),
        }
    }
}

fn names_the_sender(said: &str) -> bool {
    let said = said.to_lowercase();
    said.contains("return")
        && ["sender", "shipper", "consignor"]
            .iter()
            .any(|whom| said.contains(whom))
}

/// A time with an offset, or local to a place.
pub(super) fn moment(field: &Value, place: &Place) -> Option<Moment> {
    Moment::read(&platform::json::text(field)?, place.zone())
}

fn estimate(field: &Value, destination: &Place) -> Result<Option<DateTime<Utc>>, ParseIssue> {
    if field.is_null() {
        return Ok(None);
    }
    // Carriers that give only a day promise no hour.
    let moment = moment(field, destination).ok_or(ParseIssue::Estimate)?;
    Ok(Some(moment.latest()))
}
