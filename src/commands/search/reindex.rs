//! `vantage search reindex`: builds the search index anew.

use anyhow::Context;
use entities::search::product;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Settings;
use crate::output;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let state = super::open(settings).await?;
    let products = product::count_active(state.database.read()).await?;
    // Drawn on standard error, and only on a terminal.
    let bar = ProgressBar::new(products).with_style(ProgressStyle::with_template(
        "{bar:40} {human_pos} of {human_len} products, {eta} left",
    )?);
    let indexed = state
        .reindex_with_progress(&mut |indexed| bar.set_position(indexed))
        .await;
    bar.finish_and_clear();
    let indexed = indexed.context("the index is not replaced")?;
    let engine = state.engine.status().await?.engine;
    output::line(&format!("{indexed} products indexed by {engine}"))
}
