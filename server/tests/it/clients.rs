//! What clients send, in the forms in which their tools and libraries send it.

use std::io::Write;

use axum::http::HeaderValue;
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use glyphic_runtime::listen::address;
use glyphic_server::config::Limits;
use serde_json::{Value, json};

use crate::common::{Server, TestArtifacts, TrainingSetup, picture, read, seven};

fn posted(server: &Server, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
    let request = ureq::post(server.url(path)).config().http_status_as_error(false).build();
    let with = |request: ureq::RequestBuilder<_>, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    read(headers.iter().fold(request, with).send(body))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn compressed_bodies_are_read_within_the_same_limits() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let strokes = json!({ "strokes": seven() }).to_string();
    let inference = json!({ "inputs": [{ "name": "pixels", "shape": [1, 784], "datatype": "UINT8",
        "data": vec![0; 784] }] });
    let inference = inference.to_string();
    let tensors = "/v2/models/glyphic/infer";
    for (encoding, pack) in [
        ("gzip", gzip as fn(&[u8]) -> Vec<u8>),
        ("x-gzip", gzip),
        ("GZIP, identity", gzip),
        ("deflate", zlib),
        ("identity", <[u8]>::to_vec),
    ] {
        for (path, body) in
            [("/api/predict", &strokes), ("/api/read", &strokes), (tensors, &inference)]
        {
            let packed = pack(body.as_bytes());
            let (status, answer) =
                posted(&server, path, &[JSON, ("content-encoding", encoding)], &packed);
            assert_eq!(status, 200, "{encoding}, {path}: {answer}");
        }
        let labelled = json!({ "strokes": seven(), "label": "7" }).to_string();
        let packed = pack(labelled.as_bytes());
        let headers = [JSON, ("content-encoding", encoding)];
        assert!(posted(&server, "/api/samples", &headers, &packed).0 < 300, "{encoding}");
        let (status, _) = posted(&server, "/v2/repository/index", &headers, &pack(b"{}"));
        assert_eq!(status, 200, "{encoding}");
    }
    // A gzip file may have several members.
    let (first, second) = strokes.as_bytes().split_at(20);
    let members = [gzip(first), gzip(second)].concat();
    let headers = [JSON, ("content-encoding", "gzip")];
    assert_eq!(posted(&server, "/api/predict", &headers, &members).1["label"], "7");

    for encoding in ["br", "zstd", "gzip, gzip", "compress"] {
        let headers = [JSON, ("content-encoding", encoding)];
        let (status, answer) = posted(&server, "/api/predict", &headers, strokes.as_bytes());
        assert_eq!(status, 415, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(encoding), "{answer}");
        assert_eq!(posted(&server, tensors, &headers, inference.as_bytes()).0, 415);
    }
    // Cut off, not compressed at all, and without zlib's header.
    let whole = gzip(strokes.as_bytes());
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
    raw.write_all(strokes.as_bytes()).unwrap();
    let raw = raw.finish().unwrap();
    for (encoding, body) in
        [("gzip", &whole[..whole.len() - 12]), ("gzip", strokes.as_bytes()), ("deflate", &raw)]
    {
        let headers = [JSON, ("content-encoding", encoding)];
        let (status, answer) = posted(&server, "/api/predict", &headers, body);
        assert_eq!(status, 400, "{answer}");
    }
    // Over every limit in some 20 KB: so few that they are sent before the server refuses them.
    let bomb = gzip(&vec![b' '; 17 << 20]);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    for path in ["/api/predict", tensors, "/v2/repository/index", "/api/samples"] {
        let (status, answer) = posted(&server, path, &headers, &bomb);
        assert_eq!(status, 413, "{path}: {answer}");
    }
}

/// Members of a gzip file of which nothing comes.
#[test]
fn packed_bytes_are_limited_too() {
    let artifacts = TestArtifacts::released();
    let server = Server::start_with(&artifacts, Limits { max_body_mib: 1, ..Limits::default() });
    let picture = gzip(&picture("5_1bit.png"));
    let sent = |bytes: usize| {
        let empty = gzip(b"");
        let padding = empty.repeat(bytes / empty.len());
        posted(
            &server,
            "/api/predict",
            &[("content-encoding", "gzip")],
            &[&padding[..], &picture].concat(),
        )
    };
    assert_eq!(sent(1 << 19).1["label"], "5");
    assert_eq!(sent(1 << 20).0, 400);
}

