//! Aliases, pins, retention, the policy of promotions, checkpoints loaded beside the one that
//! serves, and a candidate that reads along.

use std::{fs, process::Command, time::Duration};

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, publish_changed, seven, wait_until},
    programs::ServerProgram,
};
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor},
};
use glyphic_model::{Classifier, preprocess::Strokes};
use glyphic_server::config::Limits;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// The checkpoints a, b, … of which the first is promoted.
fn several(ids: &[&str]) -> TestArtifacts {
    let artifacts = TestArtifacts::empty();
    for (i, id) in ids.iter().enumerate() {
        artifacts.publish(id);
        change(&artifacts, id, |manifest| {
            manifest["created"] = json!(format!("2026-01-0{}T00:00:00Z", i + 1));
        });
    }
    artifacts.registry.promote(ids[0]).unwrap();
    artifacts
}

fn change(artifacts: &TestArtifacts, id: &str, change: impl FnOnce(&mut Value)) {
    let path = artifacts.registry.folder(id).join("manifest.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[track_caller]
fn assert_refused((status, body): (u16, Value), expected: u16, code: &str) {
    assert_eq!((status, &body["error"]["code"]), (expected, &json!(code)), "{body}");
}

fn listed(server: &Server, id: &str) -> Value {
    let models = server.get("/api/models").1["models"].clone();
    models.as_array().unwrap().iter().find(|model| model["id"] == id).unwrap().clone()
}

#[test]
fn what_a_killed_publication_left_is_gone_after_the_next_start() {
    let artifacts = several(&["a"]);
    let left = artifacts.registry.folder(".publish-killed");
    std::fs::create_dir(&left).unwrap();
    let server = Server::start(&artifacts);
    assert!(!left.exists());
    assert_eq!(server.get("/api/models").1["models"].as_array().unwrap().len(), 1);
}

#[test]
fn aliases_name_checkpoints_and_are_promoted_by_name() {
    let artifacts = several(&["a", "b"]);
    let server = Server::start(&artifacts);
    let set = |alias: &str, id: &str| {
        server.send("PUT", &format!("/api/aliases/{alias}"), &json!({ "id": id }))
    };
    assert_eq!(set("candidate", "b"), (200, json!({ "alias": "candidate", "id": "b" })));
    assert_eq!(listed(&server, "b")["aliases"], json!(["candidate"]));
    assert_eq!(listed(&server, "a")["aliases"], json!([]));
    assert_refused(set("stable", "b"), 400, "bad_name");
    assert_refused(set("Best", "b"), 400, "bad_name");
    // An alias that is an id would hide that checkpoint.
    assert_refused(set("a", "b"), 400, "bad_name");
    assert_refused(set("best", "none"), 404, "no_such_model");

    let (status, body) = server.post("/api/models/candidate/promote", "", b"");
    assert_eq!((status, &body["current"]), (200, &json!("b")), "{body}");
    // `stable` is always the promoted one; other aliases stay where they were set.
    assert_eq!(server.post("/api/models/stable/promote", "", b"").1["current"], "b");
    assert_eq!(server.send("DELETE", "/api/aliases/candidate", &json!({})).1["removed"], true);
    assert_eq!(server.send("DELETE", "/api/aliases/candidate", &json!({})).1["removed"], false);
    assert_refused(server.post("/api/models/candidate/promote", "", b""), 404, "no_such_model");
}

#[test]
fn old_checkpoints_are_removed_and_none_that_somebody_needs() {
    let artifacts = several(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let server = Server::start(&artifacts);
    for id in ["b", "c"] {
        assert_eq!(server.post(&format!("/api/models/{id}/promote"), "", b"").0, 200);
    }
    assert_eq!(server.send("PUT", "/api/aliases/candidate", &json!({ "id": "d" })).0, 200);
    assert_eq!(server.send("PUT", "/api/pins/e", &json!({})).0, 200);
    assert_eq!(listed(&server, "e")["pinned"], true);
    assert_eq!(server.post("/v2/repository/models/f/load", "", b"").0, 200);
    // c serves, b was before it; d has an alias, e is pinned, f loaded, h the newest.
    let (status, body) = server.post("/api/models/prune?keep=1&dry_run=1", "", b"");
    assert_eq!((status, &body), (200, &json!({ "removed": [], "would_remove": ["g", "a"] })));
    assert_eq!(artifacts.registry.ids().unwrap().len(), 8);
    let (status, body) = server.post("/api/models/prune?keep=1", "", b"");
    assert_eq!((status, &body), (200, &json!({ "removed": ["g", "a"] })));
    assert_eq!(artifacts.registry.ids().unwrap(), ["b", "c", "d", "e", "f", "h"]);
    assert_eq!(artifacts.registry.history().unwrap(), ["c", "b"]);
    // What was removed can be restored, once.
    let (status, body) = server.post("/api/models/a/restore", "", b"");
    assert_eq!((status, &body["current"]), (200, &json!("c")), "{body}");
    assert_eq!(listed(&server, "a")["id"], "a");
    assert_refused(server.post("/api/models/a/restore", "", b""), 404, "not_removed");
    assert_eq!(server.post("/api/models/prune?keep=1", "", b"").1["removed"], json!(["a"]));
    assert_eq!(server.post("/api/models/rollback", "", b"").1["current"], "b");
    // After going back nobody needs c.
    assert_eq!(server.send("DELETE", "/api/pins/e", &json!({})).0, 200);
    assert_eq!(
        server.post("/api/models/prune?keep=0", "", b"").1["removed"],
        json!(["h", "e", "c"])
    );
    assert_refused(server.post("/api/models/prune?keep=-1", "", b""), 400, "malformed");
}

#[test]
fn what_is_worse_or_reads_something_else_is_promoted_only_by_force() {
    let artifacts = several(&["good", "worse", "close", "other"]);
    let score = |accuracy: f64| json!({ "accuracy": accuracy, "loss": 0.1, "examples": 10_000 });
    for (id, accuracy) in [("good", 0.995), ("worse", 0.9929), ("close", 0.9931), ("other", 0.999)]
    {
        change(&artifacts, id, |manifest| manifest["metrics"]["test"] = score(accuracy));
    }
    change(&artifacts, "other", |manifest| manifest["labels"][0] = json!("O"));
    let server = Server::start(&artifacts);
    let promote = |path: &str| server.post(&format!("/api/models/{path}"), "", b"");
    let (status, body) = promote("worse/promote");
    assert_refused((status, body.clone()), 409, "objected");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("99.29 %") && message.contains("0.21 points"), "{message}");
    let (status, body) = promote("other/promote");
    assert_refused((status, body.clone()), 409, "objected");
    assert!(body["error"]["message"].as_str().unwrap().contains("O 1 2"), "{body}");
    assert_eq!(server.get("/readyz").1["model"], "good");
    assert_eq!(artifacts.registry.current().unwrap(), "good");

    assert_eq!(promote("close/promote").0, 200);
    assert_eq!(promote("good/promote").0, 200);
    assert_eq!(promote("worse/promote?force=1").1["current"], "worse");
    assert_eq!(promote("other/promote?force=1").1["current"], "other");
    // Going back asks nothing: it served before.
    assert_eq!(promote("rollback").1["current"], "worse");
}

#[test]
fn a_checkpoint_that_no_training_made_is_neither_promoted_nor_loaded_nor_listed() {
    let artifacts = several(&["good", "boasts", "certain", "doubled"]);
    change(&artifacts, "boasts", |manifest| {
        manifest["metrics"]["validation"]["accuracy"] = json!(5.0);
    });
    change(&artifacts, "certain", |manifest| manifest["temperature"] = json!(1e-40));
    change(&artifacts, "doubled", |manifest| manifest["labels"][1] = json!("0"));
    let server = Server::start(&artifacts);
    for id in ["boasts", "certain", "doubled"] {
        for force in ["", "?force=1"] {
            let path = format!("/api/models/{id}/promote{force}");
            assert_refused(server.post(&path, "", b""), 422, "bad_checkpoint");
        }
        assert_eq!(server.post(&format!("/v2/repository/models/{id}/load"), "", b"").0, 422);
        assert!(listed(&server, id)["error"].as_str().unwrap().contains("manifest.json"));
        // Nor by hand.
        fs::write(artifacts.folder.path().join("CURRENT"), format!("{id}\ngood\n")).unwrap();
        std::thread::sleep(Duration::from_millis(800));
        assert_eq!(server.get("/readyz").1["model"], "good");
    }
}

#[test]
fn a_checkpoint_whose_answers_would_be_no_numbers_never_serves() {
    struct Enlarged;
    impl ModuleMapper for Enlarged {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor * 1e30)
        }
    }
    let artifacts = several(&["good"]);
    publish_changed(&artifacts.registry, "huge", |network| network.map(&mut Enlarged));
    let server = Server::start(&artifacts);
    let (status, body) = server.post("/api/models/huge/promote?force=1", "", b"");
    assert_refused((status, body.clone()), 422, "bad_checkpoint");
    assert!(body["error"]["message"].as_str().unwrap().contains("not finite"), "{body}");
    assert_eq!(server.get("/readyz").1["model"], "good");
}

