//! Carriers' times: with an offset, local to the scan's place, or only a day.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// When something happened, by a carrier's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: DateTime<Utc>,
    /// UTC was assumed, because neither an offset nor a place with a single time zone was given.
    pub zone_assumed: bool,
    /// Only the day was given.
    pub is_day: bool,
}

/// Dates and times without and with an offset.
const LOCAL: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
];
const WITH_OFFSET: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M%#z",
];

/// How far a carrier's clock may be behind ours.
const CLOCK_TOLERANCE: Duration = Duration::hours(1);
/// How much later than it seems a time may be whose zone is unknown: UTC was assumed, and the westernmost zones are
/// twelve hours behind it.
const ZONE_TOLERANCE: Duration = Duration::hours(14);

impl Moment {
    /// Parses ISO 8601 as written by carriers; `zone` is the place's time zone. `None` if it is not a time, or if the
    /// year is not plausible: 1 or 99999 is a mistake.
    pub fn read(text: &str, zone: Option<Tz>) -> Option<Self> {
        let text = text.trim();
        if let Some(at) = with_offset(text) {
            return Self::exact(at);
        }
        let mut locals = LOCAL.into_iter();
        if let Some(local) =
            locals.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        {
            return Self::local(local, zone);
        }
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Self::day(day, zone)
    }

    pub fn exact(at: DateTime<Utc>) -> Option<Self> {
        is_plausible(at.naive_utc()).then_some(Self {
            at,
            zone_assumed: false,
            is_day: false,
        })
    }

    /// A local time at a place with this time zone.
    pub fn local(local: NaiveDateTime, zone: Option<Tz>) -> Option<Self> {
        // Checked first, because arithmetic at the ends of the calendar panics.
        is_plausible(local).then(|| Self {
            at: utc(local, zone),
            zone_assumed: zone.is_none(),
            is_day: false,
        })
    }

    /// The first moment of a day.
    pub fn day(day: NaiveDate, zone: Option<Tz>) -> Option<Self> {
        let moment = Self::local(day.and_time(NaiveTime::MIN), zone)?;
        Some(Self {
            is_day: true,
            ..moment
        })
    }

    /// Whether the time of day and its offset are known.
    pub const fn is_exact(&self) -> bool {
        !self.zone_assumed && !self.is_day
    }

    /// Whether it belongs to an earlier parcel than the one registered then: carriers reuse numbers, and report what
    /// happened to all parcels that had the number.
    pub fn is_of_earlier_parcel(self, registered_at: DateTime<Utc>) -> bool {
        let tolerance = if self.zone_assumed {
            ZONE_TOLERANCE
        } else {
            CLOCK_TOLERANCE
        };
        self.latest() < registered_at - tolerance
    }

    /// The last moment it can refer to.
    pub fn latest(self) -> DateTime<Utc> {
        if self.is_day {
            self.at + Duration::days(1) - Duration::seconds(1)
        } else {
            self.at
        }
    }
}

fn is_plausible(time: NaiveDateTime) -> bool {
    (1_990..2_200).contains(&time.year())
}

fn with_offset(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    // These formats do not accept `Z` as an offset.
    let text = match text.strip_suffix(['Z', 'z']) {
        Some(time) => format!("{time}+00:00"),
        None => text.to_owned(),
    };
    WITH_OFFSET.into_iter().find_map(|format| {
        let time = DateTime::parse_from_str(&text, format).ok()?;
        Some(time.with_timezone(&Utc))
    })
}

