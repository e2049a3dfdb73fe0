//! Webhooks: subscriptions, signatures, and the sending task.

mod delivery;
mod endpoint;
mod signature;

pub(crate) use delivery::{Deliveries, send};
pub(crate) use endpoint::{Endpoint, Endpoints, Webhook};
