//! One file a resource.

mod health;
mod models;
mod page;
mod predict;

use std::time::Duration;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer, trace::TraceLayer,
};

use crate::{App, error::ApiError};

/// Longest time that a request may take, body included.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Scripts, styles and connections from this server alone; pictures also from
/// the page itself.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
     frame-ancestors 'none'";

/// All routes, without a socket.
pub fn router(app: App) -> Router {
    let header = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        .route("/", get(page::index))
        .route("/{asset}", get(page::asset))
        .route("/api/predict", post(predict::predict))
        .route("/api/models", get(models::list))
        .route("/api/models/{id}/promote", post(models::promote))
        .route("/api/models/rollback", post(models::roll_back))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
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
