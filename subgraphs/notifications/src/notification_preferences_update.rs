//! `notificationPreferencesUpdate`: changes cells of a customer's preference matrix.

use async_graphql::{InputObject, MaybeUndefined, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::notifications::{customer_settings, device_token, erased_customer, preference};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::ApiResult;
use resolvers::id::IdKind;
use resolvers::scalars::{DateTime, LocalTime};
use resolvers::user_error::{InputError, UserErrorCode};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::deal_recalculate;
use crate::events::{self, CellUpdated, PreferencesUpdated, TopicUpdated};
use crate::notification_preferences::{
    DEFAULT_TIMEZONE, NotificationCategory, NotificationChannel, NotificationPreferences, matrix,
};
use crate::rules::preference_matrix;
use crate::rules::preference_update::{self, CellUpdate, Change};
use crate::rules::topics::{self, PushCategories};
use crate::topic_change::TopicChange;
use crate::topic_membership::TopicRecorder;

/// The number of cells; an update with more must repeat one.
const CELLS: usize = 12;

/// The hours of the day during which deals are held back, in the customer's time zone. They may cross midnight.
#[derive(Clone, Copy, Debug, Serialize, InputObject)]
pub(crate) struct QuietHoursInput {
    /// When they begin.
    pub start: LocalTime,
    /// When they end, which is not when they begin.
    pub end: LocalTime,
}

/// A change of one cell. What is absent stays as it is.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct NotificationPreferenceUpdate {
    /// How the messages are sent.
    pub channel: NotificationChannel,
    /// What the messages are about.
    pub category: NotificationCategory,
    /// Whether the customer wants them. It must not be null.
    // Absent and null are different inputs, which an idempotency key must distinguish.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub enabled: MaybeUndefined<bool>,
    /// When deals are held back. Null clears the quiet hours.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub quiet_hours: MaybeUndefined<QuietHoursInput>,
}

/// A change of a customer's preferences.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct NotificationPreferencesUpdateInput {
    /// The cells to change, each at most once.
    pub updates: Vec<NotificationPreferenceUpdate>,
    /// The time zone of quiet hours, by its IANA name, such as "America/New_York". What is absent stays as it is.
    pub timezone: Option<String>,
}

/// The outcome of `notificationPreferencesUpdate`.
#[derive(Clone, Debug, Default, SimpleObject)]
pub(crate) struct NotificationPreferencesUpdatePayload {
    /// How many cells the update contained; 0 if there are errors.
    pub updated: i32,
    /// The push topics that the caller's devices joined or left.
    pub topic_changes: Vec<TopicChange>,
    /// All of the caller's preferences as they are now; null if there are errors.
    pub notification_preferences: Option<NotificationPreferences>,
    /// When the update was made; null if there are errors.
    pub updated_at: Option<DateTime>,
    /// Why nothing was changed; empty if the update was made.
    pub user_errors: Vec<InputError>,
}

/// The result stored under an update's idempotency key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub updated: i32,
    pub topic_changes: Vec<TopicChange>,
    pub updated_at: Time<Utc>,
}

/// The index of the first update with a null `enabled`, which can neither keep nor clear a value, since a cell is
/// always on or off.
pub(crate) fn null_enabled(input: &NotificationPreferencesUpdateInput) -> Option<usize> {
    let mut updates = input.updates.iter();
    updates.position(|update| update.enabled.is_null())
}

/// All errors of the input.
pub(crate) fn check(input: &NotificationPreferencesUpdateInput) -> Vec<InputError> {
    let mut errors = Vec::new();
    if let Some(timezone) = &input.timezone
        && timezone.parse::<chrono_tz::Tz>().is_err()
    {
        errors.push(InputError::new(
            UserErrorCode::InvalidTimezone,
            "This is not an IANA time zone, such as America/New_York",
            &["input", "timezone"],
        ));
    }
    for (index, update) in input.updates.iter().enumerate() {
        let position = index.to_string();
        if let MaybeUndefined::Value(hours) = &update.quiet_hours
            && hours.start == hours.end
        {
            errors.push(InputError::new(
                UserErrorCode::InvalidQuietHours,
                "Quiet hours must start and end at different times; null clears them",
                &["input", "updates", &position, "quietHours"],
            ));
        }
        let twice = input.updates[..index]
            .iter()
            .any(|other| (other.channel, other.category) == (update.channel, update.category));
        if twice || index >= CELLS {
            errors.push(InputError::new(
                UserErrorCode::DuplicatePreference,
                "This channel and category are listed twice",
                &["input", "updates", &position],
            ));
        }
    }
    errors
}

