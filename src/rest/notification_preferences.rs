//! Notification preferences: which messages a customer receives, by channel and category.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use resolvers::id::IdKind;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{ErrorBody, RestError, UserError};
use super::fields::{Timestamp, graph_enum, id_in_path, present};
use super::openapi::{IdempotencyKey, Refused, RequestHeaders};
use super::operations::{NOTIFICATION_PREFERENCES, NOTIFICATION_PREFERENCES_UPDATE};
use super::request::RestRequest;

/// A delivery channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Channel {
    Push,
    Email,
    Sms,
}

/// A message category.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Category {
    Orders,
    Deals,
    Wishlist,
    Social,
}

/// Hours in the customer's time zone during which deals are held back; may cross midnight.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct QuietHours {
    /// `22:00`.
    start: String,
    end: String,
}

/// A customer's preferences.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Preferences {
    user_id: String,
    /// Always 12: 3 channels by 4 categories.
    preferences: Vec<Preference>,
    /// When the customer last changed a preference; 1970-01-01 if never.
    updated_at: Timestamp,
}

/// Whether messages of a category are enabled on a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Preference {
    channel: Channel,
    category: Category,
    enabled: bool,
    /// For push always present, null for none; for other channels absent if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<QuietHours>)]
    quiet_hours: Option<Option<QuietHours>>,
}

/// Preferences to change; others keep their values.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct PreferenceUpdates {
    updates: Vec<PreferenceUpdate>,
}

/// Changes to one preference; absent fields keep their values.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub(super) struct PreferenceUpdate {
    #[serde(serialize_with = "graph_enum::serialize")]
    channel: Channel,
    #[serde(serialize_with = "graph_enum::serialize")]
    category: Category,
    /// Absent: unchanged. It must not be null.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<bool>, nullable = false)]
    enabled: Option<Option<bool>>,
    /// Absent: unchanged. Null: removed.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<QuietHours>)]
    quiet_hours: Option<Option<QuietHours>>,
}

/// The result of an update.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpdatedPreferences {
    /// Number of preferences in the update.
    updated: i32,
    fcm_topic_changes: Vec<TopicChange>,
    updated_at: Timestamp,
}

/// A push topic that the customer's devices were subscribed to or unsubscribed from.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(super) struct TopicChange {
    topic: String,
    #[serde(deserialize_with = "graph_enum::deserialize")]
    action: TopicAction,
    /// Number of the customer's devices.
    device_tokens: i32,
}

/// What was done with a topic.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TopicAction {
    Subscribed,
    Unsubscribed,
}

/// Get the customer's notification preferences
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}/notification-preferences",
    operation_id = "getNotificationPreferences",
    tag = "notification preferences",
    security(("token" = [])),
    params(("id" = String, Path, description = "The customer's id"), RequestHeaders),
    responses(
        (status = 200, description = "The preferences", body = Preferences),
        (status = 404, description = "The account no longer exists: `NOT_FOUND`", body = ErrorBody),
        Refused,
    ),
)]
pub(super) async fn show(
    Extension(request): Extension<Arc<RestRequest>>,
    Path(user): Path<String>,
) -> Result<Response, RestError> {
    let graph::Me { me } = request.run(&NOTIFICATION_PREFERENCES, json!({})).await?;
    let customer = me.ok_or_else(|| RestError::not_found("This account no longer exists"))?;
    // The graph only has the caller's preferences, so the id is compared here.
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

/// Change the customer's notification preferences
#[utoipa::path(
    put,
    path = "/api/v1/users/{id}/notification-preferences",
    operation_id = "updateNotificationPreferences",
    tag = "notification preferences",
    security(("token" = [])),
    params(("id" = String, Path, description = "The customer's id"), RequestHeaders, IdempotencyKey),
    request_body = PreferenceUpdates,
    responses(
        (status = 200, description = "The changes", body = UpdatedPreferences),
        (status = 409, description = "The key was used with another body: `CONFLICT`", body = ErrorBody),
        (status = 422, description = "The body is invalid; problems are listed in `errors`", body = ErrorBody),
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
        tracing::error!("an update of preferences has no time");
        RestError::internal()
    })?;
    let body = UpdatedPreferences {
        updated: payload.updated,
        fcm_topic_changes: payload.topic_changes,
        updated_at,
    };
    request.answer(StatusCode::OK, &body)
}

/// Types of the operations' results.
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_graph_gets_a_null_where_the_client_sent_one() {
        let update = |members: Value| {
            let mut update = json!({ "channel": "push", "category": "deals" });
            let members = members.as_object().unwrap().clone();
            update.as_object_mut().unwrap().extend(members);
            let read: PreferenceUpdate = serde_json::from_value(update).unwrap();
            let mut sent = serde_json::to_value(read).unwrap();
            let sent = sent.as_object_mut().unwrap();
            assert_eq!(sent.remove("channel"), Some(json!("PUSH")));
            assert_eq!(sent.remove("category"), Some(json!("DEALS")));
            Value::Object(sent.clone())
        };
        assert_eq!(update(json!({})), json!({}));
        let nulls = update(json!({ "enabled": null, "quiet_hours": null }));
        assert_eq!(nulls, json!({ "enabled": null, "quietHours": null }));
        let off = json!({ "enabled": false });
        assert_eq!(update(off.clone()), off);
    }
}
