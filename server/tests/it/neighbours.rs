//! The training examples that are nearest to a drawing: real ones, by the real network.

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, drawings, repository, seven, train},
    strangers::Person,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{checkpoint::Manifest, preprocess::Pictures};
use glyphic_server::{config::Limits, neighbours::TrainingExample};
use glyphic_train::data::{Data, learned_from};
use serde_json::{Value, json};

/// What MNIST's folder holds, if the checkpoint learned from it.
fn mnist(manifest: &Manifest) -> Result<Vec<TrainingExample>, String> {
    let path = repository().join("artifacts/datasets/mnist");
    let Data { training, labels, .. } = learned_from(manifest, &path).map_err(|e| e.to_string())?;
    let example = |example: glyphic_train::data::Example| TrainingExample {
        glyph: example.glyph,
        label: labels[example.label].clone(),
        from: "mnist".into(),
    };
    Ok(training.into_iter().map(example).collect())
}

fn server(artifacts: &TestArtifacts) -> Server {
    let training = Some(TrainingSetup::default());
    Server::start_changed(artifacts, Limits::default(), training, |app| {
        app.with_examples(Arc::new(mnist))
    })
}

/// An answer's examples as (label, from, similarity).
fn examples(answer: &Value) -> Vec<(String, String, f64)> {
    let examples = answer["examples"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    examples
        .map(|e| (text(&e["label"]), text(&e["from"]), e["similarity"].as_f64().unwrap()))
        .collect()
}

#[test]
fn a_training_example_is_nearest_to_itself() {
    let artifacts = TestArtifacts::released();
    let manifest = artifacts.registry.manifest(&artifacts.registry.current().unwrap()).unwrap();
    let server = server(&artifacts);
    let known = mnist(&manifest).unwrap();
    // Every 5.5th is looked among.
    for example in [&known[0], &known[5500], &known[27_500]] {
        let path = "/api/nearest?count=1";
        let pixels = example.glyph.pixels();
        let (status, answer) = server.post(path, "application/octet-stream", pixels);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["of"], 10_000);
        assert_eq!(answer["model"], manifest.id);
        let [(label, from, similarity)] = &examples(&answer)[..] else { panic!("{answer}") };
        assert_eq!((label, from.as_str()), (&example.label, "mnist"));
        assert!(*similarity > 0.9999, "{similarity}");
        let picture = answer["examples"][0]["picture"].as_str().unwrap();
        let png = STANDARD.decode(picture.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().to_luma8().into_raw(), pixels);
    }
}

/// Prints the figures for the documentation.
#[test]
fn what_is_nearest_says_what_a_test_picture_is() {
    let artifacts = TestArtifacts::released();
    let server = server(&artifacts);
    let path = repository().join("artifacts/datasets/mnist");
    let Data { test, labels, .. } = glyphic_train::data::load(&path, Pictures::Ink, 0.1).unwrap();
    let (mut first, mut all) = (0, 0);
    for example in &test[..1000] {
        let pixels = example.glyph.pixels();
        let (_, answer) = server.post("/api/nearest", "application/octet-stream", pixels);
        let right = |(label, ..): &(String, String, f64)| *label == labels[example.label];
        first += usize::from(right(&examples(&answer)[0]));
        all += examples(&answer).iter().filter(|one| right(one)).count();
    }
    println!("the nearest is of the label for {first} of 1000, of the eight nearest {all} of 8000");
    assert!(first >= 985 && all >= 7800, "{first} of 1000, {all} of 8000");
}

#[test]
fn drawings_lie_near_examples_of_their_label() {
    let artifacts = TestArtifacts::released();
    let server = server(&artifacts);
    let (mut right, mut of) = (0, 0);
    for (label, strokes) in drawings(20) {
        let (status, answer) = server.post_json("/api/nearest", &json!({ "strokes": strokes }));
        assert_eq!(status, 200, "{answer}");
        let near = examples(&answer);
        assert_eq!(near.len(), 8);
        assert!(near.is_sorted_by(|a, b| a.2 >= b.2), "{near:?}");
        assert!(near.iter().all(|(_, _, alike)| (0.0..=1.0001).contains(alike)), "{near:?}");
        right += near.iter().filter(|(found, ..)| *found == label).count();
        of += near.len();
    }
    assert!(right * 10 >= of * 9, "{right} of {of} are of the label");
}

