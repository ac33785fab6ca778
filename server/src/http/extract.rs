//! axum's extractors with the API's error as their rejection, so that handlers take them as they
//! are.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
};

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::request::Parts,
    response::{IntoResponse, Response},
};
use glyphic_runtime::text;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::error::ApiError;

/// Longest body that [`Json`] and [`small_body`] read: axum's default, in MiB.
const SMALL_MIB: u16 = 2;

/// What a path names.
pub struct Path<T>(pub T);

/// The parameters in a query.
pub struct Query<T>(pub T);

/// A small body of JSON, or an answer of JSON.
pub struct Json<T>(pub T);

/// An id in a path: letters and digits, as the database gives them.
pub struct Id(pub String);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|error| ApiError::Malformed(error.body_text()))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|error| ApiError::Malformed(error.body_text()))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = small_body(request, state).await?;
        let json = text::json(&body).map(Self);
        json.map_err(|error| ApiError::malformed(format!("the JSON cannot be read: {error}")))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(id): Path<String> = Path::from_request_parts(parts, state).await?;
        match id.chars().all(|c| c.is_ascii_alphanumeric()) {
            true => Ok(Self(id)),
            false => Err(ApiError::malformed("an id consists of letters and digits")),
        }
    }
}

/// Who sends a request: an IPv4 address, or the first address of an IPv6 /64. Requests without a
/// connection are this machine's own.
#[derive(Clone, Copy)]
pub struct Client(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let own = Self(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(parts.extensions.get().copied().unwrap_or(own))
    }
}

/// A field whose `null` means the same as its absence: some clients write all fields that they know.
///
/// # Errors
/// The value is neither `null` nor a `T`.
pub fn null_is_absent<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The whole of a small body.
pub async fn small_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|error| unread(error, SMALL_MIB))
}

/// Why a body could not be read: it is over the limit, or the connection broke off.
fn unread(error: BytesRejection, mib: u16) -> ApiError {
    match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            ApiError::BodyTooLarge(mib)
        }
        _ => ApiError::malformed("the request body ended early"),
    }
}
