//! The `subgraphs` section.

use platform::config::{ConnectionUrl, Duration, Invalid};
use resolvers::subgraph::RECURSION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where each subgraph runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Subgraphs {
    pub(crate) orders: Subgraph,
    pub(crate) returns: Subgraph,
    pub(crate) pricing: Subgraph,
    pub(crate) notifications: Subgraph,
    pub(crate) search: Subgraph,
    pub(crate) tracking: Subgraph,
    /// How long a subgraph waits for a response from one in another process.
    pub(crate) call_timeout: Duration,
    /// Limits on one request to a subgraph, whichever router sends it.
    pub(crate) limits: Limits,
}

impl Default for Subgraphs {
    fn default() -> Self {
        Self {
            orders: Subgraph::default(),
            returns: Subgraph::default(),
            pricing: Subgraph::default(),
            notifications: Subgraph::default(),
            search: Subgraph::default(),
            tracking: Subgraph::default(),
            call_timeout: Duration::from_secs(3),
            limits: Limits::default(),
        }
    }
}

/// Limits on one request to a subgraph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Levels of fields after spreading fragments; at most 48.
    pub(crate) depth: usize,
    /// Rows that it may resolve, counting each as often as it is resolved.
    pub(crate) rows: usize,
    /// When a query is cancelled. Mutations run to their end.
    pub(crate) deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let limits = resolvers::subgraph::Limits::default();
        Self {
            depth: limits.depth,
            rows: limits.rows,
            deadline: limits.deadline.into(),
        }
    }
}

impl Limits {
    pub(crate) fn get(&self) -> resolvers::subgraph::Limits {
        resolvers::subgraph::Limits {
            depth: self.depth,
            rows: self.rows,
            deadline: self.deadline.get(),
        }
    }
}

/// One subgraph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Subgraph {
    /// GraphQL endpoint of its process. Without it the subgraph runs in this process.
    pub(crate) url: Option<ConnectionUrl>,
}

impl Subgraphs {
    /// Each subgraph with its name, in their usual order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Subgraph)> {
        [
            ("orders", &self.orders),
            ("returns", &self.returns),
            ("pricing", &self.pricing),
            ("notifications", &self.notifications),
            ("search", &self.search),
            ("tracking", &self.tracking),
        ]
        .into_iter()
    }

    /// The URL of this subgraph, unless it is in this process.
    pub(crate) fn url(&self, name: &str) -> Option<&Url> {
        self.iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, subgraph)| subgraph.url.as_ref())
            .map(ConnectionUrl::expose_url)
    }

    /// Like [`Self::url`], but required.
    pub(crate) fn required_url(&self, name: &str) -> anyhow::Result<&Url> {
        self.url(name).ok_or_else(|| {
            anyhow::anyhow!(
                "the URL of the {name} subgraph is missing: set subgraphs.{name}.url, such as \
                 VANTAGE_SUBGRAPHS__{}__URL=http://127.0.0.1:4001/graphql",
                name.to_uppercase()
            )
        })
    }

    pub(super) fn any_remote(&self) -> bool {
        self.iter().any(|(_, subgraph)| subgraph.url.is_some())
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        if self.limits.depth > RECURSION / 2 {
            let most = RECURSION / 2;
            return Err(Invalid::new(
                "subgraphs.limits.depth".to_owned(),
                format!("{} is more than {most}", self.limits.depth),
            ));
        }
        for (name, subgraph) in self.iter() {
            if let Some(url) = &subgraph.url
                && !matches!(url.scheme(), "http" | "https")
            {
                return Err(Invalid::new(
                    format!("subgraphs.{name}.url"),
                    format!("{:?} is not one of http, https", url.scheme()),
                ));
            }
        }
        Ok(())
    }
}
