//! Which keys of the data each part of a response needs.

use std::collections::{HashMap, HashSet};

use super::{Kind, ObjectSelection, Parts, Projection, Selection};
use crate::value::Symbol;

/// The parts of a response that need the objects at a position, and their keys.
#[derive(Debug, Default)]
pub(crate) struct RequestedKeys {
    parts: Parts,
    keys: HashMap<Symbol, RequestedKeys>,
}

impl RequestedKeys {
    pub(crate) fn parts(&self) -> Parts {
        self.parts
    }

    /// The parts that need a key here.
    pub(crate) fn parts_with(&self, key: Symbol) -> Parts {
        self.keys.get(&key).map(Self::parts).unwrap_or_default()
    }

    /// What is needed below a key.
    pub(crate) fn below(&self, key: Symbol) -> Option<&Self> {
        self.keys.get(&key)
    }

    /// Adds a key that these parts need.
    pub(crate) fn add(&mut self, key: Symbol, parts: Parts) -> &mut Self {
        let below = self.keys.entry(key).or_default();
        below.parts.add(parts);
        below
    }

    /// Adds selections at this position. Whoever needs something below a key needs the key.
    fn add_selections(&mut self, selections: &[(&Selection, Parts)]) {
        let mut below: HashMap<Symbol, Vec<(&Selection, Parts)>> = HashMap::new();
        let mut seen = HashSet::new();
        let mut open: Vec<(&ObjectSelection, Parts)> = Vec::new();
        for (selection, parts) in selections {
            self.parts.add(*parts);
            let objects = objects(selection).into_iter();
            open.extend(objects.map(|object| (object, *parts)));
        }
        while let Some((object, parts)) = open.pop() {
            if !seen.insert((std::ptr::from_ref(object), parts)) {
                continue;
            }
            for field in object.fields.iter().filter(|it| it.symbol != Symbol::NONE) {
                self.add(field.symbol, parts);
                if let Kind::Composite(selection) = &field.kind {
                    let inner = (&**selection, parts);
                    let known = below.entry(field.symbol).or_default();
                    let mut others = known.iter();
                    if !others.any(|(other, of)| std::ptr::eq(*other, inner.0) && *of == parts) {
                        known.push(inner);
                    }
                }
            }
            for fragment in &object.deferred {
                let parts = Parts::of_fragment(fragment.number);
                self.parts.add(parts);
                open.push((&*fragment.selection, parts));
            }
        }
        for (key, selections) in below {
            let inner = self.keys.entry(key).or_default();
            inner.add_selections(&selections);
            self.parts.add(inner.parts);
        }
    }
}

/// The selections for each possible type.
fn objects(selection: &Selection) -> Vec<&ObjectSelection> {
    match selection {
        Selection::Object(object) => vec![&**object],
        Selection::Abstract(of) => {
            let any = of.only.iter().chain(&of.of_interface);
            let all = of.by_type.values().chain(any);
            all.map(|object| &**object).collect()
        }
    }
}

impl Projection {
    /// What its parts need.
    pub(crate) fn requested_keys(&self) -> RequestedKeys {
        let mut requested = RequestedKeys::default();
        requested.add_selections(&[(&*self.root, Parts::INITIAL)]);
        requested
    }

    /// How many fragments are deferred.
    pub(crate) fn deferred_fragments(&self) -> usize {
        self.labels.len()
    }

    /// A deferred fragment's label.
    pub(crate) fn label(&self, fragment: usize) -> Option<&str> {
        self.labels.get(fragment)?.as_deref()
    }
}
