//! The engine over an OpenSearch or Elasticsearch cluster: one engine, two dialects.
//!
//! Text is split into words here (`rules::text`), for products and for queries, so a cluster only compares words and
//! finds what the embedded engine finds.

mod bulk;
mod client;
mod correction;
mod dialect;
mod documents;
mod facets;
mod generation;
mod hits;
mod indices;
mod lease;
mod preference;
mod rebuild;
mod request;
mod snapshot;
mod status;
mod text_query;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use self::bulk::{Bulk, Operation, Rejections};
pub use self::client::ClientError;
use self::client::{Call, Client};
pub use self::dialect::Dialect;
use self::generation::{Generation, Serving};
use self::indices::Names;
use self::lease::Lease;
use self::preference::ScriptState;
use self::rebuild::RemoteRebuild;
use self::request::PageRequest;
use self::snapshot::Snapshots;
use super::{
    AnalysisSource, Document, EngineError, FacetRequest, Facets, IndexStatus, Rebuild,
    SearchEngine, SearchHits, SearchQuery, Sort,
};

/// How a cluster is used.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    pub dialect: Dialect,
    /// Of a node or a load balancer. A user and a password in it are sent with every request.
    pub url: Url,
    /// Certificates in PEM that are trusted besides the usual ones.
    pub ca: Option<Vec<u8>>,
    /// What the names of indexes and aliases begin with.
    pub index: String,
    /// How long a search may take.
    pub timeout: Duration,
    /// How long one request that writes may take.
    pub write_timeout: Duration,
    /// Stop words, stems and synonyms of the indexes that are built.
    pub analysis: AnalysisSource,
}

/// The engine over a cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    names: Names,
    serving: Serving,
    snapshots: Snapshots,
    analysis: AnalysisSource,
    script: ScriptState,
    lease: Lease,
    /// Builders in this process wait for each other here; other processes' at the lease.
    builders: Arc<tokio::sync::Mutex<()>>,
    rejections: Rejections,
}

impl Remote {
    /// Connects with the first request.
    ///
    /// # Errors
    /// An unusable URL or certificate.
    pub fn new(config: RemoteConfig, clock: Clock) -> Result<Self, ClientError> {
        let names = Names::new(&config.index);
        Ok(Self(Arc::new(Inner {
            client: Client::new(&config, clock.clone())?,
            serving: Serving::default(),
            snapshots: Snapshots::default(),
            analysis: config.analysis,
            script: ScriptState::new(&names),
            lease: Lease::new(&names, clock),
            builders: Arc::default(),
            rejections: Rejections::default(),
            names,
        })))
    }

    /// The index that a customer's request is for.
    async fn index(&self) -> Result<Arc<Generation>, EngineError> {
        let Inner {
            client,
            names,
            serving,
            ..
        } = &*self.0;
        serving.get(client, names, true).await
    }

    /// Runs a search on the products of the serving index.
    async fn find(&self, operation: &'static str, body: Value) -> Result<Value, EngineError> {
        let path = format!("/{}/_search", self.0.names.serving);
        self.0
            .client
            .answer(Call::search(operation, path, body))
            .await
    }

    /// One page, on the state of the index that the query asks for.
    async fn page(
        &self,
        query: &SearchQuery,
        page: &PageRequest,
        index: &Generation,
    ) -> Result<SearchHits, EngineError> {
        let (answer, snapshot) = self.on_snapshot(query, page).await?;
        let mut hits = hits::read(&answer, query, index)?;
        hits.snapshot = snapshot;
        Ok(hits)
    }

    /// The results of a query on the state of the index that it asks for.
    async fn results(
        &self,
        query: &SearchQuery,
        index: &Generation,
    ) -> Result<SearchHits, EngineError> {
        let page = PageRequest::new(query, index);
        match &query.preference {
            None => self.page(query, &page, index).await,
            Some(preference) if query.sort == Sort::Relevance => {
                self.search_by_preference(query, &page, index, preference)
                    .await
            }
            Some(_) => self.page(query, &page.with_vectors(), index).await,
        }
    }

    /// The facets of a query without a text, on this state of the index.
    async fn counts(
        &self,
        query: &SearchQuery,
        request: &FacetRequest,
        snapshot: Option<&str>,
    ) -> Result<Facets, EngineError> {
        let counts = PageRequest::counts(query, request);
        let answer = match snapshot {
            Some(id) => {
                let body = counts.body(Some((id, snapshot::KEPT)));
                let call = Call::search("facets", "/_search".to_owned(), body);
                self.0.client.answer(call).await?
            }
            None => self.find("facets", counts.body(None)).await?,
        };
        facets::read(&answer, request)
    }

