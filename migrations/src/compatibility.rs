//! Which releases can run on a schema, so that the previous one can start again while a new one is rolled out.

use sea_orm_migration::prelude::*;

/// The release before this version. Its binary works with this version's schema, which `tests/previous` checks.
pub const PREVIOUS_RELEASE: &str = "0.1.0";

const TABLE: &str = "schema_compatibility";

/// Records that the previous release can run on this schema. Never allows an older one than before.
pub(crate) async fn record<C: ConnectionTrait>(connection: &C) -> Result<(), DbErr> {
    let recorded = oldest(connection).await?;
    if recorded.is_some_and(|recorded| version(&recorded) >= version(PREVIOUS_RELEASE)) {
        return Ok(());
    }
    let insert = Query::insert()
        .into_table(TABLE)
        .columns(["id", "oldest_release"])
        .values([1_i32.into(), PREVIOUS_RELEASE.into()])
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .on_conflict(
            OnConflict::column("id")
                .update_column("oldest_release")
                .to_owned(),
        )
        .to_owned();
    connection.execute(&insert).await.map(drop)
}

/// Whether a newer version, which migrated the database, says that this one can run on it.
pub(crate) async fn includes_this_version<C: ConnectionTrait>(
    connection: &C,
) -> Result<bool, DbErr> {
    let oldest = oldest(connection).await?;
    Ok(oldest.is_some_and(|oldest| version(env!("CARGO_PKG_VERSION")) >= version(&oldest)))
}

async fn oldest<C: ConnectionTrait>(connection: &C) -> Result<Option<String>, DbErr> {
    let select = Query::select()
        .column("oldest_release")
        .from(TABLE)
        .to_owned();
    let row = connection.query_one(&select).await?;
    row.map(|row| row.try_get("", "oldest_release")).transpose()
}

/// The three numbers of a version. What is not a number, such as a pre-release, counts as later than any: nobody knows
/// what can run on it.
fn version(text: &str) -> [u64; 3] {
    let mut numbers = text
        .split('.')
        .map(|number| number.parse().unwrap_or(u64::MAX));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(version("0.10.0") > version("0.9.9"));
        assert!(version("1.0") == version("1.0.0"));
        assert!(version("1.0.0") < version("1.0.1"));
        assert!(version("1.0.0") < version("soon"));
    }

    #[test]
    fn the_previous_release_is_not_a_later_one() {
        assert!(version(PREVIOUS_RELEASE) <= version(env!("CARGO_PKG_VERSION")));
    }
}
