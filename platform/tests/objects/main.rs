//! Objects in a store that checks signatures, which `tests/objects/run.sh` names: versitygw, over a directory.

// The object store's futures are nested deeper than the compiler's default.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[expect(unreachable_pub, reason = "as in the library")]
#[path = "../../src/testing/ports.rs"]
mod ports;

use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use platform::clock::Clock;
use platform::config::Secret;
use platform::objects::setup::{BucketSetup, Retention, Setting, SettingState};
use platform::objects::{MAX_OBJECT_BYTES, ObjectError, ObjectKey, Objects, S3Config, S3Objects};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use url::Url;

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMIexample";
/// Longer than a start on a busy machine.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A running store.
struct Store {
    directory: TempDir,
    port: u16,
    process: Child,
}

impl Store {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = ports::free_port();
        let process = run(&directory, port).await;
        Self {
            directory,
            port,
            process,
        }
    }

    async fn stop(&mut self) {
        self.process.kill().await.unwrap();
    }

    async fn start_again(&mut self) {
        self.process = run(&self.directory, self.port).await;
    }

    fn config(&self) -> S3Config {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        S3Config {
            bucket: "vantage".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(endpoint.parse::<Url>().unwrap().into()),
            kms_key: None,
            access_key_id: Some(KEY_ID.to_owned()),
            secret_access_key: Some(Secret::new(SECRET)),
        }
    }

    /// Its bucket, which is created.
    async fn bucket(&self) -> S3Objects {
        let config = self.config();
        setup(&config).create().await.unwrap();
        S3Objects::new(&config, &Clock::system()).unwrap()
    }
}

/// Starts the store and waits until it accepts connections.
async fn run(directory: &TempDir, port: u16) -> Child {
    let program = std::env::var("VANTAGE_TEST_S3_SERVER").unwrap();
    let folders = ["objects", "metadata"].map(|name| directory.path().join(name));
    for folder in &folders {
        std::fs::create_dir_all(folder).unwrap();
    }
    let [objects, metadata] = &folders;
    let mut process = Command::new(program)
        .args(["--access", KEY_ID, "--secret", SECRET])
        .args(["--port", &format!("127.0.0.1:{port}")])
        .args(["posix", "--sidecar"])
        .args([metadata, objects])
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(started.elapsed() < LONGEST_START, "it does not start");
        assert!(process.try_wait().unwrap().is_none(), "it has ended");
        tokio::task::yield_now().await;
    }
    process
}

fn setup(config: &S3Config) -> BucketSetup {
    let retentions = [Retention {
        folder: "labels",
        days: 90,
    }];
    BucketSetup::new(config, &retentions, &Clock::system()).unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).unwrap()
}

async fn status(url: Url) -> u16 {
    reqwest::get(url).await.unwrap().status().as_u16()
}

#[tokio::test]
#[ignore = "needs a store: run tests/objects/run.sh"]
async fn objects_are_written_read_swept_and_deleted() {
    let store = Store::start().await;
    let objects = store.bucket().await;
    let label = key("labels/ret_1/label.pdf");
    assert_eq!(objects.get(&label).await.unwrap(), None);
    objects.put(&label, "first".into()).await.unwrap();
    objects.put(&label, "second".into()).await.unwrap();
    assert_eq!(objects.get(&label).await.unwrap().unwrap(), "second");
    let other = key("other/label.pdf");
    objects.put(&other, "third".into()).await.unwrap();

    let cutoff = Utc::now() + TimeDelta::hours(1);
    let past = cutoff - TimeDelta::hours(2);
    let folder = key("labels");
    assert_eq!(objects.delete_older_than(&folder, past).await.unwrap(), 0);
    assert_eq!(objects.delete_older_than(&folder, cutoff).await.unwrap(), 1);
    assert_eq!(objects.get(&label).await.unwrap(), None);
    assert_eq!(objects.get(&other).await.unwrap().unwrap(), "third");
    objects.delete(&other).await.unwrap();
    objects.delete(&other).await.unwrap();
    assert_eq!(objects.get(&other).await.unwrap(), None);

    let bytes = Bytes::from(vec![0; usize::try_from(MAX_OBJECT_BYTES).unwrap()]);
    objects.put(&other, bytes.clone()).await.unwrap();
    assert_eq!(
        objects.get(&other).await.unwrap().unwrap().len(),
        bytes.len()
    );
    let more = Bytes::from([&bytes[..], b"!"].concat());
    let error = objects.put(&label, more).await.unwrap_err();
    assert!(matches!(error, ObjectError::TooLarge { .. }), "{error}");
}

