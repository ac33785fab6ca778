//! One file a resource.

mod answer;
pub mod checkpoint;
pub mod envelope;
mod exchange;
mod health;
pub mod intake;
mod jobs;
mod models;
mod nearest;
mod openapi;
pub mod page;
pub mod predict;
mod read;
mod registry;
pub mod samples;
mod suggestions;

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

use crate::{App, error::ApiError, oip};

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
            ApiError::NoSuchPath.into_response_as(oip::error_text(request.uri().path()))
        })
        .method_not_allowed_fallback(async |request: Request| {
            ApiError::NoSuchMethod.into_response_as(oip::error_text(request.uri().path()))
        })
        .with_state(app.clone())
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn_with_state(app, envelope::envelope))
                .layer(CatchPanicLayer::custom(on_panic)),
        )
}

/// What is described in `/api/openapi.json`: each route by its handler's own words.
fn api(app: &App) -> OpenApiRouter<App> {
    // What changes something on the server.
    let changes = OpenApiRouter::new()
        .routes(routes!(models::promote))
        .routes(routes!(models::roll_back))
        .routes(routes!(registry::label, registry::unlabel))
        .routes(routes!(registry::pin, registry::unpin))
        .routes(routes!(registry::prune))
        .routes(routes!(samples::delete))
        .routes(routes!(samples::undo))
        .routes(routes!(samples::relabel, samples::delete_one))
        .routes(routes!(exchange::import))
        .routes(routes!(suggestions::audit))
        .routes(routes!(jobs::ask))
        .routes(routes!(jobs::cancel))
        .routes(routes!(oip::load))
        .routes(routes!(oip::unload))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_strangers))
        // Whoever may draw may teach; what is made of it is decided above.
        .routes(routes!(samples::add))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_other_sites));
    openapi::described()
        .routes(routes!(predict::predict))
        .routes(routes!(read::read))
        .routes(routes!(nearest::nearest))
        .routes(routes!(models::list))
        .routes(routes!(models::comparison))
        .routes(routes!(models::card))
        .routes(routes!(registry::shadow))
        .routes(routes!(samples::list))
        .routes(routes!(samples::summary))
        .routes(routes!(samples::one))
        .routes(routes!(exchange::export))
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

/// A change needs the token, if there is one.
async fn refuse_strangers(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.admin.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response_as(oip::error_text(request.uri().path())),
    }
}

/// A browser sends such a request for any page that its user visits, also to
/// this machine; it says for which. Other clients do not send these headers.
async fn refuse_other_sites(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => matches!(site, "same-origin" | "none"),
        // Older browsers say where the page is from.
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
        Err(error) => error.into_response_as(oip::error_text(request.uri().path())),
    }
}

fn on_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    let body = r#"{"error":{"code":"internal","message":"the server failed on this request"}}"#;
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::INTERNAL_SERVER_ERROR, json, body).into_response()
}
