//! Both stores against one contract, and links followed as by a browser.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::clock::Clock;
use crate::config::Secret;
use crate::supervisor::{Stage, Supervisor};
use crate::testing::until;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn noon() -> DateTime<Utc> {
    "2025-10-09T12:00:00Z".parse().unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).unwrap()
}

async fn listen(app: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base.parse().unwrap()
}

/// The subset of S3's protocol in use: objects by path, complete listings.
#[derive(Clone, Default)]
struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Stored>>>,
    written_at: Arc<Mutex<DateTime<Utc>>>,
}

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    content_type: String,
    at: DateTime<Utc>,
}

async fn bucket(State(bucket): State<Bucket>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let signed = parts.headers.contains_key("authorization")
        || parts
            .uri
            .query()
            .is_some_and(|query| query.contains("X-Amz-Signature="));
    assert!(signed, "{}", parts.uri);
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path().strip_prefix("/labels").unwrap();
    let name = path.trim_start_matches('/').to_owned();
    let mut objects = bucket.objects.lock().unwrap();
    match parts.method {
        Method::PUT => {
            let header = parts.headers["content-type"].to_str().unwrap();
            let content_type = header.to_owned();
            let at = *bucket.written_at.lock().unwrap();
            let stored = Stored {
                bytes,
                content_type,
                at,
            };
            objects.insert(name, stored);
            [("etag", "\"1\"")].into_response()
        }
        Method::DELETE => {
            objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::GET if name.is_empty() => {
            let url: Url = format!("http://bucket{}", parts.uri).parse().unwrap();
            let prefix = url.query_pairs().find(|(name, _)| name == "prefix");
            let prefix = prefix.map(|(_, prefix)| prefix.into_owned());
            let contents: String = objects
                .iter()
                .filter(|(name, _)| name.starts_with(&prefix.clone().unwrap_or_default()))
                .map(|(name, stored)| {
                    let at = stored.at.to_rfc3339_opts(SecondsFormat::Millis, true);
                    let size = stored.bytes.len();
                    format!(
                        "<Contents><Key>{name}</Key><LastModified>{at}</LastModified>\
                         <ETag>\"1\"</ETag><Size>{size}</Size></Contents>"
                    )
                })
                .collect();
            format!("<ListBucketResult>{contents}</ListBucketResult>").into_response()
        }
        Method::GET => match objects.get(&name) {
            None => StatusCode::NOT_FOUND.into_response(),
            Some(stored) => {
                let at = stored.at.to_rfc2822().replace("+0000", "GMT");
                let headers = [
                    ("content-type", stored.content_type.clone()),
                    ("last-modified", at),
                    ("etag", "\"1\"".to_owned()),
                ];
                (headers, stored.bytes.clone()).into_response()
            }
        },
        other => panic!("{other} is no part of what is used"),
    }
}

async fn s3() -> (Bucket, S3Objects) {
    let state = Bucket::default();
    *state.written_at.lock().unwrap() = noon();
    let app = Router::new().fallback(bucket).with_state(state.clone());
    let config = S3Config {
        bucket: "labels".into(),
        region: "us-east-1".into(),
        endpoint: Some(listen(app).await.into()),
        kms_key: None,
        access_key_id: Some("AKIDEXAMPLE".to_owned()),
        secret_access_key: Some(Secret::new("wJalrXUtnFEMI")),
    };
    (state, S3Objects::new(&config, &Clock::system()).unwrap())
}

/// The contract of every store; `day_later` advances the time at which it writes.
async fn keeps_its_promises(objects: &dyn Objects, day_later: impl Fn()) {
    let label = key("returns/a.pdf");
    assert_eq!(objects.get(&label).await.unwrap(), None);
    objects.put(&label, "first".into()).await.unwrap();
    objects.put(&label, "second".into()).await.unwrap();
    assert_eq!(objects.get(&label).await.unwrap().unwrap(), "second");
    day_later();
    let newer = key("returns/b.pdf");
    objects.put(&newer, "third".into()).await.unwrap();

    let folder = key("returns");
    let none = objects.delete_older_than(&folder, noon()).await;
    assert_eq!(none.unwrap(), 0);
    let cutoff = noon() + TimeDelta::hours(1);
    let elsewhere = objects.delete_older_than(&key("return"), cutoff).await;
    assert_eq!(elsewhere.unwrap(), 0);
    let old = objects.delete_older_than(&folder, cutoff).await;
    assert_eq!(old.unwrap(), 1);
    assert_eq!(objects.get(&label).await.unwrap(), None);
    objects.delete(&newer).await.unwrap();
    objects.delete(&newer).await.unwrap();
    assert_eq!(objects.get(&newer).await.unwrap(), None);
}

#[tokio::test]
async fn a_directory_keeps_what_a_store_promises() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(noon());
    let objects = LocalObjects::new(directory.path(), clock.clone());
    keeps_its_promises(&objects, || clock.advance(TimeDelta::days(1))).await;
}

#[tokio::test]
async fn a_bucket_keeps_what_a_store_promises() {
    let (bucket, objects) = s3().await;
    keeps_its_promises(&objects, || {
        *bucket.written_at.lock().unwrap() += TimeDelta::days(1);
    })
    .await;
}

/// Serves a store's links below a path, as the binary does.
async fn serving(objects: Arc<dyn Objects>, clock: &Clock) -> ObjectLinks {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/objects", listener.local_addr().unwrap());
    let secret = Secret::new("0123456789abcdef0123456789abcdef");
    let links = ObjectLinks::new(objects, base.parse().unwrap(), secret, clock.clone()).unwrap();
    let app = Router::new().nest("/objects", links.routes());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    links
}

