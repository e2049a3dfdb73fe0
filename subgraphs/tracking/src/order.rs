//! Extends the orders domain's `Order` with its parcels.

use async_graphql::{Context, ID, Object};
use chrono::TimeDelta;
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::guest_link::GuestScope;
use crate::loaders::{Loaders, OwnedKey};
use crate::shipment::Shipment;

/// Longer than a parcel takes, and than anybody looks back at it.
const LINK_LIFETIME: TimeDelta = TimeDelta::days(30);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub id: Uuid,
}

impl Order {
    /// The order, for its owner; null for everybody else, to whom the other domains do not show it either.
    pub(crate) fn of_owner(
        context: &Context<'_>,
        id: Uuid,
        owner: Option<Uuid>,
    ) -> ApiResult<Option<Self>> {
        let caller = access::visitor(context)?;
        Ok((caller.is_some() && caller == owner).then_some(Self { id }))
    }
}

/// An order, visible only to the customer who placed it.
#[Object]
impl Order {
    /// Globally unique id: `ord_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Order.id(self.id)
    }

    /// The parcels of this order, oldest first, without those of its returns.
    async fn shipments(&self, context: &Context<'_>) -> Option<ApiResult<Vec<Shipment>>> {
        let answer: ApiResult<Option<Vec<Shipment>>> = async {
            let customer = access::customer(context)?;
            let rows = context
                .data_unchecked::<Loaders>()
                .shipments_of_order
                .load_list(OwnedKey {
                    customer,
                    id: self.id,
                })
                .await?;
            Ok(Some(rows.into_iter().map(Shipment::from).collect()))
        }
        .await;
        answer.transpose()
    }

    /// The most recently updated parcel of this order, which live updates start with; null while there is none.
    async fn latest_shipment(&self, context: &Context<'_>) -> Option<ApiResult<Shipment>> {
        let answer: ApiResult<Option<Shipment>> = async {
            let customer = access::customer(context)?;
            let rows = context
                .data_unchecked::<Loaders>()
                .shipments_of_order
                .load_list(OwnedKey {
                    customer,
                    id: self.id,
                })
                .await?;
            Ok(Shipment::latest(rows))
        }
        .await;
        answer.transpose()
    }

    /// A token that lets somebody without an account track this order for 30 days, by `trackByToken` or live by
    /// `orderTrackingByToken`. Each request makes a new one. Null while there is no parcel.
    async fn tracking_token(&self, context: &Context<'_>) -> Option<ApiResult<String>> {
        let answer: ApiResult<Option<String>> = async {
            let customer = access::customer(context)?;
            let id = self.id;
            let loaders = context.data_unchecked::<Loaders>();
            let own = loaders
                .shipments_of_order
                .load_list(OwnedKey { customer, id });
            if own.await?.is_empty() {
                return Ok(None);
            }
            let state = context.data_unchecked::<State>();
            let now = state.clock.now();
            let token = state
                .guest_links
                .mint(GuestScope::Order(id), now, LINK_LIFETIME)?;
            Ok(Some(token))
        }
        .await;
        answer.transpose()
    }
}
