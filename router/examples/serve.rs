//! A minimal router in front of a supergraph: `--supergraph FILE --listen ADDR:PORT`. It builds without the rest of the
//! project, for differential tests and profiling; deploy `vantage router` instead.

use std::error::Error;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use router::{GraphQLRequest, PlanRequest, RequestContext, Router};

async fn answer(
    State(router): State<Router>,
    Json(request): Json<GraphQLRequest>,
) -> impl IntoResponse {
    let context = RequestContext {
        query_plan: PlanRequest::Shown,
        ..RequestContext::default()
    };
    let response = router.execute(request, context).await;
    ([(CONTENT_TYPE, "application/json")], response.to_bytes())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1)
    };
    let supergraph = option("--supergraph").ok_or("--supergraph FILE is missing")?;
    let listen = option("--listen").map_or("127.0.0.1:4000", String::as_str);
    let router = Router::builder()
        .supergraph(&std::fs::read_to_string(supergraph)?)
        .expose_query_plan(std::env::var_os("SHOW_PLAN").is_some())
        .build()?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("listening on http://{}/graphql", listener.local_addr()?);
    let app = axum::Router::new()
        .route("/graphql", post(answer))
        .with_state(router);
    axum::serve(listener, app).await?;
    Ok(())
}
