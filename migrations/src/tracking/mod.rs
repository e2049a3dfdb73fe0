//! The tracking database.

mod m20260101_000001_create_tracking;
mod m20260201_000001_create_carrier_budgets;
mod m20260301_000001_add_carrier_times;
mod m20260301_000002_index_return_parcels_alone;
mod m20260302_000001_move_carrier_budgets;
mod m20260401_000001_create_shipment_lines;
mod m20261201_000001_index_customers;

use sea_orm_migration::prelude::*;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = crate::platform::migrations();
        migrations.push(Box::new(m20260101_000001_create_tracking::Migration));
        migrations.push(Box::new(m20260201_000001_create_carrier_budgets::Migration));
        migrations.push(Box::new(m20260301_000001_add_carrier_times::Migration));
        migrations.push(Box::new(
            m20260301_000002_index_return_parcels_alone::Migration,
        ));
        migrations.push(Box::new(m20260302_000001_move_carrier_budgets::Migration));
        migrations.push(Box::new(m20260401_000001_create_shipment_lines::Migration));
        migrations.push(Box::new(m20261201_000001_index_customers::Migration));
        migrations
    }
}
