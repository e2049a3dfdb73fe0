//! Extends the orders domain's `Customer` with preferences and messages.

use async_graphql::{Context, ID, Object};
use entities::notifications::notification;
use resolvers::connection::{Page, PageRequest};
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::notification::{DeliveryStatus, Notification, NotificationConnection};
use crate::notification_preferences::NotificationPreferences;

pub(crate) struct Customer {
    pub id: Uuid,
}

/// A customer, visible only to themselves.
#[Object]
impl Customer {
    /// Globally unique id: `usr_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Customer.id(self.id)
    }

    /// The messages that the customer wants, by channel and category.
    async fn notification_preferences(
        &self,
        context: &Context<'_>,
    ) -> Option<ApiResult<NotificationPreferences>> {
        let answer: ApiResult<Option<NotificationPreferences>> = async {
            let customer = access::owner(
                context,
                self.id,
                "You can only see your own notification preferences",
            )?;
            NotificationPreferences::load(context, customer)
                .await
                .map(Some)
        }
        .await;
        answer.transpose()
    }

    /// The messages to the customer, sent or not, newest first.
    async fn notifications(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "How many messages to read, from 0 to 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Read the messages that follow this cursor.")] after: Option<String>,
        #[graphql(desc = "Only messages with one of these statuses; by default all.")]
        status: Option<Vec<DeliveryStatus>>,
    ) -> Option<ApiResult<NotificationConnection>> {
        let answer: ApiResult<Option<NotificationConnection>> = async {
            let customer =
                access::owner(context, self.id, "You can only see your own notifications")?;
            let request = PageRequest::<Uuid>::new(first, after.as_deref(), None, None)?;
            let db = context.data_unchecked::<State>().database.read();
            let statuses = status.unwrap_or_default().into_iter().map(Into::into);
            let filter = notification::Filter {
                statuses: statuses.collect(),
                unread: false,
            };
            let rows = notification::page(db, customer, &filter, request.beyond, request.limit + 1)
                .await?;
            let rows = rows.into_iter().map(Notification).collect();
            let page = Page::new(&request, rows, |notification: &Notification| {
                notification.0.id
            })?;
            let total = if context.look_ahead().field("totalCount").exists() {
                notification::count(db, customer, &filter).await?
            } else {
                0
            };
            Ok(Some(NotificationConnection::new(page, total)))
        }
        .await;
        answer.transpose()
    }

    /// How many of the messages that were sent to the customer are not marked as read.
    async fn unread_notifications(&self, context: &Context<'_>) -> Option<ApiResult<i32>> {
        let answer: ApiResult<Option<i32>> = async {
            let customer =
                access::owner(context, self.id, "You can only see your own notifications")?;
            let db = context.data_unchecked::<State>().database.read();
            let unread = notification::count(db, customer, &notification::Filter::unread()).await?;
            Ok(Some(i32::try_from(unread).unwrap_or(i32::MAX)))
        }
        .await;
        answer.transpose()
    }
}
