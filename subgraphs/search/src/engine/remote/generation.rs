//! What is known of an index for as long as it is used: how it compares words, and what they count. It is kept in the
//! index's mapping.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Call, Client};
use super::indices::Names;
use crate::engine::word_weights::WordWeights;
use crate::engine::{Document, EngineError};
use crate::rules::analysis::{Analysis, AnalysisFiles};

/// How long it is assumed that the same index serves. Another process may have published another one meanwhile.
const ASSUMED: Duration = Duration::from_secs(1);

/// An index that can be searched.
#[derive(Debug)]
pub(super) struct Generation {
    pub name: String,
    pub analysis: Arc<Analysis>,
    pub weights: WordWeights,
}

/// What the mapping of an index says about it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Meta {
    pub analysis: AnalysisFiles,
    #[serde(default)]
    pub weights: WordWeights,
}

impl Meta {
    /// As a part of a mapping.
    pub(super) fn mapping(&self) -> Value {
        json!({ "_meta": self })
    }
}

/// The index that serves searches, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Serving(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    current: Option<(Instant, Arc<Generation>)>,
    /// Changes when this process has published an index.
    published: u64,
}

impl Serving {
    /// The index that serves now; an error if there is none.
    pub(super) async fn get(
        &self,
        client: &Client,
        names: &Names,
        interactive: bool,
    ) -> Result<Arc<Generation>, EngineError> {
        let (known, published) = {
            let known = self.0.lock();
            (known.current.clone(), known.published)
        };
        if let Some((asked, generation)) = &known
            && asked.elapsed() < ASSUMED
        {
            return Ok(generation.clone());
        }
        let asked = Instant::now();
        let serving = names.serving(client, interactive).await?;
        let name = serving.ok_or(EngineError::NoIndex)?.name;
        let generation = match known {
            Some((_, generation)) if generation.name == name => generation,
            _ => Arc::new(Generation::read(client, name, interactive).await?),
        };
        let mut known = self.0.lock();
        if known.published == published {
            known.current = Some((asked, generation.clone()));
        }
        Ok(generation)
    }

    /// Asks again: this process has published an index.
    pub(super) fn forget(&self) {
        let mut known = self.0.lock();
        known.current = None;
        known.published += 1;
    }
}

impl Generation {
    async fn read(client: &Client, name: String, interactive: bool) -> Result<Self, EngineError> {
        let call = Call::get("mapping", format!("/{name}/_mapping"));
        let call = if interactive {
            call.interactive()
        } else {
            call
        };
        let mut answer = client.answer(call).await?;
        let meta = answer[&name]["mappings"]["_meta"].take();
        let meta: Meta = serde_json::from_value(meta).map_err(|error| {
            EngineError::Unavailable(format!("index {name} was not made by a build: {error}"))
        })?;
        Ok(Self {
            name,
            analysis: Arc::new(Analysis::parse(&meta.analysis)?),
            weights: meta.weights,
        })
    }
}

/// Counts the words of an index while it is built.
#[derive(Debug, Default)]
pub(super) struct WordCounts {
    products: u64,
    /// Of titles, brands and categories.
    fields: [HashMap<String, u64>; 3],
}

impl WordCounts {
    pub(super) fn add(&mut self, document: &Document, analysis: &Analysis) {
        let product = &document.product;
        let brand = product.brand.as_deref().unwrap_or_default();
        self.products += 1;
        for (counts, text) in self
            .fields
            .iter_mut()
            .zip([&product.title, brand, &product.category])
        {
            let mut stems = analysis.indexed_stems(text);
            stems.sort_unstable();
            stems.dedup();
            for stem in stems {
                *counts.entry(stem).or_default() += 1;
            }
        }
    }

    pub(super) fn weights(self) -> WordWeights {
        WordWeights::of_counts(self.products, self.fields)
    }
}
