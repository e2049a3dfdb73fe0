//! The settings that a bucket should have: written down here, compared with the bucket's, and applied.

mod documents;
mod lines;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use self::documents::{Content, Documents};
use super::s3::S3Config;
use crate::clock::Clock;
use crate::providers::aws::CredentialError;
use crate::providers::s3::BucketClient;
pub use crate::providers::s3::{BucketClientError, BucketError};

/// Waits before a written setting is read back: stores need a moment.
const READ_BACK: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// How long the objects in a folder are stored.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub folder: &'static str,
    pub days: u16,
}

/// One setting of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    Encryption,
    PublicAccess,
    Versioning,
    Lifecycle,
    Policy,
}

/// How a setting of the bucket relates to what it should be.
#[derive(Debug, PartialEq, Eq)]
pub enum SettingState {
    Same,
    Different(Vec<Difference>),
    /// The store does not have it.
    Unsupported,
    /// It cannot be set here, for this reason.
    Unsuitable(&'static str),
}

/// A line of a setting that the bucket has or lacks.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    Excess(String),
    Missing(String),
}

/// Why a bucket cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BucketSetupError {
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error(transparent)]
    Client(#[from] BucketClientError),
}

/// A bucket and what its settings should be.
#[derive(Debug)]
pub struct BucketSetup {
    client: BucketClient,
    documents: Documents,
    is_plain_http: bool,
}

impl Setting {
    /// In the order in which they are applied: nothing can be read by others, nor in plain text, before the rest.
    pub const ALL: [Self; 5] = [
        Self::PublicAccess,
        Self::Encryption,
        Self::Policy,
        Self::Versioning,
        Self::Lifecycle,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::PublicAccess => "public access",
            Self::Versioning => "versioning",
            Self::Lifecycle => "lifecycle",
            Self::Policy => "policy",
        }
    }

    /// What follows from a store without it.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Encryption => {
                "objects are encrypted only if the store does it by itself: encrypt its disks"
            }
            Self::PublicAccess => {
                "nothing prevents a policy or an access list that makes the bucket public: set neither"
            }
            Self::Versioning => "deleted objects are gone, as they should be",
            Self::Lifecycle => {
                "old objects are deleted only by the daily job of the process that stores them"
            }
            Self::Policy => {
                "the store may accept plain HTTP: serve it over TLS only, and restrict its keys to this bucket"
            }
        }
    }

    /// The subresource of the bucket that has it.
    fn subresource(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::PublicAccess => "publicAccessBlock",
            Self::Versioning => "versioning",
            Self::Lifecycle => "lifecycle",
            Self::Policy => "policy",
        }
    }
}

impl BucketSetup {
    /// Does not contact the store yet.
    pub fn new(
        config: &S3Config,
        retentions: &[Retention],
        clock: &Clock,
    ) -> Result<Self, BucketSetupError> {
        let endpoint = config.endpoint.as_ref();
        let client = BucketClient::new(
            endpoint.map(|url| url.expose_url()),
            &config.bucket,
            &config.region,
            config.credentials(clock)?,
            clock.clone(),
        )?;
        Ok(Self {
            documents: Documents {
                bucket: client.name().to_owned(),
                region: client.region().to_owned(),
                kms_key: config.kms_key.clone(),
                retentions: retentions.to_vec(),
            },
            client,
            is_plain_http: endpoint.is_some_and(|url| url.scheme() == "http"),
        })
    }

    /// Whether the bucket exists, and these credentials may use it.
    pub async fn exists(&self) -> Result<bool, BucketError> {
        self.client.exists().await
    }

    /// Creates the bucket. One that this account already has stays as it is.
    pub async fn create(&self) -> Result<(), BucketError> {
        self.client.create().await
    }

    /// Compares a setting.
    pub async fn check(&self, setting: Setting) -> Result<SettingState, BucketError> {
        if let Some(reason) = self.unsuitable(setting) {
            return Ok(SettingState::Unsuitable(reason));
        }
        supported(setting, self.compare(setting).await)
    }

    /// Writes a setting and compares it as the store then shows it. What others have set beside ours stays.
    pub async fn apply(&self, setting: Setting) -> Result<SettingState, BucketError> {
        if let Some(reason) = self.unsuitable(setting) {
            return Ok(SettingState::Unsuitable(reason));
        }
        supported(setting, self.write(setting).await)
    }

    fn unsuitable(&self, setting: Setting) -> Option<&'static str> {
        (setting == Setting::Policy && self.is_plain_http).then_some(
            "it would refuse plain HTTP, over which objects.s3.endpoint reaches the store: use https there",
        )
    }

    async fn read(&self, setting: Setting) -> Result<Option<Content>, BucketError> {
        let bytes = self
            .client
            .read(setting.subresource(), setting.name())
            .await?;
        let read = bytes.map(|bytes| Content::parse(setting, &bytes));
        read.transpose()
            .map_err(|_| BucketError::Answer(setting.name()))
    }

    async fn compare(&self, setting: Setting) -> Result<SettingState, BucketError> {
        let present = self.read(setting).await?;
        let desired = self.documents.content(setting, present.as_ref());
        let present = present.map_or_else(BTreeSet::new, |present| lines::of(setting, &present));
        let desired = lines::of(setting, &desired);
        let excess = present.difference(&desired).cloned();
        let missing = desired.difference(&present).cloned();
        let differences: Vec<Difference> = excess
            .map(Difference::Excess)
            .chain(missing.map(Difference::Missing))
            .collect();
        Ok(if differences.is_empty() {
            SettingState::Same
        } else {
            SettingState::Different(differences)
        })
    }

    async fn write(&self, setting: Setting) -> Result<SettingState, BucketError> {
        let present = self.read(setting).await?;
        let desired = self.documents.content(setting, present.as_ref());
        self.client
            .write(setting.subresource(), setting.name(), desired.document())
            .await?;
        let mut state = SettingState::Same;
        for wait in READ_BACK {
            tokio::time::sleep(wait).await;
            state = self.compare(setting).await?;
            if state == SettingState::Same {
                break;
            }
        }
        Ok(state)
    }
}

fn supported(
    setting: Setting,
    state: Result<SettingState, BucketError>,
) -> Result<SettingState, BucketError> {
    match state {
        // A store without versions has none, as it should be.
        Err(BucketError::Unsupported(_)) if setting == Setting::Versioning => {
            Ok(SettingState::Same)
        }
        Err(BucketError::Unsupported(_)) => Ok(SettingState::Unsupported),
        state => state,
    }
}
