//! What the domains store of a customer: exported and erased.

use chrono::{DateTime, Utc};
use platform::database::{DatabaseTransaction, ReadTransaction};
use resolvers::erasure::{self, Erased, Eraser};
use resolvers::export::{Export, ExportError};
use sea_orm::DbErr;
use uuid::Uuid;

use super::Domain;

impl Domain {
    /// Writes what the domain stores of the customer.
    pub(crate) async fn export(
        self,
        db: &ReadTransaction,
        customer: Uuid,
        export: &mut Export<'_>,
    ) -> Result<(), ExportError> {
        match self {
            Self::Orders => orders::privacy::export(db, customer, export).await,
            Self::Returns => returns::privacy::export(db, customer, export).await,
            Self::Tracking => tracking::privacy::export(db, customer, export).await,
            Self::Notifications => notifications::privacy::export(db, customer, export).await,
            Self::Search => search::privacy::export(db, customer, export).await,
            // Prices are of nobody.
            Self::Pricing => Ok(()),
        }
    }

    /// Erases what the domain stores of the customer up to now. In orders, it also publishes that they were deleted.
    pub(crate) async fn erase(
        self,
        transaction: &DatabaseTransaction,
        customer: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Erased, DbErr> {
        let eraser: &dyn Eraser = match self {
            Self::Orders => {
                return orders::privacy::delete_customer(transaction, customer, now).await;
            }
            Self::Returns => &returns::privacy::EraseReturns,
            Self::Tracking => &tracking::privacy::EraseShipments,
            Self::Notifications => &notifications::privacy::EraseMessages,
            Self::Search => &search::privacy::EraseSearch,
            Self::Pricing => return Ok(Erased::default()),
        };
        let erased = erasure::erase(eraser, transaction, customer, now, now).await?;
        Ok(erased.unwrap_or_default())
    }
}
