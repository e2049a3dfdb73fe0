//! Codes that the routes have beside those of the graph.

platform::error_codes! {
    /// A failure that the graph has no code for. `docs/errors.md` explains each.
    pub(crate) enum RestErrorCode {
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        RequestTimeout = "REQUEST_TIMEOUT",
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        UnsupportedApiVersion = "UNSUPPORTED_API_VERSION",
        UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
        UpgradeRequired = "UPGRADE_REQUIRED",
        /// The label of a return is being made.
        LabelPending = "LABEL_PENDING",
        /// A return needs no label any more.
        LabelUnavailable = "LABEL_UNAVAILABLE",
    }
}
