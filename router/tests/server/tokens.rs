//! Keys and tokens for tests.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform::config::Secret;
use router::auth::{AuthConfig, AuthError, JwtVerifier};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "a secret for tests, long enough to be used";

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

pub(crate) fn claims() -> Value {
    json!({"sub": "usr_1", "exp": now() + 600, "scope": "orders:read"})
}

pub(crate) fn sign(
    algorithm: Algorithm,
    kid: Option<&str>,
    claims: &Value,
    key: &EncodingKey,
) -> String {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, key).expect("a token")
}

/// An RSA key pair: for signing, and as PEM for verification.
pub(crate) fn rsa() -> (EncodingKey, String) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("DER");
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).expect("DER");
    let signing = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes());
    (signing.expect("a key"), pem("PUBLIC KEY", public.as_ref()))
}

/// A P-256 signing key.
pub(crate) fn p256() -> EncodingKey {
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    EncodingKey::from_ec_der(pkcs8.expect("a key").as_ref())
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
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

pub(crate) fn jwk(key: &EncodingKey, kid: &str) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).expect("a JWK");
    jwk.common.key_id = Some(kid.to_owned());
    jwk
}

pub(crate) fn with_secret() -> AuthConfig {
    AuthConfig {
        development_secret: Some(Secret::new(SECRET)),
        ..AuthConfig::default()
    }
}

pub(crate) async fn verdict(
    verifier: &JwtVerifier,
    token: &str,
) -> Result<Option<String>, AuthError> {
    let caller = verifier.verify(Some(&format!("Bearer {token}"))).await?;
    Ok(caller.subject)
}
