//! Determines the rate-limit buckets of a request.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use platform::caller::Caller;
use platform::clock::Clock;
use platform::rate_limit::{Bucket, Quota, RateLimiter};

use super::address_limit::network;
use super::config::{RatesConfig, WebSocketConfig};
use crate::charge::Charge;
use crate::clients::ClientIdentity;

/// The rate limits of clients, users and addresses. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    limiter: Arc<RateLimiter>,
    user: Option<Quota>,
    address: Option<Quota>,
    /// Limits on WebSocket upgrades per address: bucket names and quotas.
    upgrades: Arc<[(&'static str, Quota)]>,
}

const SECONDS_PER_MINUTE: u32 = 60;

impl Rates {
    /// Counts in this process.
    pub(super) fn new(config: &RatesConfig, sockets: &WebSocketConfig) -> Self {
        let limiter = RateLimiter::in_process(Clock::system(), config.max_buckets);
        Self {
            limiter: Arc::new(limiter),
            user: config.user.map(Into::into),
            address: config.address.map(Into::into),
            upgrades: upgrades(sockets),
        }
    }

    pub(super) fn share(&mut self, limiter: RateLimiter) {
        self.limiter = Arc::new(limiter);
    }

    /// Counts a WebSocket upgrade from this address.
    ///
    /// # Errors
    /// If the limit is reached, with the time to wait.
    pub(super) async fn admit_upgrade(&self, ip: Option<IpAddr>) -> Result<(), Duration> {
        let Some(ip) = ip else {
            return Ok(());
        };
        let sender = address(ip);
        let buckets: Vec<_> = self
            .upgrades
            .iter()
            .map(|(kind, quota)| Bucket {
                key: format!("upgrades:{kind}:{sender}"),
                quota: *quota,
            })
            .collect();
        let decision = self.limiter.acquire(&buckets, 1).await;
        match decision.and_then(|decision| decision.retry_after) {
            Some(wait) => Err(wait),
            None => Ok(()),
        }
    }

    /// The buckets of a request. An authenticated client has one bucket for all its requests. A client that only claims
    /// a name has one per user or address, so that no one can exhaust another's quota.
    pub(super) fn charge(&self, caller: &Caller, client: &ClientIdentity) -> Option<Charge> {
        let user = caller.subject.as_deref().map(|user| format!("user:{user}"));
        let sender = user.clone().or_else(|| caller.ip.map(address));
        let registered = client.client.as_ref();
        let own = registered.and_then(|known| Some((&known.name, known.rate?)));
        let own = own.map(|(name, rate)| {
            let quota = Quota::from(rate);
            let key = match &sender {
                Some(sender) if !client.is_authenticated => format!("client:{name}:{sender}"),
                _ => format!("client:{name}"),
            };
            Bucket { key, quota }
        });
        let quota = match (&user, client.is_authenticated) {
            (Some(_), _) => self.user,
            // It has no user, but its owner is known.
            (None, true) => None,
            (None, false) => self.address,
        };
        let theirs = quota.zip(sender).map(|(quota, key)| Bucket { key, quota });
        Charge::new(
            self.limiter.clone(),
            own.into_iter().chain(theirs).collect(),
        )
    }
}

/// The configured limits.
fn upgrades(config: &WebSocketConfig) -> Arc<[(&'static str, Quota)]> {
    let quota = |burst: NonZeroU32, per_minute: u32| Quota {
        cost_per_minute: burst.get().saturating_mul(per_minute),
        burst: burst.get(),
    };
    let second = config.max_upgrades_per_second;
    let minute = config.max_upgrades_per_minute;
    let second = second.map(|most| ("second", quota(most, SECONDS_PER_MINUTE)));
    let minute = minute.map(|most| ("minute", quota(most, 1)));
    second.into_iter().chain(minute).collect()
}

fn address(address: IpAddr) -> String {
    format!("address:{}", network(address))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clients::{Clients, ClientsFiles};

    fn keys(caller: &Caller, client: &ClientIdentity, rates: &RatesConfig) -> Vec<(String, u32)> {
        let rates = Rates::new(rates, &WebSocketConfig::default());
        let charge = rates.charge(caller, client);
        let buckets = charge.iter().flat_map(|charge| charge.buckets().iter());
        buckets
            .map(|bucket| (bucket.key.clone(), bucket.quota.burst))
            .collect()
    }

    #[test]
    fn a_request_counts_against_its_client_and_its_user_or_address() {
        let rates: RatesConfig = serde_json::from_str(
            r#"{"user":{"cost_per_minute":600,"burst":100},"address":{"cost_per_minute":60,"burst":10}}"#,
        )
        .expect("rates");
        let text = "clients: [{ name: acme, rate: { cost_per_minute: 6000, burst: 1200 } }, { name: web }]";
        let files = ClientsFiles::of(Path::new("clients.yaml"), text.to_owned());
        let clients = Clients::load(&files).expect("clients");
        let client = |name: &str, is_authenticated: bool| ClientIdentity {
            client: clients.by_name(name).cloned(),
            is_authenticated,
        };
        let visitor = Caller {
            ip: Some([192, 0, 2, 1].into()),
            ..Caller::default()
        };
        let user = Caller {
            subject: Some("usr_1".to_owned()),
            ..visitor.clone()
        };
        let none = ClientIdentity::default();
        let check = |caller: &Caller, client: &ClientIdentity, expected: &[(&str, u32)]| {
            let found = keys(caller, client, &rates);
            let found: Vec<_> = found.iter().map(|(key, burst)| (&**key, *burst)).collect();
            assert_eq!(found, expected);
        };
        check(&visitor, &none, &[("address:192.0.2.1", 10)]);
        check(&user, &none, &[("user:usr_1", 100)]);
        check(&visitor, &client("web", true), &[]);
        check(&user, &client("web", true), &[("user:usr_1", 100)]);
        check(&visitor, &client("acme", true), &[("client:acme", 1200)]);
        check(
            &user,
            &client("acme", true),
            &[("client:acme", 1200), ("user:usr_1", 100)],
        );
        check(
            &visitor,
            &client("acme", false),
            &[
                ("client:acme:address:192.0.2.1", 1200),
                ("address:192.0.2.1", 10),
            ],
        );
        check(
            &user,
            &client("acme", false),
            &[("client:acme:user:usr_1", 1200), ("user:usr_1", 100)],
        );
        let nobody = Caller::default();
        check(&nobody, &none, &[]);
        assert!(keys(&user, &none, &RatesConfig::default()).is_empty());
    }

    #[tokio::test]
    async fn an_address_opens_so_many_sockets_in_a_second_and_in_a_minute() {
        let check = async |second: Option<u32>, minute: Option<u32>, admitted: usize| {
            let config = WebSocketConfig {
                max_upgrades_per_second: second.and_then(NonZeroU32::new),
                max_upgrades_per_minute: minute.and_then(NonZeroU32::new),
                ..WebSocketConfig::default()
            };
            let rates = Rates::new(&RatesConfig::default(), &config);
            let ip = Some(IpAddr::from([192, 0, 2, 1]));
            for _ in 0..admitted {
                rates.admit_upgrade(ip).await.expect("room");
            }
            let other = Some(IpAddr::from([192, 0, 2, 2]));
            rates.admit_upgrade(other).await.expect("another address");
            rates.admit_upgrade(None).await.expect("no address");
            rates.admit_upgrade(ip).await
        };
        let a_second = check(Some(1), Some(100), 1)
            .await
            .expect_err("one a second");
        assert!(a_second <= Duration::from_secs(1), "{a_second:?}");
        let a_minute = check(Some(100), Some(2), 2)
            .await
            .expect_err("two a minute");
        assert!((1..=30).contains(&a_minute.as_secs()), "{a_minute:?}");
        assert!(check(None, Some(1), 1).await.is_err());
        assert!(check(None, None, 200).await.is_ok());
    }
}
