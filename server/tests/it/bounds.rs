//! Bounds of what requests cost: pixels of an import, answers of any length, memory that comes back.

use std::{
    fs,
    io::{Cursor, Write},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, seven},
    programs::ServerProgram,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::checkpoint::sha256;
use glyphic_server::config::Limits;
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A server of its own process, on a folder of its own.
fn program(artifacts: &TestArtifacts) -> ServerProgram {
    ServerProgram::start(
        Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--addr", "127.0.0.1:0", "--device", "cpu", "--artifacts"])
            .arg(artifacts.registry.root())
            .stderr(Stdio::null()),
    )
}

/// A 1 on white paper, which is small as a file and takes long to decode.
fn photograph(width: u32, height: u32) -> Vec<u8> {
    let mut pixels = vec![255; (width * height) as usize];
    for y in height / 4..height * 3 / 4 {
        let row = (y * width + width / 2) as usize;
        pixels[row..row + width as usize / 20].fill(0);
    }
    let mut file = Vec::new();
    let (best, none) = (CompressionType::Best, FilterType::NoFilter);
    let encoder = PngEncoder::new_with_quality(&mut file, best, none);
    encoder.write_image(&pixels, width, height, ExtendedColorType::L8).unwrap();
    file
}

/// A zip of so many copies of a picture.
fn zipped(picture: &[u8], count: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for i in 0..count {
        zip.start_file(format!("1/{i}.png"), SimpleFileOptions::default()).unwrap();
        zip.write_all(picture).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The seconds that a process has computed so far.
fn computed(server: &ServerProgram) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.program.0.id())).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|&i| fields[i].parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