#[test]
fn a_fine_tuned_checkpoint_finds_the_samples_it_learned_from() {
    let artifacts = TestArtifacts::released();
    let mut setup = TrainingSetup::default();
    setup.settings.arguments = ["--examples", "512", "--epochs", "1"].map(str::to_owned).to_vec();
    let server = Server::start_changed(&artifacts, Limits::default(), Some(setup), |app| {
        app.with_examples(Arc::new(mnist))
    });
    let drawings = drawings(12);
    for (label, strokes) in &drawings {
        server.teach(label, "me", strokes);
    }
    let held_back = server.get("/api/samples?held_back=1").1["total"].as_u64().unwrap();
    assert!((1..12).contains(&held_back), "{held_back}");
    let nearest = |strokes: &Value| {
        let drawing = json!({ "strokes": strokes });
        let (status, answer) = server.post_json("/api/nearest?count=50", &drawing);
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let is_itself = |answer: &Value| {
        let (_, from, alike) = &examples(answer)[0];
        from == "samples" && *alike > 0.9999
    };
    assert!(drawings.iter().all(|(_, strokes)| !is_itself(&nearest(strokes))), "not learned yet");

    let job = train(&server);
    let candidate = job["candidate"].as_str().unwrap();
    // Samples that came later were not trained on.
    server.teach("7", "me", &seven());
    let path = format!("/api/models/{candidate}/promote?force=1");
    let (status, answer) = server.post_json(&path, &json!({}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(nearest(&seven())["model"], candidate);
    assert!(!is_itself(&nearest(&seven())));
    let learned = drawings.iter().filter(|(_, strokes)| is_itself(&nearest(strokes))).count();
    assert_eq!(learned as u64, 12 - held_back, "all but those held back");

    // Others do not see them: what comes through a proxy is not from this machine.
    let (_, drawn) = &drawings[0];
    let stranger = Person::from("203.0.113.9");
    let body = json!({ "strokes": drawn });
    let (status, answer) = stranger.post(&server, "/api/nearest?count=50", &body);
    assert_eq!(status, 200, "{answer}");
    assert!(examples(&answer).iter().all(|(_, from, _)| from != "samples"), "{answer}");
    // Nor does anybody see what was deleted.
    assert!(is_itself(&nearest(drawn)));
    let listed = server.get("/api/samples?limit=500").1;
    let first = listed["samples"].as_array().unwrap().last().unwrap()["id"].clone();
    let path = format!("/api/samples/{}", first.as_str().unwrap());
    assert_eq!(server.send("DELETE", &path, &json!({})).0, 200);
    assert!(!is_itself(&nearest(drawn)));
}

#[test]
fn a_client_that_hangs_up_does_not_have_it_read_again() {
    let artifacts = TestArtifacts::released();
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let server = Server::start_changed(&artifacts, Limits::default(), None, move |app| {
        app.with_examples(Arc::new(move |manifest| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(500));
            mnist(manifest)
        }))
    });
    let body = json!({ "strokes": seven() }).to_string();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(
            stream,
            "POST /api/nearest HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    let (status, answer) = server.post_json("/api/nearest", &json!({ "strokes": seven() }));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(reads.load(Ordering::SeqCst), 1);
}

#[test]
fn without_its_data_a_checkpoint_has_none() {
    let artifacts = TestArtifacts::released();
    let drawing = json!({ "strokes": seven() });
    let code = |(status, answer): (u16, Value)| {
        assert!(answer["error"]["message"].as_str().is_some_and(|m| m.len() > 20), "{answer}");
        (status, answer["error"]["code"].as_str().unwrap().to_owned())
    };
    // The server knows of none.
    let server = Server::start(&artifacts);
    let none = (404, "no_training_data".to_owned());
    assert_eq!(code(server.post_json("/api/nearest", &drawing)), none);
    drop(server);
    // The checkpoint learned from something else.
    artifacts.publish("other");
    artifacts.registry.promote("other").unwrap();
    let server = self::server(&artifacts);
    assert_eq!(code(server.post_json("/api/nearest", &drawing)), none);
    // Where its files are is the server's business.
    let (_, refused) = server.post_json("/api/nearest", &drawing);
    assert!(!refused.to_string().contains("datasets"), "{refused}");
    // Requests that cannot be understood.
    let malformed = (400, "malformed".to_owned());
    assert_eq!(code(server.post_json("/api/nearest?count=0", &drawing)), malformed);
    assert_eq!(code(server.post_json("/api/nearest?count=51", &drawing)), malformed);
    let (status, blank) = server.post_json("/api/nearest", &json!({ "strokes": [] }));
    assert_eq!((status, &blank["examples"]), (200, &json!([])));
}
