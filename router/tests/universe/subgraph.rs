//! The supergraph's subgraphs, behind HTTP. They validate requests and report those that no router should send.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::post;
use graphql_tools::static_graphql::schema::{Directive, Document, InputValue, TypeDefinition};
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::validate;
use router::{HttpTransport, HttpTransportOptions, Router, Transport};
use serde_json::{Map, Value, json};

use crate::execution::Execution;
use crate::supergraph::{Supergraph, find, text};
use crate::world::World;

struct Subgraphs {
    world: Arc<World>,
    schemas: Vec<(String, Document)>,
}

/// A router over subgraphs that serve this world.
pub(crate) async fn router(world: &Arc<World>, sdl: &str) -> Router {
    let supergraph = &world.supergraph;
    let schemas = supergraph.graphs.iter().map(|(graph, _)| {
        let sdl = schema_in(supergraph, graph);
        let schema = graphql_tools::parser::parse_schema::<String>(&sdl);
        let schema = schema.unwrap_or_else(|error| panic!("{error}: {sdl}"));
        (graph.clone(), schema.into_static())
    });
    let subgraphs = Subgraphs {
        world: Arc::clone(world),
        schemas: schemas.collect(),
    };
    let app = axum::Router::new()
        .route("/{graph}", post(answer))
        .with_state(Arc::new(subgraphs));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut router = Router::builder().supergraph(sdl).development(true);
    for (graph, name) in &supergraph.graphs {
        let options = HttpTransportOptions {
            deadline: Duration::from_secs(20),
            ..HttpTransportOptions::default()
        };
        let url = format!("http://{address}/{graph}");
        let transport = HttpTransport::new(name, &url, options).expect("a transport");
        let transport: Arc<dyn Transport> = Arc::new(transport);
        router = router.transport(name, transport);
    }
    router.build().expect("a router")
}

async fn answer(
    State(subgraphs): State<Arc<Subgraphs>>,
    Path(graph): Path<String>,
    body: axum::body::Bytes,
) -> axum::Json<Value> {
    let request: Value = serde_json::from_slice(&body).expect("a JSON request");
    let query = request["query"].as_str().expect("a query");
    let document = graphql_tools::parser::parse_query::<String>(query).expect("a document");
    let document = document.into_static();
    let known = subgraphs.schemas.iter().find(|(name, _)| *name == graph);
    let (_, schema) = known.expect("a subgraph");
    let errors = validate(schema, &document, &default_rules_validation_plan());
    let nothing = Map::new();
    let variables = request["variables"].as_object().unwrap_or(&nothing);
    let answer = if errors.is_empty() {
        Execution::answer(&subgraphs.world, Some(&graph), &document, variables)
    } else {
        Err(errors
            .into_iter()
            .map(|error| format!("{graph}: {}", error.message))
            .collect())
    };
    axum::Json(match answer {
        Ok(data) => json!({ "data": data }),
        Err(mistakes) => {
            let message = format!("{} for {query}", mistakes.join("; "));
            json!({ "errors": [{ "message": message, "extensions": { "code": "MISTAKE" } }] })
        }
    })
}

