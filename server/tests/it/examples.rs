//! Every example in the help of `server` and `train`, pasted into a shell: in a folder that has what
//! they name.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, fs::symlink, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use glyphic_model::preprocess::Strokes;
use glyphic_runtime::{decode::png, registry::Registry};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    common::{TestArtifacts, a_little_of_mnist, drawings, repository, wait_until},
    programs::{Program, ServerProgram},
    shared::S3,
    sheet::table,
};

/// Widest line of the help: a terminal's.
const COLUMNS: usize = 80;

/// A folder to work in, and the programs on the path.
struct Shell {
    folder: TempDir,
    bin: TempDir,
    s3: S3,
}

impl Shell {
    fn new() -> Self {
        let bin = tempfile::tempdir().unwrap();
        let server = PathBuf::from(env!("CARGO_BIN_EXE_server"));
        symlink(&server, bin.path().join("server")).unwrap();
        let train = bin.path().join("train");
        fs::write(&train, format!("#!/bin/sh\nexec {} train \"$@\"\n", server.display())).unwrap();
        fs::set_permissions(&train, fs::Permissions::from_mode(0o755)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        Self { folder, bin, s3: S3::moto() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A line, in a shell of its own.
    fn command(&self, line: &str) -> Command {
        let path = format!("{}:{}", self.bin.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        for (name, value) in self.s3.command().get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("GLYPHIC_ADDR", "127.0.0.1:0")
            .env_remove("GLYPHIC_ARTIFACTS")
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn run(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(output.status.success(), "{line}: {}", said(&output));
        said(&output)
    }

    /// The lines of a command's help, and the examples in it.
    #[track_caller]
    fn help(&self, command: &str) -> (String, Vec<String>) {
        let help = self.run(&format!("{command} --help"));
        let examples = help.lines().skip_while(|line| !line.starts_with("Examples")).skip(1);
        let examples: Vec<String> = examples.map(|line| line.trim().to_owned()).collect();
        assert!(!examples.is_empty(), "{command} has no example: {help}");
        for line in help.lines() {
            assert!(line.chars().count() <= COLUMNS, "{command}: {line:?} is too wide");
        }
        (help, examples)
    }

    /// The examples of a program and of all its commands, each once.
    fn examples(&self, program: &str) -> Vec<String> {
        let (help, mut examples) = self.help(program);
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = commands.take_while(|line| !line.is_empty());
        let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        for name in names.filter(|name| !name.is_empty() && !["help", "train"].contains(name)) {
            let of_all = |line: &String| line.starts_with(&format!("{program} {name}"));
            assert!(examples.iter().any(of_all), "no example of {name} in {program} --help");
            examples.extend(self.help(&format!("{program} {name}")).1);
        }
        let mut seen = BTreeSet::new();
        let bare = |line: String| line.split('#').next().unwrap().trim().to_owned();
        examples.into_iter().map(bare).filter(|line| seen.insert(line.clone())).collect()
    }

    /// What goes on until it is stopped says where it is.
    #[track_caller]
    fn starts(&self, line: &str, says: &str) {
        let mut command = self.command(&format!("exec {line}"));
        let mut program = Program(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut first = String::new();
        BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.contains(says), "{line}: {first:?}");
    }

    /// A run that was stopped; its id.
    fn stopped_run(&self) -> String {
        let mut command = self.command("exec train --epochs 12");
        let mut program = Program(command.stderr(Stdio::null()).spawn().unwrap());
        let runs = self.path("artifacts/runs");
        let run = || Some(fs::read_dir(&runs).ok()?.next()?.unwrap().file_name());
        let state = |id| runs.join(id).join("state.bpk");
        wait_until("the run's state", || run().is_some_and(|id| state(id).exists()));
        self.run(&format!("kill -INT {}", program.0.id()));
        let ended = program.0.wait().unwrap();
        assert!(ended.code() == Some(130) && ended.signal().is_none(), "{ended:?}");
        run().unwrap().into_string().unwrap()
    }
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Checkpoints, data, drawings and pictures, under the names of the examples.
fn fill(folder: &Path) {
    let released = Registry::new(repository().join("artifacts"));
    let current = released.current().unwrap();
    let older = released.previous().unwrap();
    let [a, b] = [&current, &older].map(|id| TestArtifacts::with(id));
    fs::rename(a.registry.root(), folder.join("artifacts")).unwrap();
    let registry = Registry::new(folder.join("artifacts"));
    fs::rename(b.registry.folder(&older), registry.folder(&older)).unwrap();
    registry.set_alias("candidate", &older).unwrap();
    symlink(folder.join("artifacts"), folder.join("glyphic")).unwrap();
    a_little_of_mnist(&folder.join("artifacts/datasets/mnist"));
    a_little_of_mnist(&folder.join("mnist"));

    let lines = drawings(40).into_iter();
    let lines = lines.map(|(label, strokes)| json!({ "label": label, "strokes": strokes }));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("samples.jsonl"), &lines).unwrap();
    fs::write(folder.join("symbols.jsonl"), &lines).unwrap();
    for (i, (label, strokes)) in drawings(40).into_iter().enumerate() {
        let strokes = Strokes::new(serde_json::from_value(strokes).unwrap()).unwrap();
        let pictures = folder.join("photos").join(label);
        fs::create_dir_all(&pictures).unwrap();
        fs::write(pictures.join(format!("{i}.png")), png(&strokes.glyph().unwrap())).unwrap();
    }
    let photo = repository().join("model/tests/pictures/5_progressive.jpg");
    fs::copy(&photo, folder.join("photo.jpg")).unwrap();
    fs::create_dir(folder.join("scans")).unwrap();
    fs::copy(photo, folder.join("scans/1.png")).unwrap();
    fs::write(folder.join("form.jpg"), table(false).png(0)).unwrap();
    fs::write(
        folder.join("rates.toml"),
        "seeds = [1]\n[settings]\nepochs = 1\n[vary]\nlearning_rate = [0.001, 0.004]\n",
    )
    .unwrap();
}

#[test]
fn the_examples_of_the_server_do_what_they_say() {
    let shell = Shell::new();
    let server = ServerProgram::released();
    let address = server.url.trim_start_matches("http://");
    let registry = Registry::new(shell.path("artifacts"));
    for example in shell.examples("server") {
        let line = example.replace("s3://bucket/glyphic", "s3://glyphic/registry");
        let line = line.replace(" ID", &format!(" {}", registry.resolve("candidate").unwrap()));
        if line.starts_with("server probe") {
            let at = if line.contains("--addr") { "" } else { " --addr :9000" };
            shell.run(&format!("{line}{at}").replace(":9000", address));
        } else if line == "server" || line.starts_with("server --") {
            shell.starts(
                &line.replace(":9000", ":0").replace(":8080", ":0"),
                "Glyphic is at http://",
            );
        } else {
            shell.run(&line);
        }
    }
    let is_written = |name: &str| fs::metadata(shell.path(name)).is_ok_and(|file| file.len() > 0);
    for name in ["numbers.csv", "form.json", "found.png", "site/index.html"] {
        assert!(is_written(name), "{name}");
    }
}

#[test]
fn the_examples_of_the_trainer_do_what_they_say() {
    let shell = Shell::new();
    let registry = Registry::new(shell.path("artifacts"));
    for example in shell.examples("train") {
        if example.starts_with("train lend") {
            shell.starts(&example.replace(":8090", ":0"), "--device remote:ws://");
        } else if example.starts_with("train resume") {
            let run = shell.stopped_run();
            shell.run(&example.replace("RUN", &run));
        } else if example.starts_with("train restore") {
            let removed = registry.ids().unwrap().remove(0);
            registry.remove(&removed).unwrap();
            shell.run(&example.replace("ID", &removed));
            assert!(registry.ids().unwrap().contains(&removed));
        } else {
            let other = registry.resolve("candidate").unwrap();
            shell.run(&example.replace(" ID", &format!(" {other}")));
        }
    }
    for name in ["net.zip", "net.onnx", "net.safetensors", "sheet.png", "symbols.png", "pairs"] {
        assert!(shell.path(name).exists(), "{name}");
    }
    let (aliases, ids) = (registry.aliases().unwrap(), registry.ids().unwrap());
    assert!(
        ids.contains(&aliases.aliases["candidate"]) && ids.contains(&registry.current().unwrap())
    );
}

#[test]
fn without_a_session_the_drivers_say_nothing() {
    let shell = Shell::new();
    let said = shell.run("unset XDG_RUNTIME_DIR; train devices");
    assert!(said.contains("Self-test passed") && !said.contains("XDG_RUNTIME_DIR"), "{said}");
}
