//! Compares types and their fields.

use graphql_tools::static_graphql::schema::{Directive, Type, Value};
use indexmap::IndexSet;

use super::{Change, ChangeKind as Kind, Severity, Subject};
use crate::type_system::ast::{Field, TypeDefinition, TypeKind, argument};
use crate::type_system::{ROOTS, Schema};

pub(super) fn compare(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut comparison = Comparison {
        old,
        new,
        changes: Vec::new(),
    };
    comparison.roots();
    comparison.types();
    comparison.directives();
    comparison.changes
}

pub(super) struct Comparison<'s> {
    pub(super) old: &'s Schema,
    pub(super) new: &'s Schema,
    changes: Vec<Change>,
}

/// Names present in only one of two lists, and names in both.
pub(super) struct Difference<'n> {
    pub(super) removed: Vec<&'n str>,
    pub(super) added: Vec<&'n str>,
    pub(super) kept: Vec<&'n str>,
}

impl<'n> Difference<'n> {
    pub(super) fn new(
        old: impl IntoIterator<Item = &'n String>,
        new: impl IntoIterator<Item = &'n String>,
    ) -> Self {
        let set = |names: &mut dyn Iterator<Item = &'n String>| {
            names.map(String::as_str).collect::<IndexSet<&str>>()
        };
        let (old, new) = (set(&mut old.into_iter()), set(&mut new.into_iter()));
        Self {
            removed: old.difference(&new).copied().collect(),
            added: new.difference(&old).copied().collect(),
            kept: old.intersection(&new).copied().collect(),
        }
    }

    pub(super) fn of_fields(old: &'n [Field], new: &'n [Field]) -> Self {
        let names = |fields: &'n [Field]| fields.iter().map(|field| &field.name);
        Self::new(names(old), names(new))
    }
}

