//! Samples: kept, found, mended, deleted, brought back, taken elsewhere. Every
//! test of the database runs against SQLite and against PostgreSQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::Duration,
};

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, drawings, execute, picture, seven, wait_until},
    programs::Postgres,
};
use glyphic_model::preprocess::Pictures;
use glyphic_runtime::decode::decode;
use glyphic_server::{samples::Quota, store::Store};
use glyphic_train::data::samples;
use serde_json::{Value, json};

/// Runs a test on both databases.
fn on_both(test: impl Fn(&Server)) {
    let artifacts = TestArtifacts::released();
    test(&Server::training(&artifacts, TrainingSetup::default()));
    let postgres = Postgres::start();
    let setup = TrainingSetup { url: Some(postgres.url()), ..TrainingSetup::default() };
    test(&Server::training(&TestArtifacts::released(), setup));
}

fn ids(listed: &Value) -> Vec<String> {
    let samples = listed["samples"].as_array().unwrap();
    samples.iter().map(|sample| sample["id"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn list(server: &Server, query: &str) -> Value {
    let (status, listed) = server.get(&format!("/api/samples?{query}"));
    assert_eq!(status, 200, "{listed}");
    listed
}

#[test]
fn keeps_every_input_form_with_what_the_network_said() {
    on_both(|server| {
        let sent = server.teach("7", "me", &seven());
        assert_eq!(
            (sent["prediction"].as_str(), sent["duplicate"].as_bool()),
            (Some("7"), Some(false))
        );
        let png = picture("5_1bit.png");
        let (status, image) = server.post("/api/samples?label=5&source=me", "image/png", &png);
        assert_eq!(status, 201, "{image}");
        let pixels: Vec<u8> = (0..784)
            .map(|i| if i / 28 > 5 && i / 28 < 22 && i % 28 == 14 { 255 } else { 0 })
            .collect();
        let (status, raw) =
            server.post("/api/samples?label=1", "application/octet-stream", &pixels);
        assert_eq!(status, 201, "{raw}");

        let one = |answer: &Value| {
            let (status, sample) =
                server.get(&format!("/api/samples/{}", answer["id"].as_str().unwrap()));
            assert_eq!(status, 200, "{sample}");
            sample
        };
        let sample = one(&sent);
        assert_eq!(
            sample["strokes"],
            seven()
                .as_array()
                .unwrap()
                .iter()
                .map(|s| {
                    s.as_array()
                        .unwrap()
                        .iter()
                        .map(|p| json!([p[0].as_f64().unwrap(), p[1].as_f64().unwrap()]))
                        .collect::<Value>()
                })
                .collect::<Value>()
        );
        assert_eq!(sample["label"], "7");
        assert_eq!(sample["source"], "me");
        assert_eq!(sample["form"], "strokes");
        assert_eq!(sample["preprocessing"], 1);
        assert!(sample["model"].as_str().unwrap().starts_with("mnist-"), "{sample}");
        assert!(sample["confidence"].as_f64().unwrap() > 0.9);
        use base64::{Engine, engine::general_purpose::STANDARD};
        let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        // What is kept of a picture is made anew, and has the same glyph.
        let (kept, glyph) = (decoded(&one(&image)["image"]), decoded(&one(&image)["glyph"]));
        let glyph_of = |file: &[u8]| decode(file).unwrap().glyph().unwrap().pixels().to_vec();
        assert_eq!((glyph_of(&kept), glyph_of(&png)), (glyph.clone(), glyph));
        assert_eq!(decoded(&one(&raw)["glyph"]), pixels);
        assert_eq!(one(&raw)["source"], "api");
    });
}

#[test]
fn the_same_picture_is_kept_once_and_a_contradiction_is_told() {
    on_both(|server| {
        let first = server.teach("7", "me", &seven());
        let again = server.teach("7", "you", &seven());
        assert_eq!((&again["duplicate"], &again["id"]), (&json!(true), &first["id"]));
        let other = server.teach("1", "you", &seven());
        assert_eq!((&other["duplicate"], &other["contradicts"]), (&json!(false), &first["id"]));
        // Both are trained on or both are held back.
        assert_eq!(other["held_back"], first["held_back"]);
        assert_eq!(list(server, "")["total"], 2);
    });
}

#[test]
fn every_fifth_of_a_kind_is_held_back_from_the_second_on() {
    on_both(|server| {
        let roles: Vec<bool> = drawings(30)
            .iter()
            .filter(|(label, _)| label == "7")
            .map(|(label, strokes)| {
                server.teach(label, "me", strokes)["held_back"].as_bool().unwrap()
            })
            .collect();
        let expected: Vec<bool> = (0..15).map(|i| i % 5 == 1).collect();
        assert_eq!(roles, expected);
    });
}

#[test]
fn the_trainer_holds_back_what_the_server_does() {
    on_both(|server| {
        let taught: Vec<(String, bool)> = drawings(30)
            .iter()
            .enumerate()
            .map(|(i, (drawn, strokes))| {
                // Those with another label than the network reads are of other kinds.
                let label = if i % 3 == 0 { "1" } else { drawn.as_str() };
                let sample = server.teach(label, "me", strokes);
                (sample["id"].as_str().unwrap().to_owned(), sample["held_back"] == true)
            })
            .collect();
        assert!(taught.iter().any(|(_, held_back)| *held_back));

        // The same samples as a file that does not say which are held back, oldest first.
        let exported = server.download("/api/samples/export?format=jsonl");
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        for line in String::from_utf8(exported).unwrap().lines() {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("held_back").unwrap();
            lines.insert(line["id"].as_str().unwrap().to_owned(), line.to_string());
        }
        let text: Vec<&str> = taught.iter().map(|(id, _)| lines[id].as_str()).collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samples.jsonl");
        fs::write(&file, text.join("\n")).unwrap();
        let read = samples::read(&file, Pictures::Ink).unwrap();
        let read: Vec<(String, bool)> =
            read.into_iter().map(|sample| (sample.id, sample.held_back)).collect();
        assert_eq!(read, taught);
    });
}

#[test]
fn finds_relabels_deletes_and_undoes() {
    on_both(|server| {
        for (i, (label, strokes)) in drawings(12).iter().enumerate() {
            server.teach(label, if i < 8 { "ana" } else { "bob" }, strokes);
        }
        let wrong = server.teach("3", "bob", &seven());
        let id = wrong["id"].as_str().unwrap();

        assert_eq!(list(server, "")["total"], 13);
        assert_eq!(list(server, "label=7")["total"], 6);
        assert_eq!(list(server, "source=bob")["total"], 5);
        assert_eq!(ids(&list(server, "disagreement=1&source=bob&label=3")), [id]);
        assert_eq!(list(server, "label=0&prediction=0&disagreement=0")["total"], 6);
        let model = list(server, "limit=1")["samples"][0]["model"].as_str().unwrap().to_owned();
        assert_eq!(list(server, &format!("model={model}"))["total"], 13);
        assert_eq!(list(server, "model=other")["total"], 0);
        assert_eq!(list(server, "verdict=read")["total"], 13);
        let created = list(server, "limit=1")["samples"][0]["created"].as_i64().unwrap();
        assert_eq!(list(server, &format!("since={}", created + 1))["total"], 0);
        assert_eq!(list(server, &format!("until={}", created + 1))["total"], 13);

        // Page by page, newest first, all of them once.
        let mut seen = Vec::new();
        let mut before = String::new();
        loop {
            let page = list(server, &format!("limit=5{before}"));
            seen.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            before = format!("&before={next}");
        }
        assert_eq!(seen.len(), 13);
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");

        let (status, sample) =
            server.send("PATCH", &format!("/api/samples/{id}"), &json!({ "label": "7" }));
        assert_eq!(
            (status, &sample["label"], &sample["confirmed"]),
            (200, &json!("7"), &json!(true))
        );
        let (status, undone) = server.post_json("/api/samples/undo", &json!({}));
        assert_eq!((status, &undone), (200, &json!({ "undone": "relabel", "samples": 1 })));
        assert_eq!(server.get(&format!("/api/samples/{id}")).1["label"], "3");

        // A whole source goes, and comes back.
        let (_, summary) = server.get("/api/samples/summary");
        assert_eq!(summary["sources"][0], json!({ "name": "bob", "samples": 5, "disagree": 1 }));
        let (status, deleted) = server.post_json("/api/samples/delete?source=bob", &json!({}));
        assert_eq!((status, &deleted), (200, &json!({ "deleted": 5 })));
        assert_eq!(list(server, "")["total"], 8);
        assert_eq!(list(server, "deleted=1")["total"], 5);
        assert_eq!(server.send("DELETE", &format!("/api/samples/{id}"), &json!({})).0, 404);
        assert_eq!(server.post_json("/api/samples/undo", &json!({})).1["samples"], 5);
        assert_eq!(list(server, "source=bob")["total"], 5);
        let (status, error) = server.post_json("/api/samples/undo", &json!({}));
        assert_eq!((status, &error["error"]["code"]), (409, &json!("nothing_to_undo")));
    });
}

/// Changes that were made by a server whose clock is a day ahead, or a day behind.
#[test]
fn undo_takes_back_the_last_change_whatever_the_clocks_say() {
    let postgres = Postgres::start();
    let artifacts = TestArtifacts::released();
    let file = artifacts.database();
    for url in [file, postgres.url()] {
        let setup = TrainingSetup { url: Some(url.clone()), ..TrainingSetup::default() };
        let server = Server::training(&artifacts, setup);
        let drawings = drawings(4);
        let first = server.teach("7", "me", &drawings[0].1)["id"].clone();
        let second = server.teach("7", "me", &drawings[2].1)["id"].clone();
        let path = |id: &Value| format!("/api/samples/{}", id.as_str().unwrap());
        let label = |id: &Value| server.get(&path(id)).1["label"].clone();
        let relabel = |id: &Value, label: &str| {
            let (status, answer) = server.send("PATCH", &path(id), &json!({ "label": label }));
            assert_eq!(status, 200, "{answer}");
        };
        let undo = || server.post_json("/api/samples/undo", &json!({})).1;
        let moved = |days: i64| {
            let time = glyphic_server::store::now() + days * 86_400_000;
            let change = format!("UPDATE edits SET batch = '{time:011x}00000000'");
            execute(&url, &[&change]);
        };
        for days in [1, -1] {
            relabel(&first, "1");
            moved(days);
            relabel(&second, "2");
            assert_eq!((label(&first), label(&second)), (json!("1"), json!("2")));
            assert_eq!(undo()["undone"], "relabel");
            assert_eq!((label(&first), label(&second)), (json!("1"), json!("7")), "{days} days");
            // Also one that deletes, after one that was taken back.
            assert_eq!(server.send("DELETE", &path(&second), &json!({})).0, 200);
            assert_eq!(undo()["undone"], "delete");
            assert_eq!(list(&server, "label=7")["total"], 1);
            assert_eq!(undo()["undone"], "relabel");
            assert_eq!((label(&first), label(&second)), (json!("7"), json!("7")), "{days} days");
        }
    }
}

/// Label and pixels of every sample: what no format may lose.
fn pictures(server: &Server) -> BTreeSet<(String, String)> {
    let lines = server.download("/api/samples/export?format=jsonl");
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        (text("label"), text("glyph"))
    };
    String::from_utf8(lines).unwrap().lines().map(line).collect()
}

#[test]
fn what_is_exported_in_any_format_is_imported_as_the_same() {
    on_both(|server| {
        for (label, strokes) in drawings(14) {
            server.teach(&label, "me", &strokes);
        }
        // Labels that are no digits, and awkward in a file's name.
        server.teach(
            "π",
            "me",
            &json!([[[0, 0], [40, 0]], [[10, 0], [10, 50]], [[30, 0], [30, 50]]]),
        );
        server.teach("a/b", "me", &json!([[[0, 0], [40, 30]], [[10, 0], [10, 50]]]));
        server.post("/api/samples?label=5&source=me", "image/png", &picture("5_1bit.png"));
        let before = pictures(server);
        assert_eq!(before.len(), 17);
        for format in ["jsonl", "csv", "idx", "png"] {
            let file = server.download(&format!("/api/samples/export?format={format}"));
            let gone = server.post_json("/api/samples/delete?labelled=1", &json!({})).1;
            assert_eq!(gone["deleted"], 17, "{format}");
            let (status, report) =
                server.post("/api/samples/import?source=file", "application/octet-stream", &file);
            assert_eq!(
                (status, &report["added"], &report["duplicates"]),
                (201, &json!(17), &json!(0)),
                "{format}"
            );
            assert_eq!(pictures(server), before, "{format} lost something");
            let (_, again) = server.post("/api/samples/import", "application/octet-stream", &file);
            assert_eq!(
                (&again["added"], &again["duplicates"]),
                (&json!(0), &json!(17)),
                "{format}"
            );
            if format == "jsonl" {
                assert_eq!(list(server, "source=me")["total"], 17, "JSON lines keep the source");
                let strokes = list(server, "label=7")["samples"][0]["form"].clone();
                assert_eq!(strokes, "strokes", "JSON lines keep the input");
            }
        }
    });
}

#[test]
fn no_cell_of_an_exported_csv_is_a_formula_and_all_texts_come_back() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let labels = ["=1+1", "+", "-5", "@sum", "'=x", "'a", "＝1", "7"];
    let source = "=HYPERLINK(\"//evil.example\")";
    for (label, (_, strokes)) in labels.iter().zip(drawings(labels.len())) {
        server.teach(label, source, &strokes);
    }
    let before = pictures(&server);
    assert_eq!(before.len(), labels.len());
    let file = server.download("/api/samples/export?format=csv");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_slice());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1 + labels.len());
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
    server.post_json("/api/samples/delete?labelled=1", &json!({}));
    let (status, report) = server.post("/api/samples/import", "application/octet-stream", &file);
    assert_eq!((status, &report["added"]), (201, &json!(labels.len())), "{report}");
    assert_eq!(pictures(&server), before);
    let (_, summary) = server.get("/api/samples/summary");
    assert_eq!(summary["sources"][0]["name"], source, "{summary}");
}

