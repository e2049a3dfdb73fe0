//! The registered clients with their operations.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::config::{ClientConfig, ClientMode};
use super::error::ClientsError;
use super::file::{self, ClientsFiles};
use super::hash::Sha256Hash;
use super::manifest::{ManifestOperation, read_manifest};
use super::operation::{OperationError, RegisteredOperation, RegisteredOperations};
use super::tools;
use super::webhooks;
use crate::error::GraphQLError;
use crate::origin;
use crate::router::Router;
use crate::server::RateConfig;

/// Longer names would be truncated in the log.
const MAX_NAME: usize = 64;

/// A registered application.
#[derive(Debug)]
pub struct RegisteredClient {
    pub name: String,
    pub mode: ClientMode,
    /// Its rate limit; `None`: the default.
    pub rate: Option<RateConfig>,
    /// The cost limit of its operations, if lower than `router.limits.cost`.
    pub cost_limit: Option<usize>,
    /// Whether it may use introspection; `None`: the router's default.
    pub introspection: Option<bool>,
    /// The scopes its callers are limited to, and granted to requests with its key alone. `None`: no limit, and no
    /// scopes for the key alone.
    pub scopes: Option<BTreeSet<String>>,
    pub operations: RegisteredOperations,
    /// The operations that are tools for agents; `None`: it offers none.
    pub(crate) tools: Option<Vec<Arc<RegisteredOperation>>>,
    /// Canonical origins of web pages that may call as this client. Empty: every allowed origin.
    pub(crate) origins: HashSet<String>,
    /// The names of its keys.
    pub key_ids: Vec<String>,
    pub(super) keys: Vec<Sha256Hash>,
}

impl RegisteredClient {
    /// A client outside the file, with these operations and no credentials.
    ///
    /// # Errors
    /// If two operations have the same id.
    pub fn of_operations(
        name: &str,
        operations: impl IntoIterator<Item = RegisteredOperation>,
    ) -> Result<Self, OperationError> {
        let mut registered = RegisteredOperations::default();
        for operation in operations {
            registered.add(operation)?;
        }
        Ok(Self {
            name: name.to_owned(),
            mode: ClientMode::Require,
            rate: None,
            cost_limit: None,
            introspection: None,
            scopes: None,
            operations: registered,
            tools: None,
            origins: HashSet::new(),
            key_ids: Vec::new(),
            keys: Vec::new(),
        })
    }

    /// How many of its operations are tools for agents; `None`: it offers none.
    pub fn tool_count(&self) -> Option<usize> {
        self.tools.as_ref().map(Vec::len)
    }
}

/// All registered clients. Immutable; a changed file is loaded as a new value.
#[derive(Debug, Default)]
pub struct Clients {
    /// The file they were read from.
    path: PathBuf,
    all: Vec<Arc<RegisteredClient>>,
    by_name: HashMap<String, Arc<RegisteredClient>>,
    by_token: HashMap<String, Arc<RegisteredClient>>,
    /// Operations of clients that need not authenticate; anybody may use their ids.
    shared: RegisteredOperations,
    origins: HashSet<String>,
}

impl Clients {
    /// Loads the clients without checking operations against a schema.
    ///
    /// # Errors
    /// The first problem.
    pub fn load(files: &ClientsFiles) -> Result<Self, ClientsError> {
        let document = file::parse(&files.text).map_err(|reason| ClientsError::Syntax {
            path: files.path.clone(),
            reason,
        })?;
        let mut clients = Self {
            path: files.path.clone(),
            ..Self::default()
        };
        for config in document.clients {
            clients.add(config, files)?;
        }
        Ok(clients)
    }

