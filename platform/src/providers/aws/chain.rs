//! Where credentials come from, and when they are fetched anew.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use super::environment::Environment;
use super::error::CredentialError;
use super::profile::{Profile, Profiles};
use super::remote::{Container, Instance, TOKEN_FILE, WebIdentity};
use crate::clock::Clock;
use crate::config::Secret;

/// How long before their end credentials are replaced, unless they live for less than twice that.
const EARLY: TimeDelta = TimeDelta::minutes(5);
/// How often the files of a profile are read again.
const REREAD: TimeDelta = TimeDelta::minutes(5);
/// The pause after credentials could not be replaced that are still valid.
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// Credentials for Amazon's services, replaced before they expire. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Credentials(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    clock: Clock,
    /// Locked while they are fetched, so that concurrent callers fetch them once.
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
enum Source {
    Keys(Arc<AwsCredential>),
    Profile(Profiles),
    WebIdentity(WebIdentity),
    Container(Container),
    Instance(Instance),
}

#[derive(Debug)]
struct Current {
    credential: Arc<AwsCredential>,
    /// `None`: never.
    fetch_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
}

impl Credentials {
    /// The configured keys, or what the environment has, in this order: `AWS_ACCESS_KEY_ID`, a profile, a web identity,
    /// a container's role, an instance's role. Fetches none yet.
    pub(crate) fn new(
        (access_key_id, secret_access_key): (Option<&str>, Option<&Secret>),
        region: &str,
        environment: &Environment,
        clock: &Clock,
    ) -> Result<Self, CredentialError> {
        let configured = pair(
            ("access_key_id", access_key_id),
            ("secret_access_key", secret_access_key.map(Secret::expose)),
        )?;
        let source = match configured {
            Some((id, secret)) => Source::Keys(keys(id, secret, None)),
            None => Source::of(environment, region, clock)?,
        };
        tracing::debug!(source = source.name(), "source of AWS credentials chosen");
        Ok(Self(Arc::new(Inner {
            source,
            clock: clock.clone(),
            current: Mutex::new(None),
        })))
    }

    /// Credentials that are valid now.
    pub(crate) async fn current(&self) -> Result<Arc<AwsCredential>, CredentialError> {
        let Inner {
            source,
            clock,
            current,
        } = &*self.0;
        let mut current = current.lock().await;
        let now = clock.now();
        let is_past = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= now);
        if let Some(current) = &*current
            && !is_past(current.fetch_at)
        {
            return Ok(current.credential.clone());
        }
        match source.fetch(now).await {
            Ok(fetched) => {
                let credential = fetched.credential.clone();
                *current = Some(fetched);
                Ok(credential)
            }
            Err(error) => match &mut *current {
                Some(current) if !is_past(current.expires_at) => {
                    tracing::warn!(
                        source = source.name(),
                        %error,
                        expires_at = current.expires_at.map(|at| at.to_rfc3339()),
                        "AWS credentials not replaced, the old ones are used until they expire"
                    );
                    current.fetch_at = Some(now + PAUSE);
                    Ok(current.credential.clone())
                }
                _ => Err(error),
            },
        }
    }

    /// Which source was chosen.
    #[cfg(test)]
    pub(super) fn source(&self) -> &'static str {
        self.0.source.name()
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let current = self.current().await;
        current.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(error),
        })
    }
}

impl Source {
    fn of(environment: &Environment, region: &str, clock: &Clock) -> Result<Self, CredentialError> {
        let id = environment.get("AWS_ACCESS_KEY_ID");
        let secret = environment.get("AWS_SECRET_ACCESS_KEY");
        let pair = pair(("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret))?;
        if let Some((id, secret)) = pair {
            let token = environment.get("AWS_SESSION_TOKEN");
            return Ok(Self::Keys(keys(id, secret, token)));
        }
        let web_identity = |role_arn: String, token_file: PathBuf, session_name| {
            let role = (role_arn, token_file);
            WebIdentity::new(environment, region, role, session_name, clock).map(Self::WebIdentity)
        };
        let profiles = Profiles::new(environment);
        match profiles.read()? {
            Some(Profile::Keys(_)) => return Ok(Self::Profile(profiles)),
            Some(Profile::WebIdentity {
                role_arn,
                token_file,
                session_name,
            }) => return web_identity(role_arn, token_file, session_name),
            None => {}
        }
        let role_arn = environment.get("AWS_ROLE_ARN");
        if let Some(token_file) = environment.path(TOKEN_FILE) {
            let role_arn = role_arn.ok_or(CredentialError::Incomplete {
                present: TOKEN_FILE,
                missing: "AWS_ROLE_ARN",
            })?;
            let session_name = environment.get("AWS_ROLE_SESSION_NAME").map(str::to_owned);
            return web_identity(role_arn.to_owned(), token_file, session_name);
        }
        if let Some(container) = Container::new(environment, clock)? {
            return Ok(Self::Container(container));
        }
        match Instance::new(environment, clock)? {
            Some(instance) => Ok(Self::Instance(instance)),
            None => Err(CredentialError::Nowhere),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Keys(_) => "keys",
            Self::Profile(_) => "profile",
            Self::WebIdentity(_) => "web_identity",
            Self::Container(_) => "container",
            Self::Instance(_) => "instance",
        }
    }

    async fn fetch(&self, now: DateTime<Utc>) -> Result<Current, CredentialError> {
        let fetched = match self {
            Self::Keys(credential) => {
                return Ok(Current {
                    credential: credential.clone(),
                    fetch_at: None,
                    expires_at: None,
                });
            }
            Self::Profile(profiles) => {
                let Some(Profile::Keys(credential)) = profiles.read()? else {
                    return Err(profiles.error("it had keys at the start, and has none now"));
                };
                return Ok(Current {
                    credential: Arc::new(credential),
                    fetch_at: Some(now + REREAD),
                    expires_at: None,
                });
            }
            Self::WebIdentity(source) => source.fetch().await?,
            Self::Container(source) => source.fetch().await?,
            Self::Instance(source) => source.fetch().await?,
        };
        let rest = fetched.expires_at - now;
        if rest <= TimeDelta::zero() {
            return Err(CredentialError::Answer {
                source_name: self.name(),
                problem: "they have expired already: is the clock right?".to_owned(),
            });
        }
        Ok(Current {
            credential: Arc::new(fetched.credential),
            fetch_at: Some(fetched.expires_at - EARLY.min(rest / 2)),
            expires_at: Some(fetched.expires_at),
        })
    }
}

fn keys(id: &str, secret: &str, token: Option<&str>) -> Arc<AwsCredential> {
    Arc::new(AwsCredential {
        key_id: id.to_owned(),
        secret_key: secret.to_owned(),
        token: token.map(str::to_owned),
    })
}

/// Both values, or neither.
fn pair<'a>(
    (id_name, id): (&'static str, Option<&'a str>),
    (secret_name, secret): (&'static str, Option<&'a str>),
) -> Result<Option<(&'a str, &'a str)>, CredentialError> {
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some((id, secret))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(CredentialError::Incomplete {
            present: id_name,
            missing: secret_name,
        }),
        (None, Some(_)) => Err(CredentialError::Incomplete {
            present: secret_name,
            missing: id_name,
        }),
    }
}
