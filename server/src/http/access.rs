//! Who may do what, and how often.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Version,
        header::{AUTHORIZATION, HOST, VIA},
    },
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use subtle::ConstantTimeEq;

use super::{
    error::ApiError,
    networks::{Network, TIMES, networks},
};

/// Requests after which idle clients are forgotten.
const FORGET_EVERY: usize = 10_000;

/// The token that changes need, or none where only this machine can send requests.
#[derive(Clone, Default)]
pub struct Admin {
    token: Option<Arc<str>>,
}

impl Admin {
    /// The token that was given. If none was, and other machines can send requests, directly or
    /// through a proxy, a new one is made; it is the second value, to be printed at the start.
    pub fn new(
        given: Option<String>,
        address: SocketAddr,
        behind_proxy: bool,
    ) -> (Self, Option<String>) {
        let open = behind_proxy || !address.ip().is_loopback();
        let made = (given.is_none() && open).then(new_token);
        let token = given.or_else(|| made.clone()).map(Arc::from);
        (Self { token }, made)
    }

    /// Where no token is set: refuses a request under a name that is not this machine's. With a name
    /// that resolves to this machine, another site's pages could get past the browser's same-origin
    /// policy (DNS rebinding), and read what is here.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match self.token.is_some() || is_own_host(headers) {
            true => Ok(()),
            false => Err(ApiError::OtherName),
        }
    }

    /// Where no token is set: refuses a change from another machine or another site.
    pub fn check_sender(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match self.token.is_some() || is_from_here(headers) {
            true => Ok(()),
            false => Err(ApiError::OtherName),
        }
    }

    /// Whether a request is by the token's holder or, where no token is set, by a user of this
    /// machine.
    pub fn is_holder(&self, headers: &HeaderMap) -> bool {
        match self.token {
            Some(_) => self.check(headers).is_ok(),
            None => is_from_here(headers),
        }
    }

    /// Who may change what on this server, for the output of its start.
    pub fn describe(&self, address: SocketAddr) -> String {
        match &self.token {
            Some(_) => "need the token; without it, samples can be sent".to_owned(),
            None => format!(
                "by anybody who connects to {address}: everybody on this machine, and \
                 everybody who reaches it through a tunnel or a proxy that does not say so. With \
                 --admin-token they need the token"
            ),
        }
    }

    /// Refuses a change without the token, in a time that does not tell how much of a wrong token
    /// was right.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.split_once(' ')).unwrap_or_default();
        let right = bool::from(given.1.trim().as_bytes().ct_eq(token.as_bytes()));
        if given.0.eq_ignore_ascii_case("bearer") && right {
            Ok(())
        } else {
            Err(ApiError::TokenNeeded)
        }
    }
}

/// Headers in which proxies say that they are there, or whom they stand for.
const OF_PROXIES: &[&str] = &[
    "cdn-loop",
    "client-ip",
    "do-connecting-ip",
    "forwarded",
    "forwarded-for",
    "max-forwards",
    "proxy-client-ip",
    "proxy-connection",
    "remote-addr",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forward-for",
    "x-host",
    "x-http-host-override",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-request-start",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
];
/// The same, by the beginning of their names: `X-Forwarded-…`, and what clouds and their networks add.
const OF_PROXIES_BY_BEGINNING: &[&str] = &[
    "akamai-",
    "cf-",
    "cloudfront-",
    "fastly-",
    "fly-",
    "incap-",
    "ngrok-",
    "proxy-",
    "tailscale-",
    "wl-proxy-",
    "x-akamai-",
    "x-amz-",
    "x-amzn-",
    "x-appengine-",
    "x-arr-",
    "x-azure-",
    "x-cdn",
    "x-cloud-trace-",
    "x-coming-from",
    "x-envoy-",
    "x-forwarded",
    "x-goog-",
    "x-heroku-",
    "x-nf-",
    "x-ngrok-",
    "x-original-",
    "x-proxy",
    "x-sucuri-",
    "x-traefik-",
    "x-varnish",
    "x-vercel-",
];

/// Whether a request comes from this machine: under one of its own names, and not through a proxy.
fn is_from_here(headers: &HeaderMap) -> bool {
    is_own_host(headers) && !names_proxy(headers)
}

/// Whether a request is addressed to one of this machine's own names.
fn is_own_host(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).map_or(Ok("localhost"), |host| host.to_str());
    host.is_ok_and(is_own_name)
}

