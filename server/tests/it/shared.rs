//! Servers that share one registry in an object store: real servers, and a real S3 server.

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    common::{publish, repository, seven, wait_for, wait_until},
    programs::{Program, ServerProgram},
};
use glyphic_runtime::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An S3 server with a bucket `glyphic`.
pub struct S3 {
    folder: TempDir,
    port: u16,
    program: Option<Program>,
}

impl S3 {
    /// rclone's, which keeps the objects as files and takes every write.
    fn rclone() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("glyphic")).unwrap();
        let mut s3 = Self { folder, port: free_port(), program: None };
        s3.start();
        s3
    }

    fn start(&mut self) {
        let address = format!("127.0.0.1:{}", self.port);
        let mut command = Command::new(installed("rclone"));
        command.args(["serve", "s3", "--auth-key", "key,secret", "--addr", &address]);
        command.arg(self.folder.path());
        self.program = Some(listening(command, self.port));
    }

    fn stop(&mut self) {
        self.program = None;
    }

    /// The objects, as rclone keeps them.
    fn objects(&self) -> PathBuf {
        self.folder.path().join("glyphic/registry")
    }

    /// moto's, which refuses a write whose condition is not met, and takes objects from
    /// everybody.
    pub fn moto() -> Self {
        let port = free_port();
        let mut command = Command::new(installed("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let program = listening(command, port);
        ureq::put(format!("http://127.0.0.1:{port}/glyphic")).send_empty().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), port, program: Some(program) }
    }

    /// The server's program, told where the store is and how to get in.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command
            .env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("GLYPHIC_DEVICE", "cpu")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Puts an object there that no server has written; moto's alone takes it.
    fn put(&self, path: &str, bytes: &[u8]) {
        let url = format!("http://127.0.0.1:{}/glyphic/registry/{path}", self.port);
        // It asks for a signature and does not check it.
        let signed = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, \
                      SignedHeaders=host, Signature=0";
        ureq::put(url).header("authorization", signed).send(bytes).unwrap();
    }

    fn push(&self, arguments: &[&str], artifacts: &Path) -> Output {
        let mut command = self.command();
        command.args(["push", "--to", URL, "--artifacts"]).arg(artifacts).args(arguments);
        command.output().unwrap()
    }
}

const URL: &str = "s3://glyphic/registry";

