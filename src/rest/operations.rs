//! The operations behind the routes, embedded in the binary.

use std::path::Path;

use anyhow::bail;
use router::clients::{ManifestOperation, OperationError, RegisteredClient, RegisteredOperation};
use router::{GraphQLRequest, Router};

/// Client name of these operations when registered operations are checked against a schema.
pub(crate) const CLIENT: &str = "rest";

/// Their folder in the sources.
const FOLDER: &str = "router-config/rest";

/// A document with one operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// File name in `router-config/rest/`.
    file: &'static str,
    document: &'static str,
}

macro_rules! operations {
    ($($constant:ident = $file:literal;)*) => {
        $(
            pub(super) static $constant: Operation = Operation {
                file: $file,
                document: include_str!(concat!("../../router-config/rest/", $file)),
            };
        )*

        const ALL: &[&Operation] = &[$(&$constant),*];
    };
}

operations! {
    NOTIFICATION_PREFERENCES = "notification_preferences.graphql";
    NOTIFICATION_PREFERENCES_UPDATE = "notification_preferences_update.graphql";
    ORDER_TRACKING = "order_tracking.graphql";
    ORDER_TRACKING_LIVE = "order_tracking_live.graphql";
    RETURN = "return.graphql";
    RETURN_CREATE = "return_create.graphql";
    RETURN_LABEL = "return_label.graphql";
}

impl Operation {
    /// A request for the operation, without variables.
    pub(super) fn request(&self) -> GraphQLRequest {
        GraphQLRequest::new(self.document)
    }
}

/// All of them as operations of a registered client, for checks.
///
/// # Errors
/// If a document does not contain exactly one operation.
pub(crate) fn client() -> Result<RegisteredClient, OperationError> {
    let operations = ALL.iter().map(|operation| {
        let entry = ManifestOperation {
            id: operation.file.to_owned(),
            name: None,
            kind: None,
            body: operation.document.to_owned(),
        };
        RegisteredOperation::new(entry, &Path::new(FOLDER).join(operation.file))
    });
    RegisteredClient::of_operations(CLIENT, operations.collect::<Result<Vec<_>, _>>()?)
}

/// Fails with the first operation that is not valid against the router's schema.
pub(crate) async fn check(router: &Router) -> anyhow::Result<()> {
    for operation in ALL {
        if let Err(refused) = router.prepare(&operation.request()).await {
            let errors: Vec<_> = refused.errors.iter().map(|error| &*error.message).collect();
            let (file, errors) = (operation.file, errors.join("; "));
            bail!("{FOLDER}/{file} is not valid against the schema: {errors}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A router over this binary's schema with a part of it replaced.
    fn router(from: &str, to: &str) -> Router {
        let supergraph = include_str!("../../schema/supergraph.graphql");
        assert!(supergraph.contains(from), "{from}");
        Router::builder()
            .supergraph(&supergraph.replace(from, to))
            .calling_nobody()
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn every_operation_fits_the_schema() {
        check(&router("", "")).await.unwrap();
    }

    #[tokio::test]
    async fn a_field_that_an_operation_lacks_is_named_with_its_file() {
        let router = router("  includesShipping: Boolean!", "  other: Boolean!");
        let error = check(&router).await.unwrap_err().to_string();
        assert!(error.contains("return.graphql"), "{error}");
        assert!(error.contains("includesShipping"), "{error}");
    }

    #[test]
    fn every_operation_is_the_clients_by_its_own_name() {
        let client = client().unwrap();
        assert_eq!(client.operations.len(), ALL.len());
        for operation in client.operations.iter() {
            assert!(operation.name.starts_with("Rest"), "{operation:?}");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_an_operation() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
        let files = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut known: Vec<_> = ALL.iter().map(|operation| operation.file).collect();
        known.sort_unstable();
        assert_eq!(files, known);
    }
}
