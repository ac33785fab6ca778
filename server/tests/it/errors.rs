//! Errors that a healthy server does not give over a socket, or not reliably.

use std::io;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
    http::StatusCode,
    response::IntoResponse,
};
use glyphic_runtime::registry::RegistryError;
use glyphic_server::http::{error::ApiError, extract::Json};
use serde_json::Value;

async fn answer(error: ApiError) -> (StatusCode, Value) {
    let response = error.into_response();
    let status = response.status();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_network_that_cannot_answer_is_503() {
    let (status, body) = answer(ApiError::Unavailable("the device is lost".to_owned())).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["error"]["code"], "unavailable");
    assert!(body["error"]["message"].as_str().unwrap().contains("the device is lost"));
}

#[tokio::test]
async fn a_disk_that_fails_is_500_and_keeps_its_paths_to_itself() {
    let error = RegistryError::Io {
        action: "write",
        path: "/srv/secret/CURRENT".into(),
        source: io::Error::from(io::ErrorKind::StorageFull),
    };
    let (status, body) = answer(error.into()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body["error"]["code"], "storage");
    assert!(!body.to_string().contains("secret"), "{body}");
}

#[tokio::test]
async fn a_missing_checkpoint_keeps_the_servers_folder_to_itself() {
    let error = RegistryError::NotFound { id: "x".to_owned(), folder: "/srv/secret".into() };
    let (status, body) = answer(error.into()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!body.to_string().contains("secret"), "{body}");
}

#[tokio::test]
async fn a_damaged_file_of_a_checkpoint_is_422_and_named_without_its_folder() {
    let error = RegistryError::BadFile {
        id: "x".to_owned(),
        file: "metrics.jsonl",
        reason: "in /srv/secret".to_owned(),
    };
    let (status, body) = answer(error.into()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["error"]["code"], "bad_checkpoint");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("metrics.jsonl") && !message.contains("secret"), "{message}");
}

#[tokio::test]
async fn a_body_of_json_over_its_limit_is_413() {
    let json = format!("\"{}\"", "7".repeat(3 << 20));
    let request = Request::builder().header("content-type", "application/json");
    let request = request.body(Body::from(json)).unwrap();
    let refused = Json::<Value>::from_request(request, &()).await.map(drop).unwrap_err();
    let (status, body) = answer(refused).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body["error"]["code"], "body_too_large");
}
