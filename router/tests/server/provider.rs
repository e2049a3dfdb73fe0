//! Keys of an identity provider: fetched, rotated, missing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use platform::config::Duration as ConfigDuration;
use router::auth::{AuthConfig, AuthError, JwksConfig, JwtVerifier};
use serde_json::json;

use crate::tokens::{claims, jwk, p256, sign, verdict};

/// An identity provider whose key set the test can change.
struct Provider {
    url: String,
    keys: Arc<Mutex<Vec<Jwk>>>,
    fetches: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(keys: Vec<Jwk>) -> Self {
        let keys = Arc::new(Mutex::new(keys));
        let fetches = Arc::new(AtomicUsize::new(0));
        let app = axum::Router::new().route(
            "/keys",
            axum::routing::get({
                let (keys, fetches) = (keys.clone(), fetches.clone());
                async move || {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    axum::Json(json!({"keys": *keys.lock().expect("keys")}))
                }
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, keys, fetches }
    }

    fn config(&self) -> AuthConfig {
        let mut jwks = JwksConfig::at(&self.url);
        jwks.min_interval = ConfigDuration::from_secs(0);
        AuthConfig {
            jwks: Some(jwks),
            ..AuthConfig::default()
        }
    }
}

#[tokio::test]
async fn a_providers_keys_verify_es256_also_after_they_rotate() {
    let (old, new) = (p256(), p256());
    let provider = Provider::start(vec![jwk(&old, "old")]).await;
    let verifier = JwtVerifier::new(&provider.config(), false).expect("a verifier");
    let token = sign(Algorithm::ES256, Some("old"), &claims(), &old);
    assert_eq!(
        verdict(&verifier, &token).await,
        Ok(Some("usr_1".to_owned()))
    );

    let token = sign(Algorithm::ES256, Some("new"), &claims(), &new);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::UnknownKey));
    *provider.keys.lock().expect("keys") = vec![jwk(&new, "new")];
    assert_eq!(
        verdict(&verifier, &token).await,
        Ok(Some("usr_1".to_owned()))
    );
    let token = sign(Algorithm::ES256, Some("old"), &claims(), &old);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::UnknownKey));

    let forged = sign(Algorithm::ES256, Some("new"), &claims(), &old);
    assert_eq!(verdict(&verifier, &forged).await, Err(AuthError::Signature));
}

#[tokio::test]
async fn unknown_keys_do_not_make_the_provider_busy() {
    let (known, unknown) = (p256(), p256());
    let provider = Provider::start(vec![jwk(&known, "known")]).await;
    let mut config = provider.config();
    config.jwks.as_mut().expect("a key set").min_interval = ConfigDuration::from_secs(3600);
    let verifier = JwtVerifier::new(&config, false).expect("a verifier");
    for attempt in 0..50 {
        let token = sign(
            Algorithm::ES256,
            Some(&format!("kid-{attempt}")),
            &claims(),
            &unknown,
        );
        assert_eq!(verdict(&verifier, &token).await, Err(AuthError::UnknownKey));
    }
    // One at the start, by schedule, and at most one for the first unknown key.
    assert!(provider.fetches.load(Ordering::SeqCst) <= 2);
    let token = sign(Algorithm::ES256, Some("known"), &claims(), &known);
    assert_eq!(
        verdict(&verifier, &token).await,
        Ok(Some("usr_1".to_owned()))
    );
}

#[tokio::test]
async fn keys_are_fetched_again_on_schedule_and_kept_when_that_fails() {
    let (first, second) = (p256(), p256());
    let provider = Provider::start(vec![jwk(&first, "a")]).await;
    let mut config = provider.config();
    let jwks = config.jwks.as_mut().expect("a key set");
    jwks.refresh = ConfigDuration::from_millis(10);
    jwks.min_interval = ConfigDuration::from_secs(3600);
    let verifier = JwtVerifier::new(&config, false).expect("a verifier");
    let token = |key: &EncodingKey| sign(Algorithm::ES256, Some("a"), &claims(), key);
    let accepted = async |token: String| {
        tokio::time::timeout(Duration::from_secs(10), async {
            while verdict(&verifier, &token).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("accepted in time");
    };
    accepted(token(&first)).await;
    *provider.keys.lock().expect("keys") = vec![jwk(&second, "a")];
    accepted(token(&second)).await;
    provider.keys.lock().expect("keys").clear();
    let seen = provider.fetches.load(Ordering::SeqCst);
    tokio::time::timeout(Duration::from_secs(10), async {
        while provider.fetches.load(Ordering::SeqCst) < seen + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("fetched again");
    assert_eq!(
        verdict(&verifier, &token(&second)).await,
        Ok(Some("usr_1".to_owned()))
    );
}

#[tokio::test]
async fn a_provider_that_is_down_is_not_the_callers_fault() {
    let key = p256();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    drop(listener);
    let config = AuthConfig {
        jwks: Some(JwksConfig::at(url)),
        ..AuthConfig::default()
    };
    let verifier = JwtVerifier::new(&config, false).expect("a verifier");
    let token = sign(Algorithm::ES256, Some("a"), &claims(), &key);
    assert_eq!(
        verdict(&verifier, &token).await,
        Err(AuthError::KeysUnavailable)
    );
}
