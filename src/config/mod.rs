//! The typed configuration of every vantage process: one tree, one file per section.

mod admin;
mod auth;
mod clients;
mod database;
mod demo;
mod flags;
pub(crate) mod listen;
mod mcp;
mod notifications;
mod objects;
mod orders;
mod pricing;
mod providers;
mod rest;
mod returns;
mod router;
mod sandbox;
mod search;
mod server;
mod subgraph;
mod subgraphs;
mod telemetry;
mod tracking;
mod webhooks;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ::router::auth::AuthConfig;
use ::router::server::ServerConfig;
use platform::bus::KafkaConfig;
use platform::config::{ConfigError, ConnectionUrl, Invalid, Layers, Secret};
use platform::redis_server::{RedisConfig, RedisServer, RedisServerError};
use platform::telemetry::traces::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

pub(crate) use self::rest::Rest;
pub(crate) use self::returns::{Labels, Returns};
pub(crate) use self::router::Router;
pub(crate) use self::sandbox::Sandbox;
pub(crate) use self::search::{Engine, Search};
pub(crate) use admin::Admin;
pub(crate) use clients::Clients;
pub(crate) use database::Database;
pub(crate) use demo::Demo;
pub(crate) use flags::Flags;
pub(crate) use mcp::Mcp;
pub(crate) use notifications::{DealQueue, Deals, Notifications};
pub(crate) use objects::Objects;
pub(crate) use orders::Orders;
pub(crate) use pricing::Pricing;
pub(crate) use providers::{Provider, Providers};
pub(crate) use subgraph::SubgraphProcess;
pub(crate) use subgraphs::Subgraphs;
pub(crate) use telemetry::{StartedTelemetry, Telemetry};
pub(crate) use tracking::Tracking;
pub(crate) use webhooks::Webhooks;

/// Read if it exists and no other file is given.
pub(crate) const DEFAULT_FILE: &str = "router-config/vantage.yaml";

/// Every variable with this prefix sets a key, except the reserved ones.
const PREFIX: &str = "VANTAGE_";

/// `VANTAGE_CONFIG` gives the file; `VANTAGE_TEST_…` tells tests where their servers are.
const RESERVED: [&str; 2] = ["CONFIG", "TEST_"];

/// Secrets shorter than a SHA-256 hash would be easier to guess than the hash.
const SECRET_BYTES: usize = 32;

/// The configuration of a vantage process.
///
/// Defaults, then this file, then `VANTAGE_*` variables (the keys of a path joined by two underscores:
/// `VANTAGE_ROUTER__DEADLINE=2s`), then flags. Relative paths start at the working directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Configuration {
    /// The environment of this process. In production the development key is refused.
    pub(crate) mode: Mode,
    /// Address and port to serve on; port 0 picks a free one.
    #[serde(deserialize_with = "listen::deserialize")]
    pub(crate) listen: SocketAddr,
    pub(crate) admin: Admin,
    /// The public URL of this process, used in links: `https://shop.example.com`. Default: `listen`.
    pub(crate) public_url: Option<ConnectionUrl>,
    /// Directory of the embedded databases, indexes and generated keys; created if missing.
    pub(crate) data: PathBuf,
    /// Where this instance runs, such as us-east-1; used in metrics, and for flags limited to certain regions.
    pub(crate) region: String,
    /// PostgreSQL, with one schema for each domain. Without it each domain has a SQLite file in `data`.
    pub(crate) database_url: Option<ConnectionUrl>,
    pub(crate) database: Database,
    /// Redis, for messages and caches shared by instances. Without it they stay within the process.
    pub(crate) redis_url: Option<ConnectionUrl>,
    pub(crate) redis: RedisConfig,
    pub(crate) kafka: KafkaConfig,
    /// Signs the verified caller between the router and subgraph processes: must be the same in all of them. By default
    /// one is generated and kept in `data`.
    pub(crate) subgraph_secret: Option<Secret>,
    /// Whose tokens are accepted. In development, if no secret is set here, one is generated and kept in `data`.
    pub(crate) auth: AuthConfig,
    pub(crate) server: ServerConfig,
    pub(crate) router: Router,
    pub(crate) clients: Clients,
    pub(crate) webhooks: Webhooks,
    pub(crate) rest: Rest,
    pub(crate) mcp: Mcp,
    pub(crate) subgraphs: Subgraphs,
    pub(crate) subgraph: SubgraphProcess,
    pub(crate) flags: Flags,
    pub(crate) notifications: Notifications,
    pub(crate) orders: Orders,
    pub(crate) returns: Returns,
    pub(crate) pricing: Pricing,
    pub(crate) search: Search,
    pub(crate) tracking: Tracking,
    pub(crate) objects: Objects,
    pub(crate) providers: Providers,
    pub(crate) sandbox: Sandbox,
    pub(crate) demo: Demo,
    pub(crate) telemetry: Telemetry,
}