#[tokio::test]
#[ignore = "needs a store: run tests/objects/run.sh"]
async fn a_link_opens_one_object_until_it_expires() {
    let store = Store::start().await;
    let objects = store.bucket().await;
    let label = key("labels/a.pdf");
    objects.put(&label, "%PDF".into()).await.unwrap();
    objects
        .put(&key("labels/b.pdf"), "%PDF".into())
        .await
        .unwrap();
    let link = async |seconds| {
        let lifetime = Duration::from_secs(seconds);
        objects
            .direct_link(&label, lifetime)
            .await
            .unwrap()
            .unwrap()
    };
    let url = link(3600).await;
    let answer = reqwest::get(url.clone()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    assert_eq!(answer.text().await.unwrap(), "%PDF");
    let tampered = |from: &str, to: &str| -> Url {
        assert!(url.as_str().contains(from), "{url}");
        url.as_str().replace(from, to).parse().unwrap()
    };
    assert_eq!(status(tampered("a.pdf", "b.pdf")).await, 403);
    assert_eq!(status(tampered("Expires=3600", "Expires=7200")).await, 403);
    let mut anonymous = url.clone();
    anonymous.set_query(None);
    assert_eq!(status(anonymous).await, 403);

    let short = link(1).await;
    let started = Instant::now();
    while status(short.clone()).await != 403 {
        assert!(started.elapsed() < Duration::from_secs(20), "it expires");
    }
}

#[tokio::test]
#[ignore = "needs a store: run tests/objects/run.sh"]
async fn wrong_keys_are_refused_with_the_reason() {
    let store = Store::start().await;
    store.bucket().await;
    let with_keys = |id: &str, secret: &str| S3Config {
        access_key_id: Some(id.to_owned()),
        secret_access_key: Some(Secret::new(secret)),
        ..store.config()
    };
    for (id, secret, code) in [
        (KEY_ID, "another secret", "SignatureDoesNotMatch"),
        // This store's own code; Amazon says InvalidAccessKeyId.
        ("AKIDOTHER", SECRET, "XAdminUserNotFound"),
    ] {
        let config = with_keys(id, secret);
        let objects = S3Objects::new(&config, &Clock::system()).unwrap();
        let error = objects.put(&key("a.pdf"), "x".into()).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains("check the bucket, the keys"), "{error}");
        assert!(error.contains(code), "{error}");
        assert!(!error.contains(secret), "{error}");
        let error = setup(&config).create().await.unwrap_err().to_string();
        assert!(error.contains(code), "{error}");
    }

    // Of an unknown key this store says with 404 what Amazon says with 403, which reads as if nothing was there.
    let setup = setup(&with_keys(KEY_ID, "another secret"));
    let error = setup.check(Setting::Lifecycle).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("SignatureDoesNotMatch"), "{error}");
    let error = setup.exists().await.unwrap_err().to_string();
    assert!(error.contains("check the keys"), "{error}");
}

#[tokio::test]
#[ignore = "needs a store: run tests/objects/run.sh"]
async fn a_store_that_was_away_is_used_again() {
    let mut store = Store::start().await;
    let objects = store.bucket().await;
    objects.put(&key("a.pdf"), "kept".into()).await.unwrap();
    store.stop().await;
    let error = objects.put(&key("b.pdf"), "x".into()).await.unwrap_err();
    assert!(matches!(error, ObjectError::Store(_)), "{error}");
    store.start_again().await;
    objects.put(&key("b.pdf"), "y".into()).await.unwrap();
    assert_eq!(objects.get(&key("a.pdf")).await.unwrap().unwrap(), "kept");
    assert_eq!(objects.get(&key("b.pdf")).await.unwrap().unwrap(), "y");
}

#[tokio::test]
#[ignore = "needs a store: run tests/objects/run.sh"]
async fn a_bucket_is_created_once_and_what_the_store_lacks_is_reported() {
    let store = Store::start().await;
    let setup = setup(&store.config());
    assert!(!setup.exists().await.unwrap());
    setup.create().await.unwrap();
    setup.create().await.unwrap();
    assert!(setup.exists().await.unwrap());
    for setting in [
        Setting::PublicAccess,
        Setting::Encryption,
        Setting::Lifecycle,
    ] {
        let state = setup.apply(setting).await.unwrap();
        assert_eq!(state, SettingState::Unsupported, "{}", setting.name());
    }
    let versioning = setup.apply(Setting::Versioning).await.unwrap();
    assert_eq!(versioning, SettingState::Same);
}
