//! Where Kafka is and how its topics are created.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use krafka::auth::{AuthConfig, TlsConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Duration, Invalid, Secret};

const DAY: u64 = 24 * 60 * 60;
/// Names of topics have at most 249 bytes.
const LONGEST_PREFIX: usize = 100;

/// Kafka, for the events between domains; version 3.9 or newer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// The brokers to start with, as host:port. With at least one, events go through Kafka instead of Redis.
    pub brokers: Vec<String>,
    pub tls: KafkaTls,
    pub sasl: KafkaSasl,
    /// What the names of topics and groups in Kafka begin with, for a cluster that several installations share.
    pub prefix: String,
    /// Whether missing topics are created. Without the right to, create them as docs/events.md lists them.
    pub create_topics: bool,
    /// The partitions of a topic that is created.
    pub partitions: NonZeroU16,
    /// The copies of a topic that is created. Default: 3, or as many as there are brokers.
    pub replication_factor: Option<NonZeroU16>,
    /// How long a topic that is created keeps its events.
    pub retention: Duration,
    /// The names of consumer groups that are called otherwise in Kafka.
    pub groups: BTreeMap<String, String>,
}

/// TLS to the brokers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaTls {
    /// Whether connections use TLS. Default: if one of the files below is set.
    pub enabled: Option<bool>,
    /// A file of certificates in PEM that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// This client's certificate in PEM, for brokers that ask for one, with its key in `key_file`.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// How this client signs in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSasl {
    /// Without it, this client does not sign in.
    pub mechanism: Option<SaslMechanism>,
    pub username: Option<String>,
    pub password: Option<Secret>,
}

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SaslMechanism {
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            tls: KafkaTls::default(),
            sasl: KafkaSasl::default(),
            prefix: String::new(),
            create_topics: true,
            partitions: NonZeroU16::new(6).unwrap_or(NonZeroU16::MIN),
            replication_factor: None,
            retention: Duration::from_secs(90 * DAY),
            groups: [
                ("notifications.messages", "notification-consumer-returns"),
                ("orders.returns", "inventory-update-consumer"),
            ]
            .map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned()))
            .into(),
        }
    }
}

impl KafkaConfig {
    /// Whether events go through Kafka.
    pub fn is_used(&self) -> bool {
        !self.brokers.is_empty()
    }

    /// The group's name in Kafka.
    pub(super) fn group(&self, name: &str) -> String {
        let name = self.groups.get(name).map_or(name, String::as_str);
        format!("{}{name}", self.prefix)
    }

    /// The topic's name in Kafka.
    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Checks across several values. `is_production`: whether a password may be sent without TLS.
    pub fn check(&self, is_production: bool) -> Result<(), Invalid> {
        for broker in &self.brokers {
            let port = broker
                .rsplit_once(':')
                .map(|(host, port)| (host, port.parse::<u16>()));
            if !matches!(port, Some((host, Ok(1..))) if !host.is_empty() && !host.contains("//")) {
                return Err(Invalid::new(
                    "kafka.brokers",
                    format!("{broker:?} is not an address such as kafka-1:9092"),
                ));
            }
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !self.prefix.bytes().all(is_plain) || self.prefix.len() > LONGEST_PREFIX {
            return Err(Invalid::new(
                "kafka.prefix",
                "is not the beginning of a topic's name: use letters, digits, '.', '_' and '-'",
            ));
        }
        if self.retention.get().is_zero() {
            return Err(Invalid::new("kafka.retention", "is zero"));
        }
        self.tls.check()?;
        self.sasl.check()?;
        let is_readable = self.sasl.mechanism == Some(SaslMechanism::Plain) && !self.tls.is_used();
        if is_production && self.is_used() && is_readable {
            return Err(Invalid::new(
                "kafka.tls.enabled",
                "is required with the mechanism plain, which would send the password readable",
            ));
        }
        Ok(())
    }

    /// TLS and SASL of every connection. The files are read when a connection is made, so that they can be replaced.
    pub(super) fn security(&self) -> AuthConfig {
        let (username, password) = self.sasl.credentials();
        let sasl = match self.sasl.mechanism {
            None if self.tls.is_used() => return AuthConfig::ssl(self.tls.client()),
            None => return AuthConfig::plaintext(),
            Some(SaslMechanism::Plain) => AuthConfig::sasl_plain(username, password),
            Some(SaslMechanism::ScramSha256) => AuthConfig::sasl_scram_sha256(username, password),
            Some(SaslMechanism::ScramSha512) => AuthConfig::sasl_scram_sha512(username, password),
        };
        if self.tls.is_used() {
            sasl.with_tls(self.tls.client())
        } else {
            sasl
        }
    }
}

impl KafkaTls {
    pub(super) fn is_used(&self) -> bool {
        self.enabled
            .unwrap_or_else(|| self.files().next().is_some())
    }

    /// The files that are set, with their keys.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [
            ("kafka.tls.ca_file", &self.ca_file),
            ("kafka.tls.certificate_file", &self.certificate_file),
            ("kafka.tls.key_file", &self.key_file),
        ];
        files
            .into_iter()
            .filter_map(|(key, file)| Some((key, file.as_deref()?)))
    }

    fn check(&self) -> Result<(), Invalid> {
        if let Some((key, _)) = self.files().next()
            && !self.is_used()
        {
            return Err(Invalid::new(
                "kafka.tls.enabled",
                format!("is false, although {key} is set"),
            ));
        }
        match (&self.certificate_file, &self.key_file) {
            (Some(_), None) => Err(Invalid::new(
                "kafka.tls.key_file",
                "is required with kafka.tls.certificate_file",
            )),
            (None, Some(_)) => Err(Invalid::new(
                "kafka.tls.certificate_file",
                "is required with kafka.tls.key_file",
            )),
            _ => Ok(()),
        }
    }

    fn client(&self) -> TlsConfig {
        let text = |file: &Path| file.to_string_lossy().into_owned();
        let client = match &self.ca_file {
            Some(file) => TlsConfig::new().with_ca_cert(text(file)),
            None => TlsConfig::new().with_native_roots(),
        };
        match (&self.certificate_file, &self.key_file) {
            (Some(certificate), Some(key)) => client.with_client_cert(text(certificate), text(key)),
            _ => client,
        }
    }
}

impl KafkaSasl {
    fn check(&self) -> Result<(), Invalid> {
        let missing = |key| Err(Invalid::new(key, "is required with kafka.sasl.mechanism"));
        match (self.mechanism, &self.username, &self.password) {
            (Some(_), None, _) => missing("kafka.sasl.username"),
            (Some(_), _, None) => missing("kafka.sasl.password"),
            (None, Some(_), _) | (None, _, Some(_)) => Err(Invalid::new(
                "kafka.sasl.mechanism",
                "is required with a username or a password: plain, scram-sha-256 or scram-sha-512",
            )),
            _ => Ok(()),
        }
    }

    fn credentials(&self) -> (&str, &str) {
        (
            self.username.as_deref().unwrap_or_default(),
            self.password.as_ref().map_or("", Secret::expose),
        )
    }
}
