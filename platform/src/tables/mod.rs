//! The tables in every domain's database beside its own: outbox, inbox, idempotency keys, leases, tasks, write probes and
//! erasures of customers, whose migrations are `migrations::platform`; and the foreign keys between any tables.

pub mod call_rate;
pub mod customer_erasure;
pub mod foreign_key;
pub mod idempotency_key;
pub mod inbox_delivery;
pub mod inbox_event;
pub mod lease;
pub mod outbox_event;
pub mod outbox_sequence;
pub(crate) mod queue;
pub mod task;
pub mod write_probe;