/// The environment of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// A developer's machine: tokens signed with a generated key, an explorer page.
    #[default]
    Development,
    /// Publicly reachable: only an identity provider's tokens.
    Production,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            admin: Admin::default(),
            public_url: None,
            data: PathBuf::from("./data"),
            region: "local".to_owned(),
            database_url: None,
            database: Database::default(),
            redis_url: None,
            redis: RedisConfig::default(),
            kafka: KafkaConfig::default(),
            subgraph_secret: None,
            auth: AuthConfig::default(),
            server: server::in_mode(ServerConfig::default(), Mode::default()),
            router: Router::default(),
            clients: Clients::default(),
            webhooks: Webhooks::default(),
            rest: Rest::default(),
            mcp: Mcp::default(),
            subgraphs: Subgraphs::default(),
            subgraph: SubgraphProcess::default(),
            flags: Flags::default(),
            notifications: Notifications::default(),
            orders: Orders::default(),
            returns: Returns::default(),
            pricing: Pricing::default(),
            search: Search::default(),
            tracking: Tracking::default(),
            objects: Objects::default(),
            providers: Providers::default(),
            sandbox: Sandbox::default(),
            demo: Demo::default(),
            telemetry: Telemetry::default(),
        }
    }
}

/// The JSON schema of the configuration file, for editors (`router-config/vantage.schema.json`).
pub(crate) fn json_schema() -> serde_json::Result<String> {
    let schema = schemars::schema_for!(Configuration);
    serde_json::to_string_pretty(&schema).map(|text| text + "\n")
}

/// Settings from the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) admin_listen: Option<SocketAddr>,
    /// The flag that was used, and its address.
    pub(crate) sandbox_listen: Option<(&'static str, SocketAddr)>,
}

impl Configuration {
    /// Whether clients may use introspection by default.
    pub(crate) fn introspection(&self) -> bool {
        self.router.introspection.unwrap_or(self.server.development)
    }

    /// Whether clients may request query plans.
    pub(crate) fn exposes_query_plans(&self) -> bool {
        let allowed = self.router.expose_query_plan;
        allowed.unwrap_or(self.server.development)
    }

