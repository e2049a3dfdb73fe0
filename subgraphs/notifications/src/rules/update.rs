//! Changing cells of the matrix: only what is named changes.

use async_graphql::MaybeUndefined;
use resolvers::user_error::InputError;

use super::matrix::{Cell, Matrix};
use crate::preferences::{
    NotificationCategory, NotificationChannel, NotificationPreferencesUpdateInput, QuietHours,
};

/// Cells of the matrix; an update that names more names one twice.
const CELLS: usize = 12;

/// A cell as it was and as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    pub before: Cell,
    pub after: Cell,
}

/// The first update that says neither on nor off: null, which is not "leave it", and not "clear it"
/// either, since a cell is always one of the two.
pub(crate) fn null_enabled(input: &NotificationPreferencesUpdateInput) -> Option<usize> {
    let mut updates = input.updates.iter();
    updates.position(|update| update.enabled.is_null())
}

/// Everything that is wrong with the input, all at once.
pub(crate) fn check(input: &NotificationPreferencesUpdateInput) -> Vec<InputError> {
    let mut errors = Vec::new();
    if let Some(timezone) = &input.timezone
        && timezone.parse::<chrono_tz::Tz>().is_err()
    {
        errors.push(InputError::new(
            "INVALID_TIMEZONE",
            "This is not an IANA time zone, like America/New_York",
            &["input", "timezone"],
        ));
    }
    for (index, update) in input.updates.iter().enumerate() {
        let position = index.to_string();
        if let MaybeUndefined::Value(hours) = &update.quiet_hours
            && hours.start == hours.end
        {
            errors.push(InputError::new(
                "INVALID_QUIET_HOURS",
                "Quiet hours must start and end at different times; null clears them",
                &["input", "updates", &position, "quietHours"],
            ));
        }
        let twice = input.updates[..index]
            .iter()
            .any(|other| (other.channel, other.category) == (update.channel, update.category));
        if twice || index >= CELLS {
            errors.push(InputError::new(
                "DUPLICATE_PREFERENCE",
                "This channel and category are named twice",
                &["input", "updates", &position],
            ));
        }
    }
    errors
}

/// Applies a checked input, and says what became of each cell it names.
pub(crate) fn apply(
    matrix: &mut Matrix,
    input: &NotificationPreferencesUpdateInput,
) -> Vec<Change> {
    input
        .updates
        .iter()
        .map(|update| {
            let (channel, category) = (update.channel, update.category);
            let cell = matrix.cell_mut(channel, category);
            let before = *cell;
            if let MaybeUndefined::Value(enabled) = update.enabled {
                cell.enabled = enabled;
            }
            match update.quiet_hours {
                MaybeUndefined::Undefined => {}
                MaybeUndefined::Null => cell.quiet_hours = None,
                MaybeUndefined::Value(hours) => {
                    cell.quiet_hours = Some(QuietHours {
                        start: hours.start,
                        end: hours.end,
                    });
                }
            }
            Change {
                channel,
                category,
                before,
                after: *cell,
            }
        })
        .collect()
}
