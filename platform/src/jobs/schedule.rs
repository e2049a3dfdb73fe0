//! When a job is due.

use std::time::Duration;

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeDelta, Utc, Weekday};

/// When a job is due, in UTC. A job that has never run is due at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// So long after its last run began.
    Every(Duration),
    /// At this time of each day, or later if no instance was running then.
    DailyAt(NaiveTime),
    /// At this time of this day of each week, or later if no instance was running then.
    WeeklyAt(Weekday, NaiveTime),
}

impl Schedule {
    /// The time between two runs.
    pub(super) fn period(self) -> TimeDelta {
        match self {
            Self::Every(interval) => TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX),
            Self::DailyAt(_) => TimeDelta::days(1),
            Self::WeeklyAt(..) => TimeDelta::weeks(1),
        }
    }

    /// How long ago the last run must have begun for the job to be due.
    pub(super) fn due_after(self, now: DateTime<Utc>) -> TimeDelta {
        match self {
            Self::Every(_) => self.period(),
            // A run that began at that moment was the one that was due.
            Self::DailyAt(_) | Self::WeeklyAt(..) => {
                now - self.latest(now) + TimeDelta::microseconds(1)
            }
        }
    }

    /// How long to wait after a run that began at this time and took so long.
    pub(super) fn wait(self, now: DateTime<Utc>, took: Duration) -> Duration {
        match self {
            Self::Every(interval) => interval.saturating_sub(took),
            Self::DailyAt(_) | Self::WeeklyAt(..) => {
                let next = self.latest(now) + self.period();
                (next - now).to_std().unwrap_or_default()
            }
        }
    }

    /// The latest moment of the schedule that is not after this one.
    fn latest(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let (time, days) = match self {
            Self::Every(_) => return now,
            Self::DailyAt(time) => (time, 0),
            Self::WeeklyAt(day, time) => (time, now.weekday().days_since(day)),
        };
        let date = now.date_naive();
        let date = date
            .checked_sub_days(Days::new(days.into()))
            .unwrap_or(date);
        let moment = date.and_time(time).and_utc();
        if moment <= now {
            moment
        } else {
            moment - self.period()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn three() -> NaiveTime {
        NaiveTime::from_hms_opt(3, 0, 0).unwrap()
    }

    #[test]
    fn a_moment_of_the_day_or_week_is_the_latest_that_has_come() {
        let daily = Schedule::DailyAt(three());
        // 2025-10-09 is a Thursday.
        let weekly = Schedule::WeeklyAt(Weekday::Mon, three());
        let cases = [
            (daily, "2025-10-09T03:00:00Z", "2025-10-09T03:00:00Z"),
            (daily, "2025-10-09T02:59:59.999Z", "2025-10-08T03:00:00Z"),
            (daily, "2025-10-09T23:59:59Z", "2025-10-09T03:00:00Z"),
            (weekly, "2025-10-09T12:00:00Z", "2025-10-06T03:00:00Z"),
            (weekly, "2025-10-06T03:00:00Z", "2025-10-06T03:00:00Z"),
            (weekly, "2025-10-06T02:59:59Z", "2025-09-29T03:00:00Z"),
            (weekly, "2025-10-05T23:00:00Z", "2025-09-29T03:00:00Z"),
        ];
        for (schedule, now, expected) in cases {
            assert_eq!(schedule.latest(at(now)), at(expected), "{schedule:?} {now}");
        }
    }

    #[test]
    fn a_run_is_due_once_for_each_moment() {
        let daily = Schedule::DailyAt(three());
        let is_due = |now: &str, ran: &str| at(ran) <= at(now) - daily.due_after(at(now));
        assert!(is_due("2025-10-09T03:00:00Z", "2025-10-09T02:59:59Z"));
        assert!(!is_due("2025-10-09T03:00:00Z", "2025-10-09T03:00:00Z"));
        assert!(!is_due("2025-10-10T02:59:59Z", "2025-10-09T03:00:00Z"));
        // It ran late, and is due at its time again.
        assert!(is_due("2025-10-10T03:00:00Z", "2025-10-09T22:00:00Z"));
    }

    #[test]
    fn the_next_run_is_waited_for() {
        let hour = Duration::from_secs(3_600);
        let now = at("2025-10-09T23:00:00Z");
        assert_eq!(Schedule::DailyAt(three()).wait(now, hour), 4 * hour);
        assert_eq!(Schedule::Every(3 * hour).wait(now, hour), 2 * hour);
        assert_eq!(Schedule::Every(hour).wait(now, 2 * hour), Duration::ZERO);
    }
}
