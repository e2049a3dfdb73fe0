//! Evaluates a compiled cost with variables: list lengths, included fields, argument costs.

use std::collections::HashMap;

use graphql_tools::static_graphql::query::Value as Literal;
use serde_json::Value;

use super::{Fields, Node, NotOne, Size, Slice};
use crate::prepare::variables::Variables;
use crate::supergraph::Costs;

pub(super) struct Evaluation<'e> {
    costs: &'e Costs,
    variables: &'e Variables,
    /// Cached costs of variables by argument type: one may be used in thousands of places.
    known: HashMap<(&'e str, &'e str), f64>,
}

impl<'e> Evaluation<'e> {
    pub(super) fn new(costs: &'e Costs, variables: &'e Variables) -> Self {
        Self {
            costs,
            variables,
            known: HashMap::new(),
        }
    }

    pub(super) fn selection(&mut self, selection: &'e Fields) -> Result<f64, NotOne> {
        let mut sum = 0.0;
        for node in &selection.always {
            sum += self.node(node)?;
        }
        if selection.sometimes.is_empty() {
            return Ok(sum);
        }
        let mut costs = Vec::with_capacity(selection.sometimes.len());
        for node in &selection.sometimes {
            costs.push(self.node(node)?);
        }
        let cost_of = |case: &Vec<usize>| case.iter().filter_map(|at| costs.get(*at)).sum();
        let highest = selection.cases.iter().map(cost_of).fold(0.0, f64::max);
        Ok(sum + highest)
    }

    fn node(&mut self, node: &'e Node) -> Result<f64, NotOne> {
        let applies = node.conditions.iter().all(|(name, expected)| {
            // An unknown variable may have either value.
            match self.variables.get(name) {
                Some(value) => value.as_bool() == Some(*expected),
                None => true,
            }
        });
        if !applies {
            return Ok(0.0);
        }
        if let Some(slicing) = &node.slicing {
            self.size(slicing)?;
        }
        let size = match &node.size {
            Some(size) => self.size(size)?,
            None => 1.0,
        };
        // Weights may be negative, to make something cheaper; but no field has a negative total.
        let each = (node.weight + self.selection(&node.selection)?).max(0.0);
        let mut cost = if size == 0.0 { 0.0 } else { size * each };
        for argument in &node.arguments {
            cost += self.literal(&argument.value, &argument.type_name, argument.weight);
        }
        Ok(cost.max(0.0))
    }

    fn size(&self, size: &Size) -> Result<f64, NotOne> {
        let given: Vec<f64> = size
            .slices
            .iter()
            .filter_map(|slice| self.slice(slice))
            .collect();
        if let Some((field, arguments)) = &size.one_of
            && given.len() != 1
        {
            return Err(NotOne {
                field: field.clone(),
                arguments: arguments.clone(),
                found: given.len(),
            });
        }
        let largest = given.into_iter().reduce(f64::max);
        Ok(largest.unwrap_or(size.assumed).max(0.0))
    }

    fn slice(&self, slice: &Slice) -> Option<f64> {
        match slice {
            Slice::Number(number) => Some(*number),
            Slice::Variable {
                name,
                path,
                default,
            } => {
                let Some(mut value) = self.variables.get(name) else {
                    return *default;
                };
                for step in path {
                    value = value.get(step)?;
                }
                value.as_f64()
            }
        }
    }

    /// The cost of an argument's value.
    fn literal(&mut self, value: &'e Literal, type_name: &'e str, weight: Option<f64>) -> f64 {
        match value {
            Literal::Variable(name) => {
                let Some(value) = self.variables.get(name).filter(|value| !value.is_null()) else {
                    return 0.0;
                };
                let key = (name.as_str(), type_name);
                let known = self.known.get(&key).copied();
                let cost = known.unwrap_or_else(|| self.json(value, type_name));
                self.known.insert(key, cost);
                self.weighted(value, type_name, weight, cost)
            }
            Literal::Null => 0.0,
            Literal::List(items) => {
                let items = items.iter().map(|item| self.literal(item, type_name, None));
                let items: f64 = items.sum();
                weight.unwrap_or_default() + items
            }
            Literal::Object(fields) => {
                let costs = self.costs;
                let mut cost = weight.unwrap_or_else(|| costs.of_type(type_name));
                if let Some(known) = costs.input(type_name) {
                    for (name, value) in fields {
                        if let Some(field) = known.get(name) {
                            cost += self.literal(value, &field.type_name, field.weight);
                        }
                    }
                }
                cost
            }
            _ => weight.unwrap_or_else(|| self.costs.of_type(type_name)),
        }
    }

    /// A value's cost where its position may have its own weight, which replaces the cost of the object itself.
    fn weighted(&self, value: &Value, type_name: &str, weight: Option<f64>, cost: f64) -> f64 {
        match (weight, value) {
            (_, Value::Null) => 0.0,
            (None, _) => cost,
            (Some(weight), Value::Array(_)) => weight + cost,
            (Some(weight), _) => weight + cost - self.costs.of_type(type_name),
        }
    }

    /// The same for a value in the variables.
    fn json(&self, value: &Value, type_name: &str) -> f64 {
        let costs = self.costs;
        match value {
            Value::Null => 0.0,
            Value::Array(items) => items.iter().map(|item| self.json(item, type_name)).sum(),
            Value::Object(fields) => {
                let mut cost = costs.of_type(type_name);
                if let Some(known) = costs.input(type_name) {
                    for (name, value) in fields {
                        if let Some(field) = known.get(name) {
                            let inner = self.json(value, &field.type_name);
                            cost += self.weighted(value, &field.type_name, field.weight, inner);
                        }
                    }
                }
                cost
            }
            _ => costs.of_type(type_name),
        }
    }
}
