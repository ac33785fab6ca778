//! HTTP: the routes, one file a resource, and what they share (extractors, errors, access).

pub mod access;
mod aliases;
mod ask;
pub mod body;
pub mod caller;
mod checkpoint;
mod comparison;
pub mod connections;
mod cors;
mod envelope;
pub mod error;
pub mod extract;
mod health;
pub(crate) mod input;
mod jobs;
pub mod lanes;
mod models;
mod nearest;
mod networks;
pub mod openapi;
pub mod page;
mod pieces;
mod predict;
mod read;
pub mod room;
mod sample_files;
mod sample_input;
mod samples;
pub mod schemas;
pub mod shares;
mod sheet;
pub mod suggested;
mod suggestions;
mod unpack;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, oip};
use error::{ApiError, ErrorText};

/// All routes, without a socket.
pub fn router(app: App) -> Router {
    let (api, description) = api(&app).split_for_parts();
    api.route("/", get(page::index))
        .route("/{asset}", get(page::asset))
        .route("/checkpoint.json", get(checkpoint::manifest))
        .route("/weights/{name}", get(checkpoint::weights))
        .route("/models/{id}", get(models::page))
        .merge(openapi::route(&description))
        .fallback(async |request: Request| {
            ApiError::NoSuchPath.into_response_as(ErrorText::of(request.uri().path()))
        })
        .method_not_allowed_fallback(async |request: Request| {
            ApiError::NoSuchMethod.into_response_as(ErrorText::of(request.uri().path()))
        })
        .with_state(app.clone())
        .layer(
            ServiceBuilder::new()
                .option_layer(cors::cors(&app.origins))
                .layer(middleware::from_fn_with_state(app.clone(), envelope::envelope))
                .layer(CatchPanicLayer::custom(on_panic))
                .layer(middleware::from_fn_with_state(app, unpack::unpack)),
        )
}

/// The routes for probes alone.
pub fn probes(app: App) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app)
}

/// The routes that `/api/openapi.json` describes.
fn api(app: &App) -> OpenApiRouter<App> {
    // Routes that change something on the server.
    let changes = OpenApiRouter::new()
        .routes(routes!(models::promote))
        .routes(routes!(models::roll_back))
        .routes(routes!(aliases::set, aliases::remove))
        .routes(routes!(aliases::pin, aliases::unpin))
        .routes(routes!(models::prune))
        .routes(routes!(models::restore))
        .routes(routes!(samples::confirm))
        .routes(routes!(samples::undo))
        .routes(routes!(samples::relabel))
        .routes(routes!(sample_files::import))
        .routes(routes!(suggestions::audit))
        .routes(routes!(jobs::ask))
        .routes(routes!(jobs::cancel))
        .routes(routes!(oip::load))
        .routes(routes!(oip::unload))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_strangers))
        // A visitor may add samples, and delete its own: what is done with them is decided by the
        // routes above.
        .routes(routes!(samples::add))
        .routes(routes!(samples::delete))
        .routes(routes!(samples::delete_one))
        .layer(middleware::from_fn_with_state(app.clone(), remember))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_other_sites));
    openapi::described()
        .routes(routes!(predict::predict))
        .routes(routes!(read::read))
        .routes(routes!(sheet::sheet))
        .routes(routes!(nearest::nearest))
        .routes(routes!(models::list))
        .routes(routes!(comparison::comparison))
        .routes(routes!(models::card))
        .routes(routes!(models::shadow))
        .routes(routes!(samples::list))
        .routes(routes!(samples::summary))
        .routes(routes!(samples::one))
        .routes(routes!(sample_files::export))
        .routes(routes!(suggestions::list))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::events))
        .routes(routes!(jobs::one))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(oip::server))
        .routes(routes!(oip::live))
        .routes(routes!(oip::ready))
        .routes(routes!(oip::model))
        .routes(routes!(oip::model_version))
        .routes(routes!(oip::model_ready))
        .routes(routes!(oip::model_version_ready))
        .routes(routes!(oip::infer))
        .routes(routes!(oip::infer_version))
        .routes(routes!(oip::index))
        .merge(changes)
}

/// Refuses a change without the token, if there is one.
async fn refuse_strangers(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.admin.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response_as(ErrorText::of(request.uri().path())),
    }
}

/// Acknowledges a change only once the memory has it.
async fn remember(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(memory) = app.memory.as_ref().filter(|_| response.status().is_success())
        && let Err(error) = memory.refresh().await
    {
        // The change itself is on disk.
        tracing::error!("what was taught last is not read yet: {error}");
    }
    response
}

/// Refuses a change that another site's page asks for. A browser sends requests to any server for
/// any page that its user visits, also to this machine; its headers name the page's site. Other
/// clients do not send these headers.
async fn refuse_other_sites(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => matches!(site, "same-origin" | "none"),
        // Older browsers send only the origin.
        None => {
            let origin = text(header::ORIGIN);
            let host = origin.map(|o| o.split_once("://").map_or(o, |(_, host)| host));
            host.is_none() || host == text(header::HOST)
        }
    };
    let allowed = match own {
        true => app.admin.check_sender(headers),
        false => Err(ApiError::OtherSite),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response_as(ErrorText::of(request.uri().path())),
    }
}

fn on_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    let body = r#"{"error":{"code":"internal","message":"the server failed on this request"}}"#;
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::INTERNAL_SERVER_ERROR, json, body).into_response()
}
