//! Writes the response in one pass over selection and data, straight to JSON, with nulls propagated as the API schema
//! requires.

mod leaf;

use std::sync::Arc;

use bytes::Bytes;

use super::{
    AbstractSelection, Field, IntrospectionField, Kind, MAX_PENDING, NullReason, ObjectSelection,
    PendingFragment, Projection, Selection, Wrapping,
};
use crate::error::{ErrorCode, GraphQLError, PathSegment};
use crate::introspection;
use crate::prepare::Variables;
use crate::supergraph::{Supergraph, TypeId};
use crate::value::{Object, Symbols, Value, write_string};

/// Maximum number of errors for denied fields repeated in lists; the nulls are written in any case.
const MAX_ERRORS: usize = 1_000;

/// JSON, and the deferred fragments of the objects in it.
#[derive(Debug)]
pub(crate) struct Written {
    pub json: Bytes,
    pub pending: Vec<PendingFragment>,
}

/// Writes `data`. Adds an error for each denied field, each value of the wrong type, and each invalid null that no
/// other error explains.
pub(crate) fn write(
    projection: &Projection,
    data: &Value,
    supergraph: &Supergraph,
    symbols: &Symbols,
    variables: &Variables,
    errors: &mut Vec<GraphQLError>,
) -> Written {
    let mut writer = Writer::new(supergraph, symbols, variables, errors);
    writer.out.reserve(projection.expected_bytes());
    let nothing = Object::default();
    let object = match data {
        Value::Object(object) => object,
        _ => &nothing,
    };
    let written = match &*projection.root {
        Selection::Object(selection) => writer.object(selection, object),
        Selection::Abstract(_) => Err(NullPropagation),
    };
    let written = writer.end(written);
    projection.written(written.json.len());
    written
}

/// Writes the `data` of a deferred fragment, `null` if a null propagates that far. Adds errors like [`write`]. There may
/// be up to `room` further fragments in it.
pub(crate) fn write_deferred(
    fragment: &PendingFragment,
    data: &Value,
    supergraph: &Supergraph,
    symbols: &Symbols,
    variables: &Variables,
    room: usize,
    errors: &mut Vec<GraphQLError>,
) -> Written {
    let mut writer = Writer::new(supergraph, symbols, variables, errors);
    writer.base = Some(fragment);
    writer.room = room;
    let nothing = Object::default();
    let is_root = fragment.path.is_empty();
    let object = fragment.object(data).or(is_root.then_some(&nothing));
    let written = match object {
        Some(object) => writer.object(&fragment.selection, object),
        None => Err(NullPropagation),
    };
    writer.end(written)
}

/// A non-null position has no value, so its parent becomes null.
struct NullPropagation;

/// A step of the current path; keys are borrowed, so that an unused path costs nothing.
#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a Field),
    Index(usize),
}

impl Step<'_> {
    fn segment(&self) -> PathSegment {
        match self {
            Self::Key(field) => PathSegment::Key(field.key.to_string()),
            Self::Index(index) => PathSegment::Index(*index),
        }
    }

    fn is(&self, segment: &PathSegment) -> bool {
        match (self, segment) {
            (Self::Key(field), PathSegment::Key(known)) => **known == *field.key,
            (Self::Index(index), PathSegment::Index(known)) => known == index,
            _ => false,
        }
    }
}