    fn add(&mut self, config: ClientConfig, files: &ClientsFiles) -> Result<(), ClientsError> {
        let name = config.name.clone();
        let problem = |problem: String| ClientsError::Client {
            path: files.path.clone(),
            client: name.clone(),
            problem,
        };
        check_name(&name).map_err(|reason| problem(reason.to_owned()))?;
        if self.by_name.contains_key(&name) {
            return Err(problem("another client has the same name".to_owned()));
        }
        let mut ids = HashSet::new();
        for key in &config.keys {
            if !ids.insert(&key.id) {
                return Err(problem(format!("it has two keys named `{}`", key.id)));
            }
            if self.by_key(&key.sha256).is_some() {
                return Err(problem(format!("another client has its key `{}`", key.id)));
            }
        }
        let origins = config.origins.iter().map(|text| {
            let parsed = origin::parse(text);
            parsed.map(|url| origin::canonical(&url)).ok_or_else(|| {
                let words = "is not an origin: write scheme://host or scheme://host:port";
                problem(format!("`{text}` {words}"))
            })
        });
        let origins: HashSet<String> = origins.collect::<Result<_, _>>()?;
        webhooks::check(&config).map_err(problem)?;
        let operations = operations(&config, files)?;
        let tools = config.tools.as_ref();
        let tools = tools.map(|tools| tools::select(tools, &operations));
        let tools = tools.transpose().map_err(problem)?;
        let client = Arc::new(RegisteredClient {
            name: config.name,
            mode: config.mode,
            rate: config.rate,
            cost_limit: config.cost_limit.map(Into::into),
            introspection: config.introspection,
            scopes: config.scopes,
            keys: config.keys.iter().map(|key| key.sha256).collect(),
            key_ids: config.keys.iter().map(|key| key.id.clone()).collect(),
            operations,
            tools,
            origins,
        });
        for token_client in config.token_clients {
            if self.by_token.contains_key(&token_client) {
                let words = format!("another client has its token client `{token_client}`");
                return Err(problem(words));
            }
            self.by_token.insert(token_client, client.clone());
        }
        if client.mode != ClientMode::Require {
            self.shared.merge(&client.operations);
        }
        self.origins.extend(client.origins.iter().cloned());
        self.by_name.insert(client.name.clone(), client.clone());
        self.all.push(client);
        Ok(())
    }

    /// Prepares every operation against a schema.
    ///
    /// # Errors
    /// The first operation that is not valid there.
    pub async fn check(&self, router: &Router) -> Result<(), ClientsError> {
        for client in &self.all {
            for operation in client.operations.iter() {
                let checked = operation.check(router).await;
                checked.map_err(|errors| ClientsError::Operation {
                    path: self.path.clone(),
                    client: client.name.clone(),
                    operation: operation.name.clone(),
                    manifest: operation.manifest.clone(),
                    problem: errors
                        .first()
                        .map(GraphQLError::to_string)
                        .unwrap_or_default(),
                })?;
            }
        }
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<RegisteredClient>> {
        self.all.iter()
    }

    /// All clients' operations; one that several clients share appears once for each.
    pub fn operations(&self) -> impl Iterator<Item = &Arc<RegisteredOperation>> {
        self.all.iter().flat_map(|client| client.operations.iter())
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn by_name(&self, name: &str) -> Option<&Arc<RegisteredClient>> {
        self.by_name.get(name)
    }

    pub(super) fn by_token(&self, client_id: &str) -> Option<&Arc<RegisteredClient>> {
        self.by_token.get(client_id)
    }

    /// Compares with every key, so that timing reveals nothing.
    pub(super) fn by_key(&self, key: &Sha256Hash) -> Option<&Arc<RegisteredClient>> {
        let mut found = None;
        for client in &self.all {
            for known in &client.keys {
                if known.is_secretly(key) {
                    found = Some(client);
                }
            }
        }
        found
    }

    /// Operations that anybody may use by id.
    pub(crate) fn shared_operations(&self) -> &RegisteredOperations {
        &self.shared
    }

    /// Whether pages of this origin may call as some client.
    pub(crate) fn allow_origin(&self, canonical: &str) -> bool {
        self.origins.contains(canonical)
    }
}

/// Names are sent in headers and logged unescaped.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err("a name must have 1 to 64 characters");
    }
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if name.trim() != name || !name.bytes().all(is_plain) {
        return Err(
            "a name must consist of visible ASCII characters, with spaces only between them",
        );
    }
    Ok(())
}

fn operations(
    config: &ClientConfig,
    files: &ClientsFiles,
) -> Result<RegisteredOperations, ClientsError> {
    let mut operations = RegisteredOperations::default();
    for manifest in &config.manifests {
        let problem = |problem: String| ClientsError::Client {
            path: files.path.clone(),
            client: config.name.clone(),
            problem: format!("manifest {}: {problem}", manifest.display()),
        };
        let text = files.manifest(manifest);
        let text = text.map_err(|reason| problem(format!("it cannot be read: {reason}")))?;
        let entries = read_manifest(text).map_err(|error| problem(error.to_string()))?;
        for entry in entries {
            let shown = shown_name(&entry).to_owned();
            RegisteredOperation::new(entry, manifest)
                .and_then(|operation| operations.add(operation))
                .map_err(|error| ClientsError::Operation {
                    path: files.path.clone(),
                    client: config.name.clone(),
                    operation: shown,
                    manifest: manifest.clone(),
                    problem: error.to_string(),
                })?;
        }
    }
    Ok(operations)
}

fn shown_name(entry: &ManifestOperation) -> &str {
    entry.name.as_deref().unwrap_or(&entry.id)
}
