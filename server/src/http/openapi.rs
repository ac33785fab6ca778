//! The description of the API as OpenAPI: `/api/openapi.json`. Each handler describes its
//! parameters and answers; the page `reference.html` shows them.

use std::collections::BTreeMap;

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE, routing::get};
use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{app::App, samples::formats::Format};

/// The API as a whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Glyphic",
        description = "Reads handwritten digits and numbers, keeps samples, and trains and \
                       replaces the network that reads. Under /v2: the Open Inference Protocol, \
                       version 2."
    ),
    tags(
        (name = "reading", description = "Reading pictures, strokes and pixels"),
        (name = "inference protocol", description = "Reading for clients of KServe, Triton and MLServer"),
        (name = "checkpoints", description = "The trained networks, and which one is serving"),
        (name = "samples", description = "Pictures that people have labelled"),
        (name = "training", description = "Training on the samples"),
        (name = "operation", description = "Probes and metrics"),
    ),
    components(schemas(Format, ErrorBody)),
    modifiers(&Secrets)
)]
struct Description;

/// The server's token, which changes need where one is set, and the secret by which visitors find
/// their own samples.
struct Secrets;

impl Modify for Secrets {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        let visitor = ApiKeyValue::with_description(
            "Glyphic-Visitor",
            "A visitor's own secret: 22 or more random letters, digits, '-' or '_'. It finds the \
             samples that were sent with it.",
        );
        components.add_security_scheme("visitor", SecurityScheme::ApiKey(ApiKey::Header(visitor)));
    }
}

/// An error: what is wrong, where, and what to do.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    #[schema(inline)]
    error: ErrorDescription,
}

#[derive(Serialize, ToSchema)]
struct ErrorDescription {
    /// The kind of error; it stays the same when the message changes.
    code: String,
    /// For people.
    message: String,
}

/// The errors of a status, described as a response: `NAME = STATUS, …`.
macro_rules! refusals {
    ($schema:literal: $($name:ident = $status:literal),* $(,)?) => {
        $(
            #[doc = concat!("The errors with status ", $status, ".")]
            pub struct $name;

            impl utoipa::IntoResponses for $name {
                fn responses() -> std::collections::BTreeMap<
                    String,
                    utoipa::openapi::RefOr<utoipa::openapi::Response>,
                > {
                    $crate::http::openapi::refusal($status, $schema)
                }
            }
        )*
    };
}
pub(crate) use refusals;

refusals! { "ErrorBody":
    BadRequest = 400, Unauthorized = 401, Forbidden = 403, NotFound = 404, Conflict = 409,
    TooLarge = 413, UnsupportedType = 415, Unprocessable = 422, TooManyRequests = 429,
    Unavailable = 503, Full = 507,
}

/// A response with an error of this status, whose body has this schema.
pub fn refusal(status: u16, schema: &str) -> BTreeMap<String, RefOr<Response>> {
    let description = match status {
        400 => "The request cannot be understood",
        401 => "The token is missing or wrong",
        403 => "The request comes from another site or another machine",
        404 => "There is no such path, checkpoint, sample or job",
        409 => "It conflicts with the current state",
        413 => "The body or the picture is too large",
        415 => "The content type is not supported",
        422 => "The content is damaged or invalid",
        429 => "The server is busy; Retry-After says when to try again",
        503 => "The server cannot answer now",
        507 => "The limit on stored samples is reached",
        _ => "The request failed",
    };
    let schema = Ref::from_schema_name(schema);
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response =
        ResponseBuilder::new().description(description).content("application/json", content);
    BTreeMap::from([(status.to_string(), RefOr::T(response.build()))])
}

/// A router whose routes are described as they are added.
pub fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
}

/// The route of the description.
pub fn route(description: &utoipa::openapi::OpenApi) -> Router<App> {
    let json = description.to_pretty_json().unwrap_or_default();
    let json = Bytes::from(json);
    let answer = get(async move || ([(CONTENT_TYPE, "application/json")], json.clone()));
    Router::new().route("/api/openapi.json", answer)
}
