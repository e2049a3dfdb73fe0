//! The tracking domain's `Shipment` as this domain knows it.

use async_graphql::{ID, SimpleObject};

/// A parcel on its way to the customer, or back with a return. Visible to the customer, and to anyone with a signed link to
/// it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(unresolvable = "id")]
pub(crate) struct Shipment {
    /// Globally unique id: `shp_` followed by 26 characters.
    pub id: ID,
}