#[test]
fn a_null_is_as_if_it_were_not_there() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let nulls =
        json!({ "strokes": seven(), "image": null, "pixels": null, "label": null, "source": null });
    for path in ["/api/predict", "/api/read", "/api/samples"] {
        let (status, answer) = server.post_json(path, &nulls);
        assert!(status < 300, "{path}: {answer}");
    }
    // As MLServer's types write a request.
    let pixels = vec![0; 784];
    let request = json!({
        "id": null, "parameters": null,
        "inputs": [{ "name": "pixels", "shape": [1, 784], "datatype": "UINT8", "parameters": null, "data": pixels }],
        "outputs": [{ "name": "label", "parameters": null }],
    });
    let (status, answer) = server.post_json("/v2/models/glyphic/infer", &request);
    assert_eq!(status, 200, "{answer}");
    let mut all = request;
    all["outputs"] = Value::Null;
    all["parameters"] =
        json!({ "binary_data_output": null, "reject_below": null, "unsure_below": null });
    all["inputs"][0]["parameters"] = json!({ "content_type": null, "binary_data_size": null });
    let (status, answer) = server.post_json("/v2/models/glyphic/infer", &all);
    assert_eq!((status, answer["outputs"].as_array().map(Vec::len)), (200, Some(5)), "{answer}");
    for body in ["null", r#"{"ready":null}"#, "{}", ""] {
        let (status, answer) = posted(&server, "/v2/repository/index", &[JSON], body.as_bytes());
        assert_eq!(status, 200, "{body}: {answer}");
    }
}

#[test]
fn marks_are_dropped_and_labels_that_look_the_same_are_one() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let marked = |body: Value| [b"\xef\xbb\xbf", body.to_string().as_bytes()].concat();
    let strokes = marked(json!({ "strokes": seven() }));
    for headers in [&[JSON][..], &[]] {
        assert_eq!(posted(&server, "/api/predict", headers, &strokes).1["label"], "7");
    }
    let inference = json!({ "inputs": [{ "name": "pixels", "shape": [1, 784], "datatype": "UINT8",
        "data": vec![0; 784] }] });
    let (status, answer) = posted(&server, "/v2/models/glyphic/infer", &[JSON], &marked(inference));
    assert_eq!(status, 200, "{answer}");
    let utf16: Vec<u8> = "{\"strokes\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (status, answer) = posted(&server, "/api/predict", &[JSON], &utf16);
    assert_eq!(status, 400);
    assert!(answer["error"]["message"].as_str().unwrap().contains("UTF-16"), "{answer}");

    // The same letter as one character, and as two.
    let [one, two] = ["\u{e9}", "e\u{301}"];
    let drawn = |foot: u32| json!([[[0, 0], [60, 0], [30, foot]]]);
    let ids = [(one, 80), (two, 90)].map(|(label, foot)| {
        server.teach(label, "me", &drawn(foot))["id"].as_str().unwrap().to_owned()
    });
    let path = format!("/api/samples/{}", ids[0]);
    assert_eq!(server.send("PATCH", &path, &json!({ "label": two })).0, 200);
    let labels = server.get("/api/samples/summary").1["labels"].clone();
    assert_eq!(labels.as_array().unwrap().len(), 1, "{labels}");
    assert_eq!(labels[0]["name"], one);
}

#[test]
fn base64_is_read_as_tools_print_it() {
    use base64::{Engine, engine::general_purpose};
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let file = picture("5_1bit.png");
    let of_one_line = general_purpose::STANDARD.encode(&file);
    let lines = |end: &str| -> String {
        let lines =
            of_one_line.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap());
        lines.map(|line| format!("{line}{end}")).collect()
    };
    let url_safe = general_purpose::URL_SAFE.encode(&file);
    for text in [
        of_one_line.clone(),
        lines("\n"),
        lines("\r\n"),
        url_safe.clone(),
        url_safe.trim_end_matches('=').to_owned(),
        format!("data:image/png;base64,{}", lines("\n")),
        format!(" data:image/png;base64,{url_safe}\n"),
    ] {
        let (status, answer) = server.post("/api/predict", "text/plain", text.as_bytes());
        assert_eq!((status, &answer["label"]), (200, &json!("5")), "{answer}");
        let (status, answer) = server.post_json("/api/predict", &json!({ "image": text }));
        assert_eq!((status, &answer["label"]), (200, &json!("5")), "{answer}");
    }
    let (status, answer) = server.post_json("/api/predict", &json!({ "image": "iVBO*" }));
    assert_eq!(status, 400);
    assert!(answer["error"]["message"].as_str().unwrap().contains("base64"), "{answer}");
}

#[test]
fn pixels_may_be_shares_of_full_ink() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    // A 1.
    let ink = |i: usize| (13..15).contains(&(i % 28)) && (5..23).contains(&(i / 28));
    let bytes: Vec<u8> = (0..784).map(|i| if ink(i) { 255 } else { 0 }).collect();
    let shares: Vec<f32> = bytes.iter().map(|&b| f32::from(b) / 255.0).collect();
    let predict = |body: &Value| server.post_json("/api/predict", body).1;
    let by_bytes = predict(&json!({ "pixels": bytes }));
    let by_shares = predict(&json!({ "pixels": shares }));
    assert_eq!(by_bytes["label"], "1");
    assert_eq!(by_shares["probabilities"], by_bytes["probabilities"]);
    let raw: Vec<u8> = bytes.iter().map(|&b| b / 255).collect();
    let (_, answer) = server.post("/api/predict", "application/octet-stream", &raw);
    assert_eq!(answer["probabilities"], by_bytes["probabilities"]);
    let infer = |datatype: &str, data: Value| {
        let input =
            json!({ "name": "pixels", "shape": [1, 784], "datatype": datatype, "data": data });
        server.post_json("/v2/models/glyphic/infer", &json!({ "inputs": [input] })).1["outputs"]
            .clone()
    };
    assert_eq!(infer("FP32", json!(shares)), infer("UINT8", json!(bytes)));
    let (status, answer) = server.post_json("/api/predict", &json!({ "pixels": vec![-0.5; 784] }));
    assert_eq!(status, 400);
    assert!(answer["error"]["message"].as_str().unwrap().contains("0 to 255"), "{answer}");
    let about = server.get("/v2/models/glyphic").1;
    assert!(about["parameters"]["pixels"].as_str().unwrap().starts_with("0 to 255"), "{about}");
}

