//! Keys of an identity provider: fetching, rotation, outages.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use futures::future::join_all;
use futures::poll;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use platform::config::Duration as ConfigDuration;
use platform::supervisor::Supervisor;
use router::auth::{AuthConfig, AuthError, JwksConfig, JwtVerifier};
use serde_json::json;
use tokio::sync::watch;

use crate::tokens::{claims, jwk, p256, sign, verdict};

/// An identity provider with a replaceable key set.
struct Provider {
    url: String,
    keys: Arc<Mutex<Vec<Jwk>>>,
    fetches: Arc<AtomicUsize>,
    /// While true, fetches block.
    held: watch::Sender<bool>,
    /// While true, fetches fail.
    down: Arc<AtomicBool>,
}

impl Provider {
    async fn start(keys: Vec<Jwk>) -> Self {
        let keys = Arc::new(Mutex::new(keys));
        let fetches = Arc::new(AtomicUsize::new(0));
        let held = watch::Sender::new(false);
        let down = Arc::new(AtomicBool::new(false));
        let app = axum::Router::new().route(
            "/keys",
            axum::routing::get({
                let (keys, fetches) = (keys.clone(), fetches.clone());
                let (held, down) = (held.subscribe(), down.clone());
                async move || {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    let _ = held.clone().wait_for(|held| !held).await;
                    if down.load(Ordering::SeqCst) {
                        return Err(StatusCode::INTERNAL_SERVER_ERROR);
                    }
                    Ok(axum::Json(json!({"keys": *keys.lock().expect("keys")})))
                }
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            url,
            keys,
            fetches,
            held,
            down,
        }
    }

    fn config(&self) -> AuthConfig {
        let mut jwks = JwksConfig::at(url::Url::parse(&self.url).expect("a URL"));
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
    let verifier =
        JwtVerifier::new(&provider.config(), false, &Supervisor::new()).expect("a verifier");
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
    let verifier = JwtVerifier::new(&config, false, &Supervisor::new()).expect("a verifier");
    for attempt in 0..50 {
        let token = sign(
            Algorithm::ES256,
            Some(&format!("kid-{attempt}")),
            &claims(),
            &unknown,
        );
        assert_eq!(verdict(&verifier, &token).await, Err(AuthError::UnknownKey));
    }
    // One at startup, scheduled ones, and at most one for the first unknown key.
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
    let verifier = JwtVerifier::new(&config, false, &Supervisor::new()).expect("a verifier");
    let token = |key: &EncodingKey| sign(Algorithm::ES256, Some("a"), &claims(), key);
    let accepted = async |token: String| {
        tokio::time::timeout(crate::kit::PATIENCE, async {
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
    provider.down.store(true, Ordering::SeqCst);
    let seen = provider.fetches.load(Ordering::SeqCst);
    tokio::time::timeout(crate::kit::PATIENCE, async {
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
    let nobody = url::Url::parse("http://127.0.0.1:9/keys").expect("a URL");
    let config = AuthConfig {
        jwks: Some(JwksConfig::at(nobody)),
        ..AuthConfig::default()
    };
    let verifier = JwtVerifier::new(&config, false, &Supervisor::new()).expect("a verifier");
    let token = sign(Algorithm::ES256, Some("a"), &claims(), &key);
    assert_eq!(
        verdict(&verifier, &token).await,
        Err(AuthError::KeysUnavailable)
    );
}

/// A key from a provider that omits `kid`.
fn unnamed(key: &EncodingKey) -> Jwk {
    let mut jwk = jwk(key, "unnamed");
    jwk.common.key_id = None;
    jwk
}

#[tokio::test]
async fn keys_may_rotate_without_a_name_or_under_the_same_one() {
    for kid in [None, Some("same")] {
        let (old, new) = (p256(), p256());
        let known = |key: &EncodingKey| match kid {
            Some(kid) => jwk(key, kid),
            None => unnamed(key),
        };
        let provider = Provider::start(vec![known(&old)]).await;
        let verifier =
            JwtVerifier::new(&provider.config(), false, &Supervisor::new()).expect("a verifier");
        let good = Ok(Some("usr_1".to_owned()));
        let token = sign(Algorithm::ES256, kid, &claims(), &old);
        assert_eq!(verdict(&verifier, &token).await, good);
        *provider.keys.lock().expect("keys") = vec![known(&new)];
        // Tokens may carry a `kid` although the provider's keys do not.
        for named in [kid, Some("same")] {
            let token = sign(Algorithm::ES256, named, &claims(), &new);
            assert_eq!(verdict(&verifier, &token).await, good, "{kid:?} {named:?}");
        }
        let token = sign(Algorithm::ES256, kid, &claims(), &old);
        assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Signature));
    }
}

#[tokio::test]
async fn forged_signatures_do_not_make_the_provider_busy() {
    let (known, unknown) = (p256(), p256());
    let provider = Provider::start(vec![unnamed(&known)]).await;
    let mut config = provider.config();
    config.jwks.as_mut().expect("a key set").min_interval = ConfigDuration::from_secs(3600);
    let verifier = JwtVerifier::new(&config, false, &Supervisor::new()).expect("a verifier");
    for _ in 0..50 {
        let token = sign(Algorithm::ES256, None, &claims(), &unknown);
        assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Signature));
    }
    assert!(provider.fetches.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn an_empty_key_set_revokes_every_key() {
    let key = p256();
    let provider = Provider::start(vec![jwk(&key, "a")]).await;
    let mut config = provider.config();
    config.jwks.as_mut().expect("a key set").refresh = ConfigDuration::from_millis(10);
    let verifier = JwtVerifier::new(&config, false, &Supervisor::new()).expect("a verifier");
    let token = sign(Algorithm::ES256, Some("a"), &claims(), &key);
    assert!(verdict(&verifier, &token).await.is_ok());
    provider.keys.lock().expect("keys").clear();
    tokio::time::timeout(crate::kit::PATIENCE, async {
        while verdict(&verifier, &token).await != Err(AuthError::UnknownKey) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("revoked in time");
}

#[tokio::test]
async fn who_has_an_unknown_key_waits_for_one_fetch_and_no_more() {
    let (known, unknown) = (p256(), p256());
    let provider = Provider::start(vec![jwk(&known, "known")]).await;
    let verifier =
        JwtVerifier::new(&provider.config(), false, &Supervisor::new()).expect("a verifier");
    let good = sign(Algorithm::ES256, Some("known"), &claims(), &known);
    assert!(verdict(&verifier, &good).await.is_ok());
    provider.held.send_replace(true);
    let seen = provider.fetches.load(Ordering::SeqCst);
    let tokens: Vec<String> = (0..20)
        .map(|number| {
            let kid = format!("kid-{number}");
            sign(Algorithm::ES256, Some(&kid), &claims(), &unknown)
        })
        .collect();
    let mut refusals = std::pin::pin!(join_all(
        tokens.iter().map(|token| verdict(&verifier, token))
    ));
    assert!(poll!(&mut refusals).is_pending());
    // Known keys need no fetch.
    assert!(verdict(&verifier, &good).await.is_ok());
    provider.held.send_replace(false);
    for refusal in refusals.await {
        assert_eq!(refusal, Err(AuthError::UnknownKey));
    }
    assert_eq!(provider.fetches.load(Ordering::SeqCst), seen + 1);
}
