//! The events this domain publishes through its outbox.

use serde::Serialize;

use crate::rules::preference_update::Change;

pub(crate) const TOPIC: &str = "notification.events";
pub(crate) const PREFERENCES_UPDATED: &str = "notification.preferences_updated";

/// A customer changed preferences. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreferencesUpdated<'a> {
    pub version: u32,
    pub customer_id: &'a str,
    pub cells: Vec<CellUpdated>,
    pub timezone: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct CellUpdated {
    pub channel: &'static str,
    pub category: &'static str,
    pub enabled: bool,
}

impl From<&Change> for CellUpdated {
    fn from(change: &Change) -> Self {
        Self {
            channel: change.channel.as_str(),
            category: change.category.as_str(),
            enabled: change.after.enabled,
        }
    }
}
