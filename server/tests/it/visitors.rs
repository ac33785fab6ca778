//! What visitors leave is theirs: who may see what others sent, what is kept of it, and what is left
//! when it is deleted.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, drawings, execute, picture, seven},
    strangers::{Person, TOKEN, behind_a_proxy, on_both},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::Glyph;
use glyphic_runtime::decode::decode;
use glyphic_server::store::Store;
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, Row};

/// What is in the database's files of a server.
fn on_disk(artifacts: &TestArtifacts) -> Vec<u8> {
    let root = artifacts.registry.root();
    let files = ["glyphic.db", "glyphic.db-wal"].map(|name| fs::read(root.join(name)));
    files.into_iter().flatten().flatten().collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_visitor_sees_and_deletes_its_own_samples_alone() {
    on_both(TrainingSetup::default, |server| {
        let (ana, bob) = (Person::visitor("ana", "10.0.0.1"), Person::visitor("bob", "10.0.0.2"));
        let (holder, stranger) = (Person::holder(), Person::from("10.0.0.3"));
        let drawings = drawings(12);
        let of_ana: Vec<String> = drawings[..4]
            .iter()
            .map(|(label, strokes)| ana.teach(server, label, "ana's", strokes))
            .collect();
        let of_bob = bob.teach(server, "7", "bob's", &drawings[4].1);
        let of_nobody = stranger.teach(server, "7", "nobody's", &drawings[6].1);
        let of_holder = holder.teach(server, "7", "mine", &drawings[8].1);

        // Lists, single samples, files, counts.
        assert_eq!((ana.count(server, ""), bob.count(server, "")), (4, 1));
        assert_eq!(holder.count(server, ""), 7);
        assert_eq!(ana.count(server, "source=bob's"), 0);
        let (status, own) = ana.get(server, &format!("/api/samples/{}", of_ana[0]));
        assert_eq!((status, own["strokes"].is_array()), (200, true), "{own}");
        assert_eq!((&own["trusted"], &own["confirmed"]), (&json!(false), &json!(false)));
        for id in [&of_bob, &of_nobody, &of_holder] {
            let path = format!("/api/samples/{id}");
            assert_eq!(ana.get(server, &path).0, 404);
            assert_eq!(ana.delete(server, &path).0, 404);
            assert_eq!(holder.get(server, &path).0, 200);
        }
        let exported = |person: &Person| {
            let (status, lines) = person.get(server, "/api/samples/export?format=csv");
            assert_eq!(status, 200, "{lines}");
            lines.as_str().unwrap().to_owned()
        };
        assert!(exported(&ana).contains("ana's") && !exported(&ana).contains("bob's"));
        assert!(exported(&holder).contains("bob's"));
        let (_, summary) = ana.get(server, "/api/samples/summary");
        assert_eq!((&summary["total"], &summary["own"]), (&json!(4), &json!(true)));
        assert_eq!(summary["sources"].as_array().unwrap().len(), 1, "{summary}");
        assert_eq!(ana.get(server, "/api/samples?limit=1").1["own"], true);
        assert_eq!(holder.get(server, "/api/samples?limit=1").1["own"], false);

        // Without a secret, or with a wrong token, there is nothing to see.
        let wrong = Person { token: Some(format!("{TOKEN}x")), ..stranger.clone() };
        let paths = [
            "/api/samples",
            "/api/samples/summary",
            "/api/samples/export?format=jsonl",
            &format!("/api/samples/{of_bob}"),
        ];
        for path in paths {
            for person in [&stranger, &wrong] {
                let (status, answer) = person.get(server, path);
                assert_eq!((status, &answer["error"]["code"]), (401, &json!("token_needed")));
            }
        }
        for kind in ["unsure", "disagreement", "label_errors", "training"] {
            let path = format!("/api/suggestions?kind={kind}");
            assert_eq!(ana.get(server, &path).0, 401, "{path}");
            assert_eq!(holder.get(server, &path).0, 200, "{path}");
        }
        let short = Person { secret: Some("short".to_owned()), ..stranger.clone() };
        assert_eq!(short.get(server, "/api/samples").0, 400);

        // What a visitor deletes is gone, and nothing else is.
        assert_eq!(ana.delete(server, &format!("/api/samples/{}", of_ana[0])).0, 200);
        assert_eq!(stranger.delete(server, &format!("/api/samples/{}", of_ana[1])).0, 401);
        let (status, gone) = ana.post(server, "/api/samples/delete?label=7", &json!({}));
        assert_eq!((status, &gone["deleted"]), (200, &json!(1)), "{gone}");
        let (_, gone) = ana.post(server, "/api/samples/delete", &json!({}));
        assert_eq!(gone["deleted"], 2, "all of its own");
        assert_eq!((ana.count(server, ""), holder.count(server, "")), (0, 3));
        assert_eq!(holder.count(server, "deleted=1"), 0);
        assert_eq!(ana.post(server, "/api/samples/undo", &json!({})).0, 401);
        assert_eq!(holder.post(server, "/api/samples/undo", &json!({})).0, 409);

        // The holder's deletion can be undone, unless it is for good.
        let path = format!("/api/samples/{of_bob}");
        assert_eq!(holder.delete(server, &path).0, 200);
        assert_eq!(bob.count(server, ""), 0);
        assert_eq!(holder.post(server, "/api/samples/undo", &json!({})).0, 200);
        assert_eq!(bob.count(server, ""), 1);
        assert_eq!(holder.delete(server, &path).0, 200);
        assert_eq!(holder.delete(server, &format!("{path}?for_good=1")).0, 200);
        assert_eq!(holder.count(server, "deleted=1"), 0);
        assert_eq!(holder.post(server, "/api/samples/undo", &json!({})).0, 409);
    });
}

#[test]
fn the_same_picture_of_two_visitors_is_each_ones_own() {
    on_both(TrainingSetup::default, |server| {
        let (ana, bob) = (Person::visitor("ana", "10.0.0.1"), Person::visitor("bob", "10.0.0.2"));
        let first = ana.teach(server, "7", "a", &seven());
        let (status, again) = ana.send(server, "7", "a", &seven());
        assert_eq!((status, &again["duplicate"], &again["id"]), (200, &json!(true), &json!(first)));
        // Bob is not told that it is there, under whatever label.
        let (status, other) = bob.send(server, "7", "b", &seven());
        assert_eq!((status, &other["duplicate"]), (201, &json!(false)));
        let (_, other) = bob.send(server, "1", "b", &seven());
        assert_ne!(other["contradicts"], json!(first));
        // What the token's holder teaches is not a visitor's to delete.
        let holder = Person::holder();
        let id = holder.teach(server, "7", "me", &seven());
        let (_, again) = holder.send(server, "7", "me", &seven());
        assert_eq!((&again["duplicate"], &again["id"]), (&json!(true), &json!(id)));
        for visitor in [&ana, &bob] {
            assert_eq!(visitor.post(server, "/api/samples/delete", &json!({})).0, 200);
        }
        let (status, kept) = holder.get(server, &format!("/api/samples/{id}"));
        assert_eq!((status, &kept["trusted"]), (200, &json!(true)));
        assert_eq!(holder.count(server, ""), 1);
    });
}

#[test]
fn what_others_sent_decides_of_no_sample_whether_it_is_held_back() {
    on_both(TrainingSetup::default, |server| {
        let (ana, bob) = (Person::visitor("ana", "10.0.0.1"), Person::visitor("bob", "10.0.0.2"));
        let holder = Person::holder();
        let line = |i: usize| json!([[[0, 0], [40 + i, 1], [20, 90]]]);
        let sent = |person: &Person, label: &str, i: usize| {
            let (status, answer) = person.send(server, label, "x", &line(i));
            assert_eq!(status, 201, "{answer}");
            answer["held_back"].as_bool().unwrap()
        };
        // The second of each kind is held back. In the beginning, nobody else has any of the kind.
        let of_ana: Vec<bool> = (0..6).map(|i| sent(&ana, "A", i)).collect();
        let second = of_ana.iter().position(|held_back| *held_back).unwrap();
        assert!(!sent(&bob, "B", second), "bob learns that ana's is held back");
        assert!(!sent(&holder, "C", second), "ana decides what the holder's is for");
        let held = sent(&holder, "C", second + 1);
        assert!(held, "the holder's second is held back");
        assert!(!sent(&ana, "D", second + 1), "ana learns that the holder's is held back");
        // When ana's is confirmed, it is held back as the holder's is: here, not any more.
        assert_eq!(holder.post(server, "/api/samples/confirm?label=A", &json!({})).0, 200);
        let (_, listed) = holder.get(server, "/api/samples?label=A");
        let of_ana = listed["samples"].as_array().unwrap().iter();
        let held: Vec<bool> = of_ana.map(|s| s["held_back"].as_bool().unwrap()).collect();
        // Newest first.
        assert!(!held[5 - second] && held[4 - second], "{held:?}");
    });
}

#[test]
fn strangers_do_not_keep_the_holder_from_its_exports() {
    let artifacts = TestArtifacts::released();
    let server = behind_a_proxy(&artifacts, TrainingSetup::default());
    let ana = Person::visitor("ana", "10.0.0.1");
    let points: Vec<[f64; 2]> = (0..3000).map(|i| [f64::from(i) + 0.125, 0.5]).collect();
    ana.teach(&server, "7", "me", &json!([points]));
    let columns = "source, label, verdict, prediction, confidence, checkpoint, preprocessing, form, \
                   raw, glyph, glyph_hash, held_back, labelled, confirmed, deleted, trusted, visitor";
    let copies = format!(
        "INSERT INTO samples (id, created, {columns}) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) \
         SELECT id || 'x' || i, created, {columns} FROM samples, n"
    );
    execute(&artifacts.database(), &[&copies]);
    let secret = ana.secret.clone().unwrap();
    let mut statuses = Vec::new();
    // Eight readers who do not read on.
    let readers: Vec<TcpStream> = (0..8)
        .map(|i| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            write!(
                stream,
                "GET /api/samples/export?format=jsonl HTTP/1.1\r\nhost: x\r\n\
                 x-forwarded-for: 198.51.100.{}\r\nglyphic-visitor: {secret}\r\n\r\n",
                i / 2
            )
            .unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            statuses.push(String::from_utf8_lossy(&head[9..]).into_owned());
            stream
        })
        .collect();
    assert_eq!(statuses, ["200", "200", "200", "200", "429", "429", "429", "429"]);
    let (status, _) = Person::holder().get(&server, "/api/samples/export?format=csv&source=none");
    assert_eq!(status, 200);
    drop(readers);
}

