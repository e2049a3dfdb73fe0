//! Parses mutation inputs before any rule is evaluated.

use std::collections::HashSet;

use entities::returns::return_item::ItemCondition;
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};
use uuid::Uuid;

use crate::return_create_input::{ReturnCreateInput, ReturnItemInput};
use crate::rules::reasons::ReturnReason;

/// Maximum number of items in one return.
const MAX_ITEMS: usize = 100;
/// Maximum length of a reason's text, in characters.
const MAX_REASON_TEXT: usize = 1_000;

/// The parsed input of `returnCreate`.
#[derive(Clone, Debug)]
pub(crate) struct ParsedInput {
    pub order: Uuid,
    pub items: Vec<ParsedItem>,
}

impl ParsedInput {
    pub(crate) fn order_items(&self) -> impl Iterator<Item = Uuid> {
        self.items.iter().map(|item| item.order_item)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ParsedItem {
    pub order_item: Uuid,
    /// At least 1.
    pub quantity: i32,
    pub condition: ItemCondition,
    pub reason: &'static ReturnReason,
    pub reason_text: Option<String>,
}

/// Parses the input, or returns all of its errors.
pub(crate) fn parse(input: &ReturnCreateInput) -> Result<ParsedInput, Vec<InputError>> {
    let mut errors = Vec::new();
    let order = IdKind::Order.parse(&input.order_id);
    if order.is_none() {
        errors.push(InputError::new(
            UserErrorCode::InvalidId,
            "The order id is not valid",
            &["input", "orderId"],
        ));
    }
    if input.items.is_empty() || input.items.len() > MAX_ITEMS {
        errors.push(InputError::new(
            UserErrorCode::InvalidItems,
            format!("A return must have 1 to {MAX_ITEMS} items"),
            &["input", "items"],
        ));
        return Err(errors);
    }
    let mut seen = HashSet::new();
    let items: Vec<_> = input
        .items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| parse_item(item, index, &mut seen, &mut errors))
        .collect();
    match order {
        Some(order) if errors.is_empty() => Ok(ParsedInput { order, items }),
        _ => Err(errors),
    }
}

fn parse_item(
    item: &ReturnItemInput,
    index: usize,
    seen: &mut HashSet<Uuid>,
    errors: &mut Vec<InputError>,
) -> Option<ParsedItem> {
    let index = index.to_string();
    let mut refuse = |code, message: &str, field| {
        errors.push(InputError::new(
            code,
            message,
            &["input", "items", &index, field],
        ));
    };
    let order_item = IdKind::OrderItem.parse(&item.order_item_id);
    match order_item {
        None => refuse(
            UserErrorCode::InvalidId,
            "The order item id is not valid",
            "orderItemId",
        ),
        Some(id) if !seen.insert(id) => refuse(
            UserErrorCode::DuplicateItem,
            "List each order item once, with the quantity to return",
            "orderItemId",
        ),
        Some(_) => {}
    }
    if item.quantity < 1 {
        refuse(
            UserErrorCode::InvalidQuantity,
            "The quantity must be at least 1",
            "quantity",
        );
    }
    let reason = ReturnReason::from_code(&item.reason_code);
    if reason.is_none() {
        refuse(
            UserErrorCode::UnknownReason,
            "The reason is not one of returnReasons",
            "reasonCode",
        );
    }
    if let Some(text) = &item.reason_text
        && text.chars().count() > MAX_REASON_TEXT
    {
        refuse(
            UserErrorCode::ReasonTextTooLong,
            &format!("The reason's text may have at most {MAX_REASON_TEXT} characters"),
            "reasonText",
        );
    }
    Some(ParsedItem {
        order_item: order_item?,
        quantity: item.quantity,
        condition: item.condition.into(),
        reason: reason?,
        reason_text: item.reason_text.clone(),
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::ID;

    use super::*;

    fn item(id: u128) -> ReturnItemInput {
        ReturnItemInput {
            order_item_id: IdKind::OrderItem.id(Uuid::from_u128(id)),
            quantity: 1,
            condition: crate::return_item::ItemCondition::Unopened,
            reason_code: "changed_mind".to_owned(),
            reason_text: None,
        }
    }

    fn input(items: Vec<ReturnItemInput>) -> ReturnCreateInput {
        ReturnCreateInput {
            order_id: IdKind::Order.id(Uuid::from_u128(1)),
            items,
        }
    }

    fn errors(input: &ReturnCreateInput) -> Vec<(String, String)> {
        parse(input)
            .unwrap_err()
            .into_iter()
            .map(|error| {
                (
                    error.code.as_str().to_owned(),
                    error.field.unwrap().join("."),
                )
            })
            .collect()
    }

    #[test]
    fn good_input_is_parsed() {
        let parsed = parse(&input(vec![item(1), item(2)])).unwrap();
        assert_eq!(parsed.order, Uuid::from_u128(1));
        let items: Vec<_> = parsed.items.iter().map(|item| item.order_item).collect();
        assert_eq!(items, [Uuid::from_u128(1), Uuid::from_u128(2)]);
        assert_eq!(parsed.items[0].reason.code, "changed_mind");
    }

    #[test]
    fn all_errors_are_returned_at_once_with_their_fields() {
        let bad = ReturnItemInput {
            order_item_id: ID::from("ord_1"),
            quantity: 0,
            reason_code: "bored".to_owned(),
            reason_text: Some("é".repeat(1_001)),
            ..item(1)
        };
        let input = ReturnCreateInput {
            order_id: ID::from("nonsense"),
            items: vec![item(1), bad, item(1)],
        };
        let actual = errors(&input);
        let actual: Vec<_> = actual
            .iter()
            .map(|(code, field)| (code.as_str(), field.as_str()))
            .collect();
        assert_eq!(
            actual,
            [
                ("INVALID_ID", "input.orderId"),
                ("INVALID_ID", "input.items.1.orderItemId"),
                ("INVALID_QUANTITY", "input.items.1.quantity"),
                ("UNKNOWN_REASON", "input.items.1.reasonCode"),
                ("REASON_TEXT_TOO_LONG", "input.items.1.reasonText"),
                ("DUPLICATE_ITEM", "input.items.2.orderItemId"),
            ]
        );
    }

    #[test]
    fn a_return_has_items_but_not_too_many() {
        for items in [0, 101] {
            let input = input((0..items).map(item).collect());
            assert_eq!(
                errors(&input),
                [("INVALID_ITEMS".to_owned(), "input.items".to_owned())]
            );
        }
        assert!(parse(&input((0..100).map(item).collect())).is_ok());
    }
}
