//! Amazon SQS: FIFO queues, by its JSON protocol.

mod setup;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::aws::{self, CredentialError, Credentials, Environment, SignError, Signer};
use crate::clock::Clock;
use crate::config::{ConnectionUrl, Secret};
use crate::http::{ClientError, HttpClient, HttpError, Policy, Request, Response};

pub use setup::{AttributeDifference, QueueSettings};

/// The most messages of one request.
pub const MAX_MESSAGES: usize = 10;

/// The longest wait for messages in one request.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

const PROVIDER: &str = "sqs";

/// Which queue, and how to reach it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqsConfig {
    /// The URL of the queue, such as `https://sqs.us-east-1.amazonaws.com/123456789012/deals.fifo`. Its name ends in
    /// `.fifo`.
    pub queue_url: ConnectionUrl,
    #[serde(default = "aws::default_region")]
    pub region: String,
    /// The ARN of the KMS key that `vantage deals setup-queue` has messages encrypted with. Without one, SQS's own keys.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// Without keys, the environment's credentials: AWS_* variables, a profile, the role of the pod, the container or the
    /// instance.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// The secret of `access_key_id`.
    #[serde(default)]
    pub secret_access_key: Option<Secret>,
}

/// A FIFO queue.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    http: HttpClient,
    base: Url,
    queue_url: String,
    kms_key: Option<String>,
    signer: Signer,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SqsConfigError {
    #[error("the queue is not a FIFO queue: its name does not end in .fifo")]
    NotFifo,
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Credentials(#[from] CredentialError),
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum SqsError {
    #[error(transparent)]
    Signing(#[from] SignError),
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct NewQueueMessage {
    /// Messages of one group are received in the order in which they were sent.
    pub group: String,
    /// A message with the id of one that was sent in the last five minutes is accepted and not delivered.
    pub deduplication_id: String,
    pub body: Value,
    pub attributes: Vec<(&'static str, String)>,
}

/// A received message. Until it is deleted or becomes visible again, nobody receives others of its group.
#[derive(Clone, Debug)]
pub struct QueueMessage {
    /// Identifies this receipt, to delete the message.
    pub receipt: String,
    pub body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer {
    #[serde(default)]
    failed: Vec<FailedEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FailedEntry {
    id: String,
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(default)]
    messages: Option<Vec<ReceivedMessage>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceivedMessage {
    receipt_handle: String,
    body: String,
}

impl SqsQueue {
    /// Does not contact the queue yet.
    pub fn new(config: &SqsConfig, clock: Clock) -> Result<Self, SqsConfigError> {
        let url = config.queue_url.expose_url();
        if !url.path().ends_with(".fifo") {
            return Err(SqsConfigError::NotFifo);
        }
        let mut base = url.clone();
        base.set_path("/");
        base.set_query(None);
        let policy = Policy {
            attempt_timeout: LONGEST_WAIT + Duration::from_secs(5),
            deadline: Duration::from_secs(60),
            ..Policy::default()
        };
        let http = HttpClient::new(PROVIDER, base.clone(), policy, clock.clone())?;
        let keys = (
            config.access_key_id.as_deref(),
            config.secret_access_key.as_ref(),
        );
        let environment = Environment::of_process();
        Ok(Self {
            http,
            base,
            queue_url: url.to_string(),
            kms_key: config.kms_key.clone(),
            signer: Signer {
                credentials: Credentials::new(keys, &config.region, &environment, &clock)?,
                service: "sqs",
                region: config.region.clone(),
            },
        })
    }

    /// Sends at most [`MAX_MESSAGES`] messages. Returns the code of the failure of each that was not accepted, by its
    /// index. Safe to repeat within five minutes.
    pub async fn send(
        &self,
        messages: &[NewQueueMessage],
    ) -> Result<HashMap<usize, String>, SqsError> {
        let entries: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| {
                let attributes: serde_json::Map<String, Value> = message
                    .attributes
                    .iter()
                    .map(|(name, value)| {
                        let value = json!({"DataType": "String", "StringValue": value});
                        ((*name).to_owned(), value)
                    })
                    .collect();
                json!({
                    "Id": index.to_string(),
                    "MessageBody": message.body.to_string(),
                    "MessageGroupId": message.group,
                    "MessageDeduplicationId": message.deduplication_id,
                    "MessageAttributes": attributes,
                })
            })
            .collect();
        let body = json!({"QueueUrl": self.queue_url, "Entries": entries});
        let answer: BatchAnswer = self.call("SendMessageBatch", &body).await?;
        let failed = answer.failed.into_iter().filter_map(|entry| {
            let index = entry.id.parse().ok()?;
            Some((index, entry.code))
        });
        Ok(failed.collect())
    }

    /// Receives at most [`MAX_MESSAGES`] messages, which stay hidden for `hidden_for`. Waits for the first.
    pub async fn receive(
        &self,
        wait: Duration,
        hidden_for: Duration,
    ) -> Result<Vec<QueueMessage>, SqsError> {
        let body = json!({
            "QueueUrl": self.queue_url,
            "MaxNumberOfMessages": MAX_MESSAGES,
            "WaitTimeSeconds": wait.min(LONGEST_WAIT).as_secs(),
            "VisibilityTimeout": hidden_for.as_secs(),
        });
        let received: Received = self.call("ReceiveMessage", &body).await?;
        let messages = received.messages.unwrap_or_default().into_iter();
        Ok(messages
            .map(|message| QueueMessage {
                receipt: message.receipt_handle,
                body: message.body,
            })
            .collect())
    }

    /// Deletes at most [`MAX_MESSAGES`] received messages. One that is not deleted is received again.
    pub async fn delete(&self, receipts: &[String]) -> Result<(), SqsError> {
        let entries: Vec<_> = receipts
            .iter()
            .enumerate()
            .map(|(index, receipt)| json!({"Id": index.to_string(), "ReceiptHandle": receipt}))
            .collect();
        let body = json!({"QueueUrl": self.queue_url, "Entries": entries});
        let _: BatchAnswer = self.call("DeleteMessageBatch", &body).await?;
        Ok(())
    }

    /// Hides a received message for this long from now on.
    pub async fn hide(&self, receipt: &str, hidden_for: Duration) -> Result<(), SqsError> {
        let body = json!({
            "QueueUrl": self.queue_url,
            "ReceiptHandle": receipt,
            "VisibilityTimeout": hidden_for.as_secs(),
        });
        self.send_request("ChangeMessageVisibility", &body)
            .await
            .map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        body: &Value,
    ) -> Result<T, SqsError> {
        Ok(self.send_request(action, body).await?.json()?)
    }

    async fn send_request(&self, action: &'static str, body: &Value) -> Result<Response, SqsError> {
        let bytes = Bytes::from(body.to_string());
        let request = Request::post(action, &[]).bytes("application/x-amz-json-1.0", bytes);
        let target = [("x-amz-target", format!("AmazonSQS.{action}"))];
        let sent_to = (Method::POST, &self.base);
        let signed = self.signer.sign(request, sent_to, &target).await?;
        // Sending is deduplicated, what is received twice was hidden in vain, and the others change nothing more.
        Ok(self.http.send(&signed.idempotent()).await?)
    }
}