#[test]
fn the_same_picture_sent_at_once_is_kept_once() {
    on_both(|server| {
        let drawings = drawings(8);
        for (_, strokes) in &drawings {
            let labels = ["7", "1", "7", "1"];
            let roles: Vec<(String, Value)> = thread::scope(|scope| {
                let teach = |label| scope.spawn(move || server.teach(label, "me", strokes));
                let sent: Vec<_> = labels.into_iter().map(teach).collect();
                let role = |answer: Value| {
                    (answer["id"].as_str().unwrap().to_owned(), answer["held_back"].clone())
                };
                sent.into_iter().map(|thread| role(thread.join().unwrap())).collect()
            });
            let ids: BTreeSet<&String> = roles.iter().map(|(id, _)| id).collect();
            assert_eq!(ids.len(), 2, "one a label");
            assert!(roles.iter().all(|(_, role)| *role == roles[0].1), "{roles:?}");
        }
        assert_eq!(list(server, "")["total"], 16);
    });
}

#[test]
fn rejects_what_no_database_takes() {
    on_both(|server| {
        for path in [
            "/api/samples?label=%00",
            "/api/samples/%00",
            "/api/jobs/%00",
            "/api/samples/a%2Fb",
            "/api/samples/export?format=csv&source=%00",
        ] {
            assert_eq!(server.get(path).0, 400, "{path}");
        }
        assert_eq!(server.get("/api/samples/unknown").0, 404);
        assert_eq!(list(server, "before=%00")["total"], 0);
        // A label that is given later counts as new.
        let body = json!({ "strokes": seven() });
        let (_, unlabelled) = server.post_json("/api/samples", &body);
        assert_eq!(server.get("/api/samples/summary").1["labelled"], 0);
        let path = format!("/api/samples/{}", unlabelled["id"].as_str().unwrap());
        server.send("PATCH", &path, &json!({ "label": "7" }));
        assert_eq!(server.get("/api/samples/summary").1["since_training"], 1);
    });
}

