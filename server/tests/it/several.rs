//! Three servers, the real programs, on one PostgreSQL and one artifacts folder:
//! samples, jobs and promotions are shared, a job runs once, and any server can
//! be killed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::{Artifacts, Postgres, drawings, repository};
use serde_json::{Value, json};

struct Program {
    process: Child,
    address: String,
}

impl Program {
    fn start(artifacts: &Artifacts, postgres: &Postgres) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_server"))
            .env("GLYPHIC_ADDR", "127.0.0.1:0")
            .env("GLYPHIC_ARTIFACTS", artifacts.registry.root())
            .env("GLYPHIC_DEVICE", "cpu")
            .env("GLYPHIC_DATA", repository().join("artifacts/datasets/mnist"))
            .env("DATABASE_URL", postgres.url())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(address.starts_with("http://"), "the server did not start: {line:?}");
        Self { process, address }
    }

    fn get(&self, path: &str) -> Value {
        let mut response = ureq::get(format!("{}{path}", self.address)).call().unwrap();
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut response = ureq::post(format!("{}{path}", self.address))
            .config()
            .http_status_as_error(false)
            .build()
            .content_type("application/json")
            .send(body.to_string().as_bytes())
            .unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn wait<T>(what: &str, seconds: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_job_runs_once_and_outlives_the_server_that_ran_it() {
    let postgres = Postgres::start();
    let artifacts = Artifacts::released();
    let mut servers: Vec<Program> = (0..3).map(|_| Program::start(&artifacts, &postgres)).collect();
    for (i, (label, strokes)) in drawings(12).iter().enumerate() {
        let body = json!({ "label": label, "strokes": strokes });
        assert_eq!(servers[i % 3].post("/api/samples", &body).0, 201);
    }
    assert!(servers.iter().all(|server| server.get("/api/samples")["total"] == 12));

    // Each is asked; one job begins.
    let asked: Vec<u16> =
        servers.iter().map(|server| server.post("/api/jobs", &json!({})).0).collect();
    assert_eq!(asked.iter().filter(|status| **status == 202).count(), 1, "{asked:?}");
    let running = wait("the job's first steps", 60, || {
        let job = servers[0].get("/api/jobs")["jobs"][0].clone();
        job["progress"]["step"].is_u64().then_some(job)
    });
    let id = running["id"].as_str().unwrap().to_owned();
    // A server's name among its peers begins with its process.
    let pid: u32 = running["owner"].as_str().unwrap().split('-').next().unwrap().parse().unwrap();
    let owner = servers.iter().position(|server| server.process.id() == pid).unwrap();
    drop(servers.remove(owner));

    // Another takes it over, and the dead server's trainer stops by itself.
    let taken = wait("another server's taking over", 60, || {
        let job = servers[0].get(&format!("/api/jobs/{id}"));
        (job["attempts"] == 2 && job["owner"] != running["owner"]).then_some(job)
    });
    assert_eq!(taken["state"], "running", "{taken}");
    let ended = wait("the job's end", 240, || {
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
    let (status, answer) = servers[0].post(&format!("/api/models/{candidate}/promote"), &json!({}));
    assert_eq!(status, 200, "{answer}");
    wait("the promotion's arrival", 5, || {
        (servers[1].get("/api/models")["current"] == candidate).then_some(())
    });
    let third = Program::start(&artifacts, &postgres);
    assert_eq!(third.get("/api/models")["current"], candidate);
    assert_eq!(third.get("/api/samples")["total"], 12);
}
