//! DataLoaders over the finders of `entities::tracking`, created for each request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use entities::tracking::{event, shipment, shipment_line};
use platform::database::Database;
use resolvers::batch::{Batched, Batches};
use resolvers::finder_loader;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;

finder_loader! {
    /// History by shipment.
    HistoryOfShipment: Uuid => Vec<event::Model>, event::of_shipments
}

finder_loader! {
    /// Lines by shipment.
    LinesOfShipment: Uuid => Vec<shipment_line::Model>, shipment_line::of_shipments
}

/// A customer's entity. The customer is part of the key, so that nobody can read another's by guessing its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OwnedKey {
    pub customer: Uuid,
    pub id: Uuid,
}

/// Defines a loader by [`OwnedKey`] over a finder that takes the customer and the ids.
macro_rules! owned_loader {
    ($(#[$doc:meta])* $name:ident: $value:ty, $finder:path) => {
        $(#[$doc])*
        pub(crate) struct $name(Database);

        impl Loader<OwnedKey> for $name {
            type Value = $value;
            type Error = Arc<DbErr>;

            async fn load(&self, keys: &[OwnedKey]) -> Result<HashMap<OwnedKey, $value>, Self::Error> {
                let mut found = HashMap::with_capacity(keys.len());
                // A request has one caller, so this is one statement.
                for chunk in keys.chunk_by(|a, b| a.customer == b.customer) {
                    let customer = chunk[0].customer;
                    let ids: Vec<_> = chunk.iter().map(|key| key.id).collect();
                    let rows = $finder(self.0.read(), customer, &ids).await?;
                    found.extend(rows.into_iter().map(|(id, rows)| (OwnedKey { customer, id }, rows)));
                }
                Ok(found)
            }
        }
    };
}

owned_loader! {
    /// Shipments by id.
    ShipmentById: shipment::Model, shipment::of_customer
}

owned_loader! {
    /// Shipments by order.
    ShipmentsOfOrder: Vec<shipment::Model>, shipment::of_orders
}

owned_loader! {
    /// Shipments by return.
    ShipmentOfReturn: shipment::Model, shipment::of_returns
}

pub(crate) struct Loaders {
    pub shipment: Batched<ShipmentById>,
    pub shipments_of_order: Batched<ShipmentsOfOrder>,
    pub shipment_of_return: Batched<ShipmentOfReturn>,
    pub history: Batched<HistoryOfShipment>,
    pub lines: Batched<LinesOfShipment>,
}

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        let database = || state.database.clone();
        Self {
            shipment: batches.loader(ShipmentById(database())),
            shipments_of_order: batches.loader(ShipmentsOfOrder(database())),
            shipment_of_return: batches.loader(ShipmentOfReturn(database())),
            history: batches.loader(HistoryOfShipment(database())),
            lines: batches.loader(LinesOfShipment(database())),
        }
    }
}
