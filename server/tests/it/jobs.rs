//! Training jobs on samples: when they begin, and every way in which they can end. The trainer is
//! the real one.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    common::{
        Server, TestArtifacts, TrainingSetup, alone, drawings, execute, names, seven, train,
        wait_for, wait_for_job, wait_until,
    },
    programs::Postgres,
};
use serde_json::{Value, json};

/// Training that takes seconds, for tests of what happens around it.
fn short() -> TrainingSetup {
    let mut setup = TrainingSetup::default();
    setup.settings.arguments = ["--examples", "512", "--epochs", "1"].map(str::to_owned).to_vec();
    setup
}

fn teach_some(server: &Server) {
    for (label, strokes) in drawings(12) {
        server.teach(&label, "me", &strokes);
    }
}

/// Two drawings of each of two symbols; one of each is held back.
fn teach_two_each(server: &Server) {
    for (label, strokes) in drawings(4) {
        server.teach(&label, "me", &strokes);
    }
}

/// A server that was taught some drawings and then asked for training, and the job's id.
fn asked_for_training(artifacts: &TestArtifacts) -> (Server, String) {
    let server = Server::training(artifacts, TrainingSetup::default());
    teach_some(&server);
    let (status, job) = server.post_json("/api/jobs", &json!({}));
    assert_eq!(status, 202, "{job}");
    (server, job["id"].as_str().unwrap().to_owned())
}

/// Waits for the newest job, which began for a reason, and returns its id.
#[track_caller]
fn wait_for_begun_job(server: &Server, reason: &str) -> String {
    wait_for("a training job's beginning", || {
        let newest = server.get("/api/jobs").1["jobs"][0].clone();
        let id = newest["id"].as_str()?.to_owned();
        assert_eq!(newest["reason"], reason, "{newest}");
        Some(id)
    })
}

/// What the store holds so far now came through a server whose clock is an hour ahead.
fn label_an_hour_ahead(artifacts: &TestArtifacts) {
    execute(&artifacts.database(), &["UPDATE samples SET labelled = labelled + 3600000"]);
}

#[test]
fn one_job_at_a_time_with_progress_and_an_ending() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, short());
    teach_some(&server);
    label_an_hour_ahead(&artifacts);
    let (status, job) = server.post_json("/api/jobs", &json!({}));
    assert_eq!(status, 202, "{job}");
    let (status, refused) = server.post_json("/api/jobs", &json!({}));
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("job_under_way")));
    assert!(refused["error"]["message"].as_str().unwrap().contains(job["id"].as_str().unwrap()));
    let ended = wait_for_job(&server, job["id"].as_str().unwrap());
    assert!(["promoted", "candidate"].contains(&ended["state"].as_str().unwrap()), "{ended}");
    assert_eq!(ended["samples"], 12);
    assert_eq!(ended["progress"]["validation"].as_array().unwrap().len(), 1, "{ended}");
    let schemas = server.get("/api/openapi.json").1["components"]["schemas"].clone();
    assert_eq!(names(&ended["progress"]), names(&schemas["JobProgress"]["properties"]));
    assert!(ended["message"].as_str().unwrap().starts_with("it "), "{ended}");
    // Only its checkpoint is left.
    for folder in ["runs", "jobs"] {
        let left = fs::read_dir(artifacts.registry.root().join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder}");
    }
    assert_eq!(server.get("/api/samples/summary").1["since_training"], 0);
    // What comes by way of a server whose clock is right, an hour behind that one, is new.
    server.teach("7", "me", &seven());
    assert_eq!(server.get("/api/samples/summary").1["since_training"], 1);
    assert_eq!(server.get("/api/jobs/none").0, 404);
}

/// A newer program has added to the schema, and an older one has trained beside this one: it
/// does not know which labelling was the newest.
#[test]
fn programs_of_other_versions_share_the_database() {
    let artifacts = TestArtifacts::released();
    drop(Server::training(&artifacts, TrainingSetup::default()));
    execute(
        &artifacts.database(),
        &[
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
             execution_time) VALUES (99, 'from the future', 1, x'00', 0)",
            "INSERT INTO jobs (id, created, reason, state, attempts, cancel, samples, progress, \
             candidate, started) VALUES ('0', 1, 'asked', 'promoted', 1, 0, 12, '{}', 'x', \
             4000000000000)",
            "INSERT INTO jobs (id, created, reason, state, active, attempts, cancel, samples, \
             progress, recipe) VALUES ('1', 1, 'asked', 'queued', 1, 0, 0, 0, '{}', 'dream')",
        ],
    );
    let server = Server::training(&artifacts, short());
    server.teach("7", "me", &seven());
    assert_eq!(server.get("/api/samples/summary").1["since_training"], 0, "labelled before 2096");
    // A recipe that it does not know is shown, and left to newer servers.
    std::thread::sleep(Duration::from_millis(1500));
    let unknown = server.get("/api/jobs/1").1;
    assert_eq!((&unknown["recipe"], &unknown["state"]), (&json!("dream"), &json!("queued")));
}

