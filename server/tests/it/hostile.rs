//! Every odd and hostile file ends in a digit, a blank, or a clear error, in
//! bounded time and memory.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    common::{picture, repository},
    programs::ServerProgram,
};

#[test]
fn every_file_ends_well() {
    let server = ServerProgram::released();
    let mut names: Vec<String> = fs::read_dir(repository().join("model/tests/pictures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    assert_eq!(names.len(), 39, "{names:?}");
    for (name, path) in names.iter().flat_map(|name| [(name, "predict"), (name, "read")]) {
        let begun = Instant::now();
        let mut response = ureq::post(format!("{}/api/{path}", server.url))
            .config()
            .http_status_as_error(false)
            .build()
            .send(&picture(name)[..])
            .unwrap();
        let took = begun.elapsed();
        let status = response.status().as_u16();
        let body: serde_json::Value = response.body_mut().read_json().unwrap();
        let name = format!("{path} {name}");
        match status {
            200 => {
                let said = if path == "read" { &body["text"] } else { &body["label"] };
                let blank = body["verdict"] == "blank" && (said.is_null() || said == "");
                assert!(blank || said == "5", "{name}: {body}");
                let five = [" 5", "digit", "named"].iter().any(|part| name.contains(part));
                assert!(!five || said == "5", "{name}: {body}");
            }
            400 | 413 | 415 | 422 => {
                assert!(body["error"]["message"].as_str().unwrap().len() > 10, "{name}: {body}");
            }
            _ => panic!("{name}: {status} {body}"),
        }
        assert!(took < Duration::from_secs(3), "{name} took {took:?}");
    }
    let peak = server.peak_memory();
    assert!(peak < 400, "the server grew to {peak} MiB");
}
