//! Results in the order of a customer's preference: text score × (1 + boost × similarity), with negative similarities
//! counting as zero. A stored script multiplies in the cluster, and another one says how similar each result is, so that
//! no vectors are sent. A cluster that takes no scripts is asked for the best results by text, and this process multiplies.

use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Call;
use super::generation::Generation;
use super::indices::Names;
use super::request::PageRequest;
use super::{Inner, Remote, hits};
use crate::engine::{
    Direction, EngineError, Hit, Position, Preference, SearchHits, SearchQuery, Sort, rank,
};

/// How many of the best results by text are reordered without a script. The others follow in the order of the text,
/// which is right: similarity never lowers a score.
const REORDERED: usize = 1_000;

/// Whether the cluster has the scripts.
#[derive(Debug)]
pub(super) struct ScriptState {
    /// The name of the one that multiplies.
    score: String,
    /// The name of the one for similarities.
    similarity: String,
    known: Mutex<Known>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    Stored,
    Refused,
}

impl ScriptState {
    pub(super) fn new(names: &Names) -> Self {
        Self {
            score: names.score_script.clone(),
            similarity: names.similarity_script.clone(),
            known: Mutex::new(Known::Nothing),
        }
    }

    fn set(&self, known: Known) -> bool {
        let mut current = self.known.lock();
        std::mem::replace(&mut *current, known) != known
    }

    /// A new index may be on another cluster.
    pub(super) fn forget(&self) {
        self.set(Known::Nothing);
    }
}

