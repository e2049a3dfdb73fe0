//! Records events for partners, and has their webhooks sent.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::notifications::partner_event::{self, NewPartnerEvent};
use entities::notifications::webhook_endpoint::{self, NewEndpoint};
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{HandleError, Handler};
use platform::tasks;

use crate::partner::Partners;
use crate::partner_event::{customer, select};
use crate::rules;
use crate::webhook_task::DeliverWebhooks;

/// Appends each event that some webhook gets to the log, and wakes those webhooks.
pub(crate) struct RecordPartnerEvents(pub(crate) Partners);

#[async_trait]
impl Handler for RecordPartnerEvents {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(known) = rules::partner_event::find(&event.event_type) else {
            return Ok(());
        };
        let customer_id = customer(event);
        let endpoints = self.0.endpoints_of(known, customer_id);
        if endpoints.is_empty() {
            return Ok(());
        }
        let new = NewPartnerEvent {
            event_id: event.id,
            event_type: event.event_type.clone(),
            object_id: event.aggregate_id.clone(),
            sequence: event.sequence,
            customer_id,
            // What no partner may see is not kept.
            data: select(known, &event.data, true),
            occurred_at: event.occurred_at,
        };
        let position = partner_event::append(transaction, new, now).await?;
        for endpoint in endpoints {
            let start = NewEndpoint {
                id: endpoint.id,
                client: &endpoint.client,
                webhook: &endpoint.subscription.id,
                position: position - 1,
            };
            webhook_endpoint::start(transaction, start, now).await?;
            let task = DeliverWebhooks::of(&endpoint);
            tasks::enqueue(transaction, &task, now, now).await?;
        }
        Ok(())
    }
}
