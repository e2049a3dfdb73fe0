//! Parses and validates the client's document and chooses its operation.

use std::collections::BTreeSet;

use graphql_tools::parser::query::{
    Definition, Field, InlineFragment, OperationDefinition, Selection, SelectionSet, Type,
    TypeCondition, VariableDefinition,
};
use graphql_tools::parser::schema::DirectiveLocation;
use graphql_tools::static_graphql::query::{Directive, Document, Value};
use graphql_tools::validation::utils::ValidationError;
use platform::panics::catch_now;

use super::limits::selections::Rejection;
use super::limits::{self, Exceeded, at_most};
use super::parser::{self, ParseError, ParsedDocument};
use super::validation::{CONDITIONAL_SUBSCRIPTION, validate};
use super::{PrepareOptions, numbers, suggestions, values};
use crate::error::{ErrorCode, GraphQLError};
use crate::response::GraphQLResponse;
use crate::supergraph::{RequirementId, Schema, Supergraph, named_type};
use crate::trace;
use crate::value::write_string;

pub(super) type Operation = OperationDefinition<'static, String>;
pub(super) type Selections = SelectionSet<'static, String>;

/// Maximum number of errors reported for a document.
const MAX_ERRORS: usize = 100;

/// Adds an argument to a root field of the subscription, from a new `Int` variable.
pub(super) fn add_argument(
    document: &mut Document,
    root: &str,
    argument: &str,
    variable: &str,
) -> Option<()> {
    let subscription = document.definitions.iter_mut().find_map(|definition| {
        let Definition::Operation(OperationDefinition::Subscription(subscription)) = definition
        else {
            return None;
        };
        Some(subscription)
    })?;
    let variables = &mut subscription.variable_definitions;
    let selections = subscription.selection_set.items.iter_mut();
    let field = selections
        .filter_map(|selection| match selection {
            Selection::Field(field) => Some(field),
            _ => None,
        })
        .find(|field| field.name == root)?;
    if field.arguments.iter().any(|(name, _)| name == argument)
        || variables.iter().any(|known| known.name == variable)
    {
        return None;
    }
    // An anonymous operation is written without its variables.
    subscription
        .name
        .get_or_insert_with(|| "Resumed".to_owned());
    let value = Value::Variable(variable.to_owned());
    field.arguments.push((argument.to_owned(), value));
    variables.push(VariableDefinition {
        position: field.position,
        name: variable.to_owned(),
        var_type: Type::NamedType("Int".to_owned()),
        default_value: None,
    });
    Some(())
}

/// Prints the document. The library's own printing of strings loses characters beyond the basic plane, control
/// characters and white space.
pub(super) fn into_text(mut document: Document) -> String {
    values::for_each(&mut document, &mut |value| {
        if let Value::String(text) = value {
            let mut literal = Vec::with_capacity(text.len() + 2);
            write_string(text.as_bytes(), &mut literal);
            // Enum values are written verbatim, and JSON strings are valid in GraphQL.
            *value = Value::Enum(String::from_utf8(literal).unwrap_or_default());
        }
    });
    document.to_string()
}

