//! Traces for OpenTelemetry, where the environment names a collector
//! (`OTEL_EXPORTER_OTLP_ENDPOINT`, over HTTP as protobuf). Each request is a span with spans for
//! its stages, and part of the trace that its client names.

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
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// OpenTelemetry's variables for the collector's address; the second is for traces alone.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
/// Methods that appear by their names.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// Longest time to send the last traces.
const LAST_TRACES: Duration = Duration::from_secs(3);
/// The spans that are sent: those of a prediction's stages have the level debug.
const SPANS: (&str, Level) = ("glyphic_server", Level::DEBUG);

/// The sender of traces, if the environment names a collector. It needs a tokio runtime.
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

/// Sends the last traces, and waits a moment for the collector.
pub async fn finish(sender: SdkTracerProvider) {
    let (done, finished) = tokio::sync::oneshot::channel();
    // On a thread of its own, which is abandoned if the collector does not answer.
    std::thread::spawn(move || {
        let _ = sender.shutdown();
        let _ = done.send(());
    });
    if tokio::time::timeout(LAST_TRACES, finished).await.is_err() {
        tracing::warn!("the last traces could not be sent within {} s", LAST_TRACES.as_secs());
    }
}

/// The layer that passes the server's spans to the sender.
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
        // This fails where no traces are sent.
        let _ = span.set_parent(context);
    }
}

/// Sets the attributes of a request's span that OpenTelemetry's conventions ask for.
pub fn describe(span: &Span, method: &Method, route: Option<&str>, status: StatusCode) {
    let context = span.context();
    let sent = context.span();
    if !sent.span_context().is_sampled() {
        return;
    }
    // A method that a client invents must not become a name of its own.
    let (name, method) = match METHODS.contains(method) {
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
