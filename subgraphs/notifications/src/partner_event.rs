//! The GraphQL type `PartnerEvent`, and the body in which an event is sent.

use async_graphql::{Context, ID, Object};
use chrono::SecondsFormat;
use entities::notifications::partner_event as entity;
use platform::bus::Event;
use platform::error_code::ErrorCode;
use resolvers::connection::{DEFAULT_PAGE, Page, page_size};
use resolvers::id::{IdKind, event_argument, format_event};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, access, connection};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::State;
use crate::partner::Partner;
use crate::rules::partner_event::{PartnerEventType, Visibility, find};

/// What is sent: the fields of Standard Webhooks, and what tells events of one object apart.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    id: String,
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: String,
    object_id: &'a str,
    sequence: i64,
    data: Value,
}

/// The body of an event, the same whenever it is sent to somebody with the same scopes.
pub(crate) fn body(row: &entity::Model, personal: bool) -> serde_json::Result<String> {
    let data = match find(&row.event_type) {
        Some(known) => select(known, &row.data, personal),
        None => Value::Object(Map::new()),
    };
    serde_json::to_string(&Body {
        id: format_event(row.event_id),
        event_type: &row.event_type,
        timestamp: row.occurred_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        object_id: &row.object_id,
        sequence: row.sequence,
        data,
    })
}

/// The fields of an event's data that a partner may see.
pub(crate) fn select(known: &PartnerEventType, data: &Value, personal: bool) -> Value {
    fields(known, data, "", personal)
}

fn fields(known: &PartnerEventType, value: &Value, path: &str, personal: bool) -> Value {
    match value {
        Value::Object(members) => {
            let seen = members.iter().filter_map(|(name, value)| {
                let path = match path {
                    "" => name.clone(),
                    outer => format!("{outer}.{name}"),
                };
                match known.visibility(&path, personal) {
                    Visibility::Hidden => None,
                    Visibility::Whole => Some((name.clone(), value.clone())),
                    Visibility::InPart => {
                        Some((name.clone(), fields(known, value, &path, personal)))
                    }
                }
            });
            Value::Object(seen.collect())
        }
        Value::Array(items) => {
            let items = items.iter();
            items
                .map(|item| fields(known, item, path, personal))
                .collect()
        }
        // What should have fields and has none shows nothing.
        _ => Value::Null,
    }
}

/// The customer that an event is about.
pub(crate) fn customer(event: &Event) -> Option<uuid::Uuid> {
    let id = event.data.get("customerId")?.as_str()?;
    IdKind::Customer.parse(id)
}

#[derive(Clone, Debug)]
pub(crate) struct PartnerEvent {
    row: entity::Model,
    personal: bool,
}

/// An event that a partner is notified of.
#[Object]
impl PartnerEvent {
    /// The same whenever the event is sent: a webhook's `webhook-id`.
    async fn id(&self) -> ID {
        ID(format_event(self.row.event_id))
    }

    /// What happened: `order.shipped`.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        &self.row.event_type
    }

    /// When it happened.
    async fn timestamp(&self) -> DateTime {
        self.row.occurred_at.into()
    }

    /// The order or return that it is about.
    async fn object_id(&self) -> ID {
        ID(self.row.object_id.clone())
    }

    /// Grows from one event of the object to the next, and may skip numbers. Events of an order and of its parcels are
    /// numbered separately.
    async fn sequence(&self) -> i32 {
        i32::try_from(self.row.sequence).unwrap_or(i32::MAX)
    }

    /// The JSON text that webhooks send.
    async fn body(&self) -> ApiResult<String> {
        body(&self.row, self.personal).map_err(ApiError::internal)
    }
}

connection!(PartnerEventConnection, PartnerEventEdge, PartnerEvent);

/// The calling partner's events after this one.
pub(crate) async fn page(
    context: &Context<'_>,
    first: Option<i32>,
    after: Option<&str>,
) -> ApiResult<PartnerEventConnection> {
    let partner = caller(context)?;
    let limit = page_size("first", first.unwrap_or(DEFAULT_PAGE))?;
    let state = context.data_unchecked::<State>();
    let db = state.database.read();
    let position = match after {
        None => 0,
        Some(after) => {
            let id = event_argument("after", after)?;
            let event = entity::by_event(db, id).await?;
            event.map(|event| event.position).ok_or_else(|| {
                ApiError::bad_user_input(
                    "after is no event that is still kept: omit it to begin with the oldest",
                )
            })?
        }
    };
    let filters = partner.filters();
    let personal = partner.sees_personal_data();
    let mut rows = entity::after(db, &filters, position, limit + 1).await?;
    let has_next_page = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let total = if context.look_ahead().field("totalCount").exists() {
        entity::count(db, &filters).await?
    } else {
        0
    };
    let rows = rows.into_iter().map(|row| {
        // Partners know the id of the last event that they received.
        let cursor = format_event(row.event_id);
        (cursor, PartnerEvent { row, personal })
    });
    let page = Page {
        rows: rows.collect(),
        has_next_page,
        has_previous_page: after.is_some(),
    };
    Ok(PartnerEventConnection::new(page, total))
}

/// The calling partner: a client that is authenticated by its key alone. Somebody who is signed in at its application is
/// not the partner.
fn caller(context: &Context<'_>) -> ApiResult<Partner> {
    let caller = access::caller(context)?;
    let refusal =
        "Only partners with webhooks have events: send their key in X-API-Key, and no token";
    let client = match (&caller.subject, &caller.client) {
        (None, Some(client)) => client,
        (None, None) => {
            let message = "Send the partner's key in X-API-Key";
            return Err(ApiError::new(ErrorCode::Unauthenticated, message));
        }
        (Some(_), _) => return Err(ApiError::forbidden(refusal)),
    };
    let partner = context.data_unchecked::<State>().partners.find(client);
    let mut partner = partner
        .filter(|partner| !partner.webhooks.is_empty())
        .ok_or_else(|| ApiError::forbidden(refusal))?;
    // The router may have read a newer file, in which the client has fewer scopes.
    partner.scopes.retain(|scope| caller.scopes.contains(scope));
    Ok(partner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_partner_sees_the_fields_that_its_scopes_allow() {
        let data = json!({
            "version": 1, "orderId": "ord_1", "customerId": "usr_1", "secret": "x",
            "items": [{ "quantity": 2, "note": "for Ann" }], "total": "odd",
        });
        let known = find("order.placed").unwrap();
        assert_eq!(
            select(known, &data, false),
            json!({ "version": 1, "orderId": "ord_1", "items": [{ "quantity": 2 }], "total": null })
        );
        assert_eq!(select(known, &data, true)["customerId"], "usr_1");
    }
}