#[test]
fn the_secret_is_not_stored_and_what_is_deleted_is_overwritten() {
    let artifacts = TestArtifacts::released();
    let server = behind_a_proxy(&artifacts, TrainingSetup::default());
    let ana = Person::visitor("ana", "10.0.0.1");
    // Coordinates that are nowhere else.
    let drawing =
        json!([[[10.0, 12.0], [40.0, 10.0], [72.0, 11.0], [60.0, 45.0], [52.140625, 80.0]]]);
    let id = ana.teach(&server, "7", "a-source-of-anas", &drawing);
    assert!(contains(&on_disk(&artifacts), "52.140625"));
    assert!(!contains(&on_disk(&artifacts), ana.secret.as_deref().unwrap()));
    assert_eq!(ana.delete(&server, &format!("/api/samples/{id}")).0, 200);
    let left = on_disk(&artifacts);
    for text in ["52.140625", "a-source-of-anas", &id] {
        assert!(!contains(&left, text), "{text} is left");
    }
}

#[test]
fn visitors_learn_of_jobs_and_of_the_candidate_no_more_than_that_there_are_some() {
    let artifacts = TestArtifacts::released();
    // A trainer that tells what it saw.
    let script = "echo \"error: the sample of π by 'ana' is odd\" >&2; exit 1";
    let setup = TrainingSetup::with_program(&["sh", "-c", script]);
    let server = behind_a_proxy(&artifacts, setup);
    let (holder, stranger) = (Person::holder(), Person::from("10.0.0.3"));
    for (label, strokes) in drawings(3) {
        holder.teach(&server, &label, "me", &strokes);
    }
    let (status, job) = holder.post(&server, "/api/jobs", &json!({}));
    assert_eq!(status, 202, "{job}");
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    let ended = loop {
        let job = holder.get(&server, &path).1;
        if job["state"] == "failed" {
            break job;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert!(ended["message"].as_str().unwrap().contains('π'), "{ended}");
    assert_eq!(ended["samples"], 3);
    let seen = stranger.get(&server, &path).1;
    assert_eq!((&seen["message"], &seen["samples"]), (&json!("it failed"), &Value::Null));
    let listed = stranger.get(&server, "/api/jobs").1.to_string();
    assert!(listed.contains("it failed") && !listed.contains('π'), "{listed}");

    // Events too.
    let first_event = |token: Option<&str>| {
        let mut request = ureq::get(server.url("/api/jobs/events"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = request.call().unwrap().into_body().into_reader();
        let mut lines = BufReader::new(body).lines().map_while(Result::ok);
        lines.find(|line| line.starts_with("data: ")).unwrap()
    };
    assert!(first_event(Some(TOKEN)).contains('π'));
    let seen = first_event(None);
    assert!(seen.contains("it failed") && !seen.contains('π'), "{seen}");
    assert_eq!(stranger.get(&server, "/api/shadow").1["disagreements"], json!([]));
}

#[test]
fn without_a_token_only_this_machines_own_names_are_answered() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    server.teach("7", "me", &seven());
    let get = |host: &str, path: &str, lines: &str| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}connection: close\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer[9..12].parse::<u16>().unwrap(), answer)
    };
    for path in ["/", "/api/samples", "/api/samples/export?format=csv", "/v2", "/metrics"] {
        for host in ["localhost", "127.0.0.1:8080", "[::1]:80", "a.localhost:9"] {
            assert_eq!(get(host, path, "").0, 200, "{host} {path}");
        }
        // Names of others' that lead to this machine.
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1"] {
            let (status, answer) = get(host, path, "");
            assert_eq!(status, 403, "{host} {path}");
            assert!(
                answer.contains("--admin-token") && !answer.contains("\"samples\""),
                "{answer}"
            );
        }
    }
    // Through a proxy that nobody configured comes a visitor, not the user of this machine.
    let forwarded = "x-forwarded-for: 203.0.113.9\r\n";
    assert_eq!(get("localhost", "/", forwarded).0, 200);
    assert_eq!(get("localhost", "/api/samples", forwarded).0, 401);
    for header in ["CF-Connecting-IP", "X-Original-For", "X_Forwarded_For", "X-Amzn-Trace-Id"] {
        let lines = format!("{header}: 203.0.113.9\r\n");
        assert_eq!(get("localhost", "/api/samples", &lines).0, 401, "{header}");
    }
    // Nor does nginx, which says nothing of itself, but speaks HTTP/1.0.
    let old = |path: &str| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nhost: localhost:8080\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer[9..12].parse::<u16>().unwrap()
    };
    assert_eq!((old("/api/models"), old("/api/samples")), (200, 401));
}

