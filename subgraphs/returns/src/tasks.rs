//! The domain's durable tasks, each around one call to a third party, and their errors.

use platform::http::HttpError;
use platform::providers::easypost::EasypostError;
use platform::providers::stripe::StripeError;
use platform::tasks;
use sea_orm::DbErr;

use crate::transitions::TransitionError;

pub(crate) use platform::tasks::Step;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    #[error("{0} is not configured: set providers.{0}.url and key")]
    NoProvider(&'static str),
    /// The text is for the log and the task's row.
    #[error("the orders domain did not answer: {0}")]
    Orders(String),
    #[error("the search domain did not answer: {0}")]
    Catalog(String),
    #[error(transparent)]
    Easypost(#[from] EasypostError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("the label could not be stored: {0}")]
    Objects(#[from] platform::objects::ObjectError),
    #[error(transparent)]
    Transition(#[from] TransitionError),
    #[error("the returns database failed: {0}")]
    Database(#[from] DbErr),
    #[error("{0}")]
    Refused(String),
}

impl TaskError {
    /// The failed call, if any.
    fn call(&self) -> Option<&HttpError> {
        match self {
            Self::Easypost(EasypostError::Http(error)) | Self::Stripe(StripeError::Http(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl From<TaskError> for tasks::TaskError {
    fn from(error: TaskError) -> Self {
        match error.call() {
            Some(call) => Self::of_call(&error, call),
            None => Self::failed(&error),
        }
    }
}

/// Defines a return's task: its name, the kind it is stored under, and the function that runs it.
macro_rules! return_task {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $perform:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name {
            pub(crate) return_id: uuid::Uuid,
        }

        #[async_trait::async_trait]
        impl platform::tasks::Task for $name {
            const KIND: &'static str = $kind;
            type State = crate::State;

            fn key(&self) -> uuid::Uuid {
                self.return_id
            }

            fn subject(&self) -> String {
                resolvers::id::IdKind::Return.format(self.return_id)
            }

            async fn run(
                &self,
                state: &crate::State,
                _: u32,
            ) -> Result<platform::tasks::Step, platform::tasks::TaskError> {
                Ok($perform(state, self.return_id).await?)
            }
        }
    };
}

pub(crate) use return_task;
