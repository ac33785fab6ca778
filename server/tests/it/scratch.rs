//! Training from scratch, asked of the server, and followed as it goes on. The trainer is
//! the real one, on a little of the real data.

use std::{
    fs,
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

use crate::common::{
    Server, TestArtifacts, TrainingSetup, a_little_of_mnist, alone, drawings, seven, wait_for,
    wait_for_job, wait_until,
};
use glyphic_server::config::Limits;
use serde_json::{Value, json};

fn server(artifacts: &TestArtifacts) -> Server {
    let data = artifacts.registry.root().join("little");
    a_little_of_mnist(&data);
    let mut setup = TrainingSetup::default();
    setup.settings.data = Some(data);
    Server::training(artifacts, setup)
}

/// The events that a server tells, each a name and its data, as they come.
fn follow(server: &Server) -> impl Iterator<Item = (String, Value)> + use<> {
    let response = ureq::get(server.url("/api/jobs/events")).call().unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let mut name = String::new();
    let lines = BufReader::new(response.into_body().into_reader()).lines();
    lines.map_while(Result::ok).filter_map(move |line| {
        if let Some(event) = line.strip_prefix("event: ") {
            name = event.to_owned();
        }
        let data = line.strip_prefix("data: ")?;
        Some((name.clone(), serde_json::from_str(data).unwrap()))
    })
}

#[test]
fn a_network_is_trained_from_scratch_and_waits_to_be_promoted() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let serving = artifacts.registry.current().unwrap();
    let server = server(&artifacts);
    server.teach("7", "me", &seven());
    let mut events = follow(&server);
    assert_eq!(events.next().unwrap(), ("jobs".to_owned(), json!([])));
    assert_eq!(events.next().unwrap(), ("progress".to_owned(), Value::Null));
    let path = "/api/jobs?from=scratch&network=mlp&epochs=100";
    let (status, job) = server.post_json(path, &json!({}));
    assert_eq!(status, 202, "{job}");
    assert_eq!((&job["recipe"], &job["network"]), (&json!("scratch"), &json!("mlp")));

    let mut steps = Vec::new();
    let ended = loop {
        let (name, told) = events.next().expect("the server goes on telling");
        if name == "progress" && !told.is_null() {
            assert_eq!(told["id"], job["id"]);
            steps.extend(told["progress"]["step"].as_u64());
        }
        if name == "jobs" && told[0]["finished"].is_i64() {
            break told[0].clone();
        }
    };
    assert_eq!(ended["state"], "candidate", "{ended}");
    assert!(steps.is_sorted() && steps.len() > 1, "{steps:?}");
    let id = ended["candidate"].as_str().unwrap();
    assert!(ended["message"].as_str().unwrap().contains("of the 200 test pictures"), "{ended}");
    let manifest = artifacts.registry.manifest(id).unwrap();
    assert_eq!((manifest.metrics.epochs, &manifest.parent), (100, &None));
    assert!(manifest.network.convolutions.is_empty());
    // Its curve is kept, and what serves is what served.
    let whole = server.get(&format!("/api/jobs/{}", job["id"].as_str().unwrap())).1;
    assert_eq!(whole["progress"]["validation"].as_array().unwrap().len(), 100, "{whole}");
    let models = server.get("/api/models").1;
    assert_eq!(models["current"], serving);
    let listed = models["models"].as_array().unwrap().iter().find(|m| m["id"] == id).unwrap();
    assert_eq!(listed["aliases"], json!(["candidate"]));
    // It learned nothing of the samples.
    assert_eq!(server.get("/api/samples/summary").1["since_training"], 1);
}

#[test]
fn it_is_stopped_and_leaves_nothing() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let server = server(&artifacts);
    let (_, job) = server.post_json("/api/jobs?from=scratch&epochs=500", &json!({}));
    let id = job["id"].as_str().unwrap();
    let mut events = follow(&server);
    let begun = |(name, told): &(String, Value)| {
        name == "progress" && told["progress"]["step"].as_u64().is_some_and(|step| step > 0)
    };
    events.find(begun).unwrap();
    assert_eq!(server.post_json(&format!("/api/jobs/{id}/cancel"), &json!({})).0, 200);
    assert_eq!(wait_for_job(&server, id)["state"], "cancelled");
    let runs = artifacts.registry.root().join("runs");
    assert_eq!(fs::read_dir(runs).unwrap().count(), 0);
}

#[test]
fn who_follows_does_not_hold_the_server_up_when_it_stops() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let events = follow(&server);
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // And it is told so.
    assert!(events.count() <= 2);
}

#[test]
fn not_all_connections_may_follow() {
    let artifacts = TestArtifacts::released();
    let limits = Limits { connections: 8.try_into().unwrap(), ..Limits::default() };
    let server =
        Server::start_changed(&artifacts, limits, Some(TrainingSetup::default()), |app| app);
    let followers = [follow(&server), follow(&server)];
    let refused = ureq::get(server.url("/api/jobs/events")).call().unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(429)), "{refused}");
    assert_eq!(server.get("/healthz").0, 200);
    drop(followers);
    // Their places are free again once the server has noticed.
    wait_until("following again", || ureq::get(server.url("/api/jobs/events")).call().is_ok());
}

#[test]
fn fine_tuning_is_due_by_the_samples_since_the_last_one_whatever_was_trained_between() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let data = artifacts.registry.root().join("little");
    a_little_of_mnist(&data);
    let mut setup = TrainingSetup::default();
    setup.settings.data = Some(data);
    setup.settings.every_samples = Some(2);
    let server = Server::training(&artifacts, setup);
    server.teach("7", "me", &seven());
    let (_, job) = server.post_json("/api/jobs?from=scratch&network=mlp&epochs=1", &json!({}));
    assert_eq!(wait_for_job(&server, job["id"].as_str().unwrap())["state"], "candidate");
    let (label, strokes) = &drawings(1)[0];
    server.teach(label, "me", strokes);
    let newest = wait_for("fine-tuning", || {
        let newest = server.get("/api/jobs").1["jobs"][0].clone();
        (newest["reason"] == "samples").then_some(newest)
    });
    assert_eq!(newest["recipe"], "samples");
    server.post_json(&format!("/api/jobs/{}/cancel", newest["id"].as_str().unwrap()), &json!({}));
}

#[test]
fn what_is_asked_for_must_make_sense() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    for query in [
        "from=nowhere",
        "from=scratch&epochs=0",
        "from=scratch&epochs=501",
        "from=scratch&network=..%2Fetc",
        "from=samples&epochs=3",
        "network=mlp",
        "from=scratch&epochs=x",
    ] {
        let (status, answer) = server.post_json(&format!("/api/jobs?{query}"), &json!({}));
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("malformed")), "{query}");
    }
    assert_eq!(server.get("/api/jobs").1["jobs"], json!([]));
    let without = Server::start(&artifacts);
    let refused = ureq::get(without.url("/api/jobs/events")).call().unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(503)), "{refused}");
}
