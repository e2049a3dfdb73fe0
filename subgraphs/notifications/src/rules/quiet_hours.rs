//! When a message may be delivered: in its window, and not in the customer's quiet hours, which are local times.

use chrono::{DateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::preference_matrix::QuietHours;

/// Steps in which changes of the clocks are looked for; none is undone within one.
const STEP: TimeDelta = TimeDelta::hours(1);
/// Quiet hours take less than a day, and clocks change by a day at most.
const LONGEST: TimeDelta = TimeDelta::days(3);

/// When a message may be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The earliest time.
    pub start: DateTime<Utc>,
    /// From then on it is not delivered.
    pub end: DateTime<Utc>,
}

/// What to do with a message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Deliver,
    /// Decide again then.
    WaitUntil(DateTime<Utc>),
    /// Its window has ended.
    Expired,
}

/// Whether the message is delivered now. While quiet hours outlast the window it waits until the window ends, since the
/// customer may change them before.
pub(crate) fn decide(
    now: DateTime<Utc>,
    window: Window,
    quiet: Option<QuietHours>,
    zone: Tz,
) -> Decision {
    if now >= window.end {
        return Decision::Expired;
    }
    let at = earliest(now.max(window.start), quiet, zone);
    if at == now {
        Decision::Deliver
    } else {
        Decision::WaitUntil(at.min(window.end))
    }
}

/// The earliest time from `from` on that is not in the quiet hours.
pub(crate) fn earliest(from: DateTime<Utc>, quiet: Option<QuietHours>, zone: Tz) -> DateTime<Utc> {
    let Some(quiet) = quiet else { return from };
    let mut at = from;
    // Between two changes of the clocks, local time runs evenly.
    while is_quiet(at, quiet, zone) && at - from < LONGEST {
        let end = at + until(local_time(at, zone), quiet.end);
        at = next_change(at, end, zone).unwrap_or(end);
    }
    at
}

/// Whether this time is in the quiet hours: from their start until before their end. If both are the same there are
/// none.
pub(crate) fn is_quiet(at: DateTime<Utc>, quiet: QuietHours, zone: Tz) -> bool {
    let (QuietHours { start, end }, time) = (quiet, local_time(at, zone));
    if start <= end {
        start <= time && time < end
    } else {
        start <= time || time < end
    }
}

fn local_time(at: DateTime<Utc>, zone: Tz) -> NaiveTime {
    at.with_timezone(&zone).time()
}

/// The time from one time of day to the next occurrence of another.
fn until(from: NaiveTime, to: NaiveTime) -> TimeDelta {
    let wait = to - from;
    if wait > TimeDelta::zero() {
        wait
    } else {
        wait + TimeDelta::days(1)
    }
}

/// When the clocks change next, if they do so before or at `end`.
fn next_change(from: DateTime<Utc>, end: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let mut before = from;
    while before < end {
        let after = (before + STEP).min(end);
        if offset(before) == offset(after) {
            before = after;
            continue;
        }
        // Clocks change at whole seconds.
        let (mut low, mut high) = (before.timestamp(), after.timestamp());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let is_before = DateTime::from_timestamp(middle, 0)
                .is_some_and(|middle| offset(middle) == offset(before));
            if is_before {
                low = middle;
            } else {
                high = middle;
            }
        }
        return DateTime::from_timestamp(high, 0);
    }
    None
}

#[cfg(test)]
mod tests {
    use chrono::Timelike;
    use proptest::prelude::*;

    use super::*;

