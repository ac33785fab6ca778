//! The log; and traces for OpenTelemetry, where the environment names a place to send them
//! (`OTEL_EXPORTER_OTLP_ENDPOINT`, over HTTP as protobuf): a span for each request, with
//! spans for its stages inside, as part of the trace that the client says it belongs to.

use std::time::Duration;

use anyhow::Result;
use axum::http::{HeaderMap, Method, StatusCode};
use opentelemetry::{
    KeyValue,
    propagation::TextMapPropagator,
    trace::{Status, TraceContextExt, TracerProvider},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    runtime::Tokio,
    trace::{SdkTracerProvider, span_processor_with_async_runtime::BatchSpanProcessor},
};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::{
    EnvFilter, Layer, filter::Targets, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Where to send traces; the second for traces alone. As OpenTelemetry names them.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
/// Methods that are told by their names.
const KNOWN: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// Longest wait at the end.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Whose spans are sent: a prediction's stages are at the level of details.
const SPANS: (&str, Level) = ("glyphic_server", Level::DEBUG);

/// What sends traces, if the environment says where; within a tokio runtime.
///
/// # Errors
///
/// If the environment's settings cannot be read.
pub fn sender() -> Result<Option<SdkTracerProvider>> {
    let set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    if !ENDPOINTS.iter().any(set) {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_http().build()?;
    let mut resource = Resource::builder();
    if !set(&SERVICE_NAME) {
        resource = resource.with_service_name("glyphic");
    }
    let sender = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
        .with_resource(resource.build());
    Ok(Some(sender.build()))
}

/// Sends what is left, and waits a moment for it to be taken.
pub async fn finish(sender: SdkTracerProvider) {
    let (done, finished) = tokio::sync::oneshot::channel();
    // A thread of its own, which nobody waits for if the collector is silent.
    std::thread::spawn(move || {
        let _ = sender.shutdown();
        let _ = done.send(());
    });
    if tokio::time::timeout(LAST_WORDS, finished).await.is_err() {
        tracing::warn!("the last traces were not taken within {} s", LAST_WORDS.as_secs());
    }
}

/// Hands the server's spans to what sends them.
pub fn layer<S>(sender: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    OpenTelemetryLayer::new(sender.tracer("glyphic"))
        .with_filter(Targets::new().with_target(SPANS.0, SPANS.1))
}

/// Makes a request's span part of the trace that its headers name (W3C's `traceparent`).
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        // It fails where no traces are sent.
        let _ = span.set_parent(context);
    }
}

/// Says of a request's span what OpenTelemetry's conventions ask for.
pub fn describe(span: &Span, method: &Method, route: Option<&str>, status: StatusCode) {
    let context = span.context();
    let sent = context.span();
    if !sent.span_context().is_sampled() {
        return;
    }
    // Whatever a client invents must not become a name of its own.
    let (name, method) = match KNOWN.contains(method) {
        true => (method.as_str(), method.as_str()),
        false => ("HTTP", "_OTHER"),
    };
    sent.update_name(format!("{name} {}", route.unwrap_or_default()).trim_end().to_owned());
    sent.set_attribute(KeyValue::new("http.request.method", method.to_owned()));
    sent.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if let Some(route) = route {
        sent.set_attribute(KeyValue::new("http.route", route.to_owned()));
    }
    if status.is_server_error() {
        sent.set_status(Status::error(""));
    }
}

/// The log, to the standard error; and traces.
pub fn start_log(json: bool, sender: Option<&SdkTracerProvider>) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,glyphic_server=info".into());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match json {
        true => lines.json().boxed(),
        false => lines.boxed(),
    };
    let spans = sender.map(layer);
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
}
