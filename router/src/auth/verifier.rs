//! Verifies the `Authorization` header and returns the caller.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use platform::caller::Caller;
use platform::supervisor::Supervisor;
use serde::Deserialize;

use super::config::{AuthConfig, AuthConfigError, MIN_SECRET_BYTES};
use super::error::AuthError;
use super::jwks::RemoteKeys;
use super::keys::VerificationKey;
use super::token_cache::{TokenCache, TokenHash};

/// A verified caller, and when the credentials expire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub caller: Caller,
    /// `None` for a visitor without a token.
    pub expires_at: Option<SystemTime>,
}

/// Verifies tokens with the configured keys.
pub struct JwtVerifier {
    config: AuthConfig,
    local: Vec<VerificationKey>,
    remote: Option<Arc<RemoteKeys>>,
    verified: TokenCache,
}

#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    /// Any number of seconds; a non-number was rejected before.
    #[serde(default)]
    exp: serde_json::Value,
    scope: Option<Scopes>,
    scopes: Option<Scopes>,
    scp: Option<Scopes>,
    client_id: Option<String>,
    azp: Option<String>,
    /// All other claims.
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

/// Providers write scopes as one space-separated string or as a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scopes {
    Spaced(String),
    List(Vec<String>),
}

impl JwtVerifier {
    /// Reads the keys. With a JWKS URL it must be called within a Tokio runtime, and starts fetching.
    ///
    /// # Errors
    /// Keys that cannot be read, and a development secret outside development mode.
    pub fn new(
        config: &AuthConfig,
        development: bool,
        supervisor: &Supervisor,
    ) -> Result<Self, AuthConfigError> {
        let mut local = Vec::new();
        if let Some(secret) = &config.development_secret {
            if !development {
                return Err(AuthConfigError::DevelopmentSecret);
            }
            if secret.expose().len() < MIN_SECRET_BYTES {
                return Err(AuthConfigError::ShortSecret);
            }
            local.push(VerificationKey::secret(secret.expose().as_bytes())?);
        }
        for (index, key) in config.public_keys.iter().enumerate() {
            local.push(VerificationKey::from_config(index, key)?);
        }
        if config.pass_through && !(local.is_empty() && config.jwks.is_none()) {
            return Err(AuthConfigError::PassThroughWithKeys);
        }
        let remote = config.jwks.as_ref().map(RemoteKeys::new).transpose()?;
        let remote = remote.map(Arc::new);
        if let Some(remote) = &remote {
            remote.refresh_on_schedule(supervisor);
        }
        Ok(Self {
            config: config.clone(),
            local,
            remote,
            verified: TokenCache::new(),
        })
    }

    /// The caller for the value of an `Authorization` header; anonymous without one.
    pub async fn verify(&self, authorization: Option<&str>) -> Result<Caller, AuthError> {
        Ok(self.identify(authorization).await?.caller)
    }

    /// Like [`Self::verify`], with the token's expiry.
    pub async fn identify(&self, authorization: Option<&str>) -> Result<Identity, AuthError> {
        match authorization {
            None => Ok(Identity::default()),
            Some(_) if self.config.pass_through => Ok(Identity::default()),
            Some(value) => self.identify_token(bearer(value)?).await,
        }
    }

    /// Like [`Self::identify`], for a token without its scheme.
    pub async fn identify_token(&self, token: &str) -> Result<Identity, AuthError> {
        if self.config.pass_through {
            return Ok(Identity::default());
        }
        self.check_length(token)?;
        // Before the keys are used: with newer ones it is only verified once more.
        let generation = self.remote.as_ref().map_or(0, |keys| keys.generation());
        let hash = TokenHash::of(token);
        if let Some(known) = self.verified.get(&hash, generation, SystemTime::now()) {
            return Ok(known);
        }
        let identity = identity(self.claims(token).await?, &self.config)?;
        self.verified.put(hash, token.len(), generation, &identity);
        Ok(identity)
    }

    fn check_length(&self, token: &str) -> Result<(), AuthError> {
        if token.len() > self.config.max_token_bytes {
            return Err(AuthError::TooLong(self.config.max_token_bytes));
        }
        Ok(())
    }

