//! Which buckets a request counts against.

use std::net::IpAddr;
use std::sync::Arc;

use platform::caller::Caller;
use platform::clock::Clock;
use platform::rate_limit::{Bucket, Quota, RateLimiter};

use super::address_limit::network;
use super::config::RatesConfig;
use crate::charge::Charge;
use crate::clients::ClientIdentity;

/// What limits the rates of clients, users and addresses. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    limiter: Arc<RateLimiter>,
    user: Option<Quota>,
    address: Option<Quota>,
}

impl Rates {
    /// In this process.
    pub(super) fn new(config: &RatesConfig) -> Self {
        let limiter = RateLimiter::in_process(Clock::system(), config.max_buckets);
        Self {
            limiter: Arc::new(limiter),
            user: config.user.map(Into::into),
            address: config.address.map(Into::into),
        }
    }

    pub(super) fn share(&mut self, limiter: RateLimiter) {
        self.limiter = Arc::new(limiter);
    }

    /// The buckets of a request. A client that has proved who it is has one for all that it sends; one that only says its
    /// name has one with each user or address, so that nobody can use up what others have.
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
            // It has no user and needs none: whose it is, is known.
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

fn address(address: IpAddr) -> String {
    format!("address:{}", network(address))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clients::{Clients, ClientsFiles};

    fn keys(caller: &Caller, client: &ClientIdentity, rates: &RatesConfig) -> Vec<(String, u32)> {
        let charge = Rates::new(rates).charge(caller, client);
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
}
