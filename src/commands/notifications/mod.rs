//! `vantage notifications`.

mod messages;
mod preferences;

use entities::notifications::notification::{DeliveryStatus, Listed};

use crate::cli::Notifications;

pub(crate) async fn run(command: Notifications) -> anyhow::Result<()> {
    match command {
        Notifications::List {
            settings,
            status,
            customer,
            order,
            limit,
        } => {
            let listed = messages::listed(status, customer.as_deref(), order.as_deref())?;
            messages::list(&settings, &listed, limit).await
        }
        Notifications::DeadLetters { settings, limit } => {
            let listed = Listed {
                status: Some(DeliveryStatus::DeadLettered),
                ..Listed::default()
            };
            messages::list(&settings, &listed, limit).await
        }
        Notifications::Requeue { settings, ids, all } => {
            messages::requeue(&settings, &ids, all).await
        }
        Notifications::Preview {
            settings,
            event,
            channel,
            locale,
            output,
        } => messages::preview(
            &settings,
            event.as_deref(),
            channel,
            &locale,
            output.as_deref(),
        ),
        Notifications::Erase { settings, customer } => messages::erase(&settings, &customer).await,
        Notifications::MigratePreferences(migrate) => preferences::migrate(migrate).await,
        Notifications::RepairPreferences(repair) => preferences::repair(repair).await,
    }
}
