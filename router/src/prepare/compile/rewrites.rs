//! Compiles the planner's rewrites of representations and responses.

use std::collections::HashMap;

use hive_router_planner::planner::plan_nodes::{FetchNodePathSegment, FetchRewrite};

use super::Compiler;
use crate::prepare::plan::{Change, Rewrite, RewriteSegment};

impl Compiler<'_> {
    pub(super) fn rewrites(&mut self, rewrites: &[FetchRewrite]) -> Result<Vec<Rewrite>, String> {
        rewrites
            .iter()
            .map(|rewrite| self.rewrite(rewrite))
            .collect()
    }

    pub(super) fn rewrite(&mut self, rewrite: &FetchRewrite) -> Result<Rewrite, String> {
        let path = match rewrite {
            FetchRewrite::ValueSetter(setter) => &setter.path,
            FetchRewrite::KeyRenamer(renamer) => &renamer.path,
        };
        let Some((FetchNodePathSegment::Key(last), path)) = path.split_last() else {
            return Err("a rewrite that names no key".to_owned());
        };
        let change = match rewrite {
            FetchRewrite::ValueSetter(setter) if last == "__typename" => {
                Change::SetTypename(self.supergraph.types.find(&setter.set_value_to))
            }
            FetchRewrite::ValueSetter(setter) => {
                Change::Set(self.symbols.intern(last), setter.set_value_to.clone())
            }
            FetchRewrite::KeyRenamer(renamer) => Change::Rename(
                self.symbols.intern(last),
                self.symbols.intern(&renamer.rename_key_to),
            ),
        };
        let path = self.rewrite_path(path)?;
        Ok(Rewrite { path, change })
    }

    pub(super) fn rewrite_path(
        &mut self,
        path: &[FetchNodePathSegment],
    ) -> Result<Vec<RewriteSegment>, String> {
        let segments = path.iter().map(|segment| match segment {
            FetchNodePathSegment::Key(name) => Ok(RewriteSegment::Key(self.symbols.intern(name))),
            FetchNodePathSegment::TypenameEquals(names) => {
                let names = names.iter().map(String::as_str);
                Ok(RewriteSegment::Type(self.supergraph.types.set(names)))
            }
            FetchNodePathSegment::Parent => Err("a rewrite of a parent".to_owned()),
        });
        segments.collect()
    }
}

/// The keys that the planner renames, by their names in the fetch.
pub(super) fn renames<'r>(
    rewrites: impl Iterator<Item = &'r FetchRewrite>,
) -> HashMap<String, String> {
    rewrites
        .filter_map(|rewrite| match rewrite {
            FetchRewrite::KeyRenamer(renamer) => match renamer.path.last()? {
                FetchNodePathSegment::Key(key) => {
                    Some((key.clone(), renamer.rename_key_to.clone()))
                }
                FetchNodePathSegment::TypenameEquals(_) | FetchNodePathSegment::Parent => None,
            },
            FetchRewrite::ValueSetter(_) => None,
        })
        .collect()
}
