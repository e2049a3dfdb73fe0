//! Timelines: a return has the status that its timeline leads to, by legal transitions.

use std::borrow::Cow;

use platform::invariants::Violation;
use resolvers::id::IdKind;

use super::customer_return::ReturnData;
use crate::events;
use crate::rules::status::{ReturnStatus, timeline_event, transition};

/// A return's status does not follow from its timeline.
pub(super) const TIMELINE: &str = "return_timeline";

pub(super) fn check(of: &ReturnData) -> Vec<Violation> {
    let mut found: Vec<_> = status(of).into_iter().collect();
    let entries = of.events.iter();
    let is_issued = entries
        .clone()
        .any(|entry| entry.event == ReturnStatus::RefundIssued.as_str());
    if is_issued != of.row.refund_issued_at.is_some() {
        let expected = match is_issued {
            true => "the time of its refund, as in the timeline",
            false => "no refund, as in the timeline",
        };
        let stored = match of.row.refund_issued_at {
            Some(at) => at.to_rfc3339(),
            None => "none".to_owned(),
        };
        found.push(Violation::new(TIMELINE, &of.id, expected, stored));
    }
    // The demo shop has no events.
    let first = of.events.first();
    let is_published = first.is_some_and(|first| IdKind::Customer.parse(&first.actor).is_some());
    let types: Vec<_> = entries.map(|entry| event_type(&entry.event)).collect();
    let types: Vec<&str> = types.iter().map(AsRef::as_ref).collect();
    let initiated = events::event_type(ReturnStatus::Initiated);
    found.extend(of.published.check(&of.id, initiated, is_published, &types));
    found
}

/// The type of the event that is published with an entry.
fn event_type(entry: &str) -> Cow<'static, str> {
    match status_of(entry) {
        Some(ReturnStatus::Initiated) if entry == events::LABEL_WANTED_TIMELINE => {
            events::LABEL_WANTED.into()
        }
        Some(status) => events::event_type(status).into(),
        None => format!("return.{entry}").into(),
    }
}

/// The status that an entry of a timeline sets.
fn status_of(entry: &str) -> Option<ReturnStatus> {
    if entry == events::LABEL_WANTED_TIMELINE {
        return Some(ReturnStatus::Initiated);
    }
    let mut all = ReturnStatus::ALL.iter().copied();
    all.find(|status| timeline_event(*status) == entry)
}

fn status(of: &ReturnData) -> Option<Violation> {
    let wrong =
        |expected: String, found: String| Some(Violation::new(TIMELINE, &of.id, expected, found));
    let mut current: Option<ReturnStatus> = None;
    let mut is_refunded = false;
    for entry in &of.events {
        let Some(next) = status_of(&entry.event) else {
            continue;
        };
        is_refunded |= current == Some(ReturnStatus::RefundIssued);
        match current {
            None if next != ReturnStatus::Initiated => {
                let expected = "a timeline that begins with return_initiated".to_owned();
                return wrong(expected, entry.event.clone());
            }
            Some(from) => {
                if let Err(illegal) = transition(from, next, is_refunded) {
                    let expected = "only legal transitions in the timeline".to_owned();
                    let (from, to) = (illegal.from.as_str(), illegal.to.as_str());
                    return wrong(expected, format!("{from} to {to}"));
                }
            }
            None => {}
        }
        current = Some(next);
    }
    if current == Some(of.row.status) {
        return None;
    }
    let last = current.map_or("none", ReturnStatus::as_str);
    let expected = format!("the status {last}, the last of the timeline");
    wrong(expected, of.row.status.as_str().to_owned())
}
