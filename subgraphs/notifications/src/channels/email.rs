//! Email, over SMTP.

use platform::providers::smtp::{Email, Smtp, SmtpError};
use platform::tasks::TaskError;
use resolvers::client::SubgraphClient;
use resolvers::id::{IdKind, order_number};

use super::{Delivery, Outgoing, Receipt, SendError, template};
use crate::contact::Contact;
use crate::rules::send_decision::SuppressReason;
use crate::templates::EmailDetails;
use crate::unsubscribe::UnsubscribeLinks;

/// How emails are sent.
#[derive(Clone, Debug)]
pub struct EmailChannel {
    pub smtp: Smtp,
    /// Where customers' addresses are; without it, emails wait.
    pub orders: Option<SubgraphClient>,
    pub unsubscribe: UnsubscribeLinks,
}

impl EmailChannel {
    pub(super) async fn send(
        &self,
        delivery: &Delivery,
        message: &Outgoing<'_>,
    ) -> Result<Receipt, SendError> {
        let row = message.row;
        let orders = self.orders.as_ref().ok_or_else(|| {
            let reason = "customers' addresses are not known: set subgraphs.orders.url";
            SendError::Later(TaskError::Failed(reason.to_owned()))
        })?;
        let contact = Contact::of(orders, row.customer_id, row.order_id, message.locale)
            .await
            .map_err(SendError::Later)?
            .ok_or(SendError::NotWanted(SuppressReason::NoRecipient))?;
        let (event, data) = template(message)?;
        let unsubscribe_url = self
            .unsubscribe
            .url(row.customer_id, row.category)
            .map_err(|error| SendError::Later(TaskError::failed(&error)))?;
        let details = EmailDetails {
            name: Some(contact.name.clone()),
            number: row.order_id.map(order_number),
            items: contact.items,
            amounts: contact.amounts,
            url: row
                .deep_link
                .as_deref()
                .map(|link| delivery.links.web(link)),
            unsubscribe_url,
        };
        let email = delivery
            .templates
            .email(event, message.locale, data, &details)?;
        let id = IdKind::Notification.format(row.id);
        let email = Email {
            to: &contact.email,
            name: Some(&contact.name),
            id: &id,
            subject: &email.subject,
            text: &email.text,
            html: &email.html,
            unsubscribe: Some(&details.unsubscribe_url),
        };
        match self.smtp.send(&email).await {
            Ok(()) => delivery.receipt(message, "smtp", Some(self.smtp.message_id(&id))),
            Err(error) => Err(failure(error)),
        }
    }
}

fn failure(error: SmtpError) -> SendError {
    match error {
        SmtpError::Refused(_) => SendError::Refused(error.to_string()),
        SmtpError::Deferred(_) => SendError::Later(TaskError::failed(&error)),
        SmtpError::Unavailable { .. } => SendError::Later(TaskError::Outage {
            reason: error.to_string(),
            retry_in: None,
        }),
        SmtpError::CircuitOpen { retry_in } => SendError::Later(TaskError::Suspended {
            reason: error.to_string(),
            retry_in,
        }),
    }
}
