//! Extends the returns domain's `Return` with its parcel.

use async_graphql::{Context, ID, Object};
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::loaders::{Loaders, OwnedKey};
use crate::shipment::Shipment;

pub(crate) struct Return {
    pub id: Uuid,
}

/// Items of one order that a customer sends back, visible only to them.
#[Object]
impl Return {
    /// Globally unique id: `ret_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Return.id(self.id)
    }

    /// The parcel with the items; null until the return has a label.
    async fn shipment(&self, context: &Context<'_>) -> Option<ApiResult<Shipment>> {
        let answer: ApiResult<Option<Shipment>> = async {
            let customer = access::customer(context)?;
            let row = context
                .data_unchecked::<Loaders>()
                .shipment_of_return
                .load_one(OwnedKey {
                    customer,
                    id: self.id,
                })
                .await?;
            Ok(row.map(Shipment::from))
        }
        .await;
        answer.transpose()
    }
}
