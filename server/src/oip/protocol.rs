//! The protocol's names and limits.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::refusals;

/// The model that stands for the serving checkpoint.
pub const SERVING: &str = "glyphic";
/// The only version of a checkpoint that is a model of its own.
pub const ONLY_VERSION: &str = "1";
/// Most pictures of one request.
pub const MAX_PICTURES: usize = 256;
/// The parts of the protocol beyond its core that this server supports.
pub const EXTENSIONS: [&str; 2] = ["model_repository", "binary_tensor_data"];
/// The name of the only input.
pub const INPUT: &str = "pixels";
/// The header with the length of the JSON before the binary tensors, in bytes.
pub const HEADER_LENGTH: &str = "inference-header-content-length";

/// The protocol's error.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub struct ProtocolError {
    /// What is wrong, and what to do.
    error: String,
}

refusals! { "ProtocolError":
    BadRequest = 400, Unauthorized = 401, Forbidden = 403, NotFound = 404, Conflict = 409,
    TooLarge = 413, Unprocessable = 422, TooManyRequests = 429, Unavailable = 503,
}