#[test]
fn damaged_files_of_the_registry_are_said_once_and_fail_no_request() {
    let artifacts = several(&["a", "b"]);
    let log = NamedTempFile::new().unwrap();
    let server = ServerProgram::start(
        Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--addr", "127.0.0.1:0", "--device", "cpu", "--artifacts"])
            .arg(artifacts.registry.root())
            .stderr(log.reopen().unwrap()),
    );
    let [current, marks] = ["CURRENT", "MARKS"].map(|name| artifacts.folder.path().join(name));
    let none = json!({});
    let reads = || {
        for path in ["/api/models", "/readyz", "/v2", "/api/shadow"] {
            assert_eq!(server.send("GET", path, &none).0, 200, "{path}");
        }
        assert_eq!(server.send("POST", "/v2/repository/index", &none).0, 200);
        let drawn = json!({ "strokes": seven() });
        let (status, answer) = server.send("POST", "/api/predict", &drawn);
        assert_eq!((status, &answer["model"]), (200, &json!("a")), "{answer}");
    };
    let refused = |method: &str, path: &str| {
        let (status, answer) = server.send(method, path, &json!({ "id": "a" }));
        assert_refused((status, answer.clone()), 409, "damaged_registry");
        let root = artifacts.folder.path().to_str().unwrap();
        assert!(!answer.to_string().contains(root), "{answer}");
    };

    fs::write(&marks, "{").unwrap();
    for _ in 0..3 {
        reads();
        refused("PUT", "/api/aliases/best");
        refused("PUT", "/api/pins/a");
        refused("POST", "/api/models/prune?keep=0");
        std::thread::sleep(Duration::from_millis(300));
    }
    fs::remove_file(&marks).unwrap();
    std::thread::sleep(Duration::from_millis(800));

    for damage in ["folder", "bytes", "pipe", "length", "path"] {
        fs::remove_file(&current).unwrap();
        match damage {
            "folder" => fs::create_dir(&current).unwrap(),
            "pipe" => assert!(Command::new("mkfifo").arg(&current).status().unwrap().success()),
            "length" => fs::write(&current, "x".repeat(10 << 20)).unwrap(),
            "path" => fs::write(&current, "a\n../../../etc/passwd\n").unwrap(),
            _ => fs::write(&current, b"\xfc\xfd\n").unwrap(),
        }
        for _ in 0..3 {
            reads();
            refused("POST", "/api/models/b/promote");
            refused("POST", "/api/models/stable/promote");
            refused("POST", "/api/models/rollback");
            std::thread::sleep(Duration::from_millis(300));
        }
        match damage {
            "folder" => fs::remove_dir(&current).unwrap(),
            _ => fs::remove_file(&current).unwrap(),
        }
        fs::write(&current, "a\n").unwrap();
        std::thread::sleep(Duration::from_millis(800));
    }
    assert_eq!(server.send("POST", "/api/models/b/promote", &none).1["current"], "b");

    let log = fs::read_to_string(log.path()).unwrap();
    for part in [
        "MARKS cannot be read",
        "it is a folder",
        "it is not UTF-8 text",
        "it is not a regular file",
        "more than 256 KiB",
        "is not the id of a checkpoint",
    ] {
        let said = log.lines().filter(|line| line.contains(part)).count();
        assert_eq!(said, 1, "{part}: {log}");
    }
    assert!(!log.contains("request failed"), "{log}");
    assert!(log.lines().all(|line| line.len() < 1000), "{log}");
}

