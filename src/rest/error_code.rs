//! Error codes of the routes, in addition to those of the graph.

platform::error_codes! {
    /// An error that the graph has no code for. `docs/errors.md` explains each.
    pub(crate) enum RestErrorCode {
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        RequestTimeout = "REQUEST_TIMEOUT",
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        UnsupportedApiVersion = "UNSUPPORTED_API_VERSION",
        UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
        UpgradeRequired = "UPGRADE_REQUIRED",
        /// A return's label is being created.
        LabelPending = "LABEL_PENDING",
        /// A return no longer needs a label.
        LabelUnavailable = "LABEL_UNAVAILABLE",
    }
}
