//! Twilio's messages: text messages, in version 2010-04-01 of its API.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use url::Url;

use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{ClientError, HttpClient, HttpError, Policy, Rate, Request};
use crate::json;

const VERSION: &str = "2010-04-01";

/// Messages a second that we send: Twilio queues more, for hours at most.
const RATE: Rate = Rate {
    count: 50,
    per: Duration::from_secs(1),
    burst: 50,
};

/// Clocks here and there differ by less than this.
const CLOCKS: TimeDelta = TimeDelta::seconds(5);

/// Sends text messages from one account.
#[derive(Clone, Debug)]
pub struct Twilio {
    http: HttpClient,
    account: String,
    /// The `Authorization` header.
    authorization: Secret,
    /// A telephone number, or a messaging service's id.
    from: String,
}

/// Why a text message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TwilioError {
    /// Messages cannot be sent to this number.
    #[error("Twilio cannot send to this number: error {code}")]
    Number { code: i64 },
    /// The recipient has replied STOP.
    #[error("the recipient has stopped messages")]
    Stopped,
    /// The message is refused for another reason, or our account is not valid.
    #[error("Twilio refused: error {code}")]
    Refused { code: i64, is_ours: bool },
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// Numbers that are malformed, not reachable from here, or not able to get text messages.
const NUMBER: [i64; 6] = [21_211, 21_214, 21_217, 21_408, 21_612, 21_614];
const STOPPED: i64 = 21_610;

#[derive(Debug, Deserialize)]
struct ErrorBody {
    #[serde(default, deserialize_with = "json::deserialize_integer")]
    code: i64,
}

#[derive(Debug, Deserialize)]
struct Accepted {
    sid: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    messages: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    sid: String,
    #[serde(default)]
    body: String,
    /// Twilio writes it as in emails.
    #[serde(default)]
    date_created: String,
}

impl Twilio {
    /// `base` is the API's address without a path, `https://api.twilio.com`; `account` is the account's id, `AC…`. `from`
    /// is one of its numbers, or a messaging service's id, `MG…`.
    pub fn new(
        base: Url,
        account: &str,
        token: &Secret,
        from: &str,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let policy = Policy {
            rate: Some(RATE),
            ..Policy::default()
        };
        let credentials = STANDARD.encode(format!("{account}:{}", token.expose()));
        Ok(Self {
            http: HttpClient::new("twilio", base, policy, clock)?,
            account: account.to_owned(),
            authorization: Secret::new(format!("Basic {credentials}")),
            from: from.to_owned(),
        })
    }

    /// Sends a text, and returns Twilio's id of it. The API knows no idempotency keys: after an error of unknown outcome
    /// use [`Self::find`] before sending again.
    pub async fn send(&self, to: &str, text: &str) -> Result<String, TwilioError> {
        let sender = if self.from.starts_with("MG") {
            ("MessagingServiceSid", self.from.as_str())
        } else {
            ("From", self.from.as_str())
        };
        let fields = [("To", to), sender, ("Body", text)];
        let request = Request::post("send_text_message", &self.path())
            .header("authorization", self.authorization.expose())
            .form(fields);
        let accepted: Accepted = self.http.send(&request).await.map_err(refusal)?.json()?;
        Ok(accepted.sid)
    }

    /// The id of a message with this text to this number, if one was accepted at this time or later.
    pub async fn find(
        &self,
        to: &str,
        text: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<String>, TwilioError> {
        let since = since - CLOCKS;
        let request = Request::get("list_text_messages", &self.path())
            .header("authorization", self.authorization.expose())
            .query("To", to)
            .query("DateSent>", since.format("%Y-%m-%d").to_string())
            .query("PageSize", "50");
        let page: Page = self.http.send(&request).await.map_err(refusal)?.json()?;
        let is_it = |listed: &Listed| {
            let created = DateTime::parse_from_rfc2822(&listed.date_created);
            listed.body == text && created.is_ok_and(|created| created >= since)
        };
        let found = page.messages.into_iter().find(is_it);
        Ok(found.map(|listed| listed.sid))
    }

    fn path(&self) -> [&str; 4] {
        [VERSION, "Accounts", &self.account, "Messages.json"]
    }
}

fn refusal(error: HttpError) -> TwilioError {
    let Some(rejection) = error.rejection() else {
        return TwilioError::Http(error);
    };
    let Some(body) = rejection.json::<ErrorBody>() else {
        return TwilioError::Http(error);
    };
    match body.code {
        STOPPED => TwilioError::Stopped,
        code if NUMBER.contains(&code) => TwilioError::Number { code },
        code => TwilioError::Refused {
            code,
            is_ours: matches!(rejection.status, 401 | 403 | 404),
        },
    }
}

#[cfg(test)]
#[path = "twilio/tests.rs"]
mod tests;
