//! Limits on open connections, in total and per address. Beyond them, a few more are accepted for health checks.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use router::server::{AddressLimiter, AddressPermit, ConnectionsConfig};
use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

/// Connections for health checks, in total and per address.
const HEALTH: usize = 16;
const HEALTH_PER_ADDRESS: usize = 4;

/// File descriptors reserved for databases, calls and files: up to half of them, at most this many.
const OTHER_DESCRIPTORS: u64 = 512;

/// Used if the number of descriptors is unlimited.
const UNLIMITED: usize = 100_000;

/// How often refusals are logged at most.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Why a connection is only good for health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    /// The process has reached its limit.
    Full,
    /// The client's address has reached its limit.
    Address,
}

impl LimitReached {
    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
        }
    }
}

/// A connection's slot. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    pool: Arc<Pool>,
    _address: Option<AddressPermit>,
}

#[derive(Debug)]
struct Pool {
    max: usize,
    open: AtomicUsize,
    addresses: Option<AddressLimiter>,
}

/// The slots of a listener.
#[derive(Debug)]
pub(super) struct ConnectionLimits {
    all: Arc<Pool>,
    health: Arc<Pool>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    written: Option<Instant>,
    refused: u64,
}

impl ConnectionLimits {
    pub(super) fn new(config: &ConnectionsConfig, trusted_proxies: usize) -> Self {
        let max = max_connections(config);
        let per_address = config.max_per_address.unwrap_or((max / 2).max(1));
        // A proxy's connections belong to many clients.
        let addresses = (trusted_proxies == 0).then(|| AddressLimiter::new(per_address));
        Self {
            all: Pool::new(max, addresses),
            health: Pool::new(HEALTH, Some(AddressLimiter::new(HEALTH_PER_ADDRESS))),
            log: Mutex::default(),
        }
    }

    /// A slot, with the reason if it is only for health checks; `None` if the connection must be closed.
    pub(super) fn admit(
        &self,
        address: IpAddr,
    ) -> Option<(ConnectionPermit, Option<LimitReached>)> {
        match self.all.admit(address) {
            Ok(place) => Some((place, None)),
            Err(reason) => {
                self.record(address, reason);
                let place = self.health.admit(address).ok()?;
                Some((place, Some(reason)))
            }
        }
    }

    fn record(&self, address: IpAddr, reason: LimitReached) {
        metrics::counter!("vantage_connections_refused_total", "reason" => reason.name())
            .increment(1);
        let mut log = self.log.lock();
        log.refused += 1;
        let now = Instant::now();
        let is_due = log.written.is_none_or(|at| now - at >= LOG_EVERY);
        if is_due {
            let refused = std::mem::take(&mut log.refused);
            log.written = Some(now);
            drop(log);
            tracing::warn!(refused, %address, reason = reason.name(), "connections refused");
        }
    }
}

impl Pool {
    fn new(max: usize, addresses: Option<AddressLimiter>) -> Arc<Self> {
        Arc::new(Self {
            max,
            open: AtomicUsize::new(0),
            addresses,
        })
    }

    fn admit(self: &Arc<Self>, address: IpAddr) -> Result<ConnectionPermit, LimitReached> {
        let of_address = match &self.addresses {
            Some(addresses) => Some(addresses.admit(address).ok_or(LimitReached::Address)?),
            None => None,
        };
        self.open
            .try_update(Ordering::AcqRel, Ordering::Acquire, |open| {
                (open < self.max).then_some(open + 1)
            })
            .map_err(|_| LimitReached::Full)?;
        metrics::gauge!("vantage_connections").increment(1);
        Ok(ConnectionPermit {
            pool: Arc::clone(self),
            _address: of_address,
        })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        metrics::gauge!("vantage_connections").decrement(1);
        self.pool.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The maximum number of connections of this process.
pub(crate) fn max_connections(config: &ConnectionsConfig) -> usize {
    config.max.unwrap_or_else(by_descriptors)
}

/// File descriptors left for connections by the open-file limit.
fn by_descriptors() -> usize {
    getrlimit(Resource::Nofile)
        .current
        .and_then(|limit| usize::try_from(limit - (limit / 2).min(OTHER_DESCRIPTORS)).ok())
        .map_or(UNLIMITED, |max| max.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn places(max: usize, per_address: Option<usize>, trusted_proxies: usize) -> ConnectionLimits {
        let config = ConnectionsConfig {
            max: Some(max),
            max_per_address: per_address,
            ..ConnectionsConfig::default()
        };
        ConnectionLimits::new(&config, trusted_proxies)
    }

    /// The connections that an address gets, and why further ones are only for health checks.
    fn fill(places: &ConnectionLimits, address: IpAddr) -> (Vec<ConnectionPermit>, LimitReached) {
        let mut held = Vec::new();
        loop {
            match places.admit(address).expect("a place") {
                (place, None) => held.push(place),
                (_, Some(reason)) => return (held, reason),
            }
        }
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let places = places(10, None, 0);
        let (held, reason) = fill(&places, ONE);
        assert_eq!((held.len(), reason), (5, LimitReached::Address));
        let (others, reason) = fill(&places, OTHER);
        assert_eq!((others.len(), reason), (5, LimitReached::Address));
        drop(held);
        assert!(matches!(places.admit(ONE), Some((_, None))));
    }

    #[test]
    fn all_connections_of_a_proxy_are_of_one_address() {
        let places = places(10, Some(2), 1);
        let (held, reason) = fill(&places, ONE);
        assert_eq!((held.len(), reason), (10, LimitReached::Full));
    }

    #[test]
    fn health_checks_have_places_of_their_own_and_no_address_has_all_of_them() {
        let places = places(2, Some(2), 0);
        let _held = fill(&places, ONE).0;
        let health: Vec<_> = (0..HEALTH_PER_ADDRESS)
            .map(|_| places.admit(ONE).expect("a place"))
            .collect();
        assert!(health.iter().all(|(_, refused)| refused.is_some()));
        assert!(places.admit(ONE).is_none());
        let (_place, reason) = places.admit(OTHER).expect("a place");
        assert_eq!(reason, Some(LimitReached::Full));
    }
}
