//! Reloads the clients file when it changes, and checks it again when the schema changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use platform::reload::{Reload, Reloader};
use platform::supervisor::Supervisor;

use super::state::ServerState;
use crate::clients::{Clients, ClientsError, ClientsFiles};

struct Source {
    path: PathBuf,
    state: ServerState,
    /// The clients in use.
    used: Option<ClientsFiles>,
}

#[async_trait]
impl Reload for Source {
    /// Includes the schema's version: clients that were not valid for one schema may be valid for the next.
    type Contents = (ClientsFiles, u64);
    type Error = ClientsError;

    const NAME: &'static str = "clients";

    async fn read(&self) -> Result<Self::Contents, ClientsError> {
        Ok((ClientsFiles::read(&self.path)?, self.state.router_version()))
    }

    async fn apply(&mut self, (files, _): &Self::Contents) -> Result<Option<String>, ClientsError> {
        if self.used.as_ref() == Some(files) {
            // The schema was only replaced because these clients are valid against it.
            return Ok(None);
        }
        let clients = Clients::load(files)?;
        let (count, operations) = (clients.iter().count(), clients.operations().count());
        self.state.replace_clients(clients).await?;
        self.used = Some(files.clone());
        Ok(Some(format!("{count} clients, {operations} operations")))
    }
}

impl ServerState {
    /// Loads the clients file and reloads it on changes, checking every `interval` in a supervised task.
    ///
    /// # Errors
    /// If the file is invalid now.
    pub async fn watch_clients(
        &self,
        path: &Path,
        interval: Duration,
        supervisor: &Supervisor,
    ) -> Result<(), ClientsError> {
        let source = Source {
            path: path.to_owned(),
            state: self.clone(),
            used: None,
        };
        Reloader::open(source, supervisor).await?.start(interval);
        Ok(())
    }
}
