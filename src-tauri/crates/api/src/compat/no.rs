//! Answers that are no success, as the old pages get them: a documented status and one line of words.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use lab::{Code, Failure};

use crate::refusal::Refusal;

/// A refusal in plain text. Those of the door keep their shape and headers.
#[derive(Debug)]
pub(super) enum No {
    Words(StatusCode, Failure),
    Door(Box<Refusal>),
}

impl No {
    pub(super) fn new(status: StatusCode, failure: Failure) -> Self {
        Self::Words(status, failure)
    }

    /// A parameter that cannot be understood.
    pub(super) fn bad(what: &str, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Words(StatusCode::BAD_REQUEST, Failure::new(Code::BadRequest, what, why, remedy))
    }

    /// What cannot be done here.
    pub(super) fn cannot(what: &str, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Words(StatusCode::INTERNAL_SERVER_ERROR, Failure::new(Code::NotFound, what, why, remedy))
    }
}

/// Only 400 and 500 are documented; 403 stands for what nobody may.
impl From<Failure> for No {
    fn from(failure: Failure) -> Self {
        let status = match failure.code {
            Code::WatchOnly | Code::Forbidden | Code::BossOutlet => StatusCode::FORBIDDEN,
            Code::BadRequest | Code::UnknownLab | Code::UnknownMachine | Code::UnknownOutlet => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::Words(status, failure)
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Door(Box::new(refusal))
    }
}

/// One sentence for people: what, why, and what to do.
pub(super) fn words(failure: &Failure) -> String {
    format!("{failure}. What to do: {}", failure.remedy)
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        match self {
            Self::Words(status, failure) => (status, words(&failure) + "\n").into_response(),
            Self::Door(refusal) => refusal.into_response(),
        }
    }
}
