//! The size of a value: objects, and bytes in memory.

use std::mem::size_of;

use super::{Symbol, Value};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) objects: usize,
    pub(crate) bytes: usize,
}

impl Weight {
    pub(crate) fn add(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub(crate) fn times(self, count: usize) -> Self {
        Self {
            objects: self.objects.saturating_mul(count),
            bytes: self.bytes.saturating_mul(count),
        }
    }
}

impl Value {
    /// The size of the value with everything inside. Texts count in full even if they are slices of a response.
    pub(crate) fn weight(&self) -> Weight {
        let mut weight = Weight::default();
        self.add_weight(&mut weight);
        weight
    }

    fn add_weight(&self, weight: &mut Weight) {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => {}
            Self::Number(text) | Self::String(text) | Self::Escaped(text) | Self::Raw(text) => {
                weight.bytes += text.as_bytes().len();
            }
            Self::List(items) => {
                weight.bytes += items.len() * size_of::<Self>();
                for item in items {
                    item.add_weight(weight);
                }
            }
            Self::Object(object) => {
                weight.objects += 1;
                weight.bytes += object.fields.len() * size_of::<(Symbol, Self)>();
                for (_, field) in &object.fields {
                    field.add_weight(weight);
                }
            }
        }
    }
}
