//! Where each subgraph runs.

use platform::config::{ConnectionUrl, Invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where each subgraph runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Subgraphs {
    pub(crate) orders: Subgraph,
    pub(crate) returns: Subgraph,
    pub(crate) pricing: Subgraph,
    pub(crate) notifications: Subgraph,
    pub(crate) search: Subgraph,
    pub(crate) tracking: Subgraph,
}

/// One subgraph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Subgraph {
    /// GraphQL endpoint of its process. Without it the subgraph runs in this one.
    pub(crate) url: Option<ConnectionUrl>,
}

impl Subgraphs {
    /// Each subgraph with its name, in the order of the design.
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

    /// Where this subgraph is, when it is not in this process.
    pub(crate) fn url(&self, name: &str) -> Option<&Url> {
        self.iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, subgraph)| subgraph.url.as_ref())
            .map(ConnectionUrl::expose_url)
    }

    /// Like [`Self::url`], when it has to be elsewhere.
    pub(crate) fn required_url(&self, name: &str) -> anyhow::Result<&Url> {
        self.url(name).ok_or_else(|| {
            anyhow::anyhow!(
                "nobody has said where the {name} subgraph is: set subgraphs.{name}.url, such as \
                 VANTAGE_SUBGRAPHS__{}__URL=http://127.0.0.1:4001/graphql",
                name.to_uppercase()
            )
        })
    }

    pub(super) fn any_remote(&self) -> bool {
        self.iter().any(|(_, subgraph)| subgraph.url.is_some())
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        for (name, subgraph) in self.iter() {
            if let Some(url) = &subgraph.url
                && !matches!(url.scheme(), "http" | "https")
            {
                return Err(Invalid::new(
                    format!("subgraphs.{name}.url"),
                    format!("{:?} is none of http, https", url.scheme()),
                ));
            }
        }
        Ok(())
    }
}
