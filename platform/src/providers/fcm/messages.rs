//! Messages to devices: version 1 of the HTTP API, which takes one device per call.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Fcm;
use crate::config::Secret;
use crate::http::{HttpError, Rejection, Request};

/// A message to one device.
#[derive(Clone, Copy, Debug)]
pub struct PushMessage<'a> {
    /// The device's registration token.
    pub token: &'a str,
    /// Identifies the message: a device that gets it twice shows it once. At most 32 characters of those in URLs.
    pub id: &'a str,
    pub title: &'a str,
    pub body: &'a str,
    /// The address of a picture.
    pub image: Option<&'a str>,
    /// The place in the app that it opens.
    pub link: Option<&'a str>,
    /// The same place on the web, for browsers.
    pub web_link: Option<&'a str>,
    pub category: &'a str,
}

/// Why a message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The app was uninstalled, or the token is none.
    #[error("the device is not registered")]
    Unregistered,
    /// The device's app belongs to another project: it, or the configured project, is not the right one.
    #[error("the device is registered with another project")]
    OtherProject,
    /// The message itself is refused.
    #[error("FCM refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Http(#[from] HttpError),
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
}

/// Google's form of errors.
#[derive(Deserialize)]
struct ErrorDetails {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    /// Objects of several types: FCM's own code, invalid fields, what APNs answered.
    #[serde(default)]
    details: Vec<Value>,
}

impl Fcm {
    /// Sends a message to a device of this project, and returns FCM's name of it. FCM knows no idempotency keys: a repeated message replaces the
    /// earlier one on the device, because both have the same id.
    pub async fn send(
        &self,
        project: &str,
        message: &PushMessage<'_>,
    ) -> Result<String, PushError> {
        // The path ends with a verb after a colon.
        let path = ["v1", "projects", project, "messages:send"];
        let body = body(message);
        let request = |token: &Secret| {
            Request::post("send_message", &path)
                .bearer(token)
                .json(&body)
                // A repeat replaces the message on the device.
                .idempotent()
        };
        let answer = self.0.access.send(&self.0.messages, request).await;
        let accepted: Accepted = answer.map_err(refusal)?.json()?;
        Ok(accepted.name)
    }
}

fn body(message: &PushMessage<'_>) -> Value {
    let mut data = json!({ "notificationId": message.id, "category": message.category });
    if let Some(link) = message.link {
        data["deepLink"] = json!(link);
    }
    let mut notification = json!({ "title": message.title, "body": message.body });
    if let Some(image) = message.image {
        notification["image"] = json!(image);
    }
    let mut webpush = json!({
        "headers": { "Urgency": "high", "Topic": message.id },
        "notification": { "tag": message.id },
    });
    // Browsers open only secure pages.
    if let Some(link) = message.web_link.filter(|link| link.starts_with("https://")) {
        webpush["fcm_options"] = json!({ "link": link });
    }
    json!({
        "message": {
            "token": message.token,
            "notification": notification,
            "data": data,
            "android": {
                "priority": "HIGH",
                "collapse_key": message.id,
                "notification": { "tag": message.id, "channel_id": message.category },
            },
            // Apple's devices are reached through FCM.
            "apns": {
                "headers": { "apns-collapse-id": message.id, "apns-priority": "10" },
                "payload": { "aps": { "sound": "default", "thread-id": message.category } },
            },
            "webpush": webpush,
        }
    })
}

fn refusal(error: HttpError) -> PushError {
    // An answer in another form is not FCM's: the address leads somewhere else. The message is not at fault.
    let Some((rejection, details)) = error
        .rejection()
        .and_then(|rejection| Some((rejection, ErrorDetails::of(rejection)?)))
    else {
        return PushError::Http(error);
    };
    match details.code() {
        Some("UNREGISTERED") => PushError::Unregistered,
        Some("SENDER_ID_MISMATCH") => PushError::OtherProject,
        _ if details.is_about_token() => PushError::Unregistered,
        // Our credentials or the project: somebody mends the configuration, and then the message can go.
        _ if matches!(rejection.status, 401 | 403 | 404) => PushError::Http(error),
        _ => PushError::Refused(rejection.excerpt()),
    }
}

impl ErrorDetails {
    /// The error, which some of Google's servers put into a list.
    fn of(rejection: &Rejection) -> Option<Self> {
        let body: Value = rejection.json()?;
        let error = body.get("error").or_else(|| body.get(0)?.get("error"))?;
        serde_json::from_value(error.clone()).ok()
    }

    /// FCM's own code, which says more than the status.
    fn code(&self) -> Option<&str> {
        let mut codes = self.details.iter();
        codes.find_map(|detail| detail.get("errorCode")?.as_str())
    }

    /// Whether the device's token is no token, while the message is valid.
    fn is_about_token(&self) -> bool {
        if self.code().unwrap_or(&self.status) != "INVALID_ARGUMENT" {
            return false;
        }
        let mut violations = self
            .details
            .iter()
            .filter_map(|detail| detail.get("fieldViolations")?.as_array())
            .flatten();
        violations.any(|violation| violation["field"] == "message.token")
            || self.message.contains("registration token")
    }
}