/// A photograph of a drawn 7, as a JPEG with text in its EXIF data.
fn photograph(text: &str) -> Vec<u8> {
    let (width, height) = (1500u32, 1100u32);
    let near = |x: f64, y: f64, [ax, ay]: [f64; 2], [bx, by]: [f64; 2]| {
        let along =
            ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax).powi(2) + (by - ay).powi(2));
        let along = along.clamp(0.0, 1.0);
        (x - ax - along * (bx - ax)).hypot(y - ay - along * (by - ay)) < 16.0
    };
    let mut seed = 7u32;
    let mut rgb = Vec::new();
    for i in 0..width * height {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = (f64::from(i % width), f64::from(i / width));
        let inked = near(x, y, [500.0, 250.0], [980.0, 250.0])
            || near(x, y, [980.0, 250.0], [640.0, 850.0]);
        let paper = 190 + (30 * (i % width) / width) as u8 + (seed >> 28) as u8;
        let colour = if inked { [40, 50, 110] } else { [paper, paper - 6, paper - 20] };
        rgb.extend(colour);
    }
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 90);
    encoder.write_image(&rgb, width, height, ExtendedColorType::Rgb8).unwrap();
    // TIFF, little-endian, with one entry: ImageDescription, an ASCII text behind the entries.
    let mut exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x0e\x01\x02\0".to_vec();
    exif.extend(u32::try_from(text.len() + 1).unwrap().to_le_bytes());
    exif.extend(26u32.to_le_bytes());
    exif.extend(0u32.to_le_bytes());
    exif.extend(text.as_bytes());
    exif.push(0);
    let mut segment = vec![0xff, 0xe1];
    segment.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    segment.extend(exif);
    // Behind the start of the image.
    file.splice(2..2, segment);
    file
}

