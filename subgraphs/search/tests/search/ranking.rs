//! Results ranked by a model, on all pages.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use entities::search::signal::SignalKind;
use platform::flags::{EvaluationContext, FlagFile, Flags};
use platform::supervisor::Supervisor;
use resolvers::testing::execute;
use search::ranking::{CurrentModel, Ranker};
use search::subgraph;
use serde_json::{Value, json};

use crate::kit::{fixtures, id, public};
use crate::ranking_kit::{BUDGET, PRODUCTS, Ranked, Service, alike, ids};

fn why(found: &Value, place: usize) -> Vec<&str> {
    let why = found["edges"][place]["why"].as_array().unwrap();
    why.iter().map(|reason| reason.as_str().unwrap()).collect()
}

async fn flags(variant: &str) -> Flags {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("flags.yaml");
    let text = format!(
        "flags: {{ search_reranking: {{ state: ENABLED, variants: {{ \"on\": true, \"off\": false }}, defaultVariant: \"{variant}\" }} }}"
    );
    fs::write(&file, text).unwrap();
    let provider = FlagFile::open(&file, Duration::from_secs(60), &Supervisor::new()).await;
    Flags::of(provider.unwrap(), EvaluationContext::default()).await
}

#[tokio::test]
async fn the_model_moves_popular_products_up_and_says_so() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        let engine = fixture.with_ranker(Ranker::none());
        let engine = engine.find(json!({})).await;
        assert_eq!(engine["personalization"]["reranked"], false);
        let last: Vec<String> = ids(&engine);
        let popular = (0..PRODUCTS).find(|number| public(*number) == last[PRODUCTS - 1]);
        let popular = id(popular.unwrap());
        fixture.noticed(popular, SignalKind::Purchase, 9).await;
        // Other kinds do not count.
        fixture.noticed(id(3), SignalKind::ReviewRead, 50).await;

        let ranked = fixture.with_ranker(Ranker::model(CurrentModel::default()));
        let unknown = ranked.find(json!({})).await;
        assert_eq!(unknown["personalization"]["reranked"], true);
        ranked.refresh().await;
        let found = ranked.find(json!({})).await;
        assert_eq!(found["personalization"]["reranked"], true);
        assert_eq!(ids(&found)[0], last[PRODUCTS - 1], "{found:#}");
        let reason = format!("ranked {} higher: popular", PRODUCTS - 1);
        assert!(why(&found, 0).contains(&reason.as_str()), "{found:#}");
        assert!(
            why(&found, PRODUCTS - 1)
                .iter()
                .any(|reason| reason.ends_with(" lower")),
            "{found:#}"
        );
        // Nothing is lost.
        let sorted = |found: &Value| {
            let mut ids = ids(found);
            ids.sort_unstable();
            ids
        };
        assert_eq!(sorted(&found), sorted(&engine));

        // Eight days later nobody remembers.
        fixture.state.clock.advance(TimeDelta::days(8));
        ranked.refresh().await;
        assert_ne!(ids(&ranked.find(json!({})).await)[0], last[PRODUCTS - 1]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_searches_for_words_by_relevance_are_ranked_unless_the_flag_is_off() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        let mut ranked = fixture.with_ranker(Ranker::model(CurrentModel::default()));
        let reranked = async |ranked: &Ranked, arguments: &str| {
            let document = format!(
                "{{ productSearch({arguments}) {{ personalization {{ reranked }} edges {{ why }} }} }}"
            );
            let answer = execute(&subgraph(ranked.state.clone()), None, &document, json!({})).await;
            answer["data"]["productSearch"]["personalization"]["reranked"].clone()
        };
        assert_eq!(reranked(&ranked, "query: \"wireless\"").await, true);
        for other in [
            "query: \" \"",
            "query: \"wireless\", sort: NEWEST",
            "query: \"wireless\", sort: PRICE_ASC",
            "query: \"wireless\", sort: RATING",
            "query: \"zzzzzzzz\"",
        ] {
            assert_eq!(reranked(&ranked, other).await, false, "{other}");
        }
        for (variant, expected) in [("on", true), ("off", false)] {
            let model = Ranker::model(CurrentModel::default());
            ranked = fixture.with_ranker(model.with_flags(flags(variant).await));
            assert_eq!(reranked(&ranked, "query: \"wireless\"").await, expected);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn every_product_is_on_one_page_whatever_happens_to_the_ranking() {
    for fixture in fixtures(&alike(230)).await {
        let service = Service::start().await;
        let ranked = fixture.with_ranker(service.ranker(&fixture, BUDGET));
        let engine = fixture.with_ranker(Ranker::none());
        let (unranked, _) = engine.walk(37, false).await;
        assert_eq!(unranked.len(), 230);
        let mut expected = unranked;
        expected[..100].reverse();
        for (size, backward) in [(37, false), (100, false), (37, true), (100, true)] {
            let (walked, flags) = ranked.walk(size, backward).await;
            assert_eq!(walked, expected, "{size} {backward}");
            assert!(flags.iter().all(|flag| *flag == true));
        }
        assert_eq!(service.requests().len(), 4, "once for each search");

        // A page ends inside the window; the next one is read without any ranking.
        let page = ranked.find(json!({ "first": 60 })).await;
        let after = page["pageInfo"]["endCursor"].clone();
        let next = engine.find(json!({ "first": 60, "after": after })).await;
        assert_eq!(ids(&next), expected[60..120]);
        assert_eq!(next["personalization"]["reranked"], true);
        let before = next["pageInfo"]["endCursor"].clone();
        let back = engine.find(json!({ "last": 100, "before": before })).await;
        assert_eq!(ids(&back), expected[19..119]);
        // A search that began in the engine's order stays there.
        let plain = engine.find(json!({ "first": 20 })).await;
        let after = plain["pageInfo"]["endCursor"].clone();
        let next = ranked.find(json!({ "first": 20, "after": after })).await;
        assert_eq!(next["personalization"]["reranked"], false);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_model_is_replaced_when_its_file_changes_and_stays_when_that_is_broken() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        let built_in = include_str!("../../ranking/model.txt");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("model.txt");
        fs::write(&file, built_in).unwrap();
        let supervisor = Supervisor::new();
        let open = |file: &Path| CurrentModel::open(file, Duration::from_millis(10), &supervisor);
        let ranked = fixture.with_ranker(Ranker::model(open(&file).unwrap()));
        fixture.noticed(id(17), SignalKind::View, 9).await;
        ranked.refresh().await;
        let first = async || ids(&ranked.find(json!({})).await)[0].clone();
        let place = async || {
            let found = ids(&ranked.find(json!({})).await);
            found.iter().position(|one| *one == public(17)).unwrap()
        };
        assert_eq!(first().await, public(17));

        fs::write(&file, opposite(built_in)).unwrap();
        eventually(async || place().await == PRODUCTS - 1).await;
        assert_eq!(supervisor.degraded(), [] as [String; 0]);

        fs::write(&file, &built_in[..built_in.len() / 2]).unwrap();
        eventually(async || !supervisor.degraded().is_empty()).await;
        let problem = supervisor.degraded().join(" ");
        assert!(
            problem.contains("ranking_model") && problem.contains("ends before"),
            "{problem}"
        );
        assert_eq!(place().await, PRODUCTS - 1, "the last valid model stays");

        fs::write(&file, built_in).unwrap();
        eventually(async || place().await == 0).await;
        assert_eq!(supervisor.degraded(), [] as [String; 0]);

        let other = directory.path().join("other.txt");
        fs::write(&other, "nonsense").unwrap();
        assert!(open(&other).is_err(), "the first version has to be valid");
        assert!(open(&directory.path().join("missing.txt")).is_err());
        fixture.scratch.drop().await;
    }
}

/// The model that ranks the other way round.
fn opposite(model: &str) -> String {
    let line = |line: &str| match line.strip_prefix("leaf_value=") {
        Some(values) => {
            let negated = values.split(' ').map(|value| {
                value
                    .strip_prefix('-')
                    .map_or_else(|| format!("-{value}"), str::to_owned)
            });
            format!("leaf_value={}\n", negated.collect::<Vec<_>>().join(" "))
        }
        None => format!("{line}\n"),
    };
    model.lines().map(line).collect()
}

async fn eventually(is: impl AsyncFn() -> bool) {
    let state = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), state)
        .await
        .unwrap();
}
