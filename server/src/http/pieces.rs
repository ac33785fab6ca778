//! Answers that are sent piece by piece, as the client takes them: of a file of any length, no more
//! than a piece or two are in memory.

use std::{fs::File, io};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header::CONTENT_LENGTH},
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use tokio::{io::AsyncReadExt, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// Longest piece that is sent at once, in bytes.
const PIECE: usize = 32 << 10;

/// Where the pieces of an answer go, or why there are no more.
pub type Pieces = mpsc::Sender<Result<Bytes, io::Error>>;

/// A body, and where its pieces go.
pub fn body() -> (Pieces, Body) {
    let (pieces, taken) = mpsc::channel(1);
    (pieces, Body::from_stream(ReceiverStream::new(taken)))
}

/// Sends bytes piece by piece; false if the client is gone.
pub async fn send(client: &Pieces, mut bytes: Bytes) -> bool {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(PIECE));
        if client.send(Ok(piece)).await.is_err() {
            return false;
        }
    }
    true
}

/// Sends a file from where it is to its end, or until the client is gone.
///
/// # Errors
/// The file cannot be read.
pub async fn send_file(client: &Pieces, file: File) -> io::Result<()> {
    let mut file = tokio::fs::File::from_std(file);
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        if read == 0 || !send(client, piece.freeze()).await {
            return Ok(());
        }
    }
}

/// An answer of a whole file, with its length.
///
/// # Errors
/// The file's length cannot be read.
pub fn file(file: File) -> io::Result<Response> {
    let length = file.metadata()?.len();
    let (pieces, body) = body();
    tokio::spawn(async move {
        if let Err(error) = send_file(&pieces, file).await {
            tracing::error!(%error, "a file could not be read to its end");
            // The client gets a broken transfer, not a short file.
            let _ = pieces.send(Err(error)).await;
        }
    });
    Ok(([(CONTENT_LENGTH, HeaderValue::from(length))], body).into_response())
}
