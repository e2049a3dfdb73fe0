//! Where Redis is: one server, or the master that Sentinel names, with or without TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, Secret};

/// How to reach the Redis of `redis_url`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// A file of certificates in PEM that are trusted instead of the system's, for `rediss://`.
    pub ca_file: Option<PathBuf>,
    /// Sentinels, as host:port. With them, the host of `redis_url` is the name by which they know the master:
    /// `redis://vantage:password@mymaster/0`.
    pub sentinels: Vec<String>,
    /// The Sentinels' own password, if they have one.
    pub sentinel_password: Option<Secret>,
}

impl RedisConfig {
    /// Checks the addresses.
    pub fn check(&self) -> Result<(), Invalid> {
        match self.sentinels.iter().find(|text| address(text).is_none()) {
            Some(sentinel) => Err(Invalid::new(
                "redis.sentinels",
                format!("{sentinel:?} is not an address such as sentinel-1:26379"),
            )),
            None => Ok(()),
        }
    }
}

fn address(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|&port| port > 0)?;
    (!host.is_empty() && !host.contains("//")).then(|| (host.to_owned(), port))
}

/// Why Redis cannot be addressed.
#[derive(Debug, thiserror::Error)]
pub enum RedisServerError {
    #[error("redis_url: {0}")]
    Url(#[from] RedisError),
    #[error("redis.ca_file: cannot read {}: {source}", file.display())]
    CaFile {
        file: PathBuf,
        source: std::io::Error,
    },
    #[error("redis.sentinels: {0:?} is not an address")]
    Sentinel(String),
}

/// The server, found anew when it fails. Clones share what is known.
#[derive(Clone)]
pub struct RedisServer(Arc<Inner>);

struct Inner {
    known: Mutex<Known>,
    /// Names the master; `None` if there is only one server.
    sentinel: Option<Sentinel>,
}

#[derive(Default)]
struct Known {
    client: Option<Arc<Client>>,
    /// Shared by all who wait for the master.
    search: Option<Search>,
}

type Search = Shared<BoxFuture<'static, Result<Arc<Client>, Arc<str>>>>;

struct Sentinel {
    addresses: Vec<ConnectionAddr>,
    name: String,
    master: ConnectionInfo,
    password: Option<Secret>,
    certificates: Option<TlsCertificates>,
}

impl RedisServer {
    /// The server at this `redis://` or `rediss://` URL.
    pub fn open(url: &str) -> Result<Self, RedisServerError> {
        Self::new(url, &RedisConfig::default())
    }

    /// The server at this URL, or the master of that name if there are Sentinels. Contacts nobody yet.
    pub fn new(url: &str, config: &RedisConfig) -> Result<Self, RedisServerError> {
        let info = url.into_connection_info()?;
        let certificates = match &config.ca_file {
            Some(file) => Some(certificates(file)?),
            None => None,
        };
        if is_tls(info.addr()) {
            // One provider for the whole process; it fails only when there is one already.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        if config.sentinels.is_empty() {
            let client = match certificates {
                Some(certificates) if is_tls(info.addr()) => {
                    Client::build_with_tls(info, certificates)?
                }
                _ => Client::open(info)?,
            };
            return Ok(Self(Arc::new(Inner {
                known: Mutex::new(Known {
                    client: Some(Arc::new(client)),
                    search: None,
                }),
                sentinel: None,
            })));
        }
        let tls = is_tls(info.addr());
        let addresses = config.sentinels.iter().map(|text| {
            let (host, port) =
                address(text).ok_or_else(|| RedisServerError::Sentinel(text.clone()))?;
            Ok(if tls {
                ConnectionAddr::TcpTls {
                    host,
                    port,
                    insecure: false,
                    tls_params: None,
                }
            } else {
                ConnectionAddr::Tcp(host, port)
            })
        });
        let sentinel = Sentinel {
            addresses: addresses.collect::<Result<_, RedisServerError>>()?,
            name: host(info.addr()).to_owned(),
            master: info,
            password: config.sentinel_password.clone(),
            certificates,
        };
        // Invalid settings are an error now, not at the first use.
        sentinel.client()?;
        Ok(Self(Arc::new(Inner {
            known: Mutex::default(),
            sentinel: Some(sentinel),
        })))
    }

