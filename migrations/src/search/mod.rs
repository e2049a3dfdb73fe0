//! The search database.

mod m20260101_000001_create_search;
mod m20260304_000001_follow_changes;
mod m20260306_000001_add_product_attributes;
mod m20261129_000002_create_personalization;
mod m20261130_000010_follow_stock;

use sea_orm_migration::prelude::*;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = crate::platform::migrations();
        migrations.push(Box::new(m20260101_000001_create_search::Migration));
        migrations.push(Box::new(m20260304_000001_follow_changes::Migration));
        migrations.push(Box::new(m20260306_000001_add_product_attributes::Migration));
        migrations.push(Box::new(m20261129_000002_create_personalization::Migration));
        migrations.push(Box::new(m20261130_000010_follow_stock::Migration));
        migrations
    }
}
