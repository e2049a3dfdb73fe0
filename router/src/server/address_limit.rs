//! Counts and limits each address's open connections.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// The part of an IPv6 address that a client does not choose.
const IPV6_NETWORK: u128 = !0 << 64;

/// A limit on what each address may have open. Clones share it.
#[derive(Clone, Debug)]
pub struct AddressLimiter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One of an address's slots. Dropping it frees the slot.
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

    /// Takes a slot for this address; `None` if all are in use.
    pub fn admit(&self, address: IpAddr) -> Option<AddressPermit> {
        let network = network(address);
        let mut open = self.inner.open();
        let count = open.entry(network).or_default();
        // A new entry is zero, and the limit is never zero.
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
        // No code panics while holding the lock.
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

/// What identifies a client: an IPv4 address, or the /64 network of an IPv6 client.
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