#[test]
fn rejects_files_that_are_too_much() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let import = |file: &[u8]| {
        let (status, answer) = server.post("/api/samples/import", "application/octet-stream", file);
        assert_eq!(status, 422, "{answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    };
    let many = "{\"strokes\":[[[0,0],[9,9]]]}\n".repeat(20_002);
    assert!(import(many.as_bytes()).contains("over the limit of 20000"));
    // 300 MB of nothing in a zip of some hundred kB.
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("7/a.png", zip::write::SimpleFileOptions::default()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..300 {
        std::io::Write::write_all(&mut zip, &zeros).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20);
    assert!(import(&bomb).contains("unpacks to more than 256 MiB"));
    let blank = format!("7,{}\n", vec!["0"; 784].join(","));
    assert!(import(blank.as_bytes()).contains("sample 1: there is no ink"));
}

#[test]
fn reads_mnist_as_csv_and_files_of_others() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let pixels = |ink: usize| {
        (0..784)
            .map(|i| if i % 28 == ink && i > 100 && i < 600 { "200" } else { "0" })
            .collect::<Vec<_>>()
            .join(",")
    };
    let csv = format!("1,{}\n1,{}\n", pixels(13), pixels(14));
    let (status, report) = server.post("/api/samples/import", "text/csv", csv.as_bytes());
    assert_eq!((status, &report["added"]), (201, &json!(2)), "{report}");
}

#[test]
fn a_line_with_an_image_alone_is_a_sample() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let image = STANDARD.encode(picture("5_1bit.png"));
    let line = json!({ "label": "5", "image": image }).to_string();
    let import = |file: &str| {
        server.post("/api/samples/import", "application/octet-stream", file.as_bytes())
    };
    let (status, answer) = import(&format!("{line}\n\n{{\"strokes\": []}}\n"));
    assert_eq!(status, 422, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("line 3: nothing is drawn"), "{message}");
    assert_eq!(list(&server, "")["total"], 0, "all or none");

    let (status, report) = import(&line);
    assert_eq!((status, &report["added"]), (201, &json!(1)), "{report}");
    let id = ids(&list(&server, "label=5")).remove(0);
    let sample = server.get(&format!("/api/samples/{id}")).1;
    assert_eq!(sample["form"], "image");
    let kept = STANDARD.decode(sample["image"].as_str().unwrap()).unwrap();
    assert_eq!(decode(&kept).unwrap().glyph(), decode(&picture("5_1bit.png")).unwrap().glyph());
}