    /// The server's client; asks the Sentinels if the master is not known.
    pub(crate) async fn client(&self) -> Result<Arc<Client>, RedisError> {
        let search = {
            let mut known = self.0.known.lock();
            if let Some(client) = &known.client {
                return Ok(client.clone());
            }
            let search = known.search.take().unwrap_or_else(|| self.search());
            known.search = Some(search.clone());
            search
        };
        let found = search.await;
        let mut known = self.0.known.lock();
        known.search = None;
        match found {
            Ok(client) => {
                known.client = Some(client.clone());
                Ok(client)
            }
            Err(error) => Err(RedisError::from((
                ErrorKind::Io,
                "the Sentinels name no master",
                error.to_string(),
            ))),
        }
    }

    fn search(&self) -> Search {
        let server = self.0.clone();
        let search = async move {
            let Some(sentinel) = &server.sentinel else {
                return Err("the server is not known".into());
            };
            let told = |error: RedisError| Arc::<str>::from(error.to_string());
            let mut client = sentinel.client().map_err(told)?;
            let master = client.async_get_client().await.map_err(told)?;
            tracing::info!(
                address = %master.get_connection_info().addr(),
                "Redis master found"
            );
            Ok(Arc::new(master))
        };
        search.boxed().shared()
    }

    /// After a failure of this client: if there are Sentinels, they are asked again.
    pub(crate) fn failed(&self, client: &Arc<Client>) {
        if self.0.sentinel.is_none() {
            return;
        }
        let mut known = self.0.known.lock();
        if known
            .client
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, client))
        {
            known.client = None;
        }
    }
}

impl Sentinel {
    fn client(&self) -> Result<SentinelClient, RedisError> {
        let settings = self.master.redis_settings();
        let mut builder = SentinelClientBuilder::new(
            self.addresses.clone(),
            &self.name,
            SentinelServerType::Master,
        )?;
        builder = builder.set_client_to_redis_db(settings.db());
        if let Some(username) = settings.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(password) = &self.password {
            builder = builder.set_client_to_sentinel_password(password.expose());
        }
        if is_tls(self.master.addr()) {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
            if let Some(certificates) = &self.certificates {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates.clone());
            }
        }
        builder.build()
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").finish_non_exhaustive()
    }
}

fn certificates(file: &Path) -> Result<TlsCertificates, RedisServerError> {
    let pem = std::fs::read(file).map_err(|source| RedisServerError::CaFile {
        file: file.to_owned(),
        source,
    })?;
    Ok(TlsCertificates {
        client_tls: None,
        root_cert: Some(pem),
    })
}

fn is_tls(address: &ConnectionAddr) -> bool {
    matches!(address, ConnectionAddr::TcpTls { .. })
}

fn host(address: &ConnectionAddr) -> &str {
    match address {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str, config: &RedisConfig) -> Option<String> {
        RedisServer::new(url, config)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn addresses_and_files_are_checked_before_anybody_is_contacted() {
        let plain = RedisConfig::default();
        for url in ["redis://localhost", "rediss://user:password@host:6380/2"] {
            assert_eq!(problem(url, &plain), None);
        }
        assert!(problem("nowhere", &plain).unwrap().contains("redis_url"));
        let with_file = RedisConfig {
            ca_file: Some("/nowhere/ca.pem".into()),
            ..RedisConfig::default()
        };
        assert!(
            problem("rediss://host", &with_file)
                .unwrap()
                .contains("/nowhere/ca.pem")
        );
        let with_sentinels = |sentinel: &str| RedisConfig {
            sentinels: vec![sentinel.to_owned()],
            ..RedisConfig::default()
        };
        let sentinels = with_sentinels("sentinel-1:26379");
        assert_eq!(problem("redis://:password@mymaster/1", &sentinels), None);
        assert!(sentinels.check().is_ok());
        for wrong in ["sentinel-1", "redis://sentinel-1:26379", ":26379", "a:0"] {
            assert!(with_sentinels(wrong).check().is_err(), "{wrong}");
        }
    }
}