    fn hours(start: &str, end: &str) -> QuietHours {
        QuietHours {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
        }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Times as people there write them, with their offset.
    fn check(zone: Tz, quiet: (&str, &str), from: &str, expected: &str) {
        let quiet = hours(quiet.0, quiet.1);
        let found = earliest(utc(from), Some(quiet), zone);
        assert_eq!(found, utc(expected), "{zone}, {quiet:?}, from {from}");
    }

    #[test]
    fn what_is_queued_in_the_night_goes_out_in_the_morning() {
        let zone = chrono_tz::America::New_York;
        let night = ("22:00:00", "07:00:00");
        let cases = [
            ("2025-09-29T23:00:00-04:00", "2025-09-30T07:00:00-04:00"),
            ("2025-09-30T06:59:59-04:00", "2025-09-30T07:00:00-04:00"),
            ("2025-09-30T07:00:00-04:00", "2025-09-30T07:00:00-04:00"),
            ("2025-09-30T21:59:59.5-04:00", "2025-09-30T21:59:59.5-04:00"),
            ("2025-09-30T22:00:00-04:00", "2025-10-01T07:00:00-04:00"),
            // The clocks go back, and forward: the morning is at seven on the clock.
            ("2025-11-01T23:00:00-04:00", "2025-11-02T07:00:00-05:00"),
            ("2025-11-02T01:30:00-04:00", "2025-11-02T07:00:00-05:00"),
            ("2026-03-07T23:00:00-05:00", "2026-03-08T07:00:00-04:00"),
        ];
        for (from, expected) in cases {
            check(zone, night, from, expected);
        }
    }

    #[test]
    fn quiet_hours_within_a_day_end_the_same_day() {
        let zone = chrono_tz::Europe::Berlin;
        let noon = ("12:00:00", "14:30:00");
        check(
            zone,
            noon,
            "2026-06-01T12:00:00+02:00",
            "2026-06-01T14:30:00+02:00",
        );
        check(
            zone,
            noon,
            "2026-06-01T14:30:00+02:00",
            "2026-06-01T14:30:00+02:00",
        );
        check(
            zone,
            noon,
            "2026-06-01T11:59:00+02:00",
            "2026-06-01T11:59:00+02:00",
        );
    }

    #[test]
    fn an_end_that_the_clocks_skip_is_when_they_are_put_forward() {
        let zone = chrono_tz::Europe::Berlin;
        // 02:00 to 03:00 does not exist on this day.
        check(
            zone,
            ("01:00:00", "02:30:00"),
            "2026-03-29T01:15:00+01:00",
            "2026-03-29T03:00:00+02:00",
        );
        check(
            zone,
            ("02:15:00", "04:00:00"),
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T04:00:00+02:00",
        );
    }

    #[test]
    fn an_hour_that_is_repeated_is_quiet_twice() {
        let zone = chrono_tz::Europe::Berlin;
        let late = ("22:00:00", "02:30:00");
        // They end at the first 02:30, and again at the second.
        check(
            zone,
            late,
            "2026-10-25T01:00:00+02:00",
            "2026-10-25T02:30:00+02:00",
        );
        check(
            zone,
            late,
            "2026-10-25T02:10:00+01:00",
            "2026-10-25T02:30:00+01:00",
        );
        // Putting the clocks back ends quiet hours that begin in the hour.
        let early = ("02:30:00", "07:00:00");
        check(
            zone,
            early,
            "2026-10-25T02:45:00+02:00",
            "2026-10-25T02:00:00+01:00",
        );
    }

    #[test]
    fn zones_may_change_by_half_an_hour_or_skip_a_day() {
        let lord_howe = chrono_tz::Australia::Lord_Howe;
        check(
            lord_howe,
            ("22:00:00", "07:00:00"),
            "2026-10-03T23:00:00+10:30",
            "2026-10-04T07:00:00+11:00",
        );
        let apia = chrono_tz::Pacific::Apia;
        // The 30th of December 2011 did not exist.
        check(
            apia,
            ("22:00:00", "07:00:00"),
            "2011-12-29T23:00:00-10:00",
            "2011-12-31T07:00:00+14:00",
        );
    }

    #[test]
    fn a_message_waits_for_its_window_and_expires_after_it() {
        let zone = chrono_tz::America::New_York;
        let night = Some(hours("22:00:00", "07:00:00"));
        let window = |start, end| Window {
            start: utc(start),
            end: utc(end),
        };
        let evening = utc("2025-09-29T23:00:00-04:00");
        let morning = utc("2025-09-30T07:00:00-04:00");
        let day = window("2025-09-29T12:00:00-04:00", "2025-09-30T12:00:00-04:00");
        let decide = |now, window| decide(now, window, night, zone);
        assert_eq!(decide(evening, day), Decision::WaitUntil(morning));
        assert_eq!(decide(morning, day), Decision::Deliver);
        let later = utc("2025-09-30T11:59:59-04:00");
        assert_eq!(decide(later, day), Decision::Deliver);
        assert_eq!(decide(day.end, day), Decision::Expired);
        // It has not begun.
        let before = utc("2025-09-29T11:00:00-04:00");
        assert_eq!(decide(before, day), Decision::WaitUntil(day.start));
        // It ends before the quiet hours do.
        let short = window("2025-09-29T12:00:00-04:00", "2025-09-30T03:00:00-04:00");
        assert_eq!(decide(evening, short), Decision::WaitUntil(short.end));
        assert_eq!(decide(short.end, short), Decision::Expired);
    }

    #[test]
    fn the_same_start_and_end_are_no_quiet_hours() {
        let none = hours("22:00:00", "22:00:00");
        let at = utc("2026-01-01T22:00:00Z");
        assert!(!is_quiet(at, none, Tz::UTC));
        assert_eq!(earliest(at, Some(none), Tz::UTC), at);
    }

    fn any_zone() -> impl Strategy<Value = Tz> {
        prop::sample::select(vec![
            Tz::UTC,
            chrono_tz::America::New_York,
            chrono_tz::America::St_Johns,
            chrono_tz::America::Sao_Paulo,
            chrono_tz::Europe::Berlin,
            chrono_tz::Africa::Casablanca,
            chrono_tz::Asia::Kathmandu,
            chrono_tz::Asia::Tehran,
            chrono_tz::Australia::Lord_Howe,
            chrono_tz::Pacific::Apia,
            chrono_tz::Antarctica::Troll,
        ])
    }

    fn any_time() -> impl Strategy<Value = NaiveTime> {
        (0_u32..24 * 60).prop_map(|minute| {
            NaiveTime::MIN
                .with_hour(minute / 60)
                .and_then(|time| time.with_minute(minute % 60))
                .unwrap()
        })
    }

    proptest! {
        #[test]
        fn the_earliest_time_is_never_quiet_and_everything_before_it_is(
            // 2010 to 2035.
            seconds in 1_262_304_000_i64..2_051_222_400,
            zone in any_zone(),
            start in any_time(),
            end in any_time(),
        ) {
            let (from, quiet) = (DateTime::from_timestamp(seconds, 0).unwrap(), QuietHours { start, end });
            let found = earliest(from, Some(quiet), zone);
            prop_assert!(found >= from);
            prop_assert!(!is_quiet(found, quiet, zone), "{found}");
            let mut at = from;
            while at < found {
                prop_assert!(is_quiet(at, quiet, zone), "{at} before {found}");
                at += TimeDelta::minutes(1);
            }
            if found > from {
                prop_assert!(is_quiet(found - TimeDelta::seconds(1), quiet, zone));
            }
        }

        #[test]
        fn nights_on_which_clocks_change_are_no_exception(
            year in 2010_i32..2035,
            day in 0_i64..14,
            second in 0_i64..86_400,
            is_spring in any::<bool>(),
            zone in any_zone(),
            start in any_time(),
            end in any_time(),
        ) {
            // The last week of March and the first of April, or those of October and November.
            let month = if is_spring { 3 } else { 10 };
            let first = Utc.with_ymd_and_hms(year, month, 25, 0, 0, 0).unwrap();
            let from = first + TimeDelta::days(day) + TimeDelta::seconds(second);
            let quiet = QuietHours { start, end };
            let found = earliest(from, Some(quiet), zone);
            prop_assert!(!is_quiet(found, quiet, zone), "{found}");
            if found > from {
                prop_assert!(is_quiet(found - TimeDelta::seconds(1), quiet, zone));
            }
        }
    }
}
