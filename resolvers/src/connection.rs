//! Relay connections with keyset pagination: a cursor is its row's sort key, so pages neither skip nor repeat rows
//! while others are written.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, ApiResult};

/// Page size if the client gives none.
pub const DEFAULT_PAGE: i32 = 20;
/// Maximum page size.
pub const MAX_PAGE: i32 = 100;

pub use async_graphql::connection::PageInfo;

/// A connection's validated arguments. `K` is the sort key of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest<K> {
    pub limit: u64,
    pub direction: Direction,
    /// Only rows beyond this key.
    pub beyond: Option<K>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Forward,
    Backward,
}

impl<K: DeserializeOwned> PageRequest<K> {
    /// From `first`/`after` or `last`/`before`.
    pub fn new(
        first: Option<i32>,
        after: Option<&str>,
        last: Option<i32>,
        before: Option<&str>,
    ) -> ApiResult<Self> {
        let (direction, name, count, cursor) = match (last, before) {
            // `first` has a default, so only a different number shows that the client gave both.
            (Some(_), _) if first.is_some_and(|first| first != DEFAULT_PAGE) => {
                return Err(ApiError::bad_user_input(
                    "first and last cannot be combined: page forward or backward",
                ));
            }
            (Some(last), _) => (Direction::Backward, "last", last, before),
            (None, Some(_)) => {
                return Err(ApiError::bad_user_input(
                    "use before with last, and after with first",
                ));
            }
            (None, None) => (
                Direction::Forward,
                "first",
                first.unwrap_or(DEFAULT_PAGE),
                after,
            ),
        };
        if direction == Direction::Backward && after.is_some() {
            return Err(ApiError::bad_user_input(
                "use after with first, and before with last",
            ));
        }
        Ok(Self {
            limit: page_size(name, count)?,
            direction,
            beyond: cursor.map(decode_cursor).transpose()?,
        })
    }
}

/// Validates a row count from 0 to [`MAX_PAGE`].
pub fn page_size(name: &str, count: i32) -> ApiResult<u64> {
    u64::try_from(count)
        .ok()
        .filter(|_| count <= MAX_PAGE)
        .ok_or_else(|| {
            ApiError::bad_user_input(format!("{name} must be from 0 to {MAX_PAGE}, not {count}"))
        })
}

/// The opaque cursor of a sort key.
pub fn encode_cursor<K: Serialize>(key: &K) -> ApiResult<String> {
    serde_json::to_vec(key)
        .map(|json| URL_SAFE_NO_PAD.encode(json))
        .map_err(ApiError::internal)
}

/// The sort key in a cursor that we issued.
pub fn decode_cursor<K: DeserializeOwned>(cursor: &str) -> ApiResult<K> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| {
            ApiError::bad_user_input(
                "the cursor does not belong to this list: take it from pageInfo",
            )
        })
}

/// One page in the list's own order, with each row's cursor.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub rows: Vec<(String, T)>,
    pub has_next_page: bool,
    pub has_previous_page: bool,
}

impl<T> Page<T> {
    /// From the rows of a query in the direction of travel, limited to one more than the page size.
    pub fn new<K: Serialize>(
        request: &PageRequest<K>,
        mut rows: Vec<T>,
        key: impl Fn(&T) -> K,
    ) -> ApiResult<Self> {
        let more = rows.len() as u64 > request.limit;
        rows.truncate(usize::try_from(request.limit).unwrap_or(usize::MAX));
        let came_from = request.beyond.is_some();
        let (has_next_page, has_previous_page) = match request.direction {
            Direction::Forward => (more, came_from),
            Direction::Backward => {
                rows.reverse();
                (came_from, more)
            }
        };
        let rows = rows
            .into_iter()
            .map(|row| Ok((encode_cursor(&key(&row))?, row)))
            .collect::<ApiResult<_>>()?;
        Ok(Self {
            rows,
            has_next_page,
            has_previous_page,
        })
    }

