//! The operators' endpoint for invalidations, on the admin address only.

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use router::Invalidation;

use super::Invalidations;

/// Most names in one invalidation: each is looked up while all requests wait.
const MAX_NAMES: usize = 10_000;

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
    let size = invalid.size();
    if size > MAX_NAMES {
        let problem = format!(
            "the invalidation has {size} names, each counted for each subgraph; at most {MAX_NAMES} are allowed: send \
             several, or name whole subgraphs\n"
        );
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    invalidations.announce(vec![invalid]).await;
    StatusCode::NO_CONTENT.into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use axum::http::header::CONTENT_TYPE;
    use router::{EntityCache, EntityCacheConfig};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn an_invalidation_is_bounded() {
        let cache = EntityCache::new(EntityCacheConfig::default());
        let routes = routes(&Invalidations {
            cache: Some(cache.clone()),
            shared: None,
        });
        let status = async |body: Value| {
            let request = Request::post("/cache/invalidate")
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string()))
                .unwrap();
            routes.clone().oneshot(request).await.unwrap().status()
        };
        let names = |count: usize| vec!["name"; count];
        let begun = cache.epoch();
        assert_eq!(status(json!({})).await, StatusCode::BAD_REQUEST);
        let many = json!({ "types": names(101), "subgraphs": names(100) });
        assert_eq!(status(many).await, StatusCode::BAD_REQUEST);
        assert_eq!(cache.epoch(), begun, "nothing is invalidated");
        let enough = json!({ "types": names(100), "subgraphs": names(100) });
        assert_eq!(status(enough).await, StatusCode::NO_CONTENT);
        assert!(cache.epoch() > begun);
    }
}
