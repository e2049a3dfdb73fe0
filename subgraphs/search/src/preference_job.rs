//! Computes preferences: every night those of all customers with signals, and every week what is popular in each
//! category. `vantage search vectors` computes both at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveTime, Utc, Weekday};
use entities::search::customer_preference::{self, Interests, PreferenceMode};
use entities::search::signal::SignalCount;
use entities::search::{category_vector, product, search_exposure, signal};
use platform::jobs::{Schedule, run_scheduled};
use platform::workers::WorkerContext;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::engine::{Document, ProductVector};
use crate::events;
use crate::rules::preference::{self, CategoryPopularity, Interaction, Liked, Preferences, WINDOW};

/// Customers read at a time.
const CUSTOMERS: u64 = 200;

/// 03:00 UTC, every day.
const NIGHTLY: Schedule = Schedule::DailyAt(hour(3));
/// 02:00 UTC every Monday, so that the next preferences are blended with the new vectors.
const WEEKLY: Schedule = Schedule::WeeklyAt(Weekday::Mon, hour(2));

const fn hour(hour: u32) -> NaiveTime {
    match NaiveTime::from_hms_opt(hour, 0, 0) {
        Some(time) => time,
        None => NaiveTime::MIN,
    }
}

/// What was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComputedPreferences {
    /// Customers with signals in the last 90 days.
    pub customers: u64,
    /// Of these, customers with a blended and with a full preference.
    pub blended: u64,
    pub full: u64,
    /// Customers whose preferences are different now.
    pub changed: u64,
}

/// A chunk of customers with what they did, and the products of that.
struct Chunk {
    /// In the order of customers.
    counts: Vec<SignalCount>,
    products: HashMap<Uuid, Document>,
}

impl Chunk {
    async fn load(state: &State, customers: &[Uuid], since: DateTime<Utc>) -> Result<Self, DbErr> {
        let db = state.database.read();
        let counts = signal::counts_of(db, customers, since).await?;
        let ids: HashSet<Uuid> = counts.iter().map(|count| count.product_id).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let mut products = HashMap::new();
        for ids in ids.chunks(10_000) {
            let rows = product::by_ids(db, ids).await?;
            let rows = rows.into_values().map(Arc::unwrap_or_clone).collect();
            let documents = state.documents(rows).await?;
            products.extend(documents.into_iter().map(|one| (one.product.id, one)));
        }
        Ok(Self { counts, products })
    }

    /// Each customer with what they did.
    fn customers(&self) -> impl Iterator<Item = (Uuid, Vec<Interaction<'_>>)> {
        self.counts
            .chunk_by(|a, b| a.customer_id == b.customer_id)
            .map(|counts| {
                let interactions = counts.iter().map(|count| Interaction {
                    kind: count.kind,
                    count: count.count,
                    product: self.liked(count.product_id),
                });
                (counts[0].customer_id, interactions.collect())
            })
    }

    fn liked(&self, product: Uuid) -> Option<Liked<'_>> {
        let document = self.products.get(&product)?;
        Some(Liked {
            vector: document.vector.as_ref()?,
            category: &document.product.category,
            brand: document.product.brand.as_deref(),
        })
    }
}

impl State {
    /// Computes what is popular in each category, and returns for how many there is something.
    ///
    /// # Errors
    /// A database that cannot be read or written.
    pub async fn compute_category_vectors(&self) -> Result<usize, DbErr> {
        let now = self.clock.now();
        let mut popularity = CategoryPopularity::default();
        let mut after = None;
        loop {
            let customers = self.customers_after(now, after).await?;
            let Some(last) = customers.last() else { break };
            after = Some(*last);
            let chunk = Chunk::load(self, &customers, now - WINDOW).await?;
            for (_, interactions) in chunk.customers() {
                if let Some(own) = preference::own_preference(&interactions) {
                    popularity.add(&own);
                }
            }
        }
        let rows: Vec<_> = popularity
            .vectors()
            .into_iter()
            .map(|(category, (vector, customers))| category_vector::Model {
                category,
                vector: vector.to_bytes(),
                customers,
                computed_at: now,
            })
            .collect();
        let count = rows.len();
        let transaction = self.database.begin().await?;
        events::lock_category_vectors(&transaction).await?;
        category_vector::replace_all(&transaction, rows).await?;
        transaction.commit().await?;
        tracing::info!(categories = count, "popularity of categories computed");
        Ok(count)
    }

    /// Computes the preferences of all customers, and forgets those of customers whose signals are too old.
    ///
    /// # Errors
    /// A database that cannot be read or written.
    pub async fn compute_preferences(&self) -> Result<ComputedPreferences, DbErr> {
        let mut popular = category_vector::all(self.database.read()).await?;
        if popular.is_empty() {
            // The first time.
            self.compute_category_vectors().await?;
            popular = category_vector::all(self.database.write()).await?;
        }
        let popular: BTreeMap<String, ProductVector> = popular
            .into_iter()
            .filter_map(|row| Some((row.category, ProductVector::from_bytes(&row.vector)?)))
            .collect();
        let mut computed = ComputedPreferences::default();
        let (now, mut after) = (self.clock.now(), None);
        loop {
            let customers = self.customers_after(now, after).await?;
            let Some(last) = customers.last() else { break };
            after = Some(*last);
            self.compute_chunk(&customers, &popular, &mut computed)
                .await?;
        }
        self.forget_without_signals(&mut computed).await?;
        let ComputedPreferences {
            customers,
            blended,
            full,
            changed,
        } = computed;
        tracing::info!(customers, blended, full, changed, "preferences computed");
        Ok(computed)
    }