#[tokio::test]
async fn a_link_to_a_file_works_until_it_expires_and_for_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(noon());
    let objects = LocalObjects::new(directory.path(), clock.clone());
    let links = serving(Arc::new(objects), &clock).await;
    let label = key("returns/a.pdf");
    links.objects().put(&label, "%PDF".into()).await.unwrap();
    let (url, expires_at) = links.link(&label, 14 * DAY).await.unwrap();
    assert_eq!(expires_at, noon() + TimeDelta::days(14));

    let response = reqwest::get(url.clone()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.text().await.unwrap(), "%PDF");

    let status = async |url: Url| reqwest::get(url).await.unwrap().status().as_u16();
    let forged = |from: &str, to: &str| -> Url {
        assert!(url.as_str().contains(from), "{url}");
        url.as_str().replace(from, to).parse().unwrap()
    };
    assert_eq!(status(forged("a.pdf", "b.pdf")).await, 403);
    assert_eq!(status(forged("a.pdf", "..%2Fa.pdf")).await, 403);
    assert_eq!(status(forged("expires=1", "expires=2")).await, 403);
    assert_eq!(status(forged("signature=", "signature=A")).await, 403);
    let mut bare = url.clone();
    bare.set_query(None);
    assert_eq!(status(bare).await, 403);

    clock.advance(TimeDelta::days(14) - TimeDelta::seconds(1));
    assert_eq!(status(url.clone()).await, 200);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(status(url).await, 403, "expired");

    let (gone, _) = links.link(&key("gone.pdf"), DAY).await.unwrap();
    assert_eq!(status(gone).await, 404);
}

#[tokio::test]
async fn a_link_to_a_bucket_is_the_buckets_own_for_a_week_and_leads_there_for_longer() {
    let (_, objects) = s3().await;
    let clock = Clock::manual(noon());
    let links = serving(Arc::new(objects), &clock).await;
    let label = key("returns/a.pdf");
    links.objects().put(&label, "%PDF".into()).await.unwrap();

    let (direct, _) = links.link(&label, 7 * DAY).await.unwrap();
    assert!(direct.path().starts_with("/labels/returns/"), "{direct}");
    let query = direct.query().unwrap();
    assert!(query.contains("X-Amz-Expires=604800"), "{direct}");

    let (ours, _) = links.link(&label, 14 * DAY).await.unwrap();
    assert!(ours.path().starts_with("/objects/returns/"), "{ours}");
    let response = reqwest::get(ours.clone()).await.unwrap();
    assert_eq!(response.url().path(), "/labels/returns/a.pdf");
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert_eq!(response.text().await.unwrap(), "%PDF");

    clock.advance(TimeDelta::days(14));
    assert_eq!(reqwest::get(ours).await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_bucket_that_refuses_is_an_error_and_not_an_absence() {
    let refusing = Router::new().fallback(async || StatusCode::FORBIDDEN);
    let config = S3Config {
        bucket: "labels".into(),
        region: "us-east-1".into(),
        endpoint: Some(listen(refusing).await.into()),
        kms_key: None,
        access_key_id: Some("AKIDEXAMPLE".to_owned()),
        secret_access_key: Some(Secret::new("wJalrXUtnFEMI")),
    };
    let objects = S3Objects::new(&config, &Clock::system()).unwrap();
    let error = objects.get(&key("a.pdf")).await.unwrap_err();
    assert!(matches!(error, ObjectError::Refused(_)), "{error}");
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_reported() {
    let refusing = Router::new().fallback(async || StatusCode::FORBIDDEN);
    let config = S3Config {
        bucket: "labels".into(),
        region: "us-east-1".into(),
        endpoint: Some(listen(refusing).await.into()),
        kms_key: None,
        access_key_id: Some("AKIDEXAMPLE".to_owned()),
        secret_access_key: Some(Secret::new("wJalrXUtnFEMI")),
    };
    let objects = S3Objects::new(&config, &Clock::system()).unwrap();
    let error = objects.check().await.unwrap_err();
    assert!(matches!(error, ObjectError::Refused(_)), "{error}");
    let supervisor = Supervisor::new();
    let watching = watch(
        Arc::new(objects),
        supervisor.clone(),
        supervisor.stop_token(Stage::Support),
    );
    let reported = until("the store is reported", async || {
        !supervisor.degraded().is_empty()
    });
    tokio::select! {
        () = watching => panic!("nobody told it to stop"),
        () = reported => {}
    }
    let degraded = supervisor.degraded();
    assert!(
        degraded[0].starts_with("object store: the object store refused: check the bucket"),
        "{degraded:?}"
    );
    let (_, working) = s3().await;
    working.check().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let missing = LocalObjects::new(directory.path().join("new"), Clock::system());
    missing.check().await.unwrap();
}

#[tokio::test]
async fn an_object_over_the_limit_is_not_stored() {
    let directory = tempfile::tempdir().unwrap();
    let local = LocalObjects::new(directory.path(), Clock::system());
    let (bucket, s3) = s3().await;
    let bytes = Bytes::from(vec![0; MAX_OBJECT_BYTES as usize + 1]);
    let stores: [&dyn Objects; 2] = [&local, &s3];
    for objects in stores {
        let error = objects.put(&key("a.pdf"), bytes.clone()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "object a.pdf has 16777217 bytes, and the limit is 16777216"
        );
    }
    assert!(bucket.objects.lock().unwrap().is_empty());
}
