//! What the API is, as OpenAPI: `/api/openapi.json`. Each handler says what it takes and
//! answers; the page `reference.html` shows it.

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE, routing::get};
use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use super::suggestions::Kind;
use crate::{App, exchange::Format};

/// What all of it is about.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Glyphic",
        description = "Handwriting to digits and numbers; teaching, training and swapping the network \
                       that reads it. Under /v2 the Open Inference Protocol, version 2."
    ),
    tags(
        (name = "reading", description = "Pictures, strokes and pixels to what they say"),
        (name = "inference protocol", description = "The same in the words of KServe, Triton and MLServer"),
        (name = "checkpoints", description = "Which network reads"),
        (name = "samples", description = "What people say that pictures show"),
        (name = "training", description = "Learning from the samples"),
        (name = "operation", description = "Probes and metrics"),
    ),
    components(schemas(Format, Kind)),
    modifiers(&Token)
)]
struct Description;

/// The server's token, which changes need where one is set.
struct Token;

impl Modify for Token {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// An error: what is wrong, where, and what to do.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    error: ErrorDescription,
}

#[derive(Serialize, ToSchema)]
struct ErrorDescription {
    /// Names the kind of error; it stays the same when the words change.
    code: String,
    /// For people.
    message: String,
}

/// A router whose routes are described as they are added.
pub fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
}

/// The description, at its place.
pub fn route(description: &utoipa::openapi::OpenApi) -> Router<App> {
    let json = description.to_pretty_json().unwrap_or_default();
    let json = Bytes::from(json);
    let answer = get(async move || ([(CONTENT_TYPE, "application/json")], json.clone()));
    Router::new().route("/api/openapi.json", answer)
}