    /// A claim of the token in an `Authorization` header, once the token is verified. `None` without a token or the
    /// claim, and for the claims that make up the [`Identity`].
    pub async fn claim(
        &self,
        authorization: Option<&str>,
        name: &str,
    ) -> Result<Option<serde_json::Value>, AuthError> {
        match authorization {
            Some(value) if !self.config.pass_through => {
                let mut claims = self.claims(bearer(value)?).await?;
                Ok(claims.other.remove(name))
            }
            _ => Ok(None),
        }
    }

    /// The claims of a token whose signature, time, issuer and audience are valid.
    async fn claims(&self, token: &str) -> Result<Claims, AuthError> {
        self.check_length(token)?;
        if self.local.is_empty() && self.remote.is_none() {
            return Err(AuthError::NoKeys);
        }
        let header = jsonwebtoken::decode_header(token).map_err(refusal)?;
        let (kid, algorithm) = (header.kid.as_deref(), header.alg);
        let local = self.check(token, kid, algorithm, &self.local);
        let Some(remote) = &self.remote else {
            return match local {
                Err(AuthError::UnknownKey) => Err(self.no_key_for(algorithm)),
                verdict => verdict,
            };
        };
        // Without a kid, the local key may simply be the wrong one while the provider has the right one.
        if !matches!(local, Err(AuthError::UnknownKey | AuthError::Signature)) {
            return local;
        }
        if let Some(keys) = remote.cached() {
            let verdict = self.check(token, kid, algorithm, &keys);
            // After a rotation the token's key is unknown; or, without a `kid` or with a reused one, the wrong key was
            // tried.
            if !matches!(verdict, Err(AuthError::UnknownKey | AuthError::Signature)) {
                return verdict;
            }
        }
        if !matches!(algorithm, Algorithm::RS256 | Algorithm::ES256) {
            return Err(AuthError::Algorithm);
        }
        remote.refresh_if_due().await;
        let keys = remote.cached().ok_or(AuthError::KeysUnavailable)?;
        self.check(token, kid, algorithm, &keys)
    }

    /// Tries the keys that may have signed the token; `UnknownKey` if there are none.
    fn check(
        &self,
        token: &str,
        kid: Option<&str>,
        algorithm: Algorithm,
        keys: &[VerificationKey],
    ) -> Result<Claims, AuthError> {
        let mut verdict = Err(AuthError::UnknownKey);
        for key in keys.iter().filter(|key| key.fits(kid, algorithm)) {
            verdict = self.check_with(token, key);
            if !matches!(verdict, Err(AuthError::Signature)) {
                break;
            }
        }
        verdict
    }

