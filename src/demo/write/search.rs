//! The search domain: the products that can be found, and what customers did with them.

use entities::insert_many;
use entities::search::{product, signal};
use platform::database::Database;
use sea_orm::EntityTrait;

use super::Plan;
use crate::demo::catalog::PRODUCTS;
use crate::demo::signals::Signal;

pub(super) async fn write(database: &Database, plan: &Plan) -> anyhow::Result<()> {
    let transaction = database.begin().await?;
    if product::Entity::find().one(&transaction).await?.is_some() {
        return Ok(());
    }
    let rows = (0..PRODUCTS).map(|index| {
        let product = plan.product(index);
        let attributes = product.attributes;
        let side = |index: usize| attributes.and_then(|of| of.size.get(index).copied());
        product::Model {
            id: product.id,
            title: product.title,
            description: product.description,
            brand: Some(product.brand.to_owned()),
            category: product.category.to_owned(),
            image_url: Some(product.image_url),
            rating: Some(product.rating),
            review_count: product.reviews,
            available_quantity: product.available,
            price_usd_minor: product.price + product.adjustment,
            price_sequence: 1,
            popularity: i64::from(product.reviews),
            active: true,
            created_at: product.created_at,
            updated_at: product.created_at,
            weight_grams: attributes.map(|of| of.weight_grams),
            length_mm: side(0),
            width_mm: side(1),
            height_mm: side(2),
            hs_code: attributes.map(|of| of.hs_code.to_owned()),
            origin_country: attributes.map(|of| of.origin_country.to_owned()),
            catalog_sequence: 0,
            source_sequence: 0,
            stock_sequence: 1,
            stock_announced_at: Some(product.created_at),
        }
    });
    insert_many::<product::Entity>(&transaction, rows.collect()).await?;
    let looked = plan.demo_signals().into_iter().map(signal_row).collect();
    insert_many::<signal::Entity>(&transaction, looked).await?;
    for chunk in plan.chunks() {
        let bought = chunk.flat_map(|index| plan.purchases(&plan.order(index)));
        let rows = bought.map(signal_row).collect();
        insert_many::<signal::Entity>(&transaction, rows).await?;
    }
    transaction.commit().await?;
    Ok(())
}

fn signal_row(signal: Signal) -> signal::Model {
    signal::Model {
        id: signal.id,
        customer_id: Some(signal.customer),
        kind: signal.kind,
        product_id: signal.product,
        query_id: None,
        position: None,
        occurred_at: signal.at,
        order_id: signal.order,
    }
}
