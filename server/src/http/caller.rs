//! Whose samples a request may see: all of them with the token, else its own, by the secret that a
//! visitor's browser keeps.

use std::net::IpAddr;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, request::Parts},
};
use glyphic_model::checkpoint::sha256;

use super::{error::ApiError, networks};
use crate::{app::App, samples::Sender};

/// The header with a visitor's secret.
pub const VISITOR: HeaderName = HeaderName::from_static("glyphic-visitor");
/// Fewest characters of a secret: 128 bits in base64.
const SHORTEST: usize = 22;
/// Most characters of a secret.
const LONGEST: usize = 128;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whether it is the token's holder or, on a server without a token, a user of this machine.
    holder: bool,
    /// The hash of its secret, if it sent one.
    visitor: Option<String>,
}

impl Caller {
    /// Whether it may see and change everything.
    pub fn is_holder(&self) -> bool {
        self.holder
    }

    /// Refuses visitors.
    ///
    /// # Errors
    /// [`ApiError::TokenNeeded`]
    pub fn check_holder(&self) -> Result<(), ApiError> {
        if self.holder { Ok(()) } else { Err(ApiError::TokenNeeded) }
    }

    /// The visitor whose samples alone it may see; `None` if it may see all.
    ///
    /// # Errors
    /// [`ApiError::TokenNeeded`] if it has neither the token nor a secret: it has no samples.
    pub fn scope(&self) -> Result<Option<&str>, ApiError> {
        match (self.holder, &self.visitor) {
            (true, _) => Ok(None),
            (false, Some(visitor)) => Ok(Some(visitor)),
            (false, None) => Err(ApiError::TokenNeeded),
        }
    }

    /// The sender of the samples that it sends from this address.
    pub fn sender(self, client: IpAddr) -> Sender {
        let network = match self.holder {
            true => String::new(),
            false => networks::widest(client).to_string(),
        };
        Sender { trusted: self.holder, visitor: self.visitor, network }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let holder = app.admin.is_holder(&parts.headers);
        Ok(Self { holder, visitor: visitor(&parts.headers)? })
    }
}

/// The hash of the secret in the headers. The secret has at least 128 bits, so its hash can stay as
/// it is: there is nothing to guess.
fn visitor(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(secret) = headers.get(VISITOR) else { return Ok(None) };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let secret = secret.as_bytes();
    if (SHORTEST..=LONGEST).contains(&secret.len()) && secret.iter().all(allowed) {
        return Ok(Some(sha256(secret)));
    }
    Err(ApiError::malformed(format!(
        "the header {VISITOR} must be {SHORTEST} to {LONGEST} letters, digits, '-' or '_' that \
         were chosen at random"
    )))
}
