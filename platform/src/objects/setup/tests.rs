//! Settings of a bucket in a store that implements them, or only some of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::config::Secret;

const RETENTIONS: [Retention; 1] = [Retention {
    folder: "labels",
    days: 90,
}];

/// A store with one bucket.
#[derive(Clone, Default)]
struct Store {
    exists: Arc<Mutex<bool>>,
    /// Documents by subresource.
    settings: Arc<Mutex<BTreeMap<String, String>>>,
    writes: Arc<Mutex<Vec<String>>>,
    unsupported: Arc<Mutex<Vec<&'static str>>>,
    /// What it drops from documents.
    dropped: Arc<Mutex<&'static str>>,
    /// What it answers to everything.
    refusal: Arc<Mutex<Option<(StatusCode, &'static str)>>>,
}

async fn answer(State(store): State<Store>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    assert!(parts.headers.contains_key("authorization"));
    assert_eq!(parts.uri.path(), "/vantage");
    if let Some(refusal) = *store.refusal.lock() {
        return refusal.into_response();
    }
    let Some(query) = parts.uri.query() else {
        let mut exists = store.exists.lock();
        return match parts.method {
            Method::HEAD if *exists => StatusCode::OK.into_response(),
            Method::HEAD => StatusCode::NOT_FOUND.into_response(),
            Method::PUT => {
                *exists = true;
                let body = String::from_utf8(body.to_vec()).unwrap();
                store.writes.lock().push(format!("bucket {body}"));
                StatusCode::OK.into_response()
            }
            other => panic!("{other}"),
        };
    };
    let name = query.trim_end_matches('=').to_owned();
    let error = |status, code: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        (status, body).into_response()
    };
    if store.unsupported.lock().contains(&name.as_str()) {
        return error(StatusCode::NOT_IMPLEMENTED, "NotImplemented");
    }
    match parts.method {
        Method::GET => match store.settings.lock().get(&name) {
            Some(document) => document.clone().into_response(),
            None if name == "versioning" => "<VersioningConfiguration/>".into_response(),
            None => error(StatusCode::NOT_FOUND, "NoSuchSetting"),
        },
        Method::PUT => {
            let digest = STANDARD.encode(Md5::digest(&body));
            assert_eq!(parts.headers["content-md5"].to_str().unwrap(), digest);
            let dropped = *store.dropped.lock();
            let mut body = String::from_utf8(body.to_vec()).unwrap();
            if !dropped.is_empty() {
                body = body.replace(dropped, "");
            }
            store.settings.lock().insert(name.clone(), body);
            store.writes.lock().push(name);
            StatusCode::OK.into_response()
        }
        other => panic!("{other}"),
    }
}