/// Older versions took labels with invisible characters, which look like others.
#[test]
fn labels_that_are_not_allowed_any_more_do_not_stop_the_training() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, short());
    teach_some(&server);
    server.teach("7", "old", &seven());
    execute(
        &artifacts.database(),
        &["UPDATE samples SET label = '7' || char(8203) WHERE source = 'old'"],
    );
    let job = train(&server);
    assert!(["promoted", "candidate"].contains(&job["state"].as_str().unwrap()), "{job}");
    let id = job["candidate"].as_str().unwrap();
    let labels = artifacts.registry.manifest(id).unwrap().labels;
    assert_eq!(labels.len(), 10, "{labels:?}");
}

#[test]
fn a_job_is_cancelled() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let (server, id) = asked_for_training(&artifacts);
    wait_until("the job's first step", || {
        server.get(&format!("/api/jobs/{id}")).1["progress"]["step"].is_u64()
    });
    assert_eq!(server.post_json(&format!("/api/jobs/{id}/cancel"), &json!({})).0, 200);
    let ended = wait_for_job(&server, &id);
    assert_eq!((&ended["state"], &ended["candidate"]), (&json!("cancelled"), &Value::Null));
    let runs = artifacts.registry.root().join("runs");
    assert_eq!(fs::read_dir(runs).unwrap().count(), 0);
    // Another can begin.
    assert_eq!(server.post_json("/api/jobs", &json!({})).0, 202);
}

#[test]
fn a_job_that_fails_says_why_and_the_next_can_begin() {
    let artifacts = TestArtifacts::released();
    let mut setup = short();
    setup.settings.data = Some("/nowhere/mnist".into());
    let server = Server::training(&artifacts, setup);
    // Nothing runs that could not be measured in the end.
    for taught in [false, true] {
        if taught {
            server.teach("7", "me", &seven());
        }
        let (status, refused) = server.post_json("/api/jobs", &json!({}));
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("nothing_held_back")));
        assert_eq!(server.get("/api/samples/summary").1["held_back"], 0);
    }
    teach_some(&server);
    let job = train(&server);
    assert_eq!(job["state"], "failed", "{job}");
    // Anybody may read this: where files are is for the log alone.
    let message = job["message"].as_str().unwrap();
    assert!(message.contains("no data at …: give "), "{message}");
    assert!(message.contains("log names the paths") && !message.contains("nowhere"), "{message}");

    let artifacts = TestArtifacts::released();
    let setup = TrainingSetup::with_program(&["/no/such/program"]);
    let server = Server::training(&artifacts, setup);
    teach_some(&server);
    let job = train(&server);
    assert_eq!(job["state"], "failed");
    let message = job["message"].as_str().unwrap();
    assert!(message.contains("cannot be started"), "{message}");
    assert!(!message.contains("such/program"), "{message}");

    // A trainer that is killed.
    let artifacts = TestArtifacts::released();
    let setup = TrainingSetup::with_program(&["sh", "-c", "kill -9 $$"]);
    let server = Server::training(&artifacts, setup);
    teach_some(&server);
    let job = train(&server);
    assert_eq!(job["state"], "failed");
    assert!(job["message"].as_str().unwrap().contains("signal: 9"), "{job}");
}

#[test]
fn a_job_outlives_a_restart_of_its_server() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let (server, id) = asked_for_training(&artifacts);
    std::thread::sleep(Duration::from_secs(2));
    drop(server);
    let server = Server::training(&artifacts, short());
    let ended = wait_for_job(&server, &id);
    assert!(["promoted", "candidate"].contains(&ended["state"].as_str().unwrap()), "{ended}");
    assert_eq!(ended["attempts"], 1, "a restart is no failed attempt: {ended}");
}

#[test]
fn a_running_job_is_taken_over_only_when_its_server_is_silent_whatever_the_clocks_say() {
    let postgres = Postgres::start();
    let artifacts = [TestArtifacts::released(), TestArtifacts::released()];
    let urls = [artifacts[0].database(), postgres.url()];
    std::thread::scope(|scope| {
        for (artifacts, url) in artifacts.iter().zip(urls) {
            scope.spawn(move || take_over_a_silent_job(artifacts, &url));
        }
    });
}

