//! Text messages, by Twilio.

use platform::providers::twilio::{Twilio, TwilioError};
use platform::tasks::TaskError;

use super::{Delivery, Outgoing, Receipt, SendError, template};
use crate::rules::send_decision::SuppressReason;

/// How text messages are sent.
#[derive(Clone, Debug)]
pub struct SmsChannel {
    pub twilio: Twilio,
}

impl SmsChannel {
    pub(super) async fn send(
        &self,
        delivery: &Delivery,
        message: &Outgoing<'_>,
    ) -> Result<Receipt, SendError> {
        let to = message
            .phone
            .ok_or(SendError::NotWanted(SuppressReason::NoRecipient))?;
        let (event, data) = template(message)?;
        let text = delivery.templates.sms(event, message.locale, data)?;
        // Twilio has no idempotency keys: an attempt whose outcome is not known is looked up.
        let before = match message.row.attempted_at {
            Some(at) => self.twilio.find(to, &text, at).await.map_err(failure)?,
            None => None,
        };
        let id = match before {
            Some(id) => id,
            None => self.twilio.send(to, &text).await.map_err(failure)?,
        };
        delivery.receipt(message, "twilio", Some(id))
    }
}

fn failure(error: TwilioError) -> SendError {
    match &error {
        TwilioError::Stopped => SendError::NotWanted(SuppressReason::RecipientStopped),
        TwilioError::Number { .. } | TwilioError::Refused { is_ours: false, .. } => {
            SendError::Refused(error.to_string())
        }
        // Somebody mends the account, and then the message can go.
        TwilioError::Refused { .. } => SendError::Later(TaskError::failed(&error)),
        TwilioError::Http(call) => SendError::Later(TaskError::of_call(&error, call)),
    }
}
