//! Who has sent a request: the user by their token, and the application by what it says and proves of itself.

use axum::http::HeaderMap;

use super::client::{Client, authorization};
use super::refusal::Refusal;
use super::state::ServerState;
use crate::auth::Identity;
use crate::clients::ClientIdentity;

/// A client whose credentials have been checked.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) identity: Identity,
    pub(super) application: ClientIdentity,
}

impl Sender {
    /// Checks the credentials in these headers.
    pub(super) async fn identify(
        state: &ServerState,
        client: Client,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let identity = state.auth.identify(authorization(headers)?).await?;
        let application = client.identify(state, &identity.caller)?;
        client.log.identified(&application);
        Ok(Self {
            client,
            identity,
            application,
        })
    }
}
