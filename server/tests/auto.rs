//! `--device auto` by measurement, on a real graphics API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::Artifacts;
use glyphic_model::device::DeviceChoice;
use glyphic_server::auto::faster;

#[test]
fn auto_takes_what_reads_full_batches_sooner_and_says_why() {
    let artifacts = Artifacts::released();
    let gpu = DeviceChoice::Gpu(None).open().unwrap();
    let name = gpu.to_string();
    let chosen = faster(gpu, &artifacts.registry, 8);
    let said = chosen.to_string();
    let times: Vec<f64> = said
        .match_indices(" ms")
        .map(|(at, _)| said[..at].rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    // Full batches on the chosen one and on the other, then one picture on each.
    let [own, other, one, _] = times[..] else { panic!("{said}") };
    assert!(own <= other && one <= own, "{said}");
    assert!(said.contains(&name) && said.contains("8 pictures take"), "{said}");

    // Where nothing is promoted there is nothing to measure by.
    let empty = Artifacts::empty();
    let unmeasured = faster(chosen.clone(), &empty.registry, 8);
    assert!(unmeasured.is_cpu() && unmeasured.to_string().contains("failed"), "{unmeasured}");
}
