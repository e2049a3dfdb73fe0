//! Keeps the index near the database: products that have changed are indexed anew, whoever changed them.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::search::product;
use uuid::Uuid;

use crate::State;
use crate::engine::Document;
use crate::reindex::{BATCH_SIZE, ReindexError};

/// How long a change may take to be committed, and how far the clocks of instances may differ: changes of this period
/// are looked for again.
const OVERLAP: TimeDelta = TimeDelta::seconds(30);

/// The products that have changed, one batch after another.
#[derive(Debug)]
pub(crate) struct Changes {
    since: DateTime<Utc>,
    after: Option<(DateTime<Utc>, Uuid)>,
    is_complete: bool,
    /// Changes that are known, by product: when it changed.
    known: HashMap<Uuid, DateTime<Utc>>,
}

impl Changes {
    /// Those from some time before, because they may have been committed later, without those that are known.
    pub(crate) fn since(time: DateTime<Utc>, known: HashMap<Uuid, DateTime<Utc>>) -> Self {
        Self {
            since: time - OVERLAP,
            after: None,
            is_complete: false,
            known,
        }
    }

    /// Products of which a batch is worth knowing: those that a later walk since this time would find again.
    pub(crate) fn is_found_again(row: &product::Model, time: DateTime<Utc>) -> bool {
        row.updated_at >= time - OVERLAP
    }

    /// The next products, as they are now, active or not; `None` after the last.
    pub(crate) async fn next(
        &mut self,
        state: &State,
    ) -> Result<Option<Vec<Document>>, ReindexError> {
        let db = state.database.read();
        while !self.is_complete {
            let changes = product::updated_since(db, self.since, self.after, BATCH_SIZE).await?;
            self.after = changes.last().copied();
            self.is_complete = (changes.len() as u64) < BATCH_SIZE;
            let new = changes
                .iter()
                .filter(|(at, id)| self.known.get(id) != Some(at));
            let new: Vec<Uuid> = new.map(|(_, id)| *id).collect();
            if new.is_empty() {
                continue;
            }
            let rows = product::by_ids(db, &new).await?;
            // A row may have changed again since its change was found.
            self.known
                .extend(rows.values().map(|row| (row.id, row.updated_at)));
            let rows = rows.into_values().map(Arc::unwrap_or_clone);
            return Ok(Some(state.documents(rows.collect()).await?));
        }
        Ok(None)
    }
}

/// Up to where an index has followed the database.
#[derive(Debug)]
pub struct IndexFollower {
    state: State,
    /// When the build of the index began that is followed.
    built_at: Option<DateTime<Utc>>,
    /// When the last complete walk over the changes began.
    until: DateTime<Utc>,
    /// What was indexed of the overlapping period, as of when.
    indexed: HashMap<Uuid, DateTime<Utc>>,
}

impl IndexFollower {
    pub fn new(state: State) -> Self {
        Self {
            built_at: None,
            until: DateTime::UNIX_EPOCH,
            indexed: HashMap::new(),
            state,
        }
    }

    /// Indexes the products that have changed since the index was built, or since the last call, and returns how many did.
    ///
    /// # Errors
    /// A database or an index that cannot be read or written. The next call tries the same again.
    pub async fn follow(&mut self) -> Result<usize, ReindexError> {
        let started = self.state.clock.now();
        let built_at = self.state.engine.built_at().await?;
        if built_at != self.built_at {
            // Another index may lack whatever has changed since its build began.
            self.built_at = built_at;
            self.until = built_at.map_or(started, |built_at| built_at.min(started));
            self.indexed.clear();
        }
        if built_at.is_none() {
            return Ok(0);
        }
        let mut count = 0;
        let mut changes = Changes::since(self.until, self.indexed.clone());
        while let Some(documents) = changes.next(&self.state).await? {
            let indexed = documents.iter().map(|document| &document.product);
            let indexed: Vec<_> = indexed.map(|row| (row.id, row.updated_at)).collect();
            count += documents.len();
            self.state.engine.update(documents).await?;
            self.indexed.extend(indexed);
        }
        // Whatever was committed before this walk is indexed, however old its changes are.
        self.until = started;
        let kept = self.until - OVERLAP;
        self.indexed.retain(|_, updated_at| *updated_at >= kept);
        Ok(count)
    }
}
