//! The GraphQL type `NotificationPreferences`.

use async_graphql::{Context, Enum, SimpleObject};
use chrono::{DateTime as Time, Utc};
use chrono_tz::Tz;
use entities::notifications::{customer_settings, preference};
use resolvers::ApiResult;
use resolvers::scalars::{DateTime, LocalTime};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::rules::preference_matrix::{self as rules, Cell, Matrix};

/// The time zone of a customer who has not set one.
pub(crate) const DEFAULT_TIMEZONE: &str = "UTC";

/// How a message reaches a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[graphql(remote = "rules::NotificationChannel")]
pub(crate) enum NotificationChannel {
    /// A push message to the customer's devices.
    Push,
    /// An email.
    Email,
    /// A text message.
    Sms,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[graphql(remote = "rules::NotificationCategory")]
pub(crate) enum NotificationCategory {
    /// The customer's orders, parcels and returns. On by default.
    Orders,
    /// Offers and discounts. On by default, except by text message.
    Deals,
    /// Products on the customer's wishlist. On by default, except by text message.
    Wishlist,
    /// The activity of other people. Off by default.
    Social,
}

/// The hours of the day during which deals are held back, in the customer's time zone. They may cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct QuietHours {
    /// When they begin.
    pub start: LocalTime,
    /// When they end.
    pub end: LocalTime,
}

impl From<rules::QuietHours> for QuietHours {
    fn from(hours: rules::QuietHours) -> Self {
        Self {
            start: LocalTime(hours.start),
            end: LocalTime(hours.end),
        }
    }
}

/// Whether a customer wants the messages of one category by one channel.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct NotificationPreference {
    /// How the messages are sent.
    pub channel: NotificationChannel,
    /// What the messages are about.
    pub category: NotificationCategory,
    /// Whether the customer wants them. False for a customer who was erased and has not asked for messages since.
    pub enabled: bool,
    /// When deals are held back; null if the customer has set no quiet hours.
    pub quiet_hours: Option<QuietHours>,
}

/// The messages that a customer wants, visible only to themselves.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct NotificationPreferences {
    /// Always 12 cells: each of the 4 categories by each of the 3 channels.
    pub preferences: Vec<NotificationPreference>,
    /// The time zone of quiet hours, by its IANA name, such as "America/New_York". By default UTC.
    pub timezone: String,
    /// When the customer last changed anything; 1970-01-01 if they never have.
    pub updated_at: DateTime,
}

impl NotificationPreferences {
    /// The caller's matrix: stored cells over the defaults. Nothing is sent to a customer who was erased, so all of theirs are
    /// off.
    pub(crate) async fn load(context: &Context<'_>, customer: Uuid) -> ApiResult<Self> {
        let loaders = context.data_unchecked::<Loaders>();
        let (state, cells) = futures::try_join!(
            loaders.states.load_one(customer),
            loaders.preferences.load_list(customer),
        )?;
        let state = state.unwrap_or_default();
        let mut matrix = matrix(&cells);
        if state.is_erased {
            matrix.disable_all();
        }
        Ok(Self::new(&matrix, state.settings.as_ref()))
    }

    fn new(matrix: &Matrix, settings: Option<&customer_settings::Model>) -> Self {
        Self {
            preferences: matrix
                .cells()
                .map(|(channel, category, cell)| NotificationPreference {
                    channel: channel.into(),
                    category: category.into(),
                    enabled: cell.enabled,
                    quiet_hours: cell.quiet_hours.map(QuietHours::from),
                })
                .collect(),
            timezone: settings
                .map_or(DEFAULT_TIMEZONE, |row| &row.timezone)
                .to_owned(),
            updated_at: settings
                .map_or(Time::<Utc>::UNIX_EPOCH, |row| row.updated_at)
                .into(),
        }
    }
}

/// The customer's time zone. A name that is not known any more counts as none.
pub(crate) fn zone(settings: Option<&customer_settings::Model>) -> Tz {
    let name = settings.map_or(DEFAULT_TIMEZONE, |row| &row.timezone);
    name.parse().unwrap_or(Tz::UTC)
}

/// Stored cells over the defaults of a new customer.
pub(crate) fn matrix(rows: &[preference::Model]) -> Matrix {
    let mut matrix = Matrix::default();
    for row in rows {
        let quiet_hours = row
            .quiet_hours_start
            .zip(row.quiet_hours_end)
            .map(|(start, end)| rules::QuietHours { start, end });
        *matrix.cell_mut(row.channel, row.category) = Cell {
            enabled: row.enabled,
            quiet_hours,
        };
    }
    matrix
}
