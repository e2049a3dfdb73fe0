//! `personalizationOptOutSet`, and forgetting customers.

use async_graphql::SimpleObject;
use entities::search::{customer_preference, search_exposure, signal};
use platform::database::DatabaseTransaction;
use resolvers::ApiResult;
use resolvers::user_error::InputError;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::customer::CustomerPersonalization;

/// The outcome of `personalizationOptOutSet`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PersonalizationPayload {
    /// How results are personalized now.
    pub personalization: CustomerPersonalization,
    /// Always empty.
    pub user_errors: Vec<InputError>,
}

/// Opts a customer out, which forgets everything known of them, or in again.
pub(crate) async fn set(
    state: &State,
    customer: Uuid,
    opt_out: bool,
) -> ApiResult<PersonalizationPayload> {
    if opt_out {
        state.forget(customer, true).await?;
    } else {
        let now = state.clock.now();
        customer_preference::opt_in(state.database.write(), customer, now).await?;
        state.personalization.preferences.remove(&[customer]).await;
    }
    Ok(PersonalizationPayload {
        personalization: CustomerPersonalization::load(state, customer).await?,
        user_errors: Vec::new(),
    })
}

impl State {
    /// Forgets a customer who was deleted: their signals and their preferences. Their searches stay in the totals of the
    /// experiment, under a random id.
    ///
    /// # Errors
    /// A database that cannot be written.
    pub async fn forget_customer(&self, customer: Uuid) -> Result<(), DbErr> {
        self.forget(customer, false).await
    }

    async fn forget(&self, customer: Uuid, opted_out: bool) -> Result<(), DbErr> {
        // Searches that wait to be recorded have the customer's id.
        let exposures = &self.personalization.exposures;
        exposures.flush(&self.database).await?;
        let transaction = self.database.begin().await?;
        forget_in(&transaction, customer, opted_out, self.clock.now()).await?;
        transaction.commit().await?;
        self.personalization.preferences.remove(&[customer]).await;
        Ok(())
    }
}

/// Forgets a customer in a transaction. Other processes find the changed row within a second.
pub(crate) async fn forget_in(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    opted_out: bool,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), DbErr> {
    customer_preference::set_opted_out(transaction, customer, opted_out, now).await?;
    signal::delete_customer(transaction, customer).await?;
    search_exposure::forget_customer(transaction, customer, Uuid::new_v4()).await?;
    Ok(())
}
