//! Pages of other sites that may have this server read for them (CORS).

use axum::http::{HeaderName, HeaderValue, Method, header::CONTENT_ENCODING, header::CONTENT_TYPE};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::envelope::REQUEST_ID;
use crate::oip::HEADER_LENGTH;

/// What these pages may ask for: readings, and what is known of the networks. Samples, jobs and all
/// changes stay with the server's own pages.
const OPEN: [&str; 6] =
    ["/api/predict", "/api/read", "/api/sheet", "/api/models", "/api/openapi.json", "/v2"];
/// What is open below a path.
const OPEN_BELOW: [&str; 2] = ["/v2/models/", "/v2/health/"];

/// Lets browsers hand answers to pages of these origins; `*` stands for all. `None` without any.
pub fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins = origins.to_vec();
    let may_read = move |origin: &HeaderValue, path: &str| {
        let is_allowed = origins.iter().any(|allowed| allowed == "*" || allowed == origin);
        is_allowed
            && (OPEN.contains(&path) || OPEN_BELOW.iter().any(|below| path.starts_with(below)))
    };
    let length = HeaderName::from_static(HEADER_LENGTH);
    let by_path = AllowOrigin::predicate(move |origin, parts| may_read(origin, parts.uri.path()));
    let layer = CorsLayer::new()
        .allow_origin(by_path)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE, CONTENT_ENCODING, length.clone()])
        .expose_headers([REQUEST_ID, length]);
    Some(layer)
}
