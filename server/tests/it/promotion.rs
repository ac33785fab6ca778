//! The policy of promotions: one decision for every way to ask for one.

use std::sync::Arc;

use crate::common::TestArtifacts;
use glyphic_runtime::registry::Comparison;
use glyphic_server::promotion::{Basis, PromotionObjection, PromotionPolicy};
use serde_json::{Value, json};

/// A comparison in which the parent reads 6 of 10 held-back samples right, and the child `right`.
fn comparison(right: usize) -> Basis {
    let same = |right: usize, of: usize| json!({ "right": right, "of": of, "loss": 0.1 });
    let pair = |before: Value, after: Value| json!([before, after]);
    let comparison: Comparison = serde_json::from_value(json!({
        "parent": "a",
        "new_labels": ["x"],
        "trained_on": 40,
        "validation": pair(same(990, 1000), same(990, 1000)),
        "held_back": pair(same(6, 10), same(right, 10)),
        "drawn": pair(same(100, 100), same(100, 100)),
        "gained": 0,
        "lost": 0,
        "changed": [],
        "samples": [],
    }))
    .unwrap();
    Basis::Comparison(Arc::new(comparison))
}

#[test]
fn scores_a_comparison_and_force_are_decided_in_one_place() {
    let artifacts = TestArtifacts::empty();
    let [present, next] = ["a", "b"].map(|id| {
        artifacts.publish(id);
        artifacts.registry.manifest(id).unwrap()
    });
    let policy = PromotionPolicy::default();
    assert_eq!(policy.objections(&Basis::Scores, &present, &next), []);

    let mut worse = next.clone();
    worse.metrics.validation.accuracy = 0.0;
    worse.labels[0] = "x".to_owned();
    let objections = policy.objections(&Basis::Scores, &present, &worse);
    assert!(matches!(
        objections.as_slice(),
        [PromotionObjection::Scores(_), PromotionObjection::Scores(_)]
    ));
    assert_eq!(policy.objections(&Basis::Forced, &present, &worse), []);

    // A fine-tuned checkpoint may have new labels, and must read more samples right.
    assert_eq!(policy.objections(&comparison(10), &present, &worse), []);
    let objections = policy.objections(&comparison(6), &present, &next);
    assert!(matches!(objections.as_slice(), [PromotionObjection::Comparison(_)]), "{objections:?}");
    assert!(objections[0].to_string().contains("held-back samples"));
}
