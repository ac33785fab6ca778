//! Every error that a client can get, and the one place that turns it into a response.

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use glyphic_model::{
    glyph::WrongLength,
    labels::{BadLabel, MAX_CHARACTERS},
    preprocess::StrokeError,
};
use glyphic_runtime::{decode::DecodeError, registry::RegistryError};
use serde_json::json;
use thiserror::Error;

use crate::{
    bucket::BucketError,
    engine::EngineError,
    models::ModelsError,
    neighbours::NeighboursError,
    samples::{FormatError, RawError},
    store::StoreError,
};

/// Why a request is refused or fails.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The request or its body cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// The body is over the limit.
    #[error("the request body is over the limit of {0} MiB")]
    BodyTooLarge(u16),
    /// The content type is not one that is read.
    #[error(
        "cannot read a body of type '{0}': send an image, multipart/form-data with a field \
         'image', application/json, or application/octet-stream of 784 bytes"
    )]
    UnsupportedType(String),
    /// The body is compressed in a way that is not known.
    #[error(
        "the body's Content-Encoding '{0}' is not known here: compress it with gzip or deflate, once, or \
         send it as it is"
    )]
    UnsupportedEncoding(String),
    /// An image that cannot be read.
    #[error(transparent)]
    Image(#[from] DecodeError),
    /// Strokes that cannot be drawn.
    #[error(transparent)]
    Strokes(#[from] StrokeError),
    /// Pixels that are not a glyph.
    #[error(transparent)]
    Pixels(#[from] WrongLength),
    /// Another site's page asks for a change.
    #[error("a page of another site may not change anything on this server")]
    OtherSite,
    /// A change, or what others sent, was asked for without the server's token.
    #[error("this needs the server's token: send it as 'Authorization: Bearer …'")]
    TokenNeeded,
    /// One client sends too many requests.
    #[error("more than {0} requests per second from this address; try again in a moment")]
    TooOften(u32),
    /// A change was asked for from elsewhere, or anything under a name of others, on a server without
    /// a token.
    #[error(
        "without a token, this server answers only under this machine's own names, such as \
         localhost, and takes changes only from this machine, not through a proxy, nor with \
         HTTP/1.0, which proxies speak; to allow others, start it with --admin-token"
    )]
    OtherName,
    /// The request took too long.
    #[error("the request took over {0} seconds")]
    TooSlow(u64),
    /// More requests than the server can take now.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// The network cannot answer.
    #[error("the network cannot answer now: {0}")]
    Unavailable(String),
    /// A model that is not loaded.
    #[error(
        "there is no model '{model}', or it is not loaded: POST /v2/repository/models/{model}/load"
    )]
    NotLoaded {
        /// Its name.
        model: String,
    },
    /// A version that the model does not have.
    #[error("'{model}' has the version '{version}', not '{asked}'")]
    NoSuchVersion {
        /// The model.
        model: String,
        /// The version that was asked for.
        asked: String,
        /// The one it has.
        version: String,
    },
    /// The serving checkpoint was to be unloaded.
    #[error("the serving checkpoint cannot be unloaded; promote another one first")]
    AlwaysServes,
    /// No more checkpoints can be loaded.
    #[error("{0} checkpoints are loaded beside the serving one; unload one first")]
    TooManyLoaded(usize),
    /// A checkpoint cannot be served.
    #[error(transparent)]
    Checkpoint(#[from] RegistryError),
    /// The registry that servers share cannot be changed.
    #[error(transparent)]
    Bucket(BucketError),
    /// Something about samples or jobs.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server keeps no samples and does not train.
    #[error("this server keeps no samples and does not train: {0}")]
    TrainingOff(String),
    /// The checkpoint's training data is not here.
    #[error("the checkpoint's training data cannot be read: {0}")]
    NoExamples(String),
    /// A sample without ink.
    #[error("the picture is blank: a sample needs some ink")]
    NothingDrawn,
    /// A label or a source that cannot be one.
    #[error("the label or source {0}; it must be 1 to {MAX_CHARACTERS} visible characters")]
    BadLabel(#[from] BadLabel),
    /// More labels than an IDX file has numbers for.
    #[error(
        "an IDX file holds at most {most} labels, and these samples have {found}; choose another \
         format, or fewer samples with label=…, source=… or model=…"
    )]
    TooManyLabels {
        /// How many it holds.
        most: i64,
        /// How many there are.
        found: i64,
    },
    /// A file of samples that cannot be read.
    #[error("the samples cannot be read: {0}")]
    BadSamples(String),
    /// A picture without a table, or with too many cells.
    #[error("{0}")]
    Unreadable(String),
    /// A table is to be read, and there is no picture.
    #[error("tables are read in pictures: send an image")]
    NoPicture,
    /// There is nothing at this path.
    #[error("there is nothing at this path")]
    NoSuchPath,
    /// The path does not take this method.
    #[error("this path does not take this method")]
    NoSuchMethod,
}

