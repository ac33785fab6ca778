//! The policy for fine-tuned checkpoints: how much they may lose and must gain.

use glyphic_runtime::registry::{Comparison, Objection, PromotionPolicy, Tally};

fn tallies(of: usize, before: usize, after: usize) -> [Tally; 2] {
    let tally = |right: usize, loss| Tally { right, of, loss };
    [tally(before, 0.5), tally(after, 0.4)]
}

/// A comparison without objections.
pub fn good() -> Comparison {
    Comparison {
        first: None,
        parent: "parent".to_owned(),
        new_labels: vec![],
        trained_on: 16,
        validation: tallies(5000, 4979, 4977),
        held_back: tallies(4, 1, 2),
        synthetic: tallies(1360, 1351, 1345),
        gained: 0,
        lost: 0,
        changed: vec![],
        samples: vec![],
    }
}

fn objections(change: impl FnOnce(&mut Comparison)) -> Vec<Objection> {
    let mut comparison = good();
    change(&mut comparison);
    PromotionPolicy::default().by_comparison(&comparison)
}

#[test]
fn a_checkpoint_that_keeps_and_gains_enough_passes() {
    assert_eq!(objections(|_| {}), []);
}

#[test]
fn a_loss_on_validation_beyond_a_twentieth_of_a_point_is_refused() {
    let found = objections(|c| c.validation = tallies(5000, 4979, 4976));
    assert!(matches!(found[..], [Objection::LosesValidation { allowed: 2, .. }]), "{found:?}");
    // Of 10,000 examples exactly five may be lost.
    assert_eq!(objections(|c| c.validation = tallies(10_000, 9_900, 9_895)), []);
    assert_eq!(objections(|c| c.validation = tallies(10_000, 9_900, 9_894)).len(), 1);
    // New labels do not raise this limit.
    let new = |after: usize| {
        objections(|c| {
            c.new_labels = vec!["z".to_owned()];
            c.validation = tallies(5000, 4979, after);
        })
    };
    assert_eq!((new(4977).len(), new(4976).len()), (0, 1));
}

#[test]
fn a_chain_of_small_losses_ends_a_tenth_of_a_point_below_its_first_checkpoint() {
    let step = |before: usize| {
        objections(|c| {
            c.first = Some(Tally { right: 4979, of: 5000, loss: 0.5 });
            c.validation = tallies(5000, before, before - 1);
        })
    };
    // Each loses one example, which no parent minds; the sixth is too much.
    assert!((4975..=4979).all(|before| step(before).is_empty()));
    let found = step(4974);
    assert!(matches!(found[..], [Objection::LosesInAll { .. }]), "{found:?}");
    assert!(found[0].to_string().contains("4979 of 5000"), "{}", found[0]);
    // Of sets that differ a little, shares are compared.
    let smaller = objections(|c| {
        c.first = Some(Tally { right: 4979, of: 5000, loss: 0.5 });
        c.validation = tallies(4990, 4966, 4965);
    });
    assert_eq!(smaller, []);
}

#[test]
fn a_loss_on_synthetic_examples_is_refused() {
    let found = objections(|c| c.synthetic = tallies(1360, 1351, 1344));
    assert!(matches!(found[..], [Objection::LosesSynthetic { allowed: 6, .. }]), "{found:?}");
    assert!(found[0].to_string().contains("1344 of 1360"), "{}", found[0]);
    // A new symbol may really look like an old one, so the limit is four times as high.
    let new = |after: usize| {
        objections(|c| {
            c.new_labels = vec!["z".to_owned()];
            c.synthetic = tallies(1360, 1351, after);
        })
    };
    assert_eq!((new(1324).len(), new(1323).len()), (0, 1));
}

#[test]
fn a_third_of_the_misread_samples_must_be_gained() {
    let found = objections(|c| c.held_back = tallies(41, 0, 13));
    assert!(matches!(found[..], [Objection::NoGain { least: 14, .. }]), "{found:?}");
    assert_eq!(objections(|c| c.held_back = tallies(41, 0, 14)), []);
    assert_eq!(objections(|c| c.held_back = tallies(4, 1, 1)).len(), 1);
    assert_eq!(objections(|c| c.held_back = tallies(0, 0, 0)), [Objection::NothingHeldBack]);
}

#[test]
fn if_the_parent_read_all_correctly_the_child_must_be_more_confident() {
    assert_eq!(objections(|c| c.held_back = tallies(4, 4, 4)), []);
    assert_eq!(objections(|c| c.held_back = tallies(4, 4, 3)).len(), 1);
    let less_confident = objections(|c| {
        c.held_back = tallies(4, 4, 4);
        c.held_back.swap(0, 1);
    });
    assert_eq!(less_confident.len(), 1);
}

#[test]
fn files_of_older_versions_are_read() {
    let mut old = serde_json::to_value(good()).unwrap();
    let file = old.as_object_mut().unwrap();
    let tallies = file.remove("synthetic").unwrap();
    file.insert("drawn".to_owned(), tallies);
    assert_eq!(serde_json::from_value::<Comparison>(old).unwrap(), good());
}