/// The memory that a process holds, in MiB.
fn held(server: &ServerProgram) -> f64 {
    let status = format!("/proc/{}/status", server.program.0.id());
    let status = fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn import(server: &ServerProgram, file: &[u8]) -> (u16, Value) {
    let request = ureq::post(format!("{}/api/samples/import", server.url));
    let request = request.config().http_status_as_error(false).build();
    crate::common::read(request.content_type("application/octet-stream").send(file))
}

#[test]
fn an_import_of_many_large_pictures_is_refused_before_any_is_decoded() {
    let artifacts = TestArtifacts::released();
    let server = program(&artifacts);
    let picture = photograph(6000, 4000);
    let line = json!({ "label": "1", "image": STANDARD.encode(&picture) });
    for file in [zipped(&picture, 120), format!("{line}\n").repeat(60).into_bytes()] {
        let before = computed(&server);
        let (status, answer) = import(&server, &file);
        assert_eq!((status, &answer["error"]["code"]), (422, &json!("bad_samples")), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        for part in ["first 21 pictures", "504 megapixels", "over 500", "--import-megapixels"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let took = computed(&server) - before;
        assert!(took < 2.0, "it computed for {took} s");
    }
    // Under the bound they are taken.
    let (status, answer) = import(&server, &zipped(&photograph(3000, 2000), 2));
    assert_eq!((status, &answer["added"], &answer["duplicates"]), (201, &json!(1), &json!(1)));
}

#[test]
fn an_import_stops_when_its_client_is_gone() {
    let artifacts = TestArtifacts::released();
    let server = program(&artifacts);
    let file = zipped(&photograph(4000, 2500), 48);
    let address = server.url.strip_prefix("http://").unwrap();
    let before = computed(&server);
    let mut client = TcpStream::connect(address).unwrap();
    write!(
        client,
        "POST /api/samples/import HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n",
        file.len()
    )
    .unwrap();
    client.write_all(&file).unwrap();
    // It is decoding.
    let begun = Instant::now();
    while computed(&server) - before < 0.5 {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is decoded");
        thread::sleep(Duration::from_millis(20));
    }
    drop(client);
    // It may end the picture that it has begun.
    thread::sleep(Duration::from_secs(2));
    let gone = computed(&server);
    thread::sleep(Duration::from_secs(2));
    let after = computed(&server) - gone;
    assert!(after < 0.5, "it went on for {after} of 2 s");
    // The next one has a place.
    let (status, answer) = import(&server, json!({ "strokes": seven() }).to_string().as_bytes());
    assert_eq!((status, &answer["added"]), (201, &json!(1)), "{answer}");
}

#[test]
fn answers_that_are_longer_than_the_memory_for_them_are_sent() {
    let artifacts = TestArtifacts::released();
    let big = vec![b'x'; 20 << 20];
    let report = artifacts.registry.folder(&artifacts.registry.current().unwrap());
    fs::write(report.join("report.html"), &big).unwrap();
    artifacts.publish("large");
    let folder = artifacts.registry.folder("large");
    fs::write(folder.join("weights.bpk"), &big).unwrap();
    let manifest = folder.join("manifest.json");
    let mut changed: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    changed["weights"] = json!({ "sha256": sha256(&big), "bytes": big.len() });
    fs::write(&manifest, changed.to_string()).unwrap();
    let limits = Limits { answer_memory_mib: 1, ..Limits::default() };
    let server = Server::start_with(&artifacts, limits);
    let serving = artifacts.registry.current().unwrap();
    assert_eq!(server.download(&format!("/models/{serving}")), big);
    assert_eq!(server.download(&format!("/weights/{}.bpk", sha256(&big))), big);
    // Damaged weights are not sent, not even in part.
    fs::write(folder.join("weights.bpk"), &big[1..]).unwrap();
    assert_eq!(server.get(&format!("/weights/{}.bpk", sha256(&big))).0, 422);
}

#[test]
fn an_export_with_more_labels_than_its_format_holds_is_refused_at_once() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let sample = |i: usize| {
        let strokes = json!([[[0, 0], [20 + i % 40, 1], [10, 50 + i / 10]]]);
        let source = if i < 128 { "one" } else { "two" };
        json!({ "label": format!("L{i}"), "source": source, "strokes": strokes })
    };
    let file: String = (0..257).map(|i| format!("{}\n", sample(i))).collect();
    let (status, answer) =
        server.post("/api/samples/import", "application/octet-stream", file.as_bytes());
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = server.get("/api/samples/export?format=idx");
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("too_many_labels")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("256") && message.contains("257"), "{message}");
    for path in ["format=idx&source=one", "format=png", "format=csv", "format=jsonl"] {
        let file = server.download(&format!("/api/samples/export?{path}"));
        assert!(file.len() > 128, "{path}");
    }
}

#[test]
fn memory_comes_back_after_a_storm() {
    let artifacts = TestArtifacts::released();
    let server = program(&artifacts);
    let post = |path: &str, body: &[u8]| {
        let request = ureq::post(format!("{}{path}", server.url));
        let request = request.config().http_status_as_error(false).build();
        // A client that is refused before it has sent everything may find the connection closed.
        let answer = request.content_type("image/png").send(body).ok()?;
        Some(answer.status().as_u16())
    };
    let small = photograph(200, 100);
    for _ in 0..200 {
        assert_eq!(post("/api/predict", &small), Some(200));
    }
    let before = held(&server);
    let (large, long) = (photograph(6000, 4000), vec![0x89; 15 << 20]);
    thread::scope(|scope| {
        for i in 0..16 {
            let (post, large, long) = (&post, &large, &long);
            scope.spawn(move || {
                for _ in 0..3 {
                    // Some are refused: there are too many of them.
                    post(["/api/predict", "/api/read"][i % 2], large);
                    post("/api/predict", long);
                }
            });
        }
    });
    let begun = Instant::now();
    while held(&server) > 1.5 * before {
        let now = held(&server);
        assert!(begun.elapsed() < Duration::from_secs(60), "{before:.0} MiB, then {now:.0}");
        thread::sleep(Duration::from_millis(500));
    }
}