/// Parses and validates, then keeps the chosen operation with all fragments. Also returns how many fields it may have
/// after spreading fragments.
pub(super) fn parse(
    text: &str,
    operation_name: Option<&str>,
    options: &PrepareOptions,
    supergraph: &Supergraph,
) -> Result<(Document, usize), GraphQLResponse> {
    let limits = &options.limits;
    limits::tokens::check(text, limits).map_err(too_complex)?;
    let parsing = trace::stage("parse").in_scope(|| parser::parse(text));
    let ParsedDocument {
        mut document,
        variable_directives,
        has_digits,
        ..
    } = parsing.map_err(|unparsed| match unparsed {
        ParseError::TooDeep => too_complex(Exceeded {
            limit: "depth",
            allowed: limits.depth.min(parser::MAX_NESTING),
        }),
        ParseError::Syntax { message, position } => request_error(
            GraphQLError::new(
                ErrorCode::GraphQLParseFailed,
                format!("Syntax Error: {message}"),
            )
            .located(position.line, position.column),
        ),
    })?;
    let fields = limits::selections::check(&document, limits).map_err(unfit)?;
    limits::overlaps::check(&document, limits).map_err(too_complex)?;
    if has_digits {
        numbers::coerce(&mut document, supergraph);
    }
    let validating = trace::stage("validate");
    // The rules index the document by name and may panic on unknown names; the guard contains that.
    let mut errors = catch_now(|| {
        let _validating = validating.enter();
        validate(
            &supergraph.schema.document,
            &document,
            &supergraph.validation,
            text.contains('['),
        )
    })
    .map_err(|panic| {
        tracing::error!(%panic, "validation panicked");
        request_error(GraphQLError::new(
            ErrorCode::Internal,
            "The document could not be validated.",
        ))
    })?;
    let known = |name: &str| {
        let mut known = supergraph.schema.directives.iter();
        known.any(|directive| {
            directive.name == name
                && directive
                    .locations
                    .contains(&DirectiveLocation::VariableDefinition)
        })
    };
    for (name, position) in variable_directives {
        if !known(&name) {
            errors.push(ValidationError {
                error_code: "KnownDirectives",
                locations: vec![position],
                message: format!("Directive \"@{name}\" may not be used on a variable."),
            });
        }
    }
    if !errors.is_empty() {
        let suggest = options.suggestions.then_some(&supergraph.schema);
        return Err(invalid(errors, suggest));
    }
    choose(&mut document, operation_name)?;
    if operation(&document).is_some_and(|operation| root_type(operation, supergraph).is_empty()) {
        let message = "The schema has no operations of this kind.";
        return Err(request_error(GraphQLError::new(
            ErrorCode::GraphQLValidationFailed,
            message,
        )));
    }
    if let Some(operation) = operation(&document) {
        // With those in fragments, which the scan of the tokens does not follow.
        let found = limits::selections::root_fields(&document, operation.selection_set());
        at_most("root_fields", found, limits.root_fields).map_err(too_complex)?;
        if matches!(operation, OperationDefinition::Mutation(_)) {
            at_most("root_mutations", found, limits.root_mutations).map_err(too_complex)?;
        }
    }
    Ok((document, fields))
}

/// `suggest`: the schema whose names may be suggested.
fn invalid(errors: Vec<ValidationError>, suggest: Option<&Schema>) -> GraphQLResponse {
    let too_many = errors.len() > MAX_ERRORS;
    let mut shown: Vec<GraphQLError> = errors
        .into_iter()
        .take(MAX_ERRORS)
        .map(|error| {
            // The operation may be valid with other variables.
            let code = match error.error_code {
                CONDITIONAL_SUBSCRIPTION => ErrorCode::BadUserInput,
                _ => ErrorCode::GraphQLValidationFailed,
            };
            let message = match suggest {
                Some(schema) => {
                    let suggestion = suggestions::suggestion(&error, schema);
                    error.message + &suggestion.unwrap_or_default()
                }
                None => suggestions::without(&error.message).to_owned(),
            };
            let mut shown = GraphQLError::new(code, message);
            for position in error.locations {
                shown = shown.located(position.line, position.column);
            }
            shown
        })
        .collect();
    if too_many {
        let message = "There are more errors than are listed.";
        shown.push(GraphQLError::new(
            ErrorCode::GraphQLValidationFailed,
            message,
        ));
    }
    GraphQLResponse::request_error(shown)
}

fn unfit(reason: Rejection) -> GraphQLResponse {
    match reason {
        Rejection::Exceeded(exceeded) => too_complex(exceeded),
        Rejection::Circular {
            fragment,
            via,
            position,
        } => {
            let via = match via.join("\", \"") {
                via if via.is_empty() => via,
                via => format!(" via \"{via}\""),
            };
            let message = format!("Cannot spread fragment \"{fragment}\" within itself{via}.");
            request_error(
                GraphQLError::new(ErrorCode::GraphQLValidationFailed, message)
                    .located(position.line, position.column),
            )
        }
    }
}

/// Rejects with the limit's name in the message and in `extensions.limit`.
pub(super) fn too_complex(exceeded: Exceeded) -> GraphQLResponse {
    let mut error = GraphQLError::new(ErrorCode::OperationTooComplex, exceeded.to_string());
    let other = &mut error.extensions.other;
    other.insert("limit".to_owned(), exceeded.limit.into());
    request_error(error)
}

fn request_error(error: GraphQLError) -> GraphQLResponse {
    GraphQLResponse::request_error(vec![error])
}

/// Drops all operations but the one to run.
fn choose(document: &mut Document, name: Option<&str>) -> Result<(), GraphQLResponse> {
    let operations = document
        .definitions
        .iter()
        .filter(|definition| matches!(definition, Definition::Operation(_)));
    let matches: Vec<bool> = operations
        .map(|definition| match definition {
            Definition::Operation(operation) => name.is_none() || operation_name(operation) == name,
            Definition::Fragment(_) => false,
        })
        .collect();
    let error = match (matches.iter().filter(|matching| **matching).count(), name) {
        (1, _) => {
            let mut matches = matches.into_iter();
            document.definitions.retain(|definition| match definition {
                Definition::Operation(_) => matches.next().unwrap_or_default(),
                Definition::Fragment(_) => true,
            });
            return Ok(());
        }
        (_, Some(name)) => format!("Unknown operation named \"{name}\"."),
        (0, None) => "Must provide an operation.".to_owned(),
        (_, None) => {
            "Must provide operation name if query contains multiple operations.".to_owned()
        }
    };
    Err(request_error(GraphQLError::new(
        ErrorCode::OperationResolutionFailure,
        error,
    )))
}

