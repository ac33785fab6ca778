//! axum's extractors with the API's error as their rejection, so that handlers take them as they
//! are.

use axum::{
    body::{Body, Bytes},
    extract::{
        DefaultBodyLimit, FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody, JsonRejection},
    },
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

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
        match axum::Json::from_request(request, state).await {
            Ok(json) => Ok(Self(json.0)),
            Err(JsonRejection::BytesRejection(error)) => Err(unread(error, SMALL_MIB)),
            Err(error) => Err(ApiError::Malformed(error.body_text())),
        }
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

/// The whole of a small body.
pub async fn small_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|error| unread(error, SMALL_MIB))
}

/// The whole body, if it is within this limit.
pub async fn body_within(body: Body, mib: u16) -> Result<Bytes, ApiError> {
    let mut request = Request::new(body);
    DefaultBodyLimit::max(usize::from(mib) << 20).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|error| unread(error, mib))
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
