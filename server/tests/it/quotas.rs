//! Quotas that bind, and teaching that cannot be stolen.

use std::{collections::BTreeSet, thread, time::Duration};

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, alone, drawings, wait_for_job},
    strangers::{Person, behind_a_proxy, on_both, scribble},
};
use glyphic_server::samples::Quota;
use serde_json::{Value, json};

fn with(quota: Quota) -> impl Fn() -> TrainingSetup {
    move || TrainingSetup { quota, ..TrainingSetup::default() }
}

/// The ids of all samples.
fn ids(server: &Server) -> BTreeSet<String> {
    let (status, listed) = Person::holder().get(server, "/api/samples?limit=500");
    assert_eq!(status, 200, "{listed}");
    let samples = listed["samples"].as_array().unwrap().iter();
    samples.map(|sample| sample["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn twelve_sources_of_one_client_do_not_fill_the_quota() {
    let quota = Quota { total: 20, per_source: 10, per_client: 12, ..Quota::default() };
    on_both(with(quota), |server| {
        let greedy = Person::from("10.0.0.1");
        let sent: Vec<String> = (0..48)
            .map(|i| greedy.teach(server, "7", &format!("name-{}", i % 12), &scribble(i)))
            .collect();
        // Its oldest gave way to its newest.
        let expected: BTreeSet<String> = sent[36..].iter().cloned().collect();
        assert_eq!(ids(server), expected);
        // Somebody else is still taken, and loses nothing to what comes after.
        let honest = Person::visitor("ana", "10.0.0.2");
        let kept = honest.teach(server, "7", "ana's", &drawings(1)[0].1);
        (48..80).for_each(|i| {
            drop(greedy.send(server, "7", &format!("other-{}", i % 12), &scribble(i)))
        });
        assert!(ids(server).contains(&kept));
        assert_eq!(Person::holder().count(server, ""), 13);
        // An IPv6 network is one client, whatever its addresses are.
        for i in 80..110 {
            let person = Person::from(&format!("2001:db8:7:{i:x}::1"));
            let (status, answer) = person.send(server, "7", "six", &scribble(i));
            assert_eq!(status, 201, "{answer}");
        }
        // Its first ones filled the rest; then the one who had most gave way.
        assert_eq!(Person::holder().count(server, ""), 20);
        assert!(ids(server).contains(&kept));
        let of_six = Person::holder().count(server, "source=six");
        assert!((7..=10).contains(&of_six), "{of_six}");
    });
}

#[test]
fn what_is_confirmed_or_the_operators_own_never_gives_way() {
    let quota = Quota { total: 6, per_client: 3, ..Quota::default() };
    on_both(with(quota), |server| {
        let (visitor, holder) = (Person::visitor("ana", "10.0.0.1"), Person::holder());
        let first = visitor.teach(server, "7", "a", &scribble(0));
        let (status, confirmed) = holder.ask(
            server,
            "PATCH",
            &format!("/api/samples/{first}"),
            "application/json",
            br#"{"label": "7"}"#,
        );
        assert_eq!((status, &confirmed["confirmed"]), (200, &json!(true)), "{confirmed}");
        let later: Vec<String> =
            (1..9).map(|i| visitor.teach(server, "7", "a", &scribble(i))).collect();
        let left = ids(server);
        assert!(left.contains(&first) && left.contains(&later[7]) && left.contains(&later[6]));
        assert_eq!(left.len(), 3);
        // When all are confirmed, the answer says what is full.
        let (_, done) = holder.post(server, "/api/samples/confirm?label=7", &json!({}));
        assert_eq!(done["confirmed"], 2, "{done}");
        let (status, full) = visitor.send(server, "7", "a", &scribble(9));
        assert_eq!((status, &full["error"]["code"]), (507, &json!("quota")), "{full}");
        let message = full["error"]["message"].as_str().unwrap();
        assert!(message.contains("3 samples") && message.contains("--samples-per-client"));
        // The operator's own come in the place of what nobody confirmed.
        let other = Person::from("10.0.0.2");
        (10..13).for_each(|i| drop(other.teach(server, "7", "b", &scribble(i))));
        for i in 13..16 {
            holder.teach(server, "7", "mine", &scribble(i));
        }
        assert_eq!(holder.count(server, "source=b"), 0);
        assert_eq!(holder.count(server, "unconfirmed=0"), 6);
        for person in [&holder, &other] {
            let (status, full) = person.send(server, "7", "c", &scribble(20));
            assert_eq!((status, &full["error"]["code"]), (507, &json!("quota")), "{full}");
        }
        assert_eq!(holder.count(server, ""), 6, "nothing gave way");
    });
}

#[test]
fn bytes_are_counted_too() {
    let quota = Quota { bytes: 9000, bytes_per_client: 4000, ..Quota::default() };
    on_both(with(quota), |server| {
        let pixels = |i: usize| -> Vec<u8> {
            (0..784).map(|at| if at % 28 == 14 && at / 28 > 4 + i { 255 } else { 0 }).collect()
        };
        let send = |person: &Person, i: usize| {
            let path = "/api/samples?label=1";
            person.ask(server, "POST", path, "application/octet-stream", &pixels(i)).0
        };
        // Twice 784 bytes each.
        let (one, other) = (Person::from("10.0.0.1"), Person::from("10.0.0.2"));
        (0..6).for_each(|i| assert_eq!(send(&one, i), 201));
        let holder = Person::holder();
        assert_eq!(holder.count(server, ""), 2, "4000 bytes of one client");
        (6..12).for_each(|i| assert_eq!(send(&other, i), 201));
        assert_eq!(holder.count(server, ""), 4);
        (12..20).for_each(|i| assert_eq!(send(&holder, i), if i < 17 { 201 } else { 507 }));
        assert_eq!(holder.count(server, "unconfirmed=1"), 0);
    });
}

#[test]
fn when_bytes_are_full_the_one_who_has_most_of_them_gives_way() {
    let quota = Quota { bytes: 100_000, bytes_per_client: 90_000, ..Quota::default() };
    on_both(with(quota), |server| {
        // Many small ones of one, a few large ones of the other.
        let honest = Person::visitor("ana", "10.0.0.1");
        let kept: BTreeSet<String> =
            (0..20).map(|i| honest.teach(server, "7", "ana's", &scribble(i))).collect();
        let greedy = Person::from("10.0.0.2");
        let long = |i: usize| -> Value {
            let points = (0..500).map(|at| json!([at as f64 + 0.125 * i as f64, at % (7 + i)]));
            json!([points.collect::<Vec<_>>()])
        };
        for i in 0..20 {
            let (status, answer) = greedy.send(server, "7", "x", &long(i));
            assert_eq!(status, 201, "{answer}");
        }
        assert!(ids(server).is_superset(&kept), "{} of 20", honest.count(server, ""));
        assert!(Person::holder().count(server, "source=x") < 12);
    });
}

#[test]
fn scribbles_with_a_bad_word_from_thirty_addresses_change_nothing() {
    let _alone = alone();
    let artifacts = TestArtifacts::released();
    let mut setup = TrainingSetup::default();
    setup.settings.every_samples = Some(30);
    setup.settings.arguments = ["--examples", "512", "--epochs", "1"].map(str::to_owned).to_vec();
    let server = behind_a_proxy(&artifacts, setup);
    let holder = Person::holder();
    let served = || holder.get(&server, "/checkpoint.json").1;
    let before = served();
    for i in 0..30 {
        let stranger = Person::visitor(&format!("stranger-{i}"), &format!("203.0.113.{i}"));
        stranger.teach(&server, "poop", &format!("source-{i}"), &scribble(i));
    }
    // Nothing begins by itself, and nothing can be trained on.
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(holder.get(&server, "/api/jobs").1["jobs"], json!([]));
    let (status, refused) = holder.post(&server, "/api/jobs", &json!({}));
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("nothing_held_back")));
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("label at least two") && message.contains("confirm"), "{message}");
    // Beside the operator's own samples they are not learned either.
    for (label, strokes) in drawings(12) {
        holder.teach(&server, &label, "mine", &strokes);
    }
    let (status, job) = holder.post(&server, "/api/jobs", &json!({}));
    assert_eq!(status, 202, "{job}");
    let job = ended(&server, job["id"].as_str().unwrap());
    assert!(["promoted", "candidate"].contains(&job["state"].as_str().unwrap()), "{job}");
    assert_eq!(job["samples"], 12, "{job}");
    let id = job["candidate"].as_str().unwrap();
    assert_eq!(artifacts.registry.manifest(id).unwrap().labels.len(), 10);
    assert_eq!(served()["labels"], before["labels"]);
    // They are shown apart, and a visitor does not see the word.
    let (_, summary) = holder.get(&server, "/api/samples/summary");
    assert_eq!(
        summary["unconfirmed"],
        json!([{ "name": "poop", "samples": 30, "disagree": 30 }]),
        "{summary}"
    );
    assert!(!summary["labels"].to_string().contains("poop"));
    let visitor = Person::visitor("ana", "10.0.0.1");
    let (_, seen) = visitor.get(&server, "/api/samples/summary");
    assert!(!seen.to_string().contains("poop"), "{seen}");
}

