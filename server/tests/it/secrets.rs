//! What neither the log, nor the answers, nor a child process gets: passwords, tokens, credentials.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    common::{TestArtifacts, repository},
    programs::ServerProgram,
};
use glyphic_server::store::Store;

const TOKEN: &str = "a-secret-of-this-server";

fn server(artifacts: &TestArtifacts) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command
        .args(["--addr", "127.0.0.1:0", "--device", "cpu", "--artifacts"])
        .arg(artifacts.registry.root());
    command
}

#[test]
fn a_databases_password_is_in_no_error_and_no_log() {
    let artifacts = TestArtifacts::released();
    for (url, shown) in [
        (
            "postgres://glyphic:secret-1@127.0.0.1:1/samples?password=secret-2&passwd=secret-3",
            "postgres://127.0.0.1:1/samples",
        ),
        ("postgres://glyphic:12/secret@127.0.0.1:1/samples", "postgres://…"),
        ("postgres://127.0.0.1:1/samples?password=secret&sslmode=odd", "\"odd\""),
        ("mysql://glyphic:secret@127.0.0.1:1/samples", "the database …"),
    ] {
        for json in [false, true] {
            let ended = server(&artifacts)
                .args(json.then_some("--log-json"))
                .env("DATABASE_URL", url)
                .env("RUST_LOG", "debug")
                .output()
                .unwrap();
            assert!(!ended.status.success());
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&ended.stdout),
                String::from_utf8_lossy(&ended.stderr)
            );
            assert!(said.contains(shown), "{url}: {said}");
            assert!(!said.contains("secret"), "{url}: {said}");
        }
    }
}

#[test]
fn a_token_that_is_refused_is_not_shown() {
    let artifacts = TestArtifacts::released();
    for token in ["with space secret9", "secret9", "secret9-secret9-ü"] {
        for by_flag in [false, true] {
            let mut command = server(&artifacts);
            match by_flag {
                true => command.arg(format!("--admin-token={token}")),
                false => command.env("GLYPHIC_ADMIN_TOKEN", token),
            };
            let ended = command.output().unwrap();
            assert!(!ended.status.success());
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(said.contains("--admin-token") && said.contains("16 or more"), "{said}");
            assert!(!said.contains("secret9"), "{said}");
        }
    }
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name of the program, in parentheses, may contain anything.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    ids.filter(is_child).collect()
}

/// The environment of the process that trains, once it does.
fn environment_of_the_trainer(server: u32) -> String {
    let begun = Instant::now();
    loop {
        for child in children(server) {
            let file = |name: &str| fs::read(Path::new("/proc").join(child.to_string()).join(name));
            let text = |name: &str| file(name).map(|bytes| String::from_utf8(bytes).unwrap());
            // Until it runs its own program, it has its parent's.
            if text("cmdline").is_ok_and(|line| line.contains("--as-child")) {
                return text("environ").unwrap();
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is trained");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_trainer_gets_neither_the_token_nor_credentials() {
    let artifacts = TestArtifacts::released();
    let server = ServerProgram::start(
        server(&artifacts)
            .env("GLYPHIC_ADMIN_TOKEN", TOKEN)
            .env("GLYPHIC_DATA", repository().join("artifacts/datasets/mnist"))
            .env("DATABASE_URL", Store::file_url(&artifacts.registry.root().join("secret.db")))
            .env("PGPASSWORD", "a-secret-of-a-database")
            .env("AWS_SECRET_ACCESS_KEY", "a-secret-of-a-store")
            .env("AZURE_STORAGE_ACCOUNT_KEY", "a-secret-of-a-store")
            .env("GOOGLE_SERVICE_ACCOUNT_KEY", "a-secret-of-a-store")
            .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=a-secret-of-a-collector")
            .env("GLYPHIC_REMOTE_TOKEN", "a-secret-of-a-lender")
            .env("SOMETHING_ELSE", "a-secret-of-nobody-knows-whom")
            .env("RAYON_NUM_THREADS", "1")
            .stderr(Stdio::null()),
    );
    let asked = ureq::post(format!("{}/api/jobs?from=scratch&network=mlp&epochs=500", server.url))
        .header("authorization", format!("Bearer {TOKEN}"))
        .send_empty();
    assert_eq!(asked.unwrap().status(), 202);

    let environment = environment_of_the_trainer(server.program.0.id());
    assert!(!environment.contains("secret"), "{}", environment.replace('\0', "\n"));
    // It still finds programs, and what it is told about threads and folders.
    let names: Vec<&str> =
        environment.split('\0').filter_map(|variable| Some(variable.split_once('=')?.0)).collect();
    for name in ["PATH", "RAYON_NUM_THREADS", "GLYPHIC_ARTIFACTS"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}
