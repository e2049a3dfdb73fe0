//! The GraphQL type `NotificationPreferences`.

use async_graphql::{Context, Enum, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::notifications::{customer_settings, preference};
use resolvers::ApiResult;
use resolvers::scalars::{DateTime, LocalTime};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::rules::preference_matrix::{self as rules, Cell, Matrix};

/// The time zone of a customer who has not set one.
pub(crate) const DEFAULT_TIMEZONE: &str = "UTC";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[graphql(remote = "rules::NotificationChannel")]
pub(crate) enum NotificationChannel {
    Push,
    Email,
    Sms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[graphql(remote = "rules::NotificationCategory")]
pub(crate) enum NotificationCategory {
    Orders,
    Deals,
    Wishlist,
    Social,
}

/// Hours during which deals are held back, in the customer's time zone. May cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct QuietHours {
    pub start: LocalTime,
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

#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct NotificationPreference {
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    pub enabled: bool,
    pub quiet_hours: Option<QuietHours>,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct NotificationPreferences {
    /// Always the 12 cells: 3 channels by 4 categories.
    pub preferences: Vec<NotificationPreference>,
    /// IANA name of the time zone of quiet hours.
    pub timezone: String,
    /// When the customer last changed anything; the Unix epoch if they never have.
    pub updated_at: DateTime,
}

impl NotificationPreferences {
    /// The caller's matrix: stored cells over the defaults.
    pub(crate) async fn load(context: &Context<'_>, customer: Uuid) -> ApiResult<Self> {
        let loaders = context.data_unchecked::<Loaders>();
        let (settings, cells) = futures::try_join!(
            loaders.settings.load_one(customer),
            loaders.preferences.load_list(customer),
        )?;
        let matrix = matrix(&cells);
        Ok(Self::new(&matrix, settings.as_ref()))
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
