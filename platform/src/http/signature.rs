//! Webhook signatures: HMACs of the raw body in the providers' notations.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Secret;

/// Whether `hex` is the HMAC-SHA256 of the concatenated parts. Runs in constant time for any text of the right length.
pub fn is_hmac_sha256(secret: &Secret, parts: &[&[u8]], hex: &str) -> bool {
    let mac = hmac_sha256(secret.expose().as_bytes(), parts);
    decode(hex).is_some_and(|signature| mac.verify_slice(&signature).is_ok())
}

/// The HMAC-SHA256 of the concatenated parts.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC accepts keys of any length"),
    };
    for part in parts {
        mac.update(part);
    }
    mac
}

/// Whether a header signs this raw body, written `hmac-sha256-hex=…` as in EasyPost's `X-Hmac-Signature`.
pub fn is_body_signature(secret: &Secret, header: &str, body: &[u8]) -> bool {
    header
        .trim()
        .strip_prefix("hmac-sha256-hex=")
        .is_some_and(|hex| is_hmac_sha256(secret, &[body], hex))
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    hex.as_bytes()
        .chunks(2)
        .map(|pair| {
            let [high, low] = [pair[0], pair[1]].map(|byte| char::from(byte).to_digit(16));
            u8::try_from(high? * 16 + low?).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hash_of_the_secret_and_the_parts_is_one() {
        // RFC 4231, test case 2.
        let hash = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let check = |secret: &str, parts: &[&[u8]], hex: &str| {
            is_hmac_sha256(&Secret::new(secret), parts, hex)
        };
        assert!(check("Jefe", &[b"what do ya want ", b"for nothing?"], hash));
        assert!(!check("jefe", &[b"what do ya want for nothing?"], hash));
        assert!(!check("Jefe", &[b"what do ya want for nothing!"], hash));
        for cut in ["", "5", "5b", &hash[..62], &"é".repeat(32)] {
            assert!(!check("Jefe", &[b"what do ya want for nothing?"], cut));
        }
    }

    #[test]
    fn only_a_signed_body_has_a_signature() {
        let secret = Secret::new("Jefe");
        let body = b"what do ya want for nothing?";
        // RFC 4231, test case 2.
        let header =
            "hmac-sha256-hex=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(is_body_signature(&secret, header, body));
        assert!(!is_body_signature(
            &secret,
            header,
            b"what do ya want for something?"
        ));
        assert!(!is_body_signature(&Secret::new("other"), header, body));
        assert!(!is_body_signature(&secret, &header[16..], body));
        assert!(!is_body_signature(&secret, "", body));
    }
}
