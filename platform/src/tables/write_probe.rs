//! A single row that is rewritten to find out whether the database accepts writes.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "write_probes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    #[sea_orm(column_type = "Text")]
    pub padding: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Replaces the probe's content with this many bytes.
pub(crate) async fn write(db: &impl ConnectionTrait, length: usize) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(1),
        padding: Set("0".repeat(length)),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Id)
                .update_column(Column::Padding)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}
