//! The search domain: the products that can be found, and what customers did with them.

use entities::search::{product, signal};
use platform::database::Database;
use sea_orm::EntityTrait;

use super::{chunks, insert};
use crate::demo::catalog::Product;
use crate::demo::signals::Signal;
use crate::demo::{Plan, Progress};

pub(super) async fn write(
    database: Database,
    plan: Plan,
    progress: Progress,
) -> anyhow::Result<()> {
    for chunk in chunks(0, plan.products) {
        let rows: Vec<_> = chunk
            .map(|index| product_row(plan.product(index)))
            .collect();
        let Some(last) = rows.last().map(|row| row.id) else {
            break;
        };
        let transaction = database.begin().await?;
        let found = product::by_ids(&transaction, &[last]).await?;
        if found.is_empty() {
            let rows = insert::<product::Entity>(&transaction, rows).await?;
            transaction.commit().await?;
            progress.add_rows(rows);
        }
    }
    write_signals(&database, &progress, plan.demo_signals()).await?;
    for chunk in plan.chunks() {
        let count = chunk.len();
        let bought = chunk.flat_map(|index| plan.purchases(&plan.order(index)));
        write_signals(&database, &progress, bought.collect()).await?;
        progress.add_orders(count);
    }
    Ok(())
}

async fn write_signals(
    database: &Database,
    progress: &Progress,
    signals: Vec<Signal>,
) -> anyhow::Result<()> {
    let rows: Vec<_> = signals.into_iter().map(signal_row).collect();
    let Some(last) = rows.last().map(|row| row.id) else {
        return Ok(());
    };
    let transaction = database.begin().await?;
    // Written by an interrupted run.
    if signal::Entity::find_by_id(last)
        .one(&transaction)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let rows = insert::<signal::Entity>(&transaction, rows).await?;
    transaction.commit().await?;
    progress.add_rows(rows);
    Ok(())
}

fn product_row(product: Product) -> product::Model {
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
