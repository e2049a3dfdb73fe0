//! The attributes that a queue should have: compared with the queue's, and applied.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{SqsError, SqsQueue};

/// Our statement of the queue's policy.
const STATEMENT: &str = "VantageRefusePlainHttp";
const POLICY: &str = "Policy";
const REDRIVE: &str = "RedrivePolicy";

/// What a FIFO queue of ours is like. Its messages name their deduplication id, and none is moved to a dead-letter queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueSettings {
    /// How long a received message is hidden.
    pub hidden_for: Duration,
    /// How long a message that nobody deletes is stored.
    pub retention: Duration,
    /// How long a request waits for messages.
    pub wait: Duration,
}

/// An attribute that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct AttributeDifference {
    pub name: &'static str,
    pub present: Option<String>,
    /// Empty: it should not be set.
    pub desired: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
}

impl SqsQueue {
    /// Creates the queue with these settings. One that has them already stays as it is.
    pub async fn create(&self, settings: &QueueSettings) -> Result<(), SqsError> {
        let mut attributes = self.fixed(settings);
        attributes.retain(|_, value| !value.is_empty());
        attributes.insert("FifoQueue", "true".to_owned());
        let name = self.queue_url.rsplit('/').next().unwrap_or_default();
        let body = json!({"QueueName": name, "Attributes": attributes});
        self.send_request("CreateQueue", &body).await.map(drop)
    }

    /// The attributes that are not as they should be. `None` if there is no such queue.
    pub async fn differences(
        &self,
        settings: &QueueSettings,
    ) -> Result<Option<Vec<AttributeDifference>>, SqsError> {
        let Some(present) = self.attributes().await? else {
            return Ok(None);
        };
        let mut differences = Vec::new();
        for (name, desired) in self.fixed(settings) {
            let present = present.get(name).filter(|value| !value.is_empty());
            if present.map_or("", String::as_str) != desired {
                differences.push(AttributeDifference {
                    name,
                    present: present.cloned(),
                    desired,
                });
            }
        }
        differences.extend(self.policy_difference(&present));
        Ok(Some(differences))
    }

    /// Sets an attribute. Others stay as they are.
    pub async fn apply(&self, difference: &AttributeDifference) -> Result<(), SqsError> {
        let attributes = BTreeMap::from([(difference.name, &difference.desired)]);
        let body = json!({"QueueUrl": self.queue_url, "Attributes": attributes});
        self.send_request("SetQueueAttributes", &body)
            .await
            .map(drop)
    }

