//! The GraphQL type `TopicChange`.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::{Enum, SimpleObject};
use chrono::TimeDelta;
use entities::notifications::topic_membership;
use platform::tasks;
use resolvers::ApiResult;
use serde::{Deserialize, Serialize};
use tracing::Instrument;
use uuid::Uuid;

use crate::State;
use crate::rules::topics;
use crate::topic_task::MakeTopicChanges;

/// How long a request waits for the push service.
const PATIENCE: Duration = Duration::from_secs(2);
/// When the changes are made in the background, if the request that makes them itself dies.
pub(crate) const BACKGROUND: TimeDelta = TimeDelta::seconds(3);

/// What happened to devices and a push topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[graphql(remote = "topics::TopicAction")]
pub(crate) enum TopicAction {
    /// The devices joined the topic.
    Subscribed,
    /// The devices left the topic.
    Unsubscribed,
}

/// Whether the push service has made a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum TopicChangeStatus {
    /// The push service has made it for every device that it knows.
    Made,
    /// It is saved, and repeated until the push service makes it.
    #[default]
    Pending,
}

/// A push topic that the caller's devices joined or left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
pub(crate) struct TopicChange {
    /// The name of the topic, such as "vantage-deals-us".
    pub topic: String,
    /// Whether the devices joined or left.
    pub action: TopicAction,
    /// How many of the caller's devices joined or left.
    pub device_tokens: i32,
    /// Whether the push service has made the change. Selecting it makes the mutation wait up to two seconds for that; the
    /// change itself is saved in any case.
    #[serde(skip)]
    pub status: TopicChangeStatus,
}

impl From<topics::TopicChange> for TopicChange {
    fn from(change: topics::TopicChange) -> Self {
        Self {
            topic: change.topic,
            action: change.action.into(),
            device_tokens: change.device_tokens,
            status: TopicChangeStatus::Pending,
        }
    }
}

/// Makes the customer's topic changes within this request, as far as that is possible in a moment.
pub(crate) async fn make_now(state: &State, customer: Uuid) -> ApiResult<()> {
    let topics = state.topics();
    if topics.fcm.is_none() {
        return Ok(());
    }
    let claimed = tasks::claim::<MakeTopicChanges>(&state.database, &state.clock, customer).await?;
    let Some(claimed) = claimed else {
        return Ok(());
    };
    // Spawned, so that it continues if the customer disconnects.
    let making = async move { claimed.perform(&topics).await };
    let making = tokio::spawn(making.in_current_span());
    // What is not made by then is reported as pending.
    let _ = tokio::time::timeout(PATIENCE, making).await;
    Ok(())
}

/// Sets the status of each change by what waits for the push service now.
pub(crate) async fn set_statuses(
    state: &State,
    customer: Uuid,
    changes: &mut [TopicChange],
) -> ApiResult<()> {
    let db = state.database.write();
    let pending: HashMap<String, i64> = topic_membership::pending_of_customer(db, customer).await?;
    for change in changes {
        change.status = if pending.contains_key(&change.topic) {
            TopicChangeStatus::Pending
        } else {
            TopicChangeStatus::Made
        };
    }
    Ok(())
}
