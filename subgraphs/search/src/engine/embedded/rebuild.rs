//! Builds an index in parallel with the current one.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tantivy::index::SegmentId;
use tantivy::{IndexWriter, Searcher};

use super::blocking;
use super::fields::{self, DocumentWriter, Fields};
use super::generation::{NextGeneration, Settings};
use crate::engine::word_weights::WordWeights;
use crate::engine::{Document, EngineError, Rebuild};
use crate::rules::analysis::{Analysis, AnalysisFiles};

/// The writer's memory, only used during the build.
const MEMORY_BYTES: usize = 128 << 20;
/// Threads that write segments.
const THREADS: usize = 2;
/// An index with more products has several segments, which are searched in parallel.
const MAX_SEGMENT: u64 = 300_000;

/// An index under construction. Drops the writer before the folder.
pub(super) struct EmbeddedRebuild(Option<Parts>);

struct Parts {
    writer: IndexWriter,
    writing: DocumentWriter,
    analysis: AnalysisFiles,
    next: NextGeneration,
}

impl EmbeddedRebuild {
    pub(super) fn begin(next: NextGeneration, files: AnalysisFiles) -> Result<Self, EngineError> {
        let analysis = Arc::new(Analysis::parse(&files)?);
        let index = fields::create(&next.folder())?;
        Ok(Self(Some(Parts {
            writer: index.writer_with_num_threads(THREADS, MEMORY_BYTES)?,
            writing: DocumentWriter::new(&index, analysis)?,
            analysis: files,
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
            mut writer,
            analysis,
            next,
            ..
        } = self.0.take().ok_or(EngineError::Stopped)?;
        blocking(move || {
            writer.commit()?;
            let index = writer.index().clone();
            // Few segments are the fastest to search.
            for group in groups(&index.searchable_segment_metas()?) {
                writer.merge(&group).wait()?;
            }
            writer.garbage_collect_files().wait()?;
            writer.wait_merging_threads()?;
            let searcher = index.reader()?.searcher();
            let settings = Settings {
                analysis,
                weights: word_weights(&searcher, &Fields::of(&index)?)?,
            };
            settings.write(&next.folder())?;
            next.publish()?;
            Ok(())
        })
        .await
    }
}

/// Counts the words of an index.
fn word_weights(searcher: &Searcher, fields: &Fields) -> tantivy::Result<WordWeights> {
    let mut counts = Vec::new();
    for field in [fields.title, fields.brand, fields.category] {
        let mut of_field: HashMap<String, u64> = HashMap::new();
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            let mut terms = index.terms().stream()?;
            while terms.advance() {
                let stem = String::from_utf8_lossy(terms.key()).into_owned();
                *of_field.entry(stem).or_default() += u64::from(terms.value().doc_freq);
            }
        }
        counts.push(of_field);
    }
    Ok(WordWeights::of_counts(searcher.num_docs(), counts))
}

/// Segments that are to be merged with each other.
fn groups(segments: &[tantivy::SegmentMeta]) -> Vec<Vec<SegmentId>> {
    let mut groups: Vec<(u64, Vec<SegmentId>)> = Vec::new();
    let mut sorted: Vec<_> = segments.iter().collect();
    sorted.sort_by_key(|segment| std::cmp::Reverse(segment.num_docs()));
    for segment in sorted {
        let products = u64::from(segment.num_docs());
        match groups
            .iter_mut()
            .find(|(size, _)| size + products <= MAX_SEGMENT)
        {
            Some((size, group)) => {
                *size += products;
                group.push(segment.id());
            }
            None => groups.push((products, vec![segment.id()])),
        }
    }
    let groups = groups.into_iter().map(|(_, group)| group);
    groups.filter(|group| group.len() > 1).collect()
}