impl Inner {
    /// Stores the scripts unless that is known to have happened; false if the cluster takes none.
    pub(super) async fn has_scripts(&self) -> Result<bool, EngineError> {
        match *self.script.known.lock() {
            Known::Stored => return Ok(true),
            Known::Refused => return Ok(false),
            Known::Nothing => {}
        }
        let ScriptState {
            score, similarity, ..
        } = &self.script;
        let dialect = self.client.dialect();
        let of_similarity = dialect.similarity_script();
        let scripts = [
            (score, "score", Some(dialect.preference_script())),
            (similarity, "field", of_similarity),
        ];
        for (name, context, source) in scripts {
            let Some(source) = source else { continue };
            let body = json!({ "script": { "lang": "painless", "source": source } });
            // With what it is for, so that the cluster refuses what it cannot run.
            let path = format!("/_scripts/{name}/{context}");
            match self
                .client
                .answer(Call::put("store_script", path, body))
                .await
            {
                Ok(_) => {}
                Err(EngineError::Refused {
                    status: 400 | 403,
                    reason,
                    ..
                }) => {
                    self.scripts_refused(&reason);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.script.set(Known::Stored);
        Ok(true)
    }

    fn scripts_refused(&self, reason: &str) {
        if self.script.set(Known::Refused) {
            tracing::warn!(
                reason,
                "the search engine takes no scripts: this process reorders the best {REORDERED} results by preference"
            );
        }
    }
}

impl Remote {
    /// The request for a page whose order and similarities the scripts compute.
    fn by_script(&self, page: &PageRequest, preference: &Preference) -> PageRequest {
        let ScriptState {
            score, similarity, ..
        } = &self.0.script;
        let vector = json!(preference.vector.values().as_slice());
        let mut page = page.clone();
        page.query = json!({ "function_score": {
            "query": page.query,
            "script_score": { "script": {
                "id": score,
                "params": { "preference": vector, "boost": preference.boost },
            }},
            "boost_mode": "replace",
        }});
        if self.0.client.dialect().similarity_script().is_none() {
            return page.with_vectors();
        }
        page.rest["script_fields"] = json!({ hits::SIMILARITY: { "script": {
            "id": similarity,
            "params": { "preference": vector },
        }}});
        page
    }

    /// One page in the order of a preference.
    pub(super) async fn search_by_preference(
        &self,
        query: &SearchQuery,
        page: &PageRequest,
        index: &Generation,
        preference: &Preference,
    ) -> Result<SearchHits, EngineError> {
        if self.0.has_scripts().await? {
            let page = self.by_script(page, preference);
            match self.page(query, &page, index).await {
                Err(EngineError::Refused {
                    status: 400 | 404,
                    kind,
                    reason,
                }) if kind == "resource_not_found_exception" => {
                    // Somebody removed it: the next search stores it again.
                    tracing::warn!(
                        reason,
                        "the script for preferences is gone and will be stored again"
                    );
                    self.0.script.forget();
                }
                Err(EngineError::Refused {
                    status: 400 | 403,
                    reason,
                    ..
                }) => self.0.scripts_refused(&reason),
                found => return found,
            }
        }
        self.reordered(query, page, index, preference).await
    }

    /// Multiplies in this process.
    async fn reordered(
        &self,
        query: &SearchQuery,
        page: &PageRequest,
        index: &Generation,
        preference: &Preference,
    ) -> Result<SearchHits, EngineError> {
        let mut first = page.clone().with_vectors();
        first.rest["size"] = json!(REORDERED);
        first.rest["sort"] = json!([{ "_score": "desc" }, { super::documents::ID: "asc" }]);
        if let Some(rest) = first.rest.as_object_mut() {
            rest.remove("search_after");
        }
        let (answer, snapshot) = self.on_snapshot(query, &first).await?;
        let mut found = reorder(&answer, preference).ok_or_else(hits::unreadable)?;
        let best = found.first().map(|hit| hit.score);
        let last_by_text = last_score(&answer);
        let total = hits::total(&answer)?;
        let are_all = found.len() as u64 >= total;
        if query.direction == Direction::Backward {
            found.reverse();
        }
        let is_wanted = |hit: &Hit| {
            query
                .beyond
                .is_none_or(|beyond| is_beyond(hit, beyond, query.direction))
        };
        found.retain(is_wanted);
        let mut others = Vec::new();
        let needed = match query.direction {
            Direction::Forward => query.limit.saturating_sub(found.len()),
            // The others come first.
            Direction::Backward => query.limit,
        };
        if !are_all
            && needed > 0
            && let Some(last) = last_by_text
        {
            others = self
                .beyond_reordered(query, index, last, needed, snapshot.as_deref())
                .await?;
        }
        let mut hits: Vec<Hit> = match query.direction {
            Direction::Forward => found.into_iter().chain(others).collect(),
            Direction::Backward => others.into_iter().chain(found).collect(),
        };
        hits.truncate(query.limit);
        for hit in &mut hits {
            hit.score = hits::relative(hit.score, best);
        }
        let facets = query
            .facets
            .as_ref()
            .map(|request| super::facets::read(&answer, request));
        Ok(SearchHits {
            hits,
            total,
            facets: facets.transpose()?,
            snapshot,
            analysis: index.analysis.clone(),
        })
    }

    /// Results after the reordered ones, by text; with their own scores.
    async fn beyond_reordered(
        &self,
        query: &SearchQuery,
        index: &Generation,
        last: Position,
        needed: usize,
        snapshot: Option<&str>,
    ) -> Result<Vec<Hit>, EngineError> {
        let after_reordered = match query.beyond {
            Some(beyond) if key(beyond) > key(last) => beyond,
            _ => last,
        };
        let from = match query.direction {
            Direction::Forward => Some(after_reordered),
            Direction::Backward => query.beyond,
        };
        let plain = SearchQuery {
            beyond: from,
            limit: needed,
            facets: None,
            ..query.clone()
        };
        let mut request = PageRequest::new(&plain, index);
        request.rest["aggs"] = json!({});
        let snapshot = snapshot.map(|id| (id, super::snapshot::KEPT_WHILE_PAGING));
        let answer = match snapshot {
            Some(_) => {
                let call = Call::search("search", "/_search".to_owned(), request.body(snapshot));
                self.0.client.answer(call).await?
            }
            None => self.find("search", request.body(None)).await?,
        };
        let mut others = scored(&answer, None).ok_or_else(hits::unreadable)?;
        // Backward, the reordered ones are at the end.
        others.retain(|hit| is_beyond(hit, last, Direction::Forward));
        Ok(others)
    }
}

/// The results of an answer with their scores, multiplied by a preference if there is one.
fn scored(answer: &Value, preference: Option<&Preference>) -> Option<Vec<Hit>> {
    let hits = answer["hits"]["hits"].as_array()?.iter().map(|hit| {
        let text = hits::score(hit)?;
        let similarity = preference.map(|preference| hits::similarity_by_vector(hit, preference));
        let boost = preference.map_or(0.0, |preference| preference.boost);
        let score = text * (1.0 + boost * similarity.unwrap_or(0.0));
        let rank = rank::relevance(score);
        let position = Position {
            sort: Sort::Relevance,
            rank,
            id: hits::id(hit)?,
        };
        Some(Hit {
            position,
            score,
            similarity: similarity.or(Some(0.0)),
        })
    });
    hits.collect()
}

fn reorder(answer: &Value, preference: &Preference) -> Option<Vec<Hit>> {
    let mut hits = scored(answer, Some(preference))?;
    hits.sort_unstable_by_key(|hit| key(hit.position));
    Some(hits)
}

/// The position by text of the last result of an answer.
fn last_score(answer: &Value) -> Option<Position> {
    let last = answer["hits"]["hits"].as_array()?.last()?;
    let rank = rank::relevance(hits::score(last)?);
    Some(Position {
        sort: Sort::Relevance,
        rank,
        id: hits::id(last)?,
    })
}

/// Sorts like the results.
fn key(position: Position) -> (u64, Uuid) {
    (!position.rank, position.id)
}

fn is_beyond(hit: &Hit, beyond: Position, direction: Direction) -> bool {
    match direction {
        Direction::Forward => key(hit.position) > key(beyond),
        Direction::Backward => key(hit.position) < key(beyond),
    }
}
