//! Ranked results: by a model, by a service, and on all pages.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State as Extracted;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::TimeDelta;
use entities::search::product;
use entities::search::signal::{self, SignalKind};
use parking_lot::Mutex;
use platform::flags::{EvaluationContext, FlagFile, Flags};
use platform::providers::ranking_service::RankingService;
use platform::supervisor::Supervisor;
use resolvers::testing::execute;
use sea_orm::{ActiveModelTrait, Set};
use search::ranking::{CurrentModel, Ranker};
use search::{State, subgraph};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::kit::{Fixture, Item, fixtures, id, public, strings};

/// Long enough for a busy machine; no answer is late by accident.
const BUDGET: Duration = Duration::from_secs(30);

/// How many products most tests have.
const PRODUCTS: usize = 40;

/// A search that finds everything.
const SEARCH: &str = "query($first: Int, $after: String, $last: Int, $before: String) {
    productSearch(query: \"wireless\", first: $first, after: $after, last: $last, before: $before) {
        personalization { reranked }
        pageInfo { endCursor startCursor hasNextPage hasPreviousPage }
        totalCount
        edges { why }
        nodes { id }
    }
}";

/// The ids of results, in order.
fn ids(found: &Value) -> Vec<String> {
    strings(&found["nodes"], "id")
}

impl Fixture {
    /// Stores so many signals of somebody, as of a day ago.
    async fn noticed(&self, product: Uuid, kind: SignalKind, count: usize) {
        for _ in 0..count {
            let signal = signal::ActiveModel {
                id: Set(Uuid::now_v7()),
                kind: Set(kind),
                product_id: Set(product),
                occurred_at: Set(self.state.clock.now() - TimeDelta::days(1)),
                ..Default::default()
            };
            signal.insert(self.scratch.database.write()).await.unwrap();
        }
    }

    /// The same with another ranker.
    fn with_ranker(&self, ranker: Ranker) -> Ranked {
        let state = State {
            ranker,
            ..self.state.clone()
        };
        Ranked { state }
    }
}

/// A subgraph whose results are ranked.
struct Ranked {
    state: State,
}

impl Ranked {
    async fn refresh(&self) {
        let State {
            ranker,
            database,
            clock,
            ..
        } = &self.state;
        ranker
            .popularity
            .refresh(database, clock.now())
            .await
            .unwrap();
    }

