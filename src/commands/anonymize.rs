//! `vantage anonymize`: a supergraph and operations without their names, for a report of how they are planned.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use router::Anonymizer;

use super::schema::write;
use crate::cli::Anonymize;
use crate::output;

pub(crate) fn run(command: &Anonymize) -> anyhow::Result<()> {
    let salt = command.salt.clone().unwrap_or_else(random);
    let mut anonymizer = Anonymizer::new(&read(&command.supergraph)?, &salt)
        .with_context(|| command.supergraph.display().to_string())?;
    let mut files = vec![("supergraph.graphql".to_owned(), String::new())];
    for (index, file) in command.operation.iter().enumerate() {
        let document = anonymizer.operation(&read(file)?);
        let document = document.with_context(|| file.display().to_string())?;
        // Files may be called as what is in them.
        files.push((format!("operation-{}.graphql", index + 1), document));
    }
    anonymizer.supergraph().clone_into(&mut files[0].1);
    for (name, text) in files {
        let file = command.output.join(name);
        write(&file, &text)?;
        output::line(&format!("wrote {}", file.display()))?;
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn random() -> String {
    let mut salt = String::new();
    for byte in rand::random::<[u8; 16]>() {
        // Writing to a string does not fail.
        let _ = write!(salt, "{byte:02x}");
    }
    salt
}
