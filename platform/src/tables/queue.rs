//! The tables that are queues: workers wait for their rows.

use sea_orm::EntityName;

use super::{inbox_delivery, outbox_event, task};

/// A queue in a domain's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Outbox,
    Inbox,
    Tasks,
}

impl Queue {
    pub(crate) const ALL: [Self; 3] = [Self::Outbox, Self::Inbox, Self::Tasks];

    /// The table with its rows; also its name between processes.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Outbox => outbox_event::Entity.table_name(),
            Self::Inbox => inbox_delivery::Entity.table_name(),
            Self::Tasks => task::Entity.table_name(),
        }
    }

    pub(crate) fn of_table(table: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.table() == table)
    }

    /// The queue in which a statement adds rows or changes them, so that there may be work. `DELETE` makes none.
    pub(crate) fn changed_by(sql: &str) -> Option<Self> {
        let named = ["INSERT INTO \"", "UPDATE \""]
            .into_iter()
            .find_map(|verb| sql.strip_prefix(verb))?;
        let (table, _) = named.split_once('"')?;
        Self::of_table(table)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use sea_orm::{DbBackend, EntityTrait, QueryTrait};

    use super::*;

    #[test]
    fn a_statement_names_the_queue_that_it_changes() {
        let insert = outbox_event::Entity::insert_many([outbox_event::ActiveModel::default()]);
        let update = task::Entity::update_many().col_expr(
            task::Column::DueAt,
            sea_orm::sea_query::Expr::value(DateTime::UNIX_EPOCH),
        );
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            let insert = insert.build(backend).sql;
            assert_eq!(Queue::changed_by(&insert), Some(Queue::Outbox), "{insert}");
            let update = update.build(backend).sql;
            assert_eq!(Queue::changed_by(&update), Some(Queue::Tasks), "{update}");
            let delete = inbox_delivery::Entity::delete_many().build(backend).sql;
            assert_eq!(Queue::changed_by(&delete), None, "{delete}");
            let select = inbox_delivery::Entity::find().build(backend).sql;
            assert_eq!(Queue::changed_by(&select), None, "{select}");
        }
        assert_eq!(
            Queue::changed_by("UPDATE \"leases\" SET \"holder\" = ''"),
            None
        );
    }
}
