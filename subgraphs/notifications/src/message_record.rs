//! Creates messages to customers from the events of other domains.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use entities::notifications::{customer_settings, device_token, erased_customer};
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{HandleError, Handler};
use resolvers::erasure;
use resolvers::id::{IdKind, order_number};
use sea_orm::DbErr;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::customer_message::{self, Place};
use crate::message::{self, NewMessage, Schedule};
use crate::notification_preferences::DEFAULT_TIMEZONE;
use crate::privacy::EraseMessages;
use crate::templates::Templates;

/// Tells the language in which a customer has placed an order.
const PLACED: &str = "order.placed";

/// Creates one message by each channel that reaches the customer, and erases customers who are deleted.
pub(crate) struct CreateMessages(pub(crate) Arc<Templates>);

#[async_trait]
impl Handler for CreateMessages {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        if event.event_type == PLACED {
            return learn_language(transaction, event, now).await;
        }
        // Some systems publish it beside the orders.
        if erasure::follow(&EraseMessages, transaction, event, now).await? {
            return Ok(());
        }
        let Some(message) = customer_message::message(&event.event_type, &event.data) else {
            return Ok(());
        };
        let id = |name: &str, kind: IdKind| {
            let id = event.data.get(name).and_then(Value::as_str);
            id.map(|id| kind.of_event(id)).transpose()
        };
        let missing = |name: &str| HandleError::Unusable(format!("{name} is missing"));
        let customer = id("customerId", IdKind::Customer)?.ok_or_else(|| missing("customerId"))?;
        let order = id("orderId", IdKind::Order)?.ok_or_else(|| missing("orderId"))?;
        let of_return = id("returnId", IdKind::Return)?;
        let mut data = message.data;
        data["number"] = json!(order_number(order));
        let deep_link = match (message.place, of_return) {
            (Place::Return, Some(id)) => format!("vantage://returns/{}", IdKind::Return.format(id)),
            _ => format!("vantage://orders/{}", IdKind::Order.format(order)),
        };
        for channel in channels(transaction, customer).await? {
            let new = NewMessage {
                event_id: event.id,
                customer_id: customer,
                channel,
                category: NotificationCategory::Orders,
                template: message.template,
                data: data.clone(),
                order_id: Some(order),
                return_id: of_return,
                deep_link: Some(deep_link.clone()),
                schedule: Schedule::Now,
            };
            message::create(transaction, &self.0, new, now).await?;
        }
        Ok(())
    }
}

/// Later messages are in the language of the customer's first order, unless they choose another.
async fn learn_language(
    transaction: &DatabaseTransaction,
    event: &Event,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str);
    if let (Some(customer), Some(language)) = (text("customerId"), text("language")) {
        let customer = IdKind::Customer.of_event(customer)?;
        if erased_customer::exists(transaction, customer).await? {
            return Ok(());
        }
        customer_settings::learn_locale(transaction, customer, language, DEFAULT_TIMEZONE, now)
            .await?;
    }
    Ok(())
}

/// The channels that can reach the customer. Whether they want a message is decided when it is sent.
async fn channels(
    transaction: &DatabaseTransaction,
    customer: Uuid,
) -> Result<Vec<NotificationChannel>, DbErr> {
    let mut channels = vec![NotificationChannel::Email];
    if device_token::count(transaction, customer).await? > 0 {
        channels.push(NotificationChannel::Push);
    }
    let settings = customer_settings::of_customers(transaction, &[customer]).await?;
    if settings
        .get(&customer)
        .is_some_and(|row| row.phone.is_some())
    {
        channels.push(NotificationChannel::Sms);
    }
    Ok(channels)
}
