//! The preference matrix as the graph shows it, and as an update names its cells.

use async_graphql::{Context, Enum, InputObject, MaybeUndefined, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::notifications::{customer_settings, preference};
use resolvers::scalars::{DateTime, LocalTime};
use resolvers::{ApiError, ApiResult};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::rules::matrix::{Cell, Matrix};

/// The zone of a customer who has named none.
pub(crate) const DEFAULT_TIMEZONE: &str = "UTC";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
pub(crate) enum NotificationChannel {
    Push,
    Email,
    Sms,
}

impl NotificationChannel {
    pub(crate) const ALL: [Self; 3] = [Self::Push, Self::Email, Self::Sms];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    pub(crate) fn parse(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == stored)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
pub(crate) enum NotificationCategory {
    Orders,
    Deals,
    Wishlist,
    Social,
}

impl NotificationCategory {
    pub(crate) const ALL: [Self; 4] = [Self::Orders, Self::Deals, Self::Wishlist, Self::Social];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Deals => "deals",
            Self::Wishlist => "wishlist",
            Self::Social => "social",
        }
    }

    pub(crate) fn parse(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == stored)
    }
}

/// Hours in which deals wait, in the customer's own zone. May cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
pub(crate) struct QuietHours {
    pub start: LocalTime,
    pub end: LocalTime,
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
    /// IANA zone that quiet hours are in.
    pub timezone: String,
    /// When the customer last changed anything; the beginning of time for one who never has.
    pub updated_at: DateTime,
}

impl NotificationPreferences {
    /// The caller's matrix: what is stored, over the defaults.
    pub(crate) async fn load(context: &Context<'_>, customer: Uuid) -> ApiResult<Self> {
        let loaders = context.data_unchecked::<Loaders>();
        let (settings, cells) = futures::try_join!(
            loaders.settings.load_one(customer),
            loaders.preferences.load_list(customer),
        )?;
        let matrix = matrix(&cells)?;
        Ok(Self::new(&matrix, settings.as_ref()))
    }

    pub(crate) fn new(matrix: &Matrix, settings: Option<&customer_settings::Model>) -> Self {
        Self {
            preferences: matrix
                .cells()
                .map(|(channel, category, cell)| NotificationPreference {
                    channel,
                    category,
                    enabled: cell.enabled,
                    quiet_hours: cell.quiet_hours,
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
pub(crate) fn matrix(rows: &[preference::Model]) -> ApiResult<Matrix> {
    let mut matrix = Matrix::default();
    for row in rows {
        let (Some(channel), Some(category)) = (
            NotificationChannel::parse(&row.channel),
            NotificationCategory::parse(&row.category),
        ) else {
            return Err(ApiError::internal(format!(
                "customer {} has a preference for {}/{}",
                row.customer_id, row.channel, row.category
            )));
        };
        let quiet_hours = row
            .quiet_hours_start
            .zip(row.quiet_hours_end)
            .map(|(start, end)| QuietHours {
                start: LocalTime(start),
                end: LocalTime(end),
            });
        *matrix.cell_mut(channel, category) = Cell {
            enabled: row.enabled,
            quiet_hours,
        };
    }
    Ok(matrix)
}

#[derive(Clone, Copy, Debug, Serialize, InputObject)]
pub(crate) struct QuietHoursInput {
    pub start: LocalTime,
    pub end: LocalTime,
}

/// A change of one cell: what is absent stays, null clears quiet hours, and `enabled` is never null.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct NotificationPreferenceUpdate {
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    // Absent and null are different inputs: an idempotency key must not take one for the other.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub enabled: MaybeUndefined<bool>,
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub quiet_hours: MaybeUndefined<QuietHoursInput>,
}

#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct NotificationPreferencesUpdateInput {
    pub updates: Vec<NotificationPreferenceUpdate>,
    /// IANA zone name, "America/New_York"; absent leaves it as it is.
    pub timezone: Option<String>,
}
