//! Updates the preference matrix: only the given parts change.

use super::preference_matrix::{
    Cell, Matrix, NotificationCategory, NotificationChannel, QuietHours,
};

/// The requested value of one cell; `None` keeps a part as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellUpdate {
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    pub enabled: Option<bool>,
    /// `Some(None)` clears them.
    pub quiet_hours: Option<Option<QuietHours>>,
}

/// A cell before and after the update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    pub before: Cell,
    pub after: Cell,
}

impl Change {
    /// Whether deals may be due at another time now.
    pub(crate) fn reschedules_deals(&self) -> bool {
        self.category == NotificationCategory::Deals
            && self.before.quiet_hours != self.after.quiet_hours
    }
}

/// Applies the updates and returns the change of each cell they contain.
pub(crate) fn apply(matrix: &mut Matrix, updates: &[CellUpdate]) -> Vec<Change> {
    updates
        .iter()
        .map(|update| {
            let (channel, category) = (update.channel, update.category);
            let cell = matrix.cell_mut(channel, category);
            let before = *cell;
            cell.enabled = update.enabled.unwrap_or(cell.enabled);
            cell.quiet_hours = update.quiet_hours.unwrap_or(cell.quiet_hours);
            Change {
                channel,
                category,
                before,
                after: *cell,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::NaiveTime;

    use super::*;

    #[test]
    fn only_what_an_update_names_changes() {
        let hours = |start, end| QuietHours {
            start: NaiveTime::from_hms_opt(start, 0, 0).unwrap(),
            end: NaiveTime::from_hms_opt(end, 0, 0).unwrap(),
        };
        let update = |enabled, quiet_hours| CellUpdate {
            channel: NotificationChannel::Push,
            category: NotificationCategory::Deals,
            enabled,
            quiet_hours,
        };
        let night = Some(hours(22, 7));
        let cases = [
            (update(None, None), (true, night)),
            (update(Some(false), None), (false, night)),
            (
                update(None, Some(Some(hours(1, 2)))),
                (true, Some(hours(1, 2))),
            ),
            (update(None, Some(None)), (true, None)),
        ];
        for (update, expected) in cases {
            let mut matrix = Matrix::default();
            let before = Cell {
                enabled: true,
                quiet_hours: night,
            };
            *matrix.cell_mut(update.channel, update.category) = before;
            let changes = apply(&mut matrix, &[update]);
            assert_eq!(changes.len(), 1);
            assert_eq!(changes[0].before, before);
            let after = changes[0].after;
            assert_eq!((after.enabled, after.quiet_hours), expected, "{update:?}");
            assert_eq!(*matrix.cell(update.channel, update.category), after);
        }
    }
}
