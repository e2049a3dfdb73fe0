//! Push messages, by Firebase Cloud Messaging, which also reaches Apple's devices and browsers.

use std::collections::BTreeMap;

use entities::notifications::{device_token, notification, topic_membership};
use platform::providers::fcm::{Fcm, PushError, PushMessage};
use platform::tasks::TaskError;
use resolvers::id::IdKind;
use sea_orm::{ConnectionTrait, DbErr};
use sha2::{Digest, Sha256};

use super::{Delivery, Outgoing, Receipt, SendError, Stopped};
use crate::rules::preference_matrix::default_enabled;
use crate::rules::send_decision::{NextDevice, Recipient, SuppressReason, decide_next};

/// The provider, as the delivery log names it.
const PROVIDER: &str = "fcm";

/// How push messages are sent.
#[derive(Clone, Debug)]
pub struct PushChannel {
    pub fcm: Fcm,
    /// The project at Google that the apps belong to.
    pub project: String,
}

impl PushChannel {
    /// Sends to each of the customer's devices that does not have it yet, one after another. What the customer changes
    /// meanwhile holds from the next device on.
    pub(super) async fn send(
        &self,
        delivery: &Delivery,
        message: &Outgoing<'_>,
    ) -> Result<Receipt, SendError> {
        let row = message.row;
        let db = message.database.write();
        let database = |error| SendError::Later(TaskError::Database(error));
        let text = delivery.text(message)?;
        let id = IdKind::Notification.format(row.id);
        let link = row.deep_link.as_deref();
        let web_link = link.map(|link| delivery.links.web(link));
        let image = row
            .data
            .as_ref()
            .and_then(|data| data.get("imageUrl")?.as_str());
        let mut accepted = accepted(row);
        let devices = device_token::of_customer(db, row.customer_id)
            .await
            .map_err(database)?;
        let (mut later, mut refused, mut stop) = (None, None, None);
        for device in devices {
            let hash = hash(&device.token);
            if accepted.contains_key(&hash) {
                continue;
            }
            let recipient = recipient(db, row, &device.token).await.map_err(database)?;
            match decide_next(recipient) {
                NextDevice::Send => {}
                NextDevice::Skip => continue,
                NextDevice::Stop(reason) => {
                    stop = Some(reason);
                    break;
                }
            }
            let push = PushMessage {
                token: &device.token,
                id: &id,
                title: &text.title,
                body: &text.body,
                image,
                link,
                web_link: web_link.as_deref(),
                category: row.category.as_str(),
            };
            match self.fcm.send(&self.project, &push).await {
                Ok(name) => {
                    accepted.insert(hash, name);
                    let stored = serde_json::json!(accepted);
                    notification::set_accepted_devices(db, row.id, PROVIDER, stored)
                        .await
                        .map_err(database)?;
                }
                Err(PushError::Unregistered) => {
                    drop_device(message, &device).await.map_err(database)?;
                }
                Err(PushError::Http(call)) => later = Some(TaskError::of_call(&call, &call)),
                Err(error) => {
                    tracing::error!(notification_id = id, %error, "push message refused for a device");
                    refused = Some(error);
                }
            }
        }
        if let Some(reason) = stop {
            let receipt = stopped(delivery, message, &accepted, reason)?;
            return receipt.ok_or(SendError::NotWanted(reason));
        }
        // Devices that refuse it must not keep it from those that can still get it.
        match (later, accepted.into_values().next(), refused) {
            (Some(error), _, _) => Err(SendError::Later(error)),
            (None, Some(name), _) => delivery.receipt(message, PROVIDER, Some(name)),
            (None, None, Some(error)) => Err(SendError::Refused(error.to_string())),
            (None, None, None) => Err(SendError::NotWanted(SuppressReason::NoRecipient)),
        }
    }
}

/// What decides at this moment whether the message goes to a device.
async fn recipient(
    db: &impl ConnectionTrait,
    row: &notification::Model,
    token: &str,
) -> Result<Recipient, DbErr> {
    let found = notification::recipient(db, row.id, token).await?;
    let default = default_enabled(row.channel, row.category);
    Ok(Recipient {
        is_open: found.is_some_and(|found| found.is_open),
        is_erased: found.is_some_and(|found| found.is_erased),
        is_wanted: found.and_then(|found| found.enabled).unwrap_or(default),
        has_device: found.is_some_and(|found| found.has_device),
    })
}

/// Forgets a device that the push service does not know any more, with its topics, which end by themselves.
async fn drop_device(message: &Outgoing<'_>, device: &device_token::Model) -> Result<(), DbErr> {
    let transaction = message.database.begin().await?;
    // Unless another customer has registered it meanwhile.
    let customer = message.row.customer_id;
    if device_token::delete(&transaction, customer, &device.token).await? {
        let tokens = std::slice::from_ref(&device.token);
        topic_membership::delete_tokens(&transaction, tokens).await?;
    }
    transaction.commit().await?;
    tracing::info!(
        notification_id = IdKind::Notification.format(message.row.id),
        "device token dropped, its app is gone"
    );
    Ok(())
}

/// What the delivery log keeps of a message that these devices have and others do not get. `None` if no device has it.
pub(super) fn stopped(
    delivery: &Delivery,
    message: &Outgoing<'_>,
    accepted: &BTreeMap<String, String>,
    reason: SuppressReason,
) -> Result<Option<Receipt>, SendError> {
    let Some(name) = accepted.values().next() else {
        return Ok(None);
    };
    let mut receipt = delivery.receipt(message, PROVIDER, Some(name.clone()))?;
    receipt.stopped = Some(Stopped {
        reason,
        devices: accepted.len(),
    });
    Ok(Some(receipt))
}

/// FCM's message names by the hash of the device's token.
pub(super) fn accepted(row: &notification::Model) -> BTreeMap<String, String> {
    let stored = row.accepted_devices.clone();
    stored
        .and_then(|stored| serde_json::from_value(stored).ok())
        .unwrap_or_default()
}

/// Tokens are not kept beyond their registration.
fn hash(token: &str) -> String {
    let digest = Sha256::digest(token);
    digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
