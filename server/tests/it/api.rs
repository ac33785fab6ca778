//! Every form of input, and every error.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::LazyLock,
    time::Duration,
};

use crate::common::{Server, TestArtifacts, picture, seven};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

static ARTIFACTS: LazyLock<TestArtifacts> = LazyLock::new(TestArtifacts::released);
static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&ARTIFACTS));

fn predict(content_type: &str, body: &[u8]) -> (u16, Value) {
    SERVER.post("/api/predict", content_type, body)
}

fn predict_json(body: Value) -> (u16, Value) {
    SERVER.post_json("/api/predict", &body)
}

#[track_caller]
fn assert_reads((status, body): (u16, Value), label: &str) {
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["label"], label, "{body}");
    assert_eq!(body["verdict"], "read");
    let probabilities: Vec<f64> =
        body["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-4, "{body}");
    let labels = body["labels"].as_array().unwrap();
    assert_eq!(labels.len(), probabilities.len());
    let index = labels.iter().position(|l| l == label).unwrap();
    assert!((body["confidence"].as_f64().unwrap() - probabilities[index]).abs() < 1e-6);
    for stage in ["decode", "queue", "compute"] {
        assert!(body["timing_us"][stage].is_u64(), "{body}");
    }
    assert!(body["model"].as_str().unwrap().starts_with("mnist-"));
}

