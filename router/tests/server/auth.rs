//! Which tokens are believed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform::config::{Duration as ConfigDuration, Secret};
use router::auth::{
    AuthConfig, AuthConfigError, AuthError, DevelopmentKey, JwksConfig, JwtVerifier, NewToken,
    PublicKeyConfig,
};
use serde_json::{Value, json};

const SECRET: &str = "a secret for tests, long enough to be used";

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

fn claims() -> Value {
    json!({"sub": "usr_1", "exp": now() + 600, "scope": "orders:read"})
}

fn sign(algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, key).expect("a token")
}

/// An RSA key: to sign with, and as PEM to verify with.
fn rsa() -> (EncodingKey, String) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("DER");
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).expect("DER");
    let signing = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes());
    (signing.expect("a key"), pem("PUBLIC KEY", public.as_ref()))
}

/// A P-256 key to sign with.
fn p256() -> EncodingKey {
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    EncodingKey::from_ec_der(pkcs8.expect("a key").as_ref())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn jwk(key: &EncodingKey, kid: &str) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).expect("a JWK");
    jwk.common.key_id = Some(kid.to_owned());
    jwk
}

fn with_secret() -> AuthConfig {
    AuthConfig {
        development_secret: Some(Secret::new(SECRET)),
        ..AuthConfig::default()
    }
}

async fn verdict(verifier: &JwtVerifier, token: &str) -> Result<Option<String>, AuthError> {
    let caller = verifier.verify(Some(&format!("Bearer {token}"))).await?;
    Ok(caller.subject)
}

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
async fn what_is_wrong_with_a_token_is_said() {
    let mut config = with_secret();
    config.issuer = Some("https://id.example.com".to_owned());
    config.audiences = vec!["vantage".to_owned()];
    let verifier = JwtVerifier::new(&config, true).expect("a verifier");
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let good = json!({"sub": "usr_1", "exp": now() + 600, "iss": "https://id.example.com", "aud": ["vantage", "other"]});
    let check = async |change: Value, expect: Result<Option<String>, AuthError>| {
        let mut claims = good.clone();
        for (name, value) in change.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let claims: Value = claims
            .as_object()
            .expect("an object")
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let token = sign(Algorithm::HS256, None, &claims, &key);
        assert_eq!(verdict(&verifier, &token).await, expect, "{claims}");
    };
    check(json!({}), Ok(Some("usr_1".to_owned()))).await;
    check(json!({"aud": "vantage"}), Ok(Some("usr_1".to_owned()))).await;
    check(json!({"exp": now() - 60}), Err(AuthError::Expired)).await;
    check(json!({"exp": null}), Err(AuthError::Claim("exp"))).await;
    check(json!({"exp": "soon"}), Err(AuthError::Claim("exp"))).await;
    check(json!({"nbf": now() + 60}), Err(AuthError::NotYetValid)).await;
    check(json!({"iss": "https://evil.test"}), Err(AuthError::Issuer)).await;
    check(json!({"iss": null}), Err(AuthError::Claim("iss"))).await;
    check(json!({"aud": "other"}), Err(AuthError::Audience)).await;
    check(json!({"aud": null}), Err(AuthError::Claim("aud"))).await;
    check(json!({"sub": null}), Err(AuthError::Claim("sub"))).await;
    check(json!({"sub": ""}), Err(AuthError::Claim("sub"))).await;
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let verifier = JwtVerifier::new(&with_secret(), true).expect("a verifier");
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = sign(Algorithm::HS256, None, &claims(), &key);
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let other = encode(json!({"sub": "usr_2", "exp": now() + 600}));
    let none = encode(json!({"typ": "JWT", "alg": "none"}));

    let tampered = format!("{}.{other}.{}", parts[0], parts[2]);
    assert_eq!(
        verdict(&verifier, &tampered).await,
        Err(AuthError::Signature)
    );
    for unsigned in [
        format!("{none}.{other}."),
        format!("{none}.{other}.{}", parts[2]),
    ] {
        assert_eq!(
            verdict(&verifier, &unsigned).await,
            Err(AuthError::Malformed)
        );
    }
    let foreign = EncodingKey::from_secret(b"another secret, long enough to be used");
    let foreign = sign(Algorithm::HS256, None, &claims(), &foreign);
    assert_eq!(
        verdict(&verifier, &foreign).await,
        Err(AuthError::Signature)
    );
    let stronger = sign(Algorithm::HS512, None, &claims(), &key);
    assert_eq!(
        verdict(&verifier, &stronger).await,
        Err(AuthError::Algorithm)
    );
    for nonsense in ["x", "a.b.c", "..", "a.b.c.d"] {
        assert_eq!(
            verdict(&verifier, nonsense).await,
            Err(AuthError::Malformed),
            "{nonsense}"
        );
    }
    let long = "x".repeat(9000);
    assert_eq!(
        verdict(&verifier, &long).await,
        Err(AuthError::TooLong(8192))
    );
}

