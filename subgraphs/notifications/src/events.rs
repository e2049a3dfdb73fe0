//! The events this domain publishes through its outbox.

use platform::event_type::EventType;
use schemars::JsonSchema;
use serde::Serialize;

use crate::rules::preference_matrix::QuietHours;
use crate::rules::preference_update::Change;
use crate::rules::topics::{TopicAction, TopicChange};

pub(crate) const TOPIC: &str = "notification.events";
pub(crate) const PREFERENCES_UPDATED: &str = "notification.preferences_updated";

/// The events this domain publishes.
pub const TYPES: &[EventType] = &[EventType::new::<PreferencesUpdated<'_>>(
    TOPIC,
    PREFERENCES_UPDATED,
)];

/// A customer changed preferences. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreferencesUpdated<'a> {
    pub version: u32,
    pub customer_id: &'a str,
    pub cells: Vec<CellUpdated>,
    pub timezone: &'a str,
    /// The push topics that devices are to join or leave.
    pub topics: Vec<TopicUpdated>,
}

/// A cell as it is now and was before, for analytics.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CellUpdated {
    pub channel: &'static str,
    pub category: &'static str,
    pub enabled: bool,
    pub enabled_before: bool,
    pub quiet_hours: Option<Hours>,
    pub quiet_hours_before: Option<Hours>,
}

/// Quiet hours as `HH:MM`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Hours {
    pub start: String,
    pub end: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicUpdated {
    pub topic: String,
    pub action: &'static str,
    pub device_tokens: i32,
}

impl From<&Change> for CellUpdated {
    fn from(change: &Change) -> Self {
        Self {
            channel: change.channel.as_str(),
            category: change.category.as_str(),
            enabled: change.after.enabled,
            enabled_before: change.before.enabled,
            quiet_hours: change.after.quiet_hours.map(Hours::from),
            quiet_hours_before: change.before.quiet_hours.map(Hours::from),
        }
    }
}

impl From<QuietHours> for Hours {
    fn from(hours: QuietHours) -> Self {
        Self {
            start: hours.start.format("%H:%M").to_string(),
            end: hours.end.format("%H:%M").to_string(),
        }
    }
}

impl From<&TopicChange> for TopicUpdated {
    fn from(change: &TopicChange) -> Self {
        Self {
            topic: change.topic.clone(),
            action: match change.action {
                TopicAction::Subscribed => "subscribed",
                TopicAction::Unsubscribed => "unsubscribed",
            },
            device_tokens: change.device_tokens,
        }
    }
}
