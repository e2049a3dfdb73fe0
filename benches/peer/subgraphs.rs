//! The four subgraphs in one process, each on its own port, serving from memory. Repeated requests are served from a
//! cache, so that the routers dominate the measurement.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::routing::post;
use axum::serve::ListenerExt;
use graphql_tools::parser::parse_query;
use graphql_tools::parser::query::{Definition, Selection};
use graphql_tools::static_graphql::query::{Document, SelectionSet, Value as Literal};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::data::{Answer, Node};

pub(crate) const NAMES: [&str; 4] = ["accounts", "inventory", "products", "reviews"];

/// Responses by request. A router sends few distinct requests for one page.
type Indexed = Arc<Mutex<HashMap<Bytes, Bytes>>>;

/// Serves until killed, after printing a line with the ports in the order of [`NAMES`].
pub(crate) async fn serve() -> anyhow::Result<()> {
    let mut ports = Vec::new();
    for _ in NAMES {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        ports.push(listener.local_addr()?.port().to_string());
        let app = Router::new()
            .route("/graphql", post(answer))
            .with_state(Indexed::default());
        let listener = listener.tap_io(|socket| {
            // Optional; without it, the socket is only slower.
            let _ = socket.set_nodelay(true);
        });
        tokio::spawn(axum::serve(listener, app).into_future());
    }
    println!("{}", ports.join(" "));
    std::future::pending().await
}

async fn answer(
    State(known): State<Indexed>,
    request: Bytes,
) -> ([(HeaderName, &'static str); 1], Bytes) {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let lock = || known.lock();
    if let Some(answer) = lock().get(&request) {
        return (json, answer.clone());
    }
    let answer = execute(&request).unwrap_or_else(|error| {
        json!({ "errors": [{ "message": error.to_string() }] }).to_string()
    });
    let answer = Bytes::from(answer);
    lock().insert(request, answer.clone());
    (json, answer)
}

fn execute(request: &[u8]) -> anyhow::Result<String> {
    let request: Value = serde_json::from_slice(request)?;
    let text = request["query"].as_str().context("no query")?;
    let document = parse_query::<String>(text)?.into_static();
    let operation = document
        .definitions
        .iter()
        .find_map(|definition| match definition {
            Definition::Operation(operation) => Some(operation.selection_set()),
            Definition::Fragment(_) => None,
        });
    let asked = Resolution {
        document: &document,
        variables: &request["variables"],
    };
    let data = asked.object(Node::Query, operation.context("no operation")?);
    Ok(json!({ "data": data }).to_string())
}

struct Resolution<'a> {
    document: &'a Document,
    variables: &'a Value,
}

impl Resolution<'_> {
    fn object(&self, node: Node, selections: &SelectionSet) -> Value {
        let mut object = Map::new();
        self.select(node, selections, &mut object);
        Value::Object(object)
    }

    fn select(&self, node: Node, selections: &SelectionSet, object: &mut Map<String, Value>) {
        for selection in &selections.items {
            match selection {
                Selection::Field(field) => {
                    let inner = &field.selection_set;
                    let value = match field.name.as_str() {
                        "__typename" => node.typename().into(),
                        "_entities" => self
                            .representations(&field.arguments)
                            .map(|entity| match Node::of_representation(entity) {
                                Some(node) => self.object(node, inner),
                                None => Value::Null,
                            })
                            .collect(),
                        name => match node.field(name) {
                            None => Value::Null,
                            Some(Answer::Leaf(value)) => value,
                            Some(Answer::Node(node)) => self.object(node, inner),
                            Some(Answer::List(nodes)) => {
                                let items = nodes.into_iter().map(|node| self.object(node, inner));
                                items.collect()
                            }
                        },
                    };
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    object.insert(key.clone(), value);
                }
                // All types are objects, so a type condition matches either this type or nothing.
                Selection::InlineFragment(fragment) => {
                    let wanted = fragment.type_condition.as_ref().map(ToString::to_string);
                    if wanted.is_none_or(|on| on == format!("on {}", node.typename())) {
                        self.select(node, &fragment.selection_set, object);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    for definition in &self.document.definitions {
                        if let Definition::Fragment(fragment) = definition
                            && fragment.name == spread.fragment_name
                        {
                            self.select(node, &fragment.selection_set, object);
                        }
                    }
                }
            }
        }
    }

    fn representations(&self, arguments: &[(String, Literal)]) -> impl Iterator<Item = &Value> {
        let list = arguments.iter().find_map(|(_, value)| match value {
            Literal::Variable(name) => self.variables[name.as_str()].as_array(),
            _ => None,
        });
        list.into_iter().flatten()
    }
}