#[tokio::test]
async fn an_rsa_key_verifies_rs256_and_is_no_secret() {
    let (signing, public) = rsa();
    let config = AuthConfig {
        public_keys: vec![PublicKeyConfig {
            pem: Some(public.clone()),
            ..PublicKeyConfig::default()
        }],
        ..AuthConfig::default()
    };
    let verifier = JwtVerifier::new(&config, false).expect("a verifier");
    let token = sign(Algorithm::RS256, None, &claims(), &signing);
    assert_eq!(
        verdict(&verifier, &token).await,
        Ok(Some("usr_1".to_owned()))
    );
    let (stranger, _) = rsa();
    let token = sign(Algorithm::RS256, None, &claims(), &stranger);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Signature));
    // The public key is public: whoever takes it for a secret can sign with it.
    let confused = EncodingKey::from_secret(public.as_bytes());
    let token = sign(Algorithm::HS256, None, &claims(), &confused);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Algorithm));
    let token = sign(Algorithm::RS512, None, &claims(), &signing);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Algorithm));
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

#[tokio::test]
async fn no_token_is_an_anonymous_caller_and_no_key_refuses_every_token() {
    let verifier = JwtVerifier::new(&AuthConfig::default(), false).expect("a verifier");
    assert!(
        !verifier
            .verify(None)
            .await
            .expect("a visitor")
            .is_authenticated()
    );
    assert_eq!(verdict(&verifier, "a.b.c").await, Err(AuthError::NoKeys));
}

#[tokio::test]
async fn tokens_that_are_left_to_subgraphs_make_nobody() {
    let config = AuthConfig {
        pass_through: true,
        ..AuthConfig::default()
    };
    let verifier = JwtVerifier::new(&config, false).expect("a verifier");
    assert_eq!(verdict(&verifier, "anything").await, Ok(None));
}

#[tokio::test]
async fn minted_tokens_are_accepted_where_they_were_minted_for() {
    let mut config = with_secret();
    config.issuer = Some("vantage".to_owned());
    config.audiences = vec!["storefront".to_owned()];
    let key = DevelopmentKey::from_config(&config)
        .expect("valid")
        .expect("a key");
    let token = key
        .mint(
            &NewToken {
                subject: "usr_7".to_owned(),
                scopes: vec!["a".to_owned(), "b".to_owned()],
                ttl: Duration::from_secs(60),
            },
            SystemTime::now(),
        )
        .expect("a token");
    let verifier = JwtVerifier::new(&config, true).expect("a verifier");
    let identity = verifier.identify_token(&token).await.expect("an identity");
    assert_eq!(identity.caller.subject.as_deref(), Some("usr_7"));
    assert_eq!(
        identity.caller.scopes,
        ["a".to_owned(), "b".to_owned()].into()
    );
    assert!(identity.expires_at.is_some_and(|at| at > SystemTime::now()));
}

#[test]
fn keys_that_must_not_be_used_stop_the_start() {
    let refused = |config: &AuthConfig, development| {
        JwtVerifier::new(config, development).expect_err("refused")
    };
    assert!(matches!(
        refused(&with_secret(), false),
        AuthConfigError::DevelopmentSecret
    ));
    let short = AuthConfig {
        development_secret: Some(Secret::new("short")),
        ..AuthConfig::default()
    };
    assert!(matches!(
        refused(&short, true),
        AuthConfigError::ShortSecret
    ));
    let unchecked = AuthConfig {
        pass_through: true,
        ..with_secret()
    };
    assert!(matches!(
        refused(&unchecked, true),
        AuthConfigError::PassThroughWithKeys
    ));
    let with_key = |key: PublicKeyConfig| AuthConfig {
        public_keys: vec![key],
        ..AuthConfig::default()
    };
    let nothing = with_key(PublicKeyConfig::default());
    assert!(matches!(
        refused(&nothing, false),
        AuthConfigError::KeySource { index: 0 }
    ));
    let no_pem = with_key(PublicKeyConfig {
        pem: Some("x".to_owned()),
        ..PublicKeyConfig::default()
    });
    assert!(matches!(
        refused(&no_pem, false),
        AuthConfigError::KeyFormat { index: 0 }
    ));
    let no_file = with_key(PublicKeyConfig {
        file: Some("no/such/key.pem".into()),
        ..PublicKeyConfig::default()
    });
    assert!(matches!(
        refused(&no_file, false),
        AuthConfigError::KeyFile { index: 0, .. }
    ));
    let no_url = AuthConfig {
        jwks: Some(JwksConfig::at("ftp://keys")),
        ..AuthConfig::default()
    };
    assert!(matches!(
        refused(&no_url, false),
        AuthConfigError::JwksUrl { .. }
    ));
}
