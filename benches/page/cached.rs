//! The entity cache: the account page and a visitor's search page with it, warm, against the same without it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::ensure;

use crate::compare::{Load, Loaded};
use crate::graph::{Graph, Setting};
use crate::load::{Connection, Page};

/// What a visitor sees who has not signed in: the first page of all products.
const SEARCH: &str = "{ productSearch(query: \"\", first: 20) { totalCount nodes { id title imageUrl rating \
    reviewCount inStock price(currency: EUR) { current { amount { formatted } } } } } currencies { code } }";

/// All connections request the same page, which would be executed once for all of them. In reality, customers load
/// different ones.
const APART: Setting<'static> = ("VANTAGE_ROUTER__SHARE_REQUESTS", "false");

const ENABLED: &str = "VANTAGE_ROUTER__ENTITY_CACHE__ENABLED";

/// With the cache, whose defaults apply otherwise.
pub(crate) const WITH_CACHE: Setting<'static> = (ENABLED, "true");

/// A visitor's search page.
pub(crate) fn search_page() -> Page {
    Page::new(SEARCH, None)
}

/// Compares both pages in pairs of runs, over two copies of the data, and shows what came from the cache.
pub(crate) async fn measure(
    data: &Path,
    other_data: &Path,
    page: &Page,
    load: Load,
) -> anyhow::Result<()> {
    let with = Graph::in_process(data, &[APART, WITH_CACHE]).await?;
    let without = Graph::in_process(other_data, &[APART, (ENABLED, "false")]).await?;
    let search = search_page();
    for (name, page) in [("account page", page), ("search page", &search)] {
        let mut answers = Vec::new();
        for graph in [&with, &without, &with] {
            let mut connection = Connection::open(graph.address()).await?;
            answers.push(page.fetch(&mut connection).await?);
        }
        ensure!(
            answers.iter().all(|answer| *answer == answers[0]),
            "the cache changes the {name}"
        );
        for connections in [load.connections, 1] {
            println!("\nThe {name}, {connections} connections: with the cache | without");
            let load = Load {
                connections,
                ..load
            };
            let before = counts(&with).await?;
            let pages = std::slice::from_ref(page);
            load.compare([&with, &without], pages).await?;
            show(&before, &counts(&with).await?);
        }
    }
    Ok(())
}

/// Hits and misses so far, by subgraph and type.
async fn counts(graph: &Graph) -> anyhow::Result<BTreeMap<String, [f64; 2]>> {
    let address = graph.address();
    let metrics = Connection::open(address).await?.get("/metrics").await?;
    let metrics = String::from_utf8(metrics.body)?;
    let mut counts: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for line in metrics.lines() {
        let outcomes = ["hits", "misses"].map(|of| format!("router_entity_cache_{of}_total{{"));
        for (index, prefix) in outcomes.iter().enumerate() {
            let Some((labels, count)) = line
                .strip_prefix(prefix.as_str())
                .and_then(|rest| rest.split_once("} "))
            else {
                continue;
            };
            counts.entry(labels.to_owned()).or_default()[index] = count.parse()?;
        }
    }
    Ok(counts)
}

fn show(before: &BTreeMap<String, [f64; 2]>, after: &BTreeMap<String, [f64; 2]>) {
    for (labels, after) in after {
        let before = before.get(labels).copied().unwrap_or_default();
        let [hits, misses] = [0, 1].map(|index| after[index] - before[index]);
        if hits + misses > 0.0 {
            let share = 100.0 * hits / (hits + misses);
            println!("    {labels}: {hits:.0} hits, {misses:.0} misses ({share:.1} % hits)");
        }
    }
}