impl Comparison<'_> {
    pub(super) fn add(
        &mut self,
        kind: Kind,
        coordinate: &str,
        subject: Subject,
        message: impl Into<String>,
    ) {
        self.graded(kind.severity(), kind, coordinate, subject, message);
    }

    pub(super) fn graded(
        &mut self,
        severity: Severity,
        kind: Kind,
        coordinate: &str,
        subject: Subject,
        message: impl Into<String>,
    ) {
        self.changes.push(Change {
            severity,
            coordinate: coordinate.to_owned(),
            kind,
            message: message.into(),
            subject,
        });
    }

    fn roots(&mut self) {
        for (operation, _) in ROOTS {
            let (old, new) = (self.old.root(operation), self.new.root(operation));
            if old == new {
                continue;
            }
            let message = format!(
                "The {} type changed from {} to {}.",
                operation.name(),
                old.unwrap_or("none"),
                new.unwrap_or("none")
            );
            let (kind, name) = match (old, new) {
                (Some(old), _) => (Kind::RootTypeChanged, old),
                (None, new) => (Kind::RootTypeAdded, new.unwrap_or_default()),
            };
            self.add(kind, name, Subject::Root(operation), message);
        }
    }

    fn types(&mut self) {
        let (old_types, new_types) = (&self.old.types, &self.new.types);
        let types = Difference::new(old_types.keys(), new_types.keys());
        for name in types.removed {
            let subject = Subject::Type(name.to_owned());
            self.add(
                Kind::TypeRemoved,
                name,
                subject,
                format!("{name} was removed."),
            );
        }
        for name in types.added {
            self.add(
                Kind::TypeAdded,
                name,
                Subject::Nothing,
                format!("{name} was added."),
            );
        }
        for name in types.kept {
            let (old, new) = (&old_types[name], &new_types[name]);
            self.description(name, &old.description, &new.description);
            if old.kind != new.kind {
                let (before, after) = (old.kind.name(), new.kind.name());
                let message = format!("{name} changed from {before} to {after}.");
                let subject = Subject::Type(name.to_owned());
                self.add(Kind::TypeChangedKind, name, subject, message);
                continue;
            }
            match old.kind {
                TypeKind::Scalar => self.scalar(old, new),
                TypeKind::Object | TypeKind::Interface => self.composite(old, new),
                TypeKind::Union => self.union(old, new),
                TypeKind::Enum => self.values(old, new),
                TypeKind::InputObject => self.input_object(old, new),
            }
        }
    }

    fn scalar(&mut self, old: &TypeDefinition, new: &TypeDefinition) {
        let url = |definition: &TypeDefinition| text(&definition.directives, "specifiedBy", "url");
        let (before, after) = (url(old), url(new));
        if before != after {
            let message = format!(
                "{} changed its specification from {} to {}.",
                old.name,
                before.as_deref().unwrap_or("none"),
                after.as_deref().unwrap_or("none")
            );
            let subject = Subject::Type(old.name.clone());
            self.add(Kind::SpecifiedByChange, &old.name, subject, message);
        }
    }

    fn union(&mut self, old: &TypeDefinition, new: &TypeDefinition) {
        let name = &old.name;
        let selected = || Subject::Selection(name.clone());
        let members = Difference::new(&old.members, &new.members);
        for member in members.added {
            let message = format!("{member} was added to union type {name}.");
            self.add(Kind::TypeAddedToUnion, name, selected(), message);
        }
        for member in members.removed {
            let message = format!("{member} was removed from union type {name}.");
            self.add(Kind::TypeRemovedFromUnion, name, selected(), message);
        }
    }

    fn values(&mut self, old: &TypeDefinition, new: &TypeDefinition) {
        let name = &old.name;
        let given = |value: &str| Subject::EnumInput(name.clone(), value.to_owned());
        let names = |definition: &'_ TypeDefinition| -> Vec<String> {
            let values = definition.values.iter();
            values.map(|value| value.name.clone()).collect()
        };
        let (before, after) = (names(old), names(new));
        let values = Difference::new(&before, &after);
        for value in values.added {
            let at = format!("{name}.{value}");
            let subject = Subject::EnumOutput(name.clone());
            let message = format!("Enum value {at} was added.");
            self.add(Kind::ValueAddedToEnum, &at, subject, message);
        }
        for value in values.removed {
            let at = format!("{name}.{value}");
            let message = format!("Enum value {at} was removed.");
            self.add(Kind::ValueRemovedFromEnum, &at, given(value), message);
        }
        for value in values.kept {
            if let (Some(old), Some(new)) = (old.value(value), new.value(value)) {
                let at = format!("{name}.{value}");
                self.description(&at, &old.description, &new.description);
                self.deprecation(&at, given(value), &old.directives, &new.directives);
            }
        }
    }

    fn composite(&mut self, old: &TypeDefinition, new: &TypeDefinition) {
        let name = &old.name;
        let fields = Difference::of_fields(&old.fields, &new.fields);
        for field in fields.removed {
            let at = format!("{name}.{field}");
            let subject = Subject::Field(name.clone(), field.to_owned());
            let message = format!("Field {at} was removed.");
            self.add(Kind::FieldRemoved, &at, subject, message);
        }
        for field in fields.added {
            let at = format!("{name}.{field}");
            let message = format!("Field {at} was added.");
            self.add(Kind::FieldAdded, &at, Subject::Nothing, message);
        }
        for field in fields.kept {
            if let (Some(before), Some(after)) = (old.field(field), new.field(field)) {
                self.field(name, before, after);
            }
        }
        let interfaces = Difference::new(&old.interfaces, &new.interfaces);
        for interface in interfaces.added {
            let message = format!("{interface} added to interfaces implemented by {name}.");
            let subject = Subject::Selection(interface.to_owned());
            self.add(Kind::ImplementedInterfaceAdded, name, subject, message);
        }
        for interface in interfaces.removed {
            let message = format!("{name} no longer implements interface {interface}.");
            let subject = Subject::Selection(interface.to_owned());
            self.add(Kind::ImplementedInterfaceRemoved, name, subject, message);
        }
    }

    fn field(&mut self, owner: &str, old: &Field, new: &Field) {
        let at = format!("{owner}.{}", old.name);
        let selected = || Subject::Field(owner.to_owned(), old.name.clone());
        self.arguments(owner, old, new);
        if old.value_type != new.value_type {
            let kind = if is_safe_for_output(&old.value_type, &new.value_type) {
                Kind::FieldChangedKindSafe
            } else {
                Kind::FieldChangedKind
            };
            let (before, after) = (&old.value_type, &new.value_type);
            let message = format!("Field {at} changed type from {before} to {after}.");
            self.add(kind, &at, selected(), message);
        }
        self.description(&at, &old.description, &new.description);
        self.deprecation(&at, selected(), &old.directives, &new.directives);
    }

    pub(super) fn description(&mut self, at: &str, old: &Option<String>, new: &Option<String>) {
        if old != new {
            let message = format!("The description of {at} changed.");
            self.add(Kind::DescriptionChanged, at, Subject::Nothing, message);
        }
    }

    pub(super) fn deprecation(
        &mut self,
        at: &str,
        subject: Subject,
        old: &[Directive],
        new: &[Directive],
    ) {
        let reason = |directives: &[Directive]| {
            has(directives, "deprecated").then(|| {
                text(directives, "deprecated", "reason")
                    .unwrap_or_else(|| "No longer supported".to_owned())
            })
        };
        match (reason(old), reason(new)) {
            (None, Some(reason)) => {
                let message = format!("{at} is deprecated now: {reason}");
                self.add(Kind::DeprecationAdded, at, subject, message);
            }
            (Some(_), None) => {
                let message = format!("{at} is no longer deprecated.");
                self.add(Kind::DeprecationRemoved, at, subject, message);
            }
            (Some(before), Some(after)) if before != after => {
                let message = format!("{at} is deprecated for another reason: {after}");
                self.add(Kind::DeprecationReasonChange, at, subject, message);
            }
            _ => {}
        }
    }
}

pub(super) fn has(directives: &[Directive], name: &str) -> bool {
    directives.iter().any(|directive| directive.name == name)
}

/// The string argument of a directive.
fn text(directives: &[Directive], name: &str, of: &str) -> Option<String> {
    let directive = directives.iter().find(|directive| directive.name == name)?;
    match argument(directive, of)? {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether readers of the old output type can read values of the new one.
fn is_safe_for_output(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::ListType(old), Type::ListType(new))
        | (Type::NonNullType(old), Type::NonNullType(new)) => is_safe_for_output(old, new),
        (Type::NonNullType(_), _) => false,
        (old, Type::NonNullType(new)) => is_safe_for_output(old, new),
        (Type::NamedType(old), Type::NamedType(new)) => old == new,
        _ => false,
    }
}
