//! Why a subscription connection ended or was never opened, and whether to retry.

use axum::http::StatusCode;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::transport::TransportError;

/// The end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The URL responds, but does not speak `graphql-transport-ws`.
    NoWebSocket(String),
    /// The subgraph refuses us; retrying gives the same result.
    Refused(String),
    /// It disconnected or was never reachable. It may come back.
    Lost(String),
    /// It did not accept in time.
    Late,
}

impl CloseReason {
    pub(super) fn lost(error: impl std::fmt::Display) -> Self {
        Self::Lost(error.to_string())
    }

    /// Interprets a close frame. Before the subgraph has accepted the connection, every client error in the protocol is
    /// final. Afterwards only rejected credentials are: another error concerns one operation and not the others of the
    /// connection.
    pub(super) fn from_close_frame(frame: Option<&CloseFrame>, accepted: bool) -> Self {
        let Some(frame) = frame else {
            return Self::Lost("it closed the connection".to_owned());
        };
        let code = u16::from(frame.code);
        let reason = format!("it closed the connection: {code} {}", frame.reason.as_str());
        match code {
            4401 | 4403 => Self::Refused(reason),
            4400 | 1002 | 1003 | 1008 if !accepted => Self::Refused(reason),
            4406 if !accepted => Self::NoWebSocket(reason),
            _ => Self::Lost(reason),
        }
    }

    /// Interprets a failed connection attempt.
    pub(super) fn on_connect(error: &tungstenite::Error) -> Self {
        let reason = error.to_string();
        match error {
            tungstenite::Error::Http(response) => Self::from_status(response.status(), reason),
            tungstenite::Error::Protocol(_) | tungstenite::Error::Url(_) => {
                Self::NoWebSocket(reason)
            }
            _ => Self::Lost(reason),
        }
    }

    /// Interprets an unexpected HTTP response.
    pub(super) fn from_status(status: StatusCode, reason: String) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Refused(reason),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Self::Lost(reason),
            StatusCode::NOT_IMPLEMENTED => Self::NoWebSocket(reason),
            status if status.is_server_error() => Self::Lost(reason),
            _ => Self::NoWebSocket(reason),
        }
    }

    pub(super) fn into_error(self, subgraph: &str) -> TransportError {
        let subgraph = subgraph.to_owned();
        match self {
            Self::Late => TransportError::Deadline { subgraph },
            Self::Lost(reason) => TransportError::Unavailable { subgraph, reason },
            Self::Refused(reason) | Self::NoWebSocket(reason) => {
                TransportError::Refused { subgraph, reason }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(code: u16, accepted: bool) -> CloseReason {
        let frame = CloseFrame {
            code: code.into(),
            reason: "so".into(),
        };
        CloseReason::from_close_frame(Some(&frame), accepted)
    }

    #[test]
    fn what_is_blamed_on_us_is_not_tried_again() {
        for code in [4400, 4401, 4403, 1008] {
            assert!(matches!(by(code, false), CloseReason::Refused(_)), "{code}");
        }
        assert!(matches!(by(4406, false), CloseReason::NoWebSocket(_)));
        for code in [4408, 4429, 4500, 1001, 1011, 1012] {
            assert!(matches!(by(code, false), CloseReason::Lost(_)), "{code}");
        }
    }

    #[test]
    fn one_bad_operation_does_not_end_the_others() {
        for code in [4400, 4409, 4500, 1002, 1001] {
            assert!(matches!(by(code, true), CloseReason::Lost(_)), "{code}");
        }
        assert!(matches!(by(4403, true), CloseReason::Refused(_)));
    }
}
