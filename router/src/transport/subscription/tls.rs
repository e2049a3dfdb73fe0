//! TLS for WebSockets, with the HTTP client's cryptography and root certificates.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_tungstenite::Connector;

/// TLS for WebSockets as for HTTP: the platform's roots; where those are files, `SSL_CERT_FILE` and `SSL_CERT_DIR`
/// override them.
pub fn connector() -> Result<Connector, rustls::Error> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    // Without HTTP/2, which the HTTP client would offer: the upgrade is an HTTP/1.1 request.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Connector::Rustls(Arc::new(config)))
}
