//! Compares directive definitions.

use super::compare::{Comparison, Difference};
use super::compare_inputs::{ARGUMENT, Input};
use super::{ChangeKind as Kind, Subject};
use crate::type_system::ast::{DirectiveDefinition, Field, is_executable};

impl Comparison<'_> {
    pub(super) fn directives(&mut self) {
        let (old, new) = (
            &self.old.directive_definitions,
            &self.new.directive_definitions,
        );
        let directives = Difference::new(old.keys(), new.keys());
        for name in directives.removed {
            let subject = Subject::Directive(name.to_owned());
            let message = format!("Directive @{name} was removed.");
            self.add(
                Kind::DirectiveRemoved,
                &format!("@{name}"),
                subject,
                message,
            );
        }
        for name in directives.added {
            let message = format!("Directive @{name} was added.");
            let at = format!("@{name}");
            self.add(Kind::DirectiveAdded, &at, Subject::Nothing, message);
        }
        for name in directives.kept {
            self.directive(&old[name], &new[name]);
        }
    }

    fn directive(&mut self, old: &DirectiveDefinition, new: &DirectiveDefinition) {
        let name = &old.name;
        let directive = format!("@{name}");
        let used = || Subject::Directive(name.clone());
        self.directive_arguments(old, new);
        match (old.is_repeatable, new.is_repeatable) {
            (true, false) => {
                let message = format!("Repeatable flag was removed from {directive}.");
                self.add(
                    Kind::DirectiveRepeatableRemoved,
                    &directive,
                    used(),
                    message,
                );
            }
            (false, true) => {
                let message = format!("Repeatable flag was added to {directive}.");
                let kind = Kind::DirectiveRepeatableAdded;
                self.add(kind, &directive, Subject::Nothing, message);
            }
            _ => {}
        }
        let locations = Difference::new(&old.locations, &new.locations);
        for location in locations.removed {
            // Operations do not use directives on schema locations.
            let subject = if is_executable(location) {
                Subject::DirectiveLocation(name.clone(), location.to_owned())
            } else {
                Subject::Nothing
            };
            let message = format!("{location} was removed from {directive}.");
            self.add(Kind::DirectiveLocationRemoved, &directive, subject, message);
        }
        for location in locations.added {
            let message = format!("{location} was added to {directive}.");
            let kind = Kind::DirectiveLocationAdded;
            self.add(kind, &directive, Subject::Nothing, message);
        }
        self.description(&directive, &old.description, &new.description);
    }

    fn directive_arguments(&mut self, old: &DirectiveDefinition, new: &DirectiveDefinition) {
        let name = &old.name;
        let at = |argument: &str| format!("@{name}({argument}:)");
        let find = |fields: &'_ [Field], name: &str| {
            let mut fields = fields.iter();
            fields.find(|field| field.name == name).cloned()
        };
        let arguments = Difference::of_fields(&old.arguments, &new.arguments);
        for argument in arguments.added {
            let at = at(argument);
            if find(&new.arguments, argument).is_some_and(|field| field.is_required()) {
                let message = format!("A required argument {at} was added.");
                let subject = Subject::Directive(name.clone());
                self.add(Kind::RequiredDirectiveArgAdded, &at, subject, message);
            } else {
                let message = format!("An optional argument {at} was added.");
                let kind = Kind::OptionalDirectiveArgAdded;
                self.add(kind, &at, Subject::Nothing, message);
            }
        }
        for argument in arguments.removed {
            let at = at(argument);
            let message = format!("Argument {at} was removed.");
            let subject = Subject::DirectiveArgument(name.clone(), argument.to_owned());
            self.add(Kind::DirectiveArgRemoved, &at, subject, message);
        }
        for argument in arguments.kept {
            let (Some(before), Some(after)) = (
                find(&old.arguments, argument),
                find(&new.arguments, argument),
            ) else {
                continue;
            };
            self.input(Input {
                at: at(argument),
                old: &before,
                new: &after,
                given: Subject::DirectiveArgument(name.clone(), argument.to_owned()),
                omitted: Subject::DirectiveArgumentOmitted(name.clone(), argument.to_owned()),
                around: Subject::Directive(name.clone()),
                kinds: ARGUMENT,
            });
        }
    }
}
