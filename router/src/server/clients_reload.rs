//! The clients' file while the edge serves: read again when it changes, and looked at again when the schema does.

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
    /// What is in use.
    used: Option<ClientsFiles>,
}

#[async_trait]
impl Reload for Source {
    /// With the number of the schema: what did not fit the last one may fit the next.
    type Contents = (ClientsFiles, u64);
    type Error = ClientsError;

    const NAME: &'static str = "clients";

    async fn read(&self) -> Result<Self::Contents, ClientsError> {
        Ok((ClientsFiles::read(&self.path)?, self.state.router_version()))
    }

    async fn apply(&mut self, (files, _): &Self::Contents) -> Result<Option<String>, ClientsError> {
        if self.used.as_ref() == Some(files) {
            // The schema has changed, and would not have done so if it did not fit them.
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
    /// Serves the clients of this file, as it is now and as it changes. It is looked at every `interval`, in a task of the
    /// supervisor.
    ///
    /// # Errors
    /// A file that cannot be used as it is now.
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
