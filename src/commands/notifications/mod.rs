//! `vantage notifications`.

mod preferences;

use crate::cli::Notifications;

pub(crate) async fn run(command: Notifications) -> anyhow::Result<()> {
    match command {
        Notifications::MigratePreferences(migrate) => preferences::migrate(migrate).await,
        Notifications::RepairPreferences(repair) => preferences::repair(repair).await,
    }
}
