//! Verifies a request's sender: the user by the token, the application by name and credentials.

use axum::http::HeaderMap;

use super::client::{Client, authorization};
use super::overload::Permit;
use super::refusal::Refusal;
use super::state::ServerState;
use crate::auth::Identity;
use crate::clients::ClientIdentity;

/// A client with verified credentials.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) identity: Identity,
    pub(super) application: ClientIdentity,
}

impl Sender {
    /// Verifies the credentials in these headers.
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

    /// Waits until one of its operations may run.
    ///
    /// # Errors
    /// If it would have to wait too long.
    pub(super) async fn admit(&self, state: &ServerState) -> Result<Permit, Refusal> {
        let subject = self.identity.caller.subject.as_deref();
        let admitted = state
            .overload
            .admit(&self.application, subject, self.client.ip);
        admitted.await
    }
}