impl ApiError {
    fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::Malformed(_) => (400, "malformed"),
            Self::BodyTooLarge(_) => (413, "body_too_large"),
            Self::UnsupportedType(_) => (415, "unsupported_type"),
            Self::UnsupportedEncoding(_) => (415, "unsupported_encoding"),
            Self::Image(DecodeError::Empty) => (400, "empty_image"),
            Self::Image(DecodeError::UnknownFormat) => (415, "unknown_image_format"),
            Self::Image(DecodeError::TooLarge { .. }) => (413, "image_too_large"),
            Self::Image(DecodeError::NeedsTooMuchMemory) => (413, "image_too_large"),
            Self::Image(DecodeError::Damaged(_)) => (422, "damaged_image"),
            Self::Strokes(_) => (422, "bad_strokes"),
            Self::Pixels(_) => (422, "wrong_pixel_count"),
            Self::OtherSite => (403, "other_site"),
            Self::OtherName => (403, "other_name"),
            Self::TokenNeeded => (401, "token_needed"),
            Self::TooOften(_) => (429, "too_often"),
            Self::TooSlow(_) => (408, "too_slow"),
            Self::Busy => (429, "busy"),
            Self::Unavailable(_) => (503, "unavailable"),
            Self::NotLoaded { .. } => (404, "not_loaded"),
            Self::NoSuchVersion { .. } => (404, "no_such_version"),
            Self::AlwaysServes => (409, "always_serves"),
            Self::TooManyLoaded(_) => (409, "too_many_loaded"),
            Self::Checkpoint(error) => match error {
                RegistryError::BadId(_) => (400, "bad_id"),
                RegistryError::NotFound { .. } => (404, "no_such_model"),
                RegistryError::NotRemoved(_) => (404, "not_removed"),
                RegistryError::NothingToRollBackTo => (409, "nothing_to_roll_back_to"),
                RegistryError::PromotedMeanwhile { .. } => (409, "promoted_meanwhile"),
                RegistryError::Exists(_) => (409, "exists"),
                RegistryError::Objected { .. } => (409, "objected"),
                RegistryError::BadAlias(_) => (400, "bad_name"),
                RegistryError::BadCurrent { .. } | RegistryError::BadAliases { .. } => {
                    (409, "damaged_registry")
                }
                RegistryError::Io { .. } => (500, "storage"),
                RegistryError::Checkpoint(_)
                | RegistryError::NothingPromoted(_)
                | RegistryError::BadFile { .. }
                | RegistryError::LongFile { .. }
                | RegistryError::BadFileName { .. } => (422, "bad_checkpoint"),
            },
            Self::Bucket(_) => (503, "shared_registry"),
            Self::Store(StoreError::NoSuchSample(_)) => (404, "no_such_sample"),
            Self::Store(StoreError::NoSuchJob(_)) => (404, "no_such_job"),
            Self::Store(StoreError::NothingToUndo) => (409, "nothing_to_undo"),
            Self::Store(StoreError::JobUnderWay(_)) => (409, "job_under_way"),
            Self::Store(StoreError::NothingHeldBack) => (409, "nothing_held_back"),
            Self::Store(StoreError::Quota { .. }) => (507, "quota"),
            Self::Store(
                StoreError::Open { .. } | StoreError::Failed(_) | StoreError::Unwritable(_),
            ) => (503, "database"),
            Self::Store(StoreError::Lost(_) | StoreError::Damaged(_)) => (503, "database_lost"),
            Self::TrainingOff(_) => (503, "training_off"),
            Self::NoExamples(_) => (404, "no_training_data"),
            Self::NothingDrawn => (422, "nothing_drawn"),
            Self::BadLabel(_) => (400, "bad_label"),
            Self::TooManyLabels { .. } => (422, "too_many_labels"),
            Self::BadSamples(_) => (422, "bad_samples"),
            Self::Unreadable(_) => (422, "unreadable_sheet"),
            Self::NoPicture => (422, "no_picture"),
            Self::NoSuchPath => (404, "no_such_path"),
            Self::NoSuchMethod => (405, "no_such_method"),
        }
    }

    /// The message for the client. The server's paths appear only in its log.
    pub(crate) fn public_message(&self) -> String {
        match self {
            Self::Checkpoint(RegistryError::Io { action, .. }) => {
                format!("the server cannot {action} the checkpoint's files; its log says why")
            }
            Self::Checkpoint(RegistryError::BadCurrent { reason, .. }) => format!(
                "the server's list of promoted checkpoints (CURRENT) cannot be read: {reason}. \
                 Nothing was changed; it must be repaired on the server"
            ),
            Self::Checkpoint(RegistryError::BadAliases { .. }) => {
                "the server's file of aliases and pins (MARKS) cannot be read; its log says why. \
                 Nothing was changed; it must be repaired or deleted on the server"
                    .to_owned()
            }
            Self::Checkpoint(RegistryError::NotFound { id, .. }) => {
                format!("there is no checkpoint '{id}'; GET /api/models lists them")
            }
            Self::Checkpoint(RegistryError::BadFile { id, file, .. }) => {
                format!("the checkpoint '{id}' is damaged: its {file} cannot be read")
            }
            Self::Checkpoint(RegistryError::NothingPromoted(_)) => {
                "no checkpoint is promoted on this server".to_owned()
            }
            Self::NoExamples(_) => "the training data of this checkpoint is not on this server; \
                 its log says why"
                .to_owned(),
            Self::Bucket(BucketError::Unknown(_)) => {
                "the shared registry stopped answering, so it is not known whether the change was \
                 made. Check which one is serving, then decide"
                    .to_owned()
            }
            Self::Bucket(
                BucketError::Failed { .. } | BucketError::Silent(..) | BucketError::BadNames { .. },
            ) => "the shared registry failed; nothing was changed. Try again in a moment; the \
                 server's log says why"
                .to_owned(),
            Self::TrainingOff(_) => {
                "this server keeps no samples and does not train; its log says why".to_owned()
            }
            Self::Store(StoreError::Failed(_) | StoreError::Open { .. }) => {
                "the database does not answer; nothing was kept. Try again in a moment; the \
                 server's log says why"
                    .to_owned()
            }
            Self::Store(StoreError::Lost(_)) => {
                "the database's file was deleted or replaced while the server used it; nothing was \
                 kept, and nothing is until the file is put back or the server is restarted"
                    .to_owned()
            }
            Self::Store(StoreError::Damaged(_)) => {
                "the database's file was emptied, cut short or overwritten while the server used it; \
                 nothing was kept, and nothing is until what was in it is put back or the server is \
                 restarted"
                    .to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Busy => Self::Busy,
            EngineError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<ModelsError> for ApiError {
    fn from(error: ModelsError) -> Self {
        match error {
            ModelsError::Engine(error) => error.into(),
            ModelsError::Checkpoint(error) => Self::Checkpoint(error),
            ModelsError::Bucket(error) => Self::Bucket(error),
            ModelsError::NotLoaded { model } => Self::NotLoaded { model },
            ModelsError::AlwaysServes => Self::AlwaysServes,
            ModelsError::TooManyLoaded(most) => Self::TooManyLoaded(most),
        }
    }
}

impl From<NeighboursError> for ApiError {
    fn from(error: NeighboursError) -> Self {
        match error {
            NeighboursError::NoExamples(reason) => Self::NoExamples(reason),
            NeighboursError::Checkpoint(error) => Self::Checkpoint(error),
            NeighboursError::Failed(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<RawError> for ApiError {
    fn from(error: RawError) -> Self {
        match error {
            RawError::Image(error) => Self::Image(error),
            RawError::Strokes(error) => Self::Strokes(error),
            RawError::Pixels(error) => Self::Pixels(error),
            RawError::NoPicture => Self::NoPicture,
            RawError::NotOnSheet(error) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<FormatError> for ApiError {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Damaged(problem) => Self::BadSamples(problem),
            FormatError::Write(problem) => Self::Unavailable(problem),
            FormatError::Abandoned => Self::Unavailable(error.to_string()),
            FormatError::Raw(error) => error.into(),
        }
    }
}

/// A file of the server's own that could not be read.
impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A task that panicked or was cancelled.
impl From<tokio::task::JoinError> for ApiError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The two forms of an error's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorText {
    /// `{"error": {"code": "…", "message": "…"}}`
    WithCode,
    /// `{"error": "…"}`, as the Open Inference Protocol has it.
    Plain,
}

impl ErrorText {
    /// The form for errors at this path.
    pub fn of(path: &str) -> Self {
        let of_protocol = path == "/v2" || path.starts_with("/v2/");
        if of_protocol { Self::Plain } else { Self::WithCode }
    }
}

impl ApiError {
    /// The request cannot be understood.
    pub fn malformed(problem: impl Into<String>) -> Self {
        Self::Malformed(problem.into())
    }

    /// The response, in one of the two forms.
    pub fn into_response_as(self, form: ErrorText) -> Response {
        let (status, code) = self.status_and_code();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A text, which the log quotes: it may repeat what the client sent.
        let error = self.to_string();
        if status.is_server_error() {
            tracing::error!(%status, code, error, "request failed");
        } else {
            tracing::debug!(%status, code, error, "request refused");
        }
        let message = self.public_message();
        let body = match form {
            ErrorText::WithCode => json!({ "error": { "code": code, "message": message } }),
            ErrorText::Plain => json!({ "error": message }),
        };
        let mut response = (status, Json(body)).into_response();
        let header = match status {
            StatusCode::TOO_MANY_REQUESTS => Some((RETRY_AFTER, "1")),
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.into_response_as(ErrorText::WithCode)
    }
}
