//! `vantage search status`: the state of the search index.

use anyhow::bail;
use chrono::SecondsFormat;
use entities::search::product;
use search::engine::{Health, IndexStatus};
use serde_json::json;

use crate::cli::{SearchStatus, SearchStatusFormat};
use crate::output;

pub(super) async fn run(command: SearchStatus) -> anyhow::Result<()> {
    let state = super::open(&command.settings).await?;
    let active = product::count_active(state.database.read()).await?;
    let status = state.engine.status().await?;
    match command.format {
        SearchStatusFormat::Text => output::print(&text(&status, active))?,
        SearchStatusFormat::Json => {
            let status = json!({
                "engine": status.engine,
                "health": name(status.health),
                "problem": status.problem,
                "products": status.products,
                "activeProducts": active,
                "builtAt": status.built_at,
                "bytes": status.bytes,
            });
            output::line(&status.to_string())?;
        }
    }
    if status.products.is_none() {
        bail!("there is no index: `vantage search reindex` builds it, and so does the next start");
    }
    if status.health == Health::Unavailable {
        bail!("products cannot be searched");
    }
    Ok(())
}

fn text(status: &IndexStatus, active: u64) -> String {
    let mut health = name(status.health).to_owned();
    if let Some(problem) = &status.problem {
        health = format!("{health}: {problem}");
    }
    let products = match status.products {
        Some(products) => format!("{products} of {active} for sale"),
        None => format!("no index of {active} for sale"),
    };
    let mut lines = vec![
        ("engine", status.engine.to_owned()),
        ("health", health),
        ("products", products),
    ];
    if let Some(built_at) = status.built_at {
        lines.push(("built", built_at.to_rfc3339_opts(SecondsFormat::Secs, true)));
    }
    if let Some(bytes) = status.bytes {
        lines.push(("size", indicatif::HumanBytes(bytes).to_string()));
    }
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name:<10}{value}\n"));
    lines.collect()
}

const fn name(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Unavailable => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_beside_the_health() {
        let status = IndexStatus {
            engine: "opensearch",
            health: Health::Degraded,
            problem: Some("copies are missing".to_owned()),
            products: Some(7),
            built_at: chrono::DateTime::from_timestamp(1_760_000_000, 0),
            bytes: Some(3 << 20),
        };
        let expected = "engine    opensearch\nhealth    degraded: copies are missing\nproducts  7 of 9 for sale\n\
                        built     2025-10-09T08:53:20Z\nsize      3.00 MiB\n";
        assert_eq!(text(&status, 9), expected);
        let none = IndexStatus {
            products: None,
            problem: None,
            built_at: None,
            bytes: None,
            ..status
        };
        assert!(text(&none, 9).contains("no index of 9"));
    }
}
