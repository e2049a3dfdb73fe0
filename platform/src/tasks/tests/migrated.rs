//! Work left by an earlier version survives the migration.

use sea_orm_migration::MigratorTrait;

use super::*;

/// Migrates up to the step that moves the old work, applies a change, then migrates the rest.
async fn migrate_over<M: MigratorTrait>(scratch: &Scratch, old: &[&str]) -> Vec<task::Model> {
    let connection = scratch.database.connect_for_migrations().await.unwrap();
    let steps = M::migrations()
        .iter()
        .position(|migration| migration.name().starts_with("m20260302_000001_move_"))
        .unwrap();
    let steps = u32::try_from(steps).unwrap();
    M::up(&connection, Some(steps)).await.unwrap();
    let constraints = match scratch.name {
        "postgres" => vec![
            "ALTER TABLE return_tasks DROP CONSTRAINT IF EXISTS return_tasks_return",
            "ALTER TABLE order_payments DROP CONSTRAINT IF EXISTS order_payments_order",
        ],
        _ => vec!["PRAGMA foreign_keys = OFF"],
    };
    for sql in constraints {
        // One of the tables is not in this database.
        let _ = connection.execute_unprepared(sql).await;
    }
    for sql in old {
        let bytes = if scratch.name == "postgres" {
            "'"
        } else {
            "x'"
        };
        let sql = sql.replace("UUID'", bytes);
        connection.execute_unprepared(&sql).await.unwrap();
    }
    migrations::migrate::<M>(&connection).await.unwrap();
    task::Entity::find()
        .all(scratch.database.read())
        .await
        .unwrap()
}

#[tokio::test]
async fn work_of_the_version_before_is_still_to_be_done() {
    for scratch in scratch_databases().await {
        let tasks = migrate_over::<migrations::returns::Migrator>(
            &scratch,
            &["INSERT INTO return_tasks (return_id, kind, due_at, attempts, last_error, created_at) VALUES \
               (UUID'0110c8531d0952d8d73e1194e95b5f19', 'refund', '2025-10-09T12:00:00+00:00', 3, 'no luck', \
               '2025-10-08T12:00:00+00:00')"],
        )
        .await;
        let [task] = &tasks[..] else {
            panic!("{}: {tasks:?}", scratch.name);
        };
        assert_eq!((task.kind.as_str(), task.attempts), ("refund", 3));
        assert_eq!(task.subject, "ret_0123456789abcdefghjkmnpqrs");
        let id = "0110c853-1d09-52d8-d73e-1194e95b5f19";
        assert_eq!(task.key.to_string(), id);
        assert_eq!(task.data, serde_json::json!({ "returnId": id }));
        assert_eq!(
            task.due_at,
            Utc.with_ymd_and_hms(2025, 10, 9, 12, 0, 0).unwrap()
        );
        assert_eq!(task.last_error.as_deref(), Some("no luck"));
        scratch.drop().await;
    }
    for scratch in scratch_databases().await {
        let payment = |id: &str, state: &str, next: &str| {
            format!(
                "INSERT INTO order_payments (order_id, state, attempts, next_attempt_at, created_at, updated_at) VALUES \
                 (UUID'{id}', '{state}', 1, {next}, '2025-10-08T12:00:00+00:00', '2025-10-08T12:00:00+00:00')"
            )
        };
        let open = payment(
            "0110c8531d0952d8d73e1194e95b5f19",
            "wanted",
            "'2025-10-09T12:00:00+00:00'",
        );
        let settled = payment("0110c8531d0952d8d73e1194e95b5f20", "taken", "NULL");
        let tasks =
            migrate_over::<migrations::orders::Migrator>(&scratch, &[&open, &settled]).await;
        let [task] = &tasks[..] else {
            panic!("{}: {tasks:?}", scratch.name);
        };
        assert_eq!((task.kind.as_str(), task.attempts), ("payment", 1));
        assert_eq!(task.subject, "ord_0123456789abcdefghjkmnpqrs");
        scratch.drop().await;
    }
}
