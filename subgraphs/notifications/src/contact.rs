//! What the orders domain knows of a message's customer and order, read on the customer's behalf when it is sent. This
//! domain keeps no addresses, so none is outdated or left behind.

use async_graphql::Variables;
use platform::caller::{Caller, Locale};
use platform::tasks::TaskError;
use resolvers::client::{ClientError, Document, SubgraphClient};
use resolvers::id::IdKind;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::templates::{Amounts, Item};

static DOCUMENT: Document = Document::new(
    "query($representations: [_Any!]!) {
    _entities(representations: $representations) {
        ... on Customer { email name }
        ... on Order {
            items { productName quantity lineTotal { formatted } }
            subtotal { formatted }
            shipping { formatted }
            tax { formatted }
            total { formatted }
        }
    }
}",
);

/// The customer's address, and the order that a message is about.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub email: String,
    pub name: String,
    pub items: Vec<Item>,
    pub amounts: Option<Amounts>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_entities")]
    entities: Vec<Option<Entity>>,
}

/// A customer or an order.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entity {
    Customer {
        email: String,
        name: String,
    },
    #[serde(rename_all = "camelCase")]
    Order {
        items: Vec<Line>,
        subtotal: Amount,
        shipping: Amount,
        tax: Amount,
        total: Amount,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    product_name: String,
    quantity: i32,
    line_total: Amount,
}

#[derive(Deserialize)]
struct Amount {
    formatted: String,
}

impl Contact {
    /// `None` if there is no such customer any more, or they were erased and have no address.
    pub(crate) async fn of(
        orders: &SubgraphClient,
        customer: Uuid,
        order: Option<Uuid>,
        locale: &str,
    ) -> Result<Option<Self>, TaskError> {
        let customer = IdKind::Customer.format(customer);
        let caller = Caller {
            locale: Locale {
                // Amounts are written in the message's language.
                languages: Some(locale.to_owned()),
                ..Locale::default()
            },
            ..Caller::customer(&customer)
        };
        let mut representations = vec![json!({ "__typename": "Customer", "id": customer })];
        if let Some(order) = order {
            let id = IdKind::Order.format(order);
            representations.push(json!({ "__typename": "Order", "id": id }));
        }
        let variables = Variables::from_json(json!({ "representations": representations }));
        let answer: Answer = orders
            .query(&caller, &DOCUMENT, variables)
            .await
            .map_err(|error| failure(&error))?;
        let (mut found, mut items, mut amounts) = (None, Vec::new(), None);
        for entity in answer.entities.into_iter().flatten() {
            match entity {
                Entity::Customer { email, name } => found = Some((email, name)),
                Entity::Order {
                    items: lines,
                    subtotal,
                    shipping,
                    tax,
                    total,
                } => {
                    items = lines
                        .into_iter()
                        .map(|line| Item {
                            name: line.product_name,
                            quantity: line.quantity,
                            total: line.line_total.formatted,
                        })
                        .collect();
                    amounts = Some(Amounts {
                        subtotal: subtotal.formatted,
                        shipping: shipping.formatted,
                        tax: tax.formatted,
                        total: total.formatted,
                    });
                }
            }
        }
        let found = found.filter(|(email, _)| !email.is_empty());
        Ok(found.map(|(email, name)| Self {
            email,
            name,
            items,
            amounts,
        }))
    }
}

/// The orders domain's outage is not the message's fault.
fn failure(error: &ClientError) -> TaskError {
    match error {
        ClientError::Http(call) => TaskError::of_call(error, call),
        _ => TaskError::failed(error),
    }
}
