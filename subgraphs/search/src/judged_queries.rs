//! Files of queries with products that people have graded.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use resolvers::id::IdKind;
use serde::Deserialize;
use uuid::Uuid;

/// The highest grade: what was searched for.
pub(crate) const BEST: u8 = 3;

/// Queries with graded products.
#[derive(Clone, Debug)]
pub struct JudgedQueries {
    pub judged_at: NaiveDate,
    pub target: Target,
    pub queries: Vec<JudgedQuery>,
    pub tastes: Vec<Taste>,
}

/// Somebody who likes certain products, and what they would want to see.
#[derive(Clone, Debug)]
pub struct Taste {
    pub name: String,
    pub likes: Vec<Uuid>,
    /// Their grades are those of this person.
    pub queries: Vec<JudgedQuery>,
}

/// What is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The NDCG@10 from which on a query passes.
    pub query_ndcg: f64,
    /// The share of queries that must pass.
    pub pass_rate: f64,
    /// The same for queries that are held out; the same share by default.
    pub held_out_pass_rate: Option<f64>,
}

/// A query with graded products.
#[derive(Clone, Debug)]
pub struct JudgedQuery {
    pub query: String,
    /// What is difficult about it, such as `typo`.
    pub kind: String,
    /// From 0 to 3. Products without a grade count as wrong.
    pub grades: HashMap<Uuid, u8>,
    /// Whether nobody has looked at its results to improve them: only such queries say how good others are.
    pub held_out: bool,
}

