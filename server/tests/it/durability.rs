//! An acknowledged sample is there after a kill, whenever it comes, and after a
//! full disk. The server is the real program.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    common::{TestArtifacts, read, repetitions, seven},
    programs::{Postgres, ServerProgram},
};
use glyphic_server::{samples::Filter, store::Store};
use serde_json::{Value, json};

fn kills() -> usize {
    repetitions(200, 40)
}

/// The program on a port of its own.
fn start(artifacts: &Path, wrapper: Option<&str>) -> ServerProgram {
    let server = env!("CARGO_BIN_EXE_server");
    let mut command = match wrapper {
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script, server]);
            command
        }
        None => Command::new(server),
    };
    command
        .env("GLYPHIC_ADDR", "127.0.0.1:0")
        .env("GLYPHIC_ARTIFACTS", artifacts)
        .env("GLYPHIC_DEVICE", "cpu")
        .stderr(Stdio::null());
    ServerProgram::start(&mut command)
}

/// Sends a drawing that no other call has; returns its id if the server
/// acknowledged it.
fn teach(address: &str, number: usize) -> Option<(String, String)> {
    let wide = 20.0 + (number % 997) as f64 / 10.0;
    let high = 60.0 + (number / 997) as f64;
    let label = (number % 10).to_string();
    let body = json!({ "label": label, "strokes": [[[0, 0], [wide, 1.5], [wide / 2.0, high]]] });
    let response = ureq::post(format!("{address}/api/samples"))
        .config()
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .content_type("application/json")
        .send(body.to_string().as_bytes());
    let text = response.ok()?.body_mut().read_to_string().ok()?;
    let answer: Value = serde_json::from_str(&text).ok()?;
    Some((answer["id"].as_str()?.to_owned(), label))
}

#[test]
fn kills_under_load_lose_nothing_that_was_acknowledged() {
    let artifacts = TestArtifacts::released();
    let root = artifacts.registry.root();
    let acknowledged = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    // A busy machine acknowledges less between two kills; it is killed more often.
    let enough = || acknowledged.lock().unwrap().len() > 2 * kills();
    for kill in 0..20 * kills() {
        if kill >= kills() && enough() {
            break;
        }
        let ServerProgram { program, url: address } = start(root, None);
        let stopped = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stopped.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if let Some(kept) = teach(&address, number) {
                            acknowledged.lock().unwrap().push(kept);
                        }
                    }
                });
            }
            // At every moment of a request, and of the database's own work.
            thread::sleep(Duration::from_micros(3_000 + (kill as u64 * 7919) % 60_000));
            drop(program);
            stopped.store(true, Ordering::Relaxed);
        });
    }
    assert!(enough(), "only {} were sent", acknowledged.lock().unwrap().len());
    let acknowledged = acknowledged.into_inner().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found: BTreeMap<String, Option<String>> = runtime.block_on(async {
        let store = Store::open(&Store::file_url(&root.join("glyphic.db"))).await.unwrap();
        let all = store.find(&Filter::default(), None, i64::from(i32::MAX)).await.unwrap();
        all.into_iter().map(|sample| (sample.id, sample.content.label)).collect()
    });
    for (id, label) in &acknowledged {
        assert_eq!(found.get(id), Some(&Some(label.clone())), "{id} is lost");
    }
}

#[test]
fn a_full_disk_refuses_and_keeps_what_was_acknowledged() {
    let artifacts = TestArtifacts::released();
    let root = artifacts.registry.root();
    // No file may grow beyond 600 blocks of 512 bytes: as far as a database can
    // tell, the disk is full.
    let ServerProgram { program, url: address } =
        start(root, Some("trap '' XFSZ; ulimit -f 600; exec \"$0\""));
    let mut kept = Vec::new();
    let mut number = 0;
    let refusal = loop {
        match teach(&address, number) {
            Some((id, _)) => kept.push(id),
            None => break number,
        }
        number += 1;
        assert!(number < 5000, "the disk never was full");
    };
    assert!(kept.len() > 5, "full after {}", kept.len());
    let body = json!({ "label": "7", "strokes": [[[0, 0], [77, 1], [30, 99]]] });
    let response = ureq::post(format!("{address}/api/samples"))
        .config()
        .http_status_as_error(false)
        .build()
        .content_type("application/json")
        .send(body.to_string().as_bytes());
    let mut response = response.unwrap();
    assert_eq!(response.status(), 503, "request {refusal}");
    let text = response.body_mut().read_to_string().unwrap();
    assert!(text.contains("nothing was kept"), "{text}");
    let request = ureq::get(format!("{address}/readyz"));
    let (status, unready) = read(request.config().http_status_as_error(false).build().call());
    assert_eq!((status, &unready["error"]["code"]), (503, &json!("database")), "{unready}");
    let message = unready["error"]["message"].as_str().unwrap();
    assert!(message.contains("cannot be written"), "{message}");
    // It goes on predicting.
    let predicted = ureq::post(format!("{address}/api/predict"))
        .content_type("application/json")
        .send(json!({ "strokes": body["strokes"] }).to_string().as_bytes());
    assert_eq!(predicted.unwrap().status(), 200);
    drop(program);

    // With room again all is there, and more can come.
    let ServerProgram { program, url: address } = start(root, None);
    assert!(teach(&address, 9_999).is_some());
    drop(program);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(&Store::file_url(&root.join("glyphic.db"))).await.unwrap();
        for id in kept {
            store.sample(&id).await.unwrap();
        }
    });
}

