//! The open connections of this instance: limits in total and per user, and draining at shutdown.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};
use platform::connection_registry::{ConnectionRegistry, Evictions};
use platform::supervisor::{Stage, Supervisor};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::address_limit::{AddressLimiter, AddressPermit};
use super::close_reason::CloseReason;
use super::config::WebSocketConfig;

/// An instance's open WebSockets. Clones share them.
#[derive(Clone, Debug)]
pub struct Connections {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    max: usize,
    max_per_user: usize,
    open: AtomicUsize,
    next_id: AtomicU64,
    /// Each user's connections, the oldest first.
    users: Mutex<HashMap<String, VecDeque<UserConnection>>>,
    /// Connections that are not signed in, by address.
    anonymous: AddressLimiter,
    /// Counts connections across instances, if there are several.
    registry: OnceLock<ConnectionRegistry>,
    draining: CancellationToken,
    closed: Notify,
}

/// A user's connection, with a handle to close it.
#[derive(Debug)]
struct UserConnection {
    id: u64,
    close: oneshot::Sender<CloseReason>,
}

/// A connection's slot. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    inner: Arc<Inner>,
    id: u64,
    user: Option<String>,
    /// Set until a user is known.
    anonymous: Option<AddressPermit>,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CapacityError {
    /// The instance is full or shutting down.
    Full,
    /// The address has too many connections that are not signed in.
    Address,
}

impl Connections {
    pub(super) fn new(config: &WebSocketConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                max: config.max_connections,
                max_per_user: config.max_connections_per_user,
                open: AtomicUsize::new(0),
                next_id: AtomicU64::new(0),
                users: Mutex::default(),
                anonymous: AddressLimiter::new(config.max_anonymous_per_address),
                registry: OnceLock::new(),
                draining: CancellationToken::new(),
                closed: Notify::new(),
            }),
        }
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.inner.open.load(Ordering::Acquire)
    }

    /// Admits one more connection, from this address if known.
    pub(super) fn admit(&self, address: Option<IpAddr>) -> Result<ConnectionPermit, CapacityError> {
        self.reserve(address).inspect_err(|reason| {
            let reason = match reason {
                CapacityError::Full => "full",
                CapacityError::Address => "address",
            };
            metrics::counter!("router_connections_refused_total", "reason" => reason).increment(1);
        })
    }

    fn reserve(&self, address: Option<IpAddr>) -> Result<ConnectionPermit, CapacityError> {
        if self.inner.draining.is_cancelled() {
            return Err(CapacityError::Full);
        }
        let anonymous = match address {
            Some(address) => {
                let place = self.inner.anonymous.admit(address);
                Some(place.ok_or(CapacityError::Address)?)
            }
            None => None,
        };
        let max = self.inner.max;
        self.inner
            .open
            .try_update(Ordering::AcqRel, Ordering::Acquire, |open| {
                (open < max).then_some(open + 1)
            })
            .map_err(|_| CapacityError::Full)?;
        metrics::gauge!("router_websocket_connections").increment(1);
        let lease = ConnectionPermit {
            inner: self.inner.clone(),
            id: self.inner.next_id.fetch_add(1, Ordering::Relaxed),
            user: None,
            anonymous,
        };
        // A shutdown that began just now may have counted before this connection existed.
        if self.inner.draining.is_cancelled() {
            return Err(CapacityError::Full);
        }
        Ok(lease)
    }

    /// Closes every connection at a random moment within the drain window, admits no more, and returns when the last is
    /// gone.
    pub(super) async fn drain(&self) {
        self.inner.draining.cancel();
        loop {
            let closed = self.inner.closed.notified();
            if self.open() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// From now on, counts each user's connections across all instances that share the registry; its evictions are
    /// applied here.
    pub(super) fn share(
        &self,
        registry: ConnectionRegistry,
        evictions: Evictions,
        supervisor: &Supervisor,
    ) {
        if self.inner.registry.set(registry).is_err() {
            return;
        }
        let inner = self.inner.clone();
        let evictions = Arc::new(tokio::sync::Mutex::new(evictions));
        supervisor.start(Stage::Support, "connections.close", move |stop| {
            let (inner, evictions) = (inner.clone(), evictions.clone());
            async move {
                let mut evictions = evictions.lock().await;
                while let Some(Some(id)) = stop.run_until_cancelled(evictions.recv()).await {
                    inner.evict(id);
                }
            }
        });
    }

    /// Cancelled when the instance begins to shut down.
    pub(super) fn drain_token(&self) -> CancellationToken {
        self.inner.draining.clone()
    }

    /// Waits until the instance begins to shut down.
    pub(super) fn draining(&self) -> WaitForCancellationFuture<'_> {
        self.inner.draining.cancelled()
    }
}