fn installed(program: &str) -> PathBuf {
    let install = repository().join("server/tests/object_stores/install");
    let output = Command::new(install).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the S3 servers cannot be installed");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()).join(program)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn listening(mut command: Command, port: u16) -> Program {
    let program = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut program = Program(program);
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(program.0.try_wait().unwrap().is_none(), "{command:?} has ended");
        assert!(begun.elapsed() < Duration::from_secs(30), "{command:?} does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    program
}

/// A server with a copy of its own.
struct SharingServer {
    copy: TempDir,
    server: ServerProgram,
}

impl Deref for SharingServer {
    type Target = ServerProgram;

    fn deref(&self) -> &ServerProgram {
        &self.server
    }
}

impl SharingServer {
    fn start(s3: &S3) -> Self {
        Self::start_with(s3, tempfile::tempdir().unwrap())
    }

    fn start_with(s3: &S3, copy: TempDir) -> Self {
        Self::start_logging(s3, copy, Stdio::null())
    }

    /// Configured as in a container: by the environment.
    fn start_logging(s3: &S3, copy: TempDir, log: Stdio) -> Self {
        let server = ServerProgram::start(
            s3.command()
                .env("GLYPHIC_ADDR", "127.0.0.1:0")
                .env("GLYPHIC_ARTIFACTS", URL)
                .env("GLYPHIC_ARTIFACTS_COPY", copy.path())
                .env("GLYPHIC_DATA", repository().join("artifacts/datasets/mnist"))
                .stderr(log),
        );
        Self { copy, server }
    }

    fn promote(&self, id: &str) -> (u16, Value) {
        self.send("POST", &format!("/api/models/{id}/promote?force=1"), &json!({}))
    }

    /// The checkpoint that reads a drawing.
    fn reads_with(&self) -> String {
        let body = json!({ "strokes": seven() });
        let (status, answer) = self.send("POST", "/api/predict", &body);
        assert_eq!(status, 200, "{answer}");
        answer["model"].as_str().unwrap().to_owned()
    }

    fn listed(&self) -> Vec<String> {
        let models = self.get("/api/models")["models"].as_array().unwrap().clone();
        models.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    }

    fn waits_for(&self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        wait_until(what, || is(self));
    }
}

/// Two of the repository's checkpoints: the promoted one, and another.
fn released() -> (Registry, String, String) {
    let registry = Registry::new(repository().join("artifacts"));
    let current = registry.current().unwrap();
    let other = registry.ids().unwrap().into_iter().find(|id| *id != current).unwrap();
    (registry, current, other)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_one_server_does_reaches_the_other() {
    let mut s3 = S3::rclone();
    let (registry, first, second) = released();
    // Nothing is there yet.
    let empty = tempfile::tempdir().unwrap();
    let mut server = s3.command();
    server.args(["--addr", "127.0.0.1:0", "--artifacts", URL, "--artifacts-copy"]);
    let mut refused = Program(server.arg(empty.path()).spawn().unwrap());
    wait_until("its end, with nothing to serve", || refused.0.try_wait().unwrap().is_some());
    let mut said = String::new();
    refused.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("server push --to s3://"), "{said}");

    let pushed = s3.push(&[], registry.root());
    assert!(text(&pushed.stdout).contains("now promoted there"), "{pushed:?}");
    let (a, b) = (SharingServer::start(&s3), SharingServer::start(&s3));
    assert_eq!([a.reads_with(), b.reads_with()], [first.clone(), first.clone()]);

    // A checkpoint that is sent is there, but not serving.
    let pushed = s3.push(&[&second], registry.root());
    assert!(pushed.status.success() && !text(&pushed.stdout).contains("first"), "{pushed:?}");
    let (status, answer) = a.send("PUT", "/api/aliases/candidate", &json!({ "id": first }));
    assert_eq!(status, 200, "{answer}");
    b.waits_for("the alias", |b| b.get("/api/models").to_string().contains("\"candidate\""));
    for server in [&a, &b] {
        let both = |server: &SharingServer| server.listed().len() == 2;
        server.waits_for("the second checkpoint", both);
        assert_eq!(server.reads_with(), first);
    }

    // Promoted here, it serves there; and back again.
    assert_eq!(a.promote(&second).0, 200);
    assert_eq!(a.reads_with(), second);
    b.waits_for("the promotion", |b| b.reads_with() == second);
    assert_eq!(b.send("POST", "/api/models/rollback", &json!({})).0, 200);
    a.waits_for("the roll-back", |a| a.reads_with() == first);

    // A checkpoint that is removed here is removed there too; needed ones stay.
    let (status, answer) = b.send("POST", "/api/models/prune?keep=0", &json!({}));
    assert_eq!((status, &answer["removed"]), (200, &json!([second])));
    assert!(!s3.objects().join("checkpoints").join(&second).join("manifest.json").exists());
    assert_eq!(a.send("PUT", "/api/aliases/stays", &json!({ "id": first })).0, 200);
    assert_eq!(b.listed(), [first.as_str()]);
    wait_until("the removal where it was fetched", || a.listed() == [first.as_str()]);

    // Without the store both go on, also one that is started anew; changes are refused.
    s3.stop();
    assert_eq!(a.reads_with(), first);
    let (status, answer) = a.send("PUT", "/api/aliases/lost", &json!({ "id": first }));
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("shared_registry")), "{answer}");
    let SharingServer { copy, server } = a;
    drop(server);
    let a = SharingServer::start_with(&s3, copy);
    assert_eq!(a.reads_with(), first);
    s3.start();
    wait_until("a change in the store that is back", || {
        a.send("PUT", "/api/aliases/back", &json!({ "id": first })).0 == 200
    });
    b.waits_for("the alias", |b| b.get("/api/models").to_string().contains("\"back\""));
    assert!(!b.get("/api/models").to_string().contains("\"lost\""));
}

