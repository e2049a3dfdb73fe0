//! Each setting as S3 documents it, with what others have set beside it.

use serde_json::{Value, json};

use super::{Retention, Setting};
use crate::providers::s3::NAMESPACE;
use crate::xml::Element;

/// Our rules of the lifecycle and statements of the policy begin with these.
pub(super) const RULES: &str = "vantage-";
pub(super) const STATEMENTS: &str = "Vantage";

const XML: &str = "application/xml";

/// After how many days replaced versions and unfinished uploads are deleted.
const REST: &str = "1";

/// What the documents depend on.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) kms_key: Option<String>,
    pub(super) retentions: Vec<Retention>,
}

/// A setting's document.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    Xml(Element),
    Json(Value),
}

/// A document is of another form.
#[derive(Debug)]
pub(super) struct Unreadable;

impl Content {
    pub(super) fn parse(setting: Setting, bytes: &[u8]) -> Result<Self, Unreadable> {
        match setting {
            Setting::Policy => {
                let read = serde_json::from_slice(bytes).map_err(|_| Unreadable)?;
                Ok(Self::Json(read))
            }
            _ => Ok(Self::Xml(Element::parse(bytes).map_err(|_| Unreadable)?)),
        }
    }

    /// Its media type and text.
    pub(super) fn document(&self) -> (&'static str, String) {
        match self {
            Self::Xml(element) => (XML, element.document(NAMESPACE)),
            Self::Json(value) => ("application/json", value.to_string()),
        }
    }
}

impl Documents {
    /// What a setting should be, with what is not ours in the present one.
    pub(super) fn content(&self, setting: Setting, present: Option<&Content>) -> Content {
        let (element, value) = match present {
            Some(Content::Xml(element)) => (Some(element), None),
            Some(Content::Json(value)) => (None, Some(value)),
            None => (None, None),
        };
        match setting {
            Setting::Encryption => Content::Xml(self.encryption(element)),
            Setting::PublicAccess => Content::Xml(public_access()),
            Setting::Versioning => Content::Xml(Element::of(
                "VersioningConfiguration",
                // Versions of deleted objects would be personal data that nobody knows of.
                [Element::text("Status", "Suspended")],
            )),
            Setting::Lifecycle => Content::Xml(self.lifecycle(element)),
            Setting::Policy => Content::Json(self.policy(value)),
        }
    }

    fn encryption(&self, present: Option<&Element>) -> Element {
        let mut default = vec![Element::text("SSEAlgorithm", self.algorithm())];
        let key = self.kms_key.iter();
        default.extend(key.map(|key| Element::text("KMSMasterKeyID", key)));
        let mut rule = vec![
            Element::of("ApplyServerSideEncryptionByDefault", default),
            // One key for many objects, which spares calls of KMS.
            Element::text("BucketKeyEnabled", self.kms_key.is_some().to_string()),
        ];
        let blocked = present
            .and_then(|present| present.child("Rule"))
            .and_then(|rule| rule.child("BlockedEncryptionTypes"));
        rule.extend(blocked.cloned());
        Element::of(
            "ServerSideEncryptionConfiguration",
            [Element::of("Rule", rule)],
        )
    }

    fn algorithm(&self) -> &'static str {
        match self.kms_key {
            Some(_) => "aws:kms",
            None => "AES256",
        }
    }

    fn lifecycle(&self, present: Option<&Element>) -> Element {
        let present = present.map_or(&[][..], |present| present.children.as_slice());
        let others = present
            .iter()
            .filter(|rule| rule.name == "Rule" && !is_ours(rule));
        let ours = self.retentions.iter().map(|retention| {
            let days =
                |name: &str, unit: &str, days: &str| Element::of(name, [Element::text(unit, days)]);
            let prefix = Element::text("Prefix", format!("{}/", retention.folder));
            let name = retention.folder.trim_start_matches(RULES);
            Element::of(
                "Rule",
                [
                    Element::text("ID", format!("{RULES}{name}")),
                    Element::of("Filter", [prefix]),
                    Element::text("Status", "Enabled"),
                    days("Expiration", "Days", &retention.days.to_string()),
                    days("NoncurrentVersionExpiration", "NoncurrentDays", REST),
                    days(
                        "AbortIncompleteMultipartUpload",
                        "DaysAfterInitiation",
                        REST,
                    ),
                ],
            )
        });
        Element::of("LifecycleConfiguration", others.cloned().chain(ours))
    }

    fn policy(&self, present: Option<&Value>) -> Value {
        let mut policy = match present {
            Some(Value::Object(policy)) => policy.clone(),
            _ => serde_json::Map::new(),
        };
        let mut statements = match policy.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            Some(statement) => vec![statement],
            None => Vec::new(),
        };
        statements.retain(|statement| !is_our_statement(statement));
        statements.extend(self.statements());
        policy
            .entry("Version")
            .or_insert_with(|| json!("2012-10-17"));
        policy.insert("Statement".to_owned(), statements.into());
        policy.into()
    }

    fn statements(&self) -> Vec<Value> {
        const ENCRYPTION: &str = "s3:x-amz-server-side-encryption";
        const KMS_KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
        const CUSTOMER_KEY: &str = "s3:x-amz-server-side-encryption-customer-algorithm";
        let partition = match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let bucket = format!("arn:{partition}:s3:::{}", self.bucket);
        let objects = format!("{bucket}/*");
        let refuse = |name: &str, action: &str, resource: Value, condition: Value| {
            json!({
                "Sid": format!("{STATEMENTS}Refuse{name}"),
                "Effect": "Deny",
                "Principal": "*",
                "Action": action,
                "Resource": resource,
                "Condition": condition,
            })
        };
        // Without the header, the bucket's default applies.
        let other = |header: &str, value: &str| json!({"StringNotEquals": {header: value}, "Null": {header: "false"}});
        let put =
            |name: &str, condition: Value| refuse(name, "s3:PutObject", json!(objects), condition);
        let mut statements = vec![
            refuse(
                "PlainHttp",
                "s3:*",
                json!([bucket, objects]),
                json!({"Bool": {"aws:SecureTransport": "false"}}),
            ),
            put("OtherEncryption", other(ENCRYPTION, self.algorithm())),
            put("CustomerKeys", json!({"Null": {CUSTOMER_KEY: "false"}})),
        ];
        let key = self.kms_key.iter();
        statements.extend(key.map(|key| put("OtherKey", other(KMS_KEY, key))));
        statements
    }
}

fn public_access() -> Element {
    let parts = [
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    ];
    let parts = parts.map(|part| Element::text(part, "true"));
    Element::of("PublicAccessBlockConfiguration", parts)
}

/// Whether a rule of the lifecycle is one of ours.
pub(super) fn is_ours(rule: &Element) -> bool {
    let id = rule.text_at(&["ID"]);
    id.is_some_and(|id| id.starts_with(RULES))
}

/// Whether a statement of the policy is one of ours.
pub(super) fn is_our_statement(statement: &Value) -> bool {
    let id = statement["Sid"].as_str();
    id.is_some_and(|id| id.starts_with(STATEMENTS))
}