#[test]
fn of_a_photograph_is_kept_what_was_looked_at_and_no_more() {
    const PLACE: &str = "GPS 48.858370N 2.294481E";
    const TRAIL: &str = "what was behind the picture's end";
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    let mut sent = photograph(PLACE);
    assert!(contains(&sent, PLACE));
    // 8 MiB, most of it behind the picture.
    while sent.len() < 8 << 20 {
        sent.extend(TRAIL.as_bytes());
    }
    let kept = |path: &str, content_type: &str, body: &[u8]| {
        let (status, answer) = server.post(path, content_type, body);
        assert!(status == 201 || status == 200, "{answer}");
        let listed = server.get("/api/samples?limit=1").1;
        let id = listed["samples"][0]["id"].as_str().unwrap();
        let sample = server.get(&format!("/api/samples/{id}")).1;
        let bytes = STANDARD.decode(sample["image"].as_str().unwrap()).unwrap();
        let glyph = STANDARD.decode(sample["glyph"].as_str().unwrap()).unwrap();
        (sample, bytes, Glyph::try_from(glyph.as_slice()).unwrap())
    };
    let (sample, bytes, glyph) = kept("/api/samples?label=7", "image/jpeg", &sent);
    assert_eq!(sample["prediction"], "7");
    assert!(bytes.len() <= 64 << 10, "{}", bytes.len());
    for text in [PLACE, "Exif", TRAIL] {
        assert!(!contains(&bytes, text), "{text} is kept");
        assert!(!contains(&on_disk(&artifacts), text), "{text} is in the database");
    }
    // The glyph is that of what was sent, and what is kept gives the same one, but for a little.
    assert_eq!(Some(&glyph), decode(&sent).unwrap().glyph().as_ref());
    let again = decode(&bytes).unwrap().glyph().unwrap();
    let pairs = glyph.pixels().iter().zip(again.pixels());
    let difference: u32 = pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    assert!(difference < 6 * 784, "{difference}");
    let (_, read) = server.post("/api/predict", "image/jpeg", &bytes);
    assert_eq!(read["label"], "7", "{read}");

    // What comes in a file, too.
    let line =
        json!({ "label": "7", "source": "file", "image": STANDARD.encode(photograph(PLACE)) });
    server.post_json("/api/samples/delete?label=7&for_good=1", &json!({}));
    let (status, report) =
        server.post("/api/samples/import", "application/octet-stream", line.to_string().as_bytes());
    assert_eq!((status, &report["added"]), (201, &json!(1)), "{report}");
    assert!(!contains(&on_disk(&artifacts), PLACE));

    // A turned picture is kept upright.
    let turned = picture("5_exif_orientation6.jpg");
    let (_, bytes, glyph) = kept("/api/samples?label=5", "image/jpeg", &turned);
    assert_eq!(decode(&bytes).unwrap().glyph(), Some(glyph));
}

