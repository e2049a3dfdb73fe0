//! Token verification: which tokens are accepted.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use platform::config::Secret;
use platform::supervisor::Supervisor;
use router::auth::{
    AuthConfig, AuthConfigError, AuthError, DevelopmentKey, JwksConfig, JwtVerifier, NewToken,
    PublicKeyConfig,
};
use serde_json::{Value, json};

use crate::tokens::{SECRET, claims, now, rsa, sign, verdict, with_secret};

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said() {
    let mut config = with_secret();
    config.issuer = Some("https://id.example.com".to_owned());
    config.audiences = vec!["vantage".to_owned()];
    let verifier = JwtVerifier::new(&config, true, &Supervisor::new()).expect("a verifier");
    let key = EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
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
    let verifier = JwtVerifier::new(&with_secret(), true, &Supervisor::new()).expect("a verifier");
    let key = EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
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
    let foreign = EncodingKey::from_secret(b"another secret, long enough to be used").unwrap();
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
    let verifier = JwtVerifier::new(&config, false, &Supervisor::new()).expect("a verifier");
    let token = sign(Algorithm::RS256, None, &claims(), &signing);
    assert_eq!(
        verdict(&verifier, &token).await,
        Ok(Some("usr_1".to_owned()))
    );
    let (stranger, _) = rsa();
    let token = sign(Algorithm::RS256, None, &claims(), &stranger);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Signature));
    // Algorithm confusion: signing with the public key as an HMAC secret.
    let confused = EncodingKey::from_secret(public.as_bytes()).unwrap();
    let token = sign(Algorithm::HS256, None, &claims(), &confused);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Algorithm));
    let token = sign(Algorithm::RS512, None, &claims(), &signing);
    assert_eq!(verdict(&verifier, &token).await, Err(AuthError::Algorithm));
}

#[tokio::test]
async fn no_token_is_an_anonymous_caller_and_no_key_refuses_every_token() {
    let verifier =
        JwtVerifier::new(&AuthConfig::default(), false, &Supervisor::new()).expect("a verifier");
    assert!(
        !verifier
            .verify(None)
            .await
            .expect("an anonymous identity")
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
    let verifier = JwtVerifier::new(&config, false, &Supervisor::new()).expect("a verifier");
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
    let verifier = JwtVerifier::new(&config, true, &Supervisor::new()).expect("a verifier");
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
        JwtVerifier::new(config, development, &Supervisor::new()).expect_err("refused")
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
        jwks: Some(JwksConfig::at(
            url::Url::parse("ftp://keys").expect("a URL"),
        )),
        ..AuthConfig::default()
    };
    assert!(matches!(
        refused(&no_url, false),
        AuthConfigError::JwksUrl { .. }
    ));
}