    fn check_with(&self, token: &str, key: &VerificationKey) -> Result<Claims, AuthError> {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.config.leeway.as_secs();
        validation.validate_nbf = true;
        validation.validate_aud = !self.config.audiences.is_empty();
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &self.config.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if !self.config.audiences.is_empty() {
            validation.set_audience(&self.config.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        let token = jsonwebtoken::decode::<Claims>(token, &key.key, &validation);
        Ok(token.map_err(refusal)?.claims)
    }

    fn no_key_for(&self, algorithm: Algorithm) -> AuthError {
        if self.local.iter().any(|key| key.algorithm == algorithm) {
            AuthError::UnknownKey
        } else {
            AuthError::Algorithm
        }
    }
}

impl std::fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The token of `Bearer <token>`; schemes are case-insensitive.
fn bearer(authorization: &str) -> Result<&str, AuthError> {
    match authorization.trim().split_once(' ') {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() =>
        {
            Ok(token.trim())
        }
        _ => Err(AuthError::Scheme),
    }
}

fn identity(mut claims: Claims, config: &AuthConfig) -> Result<Identity, AuthError> {
    let policies = claims.other.remove(&config.policies_claim);
    let policies = policies.and_then(|policies| serde_json::from_value::<Scopes>(policies).ok());
    let subject = claims
        .sub
        .filter(|subject| !subject.is_empty())
        .ok_or(AuthError::Claim("sub"))?;
    let scopes = [claims.scope, claims.scopes, claims.scp]
        .into_iter()
        .flatten()
        .flat_map(Scopes::into_set)
        .collect();
    let expires_at = claims
        .exp
        .as_f64()
        .and_then(|exp| Duration::try_from_secs_f64(exp).ok())
        .and_then(|exp| UNIX_EPOCH.checked_add(exp.checked_add(config.leeway.get())?));
    Ok(Identity {
        caller: Caller {
            subject: Some(subject),
            scopes,
            policies: policies.map(Scopes::into_set).unwrap_or_default(),
            client: claims.client_id.or(claims.azp),
            ..Caller::default()
        },
        expires_at: Some(expires_at.ok_or(AuthError::Claim("exp"))?),
    })
}

impl Scopes {
    fn into_set(self) -> BTreeSet<String> {
        match self {
            Self::Spaced(text) => text.split_whitespace().map(str::to_owned).collect(),
            Self::List(list) => list.into_iter().collect(),
        }
    }
}

/// Maps an error of the JWT library to ours.
fn refusal(error: jsonwebtoken::errors::Error) -> AuthError {
    match error.kind() {
        ErrorKind::ExpiredSignature => AuthError::Expired,
        ErrorKind::ImmatureSignature => AuthError::NotYetValid,
        ErrorKind::InvalidIssuer => AuthError::Issuer,
        ErrorKind::InvalidAudience => AuthError::Audience,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::MissingAlgorithm => AuthError::Algorithm,
        ErrorKind::InvalidSignature => AuthError::Signature,
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            AuthError::Claim(match claim.as_str() {
                "exp" => "exp",
                "nbf" => "nbf",
                "iss" => "iss",
                "aud" => "aud",
                _ => "sub",
            })
        }
        _ => AuthError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_must_be_bearer() {
        let check = |value: &str, expect: Result<&str, AuthError>| {
            assert_eq!(bearer(value), expect, "{value}");
        };
        check("Bearer a.b.c", Ok("a.b.c"));
        check("bearer  a.b.c ", Ok("a.b.c"));
        check("Basic a.b.c", Err(AuthError::Scheme));
        check("a.b.c", Err(AuthError::Scheme));
        check("Bearer ", Err(AuthError::Scheme));
    }

    #[test]
    fn policies_are_read_from_the_claim_that_is_configured() {
        let check = |claim: &str, claims: &str, policies: &[&str]| {
            let config = AuthConfig {
                policies_claim: claim.to_owned(),
                ..AuthConfig::default()
            };
            let claims: Claims = serde_json::from_str(claims).expect(claims);
            let caller = identity(claims, &config).expect("an identity").caller;
            let read: Vec<&str> = caller.policies.iter().map(String::as_str).collect();
            assert_eq!(read, policies);
        };
        let listed = r#"{"sub":"usr_1","exp":1,"policies":["staff","read prices"],"https://shop/roles":"a b"}"#;
        check("policies", listed, &["read prices", "staff"]);
        check("https://shop/roles", listed, &["a", "b"]);
        check("none", listed, &[]);
        check("policies", r#"{"sub":"usr_1","exp":1,"policies":7}"#, &[]);
    }

    #[test]
    fn scopes_are_read_in_every_form() {
        let check = |claims: &str, scopes: &[&str], client: Option<&str>| {
            let claims: Claims = serde_json::from_str(claims).expect(claims);
            let caller = identity(claims, &AuthConfig::default())
                .expect("an identity")
                .caller;
            let read: Vec<&str> = caller.scopes.iter().map(String::as_str).collect();
            assert_eq!(read, scopes);
            assert_eq!(caller.client.as_deref(), client);
        };
        check(
            r#"{"sub":"usr_1","exp":1,"scope":"b a"}"#,
            &["a", "b"],
            None,
        );
        check(
            r#"{"sub":"usr_1","exp":1,"scp":["a"],"azp":"web"}"#,
            &["a"],
            Some("web"),
        );
        check(
            r#"{"sub":"usr_1","exp":1,"scope":"a","policies":["staff"]}"#,
            &["a"],
            None,
        );
        check(
            r#"{"sub":"usr_1","exp":1.5,"scopes":["a","b"],"client_id":"app","azp":"web"}"#,
            &["a", "b"],
            Some("app"),
        );
    }
}
