//! The push topics that a preference change joins or leaves, and with how many devices.

use std::collections::BTreeMap;

use super::preference_matrix::{NotificationCategory, NotificationChannel};
use super::preference_update::Change;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicAction {
    Subscribed,
    Unsubscribed,
}

/// A push topic that a customer's devices join or leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicChange {
    pub topic: String,
    pub action: TopicAction,
    /// How many of the customer's devices.
    pub device_tokens: i32,
}

/// The topics of a category for devices in these regions, with the devices on each.
fn topics(category: NotificationCategory, regions: &[&str]) -> BTreeMap<String, i32> {
    let mut topics = BTreeMap::new();
    for region in regions {
        let topic = match category {
            NotificationCategory::Deals => format!("vantage-deals-{region}"),
            NotificationCategory::Orders => "vantage-orders-all".to_owned(),
            NotificationCategory::Wishlist => "vantage-wishlist-updates".to_owned(),
            NotificationCategory::Social => "vantage-social-activity".to_owned(),
        };
        *topics.entry(topic).or_default() += 1;
    }
    topics
}

/// The topic changes of a customer whose devices are in these regions, one entry per device.
pub(crate) fn changes(changes: &[Change], regions: &[&str]) -> Vec<TopicChange> {
    changes
        .iter()
        .filter(|change| {
            change.channel == NotificationChannel::Push
                && change.before.enabled != change.after.enabled
        })
        .flat_map(|change| {
            let action = if change.after.enabled {
                TopicAction::Subscribed
            } else {
                TopicAction::Unsubscribed
            };
            topics(change.category, regions)
                .into_iter()
                .map(move |(topic, device_tokens)| TopicChange {
                    topic,
                    action,
                    device_tokens,
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::preference_matrix::Cell;

    fn change(
        channel: NotificationChannel,
        category: NotificationCategory,
        before: bool,
        after: bool,
    ) -> Change {
        let cell = |enabled| Cell {
            enabled,
            quiet_hours: None,
        };
        Change {
            channel,
            category,
            before: cell(before),
            after: cell(after),
        }
    }

    #[test]
    fn deals_go_by_region_and_other_categories_have_one_topic() {
        use NotificationCategory::{Deals, Social};
        use NotificationChannel::Push;
        let changed = changes(
            &[
                change(Push, Deals, true, false),
                change(Push, Social, false, true),
            ],
            &["us", "eu", "us"],
        );
        let to_event: Vec<_> = changed
            .iter()
            .map(|change| (change.topic.as_str(), change.action, change.device_tokens))
            .collect();
        assert_eq!(
            to_event,
            [
                ("vantage-deals-eu", TopicAction::Unsubscribed, 1),
                ("vantage-deals-us", TopicAction::Unsubscribed, 2),
                ("vantage-social-activity", TopicAction::Subscribed, 3),
            ]
        );
    }

    #[test]
    fn what_stays_as_it_was_and_what_is_not_push_changes_no_topic() {
        use NotificationCategory::Deals;
        use NotificationChannel::{Email, Push};
        let same = change(Push, Deals, true, true);
        let email = change(Email, Deals, true, false);
        assert!(changes(&[same, email], &["us"]).is_empty());
        assert!(changes(&[change(Push, Deals, true, false)], &[]).is_empty());
    }
}
