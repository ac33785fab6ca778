//! Traces as a collector of OpenTelemetry gets them.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::{
    common::{TestArtifacts, seven},
    programs::ServerProgram,
};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use serde_json::json;

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

async fn receive(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    received.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
}

/// What takes traces, and its address.
fn collector() -> (Received, String) {
    let received = Received::default();
    let router = Router::new().route("/v1/traces", post(receive)).with_state(received.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (received, address)
}

fn attribute(span: &Span, key: &str) -> String {
    let value = span.attributes.iter().find(|attribute| attribute.key == key);
    format!("{:?}", value.and_then(|attribute| attribute.value.clone()).and_then(|v| v.value))
}

#[test]
fn a_request_is_a_span_of_its_clients_trace_with_its_stages_inside() {
    let (received, endpoint) = collector();
    let artifacts = TestArtifacts::released();
    let server = ServerProgram::start(
        Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--addr", "127.0.0.1:0", "--device", "cpu", "--artifacts"])
            .arg(artifacts.registry.root())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_BSP_SCHEDULE_DELAY", "100")
            .stderr(Stdio::null()),
    );

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = "00f067aa0ba902b7";
    let send = |path: &str, body: &str| {
        let request = ureq::post(format!("{}{path}", server.url))
            .config()
            .http_status_as_error(false)
            .build()
            .header("traceparent", format!("00-{trace}-{parent}-01"))
            .content_type("application/json");
        request.send(body.as_bytes()).unwrap().status().as_u16()
    };
    assert_eq!(send("/api/predict", &json!({ "strokes": seven() }).to_string()), 200);
    assert_eq!(send("/api/nothing", "{}"), 404);

    // Those that are sent, until the last of these has come.
    let begun = Instant::now();
    let (services, spans) = loop {
        let requests = received.lock().unwrap().clone();
        let parts = requests.into_iter().flat_map(|request| request.resource_spans);
        let (mut services, mut spans) = (String::new(), Vec::new());
        for part in parts {
            services += &format!("{:?}", part.resource.unwrap().attributes);
            spans.extend(part.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        if spans.iter().filter(|span| span.kind == SpanKind::Server as i32).count() == 2 {
            break (services, spans);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{spans:?}");
        thread::sleep(Duration::from_millis(50));
    };
    assert!(services.contains("service.name") && services.contains("glyphic"), "{services}");
    let named = |name: &str| spans.iter().find(|span| span.name == name).expect(name);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let request = named("POST /api/predict");
    assert_eq!(
        (hex(&request.trace_id), hex(&request.parent_span_id)),
        (trace.into(), parent.into())
    );
    assert!(attribute(request, "http.response.status_code").contains("200"));
    assert!(attribute(request, "http.route").contains("/api/predict"));
    for stage in ["decode", "network"] {
        let stage = named(stage);
        assert_eq!(stage.parent_span_id, request.span_id);
        assert!(stage.start_time_unix_nano >= request.start_time_unix_nano);
        assert!(stage.end_time_unix_nano <= request.end_time_unix_nano);
    }
    let nothing = named("POST");
    assert!(attribute(nothing, "http.response.status_code").contains("404"));
    let failed = nothing.status.as_ref().is_some_and(|s| s.code == StatusCode::Error as i32);
    assert!(!failed, "a client's mistake is no error of the server's");
}
