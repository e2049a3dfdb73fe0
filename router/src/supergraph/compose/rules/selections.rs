//! What the field sets of `@key`, `@requires` and `@provides` may select.

use super::field_sets::{self, Selection};
use super::source::Rules;
use crate::error::CompositionCode as Code;
use crate::type_system::ast::{self, Field, TypeKind};

/// The codes of a directive with a field set.
pub(super) struct FieldSetCodes {
    directive: &'static str,
    not_text: Code,
    invalid: Code,
    has_directive: Code,
    has_arguments: Option<Code>,
    not_external: Option<Code>,
    abstract_type: Option<Code>,
}

pub(super) const KEY: FieldSetCodes = FieldSetCodes {
    directive: "key",
    not_text: Code::KeyInvalidFieldsType,
    invalid: Code::KeyInvalidFields,
    has_directive: Code::KeyDirectiveInFieldsArg,
    has_arguments: Some(Code::KeyFieldsHasArgs),
    not_external: None,
    abstract_type: Some(Code::KeyFieldsSelectInvalidType),
};
pub(super) const REQUIRES: FieldSetCodes = FieldSetCodes {
    directive: "requires",
    not_text: Code::RequiresInvalidFieldsType,
    invalid: Code::RequiresInvalidFields,
    has_directive: Code::RequiresDirectiveInFieldsArg,
    has_arguments: None,
    not_external: Some(Code::RequiresFieldsMissingExternal),
    abstract_type: None,
};
pub(super) const PROVIDES: FieldSetCodes = FieldSetCodes {
    directive: "provides",
    not_text: Code::ProvidesInvalidFieldsType,
    invalid: Code::ProvidesInvalidFields,
    has_directive: Code::ProvidesDirectiveInFieldsArg,
    has_arguments: Some(Code::ProvidesFieldsHasArgs),
    not_external: Some(Code::ProvidesFieldsMissingExternal),
    abstract_type: None,
};

impl Rules<'_> {
    pub(super) fn field_set(
        &mut self,
        codes: &FieldSetCodes,
        place: &str,
        found: &ast::Directive,
        parent: &str,
    ) {
        let name = codes.directive;
        let is_old = self.subgraph.links.is_old;
        let Some(fields) = field_sets::text_of(found, "fields", is_old) else {
            let problem = format!("the fields of @{name} on {place} are no text");
            return self.add(codes.not_text, &problem);
        };
        let place = format!("@{name}(fields: \"{fields}\") on {place}");
        let selections = match field_sets::parse(&fields) {
            Ok(selections) => selections,
            Err(problem) => return self.add(codes.invalid, &format!("{place}: {problem}")),
        };
        self.selections(codes, &place, parent, &selections, false);
    }

    fn selections(
        &mut self,
        codes: &FieldSetCodes,
        place: &str,
        parent: &str,
        selections: &[Selection],
        in_external: bool,
    ) {
        for selection in selections {
            if selection.has_directives() {
                let problem = format!("{place}: fields cannot have directives here");
                self.add(codes.has_directive, &problem);
                continue;
            }
            match selection {
                Selection::Fragment { on, fields, .. } => {
                    let on = on.as_deref().unwrap_or(parent);
                    if !self
                        .subgraph
                        .schema
                        .kind(on)
                        .is_some_and(TypeKind::is_composite)
                    {
                        self.add(codes.invalid, &format!("{place}: there is no type {on}"));
                        continue;
                    }
                    self.selections(codes, place, on, fields, in_external);
                }
                Selection::Field { name, .. } if name == "__typename" => {}
                Selection::Field {
                    name,
                    has_alias,
                    arguments,
                    fields,
                    ..
                } => {
                    let Some(field) = self.subgraph.field(parent, name) else {
                        self.add(
                            codes.invalid,
                            &format!("{place}: {parent} has no field {name}"),
                        );
                        continue;
                    };
                    if let Some(problem) =
                        self.problem_of_field(field, *has_alias, arguments, fields)
                    {
                        self.add(
                            codes.invalid,
                            &format!("{place}: {parent}.{name} {problem}"),
                        );
                        continue;
                    }
                    if let Some(code) = codes.has_arguments
                        && !field.arguments.is_empty()
                    {
                        self.add(code, &format!("{place}: {parent}.{name} has arguments"));
                    }
                    let target = ast::named(&field.value_type);
                    let kind = self.subgraph.schema.kind(target);
                    if let Some(code) = codes.abstract_type
                        && matches!(kind, Some(TypeKind::Interface | TypeKind::Union))
                    {
                        self.add(
                            code,
                            &format!("{place}: the type of {parent}.{name} is no object"),
                        );
                        continue;
                    }
                    let is_external =
                        in_external || field_sets::is_external(&self.subgraph.schema, parent, name);
                    if fields.is_empty()
                        && !is_external
                        && let Some(code) = codes.not_external
                    {
                        let problem = format!(
                            "{place}: {parent}.{name} is resolved here; it is @external if another subgraph resolves it"
                        );
                        self.add(code, &problem);
                    }
                    self.selections(codes, place, target, fields, is_external);
                }
            }
        }
    }

    fn problem_of_field(
        &self,
        field: &Field,
        has_alias: bool,
        arguments: &[(String, String)],
        fields: &[Selection],
    ) -> Option<String> {
        if has_alias {
            return Some("cannot have an alias here".to_owned());
        }
        let unknown = arguments
            .iter()
            .find(|(name, _)| field.argument(name).is_none());
        if let Some((name, _)) = unknown {
            return Some(format!("has no argument {name}"));
        }
        let given = |name: &str| arguments.iter().any(|(known, _)| known == name);
        let missing = field
            .arguments
            .iter()
            .find(|one| one.is_required() && !given(&one.name));
        if let Some(missing) = missing {
            return Some(format!("requires the argument {}", missing.name));
        }
        let kind = self.subgraph.schema.kind(ast::named(&field.value_type));
        match (kind.is_some_and(TypeKind::is_composite), fields.is_empty()) {
            (true, true) => Some("needs a selection of fields".to_owned()),
            (false, false) => Some("has no fields to select".to_owned()),
            _ => None,
        }
    }
}
