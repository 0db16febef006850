//! Answers, in the encoding of the question (OTLP/HTTP Response).

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;
use serde_json::json;

/// In how many seconds there may be room again.
const RETRY_S: u32 = 2;

/// How a sender writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Protobuf,
    Json,
}

impl Encoding {
    pub fn of(kind: Option<&HeaderValue>) -> Option<Self> {
        let kind = kind?.to_str().ok()?;
        match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Stored; with a warning, a part of it.
    Taken {
        warning: Option<String>,
    },
    Bad(String),
    TooLarge,
    Unsupported(&'static str),
    NotHere,
    NotThisWay,
    /// No room, or nothing can be stored at the moment: the same again, later.
    Later,
}

/// `google.rpc.Status`, which every refusal carries.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Answer {
    pub(super) fn into_response(self, encoding: Encoding) -> Response<Full<Bytes>> {
        // The second number is gRPC's: 3 invalid argument, 5 not found, 8 resource exhausted, 12 unimplemented, 14 unavailable.
        let (status, code, message) = match self {
            Self::Taken { warning } => return success(encoding, warning),
            Self::Bad(why) => (StatusCode::BAD_REQUEST, 3, why),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 8, "send smaller batches".to_owned()),
            Self::Unsupported(remedy) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 3, remedy.to_owned()),
            Self::NotHere => (StatusCode::NOT_FOUND, 5, "only POST /v1/logs is here".to_owned()),
            Self::NotThisWay => (StatusCode::METHOD_NOT_ALLOWED, 12, "only POST /v1/logs is here".to_owned()),
            Self::Later => {
                (StatusCode::SERVICE_UNAVAILABLE, 14, "nothing can be stored at the moment".to_owned())
            }
        };
        let body = match encoding {
            Encoding::Protobuf => Status { code, message }.encode_to_vec(),
            Encoding::Json => json!({ "code": code, "message": message }).to_string().into_bytes(),
        };
        let mut response = filled(status, encoding, body);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_S));
        }
        response
    }
}

fn success(encoding: Encoding, warning: Option<String>) -> Response<Full<Bytes>> {
    let body = match encoding {
        Encoding::Protobuf => {
            let partial = |error_message| ExportLogsPartialSuccess { rejected_log_records: 0, error_message };
            ExportLogsServiceResponse { partial_success: warning.map(partial) }.encode_to_vec()
        }
        Encoding::Json => {
            let answer =
                warning.map_or(json!({}), |warning| json!({ "partialSuccess": { "errorMessage": warning } }));
            answer.to_string().into_bytes()
        }
    };
    filled(StatusCode::OK, encoding, body)
}

fn filled(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.kind()));
    response
}