    async fn customers_after(
        &self,
        now: DateTime<Utc>,
        after: Option<Uuid>,
    ) -> Result<Vec<Uuid>, DbErr> {
        signal::customers_after(self.database.read(), now - WINDOW, after, CUSTOMERS).await
    }

    async fn compute_chunk(
        &self,
        customers: &[Uuid],
        popular: &BTreeMap<String, ProductVector>,
        computed: &mut ComputedPreferences,
    ) -> Result<(), DbErr> {
        let now = self.clock.now();
        let known = customer_preference::by_customers(self.database.read(), customers).await?;
        let known: HashMap<Uuid, _> = known
            .into_iter()
            .map(|row| (row.customer_id, row))
            .collect();
        let chunk = Chunk::load(self, customers, now - WINDOW).await?;
        let mut changed = Vec::new();
        for (customer, interactions) in chunk.customers() {
            let before = known.get(&customer).cloned();
            let before =
                before.unwrap_or_else(|| customer_preference::Model::unknown(customer, now));
            if before.opted_out {
                // Signals that another process recorded while the customer opted out.
                self.delete_traces(customer).await?;
                continue;
            }
            let preferences = preference::preferences(&interactions, popular);
            computed.customers += 1;
            match preferences.mode {
                PreferenceMode::None => {}
                PreferenceMode::Blended => computed.blended += 1,
                PreferenceMode::Full => computed.full += 1,
            }
            changed.extend(changed_row(before, preferences, now));
        }
        self.write_preferences(changed, computed).await
    }

    /// Customers who have a vector, but no signals any more.
    async fn forget_without_signals(
        &self,
        computed: &mut ComputedPreferences,
    ) -> Result<(), DbErr> {
        let (now, mut after) = (self.clock.now(), None);
        let nothing = Preferences {
            mode: PreferenceMode::None,
            signals: 0,
            vector: None,
            categories: Vec::new(),
            brands: Vec::new(),
        };
        loop {
            let db = self.database.read();
            let rows = customer_preference::with_vector_after(db, after, CUSTOMERS).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.customer_id);
            let ids: Vec<Uuid> = rows.iter().map(|row| row.customer_id).collect();
            let numbers = signal::numbers_of(db, &ids, now - WINDOW).await?;
            let forgotten = rows
                .into_iter()
                .filter(|row| !numbers.contains_key(&row.customer_id))
                .filter_map(|row| changed_row(row, nothing.clone(), now));
            self.write_preferences(forgotten.collect(), computed)
                .await?;
        }
        Ok(())
    }

    async fn write_preferences(
        &self,
        rows: Vec<customer_preference::Model>,
        computed: &mut ComputedPreferences,
    ) -> Result<(), DbErr> {
        let customers: Vec<Uuid> = rows.iter().map(|row| row.customer_id).collect();
        computed.changed += customer_preference::write(self.database.write(), rows).await?;
        self.personalization.preferences.remove(&customers).await;
        Ok(())
    }

    /// Deletes a customer's signals and takes them out of the experiment.
    pub(crate) async fn delete_traces(&self, customer: Uuid) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        signal::delete_customer(&transaction, customer).await?;
        search_exposure::forget_customer(&transaction, customer, Uuid::new_v4()).await?;
        transaction.commit().await
    }
}

/// The row with these preferences; `None` if it has them already. The vector before is kept, and a version is never used
/// again.
fn changed_row(
    before: customer_preference::Model,
    preferences: Preferences,
    now: DateTime<Utc>,
) -> Option<customer_preference::Model> {
    let vector = preferences.vector.as_ref().map(ProductVector::to_bytes);
    let interests = Interests {
        categories: preferences.categories,
        brands: preferences.brands,
    };
    let is_same_vector = vector == before.vector && preferences.mode == before.mode;
    if is_same_vector && interests == before.interests && preferences.signals == before.signals {
        return None;
    }
    if is_same_vector {
        return Some(customer_preference::Model {
            signals: preferences.signals,
            interests,
            changed_at: now,
            ..before
        });
    }
    Some(customer_preference::Model {
        mode: preferences.mode,
        signals: preferences.signals,
        version: now.timestamp_micros().max(before.version + 1),
        vector,
        interests,
        earlier_mode: before.mode,
        earlier_version: before.version,
        earlier_vector: before.vector,
        changed_at: now,
        ..before
    })
}

/// Computes preferences at 03:00 UTC, in one of all instances; for the first time at once.
pub(crate) async fn run_nightly(state: State, context: WorkerContext) {
    run_scheduled(&context, "search.preferences", NIGHTLY, || async {
        state.compute_preferences().await.map(drop)
    })
    .await;
}

/// Computes what is popular in each category once a week, in one of all instances; for the first time at once.
pub(crate) async fn run_weekly(state: State, context: WorkerContext) {
    run_scheduled(&context, "search.category_vectors", WEEKLY, || async {
        state.compute_category_vectors().await.map(drop)
    })
    .await;
}
