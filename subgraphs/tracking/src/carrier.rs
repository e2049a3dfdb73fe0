//! A carrier as the graph shows it.

use async_graphql::Enum;

use crate::rules::status;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "status::Carrier")]
pub(crate) enum Carrier {
    Dhl,
    // One word: the enum's own rule would write FED_EX for `FedEx`.
    Fedex,
    Ups,
    Usps,
}
