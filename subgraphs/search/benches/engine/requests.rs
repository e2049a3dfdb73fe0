//! What is measured: kinds of requests, as customers' pages send them.

use serde_json::{Value, json};

use crate::catalog::Request;

/// Results of a page.
const PAGE: i32 = 20;
/// What a page shows of the results.
const RESULTS: &str =
    "totalCount edges { cursor score node { id title } } pageInfo { hasNextPage endCursor }";
const FACETS: &str = "facets { name buckets { value count } }";

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// With counts of all facets.
    Faceted,
    /// A typing error, three filters, and counts of all facets.
    TypoAndFilters,
    /// By the preferences of a customer.
    Personalized,
    /// The first hundred by the model.
    Reranked,
    PersonalizedAndReranked,
    /// All of it, with reasons and "did you mean".
    Everything,
    /// The newest of all products with counts of all facets, without a text.
    Browsing,
    Autocomplete,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Plain,
        Self::Faceted,
        Self::TypoAndFilters,
        Self::Personalized,
        Self::Reranked,
        Self::PersonalizedAndReranked,
        Self::Everything,
        Self::Browsing,
        Self::Autocomplete,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Faceted => "faceted",
            Self::TypoAndFilters => "typo, filters, facets",
            Self::Personalized => "personalized",
            Self::Reranked => "re-ranked",
            Self::PersonalizedAndReranked => "personalized, re-ranked",
            Self::Everything => "everything",
            Self::Browsing => "browsing, facets",
            Self::Autocomplete => "autocomplete",
        }
    }

    pub(crate) fn is_mistyped(self) -> bool {
        matches!(self, Self::TypoAndFilters | Self::Everything)
    }

    pub(crate) fn is_filtered(self) -> bool {
        self.is_mistyped()
    }

    pub(crate) fn has_facets(self) -> bool {
        self.is_filtered() || matches!(self, Self::Faceted | Self::Browsing)
    }

    pub(crate) fn is_personal(self) -> bool {
        matches!(
            self,
            Self::Personalized | Self::PersonalizedAndReranked | Self::Everything
        )
    }

    pub(crate) fn is_reranked(self) -> bool {
        matches!(
            self,
            Self::Reranked | Self::PersonalizedAndReranked | Self::Everything
        )
    }

    /// The text that is searched for.
    pub(crate) fn text(self, request: &Request) -> &str {
        match self {
            Self::Browsing => "",
            Self::Autocomplete => &request.prefix,
            _ if self.is_mistyped() => &request.mistyped,
            _ => &request.text,
        }
    }

    /// The operation.
    pub(crate) fn document(self) -> String {
        if self == Self::Autocomplete {
            return "query($text: String!) { searchSuggestions(prefix: $text) { text } }"
                .to_owned();
        }
        let facets = if self.has_facets() { FACETS } else { "" };
        let more = match self {
            Self::Everything => "didYouMean personalization { mode reranked } nodes { id }",
            _ => "",
        };
        let why = match self {
            Self::Everything => "edges { why }",
            _ => "",
        };
        format!(
            "query($text: String!, $filters: ProductSearchFilters, $sort: ProductSort, $personalize: Boolean) {{
                productSearch(query: $text, filters: $filters, sort: $sort, personalize: $personalize, first: {PAGE}) {{
                    {RESULTS} {facets} {more} {why}
                }}
            }}"
        )
    }

    /// The operation's variables.
    pub(crate) fn variables(self, request: &Request) -> Value {
        let text = self.text(request);
        if self == Self::Autocomplete {
            return json!({ "text": text });
        }
        let filters = self.is_filtered().then(|| {
            let price = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
            json!({
                "categories": request.categories,
                "brands": request.brands,
                "minPrice": price(request.price.0),
                "maxPrice": price(request.price.1),
            })
        });
        let sort = match self {
            Self::Browsing => "NEWEST",
            _ => "RELEVANCE",
        };
        json!({ "text": text, "filters": filters, "sort": sort, "personalize": self.is_personal() })
    }

    /// How many results an answer reports.
    pub(crate) fn results(self, answer: &Value) -> Option<u64> {
        match self {
            Self::Autocomplete => {
                let suggestions = answer["data"]["searchSuggestions"].as_array()?;
                Some(suggestions.len() as u64)
            }
            _ => answer["data"]["productSearch"]["totalCount"].as_u64(),
        }
    }
}
