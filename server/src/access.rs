//! Who may do what, and how often.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
};

use axum::http::{HeaderMap, header::AUTHORIZATION};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use subtle::ConstantTimeEq;

use crate::error::ApiError;

/// Clients that are remembered at most before idle ones are forgotten.
const REMEMBERED: usize = 10_000;

/// The secret that changes need; or none, where only this machine can ask.
#[derive(Clone, Default)]
pub struct Admin {
    token: Option<Arc<str>>,
}

impl Admin {
    /// The token that was given; on an address that others reach, else one that is made.
    /// The second value is one that was made: whoever started the server must be told.
    pub fn new(given: Option<String>, address: SocketAddr) -> (Self, Option<String>) {
        let made = (given.is_none() && !address.ip().is_loopback()).then(new_token);
        let token = given.or_else(|| made.clone()).map(Arc::from);
        (Self { token }, made)
    }

    /// Refuses a request for a change without the token, in a time that does not say how
    /// much of it was right.
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

/// 256 bits, in hex.
fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How many requests a second one client may send.
#[derive(Clone)]
pub struct Rate {
    limiter: Option<Arc<DefaultKeyedRateLimiter<IpAddr>>>,
}

impl Rate {
    /// So many a second, and as many at once; 0: as many as come.
    pub fn new(per_second: u32) -> Self {
        let quota = NonZeroU32::new(per_second).map(Quota::per_second);
        Self { limiter: quota.map(|quota| Arc::new(RateLimiter::keyed(quota))) }
    }

    /// Whether this client may ask now.
    pub fn allows(&self, client: IpAddr) -> bool {
        let Some(limiter) = &self.limiter else { return true };
        if limiter.len() > REMEMBERED {
            limiter.retain_recent();
        }
        limiter.check_key(&client).is_ok()
    }
}
