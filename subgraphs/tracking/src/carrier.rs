//! The GraphQL enum `Carrier`.

use async_graphql::Enum;

use crate::rules::status;

/// The companies that transport parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "status::Carrier")]
pub(crate) enum Carrier {
    /// DHL.
    Dhl,
    /// FedEx.
    // One word: the derived name of `FedEx` would be FED_EX.
    Fedex,
    /// UPS.
    Ups,
    /// United States Postal Service.
    Usps,
}
