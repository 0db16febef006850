//! The document that describes every route, and from which the pages' types are generated.

use std::sync::LazyLock;

use utoipa::{
    OpenApi,
    openapi::{
        self, Components, Content, Ref, RefOr, Response, Schema, SecurityRequirement,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    gateway,
    rights::{Right, Rights},
    routes,
    wire::{ErrorWire, EventWire, FailureWire, RecordWire, ResetWire, StatusWire, TickWire},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "statusinator",
        description = "The board as it is, as it was, and what it may be asked to do. Every answer that is not a success \
                       has the body {\"error\": FailureWire}. Times are RFC 3339 in UTC, durations are seconds.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "now", description = "How things stand"),
        (name = "history", description = "How things were"),
        (name = "orders", description = "What the engine may be asked to do"),
        (name = "program", description = "For anybody; tells nothing about the board"),
        (name = "gateway", description = "Answered by a window's gateway alone, which forwards all others"),
    ),
    components(schemas(StatusWire, EventWire, TickWire, ResetWire, RecordWire, FailureWire, ErrorWire))
)]
struct Document;

/// The document as the listener sends it and as it is committed for the pages.
pub fn openapi_json() -> String {
    let mut text = serde_json::to_string_pretty(document()).unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn document() -> &'static openapi::OpenApi {
    static DOCUMENT: LazyLock<openapi::OpenApi> = LazyLock::new(build);
    &DOCUMENT
}

/// Rights are written into the document by the same sorting by which the listener asks for them.
fn build() -> openapi::OpenApi {
    let session_only = || vec![SecurityRequirement::new("session", NOTHING)];
    // A browser's session has the rights of an operator, so it is no way to what asks for more.
    let by_right = |right: Right| {
        let token = SecurityRequirement::new("token", [right.word()]);
        let session = Rights::OPERATOR.allow(right).then(|| SecurityRequirement::new("session", NOTHING));
        [token].into_iter().chain(session).collect::<Vec<_>>()
    };
    let mut document = Document::openapi();
    document.merge(secured(routes::open(), &[]));
    document.merge(secured(routes::read(), &by_right(Right::Read)));
    document.merge(secured(routes::control(), &by_right(Right::Control)));
    document.merge(secured(routes::admin(), &by_right(Right::Admin)));
    document.merge(secured(gateway::documented(), &session_only()));
    nothing_is_left_out(&mut document);
    let schemes = &mut document.components.get_or_insert_with(Components::new).security_schemes;
    schemes.insert("token".into(), RefOr::T(bearer()));
    schemes.insert("session".into(), RefOr::T(session()));
    document
}

const NOTHING: [&str; 0] = [];

/// What we may be sent: fields with a usual value may be missing there.
const ASKED: [&str; 7] = [
    "ReasonWire",
    "StartOrderWire",
    "HeartbeatWire",
    "FaultOrderWire",
    "WipeOrderWire",
    "AskWayWire",
    "KeepMeasureWire",
];

/// Answers have all their fields, `null` where nothing is known; the derive takes an `Option` for one that may be missing.
fn nothing_is_left_out(document: &mut openapi::OpenApi) {
    let schemas = document.components.iter_mut().flat_map(|components| &mut components.schemas);
    for (_, schema) in schemas.filter(|(name, _)| !ASKED.contains(&name.as_str())) {
        if let RefOr::T(Schema::Object(object)) = schema {
            object.required = object.properties.keys().cloned().collect();
        }
    }
}

fn bearer() -> SecurityScheme {
    let words = "From control.token or window.token in the data folder; scopes are the rights of a token";
    SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(words)).build())
}

fn session() -> SecurityScheme {
    let words = "From /login?code=…; what changes something needs an Origin that equals Host";
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("statusinator-PORT", words)))
}

fn secured<S: Clone + Send + Sync + 'static>(
    routes: OpenApiRouter<S>,
    requirements: &[SecurityRequirement],
) -> openapi::OpenApi {
    let mut document = routes.into_openapi();
    for item in document.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            operation.security = Some(requirements.to_vec());
            let refusal = Response::builder()
                .description("What failed, why, and what to do")
                .content("application/json", Content::new(Some(Ref::from_schema_name("ErrorWire"))));
            operation.responses.responses.insert("default".into(), RefOr::T(refusal.build()));
        }
    }
    document
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().filter_map(Option::as_mut)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// The pages' types are generated from this file, so a change of a wire type is seen in TypeScript before it is seen
    /// on a screen.
    #[test]
    fn openapi_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ui/src/api/generated/openapi.json");
        let now = openapi_json();
        if env::var_os("UPDATE_OPENAPI").is_some_and(|value| value == "1") {
            fs::write(&file, &now).expect("the document is written");
        }
        let committed = fs::read_to_string(&file).expect("the document is committed");
        assert!(
            committed == now,
            "a wire type or route has changed: UPDATE_OPENAPI=1 cargo test -p api --release openapi_is_current, then \
             npm run generate in ui/"
        );
    }

    #[test]
    fn every_operation_says_how_it_fails_and_who_may() {
        for (path, item) in &document().paths.paths {
            for operation in [&item.get, &item.post, &item.delete].into_iter().flatten() {
                assert!(operation.responses.responses.contains_key("default"), "{path}: how does it fail?");
                assert!(operation.security.is_some(), "{path}: who may?");
                assert!(operation.summary.is_some(), "{path}: what is it for?");
            }
        }
    }
}
