//! Checkpoints are swapped under load: nothing fails, and every answer is of
//! the checkpoint that it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::common::{Server, TestArtifacts, repetitions, wait_until};
use burn::tensor::Device;
use glyphic_model::{Classifier, Glyph, checkpoint::WEIGHTS_FILE};
use serde_json::{Value, json};

fn swaps() -> usize {
    repetitions(1_000, 200)
}
/// After this number of swaps a damaged checkpoint is tried, too.
const DAMAGED_EVERY: usize = 20;

fn pixels() -> Vec<u8> {
    (0..784).map(|i| (i * 37 % 256) as u8).collect()
}

/// Publishes a checkpoint and returns what its network says of [`pixels`].
fn publish(artifacts: &TestArtifacts, id: &str) -> Vec<f32> {
    let network = artifacts.publish(id);
    let labels = (0..10).map(|digit| digit.to_string()).collect();
    let classifier = Classifier::new(network, labels, &Device::flex());
    let glyph = Glyph::try_from(pixels().as_slice()).unwrap();
    classifier.classify(&[glyph]).unwrap().remove(0).probabilities
}

fn damage(artifacts: &TestArtifacts, id: &str) {
    let path = artifacts.registry.folder(id).join(WEIGHTS_FILE);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(path, bytes).unwrap();
}

#[test]
fn nothing_fails_over_many_swaps() {
    let artifacts = TestArtifacts::empty();
    let expected: BTreeMap<&str, Vec<f32>> =
        [("a", publish(&artifacts, "a")), ("b", publish(&artifacts, "b"))].into();
    publish(&artifacts, "corrupt");
    damage(&artifacts, "corrupt");
    artifacts.registry.promote("a").unwrap();
    let server = Server::start(&artifacts);
    let done = AtomicBool::new(false);

    let ask = || {
        let mut answered = BTreeSet::new();
        let mut count = 0;
        while !done.load(Ordering::Relaxed) {
            let (status, body) = server.post("/api/predict", "application/octet-stream", &pixels());
            assert_eq!(status, 200, "{body}");
            let model = body["model"].as_str().unwrap();
            let found = body["probabilities"].as_array().unwrap();
            for (found, expected) in found.iter().zip(&expected[model]) {
                let off = (found.as_f64().unwrap() - f64::from(*expected)).abs();
                assert!(off < 1e-5, "'{model}' did not say {body}");
            }
            answered.insert(model.to_owned());
            count += 1;
        }
        (answered, count)
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for swap in 0..swaps() {
            let id = ["b", "a"][swap % 2];
            let (status, body) = server.post(&format!("/api/models/{id}/promote"), "", b"");
            assert_eq!((status, &body["current"]), (200, &json!(id)), "{body}");
            if swap % DAMAGED_EVERY == 0 {
                let (status, body) = server.post("/api/models/corrupt/promote", "", b"");
                let code = &body["error"]["code"];
                assert_eq!((status, code), (422, &json!("bad_checkpoint")), "{body}");
            }
            assert_eq!(artifacts.registry.current().unwrap(), id);
        }
        done.store(true, Ordering::Relaxed);
        for client in clients {
            let (answered, count) = client.join().unwrap();
            assert!(count > swaps(), "a client got only {count} answers");
            assert_eq!(answered.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        }
    });
}

#[test]
fn follows_current_and_keeps_the_old_one_when_the_new_is_bad() {
    let artifacts = TestArtifacts::empty();
    for id in ["a", "b", "bad", "c"] {
        artifacts.publish(id);
    }
    damage(&artifacts, "bad");
    artifacts.registry.promote("a").unwrap();
    let server = Server::start(&artifacts);
    let serving = || server.get("/readyz").1["model"].clone();
    assert_eq!(serving(), "a");

    artifacts.registry.promote("b").unwrap();
    wait_until("serving b", || serving() == "b");

    // A bad one is refused, however often it is looked at …
    artifacts.registry.promote("bad").unwrap();
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(serving(), "b");
    // … as is a name that there is none of, and a file of rubbish.
    for junk in ["nothing-here\n", "\0\u{1}\n", "../../etc\n", ""] {
        fs::write(artifacts.folder.path().join("CURRENT"), junk).unwrap();
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(serving(), "b");
    }
    // The next good one is taken.
    artifacts.registry.promote("c").unwrap();
    wait_until("serving c", || serving() == "c");
}

