//! Answers that are not a success: one shape, one table from codes to HTTP status.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lab::{Code, Failure, journal::JournalError};

use crate::wire::ErrorWire;

/// A failure on its way to the asker.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) failure: Failure,
    retry_after_s: Option<u64>,
}

/// The one table. A status says whose turn it is: 4xx the asker's, 5xx the engine's or the board's.
pub(crate) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::UnknownLab | Code::UnknownMachine | Code::UnknownOutlet | Code::NotFound => {
            StatusCode::NOT_FOUND
        }
        Code::RunUnderWay
        | Code::NothingToCancel
        | Code::NothingToAnswer
        | Code::Cancelled
        | Code::PowerMismatch => StatusCode::CONFLICT,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden | Code::BossOutlet | Code::WatchOnly => StatusCode::FORBIDDEN,
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::DeviceRefused => StatusCode::BAD_GATEWAY,
        Code::DeviceAbsent | Code::Storage | Code::Busy | Code::EngineStopped => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Code::BadConfig | Code::BootFailed | Code::BootFile | Code::Internal => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl Refusal {
    pub(crate) fn new(
        code: Code,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Failure::new(code, what, why, remedy).into()
    }

    /// Where HTTP has a finer word than the code: 405, 413, 421, 429.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// When it makes sense to ask again.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Something was asked for by a number or name that nothing has.
    pub(crate) fn not_found(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Code::NotFound, what, why, "ask for the list first; it names what exists")
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { status: status_of(failure.code), failure, retry_after_s: None }
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        Self::new(Code::Storage, error.what, error.why, error.remedy)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorWire { error: (&self.failure).into() };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2: a 401 names the way in.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_turn_it_is_can_be_read_off_the_status() {
        let table = [
            (Code::UnknownLab, 404),
            (Code::RunUnderWay, 409),
            (Code::Unauthorized, 401),
            (Code::Forbidden, 403),
            (Code::BadRequest, 400),
            (Code::Storage, 503),
            (Code::Busy, 503),
            (Code::EngineStopped, 503),
            (Code::TimedOut, 504),
            (Code::Internal, 500),
        ];
        for (code, status) in table {
            assert_eq!(status_of(code).as_u16(), status, "{code:?}");
        }
    }

    #[test]
    fn finer_words_and_patience_are_headers_and_status() {
        let refusal = Refusal::new(Code::Unauthorized, "a", "b", "c")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .retry_after(60);
        let response = refusal.into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "60");
        assert!(!response.headers().contains_key("www-authenticate"), "only a 401 asks for a token");
    }
}