struct Writer<'a> {
    supergraph: &'a Supergraph,
    symbols: &'a Symbols,
    variables: &'a Variables,
    errors: &'a mut Vec<GraphQLError>,
    /// The deferred fragment that is written, if it is one.
    base: Option<&'a PendingFragment>,
    /// The current path, from the fragment's object or from the root.
    path: Vec<Step<'a>>,
    pending: Vec<PendingFragment>,
    /// How many deferred fragments there may be.
    room: usize,
    /// Whether there were more, which are left out.
    is_full: bool,
    out: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// For the whole response.
    fn new(
        supergraph: &'a Supergraph,
        symbols: &'a Symbols,
        variables: &'a Variables,
        errors: &'a mut Vec<GraphQLError>,
    ) -> Self {
        Self {
            supergraph,
            symbols,
            variables,
            errors,
            base: None,
            path: Vec::new(),
            pending: Vec::new(),
            room: MAX_PENDING,
            is_full: false,
            out: Vec::new(),
        }
    }

    fn end(mut self, written: Result<(), NullPropagation>) -> Written {
        if written.is_err() {
            self.pending.clear();
            self.out.clear();
            self.out.extend_from_slice(b"null");
        }
        Written {
            json: self.out.into(),
            pending: self.pending,
        }
    }

    fn object(
        &mut self,
        selection: &'a ObjectSelection,
        object: &Object,
    ) -> Result<(), NullPropagation> {
        self.out.push(b'{');
        for (index, field) in selection.fields.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(&field.json_key);
            self.path.push(Step::Key(field));
            let written = self.field(field, object);
            self.path.pop();
            written?;
        }
        self.out.push(b'}');
        for deferred in &selection.deferred {
            if self.pending.len() >= self.room {
                self.leave_out();
                break;
            }
            let known = self.base.map_or(&[][..], |base| base.keys.as_slice());
            let keys = self.path.iter().filter_map(|step| match step {
                Step::Key(field) => Some(field.symbol),
                Step::Index(_) => None,
            });
            let fragment = PendingFragment {
                number: deferred.number,
                selection: Arc::clone(&deferred.selection),
                path: self.whole_path(),
                keys: known.iter().copied().chain(keys).collect(),
            };
            self.pending.push(fragment);
        }
        Ok(())
    }

    /// Reports once that there are too many deferred fragments.
    fn leave_out(&mut self) {
        if !std::mem::replace(&mut self.is_full, true) {
            let message =
                "The response has too many deferred fragments. The rest of them are left out.";
            self.report(ErrorCode::OperationTooComplex, message.to_owned());
        }
    }

    fn base_path(&self) -> &'a [PathSegment] {
        self.base.map_or(&[], |base| base.path.as_slice())
    }

    fn whole_path(&self) -> Vec<PathSegment> {
        let base = self.base_path().iter().cloned();
        base.chain(self.path.iter().map(Step::segment)).collect()
    }

    fn field(&mut self, field: &'a Field, object: &Object) -> Result<(), NullPropagation> {
        match field.refusal {
            None => {}
            Some(NullReason::Hidden) => return self.null(&field.wrapping),
            Some(NullReason::Denied(code)) => {
                let message = match code {
                    ErrorCode::Unauthenticated => "Sign in to see this field.",
                    _ => "You are not allowed to see this field.",
                };
                self.report(code, message.to_owned());
                return self.null(&field.wrapping);
            }
        }
        match &field.kind {
            Kind::Typename(name) => {
                write_string(name.as_bytes(), &mut self.out);
                Ok(())
            }
            Kind::Introspection(entry, _) => {
                let schema = &self.supergraph.schema;
                match entry {
                    IntrospectionField::Schema => {
                        introspection::write_schema(
                            field,
                            self.supergraph,
                            self.variables,
                            &mut self.out,
                        );
                    }
                    IntrospectionField::Type => {
                        introspection::write_type(
                            field,
                            schema,
                            self.supergraph,
                            self.variables,
                            &mut self.out,
                        );
                    }
                }
                Ok(())
            }
            Kind::Leaf(_) | Kind::Composite(_) => {
                self.value(field, &field.wrapping, object.get(field.symbol))
            }
        }
    }

    fn value(
        &mut self,
        field: &'a Field,
        wrapping: &'a Wrapping,
        value: Option<&Value>,
    ) -> Result<(), NullPropagation> {
        let value = match value {
            None | Some(Value::Null) => return self.absent(field, wrapping),
            Some(value) => value,
        };
        let (start, pending) = (self.out.len(), self.pending.len());
        let written = match (&wrapping.list, value) {
            (Some(inner), Value::List(items)) => self.list(field, inner, items),
            (Some(_), _) => {
                self.mismatch(field);
                Err(NullPropagation)
            }
            (None, value) => match &field.kind {
                Kind::Composite(selection) => self.composite(field, selection, value),
                Kind::Leaf(leaf) => self.leaf(field, leaf, value),
                Kind::Typename(_) | Kind::Introspection(..) => Ok(()),
            },
        };
        match written {
            Ok(()) => Ok(()),
            Err(NullPropagation) => {
                self.out.truncate(start);
                self.pending.truncate(pending);
                self.null(wrapping)
            }
        }
    }

    /// Writes a null found in the data.
    fn absent(&mut self, field: &Field, wrapping: &Wrapping) -> Result<(), NullPropagation> {
        if wrapping.non_null && !self.is_explained() {
            let message = format!(
                "Cannot return null for non-nullable field {}.{}.",
                field.parent, field.name
            );
            self.report(ErrorCode::Internal, message);
        }
        self.null(wrapping)
    }

    fn null(&mut self, wrapping: &Wrapping) -> Result<(), NullPropagation> {
        if wrapping.non_null {
            return Err(NullPropagation);
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn list(
        &mut self,
        field: &'a Field,
        inner: &'a Wrapping,
        items: &[Value],
    ) -> Result<(), NullPropagation> {
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.path.push(Step::Index(index));
            let written = self.value(field, inner, Some(item));
            self.path.pop();
            written?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn composite(
        &mut self,
        field: &'a Field,
        selection: &'a Selection,
        value: &Value,
    ) -> Result<(), NullPropagation> {
        let Value::Object(object) = value else {
            self.mismatch(field);
            return Err(NullPropagation);
        };
        let selection = match selection {
            Selection::Object(selection) => selection,
            Selection::Abstract(AbstractSelection {
                by_type,
                some_hidden,
                only,
                of_interface,
            }) => {
                let known = by_type.get(&object.typename);
                // If only one type is possible, subgraphs need not be asked.
                let only = || only.as_ref().filter(|_| object.typename == TypeId::NONE);
                // Likewise if the type makes no difference.
                let any = || {
                    let types = &self.supergraph.types;
                    of_interface
                        .as_ref()
                        .filter(|_| !types.is_object(object.typename))
                };
                let Some(selection) = known.or_else(only).or_else(any) else {
                    // The type is hidden: for clients the object does not exist.
                    let nobody_is_there = by_type.is_empty() && !some_hidden;
                    if self.is_visible(object.typename) || nobody_is_there {
                        self.mismatch(field);
                    }
                    return Err(NullPropagation);
                };
                selection
            }
        };
        self.object(selection, object)
    }

    /// Whether clients can see the type.
    fn is_visible(&self, id: TypeId) -> bool {
        let supergraph = self.supergraph;
        let name = supergraph.types.name(id);
        supergraph.types.is_object(id)
            && name.is_some_and(|name| supergraph.schema.types.contains_key(name))
    }

    fn mismatch(&mut self, field: &Field) {
        let message = format!(
            "The value of {}.{} is not of the type the schema gives it.",
            field.parent, field.name
        );
        self.report(ErrorCode::Internal, message);
    }

    fn report(&mut self, code: ErrorCode, message: String) {
        if self.errors.len() < MAX_ERRORS {
            let path = self.whole_path();
            self.errors.push(GraphQLError::new(code, message).at(path));
        }
    }

    /// Whether an error exists at this path, above it or below it.
    fn is_explained(&self) -> bool {
        // A subgraph that nulls its whole response gives the reason at only one of its root fields.
        let base = self.base_path();
        if base.is_empty() && self.path.len() == 1 {
            return !self.errors.is_empty();
        }
        self.errors.iter().any(|error| {
            let (above, below) = error.path.split_at(base.len().min(error.path.len()));
            let steps = below.iter().zip(&self.path);
            base.starts_with(above) && steps.into_iter().all(|(known, step)| step.is(known))
        })
    }
}