#[test]
fn rejects_what_cannot_be_a_sample() {
    let artifacts = TestArtifacts::released();
    let quota = Quota { total: 3, per_source: 2, ..Quota::default() };
    let setup = TrainingSetup { quota, ..TrainingSetup::default() };
    let server = Server::training(&artifacts, setup);
    let post = |query: &str, body: &Value| {
        let (status, answer) = server.post_json(&format!("/api/samples{query}"), body);
        (status, answer["error"]["code"].as_str().unwrap_or("none").to_owned())
    };
    let drawn = json!({ "strokes": seven() });
    for (query, body, expected) in [
        ("?label=7", json!({ "strokes": [] }), (422, "nothing_drawn")),
        ("?label=", drawn.clone(), (400, "bad_label")),
        ("?label=%0A", drawn.clone(), (400, "bad_label")),
        ("?label=123456789012345678901234567890123", drawn.clone(), (400, "bad_label")),
        ("?label=7", json!({ "label": 7, "strokes": seven() }), (400, "malformed")),
        ("?label=7", json!({}), (400, "malformed")),
        ("?label=7", json!({ "strokes": [[[0, 0], [2e6, 0]]] }), (422, "bad_strokes")),
    ] {
        assert_eq!(post(query, &body), (expected.0, expected.1.to_owned()), "{query} {body}");
    }
    let noise = vec![0x89; 9 << 20];
    assert_eq!(server.post("/api/samples?label=7", "image/png", &noise).0, 415);
    for garbage in
        [&b""[..], b"PK\x03\x04 no zip", b"{\"label\": \"7\"}", b"a,b\n1,2\n", b"label\n7\n"]
    {
        let (status, answer) =
            server.post("/api/samples/import", "application/octet-stream", garbage);
        assert_eq!((status, &answer["error"]["code"]), (422, &json!("bad_samples")), "{answer}");
    }
    assert_eq!(server.post_json("/api/samples/delete", &json!({})).0, 400);
    assert_eq!(list(&server, "")["total"], 0, "nothing of that was kept");

    // Quotas: of a source, then of all.
    let drawings = drawings(8);
    server.teach("7", "ana", &drawings[0].1);
    server.teach("7", "ana", &drawings[2].1);
    let third = json!({ "strokes": drawings[4].1, "source": "ana" });
    assert_eq!(post("?label=7", &third), (507, "quota".to_owned()));
    server.teach("7", "bob", &drawings[4].1);
    let fourth = json!({ "strokes": drawings[6].1, "source": "bob" });
    assert_eq!(post("?label=7", &fourth), (507, "quota".to_owned()));

    // A page of another site may not send samples.
    let refused = ureq::post(server.url("/api/samples?label=7"))
        .config()
        .http_status_as_error(false)
        .build()
        .header("origin", "https://elsewhere.example")
        .content_type("application/json")
        .send(drawn.to_string().as_bytes());
    assert_eq!(refused.unwrap().status(), 403);
}