/// The schema of one subgraph.
fn schema_in(supergraph: &Supergraph, graph: &str) -> String {
    let mut sdl = String::from(
        "scalar Int scalar Float scalar String scalar Boolean scalar ID scalar _Any\n",
    );
    let mut entities = Vec::new();
    for definition in supergraph.definitions() {
        let name = definition.name();
        let is_meta = |prefix: &&str| name.starts_with(*prefix);
        if ["join__", "link__", "context__"].iter().any(is_meta) {
            continue;
        }
        match definition {
            TypeDefinition::Object(_) | TypeDefinition::Interface(_) | TypeDefinition::Union(_) => {
                composite(supergraph, graph, name, &mut entities, &mut sdl);
            }
            TypeDefinition::Enum(known) => {
                let values = known.values.iter();
                let here = values
                    .filter(|value| is_here(&value.directives, "join__enumValue", graph))
                    .map(|value| value.name.clone());
                block(&mut sdl, "enum", name, here.collect());
            }
            TypeDefinition::InputObject(input) => {
                let fields = input.fields.iter();
                let here = fields
                    .filter(|field| is_here(&field.directives, "join__field", graph))
                    .map(input_value);
                block(&mut sdl, "input", name, here.collect());
            }
            TypeDefinition::Scalar(_) => {
                let _ = writeln!(sdl, "scalar {name}");
            }
        }
    }
    if !entities.is_empty() {
        let _ = writeln!(sdl, "union _Entity = {}", entities.join(" | "));
    }
    if !sdl.contains(&format!("type {} ", supergraph.query)) {
        let _ = writeln!(
            sdl,
            "type {} {{ _entities(representations: [_Any!]!): [_Entity]! }}",
            supergraph.query
        );
    }
    let mutation = supergraph
        .mutation
        .as_ref()
        .filter(|name| supergraph.has(graph, name));
    let mutation = mutation
        .map(|name| format!("mutation: {name}"))
        .unwrap_or_default();
    let _ = writeln!(sdl, "schema {{ query: {} {mutation} }}", supergraph.query);
    sdl
}

/// Whether an element exists in a subgraph: `@join__*` directives name the subgraphs that have it, and without any, all
/// do.
fn is_here(directives: &[Directive], name: &str, graph: &str) -> bool {
    let mut joins = find(directives, name).peekable();
    joins.peek().is_none() || joins.any(|join| text(join, "graph").as_deref() == Some(graph))
}

/// Writes a definition, unless it is empty.
fn block(sdl: &mut String, keyword: &str, name: &str, inside: Vec<String>) {
    if !inside.is_empty() {
        let _ = writeln!(sdl, "{keyword} {name} {{ {} }}", inside.join(" "));
    }
}

fn composite(
    supergraph: &Supergraph,
    graph: &str,
    name: &str,
    entities: &mut Vec<String>,
    sdl: &mut String,
) {
    if !supergraph.has(graph, name) {
        return;
    }
    let known = &supergraph.composites[name];
    let is_object = known.is_object || supergraph.is_interface_object(graph, name);
    if is_object && supergraph.joins(graph, name).any(|join| join.key.is_some()) {
        entities.push(name.to_owned());
    }
    if !is_object && known.fields.is_empty() {
        let members = Vec::from_iter(supergraph.members(Some(graph), name));
        if !members.is_empty() {
            let _ = writeln!(sdl, "union {name} = {}", members.join(" | "));
        }
        return;
    }
    let mut interfaces: Vec<_> = known
        .interfaces
        .iter()
        .filter(|(here, _)| here == graph)
        .collect();
    interfaces.dedup();
    let interfaces: Vec<_> = interfaces.iter().map(|(_, name)| name.as_str()).collect();
    let implements = if interfaces.is_empty() {
        String::new()
    } else {
        format!("implements {} ", interfaces.join(" & "))
    };
    let keyword = if is_object { "type" } else { "interface" };
    let _ = write!(sdl, "{keyword} {name} {implements}{{ ");
    if name == supergraph.query {
        sdl.push_str("_entities(representations: [_Any!]!): [_Entity]! ");
    }
    let mut fields = false;
    for (field, defined) in &known.fields {
        let Some(here) = supergraph.field_in(graph, name, field) else {
            continue;
        };
        fields = true;
        let mut arguments: Vec<_> = defined.arguments.iter().map(input_value).collect();
        let of_context = here.context.iter();
        arguments.extend(of_context.map(|known| format!("{}: {}", known.name, known.ty)));
        let arguments = if arguments.is_empty() {
            String::new()
        } else {
            format!("({})", arguments.join(" "))
        };
        let _ = write!(sdl, "{field}{arguments}: {} ", here.ty);
    }
    if name != supergraph.query && !fields {
        sdl.push_str("_: Boolean ");
    }
    sdl.push_str("}\n");
}

fn input_value(value: &InputValue) -> String {
    let default = value
        .default_value
        .as_ref()
        .map(|default| format!(" = {default}"));
    format!(
        "{}: {}{}",
        value.name,
        value.value_type,
        default.unwrap_or_default()
    )
}