#[test]
fn no_more_checkpoints_are_loaded_than_there_is_room_for() {
    let artifacts = several(&["a", "b", "c", "d", "e", "f"]);
    let server = Server::start(&artifacts);
    let load = |id: &str| server.post(&format!("/v2/repository/models/{id}/load"), "", b"");
    for id in ["b", "c", "d", "e", "e"] {
        assert_eq!(load(id).0, 200, "{id}");
    }
    let (status, body) = load("f");
    assert_eq!(status, 409, "{body}");
    assert!(body["error"].as_str().unwrap().contains("unload one first"), "{body}");
    assert_eq!(server.post("/v2/repository/models/b/unload", "", b"").0, 200);
    // The one that serves answers under its id, but only while it serves …
    let ready = |id: &str| server.get(&format!("/v2/models/{id}/ready")).0;
    assert_eq!((ready("a"), ready("f")), (200, 404));
    assert_eq!(load("a").0, 200);
    let (_, index) = server.post("/v2/repository/index", "", br#"{"ready":true}"#);
    let names: Vec<&str> =
        index.as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["glyphic", "e", "d", "c", "a"]);
    // … unless it is loaded.
    assert_eq!(server.post("/api/models/f/promote", "", b"").0, 200);
    assert_eq!((ready("a"), ready("f"), ready("b")), (200, 200, 404));
    assert_eq!(server.post("/v2/repository/models/a/unload", "", b"").0, 200);
    assert_eq!(ready("a"), 404);
}

