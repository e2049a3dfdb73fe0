//! How many connections each address has open.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// The bits of an IPv6 address that one client does not choose.
const IPV6_NETWORK: u128 = !0 << 64;

/// A bound on what each address may have open. Cloning shares it.
#[derive(Clone, Debug)]
pub struct AddressLimiter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One place of an address. Dropping it gives the place back.
#[derive(Debug)]
pub struct AddressPermit {
    inner: Arc<Inner>,
    network: IpAddr,
}

impl AddressLimiter {
    pub fn new(max: usize) -> Self {
        let open = Mutex::default();
        Self {
            inner: Arc::new(Inner { max, open }),
        }
    }

    /// One more place for this address; `None` when it has all that it may.
    pub fn admit(&self, address: IpAddr) -> Option<AddressPermit> {
        let network = network(address);
        let mut open = self.inner.open();
        let count = open.entry(network).or_default();
        // An entry of zero is one that was just made, and a bound is never zero.
        if *count >= self.inner.max {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            inner: Arc::clone(&self.inner),
            network,
        })
    }
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // No code panics while it holds the lock.
        self.open.lock()
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut open = self.inner.open();
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

/// What stands for one client: an IPv4 address, or the network that IPv6 clients get whole.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & IPV6_NETWORK).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_its_own_places() {
        let addresses = AddressLimiter::new(2);
        let first = addresses.admit(ip("192.0.2.1")).expect("room");
        let _mapped = addresses.admit(ip("::ffff:192.0.2.1")).expect("room");
        assert!(addresses.admit(ip("192.0.2.1")).is_none());
        let _other = addresses.admit(ip("192.0.2.2")).expect("room");
        drop(first);
        assert!(addresses.admit(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_is_forgotten_when_it_has_gone() {
        let addresses = AddressLimiter::new(1);
        let place = addresses.admit(ip("2001:db8::1")).expect("room");
        assert!(addresses.admit(ip("2001:db8::ffff:2")).is_none());
        assert!(addresses.admit(ip("2001:db8:0:1::1")).is_some());
        drop(place);
        assert!(addresses.inner.open().is_empty());
    }
}
