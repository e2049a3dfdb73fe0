//! Signatures of our webhooks, in the format of Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use secrecy::{ExposeSecret, SecretSlice};

use crate::config::Secret;
use crate::http::hmac_sha256;

/// The prefix of a secret, by which receivers and secret scanners recognize it.
const PREFIX: &str = "whsec_";

/// What partners' secrets are derived from, so that none of them is stored.
#[derive(Clone)]
pub struct SigningKey(Secret);

impl SigningKey {
    pub const fn new(key: Secret) -> Self {
        Self(key)
    }

    /// The secret of a client's webhook under this id. Ids are random, so that a removed secret never comes back.
    pub fn secret(&self, client: &str, webhook: &str, id: &str) -> SigningSecret {
        let parts: [&[u8]; 6] = [
            b"webhook secret\0",
            client.as_bytes(),
            b"\0",
            webhook.as_bytes(),
            b"\0",
            id.as_bytes(),
        ];
        let derived = hmac_sha256(self.0.expose().as_bytes(), &parts);
        SigningSecret(SecretSlice::from(derived.finalize().into_bytes().to_vec()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A secret that a receiver verifies webhooks with.
#[derive(Clone, Debug)]
pub struct SigningSecret(SecretSlice<u8>);

impl SigningSecret {
    /// As receivers configure it: `whsec_` and base64. To be shown once.
    pub fn expose(&self) -> Secret {
        Secret::new(format!(
            "{PREFIX}{}",
            STANDARD.encode(self.0.expose_secret())
        ))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let timestamp = timestamp.to_string();
        let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let signature = hmac_sha256(self.0.expose_secret(), &parts);
        format!("v1,{}", STANDARD.encode(signature.finalize().into_bytes()))
    }
}

/// The header `webhook-signature`: one signature for each secret, so that a receiver can verify with any of them while
/// a secret is replaced.
pub fn signature_header(
    secrets: &[SigningSecret],
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let signatures = secrets
        .iter()
        .map(|secret| secret.sign(id, timestamp, body));
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(base64: &str) -> SigningSecret {
        SigningSecret(SecretSlice::from(STANDARD.decode(base64).unwrap()))
    }

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The test vector of the official libraries.
        let secrets = [secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
        let (id, timestamp) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let body = br#"{"test": 2432232314}"#;
        let header = signature_header(&secrets, id, timestamp, body);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = [secrets[0].clone(), secret("c2Vjb25kIHNlY3JldA==")];
        let headers = signature_header(&both, id, timestamp, body);
        let (first, second) = headers.split_once(' ').unwrap();
        assert_eq!(first, header);
        assert_ne!(second, header);
    }

    #[test]
    fn a_secret_depends_on_everything_it_is_for_and_is_not_shown() {
        let key = SigningKey::new(Secret::new("a key that is long enough to sign"));
        let shown = |client, webhook, id| key.secret(client, webhook, id).expose();
        let secret = shown("acme", "wh_1", "s1");
        assert_eq!(secret.expose(), shown("acme", "wh_1", "s1").expose());
        let bytes = secret.expose().strip_prefix(PREFIX).unwrap();
        assert_eq!(STANDARD.decode(bytes).unwrap().len(), 32);
        for other in [
            shown("acm", "ewh_1", "s1"),
            shown("acme", "wh_2", "s1"),
            shown("acme", "wh_1", "s2"),
        ] {
            assert_ne!(secret.expose(), other.expose());
        }
        let derived = key.secret("acme", "wh_1", "s1");
        for text in [format!("{key:?}"), format!("{derived:?}")] {
            assert!(
                !text.contains("long enough") && !text.contains(bytes),
                "{text}"
            );
        }
    }
}
