//! Counts unparsable carrier data, and logs it once per kind and carrier, because carriers repeat it in every response.

use std::collections::HashSet;
use std::sync::Arc;

use metrics::counter;
use parking_lot::Mutex;

use super::report::ParseIssue;
use crate::rules::status::Carrier;

/// The kinds already logged. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct ParseIssues(Arc<Mutex<HashSet<(Carrier, ParseIssue)>>>);

/// Carriers may invent codes, so the number of logged kinds is bounded.
const MOST_LOGGED: usize = 500;
/// Codes come from the carrier, so their length is bounded.
const LONGEST_CODE: usize = 40;

impl ParseIssues {
    pub(super) fn note(&self, sender: Carrier, issues: &[ParseIssue]) {
        for loss in issues {
            let (carrier, reason) = (sender.as_str(), loss.reason());
            counter!("vantage_tracking_unreadable_total", "carrier" => carrier, "reason" => reason)
                .increment(1);
            let code = match loss {
                ParseIssue::UnknownCode(code) => code.chars().take(LONGEST_CODE).collect(),
                _ => String::new(),
            };
            let kind = match loss {
                ParseIssue::UnknownCode(_) => ParseIssue::UnknownCode(code.clone()),
                other => other.clone(),
            };
            if self.is_new(sender, kind) {
                tracing::warn!(
                    carrier,
                    reason,
                    code,
                    "carrier data not read in full; logged once, see vantage_tracking_unreadable_total"
                );
            }
        }
    }

    fn is_new(&self, carrier: Carrier, loss: ParseIssue) -> bool {
        let mut logged = self.0.lock();
        logged.len() < MOST_LOGGED && logged.insert((carrier, loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_logged_once_for_each_carrier_and_a_code_is_a_kind() {
        let issues = ParseIssues::default();
        let code = |text: &str| ParseIssue::UnknownCode(text.to_owned());
        assert!(issues.is_new(Carrier::Dhl, ParseIssue::Time));
        assert!(!issues.clone().is_new(Carrier::Dhl, ParseIssue::Time));
        assert!(issues.is_new(Carrier::Ups, ParseIssue::Time));
        assert!(issues.is_new(Carrier::Ups, code("ZZ")));
        assert!(issues.is_new(Carrier::Ups, code("YY")));
        assert!(!issues.is_new(Carrier::Ups, code("ZZ")));
    }
}