    /// [`SEARCH`]; asserts that there are no errors.
    async fn find(&self, mut variables: Value) -> Value {
        if variables.get("last").is_none() && variables.get("first").is_none() {
            variables["first"] = json!(100);
        }
        let answer = execute(&subgraph(self.state.clone()), None, SEARCH, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["productSearch"].clone()
    }

    /// The ids of all pages of this size, and whether each was ranked.
    async fn walk(&self, size: usize, backward: bool) -> (Vec<String>, Vec<Value>) {
        let (mut all, mut ranked) = (Vec::new(), Vec::new());
        let (number, from, cursor, more) = if backward {
            ("last", "before", "startCursor", "hasPreviousPage")
        } else {
            ("first", "after", "endCursor", "hasNextPage")
        };
        let mut beyond = Value::Null;
        loop {
            let page = self.find(json!({ number: size, from: beyond })).await;
            let mut shown = ids(&page);
            if backward {
                shown.extend(std::mem::take(&mut all));
                all = shown;
            } else {
                all.extend(shown);
            }
            ranked.push(page["personalization"]["reranked"].clone());
            beyond = page["pageInfo"][cursor].clone();
            if page["pageInfo"][more] == false {
                return (all, ranked);
            }
        }
    }
}

fn why(found: &Value, place: usize) -> Vec<&str> {
    let why = found["edges"][place]["why"].as_array().unwrap();
    why.iter().map(|reason| reason.as_str().unwrap()).collect()
}

/// As many products that a query finds alike.
fn alike(count: usize) -> Vec<product::Model> {
    let item = Item {
        title: "Wireless Speaker",
        ..Item::PLAIN
    };
    (0..count).map(|number| item.row(number)).collect()
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
async fn a_service_gets_the_features_and_its_scores_decide() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        fixture.noticed(id(8), SignalKind::View, 2).await;
        fixture.noticed(id(9), SignalKind::View, 1).await;
        let engine = fixture.with_ranker(Ranker::none());
        let engine = ids(&engine.find(json!({})).await);
        let service = Service::start().await;
        let ranked = fixture.with_ranker(service.ranker(&fixture, BUDGET));
        ranked.refresh().await;
        let found = ranked.find(json!({})).await;
        let reversed: Vec<String> = engine.iter().rev().cloned().collect();
        assert_eq!(ids(&found), reversed);
        assert_eq!(found["personalization"]["reranked"], true);
        let requests = service.requests();
        let [request] = &requests[..] else {
            panic!("{requests:?}");
        };
        assert_eq!(request["version"], 1);
        assert_eq!(request["query"], "wireless");
        let products = request["products"].as_array().unwrap();
        let sent: Vec<&str> = products
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(sent, engine);
        let number = |place: usize, name: &str| products[place][name].as_f64().unwrap();
        for (place, id) in engine.iter().enumerate() {
            assert_eq!(number(place, "textScore"), 1.0, "{request:#}");
            assert_eq!(number(place, "preferenceSimilarity"), 0.0);
            // Of January, seen in October.
            let recency = number(place, "recency");
            assert!(recency > 0.0 && recency < 0.01, "{recency}");
            let popularity = match id.as_str() {
                one if one == public(8) => 1.0,
                one if one == public(9) => 2_f64.ln() / 3_f64.ln(),
                _ => 0.0,
            };
            assert!((number(place, "popularity7d") - popularity).abs() < 1e-9);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn results_stay_in_the_engines_order_when_the_service_fails() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        let engine = fixture.with_ranker(Ranker::none());
        let engine = ids(&engine.find(json!({})).await);
        let service = Service::start().await;
        for behaviour in [
            Behaviour::Status(500),
            Behaviour::Status(404),
            Behaviour::Body("nonsense"),
            Behaviour::Body("{\"scores\": [1.0]}"),
            Behaviour::Body("{\"scores\": null}"),
        ] {
            service.behave(behaviour);
            let ranked = fixture.with_ranker(service.ranker(&fixture, BUDGET));
            let found = ranked.find(json!({})).await;
            assert_eq!(ids(&found), engine, "{behaviour:?}");
            assert_eq!(found["personalization"]["reranked"], false);
            let (walked, _) = ranked.walk(7, true).await;
            assert_eq!(walked, engine, "{behaviour:?}");
            service.behave(Behaviour::Reverse);
            assert_eq!(
                ranked.find(json!({})).await["personalization"]["reranked"],
                true,
                "it recovers: {behaviour:?}"
            );
        }
        // Nobody listens.
        let ranked = fixture.with_ranker(ranker(&fixture, "http://127.0.0.1:1/rank", BUDGET));
        assert_eq!(ids(&ranked.find(json!({})).await), engine);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_slow_service_is_not_waited_for_and_after_five_searches_not_called() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        let engine = fixture.with_ranker(Ranker::none());
        let engine = ids(&engine.find(json!({})).await);
        let service = Service::start().await;
        service.behave(Behaviour::Never);
        let ranked = fixture.with_ranker(service.ranker(&fixture, Duration::from_millis(20)));
        for _ in 0..8 {
            let found = ranked.find(json!({})).await;
            assert_eq!(ids(&found), engine);
            assert_eq!(found["personalization"]["reranked"], false);
        }
        let calls = service.requests().len();
        assert!(calls <= 5, "{calls}");
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

fn ranker(fixture: &Fixture, url: &str, budget: Duration) -> Ranker {
    let clock = fixture.state.clock.clone();
    let service = RankingService::new(url.parse().unwrap(), budget, clock);
    Ranker::service(service.unwrap(), budget)
}

/// What the service does with a request.
#[derive(Clone, Copy, Debug)]
enum Behaviour {
    /// The last product comes first.
    Reverse,
    Status(u16),
    Body(&'static str),
    Never,
}

/// A ranking service on a port of its own.
#[derive(Clone)]
struct Service {
    url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            url: format!("http://{}/v1/rank", listener.local_addr().unwrap()),
            behaviour: Arc::new(Mutex::new(Behaviour::Reverse)),
            requests: Arc::default(),
        };
        let routes = Router::new()
            .route("/v1/rank", post(answer))
            .with_state(service.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        service
    }

    fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock() = behaviour;
    }

    fn ranker(&self, fixture: &Fixture, budget: Duration) -> Ranker {
        ranker(fixture, &self.url, budget)
    }

    fn requests(&self) -> Vec<Value> {
        self.requests.lock().clone()
    }
}

async fn answer(Extracted(service): Extracted<Service>, Json(request): Json<Value>) -> Response {
    let count = request["products"].as_array().unwrap().len();
    service.requests.lock().push(request);
    let behaviour = *service.behaviour.lock();
    match behaviour {
        Behaviour::Reverse => {
            let scores: Vec<usize> = (0..count).collect();
            Json(json!({ "scores": scores })).into_response()
        }
        Behaviour::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Behaviour::Body(body) => body.into_response(),
        Behaviour::Never => std::future::pending().await,
    }
}
