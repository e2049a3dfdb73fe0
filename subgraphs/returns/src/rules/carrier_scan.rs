//! Interprets the carrier's scans of a return's package. Scans arrive late, repeated and in any order, so the outcome
//! depends on the set of scans and not on their order of arrival.

use chrono::{DateTime, Utc};
use platform::carriers::Moment;

use super::status::ReturnStatus;

/// The package's known state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScanSummary {
    /// When the carrier received it.
    pub scanned_at: Option<DateTime<Utc>>,
    /// When it was delivered to the warehouse.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was turned back to the customer; a later delivery is to the customer.
    pub turned_back_at: Option<DateTime<Utc>>,
}

/// What a scan says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanStatus {
    /// The carrier has the package.
    UnderWay,
    Delivered,
    /// It was turned back to the customer.
    TurnedBack,
    /// Nothing about where the package is.
    Other,
}

impl ScanStatus {
    /// From EasyPost's name; `None` if it is unknown.
    pub(crate) fn of(status: &str) -> Option<Self> {
        Some(match status {
            "in_transit" | "out_for_delivery" | "available_for_pickup" => Self::UnderWay,
            "delivered" => Self::Delivered,
            "return_to_sender" => Self::TurnedBack,
            "unknown" | "pre_transit" | "failure" | "cancelled" | "error" => Self::Other,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    pub status: ScanStatus,
    /// `None` if it cannot be read; the scan's position in the list then determines it.
    pub at: Option<Moment>,
}

/// A tracker's scans.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrackerScans {
    /// The details, oldest first.
    pub details: Vec<Scan>,
    /// The tracker's own status, for carriers without details.
    pub current: Option<Scan>,
}

impl TrackerScans {
    pub(crate) fn is_empty(&self) -> bool {
        self.details.is_empty() && self.current.is_none()
    }

    /// The scans of the parcel that was registered then, oldest first; the others are those of earlier parcels with the
    /// same number. A detail without a readable time belongs with the one before it.
    pub(crate) fn of_parcel(self, registered_at: DateTime<Utc>) -> Vec<Scan> {
        let is_earlier = |scan: &Scan| Some(scan.at?.is_of_earlier_parcel(registered_at));
        let mut own = self.details;
        let reported = own.len();
        let mut is_of_earlier = own.iter().find_map(is_earlier).unwrap_or(false);
        own.retain(|scan| {
            is_of_earlier = is_earlier(scan).unwrap_or(is_of_earlier);
            !is_of_earlier
        });
        // Its time is that of EasyPost's last look, so it does not tell which parcel it is about.
        if own.len() == reported {
            let current = self.current;
            own.extend(current.filter(|scan| is_earlier(scan) != Some(true)));
        }
        own
    }
}

impl ScanSummary {
    /// Summarizes scans, oldest first. A scan in the future counts as now, since the carrier's clock is wrong.
    pub(crate) fn of(scans: &[Scan], now: DateTime<Utc>) -> Self {
        let mut summary = Self::default();
        let earlier = |known: Option<DateTime<Utc>>, at| known.map_or(at, |known| known.min(at));
        for (&Scan { status, .. }, at) in scans.iter().zip(times(scans, now)) {
            if matches!(status, ScanStatus::UnderWay | ScanStatus::Delivered) {
                summary.scanned_at = Some(earlier(summary.scanned_at, at));
            }
            if status == ScanStatus::Delivered {
                summary.delivered_at = Some(earlier(summary.delivered_at, at));
            }
            if status == ScanStatus::TurnedBack {
                summary.turned_back_at = Some(earlier(summary.turned_back_at, at));
            }
        }
        summary.turned_back(None)
    }

    /// Adjusts the summary for a package known to have been turned back at that time: later scans say nothing about its
    /// way to the warehouse.
    pub(crate) fn turned_back(mut self, known: Option<DateTime<Utc>>) -> Self {
        self.turned_back_at = [self.turned_back_at, known].into_iter().flatten().min();
        if let Some(turned) = self.turned_back_at {
            let prior = |at: &DateTime<Utc>| *at < turned;
            self.scanned_at = self.scanned_at.filter(prior);
            self.delivered_at = self.delivered_at.filter(prior);
        }
        self
    }
}

/// When each of these scans happened, oldest first. Exact times are used as they are. A time without an offset, a date
/// alone or no time lies between the exact times around it, as late as possible if nothing else is known: a scan that
/// follows the turn back must never seem to precede it.
fn times(scans: &[Scan], now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let exact = |scan: &Scan| {
        let moment = scan.at.filter(Moment::is_exact)?;
        Some(moment.at.min(now))
    };
    let mut next = now;
    let mut times = Vec::with_capacity(scans.len());
    for scan in scans.iter().rev() {
        times.push(match (exact(scan), scan.at) {
            (Some(at), _) => {
                next = at;
                at
            }
            (None, Some(moment)) if scan.status == ScanStatus::Delivered => {
                moment.latest().min(next)
            }
            (None, Some(moment)) => moment.at.min(next),
            (None, None) => next,
        });
    }
    times.reverse();
    let mut previous = None;
    for (scan, at) in scans.iter().zip(&mut times) {
        match (exact(scan), previous) {
            (Some(exact), _) => previous = Some(exact),
            (None, Some(previous)) => *at = previous.max(*at),
            (None, None) => {}
        }
    }
    times
}

/// The consequence of the scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanOutcome {
    Nothing,
    /// The carrier has the package: the refund is due.
    Scanned(DateTime<Utc>),
    /// It was delivered after the refund was issued.
    Completed,
    /// The package was no longer expected; needs manual review.
    Unexpected,
    /// The customer is getting the package back: a person has to look at it.
    TurnedBack,
}

/// The consequence for a return in this status.
pub(crate) fn outcome(status: ReturnStatus, summary: &ScanSummary) -> ScanOutcome {
    if summary.turned_back_at.is_some()
        && matches!(
            status,
            ReturnStatus::LabelGenerated | ReturnStatus::RefundIssued
        )
    {
        return ScanOutcome::TurnedBack;
    }
    let Some(scanned_at) = summary.scanned_at else {
        return ScanOutcome::Nothing;
    };
    match status {
        // Support is already reviewing it.
        ReturnStatus::ManualReview if summary.turned_back_at.is_some() => ScanOutcome::Nothing,
        ReturnStatus::LabelGenerated | ReturnStatus::ManualReview => {
            ScanOutcome::Scanned(scanned_at)
        }
        ReturnStatus::RefundIssued if summary.delivered_at.is_some() => ScanOutcome::Completed,
        ReturnStatus::Cancelled => ScanOutcome::Unexpected,
        ReturnStatus::Initiated
        | ReturnStatus::CarrierScanned
        | ReturnStatus::RefundIssued
        | ReturnStatus::Completed => ScanOutcome::Nothing,
    }
}

#[cfg(test)]
mod tests;
