//! One file a resource.

mod answer;
pub mod checkpoint;
mod exchange;
mod health;
mod intake;
mod jobs;
mod models;
pub mod page;
mod predict;
mod read;
pub mod samples;
mod suggestions;

use std::time::Duration;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer, trace::TraceLayer,
};

use crate::{App, error::ApiError};

/// Longest time that a request may take, body included.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Scripts, styles and connections from this server alone; pictures also from
/// the page itself. WebAssembly is a script of this server.
const CONTENT_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
     frame-ancestors 'none'";

/// All routes, without a socket.
pub fn router(app: App) -> Router {
    let header = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    // What changes something on the server.
    let changes = Router::new()
        .route("/api/models/{id}/promote", post(models::promote))
        .route("/api/models/rollback", post(models::roll_back))
        .route("/api/samples", post(samples::add))
        .route("/api/samples/delete", post(samples::delete))
        .route("/api/samples/undo", post(samples::undo))
        .route("/api/samples/{id}", patch(samples::relabel).delete(samples::delete_one))
        .route("/api/samples/import", post(exchange::import))
        .route("/api/audits", post(suggestions::audit))
        .route("/api/jobs", post(jobs::ask))
        .route("/api/jobs/{id}/cancel", post(jobs::cancel))
        .layer(middleware::from_fn(refuse_other_sites));
    Router::new()
        .route("/", get(page::index))
        .route("/{asset}", get(page::asset))
        .route("/checkpoint.json", get(checkpoint::manifest))
        .route("/weights/{name}", get(checkpoint::weights))
        .route("/api/predict", post(predict::predict))
        .route("/api/read", post(read::read))
        .route("/api/models", get(models::list))
        .route("/api/models/{id}/comparison", get(models::comparison))
        .route("/api/models/{id}/report", get(models::card))
        .route("/models/{id}", get(models::page))
        .route("/api/samples", get(samples::list))
        .route("/api/samples/summary", get(samples::summary))
        .route("/api/samples/export", get(exchange::export))
        .route("/api/samples/{id}", get(samples::one))
        .route("/api/suggestions", get(suggestions::list))
        .route("/api/jobs", get(jobs::list))
        .route("/api/jobs/{id}", get(jobs::one))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .merge(changes)
        .fallback(|| async { ApiError::NoSuchPath })
        .method_not_allowed_fallback(|| async { ApiError::NoSuchMethod })
        .with_state(app)
        .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(middleware::from_fn(time_limit))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request| {
            tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
        }))
}

/// A browser sends such a request for any page that its user visits, also to
/// this machine; it says for which. Other clients do not send these headers.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let origin = text(header::ORIGIN).map(|o| o.split_once("://").map_or(o, |(_, host)| host));
    let same_site = matches!(site, None | Some("same-origin" | "none"));
    let same_origin = origin.is_none() || origin == text(header::HOST);
    if same_site && same_origin {
        next.run(request).await
    } else {
        ApiError::OtherSite.into_response()
    }
}

async fn time_limit(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(TIME_LIMIT, next.run(request)).await;
    answer.unwrap_or_else(|_| ApiError::TooSlow(TIME_LIMIT.as_secs()).into_response())
}

fn on_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    let body = r#"{"error":{"code":"internal","message":"the server failed on this request"}}"#;
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::INTERNAL_SERVER_ERROR, json, body).into_response()
}
