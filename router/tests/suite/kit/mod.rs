//! Subgraphs defined by SDL and JSON, and a graph of them behind both transports.

mod execution;
mod subgraph;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::post;
use futures::stream::{BoxStream, StreamExt};
use platform::caller::Caller;
use router::{
    GraphQLRequest, HttpTransport, HttpTransportOptions, LocalService, LocalSubscription,
    LocalTransport, RequestContext, Router, RouterBuilder, Transport,
};
use serde_json::{Value, json};

pub(crate) use subgraph::{Journal, LINK, Subgraph, failure};

/// The subgraphs behind two routers: one with in-process transports, one over HTTP.
pub(crate) struct Graph {
    pub subgraphs: Vec<Arc<Subgraph>>,
    pub local: Router,
    pub http: Router,
}

impl Graph {
    pub(crate) async fn new(subgraphs: impl IntoIterator<Item = Subgraph>) -> Self {
        Self::with(subgraphs, |builder| builder).await
    }

    pub(crate) async fn with(
        subgraphs: impl IntoIterator<Item = Subgraph>,
        options: impl Fn(RouterBuilder) -> RouterBuilder,
    ) -> Self {
        let subgraphs: Vec<Arc<Subgraph>> = subgraphs.into_iter().map(Arc::new).collect();
        let builder = || Router::builder().introspection(true);
        let mut local = options(builder());
        let mut http = options(builder());
        for subgraph in &subgraphs {
            let service = Arc::new(Service(Arc::clone(subgraph)));
            let transport = Arc::new(LocalTransport::new(&subgraph.name, service));
            local = local.subgraph(&subgraph.name, &subgraph.sdl, transport);
            let transport = over_http(subgraph).await;
            http = http.subgraph(&subgraph.name, &subgraph.sdl, transport);
        }
        Self {
            local: local.build().expect("a router over local transports"),
            http: http.build().expect("a router over HTTP"),
            subgraphs,
        }
    }

    /// Behind a supergraph composed elsewhere.
    pub(crate) async fn composed(
        sdl: &str,
        subgraphs: impl IntoIterator<Item = Subgraph>,
        options: impl Fn(RouterBuilder) -> RouterBuilder,
    ) -> Self {
        let subgraphs: Vec<Arc<Subgraph>> = subgraphs.into_iter().map(Arc::new).collect();
        let builder = || Router::builder().introspection(true).supergraph(sdl);
        let mut local = options(builder());
        let mut http = options(builder());
        for subgraph in &subgraphs {
            let service = Arc::new(Service(Arc::clone(subgraph)));
            let transport = Arc::new(LocalTransport::new(&subgraph.name, service));
            local = local.transport(&subgraph.name, transport);
            http = http.transport(&subgraph.name, over_http(subgraph).await);
        }
        Self {
            local: local.build().expect("a router over local transports"),
            http: http.build().expect("a router over HTTP"),
            subgraphs,
        }
    }

    pub(crate) fn routers(&self) -> [(&'static str, &Router); 2] {
        [("local", &self.local), ("http", &self.http)]
    }

    /// Asserts this exact response over both transports.
    pub(crate) async fn check(&self, query: &str, expected: Value) {
        self.check_as(Caller::default(), query, json!({}), expected)
            .await;
    }

    pub(crate) async fn check_with(&self, query: &str, variables: Value, expected: Value) {
        self.check_as(Caller::default(), query, variables, expected)
            .await;
    }

    pub(crate) async fn check_as(
        &self,
        caller: Caller,
        query: &str,
        variables: Value,
        expected: Value,
    ) {
        for (name, router) in self.routers() {
            let request = GraphQLRequest::new(query).with_variables(variables.clone());
            let context = RequestContext::for_caller(caller.clone());
            let response = router.execute(request, context).await;
            let answer: Value = serde_json::from_slice(&response.to_bytes()).expect("JSON");
            assert_eq!(
                serde_json::to_string_pretty(&answer).unwrap(),
                serde_json::to_string_pretty(&expected).unwrap(),
                "over {name}"
            );
        }
    }

    /// Executes a query over one router and returns the response text, to check field order.
    pub(crate) async fn text(&self, query: &str) -> String {
        let request = GraphQLRequest::new(query);
        let response = self.local.execute(request, RequestContext::default()).await;
        String::from_utf8(response.to_bytes().to_vec()).expect("UTF-8")
    }

    /// Requests received by a subgraph since the last call.
    pub(crate) fn requests(&self, name: &str) -> Vec<(String, Value)> {
        let subgraph = self.subgraphs.iter().find(|subgraph| subgraph.name == name);
        std::mem::take(&mut subgraph.expect("a subgraph").requests.lock().unwrap())
    }
}

struct Service(Arc<Subgraph>);

fn local_response(answer: &Value) -> async_graphql::Response {
    // Error extensions can only be set by deserializing.
    let mut response: async_graphql::Response = serde_json::from_value(
        json!({ "data": null, "errors": answer.get("errors").cloned().unwrap_or(json!([])) }),
    )
    .expect("errors");
    let data = answer.get("data").cloned().unwrap_or_default();
    response.data = async_graphql::Value::from_json(data).expect("data");
    response
}

#[async_trait::async_trait]
impl LocalService for Service {
    async fn execute(
        &self,
        mut request: async_graphql::Request,
        _: Caller,
    ) -> async_graphql::Response {
        let document = request.parsed_query().expect("a document").clone();
        let variables = request
            .variables
            .clone()
            .into_value()
            .into_json()
            .expect("variables");
        let answer = self.0.answer(document, variables).await;
        let mut response = local_response(&answer);
        if let Some((seconds, public)) = self.0.policy {
            response.cache_control = async_graphql::CacheControl {
                public,
                max_age: seconds.try_into().expect("few seconds"),
            };
        }
        response
    }

