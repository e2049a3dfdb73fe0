//! Live messages. `notificationReceived` holds the number of the last message it has sent, and reads what is missing.

use std::collections::VecDeque;
use std::time::Duration;

use async_graphql::{Context, ID, Subscription};
use entities::notifications::{notification, notification_position};
use futures::stream::{self, Stream, StreamExt};
use platform::backoff::Backoff;
use platform::database::Database;
use platform::pubsub::{Signal, Subscription as Signals};
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::subscription::{self, Events};
use resolvers::{ApiError, ApiResult, access};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::live::{self, SentMessage};
use crate::notification::Notification;

/// Missed messages read at once.
const BATCH: u64 = 100;

pub(crate) struct Subscription;

/// Root fields of subscriptions, which send updates as they happen. An operation has one.
#[Subscription]
impl Subscription {
    /// The messages to the caller, by any channel, each once as it is sent. It starts with the next one.
    #[graphql(directive = authenticated::apply())]
    async fn notification_received(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The id of the last message received before a lost connection. It then starts with the one that was sent after that."
        )]
        after: Option<ID>,
    ) -> Result<Events<Notification>, ApiError> {
        subscription::events(context, async {
            let customer = access::customer(context)?;
            let after = after
                .map(|id| IdKind::Notification.argument("after", &id))
                .transpose()?;
            let state = context.data_unchecked::<State>();
            Ok(Source::open(state, customer, after).await?.messages())
        })
        .await
    }
}

/// The source of one subscription. There are many of these, mostly idle.
struct Source {
    database: Database,
    customer: Uuid,
    signals: Signals,
    /// The number of the last message that is in `pending` or was sent to the client.
    last: i64,
    pending: VecDeque<Notification>,
    /// Whether the database may have messages that are not in `pending`.
    behind: bool,
}

impl Source {
    /// Subscribes before reading, so that no message is missed in between.
    async fn open(state: &State, customer: Uuid, after: Option<Uuid>) -> ApiResult<Self> {
        let signals = state
            .delivery
            .live
            .0
            .subscribe(&live::channel(customer))
            .await;
        let signals = signals.map_err(|error| {
            tracing::warn!(%error, "messages cannot be watched");
            ApiError::unavailable("Live updates are not available at the moment")
        })?;
        let db = state.database.read();
        let newest = notification_position::last(db, customer).await?;
        let known = match after {
            None => None,
            Some(id) => notification::by_id(db, id).await?,
        };
        let known = known.filter(|row| row.customer_id == customer);
        let last = known.and_then(|row| row.position).unwrap_or(newest);
        Ok(Self {
            database: state.database.clone(),
            customer,
            signals,
            last,
            pending: VecDeque::new(),
            behind: last < newest,
        })
    }

    /// The messages, until the client leaves.
    fn messages(self) -> impl Stream<Item = ApiResult<Notification>> {
        stream::unfold(self, |mut source| async move {
            let message = source.next().await?;
            Some((Ok(message), source))
        })
    }

    async fn next(&mut self) -> Option<Notification> {
        loop {
            if let Some(message) = self.pending.pop_front() {
                return Some(message);
            }
            if self.behind {
                // Boxed, because it is rare and large: idle subscriptions reserve no memory for it.
                Box::pin(self.catch_up()).await;
                continue;
            }
            match self.signals.next().await? {
                Signal::Message(message) => match serde_json::from_slice::<SentMessage>(&message) {
                    Ok(message) => self.receive(message),
                    Err(error) => {
                        tracing::warn!(%error, "sent message not readable");
                        self.behind = true;
                    }
                },
                Signal::Gap => self.behind = true,
            }
        }
    }

    /// Passes on the next message; ignores one that was passed on before, and reads missing ones first.
    fn receive(&mut self, message: SentMessage) {
        if message.position > self.last + 1 {
            self.behind = true;
        } else if message.position > self.last {
            self.last = message.position;
            self.pending.push_back(Notification(message.into_row()));
        }
    }

    /// Reads missed messages, and retries while the database does not answer.
    async fn catch_up(&mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while let Err(error) = self.read_missed().await {
            let wait = backoff.next_wait();
            tracing::warn!(%error, ?wait, "missed messages not readable");
            tokio::time::sleep(wait).await;
        }
    }

    async fn read_missed(&mut self) -> Result<(), DbErr> {
        let db = self.database.read();
        let missed = notification::sent_after(db, self.customer, self.last, BATCH).await?;
        self.behind = missed.len() as u64 == BATCH;
        for row in missed {
            self.last = row.position.unwrap_or(self.last);
            self.pending.push_back(Notification(row));
        }
        Ok(())
    }
}
