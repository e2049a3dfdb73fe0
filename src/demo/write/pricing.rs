//! The pricing domain: prices, adjustments, their history, and rates.

use chrono::Duration;
use entities::insert_many;
use entities::pricing::{exchange_rate, price_adjustment, price_change, product_price};
use platform::database::Database;
use resolvers::money::CurrencyCode;
use sea_orm::EntityTrait;

use super::Plan;
use crate::demo::Stream;
use crate::demo::catalog::PRODUCTS;
use crate::demo::places::rate;

pub(super) async fn write(database: &Database, plan: &Plan) -> anyhow::Result<()> {
    let transaction = database.begin().await?;
    if product_price::Entity::find()
        .one(&transaction)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let (mut prices, mut adjustments, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..PRODUCTS {
        let product = plan.product(index);
        prices.push(product_price::Model {
            product_id: product.id,
            base_usd_minor: product.price,
            compare_at_usd_minor: product.compare_at,
            updated_at: product.created_at,
            version: 1,
            sequence: 1,
            published_usd_minor: Some(product.price + product.adjustment),
            next_change_at: None,
        });
        changes.push(price_change::Model {
            id: plan.id(Stream::Price, u64::from(index) * 2),
            product_id: product.id,
            base_usd_minor: product.price,
            compare_at_usd_minor: product.compare_at,
            changed_at: product.created_at,
            current_usd_minor: Some(product.price),
            reason: Some("catalog".to_owned()),
            actor: Some("demo".to_owned()),
        });
        if product.adjustment != 0 {
            adjustments.push(price_adjustment::Model {
                id: plan.id(Stream::Price, u64::from(index) * 2 + 1),
                product_id: product.id,
                kind: "demand".to_owned(),
                usd_minor: product.adjustment,
                active_from: plan.now - Duration::days(1),
                active_until: None,
                percent: None,
            });
        }
    }
    insert_many::<product_price::Entity>(&transaction, prices).await?;
    insert_many::<price_adjustment::Entity>(&transaction, adjustments).await?;
    insert_many::<price_change::Entity>(&transaction, changes).await?;
    let rates = CurrencyCode::ALL
        .into_iter()
        .filter(|currency| *currency != CurrencyCode::Usd)
        .map(|currency| exchange_rate::Model {
            currency: currency.as_str().to_owned(),
            rate: rate(currency).to_string(),
            source: "demo".to_owned(),
            as_of: plan.now,
            fetched_at: plan.now,
        });
    exchange_rate::put_rates(&transaction, rates.collect()).await?;
    transaction.commit().await?;
    Ok(())
}
