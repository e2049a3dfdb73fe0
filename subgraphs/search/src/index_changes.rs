//! Keeps the index near the database: products that have changed are indexed anew, whoever changed them.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::search::product;
use uuid::Uuid;

use crate::State;
use crate::reindex::{BATCH_SIZE, ReindexError};

/// How long a change may take to be committed, and how far the clocks of instances may differ: changes of this period
/// are looked for again.
const OVERLAP: TimeDelta = TimeDelta::seconds(30);

/// Up to where an index has followed the database.
#[derive(Debug)]
pub struct IndexFollower {
    state: State,
    /// When the last complete walk over the changes began.
    until: DateTime<Utc>,
    /// What was indexed of the overlapping period, as of when.
    indexed: HashMap<Uuid, DateTime<Utc>>,
}

impl IndexFollower {
    /// Follows from when the index was built.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub async fn new(state: State) -> Result<Self, ReindexError> {
        let built_at = state.engine.built_at().await?;
        let built_at = built_at.unwrap_or(DateTime::UNIX_EPOCH);
        Ok(Self {
            until: built_at.min(state.clock.now()),
            indexed: HashMap::new(),
            state,
        })
    }

    /// Indexes the products that have changed, and returns how many did.
    ///
    /// # Errors
    /// A database or an index that cannot be read or written.
    pub async fn follow(&mut self) -> Result<usize, ReindexError> {
        let (mut count, mut after) = (0, None);
        let (started, from) = (self.state.clock.now(), self.until - OVERLAP);
        loop {
            let db = self.state.database.read();
            let changes = product::updated_since(db, from, after, BATCH_SIZE).await?;
            after = changes.last().copied();
            let is_last = (changes.len() as u64) < BATCH_SIZE;
            let is_new = |(at, id): &(DateTime<Utc>, Uuid)| self.indexed.get(id) != Some(at);
            let new: Vec<Uuid> = changes
                .into_iter()
                .filter(is_new)
                .map(|(_, id)| id)
                .collect();
            if !new.is_empty() {
                self.index(&new).await?;
                count += new.len();
            }
            if is_last {
                break;
            }
        }
        // Whatever was committed before this walk is indexed, however old its changes are.
        self.until = started;
        let kept = self.until - OVERLAP;
        self.indexed.retain(|_, updated_at| *updated_at >= kept);
        Ok(count)
    }

    async fn index(&mut self, products: &[Uuid]) -> Result<(), ReindexError> {
        let rows = product::by_ids(self.state.database.read(), products).await?;
        // A row may have changed again since its change was found.
        let indexed: Vec<_> = rows.values().map(|row| (row.id, row.updated_at)).collect();
        let rows = rows.into_values().map(Arc::unwrap_or_clone).collect();
        self.state.engine.update(State::documents(rows)).await?;
        self.indexed.extend(indexed);
        Ok(())
    }
}
