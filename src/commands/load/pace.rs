//! When journeys start: arrivals at a rate, users one after another, and pauses between requests.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use platform::config;
use rand::RngExt;

/// Journeys in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    per_second: f64,
}

/// The text is no rate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rate: write it like 5/s or 90/m, at most 100000/s")]
pub(crate) struct RateError(String);

impl Rate {
    pub(super) const DEFAULT: Self = Self { per_second: 5.0 };
    const HIGHEST: f64 = 100_000.0;

    /// When the arrival with this number, from 0, is due after the start. During `ramp` the rate grows linearly.
    pub(super) fn arrival(self, number: u64, ramp: Duration) -> Duration {
        let (number, ramp) = (number as f64, ramp.as_secs_f64());
        // So many arrive while it grows: half of what would otherwise.
        let growing = self.per_second * ramp / 2.0;
        let seconds = if number < growing {
            (2.0 * number * ramp / self.per_second).sqrt()
        } else {
            number / self.per_second + ramp / 2.0
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || RateError(text.to_owned());
        let (count, unit) = text.trim().split_once('/').ok_or_else(error)?;
        let count: f64 = count.trim().parse().map_err(|_| error())?;
        let per_second = match unit.trim() {
            "s" => count,
            "m" | "min" => count / 60.0,
            _ => return Err(error()),
        };
        // Not a number is not above zero either.
        if per_second > 0.0 && per_second <= Self::HIGHEST {
            Ok(Self { per_second })
        } else {
            Err(error())
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.per_second < 1.0 {
            write!(f, "{}/m", self.per_second * 60.0)
        } else {
            write!(f, "{}/s", self.per_second)
        }
    }
}

/// When the user with this number, from 0, begins after the start.
pub(super) fn user_start(number: u32, users: u32, ramp: Duration) -> Duration {
    ramp.mul_f64(f64::from(number) / f64::from(users.max(1)))
}

/// How long a customer pauses before the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Think {
    shortest: config::Duration,
    longest: config::Duration,
}

/// The text is no pause.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ThinkError {
    #[error(transparent)]
    Duration(#[from] config::DurationError),
    #[error("the range ends before it begins: write the shorter time first, such as 2s-5s")]
    Reversed,
}

impl Think {
    /// A pause of it.
    pub(super) fn pause(self) -> Duration {
        let (shortest, longest) = (self.shortest.get(), self.longest.get());
        if shortest == longest {
            return shortest;
        }
        rand::rng().random_range(shortest..=longest)
    }
}

impl FromStr for Think {
    type Err = ThinkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (shortest, longest) = text.split_once('-').unwrap_or((text, text));
        let shortest: config::Duration = shortest.parse()?;
        let longest: config::Duration = longest.parse()?;
        if shortest > longest {
            return Err(ThinkError::Reversed);
        }
        Ok(Self { shortest, longest })
    }
}

impl fmt::Display for Think {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shortest)?;
        if self.longest != self.shortest {
            write!(f, "-{}", self.longest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn arrivals_are_evenly_spaced() {
        let arrivals = (0..4).map(|number| rate("2/s").arrival(number, Duration::ZERO));
        let expected = [0, 500, 1_000, 1_500].map(Duration::from_millis);
        assert_eq!(arrivals.collect::<Vec<_>>(), expected);
        assert_eq!(rate("30/m").arrival(3, Duration::ZERO), 6 * SECOND);
    }

    #[test]
    fn the_rate_grows_during_the_ramp_without_a_jump() {
        let (rate, ramp) = (rate("10/s"), 4 * SECOND);
        // Twenty instead of forty arrive in four seconds.
        assert_eq!(rate.arrival(20, ramp), ramp);
        let mut gaps = (0..60).map(|number| {
            let next = rate.arrival(number + 1, ramp);
            next.checked_sub(rate.arrival(number, ramp)).unwrap()
        });
        let mut before = gaps.next().unwrap();
        for gap in gaps {
            assert!(
                gap <= before + Duration::from_micros(1),
                "{gap:?} {before:?}"
            );
            before = gap;
        }
        assert_eq!(before.as_millis(), 100);
    }

    #[test]
    fn rates_without_a_unit_or_out_of_range_are_refused() {
        for text in [
            "5", "5/h", "0/s", "-1/s", "NaN/s", "inf/s", "100001/s", "/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert_eq!(rate("90/m").to_string(), "1.5/s");
        assert_eq!(rate("30/m").to_string(), "30/m");
    }

    #[test]
    fn users_begin_one_after_another() {
        let starts = (0..4).map(|number| user_start(number, 4, 2 * SECOND));
        let expected = [0, 500, 1_000, 1_500].map(Duration::from_millis);
        assert_eq!(starts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pauses_are_a_time_or_a_range() {
        let think = |text: &str| text.parse::<Think>();
        assert_eq!(think("1s").unwrap().pause(), SECOND);
        let range = think("200ms-1s").unwrap();
        assert_eq!(range.to_string(), "200ms-1s");
        for _ in 0..100 {
            assert!((SECOND / 5..=SECOND).contains(&range.pause()));
        }
        assert_eq!(think("5s-2s"), Err(ThinkError::Reversed));
        assert!(think("2-5").is_err());
    }
}
