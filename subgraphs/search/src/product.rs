//! The GraphQL type `Product`. This domain owns its text and attributes; pricing adds prices, and returns and orders
//! refer to it.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entities::search::product as entity;
use resolvers::id::IdKind;
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::loaders::Loaders;

/// The fields of a [`entity::Summary`].
const SUMMARY: [&str; 4] = ["__typename", "id", "title", "imageUrl"];

#[derive(Clone, Debug)]
pub(crate) enum Product {
    Whole(Arc<entity::Model>),
    /// Enough for the fields that were requested.
    Summary(Arc<entity::Summary>),
}

impl Product {
    /// By id, active or not, as far as the selection of this field needs it.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: Uuid,
    ) -> ApiResult<Option<Self>> {
        let loaders = context.data_unchecked::<Loaders>();
        let is_summary = context
            .field()
            .selection_set()
            .all(|field| SUMMARY.contains(&field.name()));
        if is_summary {
            let summary = loaders.product_summaries.load_one(id).await?;
            return Ok(summary.map(Self::Summary));
        }
        Ok(loaders.products.load_one(id).await?.map(Self::Whole))
    }

    pub(crate) async fn row(&self, context: &Context<'_>) -> ApiResult<Arc<entity::Model>> {
        match self {
            Self::Whole(row) => Ok(row.clone()),
            Self::Summary(summary) => {
                let loaders = context.data_unchecked::<Loaders>();
                let row = loaders.products.load_one(summary.id).await?;
                row.ok_or_else(|| ApiError::internal(format!("product {} is missing", summary.id)))
            }
        }
    }
}

/// A product that the shop sells or has sold, visible to everyone.
#[Object(cache_control(max_age = 60))]
impl Product {
    /// Globally unique id: `prd_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Product.id(match self {
            Self::Whole(row) => row.id,
            Self::Summary(summary) => summary.id,
        })
    }

    /// The name to show to shoppers.
    async fn title(&self) -> &str {
        match self {
            Self::Whole(row) => &row.title,
            Self::Summary(summary) => &summary.title,
        }
    }

    /// What the product is, in a few sentences of plain text.
    async fn description(&self, context: &Context<'_>) -> ApiResult<String> {
        Ok(self.row(context).await?.description.clone())
    }

    /// The name of the brand; null if the product has none.
    async fn brand(&self, context: &Context<'_>) -> ApiResult<Option<String>> {
        Ok(self.row(context).await?.brand.clone())
    }

    /// The name of the category.
    async fn category(&self, context: &Context<'_>) -> ApiResult<String> {
        Ok(self.row(context).await?.category.clone())
    }

    /// The URL of a picture; null if there is none.
    async fn image_url(&self, context: &Context<'_>) -> Option<Cow<'_, str>> {
        let url = match self {
            Self::Whole(row) => row.image_url.as_deref()?,
            Self::Summary(summary) => summary.image_url.as_deref()?,
        };
        Some(match url.strip_prefix('/') {
            Some(_) => {
                let public_url = &context.data_unchecked::<State>().public_url;
                format!("{public_url}{url}").into()
            }
            None => url.into(),
        })
    }

    /// The average rating of its reviews, from 1 to 5; null without reviews.
    async fn rating(&self, context: &Context<'_>) -> ApiResult<Option<f64>> {
        Ok(self.row(context).await?.rating)
    }

    /// How many reviews there are.
    async fn review_count(&self, context: &Context<'_>) -> ApiResult<i32> {
        Ok(self.row(context).await?.review_count)
    }

    /// How many units are in stock.
    async fn available_quantity(&self, context: &Context<'_>) -> ApiResult<i32> {
        Ok(self.row(context).await?.available_quantity)
    }

    /// Whether the product is for sale. One that is not only appears in old orders.
    async fn active(&self, context: &Context<'_>) -> ApiResult<bool> {
        Ok(self.row(context).await?.active)
    }

    /// Whether at least one unit is in stock.
    async fn in_stock(&self, context: &Context<'_>) -> ApiResult<bool> {
        Ok(self.row(context).await?.available_quantity > 0)
    }

    /// What one packed unit weighs, in grams; null if it is not known or nothing is shipped.
    async fn weight_grams(&self, context: &Context<'_>) -> ApiResult<Option<i32>> {
        Ok(self.row(context).await?.weight_grams)
    }

    /// The size of one packed unit; null if it is not known or nothing is shipped.
    async fn dimensions(&self, context: &Context<'_>) -> ApiResult<Option<ProductDimensions>> {
        let row = self.row(context).await?;
        Ok(match (row.length_mm, row.width_mm, row.height_mm) {
            (Some(length_mm), Some(width_mm), Some(height_mm)) => Some(ProductDimensions {
                length_mm,
                width_mm,
                height_mm,
            }),
            _ => None,
        })
    }

    /// Its class in the Harmonized System of customs authorities: 6 digits, or more in a country's own tariff.
    async fn hs_code(&self, context: &Context<'_>) -> ApiResult<Option<String>> {
        Ok(self.row(context).await?.hs_code.clone())
    }

    /// The country where it was made (ISO 3166-1 alpha-2), for customs.
    async fn origin_country(&self, context: &Context<'_>) -> ApiResult<Option<String>> {
        Ok(self.row(context).await?.origin_country.clone())
    }
}

/// The size of a packed product.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct ProductDimensions {
    /// In millimetres.
    length_mm: i32,
    /// In millimetres.
    width_mm: i32,
    /// In millimetres.
    height_mm: i32,
}
