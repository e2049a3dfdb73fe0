//! Pages of results whose first [`WINDOW`] are in the order of a ranking, and all others in the engine's.
//!
//! A search is ranked once, for its first page. The cursors of all its pages contain the order, as four bytes for each
//! product, and the engine's position of the last product that was ranked. So pages repeat and skip nothing, even if the
//! model is replaced, the ranking service fails or the index changes in between. A product that enters the index above
//! that position follows the ranked ones; a ranked one whose score falls stays where it was.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::{Direction, EngineError, Hit, Position};

/// How many results are ranked.
pub const WINDOW: usize = 100;
/// How many of the engine's first results are searched for the ranked ones later, and how many an order can have
/// together with products that came later.
const SEARCHED: usize = 2 * WINDOW;

/// The order of the first results of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    #[serde(rename = "o", serialize_with = "write", deserialize_with = "read")]
    order: Arc<[Mark]>,
    /// The engine's position of the last result that was ranked.
    #[serde(rename = "e")]
    end: Position,
}

/// Stands for a product: two of a hundred have the same mark once in a million searches, and then share a place.
type Mark = u32;

fn mark(product: Uuid) -> Mark {
    let [a, b, c, d, ..] = xxh3_64(product.as_bytes()).to_le_bytes();
    Mark::from_le_bytes([a, b, c, d])
}

/// Where results and their ranking come from.
#[async_trait]
pub trait RankedSource: Sync {
    /// The engine's results, in the direction.
    async fn results(&self, range: Range) -> Result<Vec<Hit>, EngineError>;

    /// The places of these results in the order of the ranking; `None` if they are not ranked.
    async fn rank(&self, hits: &[Hit]) -> Option<Vec<usize>>;
}

/// Up to `limit` results beyond a position, in the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub direction: Direction,
    pub beyond: Option<Position>,
    pub limit: usize,
}

/// The place of a result, from a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub position: Position,
    /// `None` if the search was not ranked.
    pub window: Option<Window>,
}

/// A page of results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankedPage {
    /// In the direction of the request.
    pub hits: Vec<Hit>,
    /// For the cursors of this page; `None` if the search is not ranked.
    pub window: Option<Window>,
    /// By how many places the ranking has moved results towards the start; negative ones towards the end.
    pub moved: HashMap<Uuid, i64>,
}

/// Up to `limit` results beyond a place, or from this end of the results.
///
/// # Errors
/// Those of the engine.
pub async fn page(
    source: &impl RankedSource,
    beyond: Option<Place>,
    direction: Direction,
    limit: usize,
) -> Result<RankedPage, EngineError> {
    let Some(Place { position, window }) = beyond else {
        return first_page(source, direction, limit).await;
    };
    let Some(window) = window else {
        let range = Range {
            direction,
            beyond: Some(position),
            limit,
        };
        return Ok(RankedPage {
            hits: source.results(range).await?,
            ..RankedPage::default()
        });
    };
    let below = Below {
        source,
        window: &window,
    };
    let place = window.place(position.id);
    match (direction, place) {
        (Direction::Forward, None) => {
            let hits = below.forward(position, limit).await?;
            Ok(RankedPage::of(hits, window))
        }
        (Direction::Forward, Some(place)) => {
            let hits = source.results(first(SEARCHED)).await?;
            let mut members = Members::of(&window, &hits);
            members.hits.retain(|(at, _)| *at > place);
            members.forward(source, limit).await
        }
        (Direction::Backward, None) => {
            let hits = below.backward(Some(position), limit).await?;
            if hits.len() >= limit {
                return Ok(RankedPage::of(hits, window));
            }
            let members = Members::of(&window, &source.results(first(SEARCHED)).await?);
            Ok(members.backward(hits, limit))
        }
        (Direction::Backward, Some(place)) => {
            let hits = source.results(first(SEARCHED)).await?;
            let mut members = Members::of(&window, &hits);
            members.hits.retain(|(at, _)| *at < place);
            Ok(members.backward(Vec::new(), limit))
        }
    }
}

/// The first page, or the last one, of a search that is ranked now.
async fn first_page(
    source: &impl RankedSource,
    direction: Direction,
    limit: usize,
) -> Result<RankedPage, EngineError> {
    let mut hits = source.results(first(limit.max(WINDOW + 1))).await?;
    let count = hits.len().min(WINDOW);
    let order = match &hits[..count] {
        [] => None,
        ranked => source.rank(ranked).await,
    };
    let window = order.and_then(|order| Window::new(&hits[..count], &order));
    let Some(window) = window else {
        if direction == Direction::Backward {
            let range = Range {
                direction,
                beyond: None,
                limit,
            };
            hits = source.results(range).await?;
        }
        hits.truncate(limit);
        return Ok(RankedPage {
            hits,
            ..RankedPage::default()
        });
    };
    let rest = hits.split_off(count);
    let members = Members::of(&window, &hits);
    if direction == Direction::Forward {
        let mut page = members.into_page();
        page.hits.extend(rest);
        page.hits.truncate(limit);
        return Ok(page);
    }
    let below = if rest.is_empty() {
        Vec::new()
    } else {
        let below = Below {
            source,
            window: &window,
        };
        below.backward(None, limit).await?
    };
    Ok(members.backward(below, limit))
}

fn first(limit: usize) -> Range {
    Range {
        direction: Direction::Forward,
        beyond: None,
        limit,
    }
}