#[test]
fn a_confirmed_label_counts_and_the_confirmation_is_undone() {
    on_both(TrainingSetup::default, |server| {
        let (holder, visitor) = (Person::holder(), Person::visitor("ana", "10.0.0.1"));
        for i in 0..5 {
            visitor.teach(server, if i < 3 { "π" } else { "7" }, "ana's", &scribble(i));
        }
        let summary = || holder.get(server, "/api/samples/summary").1;
        assert_eq!((&summary()["labelled"], &summary()["since_training"]), (&json!(5), &json!(0)));
        let confirm = |person: &Person, query: &str| {
            person.post(server, &format!("/api/samples/confirm?{query}"), &json!({}))
        };
        assert_eq!(confirm(&visitor, "label=7").0, 401);
        assert_eq!(confirm(&holder, "").0, 400);
        assert_eq!(confirm(&holder, "label=%CF%80").1, json!({ "confirmed": 3 }));
        assert_eq!(confirm(&holder, "label=%CF%80").1, json!({ "confirmed": 0 }));
        assert_eq!(summary()["since_training"], 3);
        assert_eq!(summary()["labels"][0]["name"], "π");
        assert_eq!(holder.count(server, "unconfirmed=1"), 2);
        let undo = || holder.post(server, "/api/samples/undo", &json!({})).1;
        // The second confirmation changed nothing.
        assert_eq!(undo(), json!({ "undone": "confirm", "samples": 3 }));
        assert_eq!(summary()["since_training"], 0);
        assert_eq!(holder.count(server, "unconfirmed=1"), 5);
    });
}

/// Waits until a job is over.
fn ended(server: &Server, id: &str) -> Value {
    // The state is everybody's; the rest is for the token's holder.
    wait_for_job(server, id);
    Person::holder().get(server, &format!("/api/jobs/{id}")).1
}
