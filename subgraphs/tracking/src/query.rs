//! Root queries and entity resolvers.

use async_graphql::{Context, ID, Object};
use entities::tracking::shipment;
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::customer_return::Return;
use crate::guest_link::GuestScope;
use crate::loaders::{Loaders, OwnedKey};
use crate::order::Order;
use crate::privacy;
use crate::shipment::Shipment;

pub(crate) struct Query;

/// Root fields of queries, which read data.
#[Object]
impl Query {
    /// One of the caller's parcels; null if it does not exist or belongs to somebody else.
    #[graphql(directive = authenticated::apply())]
    async fn shipment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The parcel's id, `shp_…`.")] id: ID,
    ) -> Option<ApiResult<Shipment>> {
        let answer: ApiResult<Option<Shipment>> = async {
            access::customer(context)?;
            own_shipment(context, IdKind::Shipment.argument("id", &id)?).await
        }
        .await;
        answer.transpose()
    }

    /// The parcel that a signed link shows to somebody without an account. For the link of an order it is the most recently
    /// updated one, or null if there is none.
    async fn track_by_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token of the link, as from `Order.trackingToken`.")] token: String,
    ) -> Option<ApiResult<Shipment>> {
        let answer: ApiResult<Option<Shipment>> = async {
            let state = context.data_unchecked::<State>();
            let db = state.database.read();
            match state.open_link(context, &token)?.0 {
                GuestScope::Shipment(id) => {
                    let found = shipment::by_id(db, id).await?;
                    privacy::check_link(db, found.as_ref()).await?;
                    Ok(found.map(Shipment::from))
                }
                GuestScope::Order(id) => {
                    let found = shipment::of_order(db, id).await?;
                    privacy::check_link(db, found.first()).await?;
                    Ok(Shipment::latest(found))
                }
            }
        }
        .await;
        answer.transpose()
    }

    #[graphql(entity)]
    async fn find_shipment(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<Shipment>> {
        match IdKind::Shipment.parse(&id) {
            Some(id) => own_shipment(context, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_order(&self, id: ID) -> Option<Order> {
        IdKind::Order.parse(&id).map(|id| Order { id })
    }

    #[graphql(entity)]
    async fn find_return(&self, id: ID) -> Option<Return> {
        IdKind::Return.parse(&id).map(|id| Return { id })
    }
}

/// The parcel, if it is the caller's; a visitor has none.
async fn own_shipment(context: &Context<'_>, id: Uuid) -> ApiResult<Option<Shipment>> {
    let Some(customer) = access::visitor(context)? else {
        return Ok(None);
    };
    let loaders = context.data_unchecked::<Loaders>();
    let row = loaders.shipment.load_one(OwnedKey { customer, id }).await?;
    Ok(row.map(Shipment::from))
}