/// Nobody taught it.
#[test]
fn what_a_candidate_reads_otherwise_is_not_kept_unless_the_operator_wants_it() {
    let artifacts = TestArtifacts::released();
    misreading_seven(&artifacts);
    artifacts.registry.set_alias("candidate", "untrained").unwrap();
    let setup = TrainingSetup::default();
    let server = Server::start_changed(&artifacts, Limits::default(), Some(setup), |app| {
        app.with_shadow(1.0)
    });
    let shadow = || server.get("/api/shadow").1;
    wait_until("following the candidate", || shadow()["candidate"] == "untrained");
    assert_eq!(server.post_json("/api/predict", &json!({ "strokes": seven() })).0, 200);
    wait_until("the disagreement", || shadow()["disagreed"] == 1);
    assert_eq!(server.get("/api/shadow").1["disagreements"][0]["sample"], Value::Null);
    assert_eq!(server.get("/api/samples").1["total"], 0);
    assert_eq!(server.get("/api/samples/summary").1["kept"]["disagreements"], false);
}

#[test]
fn a_candidate_reads_along_and_what_it_reads_otherwise_is_kept() {
    let artifacts = TestArtifacts::released();
    let released = artifacts.registry.current().unwrap();
    misreading_seven(&artifacts);
    let mut setup = TrainingSetup::default();
    setup.keeping.disagreements = true;
    let server = Server::start_changed(&artifacts, Limits::default(), Some(setup), |app| {
        app.with_shadow(1.0)
    });
    let strokes = json!({ "strokes": seven() });
    let ask = || {
        let (status, body) = server.post_json("/api/predict", &strokes);
        // Whatever the candidate says, the answer is the serving checkpoint's.
        assert_eq!((status, &body["label"], &body["model"]), (200, &json!("7"), &json!(released)));
    };
    ask();
    assert_eq!(server.get("/api/shadow").1["candidate"], Value::Null);

    artifacts.registry.set_alias("candidate", "untrained").unwrap();
    wait_until("reading along", || server.get("/api/shadow").1["candidate"] == "untrained");
    (0..5).for_each(|_| ask());
    assert_eq!(server.post_json("/api/read", &strokes).0, 200);
    wait_until("the count of six", || {
        let report = server.get("/api/shadow").1;
        report["agreed"].as_u64().unwrap() + report["disagreed"].as_u64().unwrap() == 6
    });
    let report = server.get("/api/shadow").1;
    assert_eq!(report["agreement"], 0.0, "{report}");
    let last = &report["disagreements"][0];
    assert_eq!(last["serving"], "7");
    assert_ne!(last["candidate"], "7");
    // The same picture is one sample, however often it was disagreed on; it waits to be
    // labelled.
    let samples = server.get("/api/samples?source=shadow").1;
    assert_eq!(samples["samples"][0]["id"], last["sample"], "{samples}");
    assert_eq!(
        (&samples["samples"][0]["label"], &samples["samples"][0]["prediction"]),
        (&Value::Null, &json!("7"))
    );
    let metrics = server.get("/metrics").1;
    assert!(metrics.as_str().unwrap().contains("glyphic_shadow_total{outcome=\"disagreed\"} 6"));

    artifacts.registry.remove_alias("candidate").unwrap();
    wait_until("the candidate's end", || server.get("/api/shadow").1["candidate"].is_null());
    ask();
    assert_eq!(server.get("/api/shadow").1["disagreed"], 0);
}

