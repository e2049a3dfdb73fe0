//! Public ids: a TypeID (prefix and UUIDv7 in base 32) in the API, the bare UUID in the database.

use async_graphql::ID;
use platform::inbox::HandleError;
use type_safe_id::{DynamicType, TypeSafeId};
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};

/// The entity type of an id. The prefix makes an id of the wrong kind an error rather than a miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdKind {
    Order,
    OrderItem,
    Return,
    Customer,
    Product,
    Shipment,
    Notification,
}

impl IdKind {
    pub const ALL: [Self; 7] = [
        Self::Order,
        Self::OrderItem,
        Self::Return,
        Self::Customer,
        Self::Product,
        Self::Shipment,
        Self::Notification,
    ];

    /// The kind of a public id; `None` if it is malformed or of an unknown kind.
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.parse(id).is_some())
    }

    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Order => "ord",
            Self::OrderItem => "oi",
            Self::Return => "ret",
            Self::Customer => "usr",
            Self::Product => "prd",
            Self::Shipment => "shp",
            Self::Notification => "ntf",
        }
    }

    /// The public form, `ord_01h…`.
    pub fn format(self, id: Uuid) -> String {
        format(self.prefix(), id)
    }

    pub fn id(self, id: Uuid) -> ID {
        ID(self.format(id))
    }

    /// The UUID in a public id; `None` if it is malformed or of another kind.
    pub fn parse(self, id: &str) -> Option<Uuid> {
        parse(self.prefix(), id)
    }

    /// Like [`Self::parse`], for an argument: a malformed id is the client's error.
    pub fn argument(self, name: &str, id: &str) -> ApiResult<Uuid> {
        argument(self.prefix(), name, id)
    }

    /// Like [`Self::parse`], for event data: an event with a malformed id can never be handled.
    pub fn of_event(self, id: &str) -> Result<Uuid, HandleError> {
        self.parse(id).ok_or_else(|| {
            HandleError::Unusable(format!(
                "{id:?} is not an id of the form {}_…",
                self.prefix()
            ))
        })
    }
}

/// The number by which people call an order, "7K2M-9QXD": made of the random part of its id, without letters that look
/// like others. It need not be unique among all orders, only among one customer's.
pub fn order_number(id: Uuid) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = id.as_u128();
    let digit = |position: u32| {
        let index = usize::try_from((bits >> (5 * position)) & 31).unwrap_or(0);
        char::from(DIGITS[index])
    };
    let part = |first: u32| (0..4).rev().map(move |offset| digit(first + offset));
    part(4).chain(['-']).chain(part(0)).collect()
}

/// The prefix of events' ids. Events are no entities, so nothing but their own list resolves them.
const EVENT: &str = "evt";

/// The public id of an event, `evt_01h…`.
pub fn format_event(id: Uuid) -> String {
    format(EVENT, id)
}

/// The UUID in an event's public id; `None` if it is malformed.
pub fn parse_event(id: &str) -> Option<Uuid> {
    parse(EVENT, id)
}

/// Like [`parse_event`], for an argument: a malformed id is the client's error.
pub fn event_argument(name: &str, id: &str) -> ApiResult<Uuid> {
    argument(EVENT, name, id)
}

fn format(prefix: &'static str, id: Uuid) -> String {
    match DynamicType::new(prefix) {
        Ok(kind) => TypeSafeId::from_type_and_uuid(kind, id).to_string(),
        // Every prefix here is lower-case ASCII, which is all that the constructor checks.
        Err(_) => unreachable!("the prefix {prefix:?} is not a TypeID prefix"),
    }
}

fn parse(prefix: &str, id: &str) -> Option<Uuid> {
    let parsed: TypeSafeId<DynamicType> = id.parse().ok()?;
    (parsed.type_prefix() == prefix).then(|| parsed.uuid())
}

fn argument(prefix: &str, name: &str, id: &str) -> ApiResult<Uuid> {
    parse(prefix, id).ok_or_else(|| {
        ApiError::bad_user_input(format!(
            "{name} is not a valid id: expected {prefix}_ followed by 26 characters"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_way_out_and_back() {
        let id = Uuid::now_v7();
        let public = IdKind::Order.format(id);
        assert!(public.starts_with("ord_"));
        assert_eq!(IdKind::Order.parse(&public), Some(id));
    }

    #[test]
    fn an_orders_number_is_the_end_of_its_id_in_letters_that_people_tell_apart() {
        let id = IdKind::Order
            .parse("ord_01k6ajw50ce9rtmhk5wsjgy7kz")
            .unwrap();
        assert_eq!(order_number(id), "WSJG-Y7KZ");
        assert_eq!(order_number(Uuid::nil()), "0000-0000");
        assert_eq!(order_number(Uuid::max()), "ZZZZ-ZZZZ");
    }

    #[test]
    fn an_id_of_another_kind_or_malformed_is_refused() {
        let public = IdKind::Order.format(Uuid::now_v7());
        assert_eq!(IdKind::Return.parse(&public), None);
        for bad in ["", "ord_", "ord_zzz", "ord", "1; DROP TABLE orders"] {
            assert_eq!(IdKind::Order.parse(bad), None, "{bad}");
        }
    }
}
