//! Push messages, by Firebase Cloud Messaging, which also reaches Apple's devices and browsers.

use std::collections::BTreeMap;

use entities::notifications::{device_token, notification, topic_membership};
use platform::providers::fcm::{Fcm, PushError, PushMessage};
use platform::tasks::TaskError;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use sha2::{Digest, Sha256};

use super::{Delivery, Outgoing, Receipt, SendError};
use crate::rules::send_decision::SuppressReason;

/// How push messages are sent.
#[derive(Clone, Debug)]
pub struct PushChannel {
    pub fcm: Fcm,
    /// The project at Google that the apps belong to.
    pub project: String,
}

impl PushChannel {
    /// Sends to each of the customer's devices that does not have it yet.
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
        let (mut later, mut refused) = (None, None);
        for device in devices {
            let hash = hash(&device.token);
            if accepted.contains_key(&hash) {
                continue;
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
                    notification::set_accepted_devices(db, row.id, stored)
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
        // Devices that refuse it must not keep it from those that can still get it.
        match (later, accepted.into_values().next(), refused) {
            (Some(error), _, _) => Err(SendError::Later(error)),
            (None, Some(name), _) => delivery.receipt(message, "fcm", Some(name)),
            (None, None, Some(error)) => Err(SendError::Refused(error.to_string())),
            (None, None, None) => Err(SendError::NotWanted(SuppressReason::NoRecipient)),
        }
    }
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

/// FCM's message names by the hash of the device's token.
fn accepted(row: &notification::Model) -> BTreeMap<String, String> {
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
