//! Mutations of preferences and devices.

use async_graphql::{Context, ID, Object};
use entities::notifications::device_token;
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::device_register::{self, DevicePayload, DeviceRegisterInput};
use crate::notification_preferences::NotificationPreferences;
use crate::notification_preferences_update::{
    self as preferences_update, NotificationPreferencesUpdateInput,
    NotificationPreferencesUpdatePayload, Outcome,
};
use crate::notification_read::{self, NotificationReadPayload};

pub(crate) struct Mutation;

/// Root fields of mutations, which change data. Those of one operation run one after another.
#[Object]
impl Mutation {
    /// Changes the given cells of the caller's preferences; the others stay as they are.
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
                let outcome =
                    preferences_update::update(&effect.transaction, customer, &input, now).await?;
                effect.commit(&outcome).await?;
                outcome
            }
        };
        payload(context, customer, outcome).await
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

    /// Registers one of the caller's devices for push messages, or updates it. A customer can have 20 devices; beyond that,
    /// those registered first are removed.
    #[graphql(directive = authenticated::apply())]
    async fn device_register(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The device to register.")] input: DeviceRegisterInput,
    ) -> ApiResult<DevicePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let user_errors = device_register::check(&input);
        if user_errors.is_empty() {
            let row = device_token::Model {
                token: input.token,
                customer_id: customer,
                platform: input.platform.into(),
                region: input
                    .region
                    .unwrap_or_else(|| device_register::REGIONS[0].to_owned()),
                created_at: state.clock.now(),
            };
            let transaction = state.database.begin().await?;
            device_token::upsert(&transaction, row).await?;
            device_token::forget_oldest(&transaction, customer, device_register::MAX_DEVICES)
                .await?;
            transaction.commit().await?;
        }
        device_payload(state, customer, user_errors).await
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
        device_token::delete(state.database.write(), customer, &token).await?;
        device_payload(state, customer, Vec::new()).await
    }
}

async fn payload(
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