#[test]
fn a_checkpoint_fine_tuned_by_one_server_reaches_the_others() {
    let s3 = S3::moto();
    let (registry, first, _) = released();
    assert!(s3.push(&[&first], registry.root()).status.success());
    let (a, b) = (SharingServer::start(&s3), SharingServer::start(&s3));
    for i in 0..4 {
        let strokes = json!([[[0, 0], [60 + i, 2], [30, 90]], [[20, 45], [50 + i, 45]]]);
        let (status, answer) =
            a.send("POST", "/api/samples", &json!({ "label": "7", "strokes": strokes }));
        assert_eq!(status, 201, "{answer}");
    }
    let (status, job) = a.send("POST", "/api/jobs", &json!({}));
    assert_eq!(status, 202, "{job}");
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    let ended = wait_for("the job's end", || {
        let job = a.get(&path);
        let is_over = !["queued", "running"].contains(&job["state"].as_str().unwrap());
        is_over.then_some(job)
    });
    assert!(["promoted", "candidate"].contains(&ended["state"].as_str().unwrap()), "{ended}");
    let trained = ended["candidate"].as_str().unwrap().to_owned();
    b.waits_for("the fine-tuned checkpoint", |b| b.listed().contains(&trained));
}

#[test]
fn half_a_checkpoint_never_goes_live() {
    let s3 = S3::moto();
    let (registry, first, second) = released();
    let pushed = s3.push(&[&first], registry.root());
    assert!(pushed.status.success(), "{pushed:?}");
    let server = SharingServer::start(&s3);
    let file = |name: &str| fs::read(registry.folder(&second).join(name)).unwrap();
    let path = |name: &str| format!("checkpoints/{second}/{name}");
    let promoted = |id: &str| s3.put("CURRENT", format!("{id}\n{first}\n").as_bytes());
    let unmoved = || {
        thread::sleep(Duration::from_secs(3));
        assert!(!server.listed().contains(&second));
        assert_eq!(server.reads_with(), first);
    };

    // The weights have arrived, the manifest has not: and somebody promotes it all the same.
    s3.put(&path("weights.bpk"), &file("weights.bpk"));
    promoted(&second);
    unmoved();
    assert_eq!(server.promote(&second).0, 404, "it has not arrived");
    // The manifest is there, and of the weights a half.
    let weights = file("weights.bpk");
    s3.put(&path("weights.bpk"), &weights[..weights.len() / 2]);
    s3.put(&path("manifest.json"), &file("manifest.json"));
    unmoved();
    // A whole one goes live, as it was to.
    s3.put(&path("weights.bpk"), &weights);
    server.waits_for("the whole checkpoint", |server| server.reads_with() == second);

    // What was promoted long ago and is gone does not stand in a roll-back's way.
    let history = format!("{second}\n{first}\nlong-gone\n");
    s3.put("CURRENT", history.as_bytes());
    server.waits_for("a longer history", |server| {
        fs::read_to_string(server.copy.path().join("CURRENT")).unwrap().contains("long-gone")
    });
    let (status, answer) = server.send("POST", "/api/models/rollback", &json!({}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.reads_with(), first);
    assert_eq!(server.promote(&second).0, 200);

    // Names that nobody could have given, and files that are none, harm nobody.
    for odd in ["..evil/manifest.json", "x~/manifest.json", &format!("{first}/report.html~")] {
        s3.put(&format!("checkpoints/{odd}"), &file("manifest.json"));
    }
    for bad in [&b"../../x\n"[..], b"<html>not found</html>", b"\xff\xfe", &[b'a'; 2 << 20]] {
        s3.put("CURRENT", bad);
        thread::sleep(Duration::from_millis(1500));
        assert_eq!(server.reads_with(), second);
        assert_eq!(server.listed().len(), 2);
        let (status, answer) = server.send("PUT", "/api/aliases/x", &json!({ "id": first }));
        assert_eq!(status, 503, "{answer}");
    }
    promoted(&first);
    server.waits_for("the repaired registry", |server| server.reads_with() == first);
    // A copy is one server's.
    let mut command = s3.command();
    command.args(["--addr", "127.0.0.1:0", "--artifacts", URL, "--artifacts-copy"]);
    let refused = command.arg(server.copy.path()).output().unwrap();
    assert!(text(&refused.stderr).contains("another server's copy"), "{refused:?}");
    let copied = fs::read_dir(server.copy.path().join("checkpoints")).unwrap();
    let copied = copied.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(copied.filter(|name| name.contains("evil")).count(), 0);
}

#[test]
fn odd_names_in_the_store_stop_nothing_and_are_reported_once() {
    let s3 = S3::moto();
    let (registry, first, second) = released();
    assert!(s3.push(&[&first], registry.root()).status.success());
    let log = tempfile::NamedTempFile::new().unwrap();
    let logged = Stdio::from(log.reopen().unwrap());
    let server = SharingServer::start_logging(&s3, tempfile::tempdir().unwrap(), logged);
    // Before the checkpoints in the store's order, between them, and behind them.
    let manifest = fs::read(registry.folder(&second).join("manifest.json")).unwrap();
    for odd in [
        "checkpoints/%2E%2E/%2E%2E/evil/manifest.json".to_owned(),
        format!("checkpoints/{first}/odd-%7F"),
        "checkpoints/zz/%2E/manifest.json".to_owned(),
        "checkpoints/zz~/manifest.json".to_owned(),
    ] {
        s3.put(&odd, &manifest);
    }
    assert!(s3.push(&[&second], registry.root()).status.success());
    let both = |server: &SharingServer| server.listed().len() == 2;
    server.waits_for("the second checkpoint", both);
    // A server that begins now fetches both, too.
    let late = SharingServer::start(&s3);
    late.waits_for("the second checkpoint", both);
    assert_eq!(server.promote(&second).0, 200);
    late.waits_for("the promotion", |late| late.reads_with() == second);
    // Two lists later nothing is said twice.
    thread::sleep(Duration::from_secs(11));
    let log = fs::read_to_string(log.path()).unwrap();
    for part in ["evil/manifest.json", "odd-", "zz/./", "zz~"] {
        let said = log.lines().filter(|line| line.contains(part)).count();
        assert_eq!(said, 1, "{part}: {log}");
    }
    assert!(!log.contains("cannot list"), "{log}");
}

#[test]
fn servers_that_change_at_once_lose_nothing() {
    let s3 = S3::moto();
    let (registry, first, second) = released();
    for id in [&first, &second] {
        assert!(s3.push(&[id], registry.root()).status.success());
    }
    let servers = [SharingServer::start(&s3), SharingServer::start(&s3)];
    const EACH: usize = 15;
    thread::scope(|scope| {
        for (s, server) in servers.iter().enumerate() {
            let (first, second) = (&first, &second);
            scope.spawn(move || {
                for i in 0..EACH {
                    let id = [first, second][i % 2];
                    let begun = Instant::now();
                    loop {
                        let path = format!("/api/aliases/s{s}-{i}");
                        let (status, answer) = server.send("PUT", &path, &json!({ "id": id }));
                        if status == 200 {
                            break;
                        }
                        // Others may be faster, time and again.
                        assert_eq!(status, 503, "{answer}");
                        assert!(begun.elapsed() < Duration::from_secs(30), "{answer}");
                    }
                }
            });
        }
    });
    for server in &servers {
        server.waits_for("every alias", |server| {
            let models = server.get("/api/models").to_string();
            (0..EACH).all(|i| (0..2).all(|s| models.contains(&format!("\"s{s}-{i}\""))))
        });
    }
    let nothing = s3.push(&["--if-empty", "no-such-id"], registry.root());
    assert!(nothing.status.success() && nothing.stdout.is_empty(), "{nothing:?}");
    // The same checkpoint is sent twice, and is there once; another one of its name is not
    // taken.
    let again = s3.push(&[&first], registry.root());
    assert!(again.status.success() && !text(&again.stdout).contains("first)"), "{again:?}");
    let other = tempfile::tempdir().unwrap();
    let other = Registry::new(other.path());
    publish(&other, &first);
    let refused = s3.push(&[&first], other.root());
    assert!(text(&refused.stderr).contains("already exists"), "{refused:?}");
}