#[test]
fn originals_are_kept_where_the_operator_wants_them() {
    let artifacts = TestArtifacts::released();
    let mut setup = TrainingSetup::default();
    setup.keeping.originals = true;
    let server = Server::training(&artifacts, setup);
    let png = picture("5_red_on_green.png");
    let (status, sent) = server.post("/api/samples?label=5", "image/png", &png);
    assert_eq!(status, 201, "{sent}");
    let path = format!("/api/samples/{}", sent["id"].as_str().unwrap());
    let kept = server.get(&path).1["image"].as_str().map(|text| STANDARD.decode(text).unwrap());
    assert_eq!(kept, Some(png));
    // The page can say so.
    let kept = server.get("/api/samples/summary").1["kept"].clone();
    assert_eq!(kept, json!({ "bytes": 65_536, "originals": true, "disagreements": false }));
}

#[test]
fn samples_of_older_databases_count() {
    let artifacts = TestArtifacts::released();
    let server = Server::training(&artifacts, TrainingSetup::default());
    for (label, strokes) in drawings(4) {
        server.teach(&label, "me", &strokes);
    }
    drop(server);
    let url = Store::file_url(&artifacts.registry.root().join("glyphic.db"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        for statement in [
            "DROP INDEX samples_by_room",
            "DROP INDEX samples_by_kind",
            "DROP INDEX samples_by_progress",
            "DROP INDEX samples_by_counts",
            "DROP INDEX samples_by_visitor",
            "ALTER TABLE samples DROP COLUMN trusted",
            "ALTER TABLE samples DROP COLUMN visitor",
            "ALTER TABLE samples DROP COLUMN client",
            "ALTER TABLE samples DROP COLUMN bytes",
            "DELETE FROM _sqlx_migrations WHERE version = 5",
        ] {
            connection.execute(statement).await.unwrap();
        }
    });
    let server = Server::training(&artifacts, TrainingSetup::default());
    let (_, listed) = server.get("/api/samples?unconfirmed=0");
    assert_eq!(listed["total"], 4);
    assert!(listed["samples"].as_array().unwrap().iter().all(|sample| sample["trusted"] == true));
    assert_eq!(server.get("/api/samples/summary").1["since_training"], 4);
    runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let sizes = "SELECT COUNT(*) FROM samples WHERE bytes = LENGTH(raw) + 784";
        let row = sqlx::query(sizes).fetch_one(&mut connection).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 4);
        // A program that does not know the columns adds what nobody vouches for.
        let added = "INSERT INTO samples (id, created, source, label, verdict, prediction, \
                     confidence, checkpoint, preprocessing, form, raw, glyph, glyph_hash, \
                     held_back, labelled, confirmed) SELECT 'old', created, source, label, \
                     verdict, prediction, confidence, checkpoint, preprocessing, form, raw, \
                     glyph, 'x', 0, labelled, 0 FROM samples LIMIT 1";
        connection.execute(added).await.unwrap();
    });
    assert_eq!(server.get("/api/samples?unconfirmed=1").1["total"], 1);
}
