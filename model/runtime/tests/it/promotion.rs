//! The policy of promotions: one decision for every way to ask for one.

use std::{fs, sync::Arc};

use crate::{
    checkpoints::{draft, tiny},
    comparison::good,
};
use burn::tensor::Device;
use glyphic_model::checkpoint::{MANIFEST_FILE, Manifest, Score};
use glyphic_runtime::registry::{Basis, Objection, PromotionPolicy, Registry, RegistryError};
use tempfile::TempDir;

/// A registry with the checkpoints `a`, `b` and `c`, none of them promoted.
fn three() -> (TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path());
    let network = tiny().init(&Device::flex());
    for id in ["a", "b", "c"] {
        registry.publish(draft(id, &network)).unwrap();
    }
    (folder, registry)
}

/// Publishes a checkpoint's manifest again, changed.
fn change(registry: &Registry, id: &str, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = registry.manifest(id).unwrap();
    change(&mut manifest);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    fs::write(registry.folder(id).join(MANIFEST_FILE), bytes).unwrap();
}

/// Asks the default policy.
fn promote(registry: &Registry, id: &str, basis: &Basis) -> Result<(), RegistryError> {
    registry.promote_if_allowed(id, None, &PromotionPolicy::default(), basis)
}

/// The sentences of the objections by scores, after changes to the promoted and the next one.
fn said(change: impl FnOnce(&mut Manifest, &mut Manifest)) -> Vec<String> {
    let (_folder, registry) = three();
    let [mut present, mut next] = ["a", "b"].map(|id| registry.manifest(id).unwrap());
    change(&mut present, &mut next);
    let objections = PromotionPolicy::default().by_scores(&present, &next);
    objections.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_as_accurate_and_has_the_same_labels_passes() {
    assert!(said(|_, _| {}).is_empty());
}

#[test]
fn other_labels_are_an_objection() {
    let found = said(|_, next| next.labels[0] = "x".to_owned());
    assert_eq!(found, ["its labels are x b, not a b"]);
    let found = said(|_, next| next.labels = (0..14).map(|i| i.to_string()).collect());
    assert_eq!(found, ["its labels are 0 1 2 3 4 5 6 7 8 9 10 11 and 2 more, not a b"]);
}

#[test]
fn a_loss_of_accuracy_beyond_a_fifth_of_a_point_is_an_objection() {
    let score = |accuracy: f64, examples| Some(Score { accuracy, loss: 0.1, examples });
    let with = |before, after| {
        said(move |present, next| (present.metrics.test, next.metrics.test) = (before, after))
    };
    assert!(with(score(0.995, 10_000), score(0.9931, 10_000)).is_empty());
    assert_eq!(
        with(score(0.995, 10_000), score(0.9929, 10_000)),
        ["its accuracy on the test set is 99.29 %, 0.21 points below that of 'a'; at most 0.2 \
             are allowed"]
    );
    // Test sets of other sizes are not the same ones.
    assert!(with(score(0.995, 10_000), score(0.5, 100)).is_empty());
}

#[test]
fn what_was_never_measured_is_an_objection() {
    assert_eq!(
        said(|_, next| next.metrics.validation.examples = 0),
        ["its accuracy was never measured"]
    );
    assert_eq!(
        said(|present, _| present.metrics.validation.examples = 0),
        ["the accuracy of 'a' was never measured"]
    );
}

#[test]
fn the_first_promotion_has_nothing_to_lose() {
    let (_folder, registry) = three();
    change(&registry, "a", |manifest| {
        manifest.metrics.validation = Score { accuracy: 0.0, loss: 0.0, examples: 0 };
    });
    promote(&registry, "a", &Basis::Scores).unwrap();
    assert_eq!(registry.current().unwrap(), "a");
}

#[test]
fn a_comparison_decides_instead_of_the_scores_and_force_decides_alone() {
    let (_folder, registry) = three();
    registry.promote("a").unwrap();
    change(&registry, "b", |manifest| {
        manifest.labels[0] = "x".to_owned();
        manifest.metrics.validation.accuracy = 0.0;
    });
    let refused = promote(&registry, "b", &Basis::Scores).unwrap_err();
    let RegistryError::Objected { id, objections } = &refused else { panic!("{refused}") };
    assert!(
        matches!(
            (id.as_str(), objections.as_slice()),
            ("b", [Objection::OtherLabels { .. }, Objection::LessAccurate { .. }])
        ),
        "{refused}"
    );
    assert!(refused.to_string().starts_with("'b' was not promoted: its labels are x b"));
    assert_eq!(registry.current().unwrap(), "a");

    // A fine-tuned checkpoint may have new labels, and must read more samples correctly.
    let mut useless = good();
    useless.held_back[1] = useless.held_back[0];
    let refused = promote(&registry, "c", &Basis::Comparison(Arc::new(useless))).unwrap_err();
    let RegistryError::Objected { objections, .. } = &refused else { panic!("{refused}") };
    assert!(matches!(objections.as_slice(), [Objection::NoGain { .. }]), "{refused}");
    assert!(refused.to_string().contains("held-back samples"), "{refused}");
    promote(&registry, "b", &Basis::Comparison(Arc::new(good()))).unwrap();

    change(&registry, "c", |manifest| manifest.metrics.validation.accuracy = 0.0);
    change(&registry, "b", |manifest| manifest.metrics.validation.accuracy = 1.0);
    promote(&registry, "c", &Basis::Scores).unwrap_err();
    promote(&registry, "c", &Basis::Forced).unwrap();
    // Going back asks nothing.
    assert_eq!(registry.roll_back(None).unwrap(), "b");
}

#[test]
fn a_decision_that_is_out_of_date_is_not_recorded() {
    let (_folder, registry) = three();
    registry.promote("a").unwrap();
    registry.promote("b").unwrap();
    let policy = PromotionPolicy::default();
    let late = registry.promote_if_allowed("c", Some("a"), &policy, &Basis::Scores);
    assert!(matches!(late, Err(RegistryError::PromotedMeanwhile { .. })), "{late:?}");
    registry.promote_if_allowed("c", Some("b"), &policy, &Basis::Scores).unwrap();
}

#[test]
fn if_the_promoted_one_cannot_be_read_the_one_before_it_counts() {
    let (_folder, registry) = three();
    change(&registry, "a", |manifest| manifest.metrics.validation.accuracy = 0.9);
    registry.promote("a").unwrap();
    registry.promote("b").unwrap();
    fs::write(registry.folder("b").join(MANIFEST_FILE), "{").unwrap();
    let refused = promote(&registry, "c", &Basis::Scores).unwrap_err().to_string();
    assert!(refused.contains("below that of 'a'"), "{refused}");
    change(&registry, "c", |manifest| manifest.metrics.validation.accuracy = 0.9);
    promote(&registry, "c", &Basis::Scores).unwrap();
    assert_eq!(registry.current().unwrap(), "c");
}
