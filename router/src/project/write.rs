//! Writes the response in one pass over selection and data, straight to JSON, with nulls propagated as the API schema
//! requires.

use bytes::Bytes;

use super::{
    AbstractSelection, Field, IntrospectionField, Kind, Leaf, NullReason, Projection, Selection,
    Wrapping,
};
use crate::error::{ErrorCode, GraphQLError, PathSegment};
use crate::introspection;
use crate::prepare::Variables;
use crate::supergraph::{Supergraph, TypeId};
use crate::value::{Object, Symbols, Value, number, write_json, write_string};

/// Maximum number of errors for denied fields repeated in lists; the nulls are written in any case.
const MAX_ERRORS: usize = 1_000;

/// Writes `data`. Adds an error for each denied field, each value of the wrong type, and each invalid null that no
/// other error explains.
pub(crate) fn write(
    projection: &Projection,
    data: &Value,
    supergraph: &Supergraph,
    symbols: &Symbols,
    variables: &Variables,
    errors: &mut Vec<GraphQLError>,
) -> Bytes {
    let mut writer = Writer {
        supergraph,
        symbols,
        variables,
        errors,
        path: Vec::new(),
        out: Vec::with_capacity(projection.expected_bytes()),
    };
    let nothing = Object::default();
    let object = match data {
        Value::Object(object) => object,
        _ => &nothing,
    };
    let written = match &*projection.root {
        Selection::Object(fields) => writer.object(fields, object),
        Selection::Abstract(_) => Err(NullPropagation),
    };
    if written.is_err() {
        writer.out.clear();
        writer.out.extend_from_slice(b"null");
    }
    projection.written(writer.out.len());
    writer.out.into()
}

/// A non-null position has no value, so its parent becomes null.
struct NullPropagation;

/// A step of the current path; keys are borrowed, so that an unused path costs nothing.
#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

struct Writer<'a> {
    supergraph: &'a Supergraph,
    symbols: &'a Symbols,
    variables: &'a Variables,
    errors: &'a mut Vec<GraphQLError>,
    path: Vec<Step<'a>>,
    out: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn object(&mut self, fields: &'a [Field], object: &Object) -> Result<(), NullPropagation> {
        self.out.push(b'{');
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(&field.json_key);
            self.path.push(Step::Key(&field.key));
            let written = self.field(field, object);
            self.path.pop();
            written?;
        }
        self.out.push(b'}');
        Ok(())
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
        let start = self.out.len();
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
        let fields = match selection {
            Selection::Object(fields) => fields,
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
                let Some(fields) = known.or_else(only).or_else(any) else {
                    // The type is hidden: for clients the object does not exist.
                    let nobody_is_there = by_type.is_empty() && !some_hidden;
                    if self.is_visible(object.typename) || nobody_is_there {
                        self.mismatch(field);
                    }
                    return Err(NullPropagation);
                };
                fields
            }
        };
        self.object(fields, object)
    }

    fn leaf(&mut self, field: &Field, leaf: &Leaf, value: &Value) -> Result<(), NullPropagation> {
        let fits = match (leaf, value) {
            (Leaf::Custom, _) => true,
            (Leaf::Int, Value::Int(number)) => i32::try_from(*number).is_ok(),
            (Leaf::Int, number) => match whole(number) {
                Some(whole) => {
                    self.out.extend_from_slice(whole.to_string().as_bytes());
                    return Ok(());
                }
                None => false,
            },
            (Leaf::Float, Value::Int(_) | Value::Float(_)) => true,
            (Leaf::Float, Value::Number(number)) => number::finite(number.as_str()).is_some(),
            (Leaf::String | Leaf::Id, Value::String(_) | Value::Escaped(_)) => true,
            (Leaf::Id, Value::Int(number)) => {
                write_string(number.to_string().as_bytes(), &mut self.out);
                return Ok(());
            }
            (Leaf::Boolean, Value::Bool(_)) => true,
            (Leaf::Enum(known), Value::String(text) | Value::Escaped(text)) => {
                let is_among = |values: &[String]| {
                    values.iter().any(|name| name.as_bytes() == text.as_bytes())
                };
                if !is_among(&known.visible) && is_among(&known.all) {
                    // The value is hidden: for clients it does not exist.
                    return Err(NullPropagation);
                }
                is_among(&known.visible)
            }
            _ => false,
        };
        if !fits {
            self.mismatch(field);
            return Err(NullPropagation);
        }
        write_json(value, self.symbols, &self.supergraph.types, &mut self.out);
        Ok(())
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
            let path = self.path.iter().map(|step| match step {
                Step::Key(key) => PathSegment::Key((*key).to_owned()),
                Step::Index(index) => PathSegment::Index(*index),
            });
            self.errors
                .push(GraphQLError::new(code, message).at(path.collect()));
        }
    }

    /// Whether an error exists at this path, above it or below it.
    fn is_explained(&self) -> bool {
        // A subgraph that nulls its whole response gives the reason at only one of its root fields.
        if self.path.len() == 1 {
            return !self.errors.is_empty();
        }
        self.errors.iter().any(|error| {
            error
                .path
                .iter()
                .zip(&self.path)
                .all(|(known, step)| match (known, step) {
                    (PathSegment::Key(known), Step::Key(key)) => known == key,
                    (PathSegment::Index(known), Step::Index(index)) => known == index,
                    _ => false,
                })
        })
    }
}

/// The value as an `Int`; `3.0` and `3e0` are integers, too.
fn whole(value: &Value) -> Option<i32> {
    let float = match value {
        Value::Float(float) => *float,
        Value::Number(digits) => number::finite(digits.as_str())?,
        _ => return None,
    };
    let whole = float as i32;
    (f64::from(whole) == float).then_some(whole)
}
