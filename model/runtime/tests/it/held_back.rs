//! Which samples are held back: every fifth of a kind.

use glyphic_runtime::held_back::{HeldBack, Kind};

fn kind(label: &str, prediction: &str) -> Kind {
    Kind { label: label.to_owned(), prediction: prediction.to_owned() }
}

#[test]
fn the_second_of_a_kind_and_every_fifth_after_it_is_held_back() {
    let mut held_back = HeldBack::default();
    let found: Vec<bool> = (0..12).map(|_| held_back.count(kind("7", "7"), None)).collect();
    let expected: Vec<bool> = (0..12).map(|i| [1, 6, 11].contains(&i)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_kind_is_a_label_and_what_was_read() {
    let mut held_back = HeldBack::default();
    let kinds = [kind("7", "7"), kind("7", "1"), kind("1", "7")];
    for kind in &kinds {
        assert!(!held_back.count(kind.clone(), None), "the first {kind:?}");
    }
    for kind in kinds {
        assert!(held_back.count(kind.clone(), None), "the second {kind:?}");
    }
}

#[test]
fn what_is_stated_is_kept_and_counted() {
    let mut held_back = HeldBack::default();
    assert!(held_back.count(kind("7", "7"), Some(true)));
    assert!(!held_back.count(kind("7", "7"), Some(false)));
    // The third one.
    assert!(!held_back.count(kind("7", "7"), None));
}

#[test]
fn counting_continues_from_what_was_there() {
    let mut held_back = HeldBack::default();
    assert!(!held_back.has_counted(&kind("7", "7")));
    held_back.continue_from(kind("7", "7"), 6);
    assert!(held_back.has_counted(&kind("7", "7")));
    assert!(held_back.count(kind("7", "7"), None));
    assert!(!held_back.count(kind("7", "7"), None));
}
