//! Counts unparsable carrier data, and logs it once per kind and carrier, because carriers repeat it in every response.

use metrics::counter;
use platform::log_once::LogOnce;

use super::report::ParseIssue;
use crate::rules::status::Carrier;

/// The kinds already logged.
#[derive(Clone, Debug, Default)]
pub(super) struct ParseIssues(LogOnce<(Carrier, ParseIssue)>);

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
        self.0.is_new((carrier, loss))
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
