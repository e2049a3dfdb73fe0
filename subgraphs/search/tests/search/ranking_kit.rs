//! Subgraphs whose results are ranked, and a ranking service.

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
use platform::providers::ranking_service::RankingService;
use resolvers::testing::execute;
use sea_orm::{ActiveModelTrait, Set};
use search::ranking::Ranker;
use search::{State, subgraph};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::kit::{Fixture, Item, strings};

/// Long enough for a busy machine; no answer is late by accident.
pub(crate) const BUDGET: Duration = Duration::from_secs(30);

/// How many products most tests have.
pub(crate) const PRODUCTS: usize = 40;

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
pub(crate) fn ids(found: &Value) -> Vec<String> {
    strings(&found["nodes"], "id")
}

impl Fixture {
    /// Stores so many signals of somebody, as of a day ago.
    pub(crate) async fn noticed(&self, product: Uuid, kind: SignalKind, count: usize) {
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
    pub(crate) fn with_ranker(&self, ranker: Ranker) -> Ranked {
        let state = State {
            ranker,
            ..self.state.clone()
        };
        Ranked { state }
    }
}

/// A subgraph whose results are ranked.
pub(crate) struct Ranked {
    pub state: State,
}

impl Ranked {
    /// Reads what is popular now.
    pub(crate) async fn refresh(&self) {
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
    pub(crate) async fn find(&self, mut variables: Value) -> Value {
        if variables.get("last").is_none() && variables.get("first").is_none() {
            variables["first"] = json!(100);
        }
        let answer = execute(&subgraph(self.state.clone()), None, SEARCH, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["productSearch"].clone()
    }

    /// The ids of all pages of this size, and whether each was ranked.
    pub(crate) async fn walk(&self, size: usize, backward: bool) -> (Vec<String>, Vec<Value>) {
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

/// As many products that a query finds alike.
pub(crate) fn alike(count: usize) -> Vec<product::Model> {
    let item = Item {
        title: "Wireless Speaker",
        ..Item::PLAIN
    };
    (0..count).map(|number| item.row(number)).collect()
}

/// Ranks by the service at this address.
pub(crate) fn ranker(fixture: &Fixture, url: &str, budget: Duration) -> Ranker {
    let clock = fixture.state.clock.clone();
    let service = RankingService::new(url.parse().unwrap(), budget, clock);
    Ranker::service(service.unwrap(), budget)
}

/// What the service does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// The last product comes first.
    Reverse,
    Status(u16),
    Body(&'static str),
    Never,
}

/// A ranking service on a port of its own.
#[derive(Clone)]
pub(crate) struct Service {
    url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Service {
    pub(crate) async fn start() -> Self {
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

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock() = behaviour;
    }

    pub(crate) fn ranker(&self, fixture: &Fixture, budget: Duration) -> Ranker {
        ranker(fixture, &self.url, budget)
    }

    /// What it was asked so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
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