#[track_caller]
fn assert_refused((status, body): (u16, Value), expected: u16, code: &str) {
    assert_eq!(status, expected, "{body}");
    assert_eq!(body["error"]["code"], code, "{body}");
    assert!(body["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{body}");
}

/// The 784 pixels that the server itself saw of the stored 5.
fn five_pixels() -> Vec<u8> {
    let bytes = picture("5.bmp");
    let glyph = glyphic_runtime::decode::decode(&bytes).unwrap().glyph().unwrap();
    glyph.pixels().to_vec()
}

#[test]
fn reads_a_raw_image_of_every_format() {
    assert_reads(predict("image/png", &picture("5_1bit.png")), "5");
    assert_reads(predict("image/jpeg", &picture("5_progressive.jpg")), "5");
    assert_reads(predict("image/webp", &picture("5_webp_lossy.webp")), "5");
    assert_reads(predict("image/gif", &picture("5_palette.gif")), "5");
    assert_reads(predict("image/bmp", &picture("5.bmp")), "5");
}

#[test]
fn reads_an_image_whatever_type_a_client_gives_it() {
    let bytes = picture("5_grey16.png");
    for content_type in
        ["application/x-www-form-urlencoded", "application/octet-stream", "image/jpeg"]
    {
        assert_reads(predict(content_type, &bytes), "5");
    }
}

#[test]
fn reads_a_form_with_an_image() {
    let mut body =
        b"--xyz\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--xyz\r\n\
        Content-Disposition: form-data; name=\"image\"; filename=\"5.png\"\r\n\
        Content-Type: image/png\r\n\r\n"
            .to_vec();
    body.extend(picture("5_1bit.png"));
    body.extend(b"\r\n--xyz--\r\n");
    assert_reads(predict("multipart/form-data; boundary=xyz", &body), "5");
}

#[test]
fn reads_a_form_with_a_photo_of_some_megabytes() {
    let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n".to_vec();
    body.extend(picture("5_1bit.png"));
    // What follows a PNG's end is not read, but it is sent.
    body.extend(vec![0; 5 << 20]);
    body.extend(b"\r\n--xyz--\r\n");
    assert_reads(predict("multipart/form-data; boundary=xyz", &body), "5");
}

/// A capital A.
fn letter() -> Value {
    json!({ "strokes": [[[0, 14], [5, 0], [10, 14]], [[2, 9], [8, 9]]] })
}

#[test]
fn says_that_a_letter_is_no_digit_and_by_what_it_decided() {
    let (status, body) = predict_json(letter());
    assert_eq!((status, &body["verdict"]), (200, &json!("not_a_digit")), "{body}");
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(
        number(&body["in_distribution"]) < number(&body["thresholds"]["in_distribution"]),
        "{body}"
    );
    // What it would be, if it were one, is said all the same.
    assert_eq!(body["best"][0]["label"], body["label"]);
    assert_eq!(body["best"].as_array().unwrap().len(), 2);
}

#[test]
fn a_request_may_set_the_thresholds() {
    let ask = |query: &str, body: &Value| SERVER.post_json(&format!("/api/predict?{query}"), body);
    let (_, body) = ask("reject_below=0&unsure_below=0", &letter());
    assert_eq!(body["verdict"], "read", "{body}");
    assert_eq!(body["thresholds"], json!({ "in_distribution": 0.0, "confidence": 0.0 }));
    let (_, body) = ask("unsure_below=1", &json!({ "strokes": seven() }));
    assert_eq!((&body["verdict"], &body["label"]), (&json!("unsure"), &json!("7")), "{body}");
    assert_eq!(body["best"][0]["confidence"], body["confidence"]);
    let (_, body) = ask("reject_below=1", &json!({ "strokes": seven() }));
    assert_eq!(body["verdict"], "not_a_digit", "{body}");
    for query in ["reject_below=1.5", "unsure_below=-1", "reject_below=NaN", "unsure_below=much"] {
        assert_refused(ask(query, &letter()), 400, "malformed");
    }
}

/// A report comes with its checkpoint, which may come from anywhere.
#[track_caller]
fn assert_in_a_sandbox(response: &ureq::http::Response<ureq::Body>) {
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    let policy: Vec<&str> = header("content-security-policy").split("; ").collect();
    for directive in
        ["default-src 'none'", "form-action 'none'", "base-uri 'none'", "img-src data:", "sandbox"]
    {
        assert!(policy.contains(&directive), "{directive} is not in {policy:?}");
    }
    assert_eq!(header("x-content-type-options"), "nosniff");
}

#[test]
fn shows_a_checkpoints_report() {
    let id = ARTIFACTS.registry.current().unwrap();
    let mut page = ureq::get(SERVER.url(&format!("/models/{id}"))).call().unwrap();
    assert_in_a_sandbox(&page);
    assert!(page.body_mut().read_to_string().unwrap().contains("Confusion matrix"));
    let card = ureq::get(SERVER.url(&format!("/api/models/{id}/report"))).call().unwrap();
    assert_in_a_sandbox(&card);
    let (status, card) = SERVER.get(&format!("/api/models/{id}/report"));
    assert_eq!((status, &card["id"]), (200, &json!(id)));
    assert!(card["score"]["accuracy"].as_f64().unwrap() > 0.99);
    for path in ["/models/nothing", "/models/..%2F..%2Fetc", "/api/models/nothing/report"] {
        let (status, _) = SERVER.get(path);
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
}

#[test]
fn rejects_options_that_are_no_numbers_as_json() {
    let answer = SERVER.post_json("/api/predict?explain=yes", &json!({ "strokes": seven() }));
    assert_refused(answer, 400, "malformed");
    assert_refused(SERVER.post("/api/models/%ff/promote", "", b""), 400, "malformed");
}

#[test]
fn rejects_changes_that_another_sites_page_asks_for() {
    let post = |path: &str, header: &str, value: &str| {
        let request = ureq::post(SERVER.url(path))
            .config()
            .http_status_as_error(false)
            .build()
            .header(header, value);
        request.send_empty().unwrap().status().as_u16()
    };
    for path in ["/api/models/rollback", "/api/models/none/promote"] {
        assert_eq!(post(path, "Sec-Fetch-Site", "cross-site"), 403);
        assert_eq!(post(path, "Origin", "https://example.org"), 403);
        assert_ne!(post(path, "Origin", &SERVER.url("")), 403);
        assert_ne!(post(path, "Sec-Fetch-Site", "same-origin"), 403);
    }
}

#[test]
fn reads_json_with_an_image() {
    let encoded = STANDARD.encode(picture("5_1bit.png"));
    assert_reads(predict_json(json!({ "image": format!("data:image/png;base64,{encoded}") })), "5");
    assert_reads(predict_json(json!({ "image": encoded })), "5");
    assert_reads(predict("text/plain", encoded.as_bytes()), "5");
}

#[test]
fn reads_json_with_strokes() {
    assert_reads(predict_json(json!({ "strokes": seven() })), "7");
}

#[test]
fn reads_json_with_pixels() {
    assert_reads(predict_json(json!({ "pixels": five_pixels() })), "5");
    let real: Vec<f64> = five_pixels().iter().map(|&v| f64::from(v)).collect();
    assert_reads(predict_json(json!({ "pixels": real })), "5");
}

#[test]
fn reads_784_raw_bytes() {
    assert_reads(predict("application/octet-stream", &five_pixels()), "5");
}

#[test]
fn says_that_a_blank_is_blank() {
    let blanks = [
        predict_json(json!({ "strokes": [] })),
        predict_json(json!({ "strokes": [[]] })),
        predict_json(json!({ "pixels": vec![0; 784] })),
        predict("application/octet-stream", &[0; 784]),
        predict("image/png", &picture("blank_white.png")),
        predict("image/png", &picture("blank_black.png")),
    ];
    for (status, body) in blanks {
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["label"], Value::Null);
        assert_eq!(body["verdict"], "blank");
        assert_eq!(body["labels"].as_array().unwrap().len(), 10);
    }
}

#[test]
fn explains_what_the_network_saw() {
    let body = json!({ "strokes": seven() });
    let (_, plain) = SERVER.post_json("/api/predict", &body);
    assert_eq!(plain.get("seen"), None);
    let (_, explained) = SERVER.post_json("/api/predict?explain=1", &body);
    let url = explained["seen"].as_str().unwrap();
    let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    let seen = image::load_from_memory(&png).unwrap().into_luma8();
    let strokes = serde_json::from_value(seven()).unwrap();
    let expected = glyphic_model::preprocess::Strokes::new(strokes).unwrap().glyph().unwrap();
    assert_eq!(seen.as_raw().as_slice(), expected.pixels());
}

#[test]
fn rejects_json_that_is_broken_or_of_another_form() {
    assert_refused(predict("application/json", b"{"), 400, "malformed");
    assert_refused(predict("application/json", b"[1,2]"), 400, "malformed");
    assert_refused(predict_json(json!({})), 400, "malformed");
    assert_refused(predict_json(json!({ "picture": "x" })), 400, "malformed");
    assert_refused(predict_json(json!({ "strokes": seven(), "pixels": [] })), 400, "malformed");
    assert_refused(predict_json(json!({ "strokes": [[["a", 1]]] })), 400, "malformed");
    let deep = "[".repeat(100_000);
    assert_refused(predict("application/json", deep.as_bytes()), 400, "malformed");
}

#[test]
fn rejects_broken_base64() {
    assert_refused(predict_json(json!({ "image": "data:image/png,abc" })), 400, "malformed");
    assert_refused(predict_json(json!({ "image": "§§§" })), 400, "malformed");
}

#[test]
fn rejects_forms_without_an_image() {
    let other = b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhello\r\n--x--\r\n";
    assert_refused(predict("multipart/form-data; boundary=x", other), 400, "malformed");
    assert_refused(predict("multipart/form-data", other), 400, "malformed");
    assert_refused(predict("multipart/form-data; boundary=x", &other[..30]), 400, "malformed");
}

#[test]
fn rejects_wrong_numbers_of_pixels() {
    assert_refused(predict_json(json!({ "pixels": [1, 2, 3] })), 422, "wrong_pixel_count");
    assert_refused(predict_json(json!({ "pixels": vec![256; 784] })), 400, "malformed");
    assert_refused(predict("application/octet-stream", &[7; 783]), 415, "unknown_image_format");
}

#[test]
fn rejects_strokes_that_cannot_be_drawn() {
    assert_refused(predict_json(json!({ "strokes": [[[1e9, 0]]] })), 422, "bad_strokes");
    let long = vec![[1, 2]; 20_001];
    assert_refused(predict_json(json!({ "strokes": [long] })), 422, "bad_strokes");
}

#[test]
fn rejects_other_content_types() {
    assert_refused(predict("application/pdf", b"%PDF-1.7"), 415, "unsupported_type");
    assert_refused(
        predict("image/svg+xml", &picture("svg_script.svg")),
        415,
        "unknown_image_format",
    );
    assert_refused(predict("image/png", b""), 400, "empty_image");
}

#[test]
fn rejects_bodies_over_the_limit() {
    // One at the limit is read.
    assert_refused(predict("application/json", &vec![b' '; 16 << 20]), 400, "malformed");
    // By the announced length, before a byte of the body is sent …
    let announced =
        "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777217\r\n\r\n";
    // … or, where no length is announced, once the limit is passed.
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, " ".repeat(1 << 20));
    let chunked =
        "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_owned()
            + &chunk.repeat(17);
    for request in [announced, &chunked] {
        let mut stream = TcpStream::connect(SERVER.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The server may close its side before it has read all of this.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
    }
}

#[test]
fn rejects_other_paths_and_methods() {
    assert_refused(SERVER.get("/nothing"), 404, "no_such_path");
    assert_refused(SERVER.get("/api/nothing/here"), 404, "no_such_path");
    assert_refused(SERVER.get("/..%2f..%2fetc%2fpasswd"), 404, "no_such_path");
    assert_refused(SERVER.get("/api/predict"), 405, "no_such_method");
}

#[test]
fn serves_the_page_and_its_assets() {
    let (status, page) = SERVER.get("/");
    assert_eq!(status, 200);
    let page = page.as_str().unwrap();
    for asset in ["style.css", "main.js", "icon.svg"] {
        assert!(page.contains(asset));
        assert_eq!(SERVER.get(&format!("/{asset}")).0, 200);
    }
    let response = ureq::get(SERVER.url("/")).call().unwrap();
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("'self'"));
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}