#[test]
fn nothing_invisible_becomes_a_label_or_a_source() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let kept = server.teach("7", "me", &seven());
    let path = format!("/api/samples/{}", kept["id"].as_str().unwrap());
    for code in [
        0x00, 0x1b, 0x7f, 0x9b, 0xad, 0x200b, 0x200d, 0x200f, 0x2028, 0x202a, 0x202e, 0x2060,
        0x2066, 0x2069, 0xfeff, 0xfffd, 0xe0041,
    ] {
        let text = format!("7{}1", char::from_u32(code).unwrap());
        let label = json!({ "strokes": seven(), "label": text });
        let source = json!({ "strokes": seven(), "label": "7", "source": text });
        let import = |sample: &Value| {
            let file = format!("{}\n{sample}\n", json!({ "strokes": seven(), "label": "7" }));
            server.post("/api/samples/import", "application/octet-stream", file.as_bytes())
        };
        for ((status, answer), expected, part) in [
            (server.post_json("/api/samples", &label), (400, "bad_label"), "label"),
            (server.post_json("/api/samples", &source), (400, "bad_label"), "source"),
            (server.send("PATCH", &path, &json!({ "label": text })), (400, "bad_label"), "label"),
            (import(&label), (422, "bad_samples"), "line 2: its label"),
            (import(&source), (422, "bad_samples"), "sample 2: its source"),
        ] {
            assert_eq!((status, answer["error"]["code"].as_str().unwrap()), expected, "{answer}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains(part), "{message}");
            assert!(message.contains(&format!("U+{code:04X}")), "{message}");
            assert!(!message.contains(char::from_u32(code).unwrap()), "{message}");
        }
    }
    assert_eq!(list(&server, "")["total"], 1, "nothing of that was kept");
    assert_eq!(server.get(&path).1["label"], "7");
    // Spaces around a text were never part of it.
    assert_eq!(server.send("PATCH", &path, &json!({ "label": " π " })).1["label"], "π");
}

