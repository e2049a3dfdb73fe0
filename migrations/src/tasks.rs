//! Converts work stored in a domain's own tables to tasks.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::prelude::{DateTimeUtc, Json, Uuid};

/// Work in its old form.
pub(crate) struct OldTask {
    pub(crate) kind: String,
    pub(crate) key: Uuid,
    /// The prefix of the public id.
    pub(crate) prefix: &'static str,
    pub(crate) data: Json,
    pub(crate) due_at: DateTimeUtc,
    pub(crate) attempts: i32,
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: DateTimeUtc,
}

/// Inserts it as an unclaimed task.
pub(crate) async fn insert(manager: &SchemaManager<'_>, old: OldTask) -> Result<(), DbErr> {
    let insert = Query::insert()
        .into_table("tasks")
        .columns([
            "kind",
            "key",
            "subject",
            "data",
            "due_at",
            "attempts",
            "last_error",
            "created_at",
        ])
        .values([
            old.kind.into(),
            old.key.into(),
            type_id(old.prefix, old.key).into(),
            old.data.into(),
            old.due_at.into(),
            old.attempts.into(),
            old.last_error.into(),
            old.created_at.into(),
        ])
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .to_owned();
    manager.execute(insert).await
}

/// A public id: the prefix, and the UUID in base 32.
fn type_id(prefix: &str, id: Uuid) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digit = |place: u32| {
        let value = (id.as_u128() >> (5 * place)) & 31;
        usize::try_from(value).map_or('0', |value| char::from(DIGITS[value]))
    };
    let digits: String = (0..26).rev().map(digit).collect();
    format!("{prefix}_{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_are_written_as_the_specification_of_type_ids_has_them() {
        let id = |text: &str| type_id("prefix", text.parse().unwrap());
        assert_eq!(
            id("00000000-0000-0000-0000-000000000000"),
            "prefix_00000000000000000000000000"
        );
        assert_eq!(
            id("0110c853-1d09-52d8-d73e-1194e95b5f19"),
            "prefix_0123456789abcdefghjkmnpqrs"
        );
        assert_eq!(
            id("ffffffff-ffff-ffff-ffff-ffffffffffff"),
            "prefix_7zzzzzzzzzzzzzzzzzzzzzzzzz"
        );
    }
}