pub(super) fn operation_name(operation: &Operation) -> Option<&str> {
    match operation {
        OperationDefinition::SelectionSet(_) => None,
        OperationDefinition::Query(query) => query.name.as_deref(),
        OperationDefinition::Mutation(mutation) => mutation.name.as_deref(),
        OperationDefinition::Subscription(subscription) => subscription.name.as_deref(),
    }
}

/// The operation of a document returned by [`parse`].
pub(crate) fn operation(document: &Document) -> Option<&Operation> {
    document
        .definitions
        .iter()
        .find_map(|definition| match definition {
            Definition::Operation(operation) => Some(operation),
            Definition::Fragment(_) => None,
        })
}

/// The field of this name that is selected for every type and all variables.
pub(super) fn plain_field<'d>(
    selections: &'d [Selection<'static, String>],
    name: &str,
) -> Option<&'d Field<'static, String>> {
    selections.iter().find_map(|selection| match selection {
        Selection::Field(field) if field.name == name && field.directives.is_empty() => Some(field),
        _ => None,
    })
}

/// An operation's root type; empty if the schema has none of its kind.
pub(crate) fn root_type<'s>(operation: &Operation, supergraph: &'s Supergraph) -> &'s str {
    let schema = &supergraph.schema;
    match operation {
        OperationDefinition::SelectionSet(_) | OperationDefinition::Query(_) => &schema.query,
        OperationDefinition::Mutation(_) => schema.mutation.as_deref().unwrap_or_default(),
        OperationDefinition::Subscription(_) => schema.subscription.as_deref().unwrap_or_default(),
    }
}

/// Properties of an operation's selections.
#[derive(Debug, Default)]
pub(super) struct Traits {
    /// Variables used by `@skip`, `@include` and `@defer`.
    pub(super) conditions: BTreeSet<String>,
    /// Whether it uses `@defer`.
    pub(super) defers: bool,
    pub(super) requirements: BTreeSet<RequirementId>,
    pub(super) introspects: bool,
}

/// Inspects the operation and every fragment.
pub(super) fn traits(document: &Document, supergraph: &Supergraph) -> Traits {
    let mut traits = Traits::default();
    for definition in &document.definitions {
        match definition {
            Definition::Operation(operation) => {
                let root = root_type(operation, supergraph);
                traits.add(operation.selection_set(), root, supergraph);
            }
            Definition::Fragment(fragment) => {
                let TypeCondition::On(name) = &fragment.type_condition;
                traits.add(&fragment.selection_set, name, supergraph);
            }
        }
    }
    traits
}

impl Traits {
    fn add(&mut self, selections: &Selections, parent: &str, supergraph: &Supergraph) {
        for selection in &selections.items {
            match selection {
                Selection::Field(field) => {
                    self.add_conditions(&field.directives);
                    self.introspects |= is_introspection(field);
                    let concrete = supergraph.types.possible(parent);
                    for type_name in concrete.chain([parent]) {
                        self.requirements
                            .extend(supergraph.access.of_field(type_name, &field.name));
                    }
                    if let Some(known) = supergraph.schema.field(parent, &field.name) {
                        let inner = named_type(&known.field_type);
                        self.add(&field.selection_set, inner, supergraph);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    self.add_conditions(&fragment.directives);
                    let inner = fragment_type(fragment, parent);
                    self.add(&fragment.selection_set, inner, supergraph);
                }
                Selection::FragmentSpread(spread) => self.add_conditions(&spread.directives),
            }
        }
    }

    fn add_conditions(&mut self, directives: &[Directive]) {
        for directive in directives {
            self.defers |= directive.name == "defer";
            if matches!(&*directive.name, "skip" | "include" | "defer") {
                for (_, value) in &directive.arguments {
                    if let Value::Variable(name) = value {
                        self.conditions.insert(name.clone());
                    }
                }
            }
        }
    }
}

pub(super) fn fragment_type<'f>(
    fragment: &'f InlineFragment<'static, String>,
    parent: &'f str,
) -> &'f str {
    match &fragment.type_condition {
        Some(TypeCondition::On(name)) => name,
        None => parent,
    }
}

pub(super) fn is_introspection(field: &Field<'static, String>) -> bool {
    field.name == "__schema" || field.name == "__type"
}
