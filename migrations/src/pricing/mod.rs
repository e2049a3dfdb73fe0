//! The pricing database.

mod m20260101_000001_create_pricing;
mod m20260303_000001_create_held_rates;
mod m20260304_000001_version_prices;

use sea_orm_migration::prelude::*;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = crate::platform::migrations();
        migrations.push(Box::new(m20260101_000001_create_pricing::Migration));
        migrations.push(Box::new(m20260303_000001_create_held_rates::Migration));
        migrations.push(Box::new(m20260304_000001_version_prices::Migration));
        migrations
    }
}
