//! Ten thousand damaged uploads, and damaged checkpoints: each ends in an answer or in an
//! error that is the sender's, and memory stays where it was.

use std::{collections::BTreeMap, fs};

use crate::{
    common::{TestArtifacts, picture, repetitions, repository, seven},
    programs::ServerProgram,
};
use burn::tensor::Device;
use fastrand::Rng;
use glyphic_model::checkpoint::{Checkpoint, MANIFEST_FILE, Manifest, WEIGHTS_FILE, sha256};
use serde_json::json;

fn uploads() -> usize {
    repetitions(10_000, 2_000)
}
const CHECKPOINTS: usize = 2_000;
/// Where a number of a format's header or a text's structure is broken soonest.
const TELLING: [&[u8]; 12] = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\xff\xff",
    b"\x80",
    b"\xff\xd8",
    b"-1",
    b"1e999",
    b"null",
    b"[[[[[[[[",
    b"\"",
    b"{\"a\":",
];

/// A content type, a body, and the paths that take it.
type Original = (&'static str, Vec<u8>, &'static [&'static str]);

/// One to six changes of a kind that breaks parsers: bits, telling values, pieces that are
/// missing, doubled, or from another file.
fn mutated(rng: &mut Rng, original: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..rng.usize(1..=6) {
        let at = rng.usize(0..=bytes.len());
        let end = (at + rng.usize(0..64)).min(bytes.len());
        match rng.u8(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
            1 => {
                let value = TELLING[rng.usize(0..TELLING.len())];
                let end = (at + value.len()).min(bytes.len());
                bytes.splice(at..end, value.iter().copied());
            }
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 if !other.is_empty() => {
                let from = rng.usize(0..other.len());
                let piece = &other[from..(from + 64).min(other.len())];
                bytes.splice(at..end, piece.iter().copied());
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

/// Uploads of every form, with their types and what reads them.
fn originals() -> Vec<Original> {
    const PICTURES: &[&str] = &["/api/predict", "/api/read"];
    const TENSORS: &[&str] = &["/v2/models/glyphic/infer"];
    let small = |name: &str| {
        fs::metadata(repository().join("model/tests/pictures").join(name)).unwrap().len() < 100_000
    };
    let mut names: Vec<String> = fs::read_dir(repository().join("model/tests/pictures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md" && small(name))
        .collect();
    names.sort();
    let mut originals: Vec<_> =
        names.iter().map(|name| ("application/octet-stream", picture(name), PICTURES)).collect();
    let strokes = json!({ "strokes": seven() }).to_string();
    let tensor =
        json!({ "name": "pixels", "shape": [1, 784], "datatype": "UINT8", "data": vec![7; 784] });
    let inference = json!({ "id": "1", "inputs": [tensor], "outputs": [{ "name": "label" }] });
    let form = "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n";
    let form = [form.as_bytes(), &picture("5_1bit.png"), b"\r\n--b--\r\n"].concat();
    for _ in 0..8 {
        originals.push(("application/json", strokes.clone().into_bytes(), PICTURES));
        originals.push(("application/json", inference.to_string().into_bytes(), TENSORS));
        originals.push(("multipart/form-data; boundary=b", form.clone(), PICTURES));
    }
    originals
}

#[test]
fn damaged_uploads_end_well() {
    let server = ServerProgram::released();
    let originals = originals();
    // Every form once as it is: what it needs by itself is not what damage adds.
    let send = |path: &str, content_type: &str, body: &[u8]| {
        let request = ureq::post(format!("{}{path}", server.url))
            .config()
            .http_status_as_error(false)
            .build();
        request.content_type(content_type).send(body).unwrap().status().as_u16()
    };
    for (content_type, body, paths) in &originals {
        for path in *paths {
            send(path, content_type, body);
        }
    }
    let before = server.peak_memory();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let statuses: BTreeMap<u16, usize> = std::thread::scope(|scope| {
        let work = || {
            let mut statuses = BTreeMap::new();
            loop {
                let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if i >= uploads() {
                    return statuses;
                }
                // Each by a seed of its own, so that one can be had again.
                let mut rng = Rng::with_seed(i as u64);
                let (content_type, original, paths) = &originals[rng.usize(0..originals.len())];
                let (_, other, _) = &originals[rng.usize(0..originals.len())];
                let body = mutated(&mut rng, original, other);
                let path = paths[i % paths.len()];
                let status = send(path, content_type, &body);
                assert!((200..500).contains(&status), "upload {i} to {path}: {status}");
                *statuses.entry(status).or_insert(0) += 1;
            }
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let all = clients.into_iter().flat_map(|client| client.join().unwrap());
        all.fold(BTreeMap::new(), |mut sum, (status, count)| {
            *sum.entry(status).or_insert(0) += count;
            sum
        })
    });
    println!("{statuses:?}");
    let peak = server.peak_memory();
    assert!(peak < before + 64, "memory went from {before} to {peak} MiB");
    // The damage is neither always fatal nor never: what is cut off is refused.
    assert!(statuses[&200] > uploads() / 50 && statuses[&200] < uploads() * 3 / 4, "{statuses:?}");
    assert_eq!(send("/api/predict", "image/png", &picture("5_1bit.png")), 200);
}

#[test]
fn damaged_manifests_and_weights_are_refused_or_whole() {
    let artifacts = TestArtifacts::released();
    let id = artifacts.registry.current().unwrap();
    let folder = artifacts.registry.folder(&id);
    let manifest = fs::read(folder.join(MANIFEST_FILE)).unwrap();
    let weights = fs::read(folder.join(WEIGHTS_FILE)).unwrap();
    let intact = Manifest::parse(&id, &manifest).unwrap();
    // The header and the first tensors are where a reader can be led astray.
    let begin = &weights[..weights.len().min(4096)];
    let (mut refused, mut whole) = (0, 0);
    for i in 0..CHECKPOINTS {
        let mut rng = Rng::with_seed(i as u64);
        let outcome = if i % 2 == 0 {
            Manifest::parse(&id, &mutated(&mut rng, &manifest, begin)).map(drop)
        } else {
            let mut bytes = mutated(&mut rng, begin, &manifest);
            bytes.extend(&weights[begin.len()..]);
            // With the right checksum, so that it is the reader that must see it.
            let mut manifest = intact.clone();
            manifest.weights.sha256 = sha256(&bytes);
            Checkpoint::verify(manifest, bytes, &Device::flex()).map(drop)
        };
        match outcome {
            Ok(()) => whole += 1,
            Err(error) => {
                assert!(error.to_string().contains(&id), "{error}");
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {whole} taken");
    assert!(refused > CHECKPOINTS / 2, "{refused} refused, {whole} taken");
}
