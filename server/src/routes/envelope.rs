//! What surrounds every request: its number, its limits, its place in the log and in the
//! metrics, and the headers of its answer.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use crate::{App, access, error::ApiError, oip, traces};

/// Longest time that a request may take, body included.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Scripts, styles and connections from this server alone; pictures also from
/// the page itself. WebAssembly is a script of this server.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
);
/// A request's number: the client's, or one of ours.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps a request.
pub async fn envelope(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(),
        %method, path = request.uri().path(), otel.kind = "server");
    traces::continue_trace(&span, request.headers());
    let form = oip::error_text(request.uri().path());
    let answer = async {
        if let Err(error) = app.admit(&request) {
            return error.into_response_as(form);
        }
        let answer = tokio::time::timeout(TIME_LIMIT, next.run(request)).await;
        let slow = || ApiError::TooSlow(TIME_LIMIT.as_secs());
        answer.unwrap_or_else(|_| slow().into_response_as(form))
    };
    let mut response = answer.instrument(span.clone()).await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CONTENT_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    traces::describe(&span, &method, route.as_ref().map(MatchedPath::as_str), response.status());
    // Whoever asks for a million paths by a million methods must not make as many counters.
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let known =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = if known.contains(&method) { method.as_str() } else { "other" };
    app.meters().request(route, method, status, took);
    span.in_scope(|| tracing::debug!(status, took_us = took.as_micros() as u64, "answered"));
    response
}

/// The client's own number, if it is one that a log can bear.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let given = headers
        .get(REQUEST_ID)
        .filter(|id| (1..=64).contains(&id.len()) && id.as_bytes().iter().all(allowed));
    given.cloned().unwrap_or_else(|| {
        let own = format!("{:016x}", fastrand::u64(..));
        HeaderValue::from_str(&own).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// Who asks: the peer of the connection or, behind a proxy, whom that names last.
pub fn client(request: &Request, behind_proxy: bool) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let forwarded = || {
        let list = request.headers().get_all("x-forwarded-for").iter().next_back()?;
        let last = list.to_str().ok()?.rsplit(',').next()?.trim();
        // Some proxies add the port, and brackets with it.
        let with_port = || last.parse().ok().map(|address: SocketAddr| address.ip());
        last.trim_matches(['[', ']']).parse().ok().or_else(with_port)
    };
    let address: Option<IpAddr> = match behind_proxy {
        true => forwarded().or(peer),
        false => peer,
    };
    address.map(access::network)
}