/// Why a file of judged queries cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JudgedQueriesError {
    #[error("it is not a file of judged queries: {0}")]
    Json(#[from] serde_json::Error),
    #[error("its version is {0}: this program reads version 1")]
    Version(u32),
    #[error("it has no queries")]
    Empty,
    #[error("its target must be from 0 to 1")]
    Target,
    #[error("the taste {taste:?} likes {product:?}, which is no product's id")]
    Taste { taste: String, product: String },
    #[error("the query {query:?} {problem}")]
    Query { query: String, problem: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    version: u32,
    judged_at: NaiveDate,
    target: Target,
    queries: Vec<Entry>,
    #[serde(default)]
    tastes: Vec<TasteEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TasteEntry {
    name: String,
    /// The ids of products.
    likes: Vec<String>,
    queries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    query: String,
    kind: String,
    /// The ids of products by their grade.
    grades: BTreeMap<u8, Vec<String>>,
    #[serde(default, rename = "heldOut")]
    held_out: bool,
}

impl JudgedQueries {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that is not one of judged queries, or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, JudgedQueriesError> {
        let file: File = serde_json::from_str(text)?;
        if file.version != 1 {
            return Err(JudgedQueriesError::Version(file.version));
        }
        if file.queries.is_empty() {
            return Err(JudgedQueriesError::Empty);
        }
        let Target {
            query_ndcg,
            pass_rate,
            held_out_pass_rate,
        } = file.target;
        let shares = [query_ndcg, pass_rate, held_out_pass_rate.unwrap_or(0.0)];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Err(JudgedQueriesError::Target);
        }
        let tastes = file.tastes.into_iter().map(TasteEntry::read);
        Ok(Self {
            judged_at: file.judged_at,
            target: file.target,
            queries: read_queries(file.queries)?,
            tastes: tastes.collect::<Result<_, _>>()?,
        })
    }

    /// All products that have a grade.
    pub(crate) fn products(&self) -> HashSet<Uuid> {
        let of_tastes = self.tastes.iter().flat_map(|taste| &taste.queries);
        let graded = self.queries.iter().chain(of_tastes);
        let graded = graded.flat_map(|query| query.grades.keys());
        let liked = self.tastes.iter().flat_map(|taste| &taste.likes);
        graded.chain(liked).copied().collect()
    }
}

/// Queries that are different from each other.
fn read_queries(entries: Vec<Entry>) -> Result<Vec<JudgedQuery>, JudgedQueriesError> {
    let mut seen = HashSet::new();
    let mut queries = Vec::with_capacity(entries.len());
    for entry in entries {
        if !seen.insert(entry.query.clone()) {
            return Err(entry.problem("is there twice"));
        }
        queries.push(entry.read()?);
    }
    Ok(queries)
}

impl TasteEntry {
    fn read(self) -> Result<Taste, JudgedQueriesError> {
        let likes = self.likes.iter().map(|product| {
            IdKind::Product.parse(product).ok_or_else(|| {
                let (taste, product) = (self.name.clone(), product.clone());
                JudgedQueriesError::Taste { taste, product }
            })
        });
        Ok(Taste {
            likes: likes.collect::<Result<_, _>>()?,
            name: self.name,
            queries: read_queries(self.queries)?,
        })
    }
}

impl Entry {
    fn read(self) -> Result<JudgedQuery, JudgedQueriesError> {
        let mut grades = HashMap::new();
        for (grade, products) in &self.grades {
            if *grade > BEST {
                return Err(
                    self.problem(&format!("has the grade {grade}: 0 to {BEST} are allowed"))
                );
            }
            for product in products {
                let Some(id) = IdKind::Product.parse(product) else {
                    return Err(
                        self.problem(&format!("grades {product:?}, which is no product's id"))
                    );
                };
                if grades.insert(id, *grade).is_some() {
                    return Err(self.problem(&format!("grades {product} twice")));
                }
            }
        }
        if grades.values().all(|grade| *grade == 0) {
            return Err(self.problem("has no product that is right"));
        }
        Ok(JudgedQuery {
            query: self.query,
            kind: self.kind,
            grades,
            held_out: self.held_out,
        })
    }

    fn problem(&self, problem: &str) -> JudgedQueriesError {
        JudgedQueriesError::Query {
            query: self.query.clone(),
            problem: problem.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const A: &str = "prd_00000000000000000000000001";

    fn error(change: impl FnOnce(&mut Value)) -> String {
        let mut file = json!({
            "version": 1,
            "judgedAt": "2026-11-29",
            "target": { "queryNdcg": 0.7, "passRate": 0.9 },
            "queries": [{ "query": "lamp", "kind": "kind", "grades": { "3": [A], "0": [] } }],
        });
        assert!(JudgedQueries::parse(&file.to_string()).is_ok());
        change(&mut file);
        JudgedQueries::parse(&file.to_string())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn files_that_contradict_themselves_are_refused() {
        let no_queries = error(|file| file["queries"] = json!([]));
        assert_eq!(no_queries, "it has no queries");
        assert!(error(|file| file["version"] = json!(2)).contains("version is 2"));
        assert!(error(|file| file["target"]["passRate"] = json!(90)).contains("target"));
        assert!(error(|file| file["target"]["heldOutPassRate"] = json!(75)).contains("target"));
        assert!(error(|file| file["goal"] = json!(1)).contains("unknown field `goal`"));
        let twice = error(|file| {
            let query = file["queries"][0].clone();
            file["queries"].as_array_mut().unwrap().push(query);
        });
        assert_eq!(twice, "the query \"lamp\" is there twice");
        let likes = error(|file| {
            file["tastes"] = json!([{ "name": "oak", "likes": ["x"], "queries": [] }]);
        });
        assert_eq!(
            likes,
            "the taste \"oak\" likes \"x\", which is no product's id"
        );
        for (grades, problem) in [
            (json!({ "4": [A] }), "has the grade 4: 0 to 3 are allowed"),
            (
                json!({ "3": ["x"] }),
                "grades \"x\", which is no product's id",
            ),
            (json!({ "3": [A], "0": [A] }), "twice"),
            (json!({ "0": [A] }), "has no product that is right"),
        ] {
            let refused = error(|file| file["queries"][0]["grades"] = grades);
            assert!(refused.contains(problem), "{refused}");
        }
    }
}