/// Publishes untrained networks until one does not say 7 of a [`seven`], as `untrained`.
fn misreading_seven(artifacts: &TestArtifacts) {
    let strokes = Strokes::new(serde_json::from_value(seven()).unwrap()).unwrap();
    let glyph = strokes.glyph().unwrap();
    loop {
        let network = artifacts.publish("untrained");
        let labels = (0..10).map(|digit| digit.to_string()).collect();
        let classifier = Classifier::new(network, labels, &Device::flex());
        let said = classifier.classify(std::slice::from_ref(&glyph)).unwrap();
        if said[0].index != 7 {
            return;
        }
        fs::remove_dir_all(artifacts.registry.folder("untrained")).unwrap();
    }
}

#[test]
fn a_loaded_checkpoint_reads_when_it_is_asked() {
    let artifacts = TestArtifacts::released();
    artifacts.publish("other");
    let server = Server::start(&artifacts);
    let serving = artifacts.registry.current().unwrap();
    let read = |query: &str| {
        let body = json!({ "strokes": crate::common::seven() });
        server.post_json(&format!("/api/predict{query}"), &body)
    };
    assert_eq!(read("?model=other").0, 404);
    assert_eq!(server.post("/v2/repository/models/other/load", "", b"").0, 200);
    for (query, model) in [("", &serving), ("?model=other", &"other".to_owned())] {
        let (status, answer) = read(query);
        assert_eq!((status, &answer["model"]), (200, &json!(model)), "{answer}");
    }
    assert_eq!(read(&format!("?model={serving}")).1["label"], "7");
    // A blank picture is reported with the model that was asked for.
    let blank = server.post("/api/predict?model=other", "application/octet-stream", &[0; 784]);
    assert_eq!((blank.0, &blank.1["model"]), (200, &json!("other")), "{}", blank.1);
}