/// Gives a request in HTTP/1.0 the header of a proxy. Browsers and today's programs speak 1.1 or
/// later, but nginx, unless it is told otherwise, speaks 1.0 to the servers behind it, with their own
/// name as `Host` and no word of itself.
pub fn mark_proxy(request: &mut Request) {
    if request.version() < Version::HTTP_11 {
        request.headers_mut().entry(VIA).or_insert(HeaderValue::from_static("1.0 unknown"));
    }
}

/// Whether a request has come through a proxy that says so.
fn names_proxy(headers: &HeaderMap) -> bool {
    headers.keys().map(HeaderName::as_str).any(is_of_proxy)
}

/// Some proxies write underscores, as CGI does.
fn is_of_proxy(name: &str) -> bool {
    let name = name.replace('_', "-");
    let name = name.strip_prefix("http-").unwrap_or(&name);
    OF_PROXIES.contains(&name)
        || OF_PROXIES_BY_BEGINNING.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a host, with or without a port, is a name or an address of this machine alone.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = name.parse().ok();
    address.is_some_and(|address| address.is_loopback())
        || name == "localhost"
        || name.ends_with(".localhost")
}

/// 256 bits, in hex.
fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Limits the requests a second of each client, and of the networks that it is in.
#[derive(Clone)]
pub struct Rate {
    /// One for each width of networks, the narrowest first; none if there is no limit.
    limiters: Arc<Vec<DefaultKeyedRateLimiter<Network>>>,
    asked: Arc<AtomicUsize>,
}

impl Rate {
    /// This number a second, and the same number at once; 0 is no limit.
    pub fn new(per_second: u32) -> Self {
        let quotas = TIMES.into_iter().filter_map(|times| {
            NonZeroU32::new(per_second.saturating_mul(times)).map(Quota::per_second)
        });
        Self { limiters: Arc::new(quotas.map(RateLimiter::keyed).collect()), asked: Arc::default() }
    }

    /// Whether this client may send a request now.
    pub fn allows(&self, client: IpAddr) -> bool {
        // Each of these requests may have come from another client.
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiters.iter().for_each(RateLimiter::retain_recent);
        }
        // The narrowest network comes first: what it is refused does not count in the wider ones,
        // where it would be taken from neighbours.
        let mut limits = networks(client).zip(self.limiters.iter());
        limits.all(|((network, _), limiter)| limiter.check_key(&network).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_by_their_headers_and_browsers_are_not_taken_for_them() {
        for name in [
            "x-forwarded-for",
            "x_forwarded_for",
            "http_x_forwarded_for",
            "x-forwarded",
            "cf-ray",
            "cf-visitor",
            "x-original-forwarded-for",
            "x-envoy-peer-metadata",
            "x-azure-clientip",
            "x-amzn-trace-id",
            "x-amz-cf-id",
            "x-appengine-user-ip",
            "x-cloud-trace-context",
            "x-arr-ssl",
            "x-vercel-ip-city",
            "x-nf-client-connection-ip",
            "x-sucuri-clientip",
            "cloudfront-viewer-address",
            "fastly-client-ip",
            "fly-client-ip",
            "do-connecting-ip",
            "incap-client-ip",
            "tailscale-user-login",
            "true-client-ip",
            "client-ip",
            "client_ip",
            "x-real-ip",
            "x-proxyuser-ip",
            "proxy-client-ip",
            "wl-proxy-client-ip",
            "x-varnish",
            "x-scheme",
            "x-forward-for",
            "forwarded-for",
            "forwarded",
            "via",
            "max-forwards",
            "proxy-connection",
            "cdn-loop",
        ] {
            assert!(is_of_proxy(name), "{name}");
        }
        for name in [
            "host",
            "connection",
            "user-agent",
            "accept",
            "accept-encoding",
            "accept-language",
            "cache-control",
            "content-length",
            "content-type",
            "cookie",
            "dnt",
            "origin",
            "pragma",
            "priority",
            "range",
            "referer",
            "sec-ch-ua",
            "sec-ch-ua-platform",
            "sec-fetch-site",
            "sec-gpc",
            "te",
            "upgrade-insecure-requests",
            "authorization",
            "glyphic-visitor",
            "x-request-id",
            "traceparent",
            "tracestate",
            "if-none-match",
            "expect",
            "x-requested-with",
            "transfer-encoding",
            "x-client-data",
            "save-data",
        ] {
            assert!(!is_of_proxy(name), "{name}");
        }
    }
}
