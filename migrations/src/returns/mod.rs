//! The returns database.

mod m20260101_000001_create_returns;
mod m20260102_000001_create_order_turns;
mod m20260102_000002_add_products_and_alerts;
mod m20260103_000001_create_return_tasks;
mod m20260301_000001_add_turned_back;
mod m20260301_000003_index_refunds_in_doubt;
mod m20260301_000004_create_refund_supplements;
mod m20260302_000001_move_return_tasks;
mod m20261130_000010_announce_store_credits;
mod m20261130_000020_create_return_reviews;
mod m20261130_000030_create_label_rates;
mod m20261130_000040_create_unvoided_labels;
mod m20261201_000001_index_unvoided_labels;

use sea_orm_migration::prelude::*;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = crate::platform::migrations();
        migrations.push(Box::new(m20260101_000001_create_returns::Migration));
        migrations.push(Box::new(m20260102_000001_create_order_turns::Migration));
        migrations.push(Box::new(
            m20260102_000002_add_products_and_alerts::Migration,
        ));
        migrations.push(Box::new(m20260103_000001_create_return_tasks::Migration));
        migrations.push(Box::new(m20260301_000001_add_turned_back::Migration));
        migrations.push(Box::new(m20260301_000003_index_refunds_in_doubt::Migration));
        migrations.push(Box::new(
            m20260301_000004_create_refund_supplements::Migration,
        ));
        migrations.push(Box::new(m20260302_000001_move_return_tasks::Migration));
        migrations.push(Box::new(m20261130_000010_announce_store_credits::Migration));
        migrations.push(Box::new(m20261130_000020_create_return_reviews::Migration));
        migrations.push(Box::new(m20261130_000030_create_label_rates::Migration));
        migrations.push(Box::new(m20261130_000040_create_unvoided_labels::Migration));
        migrations.push(Box::new(m20261201_000001_index_unvoided_labels::Migration));
        migrations
    }
}
