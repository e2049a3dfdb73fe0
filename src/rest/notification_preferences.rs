//! Notification preferences: which messages a customer wants, by channel and category.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use resolvers::id::IdKind;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{ErrorBody, RestError, UserError};
use super::fields::{Timestamp, graph_enum, id_in_path};
use super::openapi::{IdempotencyKey, Refused, RequestHeaders};
use super::operations::{NOTIFICATION_PREFERENCES, NOTIFICATION_PREFERENCES_UPDATE};
use super::request::RestRequest;

/// The way that messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Channel {
    Push,
    Email,
    Sms,
}

/// What messages are about.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Category {
    Orders,
    Deals,
    Wishlist,
    Social,
}

/// Hours of the customer's day in which deals wait; may cross midnight.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct QuietHours {
    /// `22:00`.
    start: String,
    end: String,
}

/// The preferences of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Preferences {
    user_id: String,
    /// Always 12: 3 channels by 4 categories.
    preferences: Vec<Preference>,
    /// When the customer last changed anything; the beginning of 1970 for one who never has.
    updated_at: Timestamp,
}

/// Whether messages of a category are wanted on a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Preference {
    channel: Channel,
    category: Category,
    enabled: bool,
    /// Of push always there, null for none; of other channels absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<QuietHours>)]
    quiet_hours: Option<Option<QuietHours>>,
}

/// What is to be changed; the other preferences stay as they are.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct PreferenceUpdates {
    updates: Vec<PreferenceUpdate>,
}

/// A change of one preference: what is absent stays as it is.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub(super) struct PreferenceUpdate {
    #[serde(serialize_with = "graph_enum::serialize")]
    channel: Channel,
    #[serde(serialize_with = "graph_enum::serialize")]
    category: Category,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    /// Absent: as they are. Null: none.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<QuietHours>)]
    quiet_hours: Option<Option<QuietHours>>,
}

/// A value that is there, null too.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What an update came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpdatedPreferences {
    /// Preferences that the update named.
    updated: i32,
    fcm_topic_changes: Vec<TopicChange>,
    updated_at: Timestamp,
}

/// A push topic that the customer's devices joined or left.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(super) struct TopicChange {
    topic: String,
    #[serde(deserialize_with = "graph_enum::deserialize")]
    action: TopicAction,
    /// How many of the customer's devices.
    device_tokens: i32,
}

/// What became of a topic.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TopicAction {
    Subscribed,
    Unsubscribed,
}

/// See which messages the customer wants.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}/notification-preferences",
    operation_id = "getNotificationPreferences",
    tag = "notification preferences",
    security(("token" = [])),
    params(("id" = String, Path, description = "The customer's id"), RequestHeaders),
    responses(
        (status = 200, description = "The preferences", body = Preferences),
        (status = 404, description = "The account is gone: `NOT_FOUND`", body = ErrorBody),
        Refused,
    ),
)]
pub(super) async fn show(
    Extension(request): Extension<Arc<RestRequest>>,
    Path(user): Path<String>,
) -> Result<Response, RestError> {
    let graph::Me { me } = request.run(&NOTIFICATION_PREFERENCES, json!({})).await?;
    let customer =
        me.ok_or_else(|| RestError::not_found("This account does not exist any more"))?;
    // The graph has preferences of the caller only, so whose they are is compared here.
    if customer.id != user {
        return Err(RestError::forbidden(
            "You can only see your own notification preferences",
        ));
    }
    let found = customer.notification_preferences;
    let preferences = found.preferences.into_iter().map(|cell| Preference {
        quiet_hours: match (cell.channel, cell.quiet_hours) {
            (Channel::Push, hours) => Some(hours),
            (_, hours) => hours.map(Some),
        },
        channel: cell.channel,
        category: cell.category,
        enabled: cell.enabled,
    });
    let body = Preferences {
        user_id: customer.id,
        preferences: preferences.collect(),
        updated_at: found.updated_at,
    };
    request.answer(StatusCode::OK, &body)
}

/// Change which messages the customer wants.
#[utoipa::path(
    put,
    path = "/api/v1/users/{id}/notification-preferences",
    operation_id = "updateNotificationPreferences",
    tag = "notification preferences",
    security(("token" = [])),
    params(("id" = String, Path, description = "The customer's id"), RequestHeaders, IdempotencyKey),
    request_body = PreferenceUpdates,
    responses(
        (status = 200, description = "What has changed", body = UpdatedPreferences),
        (status = 409, description = "The key was used with another body: `CONFLICT`", body = ErrorBody),
        (status = 422, description = "The body has mistakes, listed in `errors`", body = ErrorBody),
        Refused,
    ),
)]
pub(super) async fn update(
    Extension(request): Extension<Arc<RestRequest>>,
    Path(user): Path<String>,
) -> Result<Response, RestError> {
    let input: PreferenceUpdates = request.json()?;
    let variables = json!({
        "customerId": id_in_path(IdKind::Customer, &user),
        "input": input,
        "idempotencyKey": request.idempotency_key()?,
    });
    let operation = &NOTIFICATION_PREFERENCES_UPDATE;
    let graph::Update { payload } = request.run(operation, variables).await?;
    if let Some(error) = RestError::of_user(payload.user_errors) {
        return Err(error);
    }
    let updated_at = payload.updated_at.ok_or_else(|| {
        tracing::error!("preferences were updated at no time");
        RestError::internal()
    })?;
    let body = UpdatedPreferences {
        updated: payload.updated,
        fcm_topic_changes: payload.topic_changes,
        updated_at,
    };
    request.answer(StatusCode::OK, &body)
}

/// What the operations answer.
mod graph {
    use super::*;

    #[derive(Deserialize)]
    pub(super) struct Me {
        pub(super) me: Option<Customer>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Customer {
        pub(super) id: String,
        pub(super) notification_preferences: Preferences,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Preferences {
        pub(super) preferences: Vec<Preference>,
        pub(super) updated_at: Timestamp,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Preference {
        #[serde(deserialize_with = "graph_enum::deserialize")]
        pub(super) channel: Channel,
        #[serde(deserialize_with = "graph_enum::deserialize")]
        pub(super) category: Category,
        pub(super) enabled: bool,
        pub(super) quiet_hours: Option<QuietHours>,
    }

    #[derive(Deserialize)]
    pub(super) struct Update {
        #[serde(rename = "notificationPreferencesUpdate")]
        pub(super) payload: Payload,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Payload {
        pub(super) updated: i32,
        pub(super) topic_changes: Vec<TopicChange>,
        pub(super) updated_at: Option<Timestamp>,
        pub(super) user_errors: Vec<UserError>,
    }
}
