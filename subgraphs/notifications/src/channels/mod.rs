//! The channels that messages leave by, each with its provider.

mod email;
mod push;
mod sms;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::notifications::notification;
use entities::notifications::preference::NotificationChannel;
use platform::database::Database;
use platform::tasks::TaskError;
use resolvers::id::IdKind;

pub use self::email::EmailChannel;
pub use self::push::PushChannel;
pub use self::sms::SmsChannel;
use crate::links::Links;
use crate::live::Live;
pub use crate::rules::send_decision::SuppressReason;
use crate::templates::{TemplateError, Templates};

/// How messages are written and sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub templates: Arc<Templates>,
    pub live: Live,
    pub links: Links,
    pub push: Option<PushChannel>,
    pub email: Option<EmailChannel>,
    pub sms: Option<SmsChannel>,
    /// Whether messages by channels without a provider are logged, as in development, instead of suppressed.
    pub log: bool,
}

/// A message to send now.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub database: &'a Database,
    pub now: DateTime<Utc>,
    pub row: &'a notification::Model,
    /// The customer's language.
    pub locale: &'a str,
    /// The customer's telephone number.
    pub phone: Option<&'a str>,
}

/// What was sent.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub provider: &'static str,
    /// The provider's id of the message.
    pub id: Option<String>,
    pub title: String,
    pub body: String,
    /// Why some of the customer's devices do not get it; `None` if none is left out.
    pub stopped: Option<Stopped>,
}

/// A message that some devices have when it turns out that it is not to be sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    pub reason: SuppressReason,
    /// How many devices have it.
    pub devices: usize,
}

/// Why a message was not sent.
#[derive(Debug)]
pub enum SendError {
    NotWanted(SuppressReason),
    /// Trying again will not help.
    Refused(String),
    /// Trying again may help. It may have been sent: the next attempt carries the same identity.
    Later(TaskError),
}

impl From<TemplateError> for SendError {
    fn from(error: TemplateError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl Delivery {
    pub(crate) async fn send(&self, message: &Outgoing<'_>) -> Result<Receipt, SendError> {
        match message.row.channel {
            NotificationChannel::Push => {
                if let Some(push) = &self.push {
                    return push.send(self, message).await;
                }
            }
            NotificationChannel::Email => {
                if let Some(email) = &self.email {
                    return email.send(self, message).await;
                }
            }
            NotificationChannel::Sms => {
                if let Some(sms) = &self.sms {
                    return sms.send(self, message).await;
                }
            }
        }
        if self.log {
            return self.write_to_log(message);
        }
        Err(SendError::NotWanted(SuppressReason::ChannelNotConfigured))
    }

    /// What the delivery log keeps of a message that some devices have from earlier attempts and others do not get. `None` if
    /// no device has it.
    pub(crate) fn stopped(
        &self,
        message: &Outgoing<'_>,
        reason: SuppressReason,
    ) -> Option<Receipt> {
        let accepted = push::accepted(message.row);
        push::stopped(self, message, &accepted, reason).unwrap_or_else(|error| {
            let id = IdKind::Notification.format(message.row.id);
            tracing::warn!(
                ?error,
                notification_id = id,
                "text of a stopped message not recorded"
            );
            None
        })
    }

    /// What the delivery log keeps of a message that was accepted.
    fn receipt(
        &self,
        message: &Outgoing<'_>,
        provider: &'static str,
        id: Option<String>,
    ) -> Result<Receipt, SendError> {
        let text = self.text(message)?;
        Ok(Receipt {
            provider,
            id,
            title: text.title,
            body: text.body,
            stopped: None,
        })
    }

    /// The provider of development: a line in the log, without the message's text.
    fn write_to_log(&self, message: &Outgoing<'_>) -> Result<Receipt, SendError> {
        let row = message.row;
        tracing::info!(
            notification_id = IdKind::Notification.format(row.id),
            channel = row.channel.as_str(),
            template = row.template.as_deref(),
            "message logged, because its channel has no provider"
        );
        self.receipt(message, "log", None)
    }

    fn text(&self, message: &Outgoing<'_>) -> Result<crate::templates::Text, SendError> {
        let (template, data) = template(message)?;
        Ok(self.templates.text(template, message.locale, data)?)
    }
}

/// The message's template and what it shows.
fn template<'a>(message: &Outgoing<'a>) -> Result<(&'a str, &'a serde_json::Value), SendError> {
    let row = message.row;
    row.template
        .as_deref()
        .zip(row.data.as_ref())
        .ok_or_else(|| SendError::Refused("its text is no longer kept".to_owned()))
}
