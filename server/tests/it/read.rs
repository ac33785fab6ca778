//! `server read`: pictures from files and from standard input, as text, CSV, JSON and marked pictures.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{
    common::{picture, repository},
    sheet::{TEXTS, table},
};
use glyphic_runtime::decode::decode;
use serde_json::Value;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.arg("read").args(arguments).env("GLYPHIC_ARTIFACTS", repository().join("artifacts"));
    command
}

fn read(arguments: &[&str]) -> (Option<i32>, String, String) {
    result(command(arguments).output().unwrap())
}

fn result(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A table and a single digit in files.
fn files(folder: &Path) -> [PathBuf; 2] {
    let (form, digit) = (folder.join("form.png"), folder.join("5.png"));
    fs::write(&form, table(false).png(0)).unwrap();
    fs::write(&digit, picture("5_1bit.png")).unwrap();
    [form, digit]
}

#[test]
fn writes_text_csv_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let [form, digit] = files(folder.path());
    let names = [form.to_str().unwrap(), digit.to_str().unwrap()];
    let rows = |between: &str| TEXTS.map(|row| row.join(between));

    let (status, text, errors) = read(&[names[1]]);
    assert_eq!((status, text.as_str(), errors.as_str()), (Some(0), "5\n", ""));
    let (_, text, _) = read(&names);
    let table = rows("\t").join("\n");
    assert_eq!(text, format!("==> {} <==\n{table}\n==> {} <==\n5\n", names[0], names[1]));

    let (status, text, _) = read(&["--csv", names[0], names[1]]);
    let lines: Vec<String> = rows(",").map(|row| format!("{},{row}", names[0])).to_vec();
    assert_eq!((status, text), (Some(0), format!("{}\n{},5\n", lines.join("\n"), names[1])));

    let (_, text, _) = read(&["--json", names[0], names[1]]);
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&answers[0]["file"], &answers[1]["file"]), (&names[0].into(), &names[1].into()));
    assert_eq!(answers[0]["tables"][0]["rows"][1][0]["text"], TEXTS[1][0]);
    assert_eq!(answers[1]["text"], "5");
}

#[test]
fn reads_standard_input_and_marks_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let marked = folder.path().join("marked.png");
    let mut child = command(&["-", "--boxes", marked.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let page = table(false).png(0);
    child.stdin.take().unwrap().write_all(&page).unwrap();
    let (status, text, _) = result(child.wait_with_output().unwrap());
    assert_eq!(status, Some(0));
    assert_eq!(text.lines().count(), TEXTS.len());
    let (before, after) = (decode(&page).unwrap(), decode(&fs::read(&marked).unwrap()).unwrap());
    assert_eq!(before.size(), after.size());
    let greens = |rgba: &[u8]| rgba.chunks(4).filter(|p| p[1] > p[0].saturating_add(50)).count();
    assert_eq!(greens(before.rgba()), 0);
    assert!(greens(after.rgba()) > 100);
}

#[test]
fn says_which_file_it_cannot_read_and_reads_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let [_, digit] = files(folder.path());
    let text = folder.path().join("notes.txt");
    fs::write(&text, "no picture").unwrap();
    let (status, said, errors) = read(&[
        folder.path().join("missing.png").to_str().unwrap(),
        text.to_str().unwrap(),
        digit.to_str().unwrap(),
    ]);
    assert_eq!(status, Some(1));
    assert!(said.ends_with("5\n"), "{said}");
    assert!(errors.contains("missing.png: No such file"), "{errors}");
    assert!(errors.contains("notes.txt: not a PNG, JPEG, WebP, GIF or BMP image"), "{errors}");

    let (status, _, errors) = read(&[digit.to_str().unwrap(), "--orientation", "45"]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("0, 90, 180 or 270"), "{errors}");
    let (status, _, errors) = read(&[digit.to_str().unwrap(), "--model", "nothing"]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("nothing"), "{errors}");
}
