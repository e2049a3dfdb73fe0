//! The notifications database.

mod m20260101_000001_create_notifications;
mod m20261129_000001_create_partner_webhooks;
mod m20261129_000002_add_deliveries;
mod m20261129_000011_create_topic_memberships;
mod m20261129_000013_create_legacy_preferences;
mod m20261129_000014_create_deal_queue;
mod m20261130_000001_index_due_deals;
mod m20261130_000002_index_due_deals_of_customers;
mod m20261130_000040_create_erased_customers;
mod m20261201_000020_record_erasures;

use sea_orm_migration::prelude::*;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = crate::platform::migrations();
        migrations.push(Box::new(m20260101_000001_create_notifications::Migration));
        migrations.push(Box::new(
            m20261129_000001_create_partner_webhooks::Migration,
        ));
        migrations.push(Box::new(m20261129_000002_add_deliveries::Migration));
        migrations.push(Box::new(
            m20261129_000011_create_topic_memberships::Migration,
        ));
        migrations.push(Box::new(
            m20261129_000013_create_legacy_preferences::Migration,
        ));
        migrations.push(Box::new(m20261129_000014_create_deal_queue::Migration));
        migrations.push(Box::new(m20261130_000001_index_due_deals::Migration));
        migrations.push(Box::new(
            m20261130_000002_index_due_deals_of_customers::Migration,
        ));
        migrations.push(Box::new(
            m20261130_000040_create_erased_customers::Migration,
        ));
        migrations.push(Box::new(m20261201_000020_record_erasures::Migration));
        migrations
    }
}