    /// Runs a page's search. The pages after the first see the index as the first one did, as long as the cluster
    /// remembers that state; positions are values, so they are valid afterwards, too.
    async fn on_snapshot(
        &self,
        query: &SearchQuery,
        page: &PageRequest,
    ) -> Result<(Value, Option<Arc<str>>), EngineError> {
        let Inner {
            client,
            snapshots,
            names,
            ..
        } = &*self.0;
        if let Some(known) = &query.snapshot {
            let body = page.body(Some((&**known, snapshot::KEPT_WHILE_PAGING)));
            match client
                .answer(Call::search("search", "/_search".to_owned(), body))
                .await
            {
                // OpenSearch takes some unknown ones for states of no shard.
                Ok(answer) if answer["_shards"]["total"] == 0 => {}
                Ok(answer) => return Ok((answer, Some(known.clone()))),
                Err(error) if error.is_lost_snapshot() => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(current) = snapshots.current(client, names).await? {
            let body = page.body(Some((&*current, snapshot::KEPT)));
            match client
                .answer(Call::search("search", "/_search".to_owned(), body))
                .await
            {
                Ok(answer) => return Ok((answer, Some(current))),
                Err(error) if error.is_lost_snapshot() => snapshots.forget(),
                Err(error) => return Err(error),
            }
        }
        Ok((self.find("search", page.body(None)).await?, None))
    }

    async fn write(&self, operations: Vec<Operation>) -> Result<(), EngineError> {
        let Inner {
            client,
            names,
            snapshots,
            rejections,
            ..
        } = &*self.0;
        let bulk = Bulk::new(client, &names.serving).visible_at_once();
        let written = bulk.write(operations).await;
        snapshots.forget();
        rejections.report(written?);
        Ok(())
    }

    /// The index that changes go to, if there is one.
    async fn written(&self) -> Result<Option<Arc<Generation>>, EngineError> {
        let Inner {
            client,
            names,
            serving,
            ..
        } = &*self.0;
        match serving.get(client, names, false).await {
            Ok(index) => Ok(Some(index)),
            Err(EngineError::NoIndex) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl SearchEngine for Remote {
    async fn search(&self, query: SearchQuery) -> Result<SearchHits, EngineError> {
        let index = self.index().await?;
        let Some(request) = query
            .facets
            .clone()
            .filter(|_| query.text.trim().is_empty())
        else {
            return self.results(&query, &index).await;
        };
        // Without a text, the counts are the same for everybody, and most of the work.
        let query = SearchQuery {
            facets: None,
            ..query
        };
        let mut found = self.results(&query, &index).await?;
        let counts = self.counts(&query, &request, found.snapshot.as_deref());
        found.facets = Some(counts.await?);
        Ok(found)
    }

    async fn suggest(&self, prefix: String, limit: usize) -> Result<Vec<Uuid>, EngineError> {
        let index = self.index().await?;
        let body = json!({
            "query": text_query::suggest(&prefix, &index),
            "sort": [{ "_score": "desc" }, { documents::ID: "asc" }],
            "size": limit,
            "stored_fields": "_none_",
            "_source": false,
            "track_total_hits": false,
        });
        let answer = self.find("suggest", body).await?;
        hits::ids(&answer)
    }

    async fn correct(&self, text: String) -> Result<Option<String>, EngineError> {
        let index = self.index().await?;
        let words = correction::words(&text, &index.analysis);
        if words.is_empty() {
            return Ok(None);
        }
        let request = correction::request(&words, &index.analysis);
        let answer = self.find("correct", request).await?;
        Ok(correction::corrected(
            &text,
            &words,
            &index.analysis,
            &answer,
        ))
    }

    async fn status(&self) -> Result<IndexStatus, EngineError> {
        status::of(&self.0).await
    }

    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError> {
        let Inner { client, names, .. } = &*self.0;
        let serving = names.serving(client, false).await?;
        Ok(serving.and_then(|index| names.begun_at(&index.name)))
    }

    async fn update(&self, documents: Vec<Document>) -> Result<(), EngineError> {
        let Some(index) = self.written().await? else {
            return Ok(());
        };
        let replacement = |document| documents::replacement(document, &index.analysis);
        self.write(documents.iter().map(replacement).collect())
            .await
    }

    async fn delete(&self, products: Vec<Uuid>) -> Result<(), EngineError> {
        let Inner { client, names, .. } = &*self.0;
        if products.is_empty() || self.written().await?.is_none() {
            return Ok(());
        }
        // With the versions that the index has, so that whoever has read the products before cannot bring them back.
        let versions = documents::versions(client, &names.serving, &products).await?;
        let found = products
            .into_iter()
            .filter_map(|id| Some((id, *versions.get(&id)?)));
        self.write(
            found
                .map(|(id, version)| Operation::delete(id, version))
                .collect(),
        )
        .await
    }

    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
        Ok(Box::new(RemoteRebuild::begin(self.clone()).await?))
    }

    async fn clean_up(&self) -> Result<(), EngineError> {
        rebuild::clean_up(&self.0).await
    }
}