async fn config(store: &Store) -> S3Config {
    let app = Router::new().fallback(answer).with_state(store.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    S3Config {
        bucket: "vantage".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(url.parse::<Url>().unwrap().into()),
        kms_key: None,
        access_key_id: Some("AKIDEXAMPLE".to_owned()),
        secret_access_key: Some(Secret::new("wJalrXUtnFEMI")),
    }
}

/// A setup of a bucket that exists, as if it were reached by https.
fn setup(config: &S3Config) -> BucketSetup {
    let setup = BucketSetup::new(config, &RETENTIONS, &Clock::system()).unwrap();
    BucketSetup {
        is_plain_http: false,
        ..setup
    }
}

async fn check_all(setup: &BucketSetup) -> Vec<SettingState> {
    let mut states = Vec::new();
    for setting in Setting::ALL {
        states.push(setup.check(setting).await.unwrap());
    }
    states
}

async fn apply_all(setup: &BucketSetup) {
    for setting in Setting::ALL {
        let state = setup.apply(setting).await.unwrap();
        assert_eq!(state, SettingState::Same, "{}", setting.name());
    }
}

fn excess(line: &str) -> Difference {
    Difference::Excess(line.to_owned())
}

fn missing(line: &str) -> Difference {
    Difference::Missing(line.to_owned())
}

#[tokio::test]
async fn a_new_bucket_gets_every_setting_once() {
    let store = Store::default();
    let setup = setup(&config(&store).await);
    assert!(!setup.exists().await.unwrap());
    setup.create().await.unwrap();
    assert!(setup.exists().await.unwrap());
    let created = store.writes.lock().pop().unwrap();
    assert!(
        created.contains("<LocationConstraint>eu-central-1</LocationConstraint>"),
        "{created}"
    );
    let encryption = setup.check(Setting::Encryption).await.unwrap();
    let line = "Rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm = AES256";
    assert_eq!(encryption, SettingState::Different(vec![missing(line)]));
    let lifecycle = setup.check(Setting::Lifecycle).await.unwrap();
    let rule = "Rule(vantage-labels)";
    let lines = [
        "AbortIncompleteMultipartUpload.DaysAfterInitiation = 1",
        "Expiration.Days = 90",
        "Filter.Prefix = labels/",
        "NoncurrentVersionExpiration.NoncurrentDays = 1",
        "Status = Enabled",
    ];
    let lines = lines.map(|line| missing(&format!("{rule}.{line}")));
    assert_eq!(lifecycle, SettingState::Different(lines.into()));

    apply_all(&setup).await;
    let writes = store.writes.lock().clone();
    assert_eq!(
        writes,
        [
            "publicAccessBlock",
            "encryption",
            "policy",
            "versioning",
            "lifecycle"
        ]
    );
    let states = check_all(&setup).await;
    assert!(
        states.iter().all(|state| *state == SettingState::Same),
        "{states:?}"
    );
    assert_eq!(*store.writes.lock(), writes, "a check writes nothing");
    let before = store.settings.lock().clone();
    apply_all(&setup).await;
    assert_eq!(*store.settings.lock(), before);
}

#[tokio::test]
async fn a_changed_setting_is_shown_line_by_line() {
    let store = Store::default();
    let setup = setup(&config(&store).await);
    apply_all(&setup).await;
    let change = |name: &str, from: &str, to: &str| {
        let mut settings = store.settings.lock();
        let document = settings.get_mut(name).unwrap();
        assert!(document.contains(from), "{document}");
        *document = document.replace(from, to);
    };
    change("lifecycle", "<Days>90</Days>", "<Days>30</Days>");
    assert_eq!(
        setup.check(Setting::Lifecycle).await.unwrap(),
        SettingState::Different(vec![
            excess("Rule(vantage-labels).Expiration.Days = 30"),
            missing("Rule(vantage-labels).Expiration.Days = 90"),
        ])
    );
    change("versioning", "Suspended", "Enabled");
    assert_eq!(
        setup.check(Setting::Versioning).await.unwrap(),
        SettingState::Different(vec![excess("Status = Enabled")])
    );
    change("policy", "\"Deny\"", "\"Allow\"");
    let SettingState::Different(lines) = setup.check(Setting::Policy).await.unwrap() else {
        panic!("the policy allows what it should refuse");
    };
    assert!(
        lines.contains(&missing("VantageRefusePlainHttp.Effect = Deny")),
        "{lines:?}"
    );
    change("publicAccessBlock", "true", "false");
    assert_ne!(
        setup.check(Setting::PublicAccess).await.unwrap(),
        SettingState::Same
    );
    apply_all(&setup).await;
}

#[tokio::test]
async fn what_others_have_set_stays() {
    let store = Store::default();
    let setup = setup(&config(&store).await);
    let archive = "<Rule><ID>archive</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>\
                   <Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>";
    let blocked =
        "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>";
    let readers = json!({"Sid": "Readers", "Effect": "Allow", "Action": "s3:GetObject"});
    let stale = json!({"Sid": "VantageRefuseNothing", "Effect": "Deny"});
    let policy = json!({"Version": "2012-10-17", "Id": "shop", "Statement": [readers, stale]});
    for (name, document) in [
        (
            "lifecycle",
            format!("<LifecycleConfiguration>{archive}</LifecycleConfiguration>"),
        ),
        (
            "encryption",
            format!(
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
                 <SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>\
                 <BucketKeyEnabled>false</BucketKeyEnabled>{blocked}</Rule></ServerSideEncryptionConfiguration>"
            ),
        ),
        ("policy", policy.to_string()),
    ] {
        store.settings.lock().insert(name.to_owned(), document);
    }
    let encryption = setup.check(Setting::Encryption).await.unwrap();
    assert_eq!(encryption, SettingState::Same);
    apply_all(&setup).await;
    let settings = store.settings.lock().clone();
    assert!(settings["lifecycle"].contains(archive), "{settings:?}");
    assert!(settings["lifecycle"].contains("vantage-labels"));
    assert!(settings["encryption"].contains(blocked), "{settings:?}");
    let policy: Value = serde_json::from_str(&settings["policy"]).unwrap();
    assert_eq!(policy["Id"], "shop");
    assert_eq!(policy["Statement"][0], readers);
    assert!(!settings["policy"].contains("VantageRefuseNothing"));
}

#[tokio::test]
async fn what_a_store_lacks_is_reported() {
    let store = Store::default();
    let setup = setup(&config(&store).await);
    *store.unsupported.lock() = vec!["encryption", "publicAccessBlock", "versioning"];
    for setting in [Setting::Encryption, Setting::PublicAccess] {
        let state = setup.check(setting).await.unwrap();
        assert_eq!(state, SettingState::Unsupported);
        let state = setup.apply(setting).await.unwrap();
        assert_eq!(state, SettingState::Unsupported);
    }
    let versioning = setup.check(Setting::Versioning).await.unwrap();
    assert_eq!(versioning, SettingState::Same, "it has no versions");
    // It accepts the rule, and does not implement a part of it.
    *store.dropped.lock() = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
                             </AbortIncompleteMultipartUpload>";
    let line = "Rule(vantage-labels).AbortIncompleteMultipartUpload.DaysAfterInitiation = 1";
    let state = setup.apply(Setting::Lifecycle).await.unwrap();
    assert_eq!(state, SettingState::Different(vec![missing(line)]));
}

#[tokio::test]
async fn a_refusal_says_what_was_refused() {
    let store = Store::default();
    let setup = setup(&config(&store).await);
    let error = async |status: u16, body: &'static str| {
        *store.refusal.lock() = Some((StatusCode::from_u16(status).unwrap(), body));
        setup
            .check(Setting::Lifecycle)
            .await
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(
            403,
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        )
        .await,
        "the store refused to show lifecycle: AccessDenied: Access Denied"
    );
    assert_eq!(
        error(404, "<Error><Code>NoSuchBucket</Code></Error>").await,
        "there is no bucket \"vantage\""
    );
    assert_eq!(
        error(301, "").await,
        "the bucket is in another region than the configured one"
    );
    assert_eq!(
        error(200, "hello").await,
        "the store's answer about lifecycle is not what S3 documents"
    );
    // Another server.
    let other = error(404, "<html></html>").await;
    assert!(other.contains("refused with 404"), "{other}");
    *store.refusal.lock() = Some((StatusCode::FORBIDDEN, ""));
    let error = setup.exists().await.unwrap_err().to_string();
    assert!(error.contains("check the keys"), "{error}");
}

