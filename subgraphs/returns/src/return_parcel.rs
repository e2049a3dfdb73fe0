//! What a return's label is made for: the parcel, and what customs ask if it crosses a border.

use std::collections::HashMap;

use entities::returns::{customer_return, return_item};
use platform::providers::easypost::{CustomsInfo, CustomsItem, Parcel};
use resolvers::money::{CurrencyCode, Money};
use uuid::Uuid;

use crate::State;
use crate::order_payment::OrderPayment;
use crate::product_measures::{self, ProductMeasures};
use crate::rules::parcel::{self, Content};
use crate::tasks::TaskError;
use crate::transitions::TransitionError;

/// The country of the warehouse.
pub(crate) const WAREHOUSE_COUNTRY: &str = "US";

/// The exemption from an export declaration for goods of little value.
const EXEMPTION: &str = "NOEEI 30.37(a)";

/// The longest description that carriers print.
const LONGEST_DESCRIPTION: usize = 45;

/// A return's parcel and customs declaration.
#[derive(Clone, Debug)]
pub(crate) struct ReturnParcel {
    pub parcel: Parcel,
    /// Its weight in begun pounds.
    pub pounds: i32,
    /// `None` within a country.
    pub customs: Option<CustomsInfo>,
}

impl ReturnParcel {
    pub(crate) async fn of(
        state: &State,
        row: &customer_return::Model,
        order: &OrderPayment,
    ) -> Result<Self, TaskError> {
        let mut items = return_item::of_returns(state.database.read(), &[row.id]).await?;
        let items = items.remove(&row.id).unwrap_or_default();
        let products: Vec<_> = items.iter().filter_map(|item| item.product_id).collect();
        let known = product_measures::load(state, &products).await?;
        let contents: Vec<_> = items.iter().map(|item| content(item, &known)).collect();
        let parcel = Parcel {
            ounces: parcel::ounces(&contents),
            inches: parcel::inches(&contents),
        };
        let customs = match order.country() == WAREHOUSE_COUNTRY {
            true => None,
            false => Some(declare(row, order, &items, &contents, &known)?),
        };
        Ok(Self {
            parcel,
            pounds: parcel::pounds(&contents),
            customs,
        })
    }
}

fn of_item<'a>(
    item: &return_item::Model,
    known: &'a HashMap<Uuid, ProductMeasures>,
) -> Option<&'a ProductMeasures> {
    known.get(&item.product_id?)
}

fn content(item: &return_item::Model, known: &HashMap<Uuid, ProductMeasures>) -> Content {
    Content {
        units: item.quantity.into(),
        of: of_item(item, known).map_or_else(Default::default, |known| known.measures),
    }
}

fn declare(
    row: &customer_return::Model,
    order: &OrderPayment,
    items: &[return_item::Model],
    contents: &[Content],
    known: &HashMap<Uuid, ProductMeasures>,
) -> Result<CustomsInfo, TaskError> {
    let unknown = || TransitionError::UnknownValue(row.id);
    let currency = CurrencyCode::from_code(&row.currency).ok_or_else(unknown)?;
    let (_, bought) = order.bought(currency).ok_or_else(unknown)?;
    let declared = items.iter().zip(contents).map(|(item, content)| {
        let line = bought.get(&item.order_item_id).ok_or_else(unknown)?;
        let units = i64::from(item.quantity);
        // What was paid for these units; at least the smallest amount, since nothing is worth nothing.
        let worth = (line.total * units / line.quantity.max(1)).max(1);
        let product = of_item(item, known);
        let origin = product.and_then(|product| product.origin_country.clone());
        Ok(CustomsItem {
            description: item
                .product_name
                .chars()
                .take(LONGEST_DESCRIPTION)
                .collect(),
            quantity: units,
            value: Money::new(worth, currency).decimal(),
            currency: currency.as_str().to_owned(),
            weight: content.ounces(),
            hs_tariff_number: product.and_then(|product| product.hs_code.clone()),
            // It was imported from here, wherever it was made.
            origin_country: origin.unwrap_or_else(|| WAREHOUSE_COUNTRY.to_owned()),
        })
    });
    Ok(CustomsInfo {
        contents_type: "returned_goods",
        contents_explanation: "Goods returned to their seller".to_owned(),
        restriction_type: "none",
        non_delivery_option: "return",
        eel_pfc: EXEMPTION,
        customs_certify: true,
        customs_signer: order.recipient().to_owned(),
        customs_items: declared.collect::<Result<_, TransitionError>>()?,
    })
}
