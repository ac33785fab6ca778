//! Programs that tests run: the server's own, and PostgreSQL.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::common::{read, repository};
use serde_json::Value;
use tempfile::TempDir;

/// A child process that is killed when this is dropped, so that it ends with the test.
pub struct Program(pub Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server as a process of its own, and its address.
pub struct ServerProgram {
    pub program: Program,
    pub url: String,
}

impl ServerProgram {
    /// Starts the server with this command, and waits until it prints its address.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut program = Program(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://"), "the server did not start: {line:?}");
        Self { program, url }
    }

    /// Serves the repository's checkpoints.
    pub fn released() -> Self {
        Self::start(
            Command::new(env!("CARGO_BIN_EXE_server"))
                .args(["--device", "cpu", "--addr", "127.0.0.1:0", "--artifacts"])
                .arg(repository().join("artifacts"))
                .stderr(Stdio::null()),
        )
    }

    /// The JSON at a path.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let request = ureq::get(format!("{}{path}", self.url));
        let request = request.config().http_status_as_error(false).build();
        let (status, body) = read(request.call());
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Sends a body by another method than GET; returns status and JSON.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body.to_string())
            .unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        read(ureq::Agent::new_with_config(agent).run(request))
    }

    /// The most memory it ever held, in MiB.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

/// A PostgreSQL server of a test's own, from the system's packages. It refuses
/// to run as root, so then it runs as `postgres`.
pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    pub fn start() -> Self {
        let bin = fs::read_dir("/usr/lib/postgresql")
            .expect("PostgreSQL is missing: ./test installs it")
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .find(|bin| bin.join("initdb").exists())
            .expect("PostgreSQL's server is missing: ./test installs it");
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let postgres = Self { folder, bin, port };
        let data = postgres.data();
        postgres.run("initdb", &["-D", &data, "-U", "glyphic", "-A", "trust", "--no-sync"]);
        postgres.up();
        let name = ["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "glyphic", "glyphic"];
        postgres.run("createdb", &name);
        postgres
    }

    /// Starts the database server.
    pub fn up(&self) {
        let options = format!("-p {} -k {} -h 127.0.0.1", self.port, self.folder.path().display());
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-o", &options, "-l", &log, "start"]);
    }

    /// Stops it, at once.
    pub fn down(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }

    pub fn url(&self) -> String {
        format!("postgres://glyphic@127.0.0.1:{}/glyphic", self.port)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        let done = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "{command:?} failed");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.down();
        }
        // Its files belong to another user.
        let _ = fs::remove_dir_all(self.folder.path());
    }
}
