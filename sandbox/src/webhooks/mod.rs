//! Webhooks: who listens to what, how each provider signs, and the task that sends.

mod delivery;
mod endpoint;
mod signature;

pub(crate) use delivery::{Deliveries, send};
pub(crate) use endpoint::{Endpoint, Endpoints, Webhook};