    /// Loads the configuration from the file (the default one is optional, a named one is not), the variables and the
    /// command line.
    pub(crate) fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let layers = Layers::new(PREFIX)
            .strict_secrets("mode", "production")
            .renamed("orders.tariffs", "checkout_rates");
        let mut layers = match file {
            Some(file) => layers.file(file)?,
            None => layers.file_if_present(Path::new(DEFAULT_FILE))?,
        }
        .variables(variables, &RESERVED)?;
        if let Some(listen) = overrides.listen {
            layers = layers.flag("--listen", "listen", listen.to_string())?;
        }
        if let Some(listen) = overrides.admin_listen {
            layers = layers.flag("--admin-listen", "admin.listen", listen.to_string())?;
        }
        if let Some(data) = &overrides.data {
            layers = layers.flag("--data", "data", data.to_string_lossy())?;
        }
        if let Some((flag, listen)) = overrides.sandbox_listen {
            layers = layers.flag(flag, "sandbox.listen", listen.to_string())?;
        }
        let mut configuration: Self = layers.load_checked(Self::check)?;
        configuration.server = server::in_mode(configuration.server, configuration.mode);
        Ok(configuration)
    }

    /// What this process is in traces. `is_internal`: requests come from our own processes only.
    pub(crate) fn service(&self, name: impl Into<String>, is_internal: bool) -> Service {
        Service {
            name: name.into(),
            version: env!("CARGO_PKG_VERSION"),
            region: self.region.clone(),
            is_internal,
        }
    }

    /// The Redis server, if there is one.
    pub(crate) fn redis(&self) -> Result<Option<RedisServer>, RedisServerError> {
        let url = self.redis_url.as_ref();
        url.map(|url| RedisServer::new(url.expose(), &self.redis))
            .transpose()
    }

    /// The public URL; by default the listen address.
    pub(crate) fn public_url(&self) -> anyhow::Result<Url> {
        match &self.public_url {
            Some(url) => Ok(url.expose_url().clone()),
            None => Ok(Url::parse(&format!("http://{}", self.listen))?),
        }
    }

    /// Checks across several values.
    fn check(&self) -> Result<(), Invalid> {
        check_scheme(
            "database_url",
            self.database_url.as_ref(),
            &["postgres", "postgresql"],
        )?;
        if self.database.max_connections.get() < 2 {
            return Err(Invalid::new(
                "database.max_connections",
                "is less than 2: reads must continue during a transaction",
            ));
        }
        if let Some(url) = &self.public_url
            && !matches!(url.scheme(), "http" | "https")
        {
            return Err(Invalid::new(
                "public_url",
                format!("{:?} is not one of http, https", url.scheme()),
            ));
        }
        check_scheme("redis_url", self.redis_url.as_ref(), &["redis", "rediss"])?;
        self.redis.check()?;
        self.kafka.check(self.mode == Mode::Production)?;
        server::check(&self.server, self.mode)?;
        self.router.check()?;
        self.check_entity_cache()?;
        self.mcp.check(&self.server.path)?;
        self.subgraphs.check()?;
        self.subgraph.check(&self.auth)?;
        self.pricing.check()?;
        self.notifications.check()?;
        self.objects.check()?;
        self.providers.check()?;
        self.search.check()?;
        self.telemetry.check()?;
        self.webhooks.check(self.mode)?;
        if self.mode == Mode::Production {
            auth::check_production(&self.auth)?;
            self.check_production()?;
        }
        check_secret("subgraph_secret", self.subgraph_secret.as_ref())?;
        let schema_token = self.subgraph.schema_token.as_ref();
        check_secret("subgraph.schema_token", schema_token)?;
        let signing_key = self.webhooks.signing_key.as_ref();
        check_secret("webhooks.signing_key", signing_key)?;
        check_secret(
            "auth.development_secret",
            self.auth.development_secret.as_ref(),
        )
    }

    fn check_production(&self) -> Result<(), Invalid> {
        if self.subgraph_secret.is_none() && self.subgraphs.any_remote() {
            return Err(Invalid::new(
                "subgraph_secret",
                "is required when subgraphs are other processes: set the same one in all of them",
            ));
        }
        Ok(())
    }
}

/// Whether this path, or one above it, has a fixed purpose on the public address.
fn is_reserved_path(path: &str) -> bool {
    const RESERVED: [&str; 12] = [
        "/.well-known",
        "/api/openapi.json",
        "/api/v1",
        "/api/v2",
        "/healthz",
        "/metrics",
        "/objects",
        "/pictures",
        "/readyz",
        "/unsubscribe",
        "/webhooks",
        "/ws",
    ];
    let is_below = |reserved: &&str| {
        let rest = path.strip_prefix(*reserved);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    RESERVED.iter().any(is_below)
}

fn check_secret(key: &'static str, secret: Option<&Secret>) -> Result<(), Invalid> {
    match secret {
        Some(secret) if secret.expose().len() < SECRET_BYTES => Err(Invalid::new(
            key,
            format!("is shorter than {SECRET_BYTES} bytes: make one with `openssl rand -hex 32`"),
        )),
        _ => Ok(()),
    }
}

fn check_scheme(
    key: &'static str,
    url: Option<&ConnectionUrl>,
    schemes: &[&str],
) -> Result<(), Invalid> {
    match url {
        Some(url) if !schemes.contains(&url.scheme()) => Err(Invalid::new(
            key,
            format!("{:?} is not one of {}", url.scheme(), schemes.join(", ")),
        )),
        _ => Ok(()),
    }
}