#[test]
fn a_checkpoint_that_arrives_after_current_is_taken_when_it_is_whole() {
    let artifacts = TestArtifacts::empty();
    for id in ["a", "late"] {
        artifacts.publish(id);
    }
    let weights = artifacts.registry.folder("late").join(WEIGHTS_FILE);
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    artifacts.registry.promote("a").unwrap();
    let server = Server::start(&artifacts);
    artifacts.registry.promote("late").unwrap();
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(server.get("/readyz").1["model"], "a");
    fs::write(&weights, whole).unwrap();
    wait_until("serving late", || server.get("/readyz").1["model"] == "late");
}

#[test]
fn promotes_lists_and_rolls_back() {
    let artifacts = TestArtifacts::empty();
    for id in ["a", "b"] {
        artifacts.publish(id);
    }
    artifacts.registry.promote("a").unwrap();
    let server = Server::start(&artifacts);
    let (status, body) = server.post("/api/models/rollback", "", b"");
    assert_eq!((status, &body["error"]["code"]), (409, &json!("nothing_to_roll_back_to")));

    let (status, body) = server.post("/api/models/b/promote", "", b"");
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["current"], &body["previous"]), (&json!("b"), &json!("a")));
    let (status, body) = server.post("/api/models/rollback", "", b"");
    assert_eq!((status, &body["current"]), (200, &json!("a")), "{body}");
    assert_eq!(body["previous"], Value::Null);

    damage(&artifacts, "b");
    fs::write(artifacts.registry.folder("b").join("manifest.json"), "{").unwrap();
    let (status, body) = server.get("/api/models");
    assert_eq!(status, 200);
    assert_eq!(body["device"], "CPU");
    let models = body["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    assert_eq!(models[0]["id"], "a");
    assert!(models[1]["error"].as_str().unwrap().contains("manifest.json"));

    for (id, status, code) in [("none", 404, "no_such_model"), ("b%20c", 400, "bad_id")] {
        let (found, body) = server.post(&format!("/api/models/{id}/promote"), "", b"");
        assert_eq!((found, &body["error"]["code"]), (status, &json!(code)));
    }
}

#[test]
fn of_two_promotions_at_once_one_is_refused() {
    let artifacts = TestArtifacts::released();
    let serving = artifacts.registry.current().unwrap();
    artifacts.publish("a");
    artifacts.publish("b");
    let server = Server::start(&artifacts);
    let promote = |id: &str| {
        server.post_json(&format!("/api/models/{id}/promote?from={serving}&force=1"), &json!({}))
    };
    let (first, second) = std::thread::scope(|scope| {
        let a = scope.spawn(|| promote("a"));
        let b = scope.spawn(|| promote("b"));
        (a.join().unwrap(), b.join().unwrap())
    });
    let mut statuses = [first.0, second.0];
    statuses.sort();
    assert_eq!(statuses, [200, 409], "{first:?} {second:?}");
    let loser = if first.0 == 409 { &first.1 } else { &second.1 };
    assert_eq!(loser["error"]["code"], "promoted_meanwhile");
    let winner = if first.0 == 200 { "a" } else { "b" };
    assert_eq!(server.get("/api/models").1["current"], winner);
    assert_eq!(artifacts.registry.history().unwrap(), [winner, &serving]);
}

#[test]
fn starts_with_an_earlier_checkpoint_if_the_promoted_one_is_damaged() {
    let artifacts = TestArtifacts::empty();
    for id in ["a", "b"] {
        artifacts.publish(id);
        artifacts.registry.promote(id).unwrap();
    }
    damage(&artifacts, "b");
    let server = Server::start(&artifacts);
    assert_eq!(server.get("/readyz").1["model"], "a");
}
