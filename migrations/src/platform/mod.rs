//! The tables that every domain's database has: outbox, inbox, idempotency keys, leases, write probes,
//! call rates, tasks, erasures of customers, which releases can run on the schema.

mod m20260101_000001_create_platform_tables;
mod m20260301_000001_create_write_probes;
mod m20260301_000002_index_dead_events;
mod m20260301_000003_create_call_rates;
mod m20260302_000001_confirm_events;
mod m20260302_000002_create_tasks;
mod m20261201_000001_add_traceparents;
mod m20261201_000002_create_compatibility;
mod m20261201_000010_create_customer_erasures;
mod m20261201_000020_index_waiting_work;

use sea_orm_migration::prelude::*;

/// The first migrations of every domain.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m20260101_000001_create_platform_tables::Migration),
        Box::new(m20260301_000001_create_write_probes::Migration),
        Box::new(m20260301_000002_index_dead_events::Migration),
        Box::new(m20260301_000003_create_call_rates::Migration),
        Box::new(m20260302_000001_confirm_events::Migration),
        Box::new(m20260302_000002_create_tasks::Migration),
        Box::new(m20261201_000001_add_traceparents::Migration),
        Box::new(m20261201_000002_create_compatibility::Migration),
        Box::new(m20261201_000010_create_customer_erasures::Migration),
        Box::new(m20261201_000020_index_waiting_work::Migration),
    ]
}