impl Window {
    /// `None` if the order is not one of these results.
    fn new(hits: &[Hit], order: &[usize]) -> Option<Self> {
        let mut seen = vec![false; hits.len()];
        let is_new = |place: &usize| {
            let seen = seen.get_mut(*place);
            seen.is_some_and(|seen| !std::mem::replace(seen, true))
        };
        if order.len() != hits.len() || !order.iter().all(is_new) {
            return None;
        }
        let marks = order.iter().map(|place| mark(hits[*place].position.id));
        Some(Self {
            order: marks.collect(),
            end: hits.last()?.position,
        })
    }

    fn place(&self, product: Uuid) -> Option<usize> {
        let mark = mark(product);
        self.order.iter().position(|one| *one == mark)
    }

    /// Whether a position is not beyond the last result that was ranked.
    fn includes(&self, position: &Position) -> bool {
        let end = &self.end;
        position.rank > end.rank || position.rank == end.rank && position.id <= end.id
    }
}

/// The results that are ranked, in the order of the ranking, with their places.
struct Members {
    hits: Vec<(usize, Hit)>,
    window: Window,
    moved: HashMap<Uuid, i64>,
}

impl Members {
    /// From the engine's first results.
    fn of(window: &Window, hits: &[Hit]) -> Self {
        let places: HashMap<Mark, usize> = window
            .order
            .iter()
            .zip(0..)
            .map(|(mark, at)| (*mark, at))
            .collect();
        let mut order = window.order.to_vec();
        let mut members = Vec::with_capacity(hits.len());
        for hit in hits {
            let mark = mark(hit.position.id);
            if let Some(place) = places.get(&mark) {
                members.push((*place, *hit));
            } else if window.includes(&hit.position) && order.len() < SEARCHED {
                members.push((order.len(), *hit));
                order.push(mark);
            }
        }
        let before: HashMap<Uuid, usize> = members
            .iter()
            .zip(0..)
            .map(|((_, hit), at)| (hit.position.id, at))
            .collect();
        members.sort_by_key(|(place, _)| *place);
        let moved = members.iter().zip(0_i64..).map(|((_, hit), at)| {
            let id = hit.position.id;
            let before = before.get(&id).and_then(|at| i64::try_from(*at).ok());
            (id, before.unwrap_or(at) - at)
        });
        Self {
            moved: moved.collect(),
            hits: members,
            window: Window {
                order: order.into(),
                end: window.end,
            },
        }
    }

    fn into_page(self) -> RankedPage {
        RankedPage {
            hits: self.hits.into_iter().map(|(_, hit)| hit).collect(),
            window: Some(self.window),
            moved: self.moved,
        }
    }

    /// With what follows, in the engine's order.
    async fn forward(
        self,
        source: &impl RankedSource,
        limit: usize,
    ) -> Result<RankedPage, EngineError> {
        let mut page = self.into_page();
        page.hits.truncate(limit);
        let missing = limit - page.hits.len();
        if let Some(window) = &page.window
            && missing > 0
        {
            let below = Below { source, window };
            page.hits.extend(below.forward(window.end, missing).await?);
        }
        Ok(page)
    }

    /// After what precedes them in this direction.
    fn backward(mut self, before: Vec<Hit>, limit: usize) -> RankedPage {
        self.hits.reverse();
        let mut page = self.into_page();
        page.hits.splice(0..0, before);
        page.hits.truncate(limit);
        page
    }
}

impl RankedPage {
    /// Of results beyond the window.
    fn of(hits: Vec<Hit>, window: Window) -> Self {
        Self {
            hits,
            window: Some(window),
            moved: HashMap::new(),
        }
    }
}

/// The results that are not ranked.
struct Below<'a, S> {
    source: &'a S,
    window: &'a Window,
}

impl<S: RankedSource> Below<'_, S> {
    async fn forward(&self, from: Position, limit: usize) -> Result<Vec<Hit>, EngineError> {
        self.collect(Direction::Forward, Some(from), limit).await
    }

    /// Ends at the window.
    async fn backward(
        &self,
        from: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Hit>, EngineError> {
        self.collect(Direction::Backward, from, limit).await
    }

    async fn collect(
        &self,
        direction: Direction,
        mut beyond: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Hit>, EngineError> {
        let mut found = Vec::with_capacity(limit);
        while found.len() < limit {
            let limit = limit - found.len();
            let range = Range {
                direction,
                beyond,
                limit,
            };
            let hits = self.source.results(range).await?;
            let Some(last) = hits.last().map(|hit| hit.position) else {
                break;
            };
            beyond = Some(last);
            let below = hits.iter().filter(|hit| {
                let position = &hit.position;
                !self.window.includes(position) && self.window.place(position.id).is_none()
            });
            found.extend(below);
            if hits.len() < limit || direction == Direction::Backward && self.window.includes(&last)
            {
                break;
            }
        }
        Ok(found)
    }
}

fn write<S: Serializer>(order: &[Mark], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = order.iter().flat_map(|mark| mark.to_le_bytes()).collect();
    serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[Mark]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let (marks, rest) = bytes.as_chunks();
    if marks.is_empty() || marks.len() > SEARCHED || !rest.is_empty() {
        return Err(serde::de::Error::custom("not an order of results"));
    }
    Ok(marks
        .iter()
        .map(|mark| Mark::from_le_bytes(*mark))
        .collect())
}

#[cfg(test)]
mod tests;
