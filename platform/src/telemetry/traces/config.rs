//! Where traces are sent, and which.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ConnectionUrl, Duration, Invalid, Secret};

/// The collector of traces, by the OpenTelemetry protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// The collector's address: `http://localhost:4318` for http, `http://localhost:4317` for grpc. Without it, nothing
    /// is traced.
    pub endpoint: Option<ConnectionUrl>,
    pub protocol: OtlpProtocol,
    /// Headers of each request to the collector, such as a key.
    pub headers: BTreeMap<String, Secret>,
    /// How long the collector may take to accept a batch. Batches that it does not accept are dropped.
    pub timeout: Duration,
}

/// A transport of the OpenTelemetry protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// Protocol Buffers over HTTP, to `/v1/traces` below the address.
    #[default]
    Http,
    Grpc,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: OtlpProtocol::default(),
            headers: BTreeMap::new(),
            timeout: Duration::from_secs(5),
        }
    }
}

impl OtlpConfig {
    pub fn check(&self) -> Result<(), Invalid> {
        if let Some(endpoint) = &self.endpoint
            && !matches!(endpoint.scheme(), "http" | "https")
        {
            return Err(Invalid::new(
                "telemetry.otlp.endpoint",
                format!("{:?} is not one of http, https", endpoint.scheme()),
            ));
        }
        for (name, value) in &self.headers {
            let is_header =
                HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value.expose()).is_ok();
            if !is_header {
                return Err(Invalid::new(
                    "telemetry.otlp.headers",
                    format!("{name:?} is not the name of a header, or its value is not valid"),
                ));
            }
        }
        Ok(())
    }
}

/// Which traces are sent to the collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// The share of traces that are sampled, from 0 to 1. The process where a trace begins decides for all others.
    pub sample_ratio: f64,
    /// Whether this process's part of a trace that is not sampled is kept if something failed in it.
    pub keep_errors: bool,
    /// Whether the `traceparent` of a request decides if its trace is sampled. Anybody who can send requests could
    /// otherwise have all of them sampled. Default: only in subgraph processes that accept no end users' tokens.
    pub follow_parent: Option<bool>,
    /// The `service.name` of this process. Default: vantage, vantage-router, or vantage- with the name of the subgraph.
    pub service_name: Option<String>,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            sample_ratio: 1.0,
            keep_errors: true,
            follow_parent: None,
            service_name: None,
        }
    }
}

impl TracesConfig {
    pub fn check(&self) -> Result<(), Invalid> {
        if (0.0..=1.0).contains(&self.sample_ratio) {
            return Ok(());
        }
        Err(Invalid::new(
            "telemetry.traces.sample_ratio",
            format!("{} is not between 0 and 1", self.sample_ratio),
        ))
    }
}
