//! Builds an index in parallel with the current one.

use async_trait::async_trait;
use tantivy::IndexWriter;

use super::blocking;
use super::fields::{self, DocumentWriter};
use super::generation::NextGeneration;
use crate::engine::{Document, EngineError, Rebuild};

/// The writer's memory, only used during the build.
const MEMORY_BYTES: usize = 64 << 20;

/// An index under construction. Drops the writer before the folder.
pub(super) struct EmbeddedRebuild(Option<Parts>);

struct Parts {
    writer: IndexWriter,
    writing: DocumentWriter,
    next: NextGeneration,
}

impl EmbeddedRebuild {
    pub(super) fn begin(next: NextGeneration) -> Result<Self, EngineError> {
        let index = fields::create(&next.folder())?;
        Ok(Self(Some(Parts {
            writer: index.writer_with_num_threads(1, MEMORY_BYTES)?,
            writing: DocumentWriter::new(&index)?,
            next,
        })))
    }
}

impl EmbeddedRebuild {
    async fn write(&mut self, documents: Vec<Document>, replace: bool) -> Result<(), EngineError> {
        let parts = self.0.take().ok_or(EngineError::Stopped)?;
        let parts = blocking(move || {
            for document in &documents {
                if replace {
                    let term = parts.writing.term(document.product.id)?;
                    parts.writer.delete_term(term);
                }
                if document.product.active {
                    let document = parts.writing.document(document)?;
                    parts.writer.add_document(document)?;
                }
            }
            Ok(parts)
        })
        .await?;
        self.0 = Some(parts);
        Ok(())
    }
}

#[async_trait]
impl Rebuild for EmbeddedRebuild {
    async fn add(&mut self, documents: Vec<Document>) -> Result<(), EngineError> {
        self.write(documents, false).await
    }

    async fn replace(&mut self, documents: Vec<Document>) -> Result<(), EngineError> {
        self.write(documents, true).await
    }

    async fn publish(mut self: Box<Self>) -> Result<(), EngineError> {
        let Parts {
            mut writer, next, ..
        } = self.0.take().ok_or(EngineError::Stopped)?;
        blocking(move || {
            writer.commit()?;
            // Merged into one segment, which is the fastest to search and makes scores comparable.
            let segments = writer.index().searchable_segment_ids()?;
            if segments.len() > 1 {
                writer.merge(&segments).wait()?;
            }
            writer.garbage_collect_files().wait()?;
            writer.wait_merging_threads()?;
            next.publish()?;
            Ok(())
        })
        .await
    }
}
