//! What to invalidate, as operators, events and other instances say it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::versions::Tagged;

/// Data that has changed: cached responses that may contain it are not used any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Invalidation {
    /// Single entities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<InvalidEntity>,
    /// All objects of these types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Root fields of queries, with any arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub root_fields: Vec<String>,
    /// What is stored for these callers alone, by their subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<String>,
    /// Only what came from these subgraphs: by default from any. Without anything else, everything from them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subgraphs: Vec<String>,
}

impl Invalidation {
    /// How much it names: everything else counts once for each subgraph that it is restricted to.
    pub fn size(&self) -> usize {
        let data = self.entities.len() + self.types.len() + self.root_fields.len();
        let of_subgraphs = self.subgraphs.len().max(1).saturating_mul(data.max(1));
        of_subgraphs.saturating_add(self.callers.len())
    }

    /// Calls `tag` with everything that becomes invalid and the subgraph that it is restricted to, and `field` with each
    /// type of which entities are named and the key field that they are named by.
    pub(super) fn each<'a>(
        &'a self,
        mut tag: impl FnMut(Option<&str>, Tagged<'_>),
        mut field: impl FnMut(&'a str, &'a str),
    ) {
        for caller in &self.callers {
            tag(None, Tagged::Caller(caller));
        }
        let is_whole_subgraph = self.root_fields.is_empty()
            && self.types.is_empty()
            && self.entities.is_empty()
            && self.callers.is_empty();
        let named = self.subgraphs.iter().map(|name| Some(name.as_str()));
        let everywhere = self.subgraphs.is_empty().then_some(None);
        for subgraph in named.chain(everywhere) {
            for name in &self.root_fields {
                tag(subgraph, Tagged::RootField(name));
            }
            for name in &self.types {
                tag(subgraph, Tagged::Type(name));
                tag(subgraph, Tagged::AnyOf(name));
            }
            for entity in &self.entities {
                let name = &entity.type_name;
                tag(subgraph, Tagged::AnyOf(name));
                match entity.field() {
                    Some((key, value)) => {
                        tag(subgraph, Tagged::Entity(name, key, &value));
                        field(name, key);
                    }
                    // An entity without a usable key may be any of its type.
                    None => tag(subgraph, Tagged::Type(name)),
                }
            }
            if subgraph.is_some() && is_whole_subgraph {
                tag(subgraph, Tagged::Subgraph);
            }
        }
    }
}

/// An entity that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvalidEntity {
    #[serde(rename = "type")]
    pub type_name: String,
    /// The fields of one of its keys: `{ "id": "prd_…" }`. Only scalars count; of several, the first by name.
    pub key: Map<String, Value>,
}

impl InvalidEntity {
    /// An entity whose key is one field.
    pub fn new(type_name: impl Into<String>, field: &str, value: impl Into<Value>) -> Self {
        Self {
            type_name: type_name.into(),
            key: Map::from_iter([(field.to_owned(), value.into())]),
        }
    }

    /// The field it is recognized by, and its value as text. Of a compound key, this is more than the entity.
    pub(super) fn field(&self) -> Option<(&str, String)> {
        let mut fields: Vec<(&str, String)> = self
            .key
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), scalar(value)?)))
            .collect();
        fields.sort_unstable();
        fields.into_iter().next()
    }
}

/// A scalar as text: subgraphs may write the same id as a string or as a number.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_invalidation_is_read_as_operators_write_it() {
        let text = json!({
            "entities": [{ "type": "Product", "key": { "id": "prd_1" } }],
            "rootFields": ["productSearch"],
        });
        let read: Invalidation = serde_json::from_value(text.clone()).expect("an invalidation");
        let entity = InvalidEntity::new("Product", "id", "prd_1");
        assert_eq!(read.entities, [entity]);
        assert_eq!(serde_json::to_value(&read).expect("JSON"), text);
        let typo = json!({ "entitys": [] });
        assert!(serde_json::from_value::<Invalidation>(typo).is_err());
    }

    #[test]
    fn what_is_restricted_to_subgraphs_counts_for_each_of_them() {
        let names = |count: usize| vec!["name".to_owned(); count];
        let mut invalid = Invalidation {
            types: names(300),
            root_fields: names(200),
            callers: names(7),
            ..Invalidation::default()
        };
        assert_eq!(invalid.size(), 507);
        invalid.subgraphs = names(1_000);
        assert_eq!(invalid.size(), 500_007);
        let everything = Invalidation {
            subgraphs: names(3),
            ..Invalidation::default()
        };
        assert_eq!(everything.size(), 3);
    }

    #[test]
    fn a_compound_key_is_recognized_by_its_first_scalar() {
        let key = json!({ "sku": "a", "brand": { "id": 1 }, "number": 7 });
        let Value::Object(key) = key else {
            unreachable!("an object")
        };
        let type_name = "Item".to_owned();
        let entity = InvalidEntity { type_name, key };
        assert_eq!(entity.field(), Some(("number", "7".to_owned())));
    }
}