/// Of an ambiguous local time when clocks are set back, the first is used; a skipped one is an hour later.
fn utc(local: NaiveDateTime, zone: Option<Tz>) -> DateTime<Utc> {
    let Some(zone) = zone else {
        return local.and_utc();
    };
    zone.from_local_datetime(&local)
        .earliest()
        .or_else(|| {
            zone.from_local_datetime(&(local + Duration::hours(1)))
                .earliest()
        })
        .map_or_else(|| local.and_utc(), |time| time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, zone: Option<Tz>, expected: Option<(&str, bool, bool)>) {
        let moment = Moment::read(text, zone);
        let expected = expected.map(|(at, zone_assumed, is_day)| Moment {
            at: at.parse().unwrap(),
            zone_assumed,
            is_day,
        });
        assert_eq!(moment, expected, "{text}");
    }

    #[test]
    fn a_time_without_an_offset_is_local_to_its_place_or_marked() {
        let berlin = Some(Tz::Europe__Berlin);
        for text in [
            "2025-10-03T14:02:00+02:00",
            "2025-10-03T14:02:00.000+0200",
            "2025-10-03T14:02+02:00",
            "2025-10-03 14:02:00+02:00",
            "2025-10-03T14:02:00+02",
            "2025-10-03T12:02:00Z",
            "2025-10-03T12:02Z",
        ] {
            check(text, None, Some(("2025-10-03T12:02:00Z", false, false)));
        }
        for text in [
            "2025-10-03T14:02:00",
            " 2025-10-03T14:02 ",
            "2025-10-03 14:02:00",
        ] {
            check(text, berlin, Some(("2025-10-03T12:02:00Z", false, false)));
            check(text, None, Some(("2025-10-03T14:02:00Z", true, false)));
        }
        check(
            "2025-10-03",
            berlin,
            Some(("2025-10-02T22:00:00Z", false, true)),
        );
        check(
            "2025-10-03",
            None,
            Some(("2025-10-03T00:00:00Z", true, true)),
        );
        for text in [
            "",
            "yesterday",
            "2025-13-03",
            "14:02",
            "2025-10-03T25:00:00",
        ] {
            check(text, berlin, None);
        }
    }

    #[test]
    fn what_is_older_than_the_parcel_happened_to_another_one() {
        let registered_at = "2025-10-03T14:00:00Z".parse().unwrap();
        for (text, is_of_earlier) in [
            ("2024-03-01T12:00:00Z", true),
            ("2025-10-03T12:59:59Z", true),
            // The carrier's clock is behind.
            ("2025-10-03T13:00:00Z", false),
            ("2025-10-03T15:00:00Z", false),
            // At any time of that day.
            ("2025-10-03", false),
        ] {
            let moment = Moment::read(text, Some(Tz::UTC)).unwrap();
            assert_eq!(
                moment.is_of_earlier_parcel(registered_at),
                is_of_earlier,
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_in_an_unknown_zone_may_be_later_than_it_seems() {
        let registered_at = "2025-10-03T14:00:00Z".parse().unwrap();
        for (text, is_of_earlier) in [
            // Now, five hours behind UTC.
            ("2025-10-03T09:00:00", false),
            ("2025-10-03T00:00:00", false),
            ("2025-10-02T23:59:59", true),
            ("2025-10-03", false),
            ("2025-10-02", true),
        ] {
            let moment = Moment::read(text, None).unwrap();
            assert_eq!(
                moment.is_of_earlier_parcel(registered_at),
                is_of_earlier,
                "{text}"
            );
        }
    }

    #[test]
    fn a_year_that_cannot_be_is_no_time_at_any_place() {
        for zone in [
            None,
            Some(Tz::America__Los_Angeles),
            Some(Tz::Pacific__Kiritimati),
        ] {
            for text in [
                "+262142-12-31T23:59:59",
                "+262142-12-31",
                "-262143-01-01T00:00:00",
                "-262143-01-01",
                "9999-12-31T23:59:59Z",
                "9999-12-31T23:59:59",
                "9999-12-31",
                "0001-01-01T00:00:00+14:00",
                "2200-01-01T00:00:00",
                "1989-12-31",
            ] {
                check(text, zone, None);
            }
        }
    }

    #[test]
    fn an_hour_that_comes_twice_or_never_is_read_all_the_same() {
        let berlin = Some(Tz::Europe__Berlin);
        check(
            "2025-10-26T02:30:00",
            berlin,
            Some(("2025-10-26T00:30:00Z", false, false)),
        );
        check(
            "2025-03-30T02:30:00",
            berlin,
            Some(("2025-03-30T01:30:00Z", false, false)),
        );
    }
}
