//! What every request gets: an id, a limit of time and of rate, a span in the log, a count in the
//! metrics, and headers in its answer.

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

use super::{
    access,
    error::{ApiError, ErrorText},
    extract::Client,
    networks,
    room::hold_answer,
};
use crate::{app::App, traces};

/// Routes that a client may request as often as it likes: probes, and files of the pages, which
/// are in memory.
const UNLIMITED: [&str; 7] =
    ["/", "/{asset}", "/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"];
/// Longest time that a request may take, body included.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Scripts, styles and connections from this server alone; pictures also from
/// the page itself. WebAssembly is a script of this server.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
);
/// A request's id: the client's, or a new one.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps a request.
pub async fn envelope(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    access::mark_proxy(&mut request);
    let client = client(&request, app.limits.behind_proxy);
    if let Some(client) = client {
        request.extensions_mut().insert(Client(client));
    }
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(),
        %method, path = request.uri().path(), otel.kind = "server");
    traces::continue_trace(&span, request.headers());
    let form = ErrorText::of(request.uri().path());
    let is_holder = app.admin.is_holder(request.headers());
    let answer = async {
        let route = route.as_ref().map(MatchedPath::as_str);
        let admitted = app.admin.check_host(request.headers());
        if let Err(error) = admitted.and_then(|()| admit(&app, route, client)) {
            return error.into_response_as(form);
        }
        let answer = tokio::time::timeout(TIME_LIMIT, next.run(request)).await;
        let slow = || ApiError::TooSlow(TIME_LIMIT.as_secs());
        let answer = answer.unwrap_or_else(|_| slow().into_response_as(form));
        match (client, route.is_some_and(|route| UNLIMITED.contains(&route))) {
            (Some(client), false) => hold_answer(app.answers.of(is_holder), client, answer)
                .unwrap_or_else(|error| {
                    app.metrics().turned_away("answers");
                    error.into_response_as(form)
                }),
            _ => answer,
        }
    };
    let mut response = answer.instrument(span.clone()).await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CONTENT_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    traces::describe(&span, &method, route.as_ref().map(MatchedPath::as_str), response.status());
    // A client that invents paths and methods must not create a counter for each of them.
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = if methods.contains(&method) { method.as_str() } else { "other" };
    app.metrics().request(route, method, status, took);
    span.in_scope(|| tracing::debug!(status, took_us = took.as_micros() as u64, "answered"));
    response
}

/// The client's own id, if it is short and harmless in a log; else a new one.
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

/// Refuses a client that sends too many requests.
fn admit(app: &App, route: Option<&str>, client: Option<IpAddr>) -> Result<(), ApiError> {
    if route.is_some_and(|route| UNLIMITED.contains(&route)) {
        return Ok(());
    }
    if client.is_none_or(|client| app.rate.allows(client)) {
        return Ok(());
    }
    app.metrics().turned_away("rate");
    Err(ApiError::TooOften(app.limits.rate))
}

/// The client: the peer of the connection or, behind a proxy, the last one that the proxy names.
fn client(request: &Request, behind_proxy: bool) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let forwarded = || {
        let list = request.headers().get_all("x-forwarded-for").iter().next_back()?;
        let last = list.to_str().ok()?.rsplit(',').next()?.trim();
        // Some proxies add the port, and brackets around an IPv6 address.
        let with_port = || last.parse().ok().map(|address: SocketAddr| address.ip());
        last.trim_matches(['[', ']']).parse().ok().or_else(with_port)
    };
    let address: Option<IpAddr> = match behind_proxy {
        true => forwarded().or(peer),
        false => peer,
    };
    address.map(networks::client)
}
