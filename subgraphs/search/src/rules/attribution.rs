//! Which search an outcome of the experiment belongs to.

use chrono::{DateTime, TimeDelta, Utc};
use entities::search::search_exposure::Outcome;
use entities::search::signal::SignalKind;
use uuid::{Builder, Uuid};
use xxhash_rust::xxh3::xxh3_128;

use crate::rules::analysis::words;

/// A click or a cart counts within a day of the search.
pub(crate) const DAY: TimeDelta = TimeDelta::hours(24);
/// A purchase counts within a week of the search.
pub(crate) const CONVERSION: TimeDelta = TimeDelta::days(7);

/// A customer's searches for the same are one within half an hour by the clock.
const SESSION: TimeDelta = TimeDelta::minutes(30);

/// The id of a customer's search: the same for the same words, filters and order in the same half hour.
pub(crate) fn query_id(customer: Uuid, text: &str, what: &str, now: DateTime<Utc>) -> Uuid {
    let session = now.timestamp().div_euclid(SESSION.num_seconds());
    let words = words(text).join(" ");
    let search = format!("{customer}\n{session}\n{words}\n{what}");
    Builder::from_random_bytes(xxh3_128(search.as_bytes()).to_be_bytes()).into_uuid()
}

/// What a signal means for the search it came from. A purchase is not attributed when it is recorded, but when it is
/// paid.
pub(crate) const fn outcome(kind: SignalKind) -> Option<Outcome> {
    match kind {
        SignalKind::SearchClick => Some(Outcome::Click),
        SignalKind::Cart => Some(Outcome::Cart),
        SignalKind::View | SignalKind::Purchase | SignalKind::Wishlist | SignalKind::ReviewRead => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_search_within_half_an_hour_has_the_same_id() {
        let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
        let (customer, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let noon = at("2025-10-09T12:00:00Z");
        let id = query_id(customer, "red shoes", "", noon);
        assert_eq!(
            id,
            query_id(customer, " Red SHOES ", "", at("2025-10-09T12:29:59Z"))
        );
        for different in [
            query_id(other, "red shoes", "", noon),
            query_id(customer, "blue shoes", "", noon),
            query_id(customer, "red shoes", "in stock", noon),
            query_id(customer, "red shoes", "", at("2025-10-09T12:30:00Z")),
        ] {
            assert_ne!(id, different);
        }
        assert_eq!(id.get_version_num(), 4);
    }
}