/// The validated input as the rules take it.
fn cell_updates(input: &NotificationPreferencesUpdateInput) -> Vec<CellUpdate> {
    let updates = input.updates.iter().map(|update| CellUpdate {
        channel: update.channel.into(),
        category: update.category.into(),
        enabled: match update.enabled {
            MaybeUndefined::Value(enabled) => Some(enabled),
            MaybeUndefined::Null | MaybeUndefined::Undefined => None,
        },
        quiet_hours: match update.quiet_hours {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(hours) => Some(Some(preference_matrix::QuietHours {
                start: hours.start.0,
                end: hours.end.0,
            })),
        },
    });
    updates.collect()
}

/// Writes the validated input's changes. A customer who was erased and turns a cell on gets messages again.
pub(crate) async fn update(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    input: &NotificationPreferencesUpdateInput,
    topics_due_at: Time<Utc>,
    now: Time<Utc>,
) -> ApiResult<Outcome> {
    let (timezone, updates) = (input.timezone.as_deref(), cell_updates(input));
    let outcome = change(
        transaction,
        customer,
        timezone,
        &updates,
        topics_due_at,
        now,
    )
    .await?;
    if updates.iter().any(|update| update.enabled == Some(true)) {
        erased_customer::delete(transaction, customer).await?;
    }
    Ok(outcome)
}

/// The only way to change preferences, for the mutation and for links that unsubscribe. Writes the changes, the push
/// topics and their event. Starts with the settings, whose row serializes changes of one customer. Topics are changed by
/// `topics_due_at` at the latest.
pub(crate) async fn change(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    timezone: Option<&str>,
    updates: &[CellUpdate],
    topics_due_at: Time<Utc>,
    now: Time<Utc>,
) -> Result<Outcome, DbErr> {
    let settings =
        customer_settings::touch(transaction, customer, timezone, DEFAULT_TIMEZONE, now).await?;

    let mut cells = preference::of_customers(transaction, &[customer]).await?;
    let mut matrix = matrix(&cells.remove(&customer).unwrap_or_default());
    let changes = preference_update::apply(&mut matrix, updates);
    let rows = changes
        .iter()
        .map(|change| row(customer, change, now))
        .collect();
    preference::upsert(transaction, rows).await?;

    if timezone.is_some() || changes.iter().any(Change::reschedules_deals) {
        deal_recalculate::enqueue(transaction, customer, now).await?;
    }
    let changed = PushCategories::changed(&changes);
    let devices = if changed.is_empty() {
        Vec::new()
    } else {
        device_token::of_customer(transaction, customer).await?
    };
    let recorder = TopicRecorder {
        transaction,
        customer,
        now,
        due_at: Some(topics_due_at),
    };
    recorder
        .record(&devices, PushCategories::of(&matrix), changed)
        .await?;
    let regions: Vec<_> = devices
        .iter()
        .map(|device| device.region.as_str())
        .collect();
    let topic_changes = topics::changes(&changes, &regions);
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
                cells: changes.iter().map(CellUpdated::from).collect(),
                timezone: &settings.timezone,
                topics: topic_changes.iter().map(TopicUpdated::from).collect(),
            },
        },
        now,
    )
    .await?;
    Ok(Outcome {
        updated: i32::try_from(changes.len()).unwrap_or(i32::MAX),
        topic_changes: topic_changes.into_iter().map(TopicChange::from).collect(),
        updated_at: now,
    })
}

/// A changed cell as it is stored.
fn row(customer_id: Uuid, change: &Change, updated_at: Time<Utc>) -> preference::Model {
    preference::Model {
        customer_id,
        channel: change.channel,
        category: change.category,
        enabled: change.after.enabled,
        quiet_hours_start: change.after.quiet_hours.map(|hours| hours.start),
        quiet_hours_end: change.after.quiet_hours.map(|hours| hours.end),
        updated_at,
        migrated: false,
    }
}