    async fn attributes(&self) -> Result<Option<BTreeMap<String, String>>, SqsError> {
        let body = json!({"QueueUrl": self.queue_url, "AttributeNames": ["All"]});
        match self.call::<Attributes>("GetQueueAttributes", &body).await {
            Ok(read) => Ok(Some(read.attributes)),
            Err(SqsError::Http(error)) => {
                let refusal = error.rejection().and_then(|refused| refused.json());
                let is_missing = refusal.is_some_and(|refusal: Refusal| {
                    ["QueueDoesNotExist", "NonExistentQueue"]
                        .iter()
                        .any(|kind| refusal.kind.ends_with(kind))
                });
                if is_missing {
                    Ok(None)
                } else {
                    Err(error.into())
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Attributes that do not depend on the present ones; empty ones should not be set.
    fn fixed(&self, settings: &QueueSettings) -> BTreeMap<&'static str, String> {
        let seconds = |duration: Duration| duration.as_secs().to_string();
        let mut attributes = BTreeMap::from([
            ("ContentBasedDeduplication", "false".to_owned()),
            ("DelaySeconds", "0".to_owned()),
            ("MessageRetentionPeriod", seconds(settings.retention)),
            ("ReceiveMessageWaitTimeSeconds", seconds(settings.wait)),
            (REDRIVE, String::new()),
            ("VisibilityTimeout", seconds(settings.hidden_for)),
        ]);
        match &self.kms_key {
            Some(key) => attributes.insert("KmsMasterKeyId", key.clone()),
            None => attributes.insert("SqsManagedSseEnabled", "true".to_owned()),
        };
        attributes
    }

    /// The policy with our statement, if it is not in it. Over plain HTTP it would refuse ourselves.
    fn policy_difference(&self, present: &BTreeMap<String, String>) -> Option<AttributeDifference> {
        if self.base.scheme() == "http" {
            return None;
        }
        let statement = json!({
            "Sid": STATEMENT,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": present.get("QueueArn")?,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        });
        let present = present.get(POLICY).filter(|policy| !policy.is_empty());
        let policy = present.and_then(|policy| serde_json::from_str(policy).ok());
        let policy = policy.filter(Value::is_object);
        let mut policy = policy.unwrap_or_else(|| json!({"Version": "2012-10-17"}));
        let mut statements = match policy["Statement"].take() {
            Value::Array(statements) => statements,
            Value::Null => Vec::new(),
            one => vec![one],
        };
        if statements.contains(&statement) {
            return None;
        }
        statements.retain(|other| other["Sid"] != STATEMENT);
        statements.push(statement);
        policy["Statement"] = statements.into();
        Some(AttributeDifference {
            name: POLICY,
            present: present.cloned(),
            desired: policy.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SqsConfig;
    use super::*;
    use crate::clock::Clock;
    use crate::config::Secret;

    const ARN: &str = "arn:aws:sqs:us-east-1:123456789012:deals.fifo";
    const SETTINGS: QueueSettings = QueueSettings {
        hidden_for: Duration::from_secs(120),
        retention: Duration::from_secs(86_400),
        wait: Duration::from_secs(20),
    };

    fn queue(scheme: &str, kms_key: Option<&str>) -> SqsQueue {
        let url = format!("{scheme}://sqs.example/123456789012/deals.fifo");
        let config = SqsConfig {
            queue_url: url.parse().unwrap(),
            region: "us-east-1".to_owned(),
            kms_key: kms_key.map(str::to_owned),
            access_key_id: Some("AKIDEXAMPLE".to_owned()),
            secret_access_key: Some(Secret::new("wJalrXUtnFEMI")),
        };
        SqsQueue::new(&config, Clock::system()).unwrap()
    }

    #[tokio::test]
    async fn messages_are_encrypted_with_the_key_or_with_sqs_own() {
        let attributes = queue("https", None).fixed(&SETTINGS);
        assert_eq!(attributes["SqsManagedSseEnabled"], "true");
        assert_eq!(attributes["VisibilityTimeout"], "120");
        assert_eq!(attributes["RedrivePolicy"], "");
        let attributes = queue("https", Some("arn:aws:kms:x")).fixed(&SETTINGS);
        assert_eq!(attributes["KmsMasterKeyId"], "arn:aws:kms:x");
        assert!(!attributes.contains_key("SqsManagedSseEnabled"));
    }

    #[tokio::test]
    async fn the_policy_gets_our_statement_once_and_others_stay() {
        let queue_over_tls = queue("https", None);
        let other = json!({"Sid": "Readers", "Effect": "Allow"});
        let policy = json!({"Version": "2012-10-17", "Id": "shop", "Statement": other});
        let mut attributes = BTreeMap::from([
            ("QueueArn".to_owned(), ARN.to_owned()),
            ("Policy".to_owned(), policy.to_string()),
        ]);
        assert_eq!(queue("http", None).policy_difference(&attributes), None);
        let difference = queue_over_tls.policy_difference(&attributes).unwrap();
        assert_eq!(difference.present, Some(policy.to_string()));
        let desired: Value = serde_json::from_str(&difference.desired).unwrap();
        assert_eq!(desired["Id"], "shop");
        assert_eq!(desired["Statement"][0], other);
        assert_eq!(desired["Statement"][1]["Resource"], ARN);
        attributes.insert("Policy".to_owned(), difference.desired);
        assert_eq!(queue_over_tls.policy_difference(&attributes), None);
    }
}
