//! Encryption, certificates and credentials, against a server with TLS.

use lettre::transport::smtp::client::{Certificate, CertificateStore};
use rcgen::{CertifiedKey, KeyPair};

use super::answers::email;
use super::server::{Offers, Server, certificate};
use super::*;

/// A client that trusts this certificate and expects the server at `host`.
fn client(
    server: &Server,
    encryption: Encryption,
    trusted: &CertifiedKey<KeyPair>,
    host: &str,
) -> Smtp {
    let url = format!("smtp://user:p%40ss@{}", server.address);
    let trusted = Certificate::from_der(trusted.cert.der().to_vec()).unwrap();
    let tls = TlsParameters::builder(host.to_owned())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(trusted);
    let from = "Shop <orders@shop.example>";
    Smtp::connect(
        &url.parse().unwrap(),
        encryption,
        tls,
        from,
        Clock::system(),
    )
    .unwrap()
}

const ENCRYPTED: [(Offers, Encryption); 3] = [
    (Offers::StartTls, Encryption::IfOffered),
    (Offers::StartTls, Encryption::Required),
    (Offers::Tls, Encryption::FromStart),
];

#[tokio::test]
async fn emails_are_sent_encrypted_over_connections_that_are_kept() {
    let certified = certificate(&["mail.example"]);
    for (offers, encryption) in ENCRYPTED {
        let server = Server::start(offers, &certified).await;
        let smtp = client(&server, encryption, &certified, "mail.example");
        for id in ["ntf_1", "ntf_2", "ntf_3", "ntf_4"] {
            smtp.send(&email("ada@example.com", id)).await.unwrap();
        }
        let mails = server.mails();
        assert_eq!(mails.len(), 4, "{encryption:?}");
        assert_eq!(mails[0].to, ["ada@example.com"]);
        assert_eq!(mails[0].from, "orders@shop.example");
        // A connection is kept a moment after it was used, so the second email may need another one.
        assert!(server.connections() <= 2, "{encryption:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_gets_no_email_and_no_password() {
    let certified = certificate(&["mail.example"]);
    let stranger = certificate(&["mail.example"]);
    for (offers, encryption) in ENCRYPTED {
        let server = Server::start(offers, &certified).await;
        for (trusted, host) in [(&stranger, "mail.example"), (&certified, "other.example")] {
            let smtp = client(&server, encryption, trusted, host);
            let error = smtp.send(&email("ada@example.com", "ntf_1")).await;
            let Err(SmtpError::Unavailable { reason, in_doubt }) = error else {
                panic!("{encryption:?}: {error:?}");
            };
            assert!(!in_doubt, "{reason}");
            assert!(reason.contains("certificate"), "{reason}");
        }
        assert!(server.mails().is_empty(), "{encryption:?}");
    }
}

#[tokio::test]
async fn a_password_is_never_sent_in_the_clear() {
    let certified = certificate(&["mail.example"]);
    let server = Server::start(Offers::Nothing, &certified).await;
    let smtp = client(&server, Encryption::Required, &certified, "mail.example");
    let error = smtp.send(&email("ada@example.com", "ntf_1")).await;
    let Err(SmtpError::Deferred(reason)) = error else {
        panic!("{error:?}");
    };
    assert!(reason.contains("STARTTLS is not supported"), "{reason}");
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn refused_credentials_are_not_the_emails_fault_and_are_not_shown() {
    let certified = certificate(&["mail.example"]);
    for (code, text) in [
        (535, "5.7.8 Authentication credentials invalid"),
        (534, "5.7.9 Application-specific password required"),
        (454, "4.7.0 Temporary authentication failure"),
    ] {
        let server = Server::start(Offers::Tls, &certified).await;
        server.refuse_credentials(code, text);
        let smtp = client(&server, Encryption::FromStart, &certified, "mail.example");
        let error = smtp.send(&email("ada@example.com", "ntf_1")).await;
        let Err(SmtpError::Unavailable { reason, in_doubt }) = error else {
            panic!("{code}: {error:?}");
        };
        assert!(!in_doubt, "{reason}");
        assert!(reason.contains(&code.to_string()), "{reason}");
        assert!(!reason.contains("p@ss"), "{reason}");
    }
}
