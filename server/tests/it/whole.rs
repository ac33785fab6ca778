//! A checkpoint of whole pictures: trained from a folder of pictures whose subjects reach the edges,
//! and served. Each picture has the same answer in every form.

use std::{fs, path::Path, process::Command, sync::LazyLock};

use crate::common::{
    Server, TestArtifacts, TrainingSetup, alone, publish, seven, train, wait_for_job,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph,
    glyph::SIDE,
    preprocess::{Picture, Pictures, Strokes},
};
use glyphic_runtime::{
    decode::{decode, png},
    encode,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const LABELS: [&str; 3] = ["bar", "beam", "corner"];

/// A picture of one of the labels, light on dark: a bar from the upper edge to the lower one, a beam
/// from the left edge to the right one, or a block in a corner, each shaded.
fn subject(label: usize, number: usize) -> Glyph {
    let (begin, wide) = (2 + number % 13, 5 + number % 4);
    let within = |at: usize| (begin..begin + wide).contains(&at);
    Glyph::new(std::array::from_fn(|i| {
        let (x, y) = (i % SIDE, i / SIDE);
        let inside = match label {
            0 => within(x),
            1 => within(y),
            _ => x < wide + 4 && y < wide + 4,
        };
        if inside { (120 + (3 * x + 2 * y + number) % 130) as u8 } else { (x + y) as u8 % 4 }
    }))
}

/// The same dark on light, and ten times as large.
fn enlarged(glyph: &Glyph) -> Vec<u8> {
    let side = 10 * SIDE;
    let value = |i: usize| 255 - glyph.pixels()[i / side / 10 * SIDE + i % side / 10];
    let rgba = (0..side * side).flat_map(|i| [value(i), value(i), value(i), 255]).collect();
    encode::bounded(&Picture::new(side, side, rgba).unwrap(), 1 << 20)
}

/// A folder of pictures, half of them small and light on dark, the others large and dark on light.
fn pictures(folder: &Path) {
    for (label, name) in LABELS.iter().enumerate() {
        fs::create_dir_all(folder.join(name)).unwrap();
        for number in 0..80 {
            let glyph = subject(label, number);
            let file = if number % 2 == 0 { png(&glyph) } else { enlarged(&glyph) };
            fs::write(folder.join(name).join(format!("{number}.png")), file).unwrap();
        }
    }
}

/// The data, and artifacts with a checkpoint that learned it. It is trained once for all tests of this
/// process.
struct Trained {
    folder: TempDir,
    output: String,
}

static TRAINED: LazyLock<Trained> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("pictures");
    pictures(&data);
    let output = Command::new(env!("CARGO_BIN_EXE_server"))
        .args(["train", "--pictures", "whole", "--device", "cpu", "--network", "mlp", "--data"])
        .arg(&data)
        .args(["--epochs", "8", "--batch-size", "16", "--promote", "--artifacts"])
        .arg(folder.path().join("artifacts"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    Trained { folder, output: errors }
});

/// Artifacts of a test's own with that checkpoint, promoted, and its id.
fn artifacts() -> (TestArtifacts, String) {
    let artifacts = TestArtifacts::empty();
    let trained = TRAINED.folder.path().join("artifacts/checkpoints");
    let id = fs::read_dir(&trained).unwrap().flatten();
    let id = id.map(|entry| entry.file_name().into_string().unwrap());
    let id = id.filter(|name| !name.starts_with('.')).min().unwrap();
    let to = artifacts.registry.folder(&id);
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(trained.join(&id)).unwrap().flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    artifacts.registry.promote(&id).unwrap();
    (artifacts, id)
}

#[track_caller]
fn ok((status, answer): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{answer}");
    answer
}

/// The data URL of a glyph, as answers have it.
fn seen(glyph: &Glyph) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png(glyph)))
}

#[test]
fn bytes_and_pictures_of_any_size_have_the_same_answers() {
    let _alone = alone();
    let (artifacts, id) = artifacts();
    assert!(!TRAINED.output.contains("probably meant"), "{}", TRAINED.output);
    let manifest = artifacts.registry.manifest(&id).unwrap();
    assert_eq!(manifest.pictures, Pictures::Whole);
    assert_eq!(manifest.datasets.len(), 1, "nothing is drawn for whole pictures");
    assert!(!manifest.thresholds.rejects());

    let server = Server::start(&artifacts);
    let (mut right, mut of) = (0, 0);
    for (label, name) in LABELS.iter().enumerate() {
        for number in 100..112 {
            let glyph = subject(label, number);
            let ask =
                |path: &str, body: &[u8]| ok(server.post(path, "application/octet-stream", body));
            let bytes = ask("/api/predict?explain=1", glyph.pixels());
            assert_eq!(bytes["seen"], seen(&glyph));
            let large = enlarged(&glyph);
            for file in [png(&glyph), large.clone()] {
                let picture = ask("/api/predict?explain=1", &file);
                for field in ["label", "probabilities", "verdict", "seen"] {
                    assert_eq!(picture[field], bytes[field], "{field} of {name} {number}");
                }
            }
            // The whole picture is one symbol.
            let read = ask("/api/read?explain=1", &large);
            assert_eq!(read["lines"].as_array().unwrap().len(), 1, "{read}");
            let digits = read["lines"][0]["digits"].as_array().unwrap();
            assert_eq!((digits.len(), &digits[0]["label"]), (1, &bytes["label"]));
            assert_eq!(digits[0]["box"], json!([0.0, 0.0, 280.0, 280.0]));
            assert_eq!((&digits[0]["seen"], &read["text"]), (&bytes["seen"], &bytes["label"]));
            right += usize::from(bytes["label"] == *name);
            of += 1;
        }
    }
    assert!(right * 10 >= of * 9, "{right} of {of} are right");
}

