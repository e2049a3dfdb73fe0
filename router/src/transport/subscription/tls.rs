//! TLS of WebSockets: the cryptography and the roots that the HTTP client has.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_tungstenite::Connector;

/// Reads the platform's roots; where that is a file, `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
pub(super) fn connector() -> Result<Connector, rustls::Error> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    // Not HTTP/2, which the HTTP client's own would offer: the upgrade is one of HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Connector::Rustls(Arc::new(config)))
}