#[test]
fn what_is_large_is_sent_compressed_and_once() {
    let get = |headers: [(&str, &str); 2]| {
        let mut request = ureq::get(SERVER.url("/glyphic_bg.wasm"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.call().unwrap()
    };
    let plain = get([("accept-encoding", "identity"), ("x-none", "")]);
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(plain.headers()["content-type"], "application/wasm");
    let tag = plain.headers()["etag"].to_str().unwrap().to_owned();
    let content = plain.into_body().read_to_vec().unwrap();

    let packed = get([("accept-encoding", "br, gzip;q=0.8"), ("x-none", "")]);
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["vary"], "accept-encoding");
    let packed = packed.into_body().read_to_vec().unwrap();
    assert!(packed.len() < 350_000, "{} bytes", packed.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == content);

    let again = get([("accept-encoding", "gzip"), ("if-none-match", &format!("\"old\", {tag}"))]);
    assert_eq!(again.status(), 304);
    assert!(again.into_body().read_to_vec().unwrap().is_empty());
}

#[test]
fn is_healthy_and_ready() {
    assert_eq!(SERVER.get("/healthz"), (200, Value::String("ok".to_owned())));
    let (status, body) = SERVER.get("/readyz");
    assert_eq!(status, 200);
    assert!(body["model"].as_str().unwrap().starts_with("mnist-"));
}

#[test]
fn a_full_queue_is_429_and_says_when_to_retry() {
    use glyphic_server::config::Limits;
    use ureq::http::header::RETRY_AFTER;
    // One place in the queue, one picture a batch, and forty clients at once that want
    // eight pictures read: more than the requesting thread computes itself.
    let limits = Limits { queue: 1, max_batch: 1, ..Limits::default() };
    let artifacts = TestArtifacts::released();
    let server = Server::start_with(&artifacts, limits);
    let eight = five_pixels().repeat(8);
    let tensor = json!({ "name": "pixels", "shape": [8, 784], "datatype": "UINT8", "data": eight });
    let body = json!({ "inputs": [tensor] }).to_string();
    let statuses: Vec<(u16, bool)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..40)
            .map(|_| {
                scope.spawn(|| {
                    (0..20)
                        .map(|_| {
                            let response = ureq::post(server.url("/v2/models/glyphic/infer"))
                                .config()
                                .http_status_as_error(false)
                                .build()
                                .content_type("application/json")
                                .send(&body[..])
                                .unwrap();
                            let retry = response.headers().contains_key(RETRY_AFTER);
                            (response.status().as_u16(), retry)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|&answer| matches!(answer, (200, false) | (429, true))));
    assert!(statuses.iter().any(|&(status, _)| status == 200));
    assert!(statuses.iter().any(|&(status, _)| status == 429), "the queue never filled");
}

/// A [`seven`], and further right another one.
fn seventy_seven() -> Value {
    json!([seven()[0], [[110, 12], [140, 10], [172, 11], [160, 45], [148, 80], [140, 110]]])
}

#[test]
fn a_number_is_read_digit_by_digit() {
    let (status, body) = SERVER.post_json("/api/read", &json!({ "strokes": seventy_seven() }));
    assert_eq!(
        (status, &body["text"], &body["verdict"]),
        (200, &json!("77"), &json!("read")),
        "{body}"
    );
    let line = &body["lines"][0];
    assert_eq!((&line["text"], line["digits"].as_array().unwrap().len()), (&json!("77"), 2));
    let place = |i: usize, at: usize| line["digits"][i]["box"][at].as_f64().unwrap();
    assert!(place(0, 0) + place(0, 2) < place(1, 0), "{body}");
    for (i, strokes) in [(0, json!([0])), (1, json!([1]))] {
        let digit = &line["digits"][i];
        assert_eq!((&digit["label"], &digit["strokes"]), (&json!("7"), &strokes), "{body}");
        assert!(digit["confidence"].as_f64().unwrap() > 0.9 && digit["verdict"] == "read");
        assert!(digit["seen"].is_null());
    }
    // What was found can be given back, and be another thing.
    let boxes = json!([line["digits"][0]["box"], line["digits"][1]["box"]]).to_string();
    let path = format!("/api/read?explain=1&boxes={}", percent_encoded(&boxes));
    let (status, body) = SERVER.post_json(&path, &json!({ "strokes": seventy_seven() }));
    assert_eq!((status, &body["text"]), (200, &json!("77")), "{body}");
    let seen = body["lines"][0]["digits"][1]["seen"].as_str().unwrap();
    assert!(seen.starts_with("data:image/png;base64,"));
    let path = format!("/api/read?boxes={}", percent_encoded(&json!([line["box"]]).to_string()));
    let (_, body) = SERVER.post_json(&path, &json!({ "strokes": seventy_seven() }));
    assert_eq!(body["lines"][0]["digits"].as_array().unwrap().len(), 1, "{body}");
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn one_digit_is_read_as_by_predict_in_every_form() {
    for (content_type, body) in [
        ("image/bmp", picture("5.bmp")),
        ("application/octet-stream", five_pixels()),
        ("application/json", json!({ "strokes": seven() }).to_string().into_bytes()),
    ] {
        let (_, one) = predict(content_type, &body);
        let (status, read) = SERVER.post("/api/read", content_type, &body);
        assert_eq!((status, &read["text"]), (200, &one["label"]), "{read}");
        assert_eq!(read["verdict"], one["verdict"]);
        let digit = &read["lines"][0]["digits"][0];
        let difference =
            digit["confidence"].as_f64().unwrap() - one["confidence"].as_f64().unwrap();
        assert!(difference.abs() < 1e-3, "{read} {one}");
    }
}

#[test]
fn what_cannot_be_read_as_a_number_says_so() {
    let (status, body) = SERVER.post_json("/api/read", &json!({ "strokes": [] }));
    assert_eq!((status, &body["text"], &body["verdict"]), (200, &json!(""), &json!("blank")));
    assert_eq!(body["lines"], json!([]));
    let (_, body) = SERVER.post("/api/read", "image/png", &picture("blank_white.png"));
    assert_eq!((&body["text"], &body["verdict"]), (&json!(""), &json!("blank")));
    let strokes = json!({ "strokes": seven() });
    for boxes in ["[]", "[[1,2,3]]", "[[0,0,-1,5]]", "[[0,0,1e39,5]]", "nonsense"] {
        let path = format!("/api/read?boxes={}", percent_encoded(boxes));
        assert_refused(SERVER.post_json(&path, &strokes), 400, "malformed");
    }
    assert_refused(SERVER.post_json("/api/read?reject_below=2", &strokes), 400, "malformed");
    assert_refused(
        SERVER.post("/api/read", "image/png", b"no picture"),
        415,
        "unknown_image_format",
    );
}
