//! `vantage search vectors`: computes preferences now instead of at night, and imports products' vectors.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use search::ComputedPreferences;

use super::open;
use crate::cli::{SearchVectors, SearchVectorsCommand, Settings};
use crate::output;

pub(super) async fn run(command: SearchVectors) -> anyhow::Result<()> {
    match command.command {
        None => compute(&command.settings).await,
        Some(SearchVectorsCommand::Import { file, settings }) => import(&file, &settings).await,
        Some(SearchVectorsCommand::Clear { settings }) => {
            let cleared = open(&settings).await?.clear_vectors().await?;
            output::line(&format!(
                "{cleared} imported vectors removed: products' vectors are computed from their texts"
            ))
        }
    }
}

async fn compute(settings: &Settings) -> anyhow::Result<()> {
    let state = open(settings).await?;
    let categories = state.compute_category_vectors().await?;
    let ComputedPreferences {
        customers,
        blended,
        full,
        changed,
    } = state.compute_preferences().await?;
    output::line(&format!(
        "{categories} categories, {customers} customers with signals: {full} full and {blended} blended preferences, \
         {changed} changed"
    ))
}

async fn import(path: &Path, settings: &Settings) -> anyhow::Result<()> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let state = open(settings).await?;
    // Drawn on standard error, and only on a terminal.
    let bar = ProgressBar::new(length);
    let mut unprinted = None;
    let problem = |line: u64, message: &str| {
        let printed = bar.suspend(|| output::line(&format!("line {line}: {message}")));
        unprinted = unprinted.take().or(printed.err());
    };
    let file = BufReader::new(bar.wrap_read(file));
    let imported = state.import_vectors(file, problem).await;
    bar.finish_and_clear();
    let imported = imported.with_context(|| format!("{shown} was not imported completely"))?;
    if let Some(error) = unprinted {
        return Err(error);
    }
    output::line(&format!("{} vectors imported", imported.imported))?;
    if imported.missing > 0 {
        output::note(&format!(
            "{} active products have no imported vector: theirs are computed from texts, and cannot be compared with \
             the others",
            imported.missing
        ));
    }
    if imported.problems > 0 {
        bail!("{} lines were not imported", imported.problems);
    }
    Ok(())
}
