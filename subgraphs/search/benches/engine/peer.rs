//! Another engine beside it: OpenSearch or Elasticsearch as their documentation shows, with their own analyzers, fuzziness and
//! aggregations.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::catalog::{self, Request};
use crate::measure::Answered;
use crate::requests::Kind;
use crate::shop::Indexed;

const INDEX: &str = "/vantage-bench-peer";
/// Products sent at a time.
const BATCH: u64 = 1_000;

/// A node.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Inner>);

struct Inner {
    url: Url,
    http: reqwest::Client,
}

impl Peer {
    pub(crate) fn new(url: &Url) -> Self {
        Self(Arc::new(Inner {
            url: url.clone(),
            http: reqwest::Client::new(),
        }))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
    ) -> anyhow::Result<Value> {
        let url = self.0.url.join(path)?;
        let request = self.0.http.request(method, url);
        let request = request.header("content-type", kind).body(body);
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(body)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, path, "application/json", body).await
    }

    /// Indexes the products, unless they are there.
    pub(crate) async fn index(&self, products: u64) -> anyhow::Result<Indexed> {
        let count = self
            .ask(Method::GET, &format!("{INDEX}/_count"), None)
            .await;
        let mut took = None;
        if count.ok().and_then(|count| count["count"].as_u64()) != Some(products) {
            let begun = Instant::now();
            self.build(products).await?;
            took = Some(begun.elapsed());
        }
        let path = format!("{INDEX}/_stats/store");
        let size = self.ask(Method::GET, &path, None).await?;
        Ok(Indexed {
            took,
            bytes: size["_all"]["primaries"]["store"]["size_in_bytes"].as_u64(),
        })
    }

    async fn build(&self, products: u64) -> anyhow::Result<()> {
        // There may be none.
        let _ = self.ask(Method::DELETE, INDEX, None).await;
        let text = json!({ "type": "text", "fields": { "value": { "type": "keyword" } } });
        let mapping = json!({
            "settings": { "number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1" },
            "mappings": { "properties": {
                "title": { "type": "text" },
                "brand": text,
                "category": text,
                "description": { "type": "text" },
                "price": { "type": "long" },
                "rating": { "type": "float" },
                "created_at": { "type": "date" },
            } },
        });
        self.ask(Method::PUT, INDEX, Some(&mapping)).await?;
        let now = Utc::now();
        for start in (0..products).step_by(usize::try_from(BATCH)?) {
            let mut lines = String::new();
            for number in start..(start + BATCH).min(products) {
                let product = catalog::product(number, now);
                let document = json!({
                    "title": product.title,
                    "brand": product.brand,
                    "category": product.category,
                    "description": product.description,
                    "price": product.price_usd_minor,
                    "rating": product.rating,
                    "created_at": product.created_at,
                });
                writeln!(lines, "{{\"index\":{{\"_id\":\"{number}\"}}}}\n{document}")?;
            }
            let path = format!("{INDEX}/_bulk");
            let answer = self.send(Method::POST, &path, "application/x-ndjson", lines);
            let answer = answer.await?;
            ensure!(answer["errors"] == false, "products were refused");
        }
        self.ask(Method::POST, &format!("{INDEX}/_refresh"), None)
            .await?;
        Ok(())
    }

    /// Requests of this kind; `None` if there is nothing like it.
    pub(crate) fn request(
        &self,
        kind: Kind,
    ) -> Option<impl Fn(u64) -> futures::future::BoxFuture<'static, anyhow::Result<Answered>>> {
        if kind.is_personal() || kind.is_reranked() {
            return None;
        }
        let peer = self.clone();
        Some(move |number| {
            let (peer, body) = (peer.clone(), body(kind, &catalog::request(number)));
            let request = async move {
                let begun = Instant::now();
                let path = format!("{INDEX}/_search");
                let answer = peer.ask(Method::POST, &path, Some(&body)).await?;
                let took = begun.elapsed();
                let results = match kind {
                    Kind::Autocomplete => answer["hits"]["hits"]
                        .as_array()
                        .map(|hits| hits.len() as u64),
                    _ => answer["hits"]["total"]["value"].as_u64(),
                };
                Ok(Answered { took, results })
            };
            Box::pin(request) as futures::future::BoxFuture<'static, _>
        })
    }
}

/// The search for a request. The filter by a facet's own attribute does not affect its counts.
fn body(kind: Kind, request: &Request) -> Value {
    let text = kind.text(request);
    let fields = json!(["title^4", "brand^3", "category^1.5", "description"]);
    let query = match kind {
        Kind::Autocomplete => {
            json!({ "multi_match": { "query": text, "type": "bool_prefix", "fields": ["title"] } })
        }
        Kind::Browsing => json!({ "match_all": {} }),
        _ => json!({ "multi_match": { "query": text, "fields": fields, "fuzziness": "AUTO" } }),
    };
    let mut body = json!({ "query": query, "size": 20, "_source": ["title"] });
    match kind {
        Kind::Autocomplete => {
            body["size"] = json!(8);
            body["track_total_hits"] = json!(false);
        }
        Kind::Browsing => body["sort"] = json!([{ "created_at": "desc" }]),
        _ => {}
    }
    if kind != Kind::Autocomplete {
        body["track_total_hits"] = json!(true);
    }
    let filters = match kind.is_filtered() {
        true => vec![
            (
                "categories",
                json!({ "terms": { "category.value": request.categories } }),
            ),
            (
                "brands",
                json!({ "terms": { "brand.value": request.brands } }),
            ),
            (
                "prices",
                json!({ "range": { "price": { "gte": request.price.0, "lte": request.price.1 } } }),
            ),
        ],
        false => Vec::new(),
    };
    let all: Vec<&Value> = filters.iter().map(|(_, filter)| filter).collect();
    if !all.is_empty() {
        body["post_filter"] = json!({ "bool": { "filter": all } });
    }
    if kind.has_facets() {
        body["aggs"] = facets(&filters);
    }
    body
}

fn facets(filters: &[(&str, Value)]) -> Value {
    let from = [0, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];
    let ranges: Vec<Value> = from
        .windows(2)
        .map(|bounds| json!({ "from": bounds[0], "to": bounds[1] }))
        .collect();
    let counts = [
        (
            "categories",
            json!({ "terms": { "field": "category.value", "size": 100 } }),
        ),
        (
            "brands",
            json!({ "terms": { "field": "brand.value", "size": 100 } }),
        ),
        (
            "prices",
            json!({ "range": { "field": "price", "ranges": ranges } }),
        ),
        (
            "ratings",
            json!({ "range": { "field": "rating", "ranges": [
            { "from": 4 }, { "from": 3 }, { "from": 2 }, { "from": 1 },
        ] } }),
        ),
    ];
    let mut facets = json!({});
    for (name, count) in counts {
        let others = filters.iter().filter(|(of, _)| *of != name);
        let others: Vec<&Value> = others.map(|(_, filter)| filter).collect();
        facets[name] = json!({
            "filter": { "bool": { "filter": others } },
            "aggs": { "values": count },
        });
    }
    facets
}
