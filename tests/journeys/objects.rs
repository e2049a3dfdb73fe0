//! `vantage objects setup` with a store that implements every setting, which `tests/objects/run.sh` starts; and `/readyz` with
//! one that refuses.

use std::process::Stdio;

use axum::Router;
use axum::http::StatusCode;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::kit::{Process, vantage};
use crate::wait::until_it;

const BUCKET: &str = "vantage";
const REFUSAL: &str =
    "<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key.</Message></Error>";

/// The exit code and what was printed.
async fn set_up(data: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let store = std::env::var("VANTAGE_TEST_S3_URL").unwrap();
    let output = vantage(data.path())
        .args(["objects", "setup"])
        .args(arguments)
        .env("VANTAGE_OBJECTS__S3__BUCKET", BUCKET)
        .env("VANTAGE_OBJECTS__S3__REGION", "eu-central-1")
        .env("VANTAGE_OBJECTS__S3__ENDPOINT", store)
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIexample")
        .stderr(Stdio::piped())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[tokio::test]
#[ignore = "needs a store: run tests/objects/run.sh"]
async fn a_bucket_is_set_up_once_and_a_changed_setting_is_found() {
    let data = TempDir::new().unwrap();
    let (code, _, errors) = set_up(&data, &["--check"]).await;
    assert_eq!(code, 2);
    assert!(
        errors.contains("vantage objects setup --create"),
        "{errors}"
    );
    let (code, output, errors) = set_up(&data, &["--create"]).await;
    assert_eq!(code, 0, "{output} {errors}");
    for line in [
        "bucket \"vantage\": created",
        "encryption: changed",
        "+ Rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm = AES256",
        "+ Rule(vantage-return-labels).Expiration.Days = 90",
        "versioning: as it should be",
        "policy: not set",
    ] {
        assert!(
            output.lines().any(|printed| printed == line),
            "{line}: {output}"
        );
    }
    assert!(errors.contains("it would refuse plain HTTP"), "{errors}");
    for arguments in [&["--check"][..], &[], &["--dry-run"]] {
        let (code, output, _) = set_up(&data, arguments).await;
        assert_eq!(code, 0, "{output}");
        let differs = output.lines().any(|line| line.starts_with(['-', '+']));
        assert!(!differs, "{output}");
    }

    // The store of this test checks no signature.
    let store = std::env::var("VANTAGE_TEST_S3_URL").unwrap();
    let changed = reqwest::Client::new()
        .put(format!("{store}/{BUCKET}?versioning="))
        .header("content-type", "application/xml")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20260601/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=b",
        )
        .body("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 200);
    let (code, output, _) = set_up(&data, &["--check"]).await;
    assert_eq!(code, 1, "{output}");
    assert!(
        output.contains("versioning: differs\n- Status = Enabled\n"),
        "{output}"
    );
    let (code, output, _) = set_up(&data, &[]).await;
    assert_eq!(code, 0, "{output}");
    let (code, output, _) = set_up(&data, &["--check"]).await;
    assert_eq!(code, 0, "{output}");
}

#[tokio::test]
async fn without_a_bucket_there_is_nothing_to_set_up() {
    let data = TempDir::new().unwrap();
    let output = vantage(data.path())
        .args(["objects", "setup", "--check"])
        .stderr(Stdio::piped())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("objects.s3 is not set"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_is_reported_with_its_reason() {
    let refusing = Router::new().fallback(|| async { (StatusCode::FORBIDDEN, REFUSAL) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, refusing).await.unwrap() });
    let data = TempDir::new().unwrap();
    let mut command = vantage(data.path());
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("VANTAGE_DEMO__ORDERS", "20")
        .env("VANTAGE_OBJECTS__S3__BUCKET", BUCKET)
        .env("VANTAGE_OBJECTS__S3__ENDPOINT", store)
        .env("VANTAGE_OBJECTS__S3__ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("VANTAGE_OBJECTS__S3__SECRET_ACCESS_KEY", "a wrong secret")
        .stderr(Stdio::null());
    let mut process = Process::start(command).await;
    let base = process.base.clone();
    let get = async |path: &str| {
        let answer = reqwest::get(format!("{base}/{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = until_it(
        async || get("readyz").await,
        |(_, text)| text.contains("object store: "),
    )
    .await;
    assert_eq!(status, 200, "it serves everything else");
    assert!(
        text.contains("It said: SignatureDoesNotMatch: Check your key."),
        "{text}"
    );
    assert!(!text.contains("a wrong secret"), "{text}");
    let (_, metrics) = get("metrics").await;
    assert!(metrics.contains("vantage_object_store_up 0"), "{metrics}");
    assert_eq!(process.stop().await.code(), Some(0));
}
