//! Feature flags through OpenFeature: whether something is on, and for whom. Works with any OpenFeature provider;
//! [`FlagFile`] is ours, a file in flagd's format that may change while the process runs. flagd's own engine evaluates
//! it in process; flagd's own provider would add gRPC.
//!
//! A domain declares its flag once, with a default for when nobody has decided:
//!
//! ```
//! use platform::flags::{EvaluationContext, Flag, Flags};
//!
//! const SELF_SERVICE_RETURNS: Flag = Flag::on_by_default("self_service_returns");
//!
//! # async fn example(flags: &Flags) {
//! let subject = EvaluationContext::default()
//!     .with_targeting_key("usr_01h455vb4pex5vsknk084sn02q")
//!     .with_custom_field("carrier", "dhl");
//! if flags.is_on(SELF_SERVICE_RETURNS, &subject).await { /* … */ }
//! # }
//! ```

mod definitions;
mod file;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use metrics::counter;
use open_feature::provider::FeatureProvider;
use open_feature::{Client, EvaluationErrorCode, OpenFeature};

pub use file::{FlagFile, FlagFileError};
pub use open_feature::EvaluationContext;

/// The region the process runs in, as rules name it; part of every evaluation context.
pub const REGION: &str = "region";

/// A boolean flag, by its name in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    name: &'static str,
    default: bool,
}

impl Flag {
    /// On unless a rule says otherwise.
    pub const fn on_by_default(name: &'static str) -> Self {
        Self {
            name,
            default: true,
        }
    }

    pub const fn off_by_default(name: &'static str) -> Self {
        Self {
            name,
            default: false,
        }
    }

    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// Evaluates flags. Cheap to clone.
#[derive(Clone)]
pub struct Flags(Option<Arc<Client>>);

impl Flags {
    /// Every flag at its default.
    pub const fn defaults() -> Self {
        Self(None)
    }

    /// Evaluates with this provider, adding the fields of `everywhere` to every context.
    pub async fn of(provider: impl FeatureProvider, everywhere: EvaluationContext) -> Self {
        // A separate instance: the library's is global, and tests would share it.
        let mut api = OpenFeature::default();
        api.set_evaluation_context(everywhere).await;
        api.set_provider(provider).await;
        Self(Some(Arc::new(api.create_client())))
    }

    /// Whether the flag is on for this subject. If the provider fails, the default applies.
    pub async fn is_on(&self, flag: Flag, subject: &EvaluationContext) -> bool {
        let Some(client) = &self.0 else {
            return flag.default;
        };
        match client.get_bool_value(flag.name, Some(subject), None).await {
            Ok(is_on) => is_on,
            Err(error) => {
                if error.code != EvaluationErrorCode::FlagNotFound {
                    counter!("vantage_flag_errors_total", "flag" => flag.name).increment(1);
                    tracing::warn!(
                        flag = flag.name,
                        ?error,
                        "flag not evaluated, its default applies"
                    );
                }
                flag.default
            }
        }
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.is_some() {
            "of a provider"
        } else {
            "defaults"
        };
        write!(f, "Flags({kind})")
    }
}
