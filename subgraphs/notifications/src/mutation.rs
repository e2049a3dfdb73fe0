//! Mutations of preferences and devices.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entities::notifications::{customer_settings, device_token};
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::deal_schedule;
use crate::deal_schedule_input::{self, DealScheduleInput, DealSchedulePayload};
use crate::device_register::{self, DevicePayload, DeviceRegisterInput};
use crate::notification_contact_update::{
    self, NotificationContactUpdateInput, NotificationContactUpdatePayload,
};
use crate::notification_preferences::{DEFAULT_TIMEZONE, NotificationPreferences};
use crate::notification_preferences_update::{
    self as preferences_update, NotificationPreferencesUpdateInput,
    NotificationPreferencesUpdatePayload, Outcome,
};
use crate::notification_read::{self, NotificationReadPayload};
use crate::topic_change::{self, TopicChange};
use crate::topic_membership::TopicRecorder;

/// The scope of those who may schedule deals.
const MARKETING: &str = "marketing";

pub(crate) struct Mutation;

/// Root fields of mutations, which change data. Those of one operation run one after another.
#[Object]
impl Mutation {
    /// Changes the given cells of the caller's preferences; the others stay as they are. A customer who was erased gets
    /// messages again once they turn a cell on.
    #[graphql(directive = authenticated::apply())]
    async fn notification_preferences_update(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The caller's own id, `usr_…`.")] customer_id: ID,
        #[graphql(desc = "The changes.")] input: NotificationPreferencesUpdateInput,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 7 days returns the same outcome and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<NotificationPreferencesUpdatePayload> {
        access::customer(context)?;
        let customer = access::owner(
            context,
            IdKind::Customer.argument("customerId", &customer_id)?,
            "You can only update your own notification preferences",
        )?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: customer.to_string(),
            operation: "notificationPreferencesUpdate",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(outcome) = keyed.previous_outcome().await? {
            return payload(context, customer, outcome).await;
        }
        if let Some(index) = preferences_update::null_enabled(&input) {
            return Err(ApiError::bad_user_input(format!(
                "input.updates.{index}.enabled must be true or false: omit it to keep the current value"
            )));
        }
        let user_errors = preferences_update::check(&input);
        if !user_errors.is_empty() {
            return Ok(NotificationPreferencesUpdatePayload {
                user_errors,
                ..Default::default()
            });
        }
        let outcome = match keyed.begin().await? {
            Attempt::Replay(outcome) => outcome,
            Attempt::First(effect) => {
                let due_at = topics_due_at(context, now);
                let outcome =
                    preferences_update::update(&effect.transaction, customer, &input, due_at, now);
                let outcome = outcome.await?;
                effect.commit(&outcome).await?;
                outcome
            }
        };
        payload(context, customer, outcome).await
    }

    /// Sets the language of messages to the caller, and their number for text messages: both, or nothing if one is refused.
    /// A customer who was erased gets messages again once they set one.
    #[graphql(directive = authenticated::apply())]
    async fn notification_contact_update(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to change.")] input: NotificationContactUpdateInput,
    ) -> ApiResult<NotificationContactUpdatePayload> {
        notification_contact_update::update(context, input).await
    }

    /// Marks messages to the caller as read. Those that were not sent, and those of others, are left out.
    #[graphql(directive = authenticated::apply())]
    async fn notification_read(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The messages' ids, `ntf_…`, at most 100.")] ids: Vec<ID>,
    ) -> ApiResult<NotificationReadPayload> {
        notification_read::mark(context, &ids).await
    }

