//! Changes to preferences and devices. `notificationPreferencesUpdate` is the pattern of every
//! mutation: caller, key, input, one transaction with key, change and event, answer.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::notifications::{customer_settings, device_token, preference};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::scalars::DateTime;
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::device::{self, DevicePayload, DeviceRegisterInput};
use crate::events::{self, CellUpdated, PreferencesUpdated};
use crate::preferences::{
    DEFAULT_TIMEZONE, NotificationPreferences, NotificationPreferencesUpdateInput, matrix,
};
use crate::rules::update::Change;
use crate::rules::{topics, update};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Enum)]
pub(crate) enum TopicAction {
    Subscribed,
    Unsubscribed,
}

/// A push topic that the caller's devices joined or left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
pub(crate) struct TopicChange {
    pub topic: String,
    pub action: TopicAction,
    /// How many of the caller's devices.
    pub device_tokens: i32,
}

#[derive(Clone, Debug, Default, SimpleObject)]
pub(crate) struct NotificationPreferencesUpdatePayload {
    /// Cells that the update named.
    pub updated: i32,
    pub topic_changes: Vec<TopicChange>,
    pub notification_preferences: Option<NotificationPreferences>,
    pub updated_at: Option<DateTime>,
    pub user_errors: Vec<InputError>,
}

/// What an idempotency key remembers of an update.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    updated: i32,
    topic_changes: Vec<TopicChange>,
    updated_at: Time<Utc>,
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    /// Changes the named cells of the caller's matrix; the others stay as they are.
    #[graphql(directive = authenticated::apply())]
    async fn notification_preferences_update(
        &self,
        context: &Context<'_>,
        customer_id: ID,
        input: NotificationPreferencesUpdateInput,
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
            caller: customer,
            operation: "notificationPreferencesUpdate",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(outcome) = keyed.previous_outcome().await? {
            return answer(context, customer, outcome).await;
        }
        if let Some(index) = update::null_enabled(&input) {
            return Err(ApiError::bad_user_input(format!(
                "input.updates.{index}.enabled must be true or false: leave it out to keep it as it is"
            )));
        }
        let user_errors = update::check(&input);
        if !user_errors.is_empty() {
            return Ok(NotificationPreferencesUpdatePayload {
                user_errors,
                ..Default::default()
            });
        }
        let outcome = match keyed.begin().await? {
            Attempt::Replay(outcome) => outcome,
            Attempt::First(effect) => {
                let outcome =
                    change_preferences(&effect.transaction, customer, &input, now).await?;
                effect.commit(&outcome).await?;
                outcome
            }
        };
        answer(context, customer, outcome).await
    }

    /// Registers a device of the caller for push. A customer has 20 devices: of more, those go that were registered
    /// first.
    #[graphql(directive = authenticated::apply())]
    async fn device_register(
        &self,
        context: &Context<'_>,
        input: DeviceRegisterInput,
    ) -> ApiResult<DevicePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let user_errors = device::check(&input);
        if user_errors.is_empty() {
            let row = device_token::Model {
                token: input.token,
                customer_id: customer,
                platform: input.platform.as_str().to_owned(),
                region: input
                    .region
                    .unwrap_or_else(|| device::REGIONS[0].to_owned()),
                created_at: state.clock.now(),
            };
            let transaction = state.database.begin().await?;
            device_token::put(&transaction, row).await?;
            device_token::forget_oldest(&transaction, customer, device::MAX_DEVICES).await?;
            transaction.commit().await?;
        }
        device_payload(state, customer, user_errors).await
    }

    /// Forgets a device of the caller. A token the caller does not have changes nothing.
    #[graphql(directive = authenticated::apply())]
    async fn device_unregister(
        &self,
        context: &Context<'_>,
        token: String,
    ) -> ApiResult<DevicePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        device_token::delete(state.database.write(), customer, &token).await?;
        device_payload(state, customer, Vec::new()).await
    }
}

async fn answer(
    context: &Context<'_>,
    customer: Uuid,
    outcome: Outcome,
) -> ApiResult<NotificationPreferencesUpdatePayload> {
    Ok(NotificationPreferencesUpdatePayload {
        updated: outcome.updated,
        topic_changes: outcome.topic_changes,
        notification_preferences: Some(NotificationPreferences::load(context, customer).await?),
        updated_at: Some(outcome.updated_at.into()),
        user_errors: Vec::new(),
    })
}

/// The change itself: settings first, whose row makes changes of one customer take turns.
async fn change_preferences(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    input: &NotificationPreferencesUpdateInput,
    now: Time<Utc>,
) -> ApiResult<Outcome> {
    let timezone = input.timezone.as_deref();
    let settings =
        customer_settings::touch(transaction, customer, timezone, DEFAULT_TIMEZONE, now).await?;

    let mut cells = preference::of_customers(transaction, &[customer]).await?;
    let mut matrix = matrix(&cells.remove(&customer).unwrap_or_default())?;
    let changes = update::apply(&mut matrix, input);
    let rows = changes
        .iter()
        .map(|change| row(customer, change, now))
        .collect();
    preference::put(transaction, rows).await?;

    let devices = device_token::of_customer(transaction, customer).await?;
    let regions: Vec<_> = devices
        .iter()
        .map(|device| device.region.as_str())
        .collect();
    let customer_id = IdKind::Customer.format(customer);
    outbox::append(
        transaction,
        NewEvent {
            topic: events::TOPIC,
            event_type: events::PREFERENCES_UPDATED,
            aggregate_id: &customer_id,
            data: PreferencesUpdated {
                version: 1,
                customer_id: &customer_id,
                cells: changes.iter().map(told).collect(),
                timezone: &settings.timezone,
            },
        },
        now,
    )
    .await?;
    Ok(Outcome {
        updated: i32::try_from(changes.len()).unwrap_or(i32::MAX),
        topic_changes: topics::changes(&changes, &regions),
        updated_at: now,
    })
}

fn row(customer_id: Uuid, change: &Change, updated_at: Time<Utc>) -> preference::Model {
    preference::Model {
        customer_id,
        channel: change.channel.as_str().to_owned(),
        category: change.category.as_str().to_owned(),
        enabled: change.after.enabled,
        quiet_hours_start: change.after.quiet_hours.map(|hours| hours.start.0),
        quiet_hours_end: change.after.quiet_hours.map(|hours| hours.end.0),
        updated_at,
    }
}

fn told(change: &Change) -> CellUpdated {
    CellUpdated {
        channel: change.channel.as_str(),
        category: change.category.as_str(),
        enabled: change.after.enabled,
    }
}

async fn device_payload(
    state: &State,
    customer: Uuid,
    user_errors: Vec<InputError>,
) -> ApiResult<DevicePayload> {
    let devices = device_token::count(state.database.write(), customer).await?;
    Ok(DevicePayload {
        device_tokens: i32::try_from(devices).unwrap_or(i32::MAX),
        user_errors,
    })
}
