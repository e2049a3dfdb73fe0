//! What this domain adds to the orders domain's order: its parcels.

use async_graphql::{Context, ID, Object};
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::loaders::{Loaders, Owned};
use crate::shipment::Shipment;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub id: Uuid,
}

#[Object]
impl Order {
    async fn id(&self) -> ID {
        IdKind::Order.id(self.id)
    }

    /// The caller's parcels of this order, oldest first; those of returns are with the returns.
    async fn shipments(&self, context: &Context<'_>) -> Option<ApiResult<Vec<Shipment>>> {
        let answer: ApiResult<Option<Vec<Shipment>>> = async {
            let customer = access::customer(context)?;
            let rows = context
                .data_unchecked::<Loaders>()
                .shipments_of_order
                .load_one(Owned {
                    customer,
                    id: self.id,
                })
                .await?
                .unwrap_or_default();
            rows.into_iter()
                .map(Shipment::try_from)
                .collect::<ApiResult<_>>()
                .map(Some)
        }
        .await;
        answer.transpose()
    }
}
