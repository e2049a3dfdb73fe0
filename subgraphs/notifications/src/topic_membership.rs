//! Records which push topics each device is to be subscribed to, in the transaction of the change that decides it.
//! [`crate::topic_task`] then calls the push service.

use chrono::{DateTime, Utc};
use entities::notifications::{device_token, preference, topic_membership};
use platform::database::DatabaseTransaction;
use platform::tasks;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::notification_preferences::matrix;
use crate::rules::topics::{self, Membership, PushCategories, TopicChange};
use crate::topic_task::MakeTopicChanges;

/// A transaction that changes what a customer's devices are subscribed to.
pub(crate) struct TopicRecorder<'a> {
    pub(crate) transaction: &'a DatabaseTransaction,
    pub(crate) customer: Uuid,
    pub(crate) now: DateTime<Utc>,
    /// When the push service is to be called at the latest; `None` leaves it to the job.
    pub(crate) due_at: Option<DateTime<Utc>>,
}

impl TopicRecorder<'_> {
    /// Records what the devices are to be subscribed to by these preferences, and returns what changed.
    pub(crate) async fn record(
        &self,
        devices: &[device_token::Model],
        wanted: PushCategories,
        changed: PushCategories,
    ) -> Result<Vec<TopicChange>, DbErr> {
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let tokens: Vec<String> = devices.iter().map(|device| device.token.clone()).collect();
        let recorded = topic_membership::of_tokens(self.transaction, &tokens).await?;
        let (mut rows, mut made) = (Vec::new(), Vec::new());
        for device in devices {
            let known = recorded.get(&device.token).map_or(&[][..], Vec::as_slice);
            let before: Vec<Membership> = known.iter().map(Membership::from).collect();
            for new in topics::memberships(&before, &device.region, wanted, changed) {
                let old = known.iter().find(|row| row.topic == new.topic);
                rows.push(self.row(&device.token, &new, old));
                made.push(new);
            }
        }
        if !rows.is_empty() {
            topic_membership::set(self.transaction, rows).await?;
            self.enqueue().await?;
        }
        Ok(topics::counted(made))
    }

    /// Records the topics of one device by the customer's preferences, and takes it over from another customer.
    pub(crate) async fn record_device(
        &self,
        device: &device_token::Model,
    ) -> Result<Vec<TopicChange>, DbErr> {
        topic_membership::set_customer(self.transaction, &device.token, self.customer).await?;
        let wanted = self.wanted().await?;
        let devices = std::slice::from_ref(device);
        self.record(devices, wanted, PushCategories::none()).await
    }

    /// Records that devices that were removed leave all their topics.
    pub(crate) async fn remove_devices(
        &self,
        tokens: &[String],
    ) -> Result<Vec<TopicChange>, DbErr> {
        let recorded = topic_membership::of_tokens(self.transaction, tokens).await?;
        let left: Vec<_> = recorded
            .values()
            .flatten()
            .filter(|row| row.subscribed)
            .map(|row| Membership {
                topic: row.topic.clone(),
                subscribed: false,
            })
            .collect();
        if !left.is_empty() {
            topic_membership::leave_all(self.transaction, tokens, self.now).await?;
            self.enqueue().await?;
        }
        Ok(topics::counted(left))
    }

    /// Records the topics of all of the customer's devices: those of before topics were recorded, or of preferences that
    /// were written without them.
    pub(crate) async fn record_all(&self) -> Result<(), DbErr> {
        let devices = device_token::of_customer(self.transaction, self.customer).await?;
        let wanted = self.wanted().await?;
        self.record(&devices, wanted, PushCategories::none())
            .await?;
        device_token::topics_are_set(self.transaction, self.customer, self.now).await
    }

    async fn wanted(&self) -> Result<PushCategories, DbErr> {
        let mut cells = preference::of_customers(self.transaction, &[self.customer]).await?;
        let cells = cells.remove(&self.customer).unwrap_or_default();
        Ok(PushCategories::of(&matrix(&cells)))
    }

    fn row(
        &self,
        token: &str,
        new: &Membership,
        old: Option<&topic_membership::Model>,
    ) -> topic_membership::Model {
        // What the push service has confirmed needs no call, unless one is being made now.
        let is_made =
            old.is_some_and(|old| old.made == Some(new.subscribed) && old.claimed_by.is_none());
        topic_membership::Model {
            token: token.to_owned(),
            topic: new.topic.clone(),
            customer_id: self.customer,
            subscribed: new.subscribed,
            made: old.and_then(|old| old.made),
            due_at: (!is_made).then_some(self.now),
            claimed_by: None,
            claimed_until: None,
            attempts: 0,
            error: None,
        }
    }

    async fn enqueue(&self) -> Result<(), DbErr> {
        let task = MakeTopicChanges {
            customer_id: self.customer,
        };
        match self.due_at {
            Some(due_at) => tasks::enqueue(self.transaction, &task, due_at, self.now).await,
            None => Ok(()),
        }
    }
}

impl From<&topic_membership::Model> for Membership {
    fn from(row: &topic_membership::Model) -> Self {
        Self {
            topic: row.topic.clone(),
            subscribed: row.subscribed,
        }
    }
}
