//! The operators' endpoint for invalidations, on the admin address only.

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use router::Invalidation;

use super::Invalidations;

/// `POST /cache/invalidate`, for all routers.
pub(crate) fn routes(invalidations: &Invalidations) -> Router {
    Router::new()
        .route("/cache/invalidate", post(invalidate))
        .with_state(invalidations.clone())
}

/// 204 once it holds in this process; others follow within milliseconds.
async fn invalidate(
    State(invalidations): State<Invalidations>,
    body: Result<Json<Invalidation>, JsonRejection>,
) -> Response {
    let invalid = match body {
        Ok(Json(invalid)) => invalid,
        Err(refused) => return (refused.status(), refused.body_text() + "\n").into_response(),
    };
    if invalid == Invalidation::default() {
        let problem =
            "the invalidation names nothing: give entities, types, rootFields or subgraphs\n";
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    invalidations.announce(vec![invalid]).await;
    StatusCode::NO_CONTENT.into_response()
}
