//! Where each subgraph runs.

use platform::config::Invalid;
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
    pub(crate) url: Option<Url>,
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
