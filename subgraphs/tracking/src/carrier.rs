//! The GraphQL enum `Carrier`.

use async_graphql::Enum;

use crate::rules::status;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "status::Carrier")]
pub(crate) enum Carrier {
    Dhl,
    // One word: the derived name of `FedEx` would be FED_EX.
    Fedex,
    Ups,
    Usps,
}
