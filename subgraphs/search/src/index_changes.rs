//! Keeps the index near the database: products that have changed are indexed anew, whoever changed them.

use std::collections::HashMap;

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
    /// The newest change that was seen.
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
        let from = self.until - OVERLAP;
        loop {
            let db = self.state.database.read();
            let rows = product::updated_since(db, from, after, BATCH_SIZE).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.updated_at, last.id));
            let is_new = |row: &product::Model| self.indexed.get(&row.id) != Some(&row.updated_at);
            let changed: Vec<product::Model> = rows.into_iter().filter(is_new).collect();
            let changes: Vec<_> = changed.iter().map(|row| (row.id, row.updated_at)).collect();
            if !changed.is_empty() {
                count += changed.len();
                self.state.engine.update(changed).await?;
            }
            self.indexed.extend(changes);
        }
        if let Some((newest, _)) = after {
            // A change from the future would hide those before it.
            self.until = self.until.max(newest.min(self.state.clock.now()));
        }
        let kept = self.until - OVERLAP;
        self.indexed.retain(|_, updated_at| *updated_at >= kept);
        Ok(count)
    }
}