    /// The same page of what each row leads to.
    pub fn try_map<U>(self, of: impl FnMut(T) -> ApiResult<U>) -> ApiResult<Page<U>> {
        let (cursors, rows): (Vec<_>, Vec<_>) = self.rows.into_iter().unzip();
        let rows = rows.into_iter().map(of).collect::<ApiResult<Vec<_>>>()?;
        Ok(Page {
            rows: cursors.into_iter().zip(rows).collect(),
            has_next_page: self.has_next_page,
            has_previous_page: self.has_previous_page,
        })
    }

    pub fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next_page,
            has_previous_page: self.has_previous_page,
            start_cursor: self.rows.first().map(|(cursor, _)| cursor.clone()),
            end_cursor: self.rows.last().map(|(cursor, _)| cursor.clone()),
        }
    }
}

/// Defines `<Node>Connection` and `<Node>Edge` over [`Page`], with `edges`, `nodes`, `pageInfo` and `totalCount`. The
/// resolver should count `totalCount` only if it was requested (`context.look_ahead().field("totalCount").exists()`).
#[macro_export]
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty) => {
        /// A page of a list, as specified by Relay.
        #[derive(async_graphql::SimpleObject)]
        pub struct $connection {
            /// The objects of the page with their cursors, in the list's order.
            pub edges: Vec<$edge>,
            /// The objects of the page without their cursors.
            pub nodes: Vec<$node>,
            /// Whether the list goes on, and from which cursors.
            pub page_info: $crate::connection::PageInfo,
            /// How many objects the whole list has.
            pub total_count: i32,
        }

        /// An object of a page, with its place in the list.
        #[derive(async_graphql::SimpleObject)]
        pub struct $edge {
            /// The object's place in the list, for `after` and `before`. Opaque.
            pub cursor: String,
            /// The object.
            pub node: $node,
        }

        impl $connection {
            pub fn new(page: $crate::connection::Page<$node>, total_count: u64) -> Self {
                let page_info = page.page_info();
                let nodes = page.rows.iter().map(|(_, node)| node.clone()).collect();
                let edges = page
                    .rows
                    .into_iter()
                    .map(|(cursor, node)| $edge { cursor, node })
                    .collect();
                Self {
                    edges,
                    nodes,
                    page_info,
                    total_count: i32::try_from(total_count).unwrap_or(i32::MAX),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_twenty_rows_unless_told_and_a_hundred_at_most() {
        let page = PageRequest::<i64>::new(None, None, None, None).unwrap();
        assert_eq!((page.limit, page.direction), (20, Direction::Forward));
        for bad in [-1, 101, i32::MAX] {
            assert!(PageRequest::<i64>::new(Some(bad), None, None, None).is_err());
            assert!(PageRequest::<i64>::new(None, None, Some(bad), None).is_err());
        }
    }

    #[test]
    fn pages_walk_the_list_both_ways_without_gap_or_repeat() {
        // The list in its own order is 1..=7; a query in the direction of travel starts beyond the cursor.
        let query = |request: &PageRequest<i64>| -> Vec<i64> {
            let beyond = request.beyond;
            let limit = usize::try_from(request.limit).unwrap() + 1;
            match request.direction {
                Direction::Forward => (1..=7)
                    .filter(|n| beyond.is_none_or(|b| *n > b))
                    .take(limit)
                    .collect(),
                Direction::Backward => (1..=7)
                    .rev()
                    .filter(|n| beyond.is_none_or(|b| *n < b))
                    .take(limit)
                    .collect(),
            }
        };
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let request = PageRequest::new(Some(3), after.as_deref(), None, None).unwrap();
            let page = Page::new(&request, query(&request), |n| *n).unwrap();
            seen.extend(page.rows.iter().map(|(_, n)| *n));
            after = page.page_info().end_cursor;
            if !page.has_next_page {
                break;
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);

        let request = PageRequest::new(None, None, Some(2), after.as_deref()).unwrap();
        let page = Page::new(&request, query(&request), |n| *n).unwrap();
        let rows: Vec<_> = page.rows.iter().map(|(_, n)| *n).collect();
        assert_eq!(rows, [5, 6]);
        assert!(page.has_previous_page && page.has_next_page);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        assert!(PageRequest::<i64>::new(None, Some("nonsense"), None, None).is_err());
        let text = encode_cursor(&"text").unwrap();
        assert!(PageRequest::<i64>::new(None, Some(&text), None, None).is_err());
    }
}
