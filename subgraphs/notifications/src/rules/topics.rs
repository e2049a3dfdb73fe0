//! The push topics that devices are subscribed to, and those that a change joins or leaves.

use std::collections::BTreeMap;

use super::preference_matrix::{Matrix, NotificationCategory, NotificationChannel};
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

/// The topic of a category for a device in this region.
pub(crate) fn topic(category: NotificationCategory, region: &str) -> String {
    match category {
        NotificationCategory::Deals => format!("vantage-deals-{region}"),
        NotificationCategory::Orders => "vantage-orders-all".to_owned(),
        NotificationCategory::Wishlist => "vantage-wishlist-updates".to_owned(),
        NotificationCategory::Social => "vantage-social-activity".to_owned(),
    }
}

/// The topics of a category for devices in these regions, with the devices on each.
fn topics(category: NotificationCategory, regions: &[&str]) -> BTreeMap<String, i32> {
    let mut topics = BTreeMap::new();
    for region in regions {
        *topics.entry(topic(category, region)).or_default() += 1;
    }
    topics
}

/// The categories that a customer wants as push messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PushCategories([bool; NotificationCategory::ALL.len()]);

impl PushCategories {
    pub(crate) fn of(matrix: &Matrix) -> Self {
        Self(std::array::from_fn(|category| {
            let category = NotificationCategory::ALL[category];
            matrix.cell(NotificationChannel::Push, category).enabled
        }))
    }

    pub(crate) fn contains(self, category: NotificationCategory) -> bool {
        self.0[category as usize]
    }

    /// The categories whose push messages were turned on or off.
    pub(crate) fn changed(changes: &[Change]) -> Self {
        Self(std::array::from_fn(|category| {
            changes.iter().any(|change| {
                change.channel == NotificationChannel::Push
                    && change.category as usize == category
                    && change.before.enabled != change.after.enabled
            })
        }))
    }

    pub(crate) fn none() -> Self {
        Self([false; NotificationCategory::ALL.len()])
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::none()
    }
}

/// What is recorded of a device and a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub topic: String,
    /// Whether the device is to be subscribed.
    pub subscribed: bool,
}

/// What to record of a device in this region, given what is recorded: only what differs. `changed` categories are also
/// recorded if the device is to leave a topic of which nothing is recorded, since it may have joined it before.
pub(crate) fn memberships(
    recorded: &[Membership],
    region: &str,
    wanted: PushCategories,
    changed: PushCategories,
) -> Vec<Membership> {
    let mut new = Vec::new();
    let mut current = Vec::new();
    for &category in NotificationCategory::ALL {
        let topic = topic(category, region);
        let subscribed = wanted.contains(category);
        let known = recorded.iter().find(|known| known.topic == topic);
        let differs = match known {
            Some(known) => known.subscribed != subscribed,
            None => subscribed || changed.contains(category),
        };
        current.push(topic.clone());
        if differs {
            new.push(Membership { topic, subscribed });
        }
    }
    // Such as the deals of the region that the device was in before.
    let left = recorded
        .iter()
        .filter(|known| known.subscribed && !current.contains(&known.topic));
    new.extend(left.map(|known| Membership {
        topic: known.topic.clone(),
        subscribed: false,
    }));
    new
}

/// One entry for each topic and action, with the number of devices.
pub(crate) fn counted(memberships: Vec<Membership>) -> Vec<TopicChange> {
    let mut counts: BTreeMap<(String, bool), i32> = BTreeMap::new();
    for Membership { topic, subscribed } in memberships {
        *counts.entry((topic, subscribed)).or_default() += 1;
    }
    let changes = counts.into_iter();
    let changes = changes.map(|((topic, subscribed), device_tokens)| TopicChange {
        topic,
        action: if subscribed {
            TopicAction::Subscribed
        } else {
            TopicAction::Unsubscribed
        },
        device_tokens,
    });
    changes.collect()
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
    use proptest::prelude::*;

    use super::*;
    use crate::rules::preference_matrix::Cell;

    fn recorded(topics: &[(&str, bool)]) -> Vec<Membership> {
        let known = topics.iter().map(|(topic, subscribed)| Membership {
            topic: (*topic).to_owned(),
            subscribed: *subscribed,
        });
        known.collect()
    }

    fn wanted(categories: &[NotificationCategory]) -> PushCategories {
        PushCategories(std::array::from_fn(|index| {
            categories.contains(&NotificationCategory::ALL[index])
        }))
    }

    #[test]
    fn a_device_leaves_the_deals_of_its_former_region() {
        use NotificationCategory::{Deals, Orders};
        let before = recorded(&[("vantage-deals-us", true), ("vantage-orders-all", true)]);
        let new = memberships(
            &before,
            "eu",
            wanted(&[Deals, Orders]),
            PushCategories::none(),
        );
        let expected = recorded(&[("vantage-deals-eu", true), ("vantage-deals-us", false)]);
        assert_eq!(new, expected);
    }

    #[test]
    fn a_topic_of_which_nothing_is_recorded_is_left_if_its_category_was_turned_off() {
        use NotificationCategory::{Deals, Social};
        let new = memberships(&[], "us", wanted(&[]), wanted(&[Deals]));
        assert_eq!(new, recorded(&[("vantage-deals-us", false)]));
        assert!(memberships(&[], "us", wanted(&[]), PushCategories::none()).is_empty());
        let new = memberships(&[], "us", wanted(&[Social]), wanted(&[Social]));
        assert_eq!(new, recorded(&[("vantage-social-activity", true)]));
    }

    fn any_categories() -> impl Strategy<Value = PushCategories> {
        any::<[bool; 4]>().prop_map(PushCategories)
    }

    proptest! {
        #[test]
        fn after_any_changes_a_device_is_in_exactly_the_topics_it_wants(
            steps in prop::collection::vec(
                (any_categories(), any_categories(), prop::sample::select(vec!["us", "eu", "apac"])),
                1..6,
            ),
        ) {
            let mut state: BTreeMap<String, bool> = BTreeMap::new();
            for (wanted, changed, region) in steps {
                let before: Vec<_> = state
                    .iter()
                    .map(|(topic, &subscribed)| Membership { topic: topic.clone(), subscribed })
                    .collect();
                for new in memberships(&before, region, wanted, changed) {
                    state.insert(new.topic, new.subscribed);
                }
                let joined: Vec<_> = state.iter().filter(|(_, on)| **on).map(|(topic, _)| topic.clone()).collect();
                let mut expected: Vec<_> = NotificationCategory::ALL
                    .iter()
                    .filter(|category| wanted.contains(**category))
                    .map(|category| topic(*category, region))
                    .collect();
                expected.sort();
                prop_assert_eq!(joined, expected);
                // Once recorded, nothing is left to do.
                let again: Vec<_> = state
                    .iter()
                    .map(|(topic, &subscribed)| Membership { topic: topic.clone(), subscribed })
                    .collect();
                prop_assert!(memberships(&again, region, wanted, PushCategories::none()).is_empty());
            }
        }
    }

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