impl Inner {
    /// Closes a connection evicted by the registry. Evictions are rare, so there is no index.
    fn evict(&self, id: u64) {
        let mut users = self.users();
        let found = users.values_mut().find_map(|members| {
            let at = members.iter().position(|member| member.id == id)?;
            members.remove(at)
        });
        if let Some(member) = found {
            // It may have ended by itself.
            let _ = member.close.send(CloseReason::ConnectionLimit);
        }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, VecDeque<UserConnection>>> {
        // No code panics while holding the lock, and every update leaves the map consistent.
        self.users.lock()
    }
}

impl ConnectionPermit {
    /// Counts the connection as this user's, and closes the user's oldest if there are too many. The receiver is
    /// notified when this connection must close.
    pub(super) fn belongs_to(&mut self, user: &str) -> oneshot::Receiver<CloseReason> {
        let (close, closed) = oneshot::channel();
        let mut users = self.inner.users();
        let members = users.entry(user.to_owned()).or_default();
        members.push_back(UserConnection { id: self.id, close });
        while members.len() > self.inner.max_per_user {
            if let Some(oldest) = members.pop_front() {
                // It may have ended by itself.
                let _ = oldest.close.send(CloseReason::ConnectionLimit);
            }
        }
        drop(users);
        self.user = Some(user.to_owned());
        self.anonymous = None;
        if let Some(registry) = self.inner.registry.get() {
            registry.add(user, self.id);
        }
        closed
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(user) = &self.user {
            if let Some(registry) = self.inner.registry.get() {
                registry.remove(user, self.id);
            }
            let mut users = self.inner.users();
            if let Some(members) = users.get_mut(user) {
                members.retain(|member| member.id != self.id);
                if members.is_empty() {
                    users.remove(user);
                }
            }
        }
        metrics::gauge!("router_websocket_connections").decrement(1);
        self.inner.open.fetch_sub(1, Ordering::AcqRel);
        self.inner.closed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(max: usize, per_user: usize) -> Connections {
        Connections::new(&WebSocketConfig {
            max_connections: max,
            max_connections_per_user: per_user,
            ..WebSocketConfig::default()
        })
    }

    #[test]
    fn a_full_instance_admits_again_when_one_has_left() {
        let connections = connections(2, 5);
        let first = connections.admit(None).expect("room");
        let _second = connections.admit(None).expect("room");
        assert!(connections.admit(None).is_err());
        drop(first);
        assert_eq!(connections.open(), 1);
        assert!(connections.admit(None).is_ok());
    }

    #[test]
    fn one_too_many_closes_the_users_oldest_and_nobody_elses() {
        let connections = connections(10, 2);
        let mut leases: Vec<ConnectionPermit> = (0..4)
            .map(|_| connections.admit(None).expect("room"))
            .collect();
        let mut other = leases[0].belongs_to("usr_other");
        let mut oldest = leases[1].belongs_to("usr_1");
        let mut second = leases[2].belongs_to("usr_1");
        assert!(oldest.try_recv().is_err());
        let mut third = leases[3].belongs_to("usr_1");
        assert_eq!(oldest.try_recv(), Ok(CloseReason::ConnectionLimit));
        for open in [&mut other, &mut second, &mut third] {
            assert!(open.try_recv().is_err());
        }
    }

    #[test]
    fn a_user_whose_connections_have_gone_is_forgotten() {
        let connections = connections(10, 2);
        let mut lease = connections.admit(None).expect("room");
        let _closed = lease.belongs_to("usr_1");
        assert_eq!(connections.inner.users().len(), 1);
        drop(lease);
        assert_eq!(connections.inner.users().len(), 0);
    }

    #[tokio::test]
    async fn draining_admits_nobody_and_waits_for_the_last() {
        let connections = connections(10, 2);
        let lease = connections.admit(None).expect("room");
        let drained = tokio::spawn({
            let connections = connections.clone();
            async move { connections.drain().await }
        });
        connections.draining().await;
        assert!(connections.admit(None).is_err());
        assert!(!drained.is_finished());
        drop(lease);
        drained.await.expect("drained");
    }

    #[test]
    fn an_address_has_so_many_that_are_nobodys_and_leaves_the_others_their_places() {
        let connections = Connections::new(&WebSocketConfig {
            max_anonymous_per_address: 2,
            ..WebSocketConfig::default()
        });
        let ip = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let mut signed_in = connections.admit(ip(1)).expect("room");
        let _anonymous = connections.admit(ip(1)).expect("room");
        assert_eq!(connections.admit(ip(1)).err(), Some(CapacityError::Address));
        assert_eq!(connections.open(), 2);
        connections.admit(ip(2)).expect("another address has room");
        let _closed = signed_in.belongs_to("usr_1");
        connections.admit(ip(1)).expect("one is a user's now");
    }
}
