//! Three servers, the real programs, on one PostgreSQL and one artifacts folder:
//! samples, jobs and promotions are shared, a job runs once, and any server can
//! be killed.

use std::process::{Command, Stdio};

use crate::{
    common::{TestArtifacts, drawings, repository, wait_for, wait_until},
    programs::{Postgres, ServerProgram},
};
use serde_json::json;

pub fn start(artifacts: &TestArtifacts, postgres: &Postgres) -> ServerProgram {
    ServerProgram::start(
        Command::new(env!("CARGO_BIN_EXE_server"))
            .env("GLYPHIC_ADDR", "127.0.0.1:0")
            .env("GLYPHIC_ARTIFACTS", artifacts.registry.root())
            .env("GLYPHIC_DEVICE", "cpu")
            .env("GLYPHIC_DATA", repository().join("artifacts/datasets/mnist"))
            .env("DATABASE_URL", postgres.url())
            .stderr(Stdio::null()),
    )
}

#[test]
fn a_job_runs_once_and_outlives_the_server_that_ran_it() {
    let postgres = Postgres::start();
    let artifacts = TestArtifacts::released();
    let mut servers: Vec<ServerProgram> = (0..3).map(|_| start(&artifacts, &postgres)).collect();
    for (i, (label, strokes)) in drawings(12).iter().enumerate() {
        let body = json!({ "label": label, "strokes": strokes });
        assert_eq!(servers[i % 3].send("POST", "/api/samples", &body).0, 201);
    }
    assert!(servers.iter().all(|server| server.get("/api/samples")["total"] == 12));

    // Each is asked; one job begins.
    let asked: Vec<u16> =
        servers.iter().map(|server| server.send("POST", "/api/jobs", &json!({})).0).collect();
    assert_eq!(asked.iter().filter(|status| **status == 202).count(), 1, "{asked:?}");
    let running = wait_for("the job's first steps", || {
        let job = servers[0].get("/api/jobs")["jobs"][0].clone();
        job["progress"]["step"].is_u64().then_some(job)
    });
    let id = running["id"].as_str().unwrap().to_owned();
    // A server's name among its peers begins with its process.
    let pid: u32 = running["owner"].as_str().unwrap().split('-').next().unwrap().parse().unwrap();
    let owner = servers.iter().position(|server| server.program.0.id() == pid).unwrap();
    drop(servers.remove(owner));

    // Another takes it over, and the dead server's trainer stops by itself.
    let taken = wait_for("another server's taking over", || {
        let job = servers[0].get(&format!("/api/jobs/{id}"));
        (job["attempts"] == 2 && job["owner"] != running["owner"]).then_some(job)
    });
    assert_eq!(taken["state"], "running", "{taken}");
    let ended = wait_for("the job's end", || {
        let job = servers[1].get(&format!("/api/jobs/{id}"));
        (job["state"] != "running").then_some(job)
    });
    assert!(["promoted", "candidate"].contains(&ended["state"].as_str().unwrap()), "{ended}");
    let tuned: Vec<String> = artifacts
        .registry
        .ids()
        .unwrap()
        .into_iter()
        .filter(|id| id.starts_with("tuned-"))
        .collect();
    assert_eq!(json!(tuned), json!([ended["candidate"]]), "the job ran once");

    // A promotion on one reaches the other; a third that comes later has all.
    let candidate = ended["candidate"].as_str().unwrap();
    let (status, answer) =
        servers[0].send("POST", &format!("/api/models/{candidate}/promote"), &json!({}));
    assert_eq!(status, 200, "{answer}");
    wait_until("the promotion's arrival", || servers[1].get("/api/models")["current"] == candidate);
    let third = start(&artifacts, &postgres);
    assert_eq!(third.get("/api/models")["current"], candidate);
    assert_eq!(third.get("/api/samples")["total"], 12);
}