#[tokio::test]
async fn a_key_of_kms_is_the_only_one_that_is_accepted() {
    let store = Store::default();
    let key = "arn:aws:kms:eu-central-1:123456789012:key/1";
    let config = S3Config {
        kms_key: Some(key.to_owned()),
        ..config(&store).await
    };
    let setup = setup(&config);
    apply_all(&setup).await;
    let settings = store.settings.lock().clone();
    let encryption = &settings["encryption"];
    assert!(encryption.contains(&format!("<KMSMasterKeyID>{key}</KMSMasterKeyID>")));
    assert!(encryption.contains("<BucketKeyEnabled>true</BucketKeyEnabled>"));
    let policy: Value = serde_json::from_str(&settings["policy"]).unwrap();
    let header = "s3:x-amz-server-side-encryption-aws-kms-key-id";
    assert_eq!(
        policy["Statement"][3],
        json!({
            "Sid": "VantageRefuseOtherKey",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::vantage/*",
            "Condition": {"StringNotEquals": {header: key}, "Null": {header: "false"}},
        })
    );
}

#[tokio::test]
async fn a_policy_that_would_refuse_ourselves_is_not_applied() {
    let store = Store::default();
    let config = config(&store).await;
    let setup = BucketSetup::new(&config, &RETENTIONS, &Clock::system()).unwrap();
    for state in [
        setup.check(Setting::Policy).await.unwrap(),
        setup.apply(Setting::Policy).await.unwrap(),
    ] {
        assert!(matches!(state, SettingState::Unsuitable(_)), "{state:?}");
    }
    assert_eq!(*store.writes.lock(), [] as [String; 0]);
}