/// What a client that sends a sample is answered: the status and the error's code.
fn sent(address: &str, number: usize) -> (u16, Value) {
    let strokes = json!([[[0, 0], [30 + number, 1], [20, 80]]]);
    let body = json!({ "label": "7", "strokes": strokes }).to_string();
    let request = ureq::post(format!("{address}/api/samples"));
    let request = request.config().http_status_as_error(false).build();
    let (status, answer) = read(request.content_type("application/json").send(body.as_bytes()));
    (status, answer["error"]["code"].clone())
}

#[test]
fn a_database_that_is_deleted_or_replaced_under_the_server_takes_nothing_more() {
    let artifacts = TestArtifacts::released();
    let root = artifacts.registry.root();
    let server = start(root, None);
    let address = server.url.clone();
    let ready = || {
        let request = ureq::get(format!("{address}/readyz"));
        read(request.config().http_status_as_error(false).build().call())
    };
    let lost = json!("database_lost");
    assert_eq!(sent(&address, 0).0, 201);
    assert_eq!(ready().0, 200);
    let mut number = 1;
    for name in ["glyphic.db", "glyphic.db-wal"] {
        let (file, aside) = (root.join(name), root.join("aside"));
        for replaced in [false, true] {
            fs::rename(&file, &aside).unwrap();
            if replaced {
                fs::copy(&aside, &file).unwrap();
            }
            assert_eq!(sent(&address, number), (503, lost.clone()), "{name}, {replaced}");
            let (status, answer) = ready();
            assert_eq!((status, &answer["error"]["code"]), (503, &lost), "{answer}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("deleted or replaced"), "{message}");
            assert!(!answer.to_string().contains(root.to_str().unwrap()), "{answer}");
            for (method, path, body) in [
                ("POST", "/api/samples/delete?label=7", json!({})),
                ("POST", "/api/samples/undo", json!({})),
                ("PATCH", "/api/samples/a", json!({ "label": "7" })),
                ("POST", "/api/jobs", json!({})),
            ] {
                let (status, answer) = server.send(method, path, &body);
                assert_eq!((status, &answer["error"]["code"]), (503, &lost), "{path}: {answer}");
            }
            // It goes on reading, with connections that were open before, and all is well when the
            // file is back.
            let drawn = json!({ "strokes": seven() });
            assert_eq!(server.send("POST", "/api/predict", &drawn).0, 200);
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| assert!(server.get("/api/samples")["samples"].is_array()));
                }
            });
            fs::rename(&aside, &file).unwrap();
            assert_eq!(ready().0, 200, "{name}, {replaced}");
            assert_eq!(sent(&address, number).0, 201, "{name}, {replaced}: nothing was kept");
            number += 1;
        }
    }
    // Deleted for good, it is made anew by the next start.
    fs::remove_file(root.join("glyphic.db")).unwrap();
    assert_eq!(sent(&address, number), (503, lost));
    drop(server);
    let server = start(root, None);
    assert_eq!(sent(&server.url, number).0, 201);
}

#[test]
fn a_database_that_is_emptied_or_cut_short_under_the_server_takes_nothing_more() {
    let damaged = json!("database_lost");
    for (name, length) in [("glyphic.db", 0), ("glyphic.db", 5000), ("glyphic.db-wal", 0)] {
        let artifacts = TestArtifacts::released();
        let root = artifacts.registry.root();
        let server = start(root, None);
        let address = server.url.clone();
        let ready = || {
            let request = ureq::get(format!("{address}/readyz"));
            read(request.config().http_status_as_error(false).build().call())
        };
        (0..3).for_each(|i| assert_eq!(sent(&address, i).0, 201));
        assert_eq!(ready().0, 200);
        let file = root.join(name);
        let whole = fs::read(&file).unwrap();
        fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(length).unwrap();
        let (status, code) = sent(&address, 3);
        let (unready, answer) = ready();
        assert_eq!((status, unready), (503, 503), "{name}, {length}: {answer}");
        if name == "glyphic.db" {
            assert_eq!((&code, &answer["error"]["code"]), (&damaged, &damaged), "{length}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("emptied, cut short or overwritten"), "{message}");
            // In place: it is the same file.
            fs::write(&file, &whole).unwrap();
            assert_eq!(ready().0, 200, "{name}, {length}");
            assert_eq!(sent(&address, 3).0, 201, "{name}, {length}");
            drop(server);
        } else {
            // What was in the log is gone, and the rest is not damaged by what came after it.
            drop(server);
            assert_eq!(sent(&start(root, None).url, 4).0, 201);
        }
    }
}

#[test]
fn what_is_committed_is_synced() {
    let artifacts = TestArtifacts::released();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = Store::file_url(&artifacts.registry.root().join("a name with % and ?.db"));
        let store = Store::open(&url).await.unwrap();
        assert_eq!(store.weakness().await.unwrap(), None);
        assert!(artifacts.registry.root().join("a name with % and ?.db").exists());
        let postgres = Postgres::start();
        let store = Store::open(&postgres.url()).await.unwrap();
        assert_eq!(store.weakness().await.unwrap(), None);
        let careless = format!("{}?options=-c%20synchronous_commit=off", postgres.url());
        let store = Store::open(&careless).await.unwrap();
        assert!(store.weakness().await.unwrap().unwrap().contains("off"));
        store.close().await;
    });
}
