//! What decides, while a message is being sent, whether it goes to another device.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ExprTrait, JoinType, QuerySelect, RelationDef};

use super::{Column, DeliveryStatus, Entity, OPEN};
use crate::notifications::{device_token, erased_customer, preference};

/// A message's customer and one of the devices it may go to, as they are at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Whether the message may still be sent.
    pub is_open: bool,
    /// Whether the customer was erased.
    pub is_erased: bool,
    /// Whether the customer wants messages of this category by this channel; `None` if they have not chosen.
    pub enabled: Option<bool>,
    /// Whether the device is registered, and is the customer's.
    pub has_device: bool,
}

/// The recipient of a message on this device, in one statement. `None` if there is no such message.
pub async fn recipient(
    db: &impl ConnectionTrait,
    id: Uuid,
    token: &str,
) -> Result<Option<Recipient>, DbErr> {
    type Row = (DeliveryStatus, Option<Uuid>, Option<bool>, Option<String>);
    let row: Option<Row> = Entity::find_by_id(id)
        .select_only()
        .column(Column::Status)
        .column(erased_customer::Column::CustomerId)
        .column(preference::Column::Enabled)
        .column(device_token::Column::Token)
        .join(JoinType::LeftJoin, erasure())
        .join(JoinType::LeftJoin, cell())
        .join(JoinType::LeftJoin, device(token.to_owned()))
        .into_tuple()
        .one(db)
        .await?;
    Ok(row.map(|(status, erased, enabled, device)| Recipient {
        is_open: OPEN.contains(&status),
        is_erased: erased.is_some(),
        enabled,
        has_device: device.is_some(),
    }))
}

fn erasure() -> RelationDef {
    Entity::belongs_to(erased_customer::Entity)
        .from(Column::CustomerId)
        .to(erased_customer::Column::CustomerId)
        .into()
}

/// The cell of the message's channel and category.
fn cell() -> RelationDef {
    let cells: RelationDef = Entity::belongs_to(preference::Entity)
        .from(Column::CustomerId)
        .to(preference::Column::CustomerId)
        .into();
    cells.on_condition(|message, cell| {
        let same = |of_cell: preference::Column, of_message: Column| {
            Expr::col((cell.clone(), of_cell)).equals((message.clone(), of_message))
        };
        Condition::all()
            .add(same(preference::Column::Channel, Column::Channel))
            .add(same(preference::Column::Category, Column::Category))
    })
}

fn device(token: String) -> RelationDef {
    let devices: RelationDef = Entity::belongs_to(device_token::Entity)
        .from(Column::CustomerId)
        .to(device_token::Column::CustomerId)
        .into();
    devices.on_condition(move |_, device| {
        let column = Expr::col((device, device_token::Column::Token));
        Condition::all().add(column.eq(token.clone()))
    })
}
