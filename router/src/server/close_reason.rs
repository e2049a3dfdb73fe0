//! Why connections end: the close code and message for the client, and the name in logs and metrics.

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client closed it or disconnected.
    ClientClose,
    /// The network failed, or the client violated the WebSocket protocol.
    TransportError,
    /// The subscription it was opened for has ended.
    Complete,
    HeartbeatTimeout,
    /// The user has opened more connections than allowed; this was the oldest.
    ConnectionLimit,
    /// The subscription's source could not be opened in time.
    SourceTimeout,
    /// The subscription it was opened for has failed.
    SourceFailed,
    /// The feature being watched was switched off.
    FeatureDisabled,
    ServerShutdown,
    InitTimeout,
    TooManyInits,
    /// An operation before `connection_ack`.
    NotAcknowledged,
    /// The token in `connection_init` was rejected.
    Forbidden,
    TokenExpired,
    /// The client is no longer the registered one: its key was revoked.
    CredentialsRevoked,
    BadMessage,
    DuplicateOperation,
    TooManyOperations,
    MessageTooLarge,
    UnknownSubprotocol,
}

impl CloseReason {
    /// The close code; `None` if the client is already gone.
    pub const fn code(self) -> Option<u16> {
        Some(match self {
            Self::ClientClose | Self::TransportError => return None,
            Self::Complete => 1000,
            // Going away: clients reconnect.
            Self::ServerShutdown => 1001,
            // Policy violation.
            Self::TooManyOperations => 1008,
            Self::MessageTooLarge => 1009,
            Self::HeartbeatTimeout => 4000,
            Self::ConnectionLimit => 4001,
            Self::SourceTimeout | Self::SourceFailed => 4002,
            Self::FeatureDisabled => 4003,
            Self::BadMessage => 4400,
            Self::NotAcknowledged => 4401,
            // Clients reconnect after 4403, with a fresh token, but not after 4401.
            Self::Forbidden | Self::TokenExpired | Self::CredentialsRevoked => 4403,
            Self::UnknownSubprotocol => 4406,
            Self::InitTimeout => 4408,
            Self::DuplicateOperation => 4409,
            Self::TooManyInits => 4429,
        })
    }

    /// The message of the close frame.
    pub const fn message(self) -> &'static str {
        match self {
            Self::ClientClose | Self::TransportError => "",
            Self::Complete => "Completed",
            Self::HeartbeatTimeout => "No pong in time",
            Self::ConnectionLimit => "Connection limit exceeded",
            Self::SourceTimeout => "Subscription source not available",
            Self::SourceFailed => "Internal error",
            Self::FeatureDisabled => "Feature disabled",
            Self::ServerShutdown => "Server shutting down, please reconnect",
            Self::InitTimeout => "Connection initialisation timeout",
            Self::TooManyInits => "Too many initialisation requests",
            Self::NotAcknowledged => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::TokenExpired => "Token expired",
            Self::CredentialsRevoked => "Credentials revoked",
            Self::BadMessage => "Invalid message",
            Self::DuplicateOperation => "Subscriber already exists",
            Self::TooManyOperations => "Too many operations",
            Self::MessageTooLarge => "Message too large",
            Self::UnknownSubprotocol => "Subprotocol not acceptable",
        }
    }

    /// The name in logs and in the metric's `reason` label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientClose => "client_close",
            Self::TransportError => "transport_error",
            Self::Complete => "complete",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::ConnectionLimit => "connection_limit",
            Self::SourceTimeout => "source_timeout",
            Self::SourceFailed => "source_failed",
            Self::FeatureDisabled => "feature_disabled",
            Self::ServerShutdown => "server_shutdown",
            Self::InitTimeout => "init_timeout",
            Self::TooManyInits => "too_many_inits",
            Self::NotAcknowledged => "not_acknowledged",
            Self::Forbidden => "forbidden",
            Self::TokenExpired => "token_expired",
            Self::CredentialsRevoked => "credentials_revoked",
            Self::BadMessage => "bad_message",
            Self::DuplicateOperation => "duplicate_operation",
            Self::TooManyOperations => "too_many_operations",
            Self::MessageTooLarge => "message_too_large",
            Self::UnknownSubprotocol => "unknown_subprotocol",
        }
    }
}
