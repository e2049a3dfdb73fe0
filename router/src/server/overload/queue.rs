//! What runs and what waits, by client. The client that runs the least is served next.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// A client, as the hash of who it is.
pub(super) type ClientKey = u64;

/// Identifies a waiter of a client.
pub(super) type Ticket = u64;

/// Running and waiting operations of each client, max-min fair: free slots go to the waiting client that runs the least,
/// and lack of room is felt by the one that has the most.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    clients: HashMap<ClientKey, Client<T>>,
    /// Waiting clients: how many they run, when they were served last, who they are.
    next: BTreeSet<(usize, u64, ClientKey)>,
    /// Waiting clients: how many they have running and waiting.
    largest: BTreeSet<(usize, ClientKey)>,
    running: usize,
    waiting: usize,
    /// The number of the last waiter that was added or served.
    last: u64,
}

#[derive(Debug)]
struct Client<T> {
    running: usize,
    /// The oldest first.
    waiting: VecDeque<(Ticket, T)>,
    /// 0: never since it was idle.
    served: u64,
}

impl<T> Client<T> {
    fn size(&self) -> usize {
        self.running + self.waiting.len()
    }
}

impl<T> FairQueue<T> {
    pub(super) fn new() -> Self {
        Self {
            clients: HashMap::new(),
            next: BTreeSet::new(),
            largest: BTreeSet::new(),
            running: 0,
            waiting: 0,
            last: 0,
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// An operation of this client starts.
    pub(super) fn start(&mut self, key: ClientKey) {
        self.running += 1;
        self.change(key, |client| client.running += 1);
    }

    /// An operation of this client has ended.
    pub(super) fn end(&mut self, key: ClientKey) {
        self.running -= 1;
        self.change(key, |client| client.running -= 1);
    }

    /// Adds a waiter behind the client's others.
    pub(super) fn push(&mut self, key: ClientKey, waiter: T) -> Ticket {
        self.last += 1;
        let ticket = self.last;
        self.waiting += 1;
        self.change(key, |client| client.waiting.push_back((ticket, waiter)));
        ticket
    }

    /// Takes the next waiter, and starts its operation.
    pub(super) fn start_next(&mut self) -> Option<(ClientKey, T)> {
        let (_, _, key) = *self.next.first()?;
        self.last += 1;
        let served = self.last;
        let waiter = self.change(key, |client| {
            let (_, waiter) = client.waiting.pop_front()?;
            client.served = served;
            client.running += 1;
            Some(waiter)
        })?;
        self.waiting -= 1;
        self.running += 1;
        Some((key, waiter))
    }

    /// Takes the newest waiter of the largest client, to make room for one of this client; `None` if this would be the
    /// largest itself.
    pub(super) fn displace_for(&mut self, key: ClientKey) -> Option<T> {
        let own = self.clients.get(&key).map_or(0, Client::size);
        let (size, largest) = *self.largest.last()?;
        if size <= own + 1 {
            return None;
        }
        let (_, waiter) = self.change(largest, |client| client.waiting.pop_back())?;
        self.waiting -= 1;
        Some(waiter)
    }

    /// Removes a waiter that has given up, if it still waits.
    pub(super) fn remove(&mut self, key: ClientKey, ticket: Ticket) {
        let Some(client) = self.clients.get(&key) else {
            return;
        };
        let mut waiting = client.waiting.iter();
        let Some(at) = waiting.position(|(other, _)| *other == ticket) else {
            return;
        };
        self.change(key, |client| client.waiting.remove(at));
        self.waiting -= 1;
    }

    /// Changes a client, its place in the order, and whether it is known at all.
    fn change<R>(&mut self, key: ClientKey, change: impl FnOnce(&mut Client<T>) -> R) -> R {
        let client = self.clients.entry(key).or_insert_with(|| Client {
            running: 0,
            waiting: VecDeque::new(),
            served: 0,
        });
        if !client.waiting.is_empty() {
            self.next.remove(&(client.running, client.served, key));
            self.largest.remove(&(client.size(), key));
        }
        let result = change(client);
        if !client.waiting.is_empty() {
            self.next.insert((client.running, client.served, key));
            self.largest.insert((client.size(), key));
        } else if client.running == 0 {
            self.clients.remove(&key);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientKey = 1;
    const B: ClientKey = 2;
    const C: ClientKey = 3;

    fn served(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.start_next())
            .map(|(_, waiter)| waiter)
            .collect()
    }

    #[test]
    fn the_client_that_runs_the_least_is_next_and_its_own_are_in_order() {
        let mut queue = FairQueue::new();
        queue.start(A);
        queue.start(A);
        for (key, waiter) in [
            (A, "a1"),
            (A, "a2"),
            (B, "b1"),
            (B, "b2"),
            (B, "b3"),
            (C, "c1"),
        ] {
            queue.push(key, waiter);
        }
        let order = ["b1", "c1", "b2", "a1", "b3", "a2"];
        assert_eq!(served(&mut queue), order);
        assert_eq!((queue.running(), queue.waiting()), (8, 0));
    }

    #[test]
    fn clients_that_run_as_much_are_served_by_turns() {
        let mut queue = FairQueue::new();
        for (key, waiter) in [(A, "a1"), (A, "a2"), (A, "a3"), (B, "b1"), (B, "b2")] {
            queue.push(key, waiter);
        }
        let mut order = Vec::new();
        while let Some((key, waiter)) = queue.start_next() {
            queue.end(key);
            order.push(waiter);
        }
        assert_eq!(order, ["a1", "b1", "a2", "b2", "a3"]);
    }

    #[test]
    fn the_largest_makes_room_and_nobody_for_the_largest() {
        let mut queue = FairQueue::new();
        queue.start(A);
        queue.push(A, "a1");
        queue.push(A, "a2");
        assert_eq!(queue.displace_for(A), None);
        assert_eq!(queue.displace_for(B), Some("a2"));
        queue.push(B, "b1");
        // A runs one and has one waiting: as many as B would have.
        assert_eq!(queue.displace_for(B), None);
        assert_eq!(queue.displace_for(C), Some("a1"));
        assert_eq!(queue.displace_for(C), None);
        assert_eq!((queue.running(), queue.waiting()), (1, 1));
    }

    #[test]
    fn who_gives_up_is_forgotten() {
        let mut queue = FairQueue::new();
        let first = queue.push(A, "a1");
        let second = queue.push(A, "a2");
        queue.remove(A, first);
        queue.remove(A, first);
        queue.remove(B, second);
        assert_eq!(served(&mut queue), ["a2"]);
        queue.remove(A, second);
        queue.end(A);
        assert!(queue.clients.is_empty() && queue.next.is_empty() && queue.largest.is_empty());
        assert_eq!((queue.running(), queue.waiting()), (0, 0));
    }
}
