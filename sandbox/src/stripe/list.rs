//! Lists, newest first, in pages.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::error::StripeError;
use super::params::Params;

/// The requested page.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    starting_after: Option<String>,
    ending_before: Option<String>,
    created: Created,
}

/// Bounds on the creation time, in seconds.
#[derive(Debug, Default)]
struct Created {
    from: Option<i64>,
    until: Option<i64>,
}

const LIMIT: usize = 10;
const MOST: usize = 100;

impl Page {
    pub(super) fn read(params: &mut Params) -> Result<Self, StripeError> {
        let limit = match params.amount("limit")? {
            None => LIMIT,
            Some(limit) => usize::try_from(limit).unwrap_or(MOST),
        };
        if limit > MOST {
            return Err(StripeError::invalid(
                "parameter_invalid_integer",
                "limit",
                "This value must be less than or equal to 100.",
            ));
        }
        Ok(Self {
            limit,
            starting_after: params.text("starting_after")?,
            ending_before: params.text("ending_before")?,
            created: Created::read(params.nested("created"))?,
        })
    }

    /// This page of the matching items. `all` is oldest first.
    pub(super) fn of<T>(
        &self,
        path: &str,
        all: &IndexMap<String, T>,
        created: impl Fn(&T) -> i64,
        wanted: impl Fn(&T) -> bool,
        json: impl Fn(&T) -> Value,
    ) -> Value {
        let newer_than = self
            .ending_before
            .as_ref()
            .and_then(|id| all.get_index_of(id));
        let older_than = self
            .starting_after
            .as_ref()
            .and_then(|id| all.get_index_of(id));
        let listed = all
            .values()
            .enumerate()
            .filter(|(index, one)| {
                newer_than.is_none_or(|bound| *index > bound)
                    && older_than.is_none_or(|bound| *index < bound)
                    && self.created.has(created(one))
                    && wanted(one)
            })
            .map(|(_, one)| one);
        // One more shows whether there are more.
        let mut page: Vec<_> = if newer_than.is_some() {
            listed.take(self.limit + 1).collect()
        } else {
            listed.rev().take(self.limit + 1).collect()
        };
        let more = page.len() > self.limit;
        page.truncate(self.limit);
        if newer_than.is_some() {
            page.reverse();
        }
        json!({
            "object": "list",
            "data": page.into_iter().map(json).collect::<Vec<_>>(),
            "has_more": more,
            "url": path,
        })
    }
}

impl Created {
    /// A time, or bounds: `created[gte]=…`.
    fn read(given: Option<Value>) -> Result<Self, StripeError> {
        let number = |text: &Value| {
            let number = text.as_str().and_then(|text| text.parse::<i64>().ok());
            number.ok_or_else(|| {
                StripeError::invalid("parameter_invalid_integer", "created", "Invalid timestamp")
            })
        };
        let mut bounds = Self::default();
        match given {
            None => {}
            Some(Value::Object(given)) => {
                for (name, value) in &given {
                    let value = number(value)?;
                    match name.as_str() {
                        "gte" => bounds.from = Some(value),
                        "gt" => bounds.from = Some(value + 1),
                        "lte" => bounds.until = Some(value),
                        "lt" => bounds.until = Some(value - 1),
                        other => return Err(StripeError::Unknown(format!("created[{other}]"))),
                    }
                }
            }
            Some(moment) => {
                let moment = number(&moment)?;
                bounds = Self {
                    from: Some(moment),
                    until: Some(moment),
                };
            }
        }
        Ok(bounds)
    }

    fn has(&self, moment: i64) -> bool {
        self.from.is_none_or(|from| moment >= from)
            && self.until.is_none_or(|until| moment <= until)
    }
}
