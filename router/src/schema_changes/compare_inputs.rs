//! Compares arguments and input objects.

use graphql_tools::static_graphql::schema::Type;

use super::compare::{Comparison, Difference, has};
use super::defaults::canonical;
use super::{ChangeKind as Kind, Severity, Subject};
use crate::type_system::ast::{Field, TypeDefinition};

/// An input present in both schemas.
pub(super) struct Input<'f> {
    /// Its coordinate.
    pub(super) at: String,
    pub(super) old: &'f Field,
    pub(super) new: &'f Field,
    /// Concerns operations that give it a value.
    pub(super) given: Subject,
    /// Concerns operations that omit it, or may omit it.
    pub(super) omitted: Subject,
    /// Concerns operations that could give it a value.
    pub(super) around: Subject,
    pub(super) kinds: InputKinds,
}

/// The kinds and wording of an input's changes.
pub(super) struct InputKinds {
    what: &'static str,
    changed: Kind,
    changed_safely: Kind,
    default_changed: Kind,
    default_added: Kind,
}

pub(super) const ARGUMENT: InputKinds = InputKinds {
    what: "Argument",
    changed: Kind::ArgChangedKind,
    changed_safely: Kind::ArgChangedKindSafe,
    default_changed: Kind::ArgDefaultValueChange,
    default_added: Kind::ArgDefaultValueAdded,
};

const INPUT_FIELD: InputKinds = InputKinds {
    what: "Field",
    changed: Kind::FieldChangedKind,
    changed_safely: Kind::FieldChangedKindSafe,
    default_changed: Kind::InputFieldDefaultValueChange,
    default_added: Kind::InputFieldDefaultValueAdded,
};

impl Comparison<'_> {
    pub(super) fn arguments(&mut self, owner: &str, old: &Field, new: &Field) {
        let field = &old.name;
        let at = |name: &str| format!("{owner}.{field}({name}:)");
        let selected = || Subject::Field(owner.to_owned(), field.clone());
        let names = |name: &str| (owner.to_owned(), field.clone(), name.to_owned());
        let arguments = Difference::of_fields(&old.arguments, &new.arguments);
        for name in arguments.removed {
            let (owner, field, name) = names(name);
            let at = at(&name);
            let message = format!("Argument {at} was removed.");
            let subject = Subject::Argument(owner, field, name);
            self.add(Kind::ArgRemoved, &at, subject, message);
        }
        for name in arguments.kept {
            let (Some(old), Some(new)) = (old.argument(name), new.argument(name)) else {
                continue;
            };
            let ((owner, field, name), names) = (names(name), names(name));
            self.input(Input {
                at: at(&name),
                old,
                new,
                given: Subject::Argument(owner, field, name),
                omitted: Subject::ArgumentOmitted(names.0, names.1, names.2),
                around: selected(),
                kinds: ARGUMENT,
            });
        }
        for name in arguments.added {
            let at = at(name);
            if new.argument(name).is_some_and(Field::is_required) {
                let message = format!("A required argument {at} was added.");
                self.add(Kind::RequiredArgAdded, &at, selected(), message);
            } else {
                let message = format!("An optional argument {at} was added.");
                self.add(Kind::OptionalArgAdded, &at, selected(), message);
            }
        }
    }

    pub(super) fn input_object(&mut self, old: &TypeDefinition, new: &TypeDefinition) {
        let name = &old.name;
        let given = || Subject::InputObject(name.clone());
        match (has(&old.directives, "oneOf"), has(&new.directives, "oneOf")) {
            (false, true) => {
                let message = format!("{name} takes exactly one of its fields now.");
                self.add(Kind::OneOfAdded, name, given(), message);
            }
            (true, false) => {
                let message = format!("{name} takes several of its fields now.");
                self.add(Kind::OneOfRemoved, name, given(), message);
            }
            _ => {}
        }
        let fields = Difference::of_fields(&old.fields, &new.fields);
        for field in fields.added {
            let at = format!("{name}.{field}");
            if new.field(field).is_some_and(Field::is_required) {
                let message = format!("A required field {at} was added.");
                self.add(Kind::RequiredInputFieldAdded, &at, given(), message);
            } else {
                let message = format!("An optional field {at} was added.");
                self.add(Kind::OptionalInputFieldAdded, &at, given(), message);
            }
        }
        for field in fields.removed {
            let at = format!("{name}.{field}");
            let subject = Subject::InputField(name.clone(), field.to_owned());
            let message = format!("Field {at} was removed.");
            self.add(Kind::FieldRemoved, &at, subject, message);
        }
        for field in fields.kept {
            if let (Some(old), Some(new)) = (old.field(field), new.field(field)) {
                self.input(Input {
                    at: format!("{name}.{field}"),
                    old,
                    new,
                    given: Subject::InputField(name.clone(), field.to_owned()),
                    omitted: Subject::InputFieldOmitted(name.clone(), field.to_owned()),
                    around: given(),
                    kinds: INPUT_FIELD,
                });
            }
        }
    }

    /// Compares type, default, description and deprecation.
    pub(super) fn input(&mut self, input: Input<'_>) {
        let Input {
            at,
            old,
            new,
            given,
            omitted,
            around,
            kinds,
        } = input;
        let at = at.as_str();
        let is_safe = is_safe_for_input(&old.value_type, &new.value_type);
        if old.value_type != new.value_type {
            let (before, after) = (&old.value_type, &new.value_type);
            let verb = if kinds.what == "Field" {
                "changed"
            } else {
                "has changed"
            };
            let message = format!("{} {at} {verb} type from {before} to {after}.", kinds.what);
            // Operations that omitted it break as well.
            let subject = if new.is_required() && !old.is_required() {
                around
            } else {
                given.clone()
            };
            let kind = if is_safe {
                kinds.changed_safely
            } else {
                kinds.changed
            };
            self.add(kind, at, subject, message);
        }
        let of_old = old
            .default
            .as_ref()
            .map(|value| canonical(value, &old.value_type, self.old));
        let of_new = new
            .default
            .as_ref()
            .map(|value| canonical(value, &new.value_type, self.new));
        match (of_old, of_new) {
            (Some(before), Some(after)) if is_safe && before != after => {
                let message = format!("{at} has changed defaultValue from {before} to {after}.");
                self.add(kinds.default_changed, at, omitted, message);
            }
            (Some(_), None) if is_safe => {
                let message = format!("{at} defaultValue was removed.");
                self.add(kinds.default_changed, at, omitted, message);
            }
            (None, Some(after)) if is_safe => {
                // A required input cannot have been omitted.
                let severity = if old.is_required() {
                    Severity::Safe
                } else {
                    kinds.default_added.severity()
                };
                let message = format!("{at} added a defaultValue {after}.");
                self.graded(severity, kinds.default_added, at, omitted, message);
            }
            _ => {}
        }
        self.description(at, &old.description, &new.description);
        self.deprecation(at, given, &old.directives, &new.directives);
    }
}

/// Whether values of the old input type are accepted by the new one.
fn is_safe_for_input(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::ListType(old), Type::ListType(new))
        | (Type::NonNullType(old), Type::NonNullType(new)) => is_safe_for_input(old, new),
        (Type::NonNullType(old), new) => is_safe_for_input(old, new),
        (Type::NamedType(old), Type::NamedType(new)) => old == new,
        _ => false,
    }
}
