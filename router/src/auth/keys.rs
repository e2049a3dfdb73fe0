//! Verification keys, each bound to a single algorithm.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::config::{AuthConfigError, PublicKeyConfig};

/// A key with its algorithm. A token cannot choose another algorithm for it.
pub(super) struct VerificationKey {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl VerificationKey {
    /// The development key.
    pub(super) fn secret(secret: &[u8]) -> Result<Self, AuthConfigError> {
        Ok(Self {
            kid: None,
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret).map_err(|_| AuthConfigError::ShortSecret)?,
        })
    }

    /// Reads the PEM of the `index`th configured key.
    pub(super) fn from_config(
        index: usize,
        config: &PublicKeyConfig,
    ) -> Result<Self, AuthConfigError> {
        let pem = match (&config.pem, &config.file) {
            (Some(pem), None) => pem.clone().into_bytes(),
            (None, Some(file)) => {
                std::fs::read(file).map_err(|source| AuthConfigError::KeyFile {
                    index,
                    path: file.display().to_string(),
                    source,
                })?
            }
            _ => return Err(AuthConfigError::KeySource { index }),
        };
        let (algorithm, key) = DecodingKey::from_rsa_pem(&pem)
            .map(|key| (Algorithm::RS256, key))
            .or_else(|_| DecodingKey::from_ec_pem(&pem).map(|key| (Algorithm::ES256, key)))
            .map_err(|_| AuthConfigError::KeyFormat { index })?;
        Ok(Self {
            kid: config.kid.clone(),
            algorithm,
            key,
        })
    }

    /// `None` for keys we cannot use: encryption keys, secrets, other curves and algorithms.
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if !matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        ) {
            return None;
        }
        let algorithm = match (&jwk.algorithm, jwk.common.key_algorithm) {
            (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Algorithm::RS256,
            (AlgorithmParameters::EllipticCurve(ec), None | Some(KeyAlgorithm::ES256))
                if ec.curve == EllipticCurve::P256 =>
            {
                Algorithm::ES256
            }
            _ => return None,
        };
        Some(Self {
            kid: jwk.common.key_id.clone(),
            algorithm,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }

    /// Whether this key may have signed a token with this header.
    pub(super) fn fits(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        self.algorithm == algorithm
            && match (&self.kid, kid) {
                (Some(own), Some(wanted)) => own == wanted,
                _ => true,
            }
    }
}

/// The usable keys of a JSON Web Key Set. Keys of unknown types are skipped.
pub(super) fn parse_jwks(json: &[u8]) -> Result<Vec<VerificationKey>, serde_json::Error> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<Value>,
    }
    let set: KeySet = serde_json::from_slice(json)?;
    Ok(set
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
        .filter_map(|jwk| VerificationKey::from_jwk(&jwk))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signing_keys_of_accepted_algorithms_are_taken_from_a_set() {
        let point = r#""x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
        let set = format!(
            r#"{{"keys":[
                {{"kty":"EC","kid":"good","crv":"P-256",{point}}},
                {{"kty":"EC","kid":"encrypts","use":"enc","crv":"P-256",{point}}},
                {{"kty":"EC","kid":"other curve","crv":"secp256k1",{point}}},
                {{"kty":"oct","kid":"a secret","k":"c2VjcmV0"}},
                {{"kty":"RSA","kid":"other hash","alg":"RS512","n":"AQAB","e":"AQAB"}}
            ]}}"#
        );
        let keys = parse_jwks(set.as_bytes()).expect("a key set");
        let kids: Vec<_> = keys.iter().map(|key| key.kid.as_deref()).collect();
        assert_eq!(kids, [Some("good")]);
    }

    #[test]
    fn a_key_fits_by_algorithm_and_by_kid_where_both_have_one() {
        let key = VerificationKey {
            kid: Some("a".to_owned()),
            ..VerificationKey::secret(b"secret").unwrap()
        };
        assert!(key.fits(Some("a"), Algorithm::HS256));
        assert!(key.fits(None, Algorithm::HS256));
        assert!(!key.fits(Some("b"), Algorithm::HS256));
        assert!(!key.fits(Some("a"), Algorithm::RS256));
        assert!(
            VerificationKey::secret(b"secret")
                .unwrap()
                .fits(Some("b"), Algorithm::HS256)
        );
    }
}