/// As curl sends them with -d and nothing else.
#[test]
fn json_is_known_by_its_first_byte_and_a_form_is_told_what_to_do() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let strokes = format!("\n {}", json!({ "strokes": seven() }));
    for content_type in ["application/x-www-form-urlencoded", "application/octet-stream", ""] {
        let headers = [("content-type", content_type)];
        let headers = if content_type.is_empty() { &[][..] } else { &headers };
        let (status, answer) = posted(&server, "/api/predict", headers, strokes.as_bytes());
        assert_eq!((status, &answer["label"]), (200, &json!("7")), "{content_type}: {answer}");
        for form in ["image=data:image/png;base64,iVBO", "strokes=%5B%5D", "label=7&image=x"] {
            let (status, answer) = posted(&server, "/api/predict", headers, form.as_bytes());
            assert_eq!(status, 400, "{answer}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("--data-binary") && message.contains("Content-Type"),
                "{message}"
            );
        }
    }
}

#[test]
fn pages_of_allowed_sites_may_read_and_no_others() {
    let artifacts = TestArtifacts::released();
    let start = |origins: &'static [&'static str]| {
        let origins: Vec<HeaderValue> =
            origins.iter().map(|origin| HeaderValue::from_static(origin)).collect();
        let training = Some(TrainingSetup::default());
        Server::start_changed(&artifacts, Limits::default(), training, |app| {
            app.with_origins(origins)
        })
    };
    let asked = |server: &Server, method: &str, path: &str, origin: &str| {
        let request = ureq::http::Request::builder().method(method).uri(server.url(path));
        let request = request.header("origin", origin).header("sec-fetch-site", "cross-site");
        let request = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let body = json!({ "strokes": seven(), "label": "7" }).to_string();
        let body = if method == "POST" { body } else { String::new() };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build();
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let response = ureq::Agent::new_with_config(agent).run(request).unwrap();
        let allowed = response.headers().get("access-control-allow-origin");
        (response.status().as_u16(), allowed.map(|value| value.to_str().unwrap().to_owned()))
    };
    let closed = start(&[]);
    assert_eq!(asked(&closed, "OPTIONS", "/api/predict", "https://a.example"), (405, None));
    assert_eq!(asked(&closed, "GET", "/api/models", "https://a.example"), (200, None));
    drop(closed);
    let site = "https://a.example";
    let allowed = Some(site.to_owned());
    for server in [start(&["https://b.example", "https://a.example"]), start(&["*"])] {
        for path in ["/api/predict", "/api/read", "/v2/models/glyphic/infer"] {
            assert_eq!(asked(&server, "OPTIONS", path, site), (200, allowed.clone()), "{path}");
        }
        assert_eq!(asked(&server, "POST", "/api/predict", site), (200, allowed.clone()));
        assert_eq!(asked(&server, "GET", "/api/models", site), (200, allowed.clone()));
        // What is kept here, and every change, is for its own pages.
        assert_eq!(asked(&server, "GET", "/api/samples", site).1, None);
        assert_eq!(asked(&server, "POST", "/api/samples", site), (403, None));
    }
    let server = start(&["https://b.example"]);
    assert_eq!(asked(&server, "POST", "/api/predict", site).1, None);
    assert_eq!(asked(&server, "POST", "/api/predict", "https://b.example.evil").1, None);
}

#[test]
fn addresses_are_taken_as_people_write_them() {
    for (text, is) in [
        ("127.0.0.1:8933", "127.0.0.1:8933"),
        ("localhost:8933", "127.0.0.1:8933"),
        (":8933", "127.0.0.1:8933"),
        ("8933", "127.0.0.1:8933"),
        ("http://localhost:8933/", "127.0.0.1:8933"),
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("[::1]:8933", "[::1]:8933"),
    ] {
        assert_eq!(address(text), Ok(is.parse().unwrap()), "{text}");
    }
    for text in
        ["", "localhost", "127.0.0.1", "1:2:3", "127.0.0.1:99999", "no-such-host.invalid:80"]
    {
        let problem = address(text).unwrap_err();
        assert!(problem.contains("such as 127.0.0.1:8080"), "{text}: {problem}");
    }
}
