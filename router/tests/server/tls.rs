//! Subscriptions to a subgraph behind TLS.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use futures::StreamExt;
use platform::caller::CallerKey;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use router::{GraphQLRequest, HttpTransport, HttpTransportOptions, RequestContext};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::kit::router;
use crate::remote::{KEY, Remote};

/// Passes the subgraph's URL to the subscribing process.
const URL: &str = "WSS_SUBGRAPH";

/// Trusted roots are process-wide, so each case runs this test again in another process.
#[tokio::test]
async fn a_subgraph_is_watched_by_wss_if_its_certificate_is_trusted() {
    if let Ok(url) = std::env::var(URL) {
        println!("{}", first_event(url).await);
        return;
    }
    let remote = Remote::websocket().await;
    let certified = certificate();
    let address = serve(&certified, remote.address()).await;
    let url = format!("wss://localhost:{}/graphql", address.port());

    let event = watch(&url, &certified).await;
    assert!(event.contains("\"sequence\":0"), "{event}");
    assert_eq!(remote.connected(), 1);

    let event = watch(&url, &certificate()).await;
    assert!(event.contains("SUBGRAPH_UNAVAILABLE"), "{event}");
    assert_eq!(remote.connected(), 1, "only the trusting process connects");
}

async fn first_event(url: String) -> Value {
    let mut options = HttpTransportOptions {
        caller_key: Some(CallerKey::new(KEY).unwrap()),
        ..HttpTransportOptions::default()
    };
    options.subscriptions.url = Some(url);
    let transport = HttpTransport::new("small", "https://localhost/graphql", options).unwrap();
    let request = GraphQLRequest::new("subscription { feed(label: \"a\") { sequence } }");
    let router = router(Arc::new(transport));
    let answer = match router.subscribe(request, RequestContext::default()).await {
        Ok(mut events) => events.next().await.expect("an event"),
        Err(refused) => Arc::new(refused),
    };
    serde_json::from_slice(&answer.to_bytes()).unwrap()
}

/// Output of a process that trusts only this certificate.
async fn watch(url: &str, trusted: &CertifiedKey<rcgen::KeyPair>) -> String {
    let mut roots = tempfile::NamedTempFile::new().unwrap();
    roots.write_all(trusted.cert.pem().as_bytes()).unwrap();
    let test = "tls::a_subgraph_is_watched_by_wss_if_its_certificate_is_trusted";
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("SSL_CERT_FILE", roots.path())
        .env(URL, url)
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Terminates TLS in front of another server.
async fn serve(certified: &CertifiedKey<rcgen::KeyPair>, to: String) -> std::net::SocketAddr {
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certified.cert.der().clone()],
            PrivateKeyDer::Pkcs8(key),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate disconnects here.
                let mut outside = acceptor.accept(socket).await?;
                let mut inside = TcpStream::connect(to).await?;
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}
