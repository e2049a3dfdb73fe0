//! The orders database.

mod m20260101_000001_create_orders;
mod m20260103_000001_create_order_payments;
mod m20260302_000001_move_payment_attempts;
mod m20260401_000001_create_order_parcels;
mod m20260401_000002_add_captures;
mod m20261130_000010_create_stock;
mod m20261130_000011_add_shipping_option;
mod m20261130_000012_create_store_credit;
mod m20261130_000020_create_order_reviews;

use sea_orm_migration::prelude::*;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = crate::platform::migrations();
        migrations.push(Box::new(m20260101_000001_create_orders::Migration));
        migrations.push(Box::new(m20260103_000001_create_order_payments::Migration));
        migrations.push(Box::new(m20260302_000001_move_payment_attempts::Migration));
        migrations.push(Box::new(m20260401_000001_create_order_parcels::Migration));
        migrations.push(Box::new(m20260401_000002_add_captures::Migration));
        migrations.push(Box::new(m20261130_000010_create_stock::Migration));
        migrations.push(Box::new(m20261130_000011_add_shipping_option::Migration));
        migrations.push(Box::new(m20261130_000012_create_store_credit::Migration));
        migrations.push(Box::new(m20261130_000020_create_order_reviews::Migration));
        migrations
    }
}
