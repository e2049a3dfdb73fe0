//! DataLoaders over the finders of `entities::notifications`, created for each request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use entities::notifications::customer_state::{self, CustomerState};
use entities::notifications::{notification, preference};
use platform::database::Database;
use resolvers::batch::{Batched, Batches};
use resolvers::finder_loader;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;

finder_loader! {
    /// Settings by customer, and whether the customer was erased.
    StateOfCustomer: Uuid => CustomerState, customer_state::of_customers
}

finder_loader! {
    /// Stored cells of the matrix by customer.
    PreferencesOfCustomer: Uuid => Vec<preference::Model>, preference::of_customers
}

finder_loader! {
    /// Messages by id.
    NotificationById: Uuid => notification::Model, notification::by_ids
}

/// One customer's messages about an order. The customer is part of the key, so that nobody can read another's messages
/// by naming their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderOf {
    pub customer: Uuid,
    pub order: Uuid,
}

/// Messages by customer and order.
pub(crate) struct NotificationsOfOrder(Database);

impl Loader<OrderOf> for NotificationsOfOrder {
    type Value = Vec<notification::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[OrderOf]) -> Result<HashMap<OrderOf, Self::Value>, Self::Error> {
        let mut found = HashMap::with_capacity(keys.len());
        // A request has one caller, so this is one statement.
        for chunk in keys.chunk_by(|a, b| a.customer == b.customer) {
            let customer = chunk[0].customer;
            let orders: Vec<_> = chunk.iter().map(|key| key.order).collect();
            let rows = notification::of_orders(self.0.read(), customer, &orders).await?;
            found.extend(
                rows.into_iter()
                    .map(|(order, rows)| (OrderOf { customer, order }, rows)),
            );
        }
        Ok(found)
    }
}

pub(crate) struct Loaders {
    pub states: Batched<StateOfCustomer>,
    pub preferences: Batched<PreferencesOfCustomer>,
    pub notifications: Batched<NotificationById>,
    pub notifications_of_order: Batched<NotificationsOfOrder>,
}

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        let database = || state.database.clone();
        Self {
            states: batches.loader(StateOfCustomer(database())),
            preferences: batches.loader(PreferencesOfCustomer(database())),
            notifications: batches.loader(NotificationById(database())),
            notifications_of_order: batches.loader(NotificationsOfOrder(database())),
        }
    }
}
