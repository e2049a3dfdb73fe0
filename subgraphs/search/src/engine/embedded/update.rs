//! Replaces and removes single products in the current index.

use tantivy::IndexWriter;
use uuid::Uuid;

use super::fields::DocumentWriter;
use super::generation::Generation;
use crate::engine::{Document, EngineError};

/// The writer's memory, the least that it can work with.
const MEMORY_BYTES: usize = 15 << 20;

/// Writes these products in place of what the index has of them, and removes these others. Those that are not active are
/// removed, too. If it fails, the index is as before.
pub(super) fn write(
    generation: &Generation,
    documents: &[Document],
    deleted: &[Uuid],
) -> Result<(), EngineError> {
    let index = generation.reader.searcher().index().clone();
    let mut writer: IndexWriter = index.writer_with_num_threads(1, MEMORY_BYTES)?;
    let writing = DocumentWriter::new(&index, generation.analysis.clone())?;
    for document in documents {
        writer.delete_term(writing.term(document.product.id)?);
        if document.product.active {
            writer.add_document(writing.document(document)?)?;
        }
    }
    for &product in deleted {
        writer.delete_term(writing.term(product)?);
    }
    writer.commit()?;
    // Searches need not wait for the merges.
    generation.reload()?;
    writer.wait_merging_threads()?;
    generation.reload()?;
    Ok(())
}
