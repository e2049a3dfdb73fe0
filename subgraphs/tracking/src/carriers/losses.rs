//! What carriers sent that could not be read: counted each time, logged once for each kind and carrier, because
//! carriers tell the same again with every answer.

use std::collections::HashSet;
use std::sync::Arc;

use metrics::counter;
use parking_lot::Mutex;

use super::reading::Loss;
use crate::carrier::Carrier;

/// Kinds of losses that were logged. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(Arc<Mutex<HashSet<(Carrier, Loss)>>>);

/// Carriers may invent codes: so many are logged.
const MOST_LOGGED: usize = 500;
/// A code is the carrier's text, so not at any length.
const LONGEST_CODE: usize = 40;

impl Losses {
    pub(super) fn note(&self, sender: Carrier, losses: &[Loss]) {
        for loss in losses {
            let (carrier, reason) = (sender.as_str(), loss.reason());
            counter!("vantage_tracking_unreadable_total", "carrier" => carrier, "reason" => reason)
                .increment(1);
            let code = match loss {
                Loss::UnknownCode(code) => code.chars().take(LONGEST_CODE).collect(),
                _ => String::new(),
            };
            let kind = match loss {
                Loss::UnknownCode(_) => Loss::UnknownCode(code.clone()),
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

    fn is_new(&self, carrier: Carrier, loss: Loss) -> bool {
        let mut logged = self.0.lock();
        logged.len() < MOST_LOGGED && logged.insert((carrier, loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_logged_once_for_each_carrier_and_a_code_is_a_kind() {
        let losses = Losses::default();
        let code = |text: &str| Loss::UnknownCode(text.to_owned());
        assert!(losses.is_new(Carrier::Dhl, Loss::Time));
        assert!(!losses.clone().is_new(Carrier::Dhl, Loss::Time));
        assert!(losses.is_new(Carrier::Ups, Loss::Time));
        assert!(losses.is_new(Carrier::Ups, code("ZZ")));
        assert!(losses.is_new(Carrier::Ups, code("YY")));
        assert!(!losses.is_new(Carrier::Ups, code("ZZ")));
    }
}
