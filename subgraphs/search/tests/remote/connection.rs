//! TLS, authentication, and clusters that are not there. These need no node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use platform::clock::Clock;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use search::engine::remote::{Dialect, Remote, RemoteConfig};
use search::engine::{EngineError, SearchEngine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::kit::{clock, query};
use crate::node::config;

const DIALECTS: [Dialect; 2] = [Dialect::OpenSearch, Dialect::Elasticsearch];

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// A cluster without indexes behind TLS, for one user.
async fn secured(certified: &CertifiedKey<rcgen::KeyPair>) -> u16 {
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut connection) = acceptor.accept(connection).await else {
                    return;
                };
                let mut request = vec![0; 4096];
                let length = connection.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
                // user:p@ss
                let allowed = request.contains("authorization: basic dxnlcjpwqhnz");
                let (status, body) = match allowed {
                    true => ("404 Not Found", r#"{"error":"alias missing","status":404}"#),
                    false => (
                        "401 Unauthorized",
                        r#"{"error":{"type":"security_exception","reason":"who are you"}}"#,
                    ),
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = connection.write_all(answer.as_bytes()).await;
                let _ = connection.shutdown().await;
            });
        }
    });
    port
}

fn engine(dialect: Dialect, url: &str, ca: Option<String>) -> Remote {
    let config = RemoteConfig {
        ca: ca.map(String::into_bytes),
        ..config(dialect, url.parse().unwrap(), "test")
    };
    Remote::new(config, clock()).unwrap()
}

#[tokio::test]
async fn a_cluster_behind_tls_is_trusted_by_its_authority_and_knows_the_user() {
    let certified = certificate();
    let port = secured(&certified).await;
    let ca = || Some(certified.cert.pem());
    for dialect in DIALECTS {
        let url = format!("https://user:p%40ss@localhost:{port}");
        let status = engine(dialect, &url, ca()).status().await.unwrap();
        assert_eq!((status.engine, status.products), (dialect.name(), None));

        let stranger = format!("https://user:wrong@localhost:{port}");
        let refused = engine(dialect, &stranger, ca()).status().await;
        assert!(
            matches!(refused, Err(EngineError::Refused { status: 401, .. })),
            "{refused:?}"
        );

        for untrusted in [None, Some(certificate().cert.pem())] {
            let refused = engine(dialect, &url, untrusted).status().await.unwrap_err();
            assert!(matches!(refused, EngineError::Unreachable(_)), "{refused}");
            let shown = refused.to_string();
            assert!(
                !shown.contains("p@ss") && !shown.contains("p%40ss"),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_an_error_at_once_and_then_not_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    for dialect in DIALECTS {
        let engine = Remote::new(config(dialect, url.clone(), "test"), Clock::system()).unwrap();
        for _ in 0..7 {
            let started = Instant::now();
            let error = engine.search(query("kettle")).await.unwrap_err();
            assert!(matches!(error, EngineError::Unreachable(_)), "{error}");
            assert!(started.elapsed() < Duration::from_secs(1));
        }
        let error = engine.search(query("kettle")).await.unwrap_err();
        assert!(
            error.to_string().contains("did not answer before"),
            "{error}"
        );
        assert!(matches!(
            engine.status().await,
            Err(EngineError::Unreachable(_))
        ));
    }
}

#[tokio::test]
async fn a_cluster_that_hangs_is_given_up_in_time() {
    // Connections wait to be accepted.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    for dialect in DIALECTS {
        let impatient = RemoteConfig {
            timeout: Duration::from_millis(200),
            ..config(dialect, url.clone(), "test")
        };
        let engine = Remote::new(impatient, Clock::system()).unwrap();
        let started = Instant::now();
        let error = engine.search(query("kettle")).await.unwrap_err();
        assert!(matches!(error, EngineError::TimedOut), "{error}");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_a_clusters_is_an_error() {
    async fn page(_: HeaderMap) -> (StatusCode, &'static str) {
        (StatusCode::OK, "<html>Welcome</html>")
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(page);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    for dialect in DIALECTS {
        let error = engine(dialect, &url, None)
            .search(query("kettle"))
            .await
            .unwrap_err();
        assert!(matches!(error, EngineError::Unreadable(_)), "{error}");
    }
}

#[test]
fn an_unusable_address_or_certificate_is_refused_at_the_start() {
    for dialect in DIALECTS {
        let with = |url: &str, ca: Option<&str>| {
            let config = RemoteConfig {
                ca: ca.map(|ca| ca.as_bytes().to_vec()),
                ..config(dialect, url.parse().unwrap(), "test")
            };
            Remote::new(config, clock()).map(drop)
        };
        assert!(with("unix:/socket", None).is_err());
        assert!(with("https://search:9200/path", None).is_ok());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(with("https://search:9200", Some(broken)).is_err());
    }
}
