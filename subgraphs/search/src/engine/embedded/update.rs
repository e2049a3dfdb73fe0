//! Replaces single products in the current index.

use entities::search::product;
use tantivy::IndexWriter;

use super::fields::DocumentWriter;
use super::generation::Generation;
use crate::engine::EngineError;

/// The writer's memory, the least that it can work with.
const MEMORY_BYTES: usize = 15 << 20;

/// Writes these products in place of what the index has of them; those that are not active are removed.
pub(super) fn write(
    generation: &Generation,
    products: &[product::Model],
) -> Result<(), EngineError> {
    let index = generation.reader.searcher().index().clone();
    let mut writer: IndexWriter = index.writer_with_num_threads(1, MEMORY_BYTES)?;
    let writing = DocumentWriter::new(&index)?;
    for product in products {
        writer.delete_term(writing.term(product.id)?);
        if product.active {
            writer.add_document(writing.document(product)?)?;
        }
    }
    writer.commit()?;
    writer.wait_merging_threads()?;
    Ok(())
}