/// Another server runs the job; its clock is an hour behind this one's, or stands still.
fn take_over_a_silent_job(artifacts: &TestArtifacts, url: &str) {
    let mut setup = TrainingSetup::with_program(&["sh", "-c", "exit 1"]);
    setup.url = Some(url.to_owned());
    let server = Server::training(artifacts, setup);
    teach_some(&server);
    let execute = |statement: String| execute(url, &[&statement]);
    let behind = glyphic_server::store::now() - 3_600_000;
    execute(format!(
        "INSERT INTO jobs (id, created, reason, state, active, owner, heartbeat, attempts, \
         cancel, samples, progress) VALUES ('a', {behind}, 'asked', 'running', 1, 'other', \
         {behind}, 1, 0, 0, '{{}}')"
    ));
    for second in 0..18 {
        execute(format!("UPDATE jobs SET heartbeat = {behind} + {}", second / 4));
        let job = server.get("/api/jobs/a").1;
        assert_eq!((&job["owner"], &job["attempts"]), (&json!("other"), &json!(1)), "{job}");
        std::thread::sleep(Duration::from_secs(1));
    }
    // Now it is silent, and its clock an hour ahead.
    execute(format!("UPDATE jobs SET heartbeat = {}", behind + 7_200_000));
    let begun = Instant::now();
    let ended = wait_for_job(&server, "a");
    assert_eq!((&ended["state"], &ended["attempts"]), (&json!("failed"), &json!(2)), "{ended}");
    let waited = begun.elapsed();
    assert!((13..30).contains(&waited.as_secs()), "taken over after {waited:?}");
    // A job that is asked for now is the last one, whatever the times of the others are.
    execute("UPDATE jobs SET id = 'ffffffffff000000000'".to_owned());
    let job = train(&server);
    assert_eq!(server.get("/api/jobs").1["jobs"][0]["id"], job["id"], "{job}");
}

#[test]
fn training_begins_by_itself_after_enough_samples() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let mut setup = short();
    setup.settings.every_samples = Some(12);
    let server = Server::training(&artifacts, setup);
    let drawings = drawings(12);
    for (label, strokes) in &drawings[..11] {
        server.teach(label, "me", strokes);
    }
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(server.get("/api/jobs").1["jobs"], json!([]));
    server.teach(&drawings[11].0, "me", &drawings[11].1);
    let id = wait_for_begun_job(&server, "samples");
    wait_for_job(&server, &id);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(server.get("/api/jobs").1["jobs"].as_array().unwrap().len(), 1, "nothing is new");
}

#[test]
fn training_begins_by_itself_after_the_hours_if_there_are_new_samples() {
    let artifacts = TestArtifacts::released();
    // In the place of the trainer: it fails, with its arguments as the error.
    let arguments = "echo \"error: $*\" >&2; exit 1";
    let mut setup = TrainingSetup::with_program(&["sh", "-c", arguments, "train"]);
    setup.settings.every = Some(Duration::from_secs(3600));
    setup.settings.device = "cpu,gpu:1".to_owned();
    setup.settings.arguments = vec!["--sample-share=0.5".to_owned()];
    let server = Server::training(&artifacts, setup);
    assert_eq!(server.get("/api/jobs").1["jobs"], json!([]), "there is nothing new");
    teach_two_each(&server);
    let id = wait_for_begun_job(&server, "schedule");
    let job = wait_for_job(&server, &id);
    let message = job["message"].as_str().unwrap();
    for part in ["finetune", "--device cpu,gpu:1", "--sample-share=0.5", "--as-child"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    // The next one is due an hour later, although there is a new sample.
    server.teach("1", "me", &seven());
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(server.get("/api/jobs").1["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn samples_of_several_servers_are_one() {
    let _alone = alone();
    let postgres = Postgres::start();
    let setup = || TrainingSetup { url: Some(postgres.url()), ..short() };
    let artifacts = TestArtifacts::released();
    let (one, two) = (Server::training(&artifacts, setup()), Server::training(&artifacts, setup()));
    let kept = one.teach("7", "me", &seven());
    let again = two.teach("7", "you", &seven());
    assert_eq!((&again["id"], &again["duplicate"]), (&kept["id"], &json!(true)));
    teach_two_each(&one);
    // Asked at once, one job begins.
    let (first, second) = std::thread::scope(|scope| {
        let ask = |server: &Server| server.post_json("/api/jobs", &json!({})).0;
        let (one, two) = (&one, &two);
        let a = scope.spawn(move || ask(one));
        let b = scope.spawn(move || ask(two));
        (a.join().unwrap(), b.join().unwrap())
    });
    let mut statuses = [first, second];
    statuses.sort();
    assert_eq!(statuses, [202, 409]);
    let (_, jobs) = one.get("/api/jobs");
    wait_for_job(&two, jobs["jobs"][0]["id"].as_str().unwrap());
}
