//! Signatures in each provider's format.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::provider::Provider;

/// The name and value of the header that signs this body.
pub(super) fn sign(
    provider: Provider,
    secret: &str,
    now: DateTime<Utc>,
    body: &[u8],
) -> (&'static str, String) {
    match provider {
        Provider::Stripe => {
            let timestamp = now.timestamp().to_string();
            let signature = hmac(secret, &[timestamp.as_bytes(), b".", body]);
            ("stripe-signature", format!("t={timestamp},v1={signature}"))
        }
        // The carriers' own schemes need keys and contracts that a simulator lacks, so these sign like EasyPost.
        _ => {
            let signature = hmac(secret, &[body]);
            ("x-hmac-signature", format!("hmac-sha256-hex={signature}"))
        }
    }
}

/// HMAC-SHA256 of the concatenated parts, in hexadecimal.
fn hmac(secret: &str, parts: &[&[u8]]) -> String {
    // HMAC accepts keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    for part in parts {
        mac.update(part);
    }
    let digest = mac.finalize().into_bytes();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_standards() {
        // RFC 4231, test case 2.
        assert_eq!(
            hmac("Jefe", &[b"what do ya want ", b"for nothing?"]),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn stripe_signs_the_time_with_the_body() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let (name, value) = sign(Provider::Stripe, "whsec_test", now, b"{}");
        let expected = hmac("whsec_test", &[b"1700000000.{}"]);
        assert_eq!(
            (name, value),
            ("stripe-signature", format!("t=1700000000,v1={expected}"))
        );
    }
}
