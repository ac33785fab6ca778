//! `--device auto` by measurement, on a real graphics API.

use crate::common::TestArtifacts;
use glyphic_runtime::device::DeviceChoice;
use glyphic_server::auto::faster;

#[test]
fn auto_takes_what_reads_full_batches_sooner_and_says_why() {
    let artifacts = TestArtifacts::released();
    let gpu = DeviceChoice::Gpu(None).open().unwrap();
    let name = gpu.to_string();
    let chosen = faster(gpu.clone(), &artifacts.registry, 8);
    let said = chosen.to_string();
    let times: Vec<f64> = said
        .match_indices(" ms")
        .map(|(at, _)| said[..at].rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    // Full batches on the chosen one and on the other, then one picture on each.
    let [own, other, one, _] = times[..] else { panic!("{said}") };
    assert!(own <= other && own > 0.0 && one > 0.0, "{said}");
    // A driver that computes on the CPU by a detour is not faster than the CPU.
    assert!(chosen.is_cpu() || !name.contains("software"), "{said}");
    assert!(said.contains(&name) && said.contains("8 pictures take"), "{said}");

    // Where nothing is promoted there is nothing to measure by.
    let empty = TestArtifacts::empty();
    let unmeasured = faster(gpu, &empty.registry, 8);
    assert_eq!(unmeasured.to_string(), name);
}
