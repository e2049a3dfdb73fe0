//! Counts invalid guest links by address: an address that keeps guessing has to wait. Valid links are never refused.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use parking_lot::{Mutex, MutexGuard};
use resolvers::error::ErrorCode;
use resolvers::{ApiError, ApiResult};

/// Invalid links that an address may try within [`WINDOW`].
const ALLOWED: u32 = 5;
const WINDOW: Duration = Duration::minutes(1);

/// Addresses tracked at a time.
const MAX_ADDRESSES: usize = 10_000;

/// The invalid links of the last minute, in this process.
#[derive(Clone, Debug, Default)]
pub struct GuestLinkLimiter(Arc<Mutex<HashMap<IpAddr, Wrong>>>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    since: DateTime<Utc>,
}

impl Wrong {
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        now - self.since >= WINDOW
    }
}

impl GuestLinkLimiter {
    /// Counts an invalid link. Call it after verifying the signature: a valid link is no guess.
    ///
    /// # Errors
    /// RATE_LIMITED after too many invalid links from this address, until one minute after the first of them.
    pub(crate) fn count(&self, address: Option<IpAddr>, now: DateTime<Utc>) -> ApiResult<()> {
        let Some(address) = address.map(network) else {
            return Ok(());
        };
        let mut all = self.wrong();
        if all.len() >= MAX_ADDRESSES && !all.contains_key(&address) {
            all.retain(|_, wrong| !wrong.is_over(now));
            if all.len() >= MAX_ADDRESSES {
                // An attack from so many addresses could not be stopped by this count anyway.
                all.clear();
            }
        }
        let first = Wrong {
            count: 0,
            since: now,
        };
        let wrong = all.entry(address).or_insert(first);
        if wrong.is_over(now) {
            *wrong = first;
        }
        if wrong.count >= ALLOWED {
            return Err(ApiError::new(
                ErrorCode::RateLimited,
                "Too many links that do not exist: try again in a minute",
            ));
        }
        wrong.count += 1;
        Ok(())
    }

    fn wrong(&self) -> MutexGuard<'_, HashMap<IpAddr, Wrong>> {
        self.0.lock()
    }
}

/// What identifies a client: for IPv6 its network, within which addresses can be chosen freely.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_links_a_minute_and_no_more() {
        let (limiter, now) = (GuestLinkLimiter::default(), Utc::now());
        let address = |text: &str| Some(text.parse().unwrap());
        let (one, same) = (address("2001:db8::1"), address("2001:db8::2"));
        for _ in 0..ALLOWED {
            limiter.count(one, now).unwrap();
        }
        let refused = limiter.count(same, now).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        limiter.count(address("192.0.2.1"), now).unwrap();
        let later = now + WINDOW;
        for _ in 0..ALLOWED {
            limiter.count(one, later).unwrap();
        }
        assert!(limiter.count(one, later).is_err());
    }

    #[test]
    fn addresses_are_not_remembered_without_end() {
        let (limiter, now) = (GuestLinkLimiter::default(), Utc::now());
        for n in 0..2 * u32::try_from(MAX_ADDRESSES).unwrap() {
            limiter.count(Some(IpAddr::V4(n.into())), now).unwrap();
        }
        assert!(limiter.wrong().len() <= MAX_ADDRESSES);
    }
}
