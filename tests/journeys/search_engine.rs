//! Searches in a cluster: through the binary, while the cluster is away, and after it is back.

use std::time::{Duration, Instant};

use entities::search::product;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::kit::{FIXED_RATES, Graph, Layout};
use crate::wait::{until, until_it};

const PAGE: &str = "query($text: String!, $ids: [ID!]!) {
    productSearch(query: $text, filters: { inStock: true }, first: 5) {
        totalCount nodes { id title } facets { name buckets { value count } }
    }
    products(ids: $ids) { title }
}";

/// The way to a node, which can be cut.
struct Link {
    address: String,
    upstream: String,
    running: Option<JoinHandle<()>>,
}

impl Link {
    async fn new(upstream: &str) -> Self {
        let mut link = Self {
            address: "127.0.0.1:0".to_owned(),
            upstream: upstream.to_owned(),
            running: None,
        };
        link.open().await;
        link
    }

    async fn open(&mut self) {
        let listener = TcpListener::bind(&self.address).await.unwrap();
        self.address = listener.local_addr().unwrap().to_string();
        let upstream = self.upstream.clone();
        self.running = Some(tokio::spawn(async move {
            // Dropped with the task, and so are the connections.
            let mut connections = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = TcpStream::connect(&upstream).await.unwrap();
                connections.spawn(async move {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        }));
    }

    /// From now on connections are refused, and the open ones are closed.
    async fn cut(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        let _ = running.await;
    }
}

/// The node of the tests, with a way to it that can be cut.
struct Node {
    url: url::Url,
    engine: String,
    link: Link,
    /// The name of the index, which no other test uses.
    index: String,
}

impl Node {
    async fn new() -> Self {
        let variable = |name| std::env::var(name).expect("run tests/search-nodes/run.sh");
        let url: url::Url = variable("VANTAGE_TEST_SEARCH_URL").parse().unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        Self {
            link: Link::new(&host).await,
            url,
            engine: variable("VANTAGE_TEST_SEARCH_ENGINE"),
            index: format!("journey-{}", uuid::Uuid::new_v4().simple()),
        }
    }

    /// A graph that searches here.
    async fn graph(&self) -> Graph {
        let url = format!("http://{}", self.link.address);
        let settings = [
            ("VANTAGE_SEARCH__ENGINE", self.engine.as_str()),
            ("VANTAGE_SEARCH__URL", &url),
            ("VANTAGE_SEARCH__INDEX", &self.index),
            FIXED_RATES[0],
            FIXED_RATES[1],
        ];
        Graph::start(Layout::Sqlite, &settings, &[]).await
    }

    async fn remove_indexes(&self) {
        let http = reqwest::Client::new();
        let at = |path: &str| self.url.join(path).unwrap();
        let names = http.get(at(&format!("/{}-*", self.index)));
        let names: Value = names.send().await.unwrap().json().await.unwrap();
        for name in names.as_object().unwrap().keys() {
            http.delete(at(&format!("/{name}"))).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn without_its_engine_search_fails_at_once_and_the_rest_of_the_operation_is_served() {
    let settings = [
        ("VANTAGE_SEARCH__ENGINE", "opensearch"),
        // Nobody listens there.
        ("VANTAGE_SEARCH__URL", "http://127.0.0.1:9"),
        ("VANTAGE_DEMO__ORDERS", "50"),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let token = graph.demo_token().await;
    let document = "{
        productSearch(query: \"headphones\") { totalCount nodes { id } }
        searchSuggestions(prefix: \"head\") { text }
        me { name orders(first: 1) { nodes { items { product { title } } } } }
        currencies { code }
    }";
    let mut fastest = Duration::MAX;
    // As often as the cluster is asked, and then not any more.
    for _ in 0..10 {
        let started = Instant::now();
        let answer = graph.query(Some(&token), document, json!({})).await;
        fastest = fastest.min(started.elapsed());
        let data = &answer["data"];
        assert_eq!(data["productSearch"], Value::Null, "{answer:#}");
        assert_eq!(data["searchSuggestions"], Value::Null);
        assert!(data["me"]["name"].is_string(), "{answer:#}");
        let item = &data["me"]["orders"]["nodes"][0]["items"][0];
        assert!(item["product"]["title"].is_string(), "{answer:#}");
        assert!(data["currencies"][0]["code"].is_string(), "{answer:#}");
        let errors = answer["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 2, "{answer:#}");
        for error in errors {
            assert_eq!(error["extensions"]["code"], "SUBGRAPH_UNAVAILABLE");
        }
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    graph.stop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn search_is_unavailable_alone_while_its_cluster_is_away() {
    let mut node = Node::new().await;
    let graph = node.graph().await;
    let ask = async |text: &str, ids: &[&str]| {
        graph
            .query(None, PAGE, json!({ "text": text, "ids": ids }))
            .await
    };

    // A node under load may not answer its first search in time.
    let served = async || {
        let answer = ask("headphones", &[]).await;
        (answer["errors"] == Value::Null).then_some(answer)
    };
    let answer = until("the node answers in time", served).await;
    let found = &answer["data"]["productSearch"];
    let id = found["nodes"][0]["id"].as_str().unwrap();
    assert!(
        found["nodes"][0]["title"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("headphone")
    );
    assert!(found["totalCount"].as_i64().unwrap() >= 5);
    let categories = &found["facets"][0]["buckets"];
    assert!(categories[0]["count"].as_i64().unwrap() > 0, "{categories}");

    let status = graph.run(&["search", "status"]).await;
    assert!(
        status.contains(&format!("engine    {}", node.engine)),
        "{status}"
    );
    let indexed = graph.run(&["search", "reindex"]).await;
    assert!(
        indexed.ends_with(&format!("products indexed by {}", node.engine)),
        "{indexed}"
    );

    // The cluster goes away: only the search fails, at once.
    node.link.cut().await;
    let started = Instant::now();
    let answer = ask("headphones", &[id]).await;
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    let code = &answer["errors"][0]["extensions"]["code"];
    assert_eq!(code, "SUBGRAPH_UNAVAILABLE", "{answer:#}");
    assert_eq!(answer["errors"][0]["path"], json!(["productSearch"]));
    assert_eq!(answer["data"]["productSearch"], Value::Null);
    assert!(
        answer["data"]["products"][0]["title"].is_string(),
        "{answer:#}"
    );
    let failed = graph.fail(&["search", "status"]).await;
    assert!(failed.contains("cannot be reached"), "{failed}");
    let readyz = async || {
        let answer = reqwest::get(format!("{}/readyz", graph.router.base))
            .await
            .unwrap();
        assert!(answer.status().is_success(), "the rest is served");
        answer.text().await.unwrap()
    };
    until_it(readyz, |text| text.contains("degraded: search index")).await;

    // What changes meanwhile is found when it is back.
    let database = graph.database("search").await;
    let row = product::Entity::find()
        .one(database.read())
        .await
        .unwrap()
        .unwrap();
    let mut changed = row.into_active_model();
    changed.title = Set("Quixotic zeppelin".to_owned());
    changed.updated_at = Set(chrono::Utc::now());
    changed.available_quantity = Set(7);
    changed.update(database.write()).await.unwrap();
    node.link.open().await;
    let found = async || {
        let answer = ask("quixotic zeppelin", &[]).await;
        answer["data"]["productSearch"]["totalCount"] == json!(1)
    };
    until_it(found, |found| *found).await;
    until_it(readyz, |text| !text.contains("search index")).await;
    graph.stop().await;

    node.remove_indexes().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn a_process_starts_without_its_cluster_and_searches_when_it_is_there() {
    let mut node = Node::new().await;
    node.link.cut().await;
    let graph = node.graph().await;
    let total = async || {
        let document = "{ productSearch(query: \"headphones\") { totalCount } }";
        let answer = graph.query(None, document, json!({})).await;
        answer["data"]["productSearch"]["totalCount"].as_i64()
    };
    assert_eq!(total().await, None);
    node.link.open().await;
    until_it(total, |total| total.is_some_and(|total| total > 0)).await;
    graph.stop().await;

    node.remove_indexes().await;
}