    fn subscribe(&self, ask: LocalSubscription) -> BoxStream<'static, async_graphql::Response> {
        let mut request = ask.request();
        let document = request.parsed_query().expect("a document").clone();
        let variables = request
            .variables
            .clone()
            .into_value()
            .into_json()
            .expect("variables");
        let events = self.0.events(document, &variables);
        futures::stream::iter(events)
            .map(|event| local_response(&event))
            .boxed()
    }
}

/// Serves a subgraph on a free port.
pub(crate) async fn over_http(subgraph: &Arc<Subgraph>) -> Arc<dyn Transport> {
    let app = axum::Router::new()
        .route("/graphql", post(answer).get(socket))
        .with_state(Arc::clone(subgraph));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let url = format!("http://{address}/graphql");
    let options = HttpTransportOptions {
        deadline: Duration::from_secs(5),
        ..HttpTransportOptions::default()
    };
    Arc::new(HttpTransport::new(&subgraph.name, &url, options).expect("a transport"))
}

async fn answer(
    State(subgraph): State<Arc<Subgraph>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> (HeaderMap, axum::Json<Value>) {
    assert_eq!(headers["content-type"], "application/json");
    let request: Value = serde_json::from_slice(&body).expect("a JSON request");
    let query = request["query"].as_str().expect("a query");
    let document = async_graphql::parser::parse_query(query).expect("a document");
    subgraph.assert_valid(query);
    let answer = subgraph
        .answer(document, request["variables"].clone())
        .await;
    let policy = subgraph.policy.map(|(seconds, public)| {
        let scope = if public { "public" } else { "private" };
        let value = format!("max-age={seconds}, {scope}");
        let value = HeaderValue::try_from(value).expect("a header");
        (CACHE_CONTROL, value)
    });
    (policy.into_iter().collect(), axum::Json(answer))
}

async fn socket(
    State(subgraph): State<Arc<Subgraph>>,
    upgrade: axum::extract::WebSocketUpgrade,
) -> axum::response::Response {
    use axum::extract::ws::Message;
    upgrade
        .protocols(["graphql-transport-ws"])
        .on_upgrade(move |mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                let Ok(text) = message.to_text() else { break };
                let Ok(message) = serde_json::from_str::<Value>(text) else {
                    break;
                };
                let replies = match message["type"].as_str() {
                    Some("connection_init") => vec![json!({ "type": "connection_ack" })],
                    Some("subscribe") => {
                        let query = message["payload"]["query"].as_str().expect("a query");
                        let document =
                            async_graphql::parser::parse_query(query).expect("a document");
                        let id = &message["id"];
                        let events = subgraph.events(document, &message["payload"]["variables"]);
                        let next =
                            |payload| json!({ "type": "next", "id": id, "payload": payload });
                        let done = json!({ "type": "complete", "id": id });
                        events.into_iter().map(next).chain([done]).collect()
                    }
                    Some("complete") => continue,
                    _ => break,
                };
                for reply in replies {
                    if socket.send(Message::text(reply.to_string())).await.is_err() {
                        return;
                    }
                }
            }
        })
}