    /// Schedules a deal as a push message to customers: for all of them, or for none if the input has an error. Each gets it
    /// within its window and outside their quiet hours. It is not scheduled for those who cannot get it, which `notScheduled`
    /// names.
    #[graphql(requires_scopes = "marketing")]
    async fn deal_schedule(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The deal.")] input: DealScheduleInput,
        #[graphql(
            desc = "A fresh UUID for each request. Repeating a request with its key schedules nothing more."
        )]
        idempotency_key: String,
    ) -> ApiResult<DealSchedulePayload> {
        let actor = access::actor(context, MARKETING)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: actor.key_owner,
            operation: "dealSchedule",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(payload) = keyed.previous_outcome().await? {
            return Ok(payload);
        }
        let deals = match deal_schedule_input::check(&input, now) {
            Ok(deals) => deals,
            Err(user_errors) => {
                return Ok(DealSchedulePayload {
                    user_errors,
                    ..DealSchedulePayload::default()
                });
            }
        };
        match keyed.begin().await? {
            Attempt::Replay(payload) => Ok(payload),
            Attempt::First(effect) => {
                let plan = deal_schedule::schedule(&effect.transaction, deals, now).await?;
                let payload = DealSchedulePayload::from(&plan);
                effect.commit(&payload).await?;
                plan.counts.count();
                Ok(payload)
            }
        }
    }

    /// Registers one of the caller's devices for push messages, or updates it. A customer can have 20 devices; beyond that,
    /// those registered first are removed. FORBIDDEN for a customer who was erased and has not asked for messages since.
    #[graphql(directive = authenticated::apply())]
    async fn device_register(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The device to register.")] input: DeviceRegisterInput,
    ) -> ApiResult<DevicePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let user_errors = device_register::check(&input);
        if !user_errors.is_empty() {
            let none = Vec::new();
            return device_payload(context, customer, none, user_errors).await;
        }
        let now = state.clock.now();
        let device = device_token::Model {
            token: input.token,
            customer_id: customer,
            platform: input.platform.into(),
            region: input
                .region
                .unwrap_or_else(|| device_register::REGIONS[0].to_owned()),
            created_at: now,
            topics_set_at: Some(now),
        };
        let transaction = state.database.begin().await?;
        let recorder = TopicRecorder {
            transaction: &transaction,
            customer,
            now,
            due_at: Some(topics_due_at(context, now)),
        };
        let topic_changes = device_register::register(&recorder, device).await?;
        transaction.commit().await?;
        device_payload(context, customer, topic_changes, user_errors).await
    }

    /// Removes one of the caller's devices. A token that the caller does not have changes nothing.
    #[graphql(directive = authenticated::apply())]
    async fn device_unregister(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token that the device was registered with.")] token: String,
    ) -> ApiResult<DevicePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        customer_settings::lock(&transaction, customer, DEFAULT_TIMEZONE).await?;
        let mut topic_changes = Vec::new();
        if device_token::delete(&transaction, customer, &token).await? {
            let recorder = TopicRecorder {
                transaction: &transaction,
                customer,
                now,
                due_at: Some(topics_due_at(context, now)),
            };
            let left = recorder.remove_devices(&[token]).await?;
            topic_changes = left.into_iter().map(TopicChange::from).collect();
        }
        transaction.commit().await?;
        device_payload(context, customer, topic_changes, Vec::new()).await
    }
}

/// Whether the client asks if the push service has made the topic changes.
fn waits_for_topics(context: &Context<'_>) -> bool {
    let selected = context.look_ahead();
    selected.field("topicChanges").field("status").exists()
}

/// When the topic changes are made in the background: later, if the request makes them itself.
fn topics_due_at(context: &Context<'_>, now: DateTime<Utc>) -> DateTime<Utc> {
    if waits_for_topics(context) {
        now + topic_change::BACKGROUND
    } else {
        now
    }
}

/// Makes the changes and reports which are made, if the client asks for that.
async fn report_topics(
    context: &Context<'_>,
    customer: Uuid,
    changes: &mut [TopicChange],
) -> ApiResult<()> {
    if changes.is_empty() || !waits_for_topics(context) {
        return Ok(());
    }
    let state = context.data_unchecked::<State>();
    topic_change::make_now(state, customer).await?;
    topic_change::set_statuses(state, customer, changes).await
}

async fn payload(
    context: &Context<'_>,
    customer: Uuid,
    outcome: Outcome,
) -> ApiResult<NotificationPreferencesUpdatePayload> {
    let mut topic_changes = outcome.topic_changes;
    report_topics(context, customer, &mut topic_changes).await?;
    Ok(NotificationPreferencesUpdatePayload {
        updated: outcome.updated,
        topic_changes,
        notification_preferences: Some(NotificationPreferences::load(context, customer).await?),
        updated_at: Some(outcome.updated_at.into()),
        user_errors: Vec::new(),
    })
}

async fn device_payload(
    context: &Context<'_>,
    customer: Uuid,
    mut topic_changes: Vec<TopicChange>,
    user_errors: Vec<InputError>,
) -> ApiResult<DevicePayload> {
    report_topics(context, customer, &mut topic_changes).await?;
    let state = context.data_unchecked::<State>();
    let devices = device_token::count(state.database.write(), customer).await?;
    Ok(DevicePayload {
        device_tokens: i32::try_from(devices).unwrap_or(i32::MAX),
        topic_changes,
        user_errors,
    })
}