#[test]
fn strokes_stay_ink_and_a_swap_changes_how_pictures_are_read() {
    let _alone = alone();
    let (artifacts, id) = artifacts();
    publish(&artifacts.registry, "ink");
    let server = Server::start(&artifacts);
    let glyph = subject(0, 100);
    let framed = |picture: &[u8]| decode(picture).unwrap().glyph();
    let shown = |model: &str| {
        let body = png(&glyph);
        let path = format!("/api/predict?explain=1{model}");
        ok(server.post(&path, "image/png", &body))["seen"].clone()
    };
    let promote = |id: &str| {
        ok(server.post_json(&format!("/api/models/{id}/promote?force=1"), &json!({})));
    };
    let drawn = ok(server.post_json("/api/predict?explain=1", &json!({ "strokes": seven() })));
    let strokes = Strokes::new(serde_json::from_value(seven()).unwrap()).unwrap();
    assert_eq!(drawn["seen"], seen(&strokes.glyph().unwrap()));

    let as_ink = seen(&framed(&png(&glyph)).unwrap());
    assert_ne!(as_ink, seen(&glyph));
    for _ in 0..3 {
        assert_eq!(shown(""), seen(&glyph));
        promote("ink");
        assert_eq!(shown(""), as_ink);
        promote(&id);
    }
    // A checkpoint beside the serving one reads pictures its own way.
    ok(server.post_json("/v2/repository/models/ink/load", &json!({})));
    assert_eq!(shown("&model=ink"), as_ink);
    assert_eq!(shown(""), seen(&glyph));
}

#[test]
fn samples_are_trained_on_as_the_checkpoint_reads_them() {
    let _alone = alone();
    let (artifacts, id) = artifacts();
    publish(&artifacts.registry, "ink");
    // In the place of the trainer: it keeps the file of samples, and fails.
    let copy = artifacts.folder.path().join("copy.jsonl");
    let script = format!(
        "while [ $# -gt 0 ]; do if [ \"$1\" = --samples ]; then cp \"$2\" {}; fi; shift; done; exit 1",
        copy.display()
    );
    let server =
        Server::training(&artifacts, TrainingSetup::with_program(&["sh", "-c", &script, "train"]));
    let teach = |number: usize| {
        let body = json!({ "label": "bar", "image": STANDARD.encode(png(&subject(0, number))) });
        ok(server.post_json("/api/samples", &body))
    };
    let promote = |id: &str| {
        ok(server.post_json(&format!("/api/models/{id}/promote?force=1"), &json!({})));
    };
    // One in which ink is found, though another glyph.
    let as_ink = |number: usize| decode(&png(&subject(0, number))).unwrap().glyph();
    let is_other =
        |&number: &usize| as_ink(number).is_some_and(|glyph| glyph != subject(0, number));
    let other = (101..200).find(is_other).unwrap();
    teach(100);
    teach(99);
    promote("ink");
    teach(other);
    promote(&id);
    assert_eq!(train(&server)["state"], "failed");
    let lines = fs::read_to_string(&copy).unwrap();
    let glyphs: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["glyph"].clone())
        .collect();
    let expected = |number| STANDARD.encode(subject(0, number).pixels());
    assert_eq!(glyphs, [expected(other), expected(99), expected(100)], "the newest first");

    // An import, whatever it was read as elsewhere.
    let exported = server.download("/api/samples/export?format=png");
    ok(server.post("/api/samples/import", "application/zip", &exported));
}

#[test]
fn fine_tuning_keeps_what_the_pictures_are() {
    let _alone = alone();
    let (artifacts, _) = artifacts();
    let mut setup = TrainingSetup::default();
    setup.settings.data = Some(TRAINED.folder.path().join("pictures"));
    setup.settings.arguments = ["--examples", "256", "--epochs", "1"].map(str::to_owned).to_vec();
    let server = Server::training(&artifacts, setup);
    for number in 100..106 {
        let body = json!({
            "label": "beam", "image": STANDARD.encode(enlarged(&subject(1, number))),
        });
        ok(server.post_json("/api/samples", &body));
    }
    let job = train(&server);
    let candidate = job["candidate"].as_str().unwrap_or_else(|| panic!("{job}"));
    assert_eq!(artifacts.registry.manifest(candidate).unwrap().pictures, Pictures::Whole);

    let path = "/api/jobs?from=scratch&network=mlp&epochs=1";
    let (status, job) = server.post_json(path, &json!({}));
    assert_eq!(status, 202, "{job}");
    let job = wait_for_job(&server, job["id"].as_str().unwrap());
    let scratch = job["candidate"].as_str().unwrap_or_else(|| panic!("{job}"));
    assert_eq!(artifacts.registry.manifest(scratch).unwrap().pictures, Pictures::Whole);
}