#[test]
fn a_server_without_a_database_says_so_and_predicts() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let (status, answer) = server.post_json("/api/samples?label=7", &json!({ "strokes": seven() }));
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("training_off")));
    assert_eq!(server.post_json("/api/predict", &json!({ "strokes": seven() })).0, 200);
}

#[test]
fn a_lost_database_is_told_and_found_again() {
    let postgres = Postgres::start();
    let artifacts = TestArtifacts::released();
    let setup = TrainingSetup { url: Some(postgres.url()), ..TrainingSetup::default() };
    let server = Server::training(&artifacts, setup);
    let drawings = drawings(6);
    server.teach("7", "me", &drawings[0].1);
    postgres.down();
    let (status, answer) =
        server.post_json("/api/samples?label=7", &json!({ "strokes": drawings[2].1 }));
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("database")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("nothing was kept") && !message.contains("127.0.0.1"), "{message}");
    assert_eq!(server.post_json("/api/predict", &json!({ "strokes": seven() })).0, 200);
    postgres.up();
    server.teach("7", "me", &drawings[4].1);
    assert_eq!(list(&server, "")["total"], 2);
}

#[test]
fn old_and_deleted_samples_are_purged_in_time() {
    let artifacts = TestArtifacts::released();
    let url = artifacts.database();
    let server = Server::training(&artifacts, TrainingSetup::default());
    for (label, strokes) in drawings(6) {
        server.teach(&label, "me", &strokes);
    }
    server.post_json("/api/samples/delete?label=7", &json!({}));
    thread::sleep(Duration::from_millis(20));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let purged = runtime.block_on(async {
        let store = Store::open(&url).await.unwrap();
        let now = glyphic_server::store::now();
        let purged = store.purge(now, i64::MIN).await.unwrap();
        // Purged samples cannot be brought back.
        assert!(store.undo().await.is_err());
        purged
    });
    assert_eq!(purged, 3);
    assert_eq!(list(&server, "")["total"], 3);
    assert_eq!(list(&server, "deleted=1")["total"], 0);
}

#[test]
fn a_server_purges_what_is_older_than_it_may_keep() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    for (label, (_, strokes)) in ["a", "b", "c", "d"].into_iter().zip(drawings(4)) {
        server.teach(label, "me", &strokes);
    }
    server.post_json("/api/samples/delete?label=c", &json!({}));
    server.post_json("/api/samples/delete?label=d", &json!({}));
    drop(server);
    // Time goes by for two of them.
    execute(
        &artifacts.database(),
        &[
            "UPDATE samples SET created = created - 2 * 86400000 WHERE label = 'a'",
            "UPDATE samples SET deleted = deleted - 7200000 WHERE label = 'c'",
        ],
    );

    let mut setup = TrainingSetup::default();
    setup.settings.keep = Some(Duration::from_secs(86_400));
    setup.settings.keep_deleted = Duration::from_secs(3600);
    let server = Server::training(&artifacts, setup);
    let labels = |query: &str| -> Vec<Value> {
        let listed = list(&server, query);
        listed["samples"].as_array().unwrap().iter().map(|s| s["label"].clone()).collect()
    };
    wait_until("the purge", || labels("") == ["b"] && labels("deleted=1") == ["d"]);
}
