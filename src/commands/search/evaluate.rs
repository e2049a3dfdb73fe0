//! `vantage search evaluate`: measures searches by queries whose products people have graded.

use std::fmt::Write;

use anyhow::{Context, bail};
use search::evaluation::{
    self, Evaluation, Health, Personalization, Quality, QueryResult, RankingEffect,
};
use search::judged_queries::JudgedQueries;

use super::open;
use crate::cli::{EvaluationFormat, SearchEvaluate};
use crate::demo;
use crate::output;

/// Results shown of a query that does not pass.
const SHOWN: usize = 3;
/// Missing products shown.
const MISSING: usize = 10;

pub(super) async fn run(arguments: SearchEvaluate) -> anyhow::Result<()> {
    let (text, shown) = match &arguments.file {
        Some(file) => {
            let shown = file.display().to_string();
            let text =
                std::fs::read_to_string(file).with_context(|| format!("{shown} cannot be read"))?;
            (text, shown)
        }
        None => (
            demo::JUDGED_QUERIES.to_owned(),
            "the demo shop's file".to_owned(),
        ),
    };
    let judged = JudgedQueries::parse(&text).with_context(|| format!("{shown} is not usable"))?;
    let state = open(&arguments.settings).await?;
    state
        .open_index()
        .await
        .context("the search index is not usable")?;
    let evaluation = evaluation::evaluate(&state, &judged, arguments.ranked).await?;
    let text = match arguments.format {
        EvaluationFormat::Json => serde_json::to_string_pretty(&evaluation)? + "\n",
        EvaluationFormat::Text => report(&evaluation),
    };
    output::print(&text)?;
    let target = judged.target;
    let held_out_target = target.held_out_pass_rate.unwrap_or(target.pass_rate);
    for (queries, quality, target) in [
        ("the queries", evaluation.tuned, target.pass_rate),
        (
            "the queries that are held out",
            evaluation.held_out,
            held_out_target,
        ),
    ] {
        if let Some(quality) = quality
            && quality.pass_rate < target
        {
            bail!(
                "{} of {queries} pass, which is less than {}",
                percent(quality.pass_rate),
                percent(target)
            );
        }
    }
    Ok(())
}

/// For people.
fn report(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    let quality = &evaluation.quality;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:<22} {:>7} {:>8} {:>6} {:>8}",
        "", "queries", "NDCG@10", "MRR", "passed"
    );
    let mut line = |name: &str, quality: &Quality| {
        let _ = writeln!(
            text,
            "{name:<22} {:>7} {:>8.3} {:>6.3} {:>8}",
            quality.queries,
            quality.ndcg,
            quality.mrr,
            percent(quality.pass_rate)
        );
    };
    for (kind, quality) in &evaluation.kinds {
        line(kind, quality);
    }
    line("all", quality);
    if let (Some(held_out), Some(tuned)) = (&evaluation.held_out, &evaluation.tuned) {
        line("of these: tuned for", tuned);
        line("of these: held out", held_out);
    }
    let mut losers: Vec<&QueryResult> = evaluation
        .results
        .iter()
        .filter(|result| !result.passed)
        .collect();
    losers.sort_by(|a, b| a.ndcg.total_cmp(&b.ndcg));
    if !losers.is_empty() {
        let _ = writeln!(text, "\nbelow an NDCG@10 of {}:", evaluation.query_ndcg);
    }
    for loser in losers {
        let held_out = if loser.held_out { ", held out" } else { "" };
        let _ = writeln!(
            text,
            "{:.3} {:?} ({}{held_out})",
            loser.ndcg, loser.query, loser.kind
        );
        for product in loser.products.iter().take(SHOWN) {
            let grade = product
                .grade
                .map_or("-".to_owned(), |grade| grade.to_string());
            let _ = writeln!(text, "      {grade} {}", product.title);
        }
        if loser.products.is_empty() {
            let _ = writeln!(text, "      nothing is found");
        }
    }
    if let Some(ranking) = &evaluation.ranking {
        text.push_str(&ranked(ranking));
    }
    if let Some(personalization) = &evaluation.personalization {
        text.push_str(&personalized(personalization));
    }
    text.push_str(&health(&evaluation.health));
    text
}

fn ranked(effect: &RankingEffect) -> String {
    let RankingEffect {
        ndcg,
        ranked_ndcg,
        lowered_titles,
    } = effect;
    let mut text = format!("\nranked: NDCG@10 {ranked_ndcg:.3}, in the engine's order {ndcg:.3}\n");
    for title in lowered_titles {
        let _ = writeln!(text, "further down than in the engine's order: {title}");
    }
    text
}

fn personalized(found: &Personalization) -> String {
    let mut text = format!(
        "\n{:<22} {:>7} {:>8} {:>8}\n",
        "with preferences", "queries", "NDCG@10", "before"
    );
    let mut line = |name: &str, queries: usize, before: f64, after: f64| {
        let _ = writeln!(text, "{name:<22} {queries:>7} {after:>8.3} {before:>8.3}");
    };
    for (name, taste) in &found.tastes {
        line(name, taste.queries, taste.ndcg, taste.personalized_ndcg);
    }
    line("all", found.queries, found.ndcg, found.personalized_ndcg);
    for title in &found.lowered_titles {
        let _ = writeln!(text, "further down than without: {title}");
    }
    text
}

fn health(health: &Health) -> String {
    let mut text = format!(
        "\njudged {} days ago; {} of the results have no grade\n",
        health.age_days,
        percent(health.ungraded_results)
    );
    let (missing, judged) = (health.missing_products.len(), health.judged_products);
    if missing > 0 {
        let _ = writeln!(
            text,
            "{missing} of {judged} judged products are not for sale any more:"
        );
        for product in health.missing_products.iter().take(MISSING) {
            let _ = writeln!(text, "      {product}");
        }
        if missing > MISSING {
            let _ = writeln!(text, "      and {} more", missing - MISSING);
        }
    }
    if !health.missing_categories.is_empty() {
        let categories = health.missing_categories.join(", ");
        let _ = writeln!(text, "no query looks for products of: {categories}");
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
