//! Replaces each literal by another of its kind, and equal ones by equal ones.

use std::collections::HashMap;

use graphql_tools::static_graphql::query::Value;

use super::names::{Names, hash};

/// The literals found so far.
#[derive(Debug, Default)]
pub(super) struct Literals {
    salt: String,
    /// Numbers by their digits, numbered in order of appearance.
    numbers: HashMap<String, usize>,
}

impl Literals {
    pub(super) fn of(salt: &str) -> Self {
        Self {
            salt: salt.to_owned(),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn text(&self, text: &str) -> String {
        match text {
            "" => String::new(),
            text => format!("s_{}", hash(&self.salt, text)),
        }
    }

    /// A number's replacement.
    #[cfg(test)]
    pub(super) fn number_of(&mut self, digits: &str) -> String {
        let number = self.number(digits);
        match digits.contains('.') {
            true => format!("{number}.5"),
            false => number.to_string(),
        }
    }

    fn number(&mut self, digits: &str) -> usize {
        let next = self.numbers.len() + 1;
        *self.numbers.entry(digits.to_owned()).or_insert(next)
    }

    /// Replaces a value, but not booleans and null, because plans depend on them.
    pub(super) fn value(&mut self, value: &mut Value, names: &mut Names) {
        match value {
            Value::Variable(name) => names.change(name),
            Value::Int(number) => {
                let digits = number.as_i64().unwrap_or_default().to_string();
                let number = i32::try_from(self.number(&digits)).unwrap_or(i32::MAX);
                *value = Value::Int(number.into());
            }
            Value::Float(number) => {
                let number = self.number(&number.to_string());
                *value = Value::Enum(format!("{number}.5"));
            }
            Value::String(text) => *text = self.text(text),
            // A number kept as digits.
            Value::Enum(name) if name.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                let number = self.number(name);
                let is_float = name.contains(['.', 'e', 'E']);
                *name = if is_float {
                    format!("{number}.5")
                } else {
                    number.to_string()
                };
            }
            Value::Enum(name) => names.change(name),
            Value::Boolean(_) | Value::Null => {}
            Value::List(items) => {
                for item in items {
                    self.value(item, names);
                }
            }
            Value::Object(fields) => {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, mut value)| {
                        self.value(&mut value, names);
                        (names.of(&name), value)
                    })
                    .collect();
            }
        }
    }
}
