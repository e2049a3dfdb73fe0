//! Gives the elements of features their canonical names throughout a document.

use graphql_tools::parser::schema::Definition;
use graphql_tools::static_graphql::schema::{
    Directive, DirectiveDefinition, Document, Field, InputValue, Type, TypeDefinition,
};

use super::{CANONICAL_DIRECTIVES, Links, NameKind, is_reserved_type};
use crate::error::RouterError;

pub(super) struct Rewrite<'l> {
    links: &'l Links,
}

impl<'l> Rewrite<'l> {
    pub(super) fn new(links: &'l Links) -> Self {
        Self { links }
    }

    pub(super) fn document(&self, mut document: Document) -> Result<Document, RouterError> {
        document.definitions.retain(|definition| match definition {
            Definition::DirectiveDefinition(directive) => self.directive(&directive.name).is_some(),
            _ => true,
        });
        for definition in &mut document.definitions {
            match definition {
                Definition::SchemaDefinition(schema) => self.directives(&mut schema.directives),
                Definition::DirectiveDefinition(directive) => self.definition(directive),
                Definition::TypeDefinition(definition) => self.type_definition(definition)?,
                Definition::TypeExtension(_) => {}
            }
        }
        Ok(document)
    }

    /// A directive's canonical name; `None` if the document uses a canonical name for something else.
    fn directive(&self, name: &str) -> Option<String> {
        match self.links.directive(name) {
            NameKind::Known(canonical) => Some(canonical),
            NameKind::Foreign => (!CANONICAL_DIRECTIVES.contains(&name)).then(|| name.to_owned()),
            // Composers differ in what they link. A directive with a federation name is taken as such, unless a link
            // renames the federation directive.
            NameKind::Local => (!self.links.is_renamed(name)).then(|| name.to_owned()),
        }
    }

    fn type_name(&self, name: &str) -> Option<String> {
        match self.links.type_name(name) {
            NameKind::Known(canonical) => Some(canonical),
            NameKind::Foreign | NameKind::Local => None,
        }
    }

    fn directives(&self, directives: &mut Vec<Directive>) {
        directives.retain_mut(|directive| match self.directive(&directive.name) {
            Some(canonical) => {
                directive.name = canonical;
                true
            }
            None => false,
        });
    }

    fn type_reference(&self, reference: &mut Type) {
        match reference {
            Type::NamedType(name) => {
                if let Some(canonical) = self.type_name(name) {
                    *name = canonical;
                }
            }
            Type::ListType(inner) | Type::NonNullType(inner) => self.type_reference(inner),
        }
    }

    fn inputs(&self, inputs: &mut [InputValue]) {
        for input in inputs {
            self.type_reference(&mut input.value_type);
            self.directives(&mut input.directives);
        }
    }

    fn fields(&self, fields: &mut [Field]) {
        for field in fields {
            self.type_reference(&mut field.field_type);
            self.inputs(&mut field.arguments);
            self.directives(&mut field.directives);
        }
    }

    fn definition(&self, directive: &mut DirectiveDefinition) {
        if let Some(canonical) = self.directive(&directive.name) {
            directive.name = canonical;
        }
        self.inputs(&mut directive.arguments);
    }

    fn type_definition(&self, definition: &mut TypeDefinition) -> Result<(), RouterError> {
        let canonical = self.type_name(definition.name());
        if canonical.is_none()
            && is_reserved_type(definition.name())
            && self.links.is_namespace_moved(definition.name())
        {
            return Err(RouterError::Planner(format!(
                "the type name `{}` is reserved for federation",
                definition.name()
            )));
        }
        let name = match definition {
            TypeDefinition::Scalar(scalar) => {
                self.directives(&mut scalar.directives);
                &mut scalar.name
            }
            TypeDefinition::Object(object) => {
                self.directives(&mut object.directives);
                self.fields(&mut object.fields);
                &mut object.name
            }
            TypeDefinition::Interface(interface) => {
                self.directives(&mut interface.directives);
                self.fields(&mut interface.fields);
                &mut interface.name
            }
            TypeDefinition::Union(union) => {
                self.directives(&mut union.directives);
                &mut union.name
            }
            TypeDefinition::Enum(definition) => {
                self.directives(&mut definition.directives);
                for value in &mut definition.values {
                    self.directives(&mut value.directives);
                }
                &mut definition.name
            }
            TypeDefinition::InputObject(input) => {
                self.directives(&mut input.directives);
                self.inputs(&mut input.fields);
                &mut input.name
            }
        };
        if let Some(canonical) = canonical {
            *name = canonical;
        }
        Ok(())
    }
}

/// Visits every directive on a document's definitions, except on the schema itself.
pub(in crate::supergraph) fn each_directive(
    document: &Document,
    show: &mut impl FnMut(&Directive),
) {
    for definition in super::super::definitions(document) {
        super::super::directives(definition)
            .iter()
            .for_each(&mut *show);
        let fields = super::super::output_fields(definition).iter();
        for field in fields {
            field.directives.iter().for_each(&mut *show);
            let arguments = field.arguments.iter();
            arguments
                .flat_map(|argument| &argument.directives)
                .for_each(&mut *show);
        }
        match definition {
            TypeDefinition::Enum(definition) => definition
                .values
                .iter()
                .flat_map(|value| &value.directives)
                .for_each(&mut *show),
            TypeDefinition::InputObject(definition) => definition
                .fields
                .iter()
                .flat_map(|field| &field.directives)
                .for_each(&mut *show),
            _ => {}
        }
    }
}
