//! Numbers on paper, photographed and scanned in all the ways that make them hard to read.
//! `GLYPHIC_PROOFS=full` takes forty pictures of each kind instead of eight.

mod form;
mod photo;

use form::{Form, Print, form};
use glyphic_model::{
    Verdict,
    number::{Lattice, table::Tables},
};
use photo::{Kind, Photo, photo};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::numbers::{Drawing, Hand, composed, own_hands, read, text, thresholds};

/// How many pictures of each kind are read.
fn count() -> u64 {
    if std::env::var("GLYPHIC_PROOFS").is_ok_and(|proofs| proofs == "full") { 40 } else { 8 }
}

/// A number of so many digits by one hand.
fn number(hands: &[Hand], length: usize, rng: &mut StdRng) -> (String, Drawing) {
    let hand = hands.choose(rng).unwrap();
    let labels: Vec<&String> = hand.keys().collect();
    let digits: Vec<&String> = (0..length).map(|_| *labels.choose(rng).unwrap()).collect();
    let drawings: Vec<Drawing> =
        digits.iter().map(|&digit| hand[digit].choose(rng).unwrap().clone()).collect();
    let drawing = composed(&drawings, (0.15, 0.4), rng);
    (digits.into_iter().cloned().collect(), drawing)
}

/// The number of single-character edits between two texts (Levenshtein, 1966).
fn edits(truth: &str, said: &str) -> usize {
    let said: Vec<char> = said.chars().collect();
    let mut row: Vec<usize> = (0..=said.len()).collect();
    for (i, wanted) in truth.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &got) in said.iter().enumerate() {
            let replaced = diagonal + usize::from(wanted != got);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[said.len()]
}

/// Reads pictures of these kinds: at least the share `bar` of all digits, and nine tenths of each
/// kind's, must be right.
#[track_caller]
fn reads(kinds: &[Kind], bar: f64) {
    let hands = own_hands();
    let (mut wrong, mut all) = (0, 0);
    for &kind in kinds {
        let (mut own_wrong, mut own_all) = (0, 0);
        for i in 0..count() {
            let mut rng = StdRng::seed_from_u64(1000 * kind as u64 + i);
            let Photo { picture, text: truth, turns } =
                photo(kind, &mut |rng| number(&hands, rng.random_range(2..=6), rng), &mut rng);
            let found = read(Lattice::of_picture(&picture, None, None));
            let said = text(&found);
            if said != truth {
                println!("  {kind:?} {i}: {truth} read {said}");
            }
            own_wrong += edits(&truth, &said).min(truth.len());
            own_all += truth.len();
            // Pictures are turned counter-clockwise, and turned back clockwise.
            assert!(found.turns == turns || said != truth, "{kind:?} {i}: {}", found.turns);
        }
        println!("{kind:?}: {own_wrong} of {own_all} wrong");
        assert!(10 * own_wrong <= own_all, "{kind:?}: {own_wrong} of {own_all} wrong");
        (wrong, all) = (wrong + own_wrong, all + own_all);
    }
    let right = 1.0 - wrong as f64 / all as f64;
    assert!(right >= bar, "{right}");
}

#[test]
fn reads_what_lies_on_and_around_paper() {
    use Kind::*;
    reads(&[Strip, Letterbox, Object, Table, Small, Punched, Board, Frame, Mixed], 0.96);
}

#[test]
fn reads_paper_of_all_kinds_in_any_light() {
    use Kind::*;
    reads(
        &[Scan, Photo, Dust, Shadow, Coloured, Ruled, Squared, Pencil, Texture, Compressed, Tight],
        0.97,
    );
}

#[test]
fn reads_paper_on_tiles_that_is_crumpled_or_hardly_lit() {
    reads(&[Kind::Tiled, Kind::Creased, Kind::HardLight], 0.95);
}

#[test]
fn reads_tilted_and_turned_pictures() {
    use Kind::*;
    reads(&[Tilted, Turned90, Turned180, Turned270], 0.97);
}

/// What was read of forms.
#[derive(Default)]
struct Filled {
    forms: usize,
    /// Forms whose rows and columns were all found.
    whole: usize,
    cells: usize,
    right: usize,
    accepted: usize,
    accepted_right: usize,
}

/// Reads forms that are printed in these ways, in all kinds of pictures.
fn fill(prints: &[Print]) -> Filled {
    use Kind::*;
    let kinds = [
        Scan, Photo, Strip, Letterbox, Object, Table, Small, Tilted, Turned90, Turned180,
        Turned270, Dust, Punched, Shadow, Board, Coloured, Pencil, Texture,
    ];
    let hands = own_hands();
    let mut sum = Filled::default();
    for (i, kind) in (0..count() / 4).flat_map(|i| kinds.map(|kind| (i, kind))) {
        let print = prints[(i as usize + kind as usize) % prints.len()];
        let mut rng = StdRng::seed_from_u64(50_000 + 1000 * kind as u64 + i);
        let Form { photo, rows } =
            form(kind, print, &mut |length, rng| number(&hands, length, rng), &mut rng);
        let read = read(Tables::of_picture(&photo.picture, None)).unwrap();
        sum.forms += 1;
        sum.cells += rows.iter().map(Vec::len).sum::<usize>();
        let size = (rows.len(), rows[0].len());
        let Some(table) = read.tables.iter().find(|table| (table.rows, table.columns) == size)
        else {
            let found: Vec<_> = read.tables.iter().map(|t| (t.rows, t.columns)).collect();
            println!("  {kind:?} {print:?} {size:?}: {found:?}");
            continue;
        };
        sum.whole += 1;
        for cell in &table.cells {
            let verdict = cell.reading.verdict(thresholds());
            let covered = cell.row_span * cell.column_span;
            let is_right = text(&cell.reading) == rows[cell.row][cell.column];
            let is_accepted = matches!(verdict, Verdict::Read | Verdict::Blank);
            sum.right += usize::from(is_right) * covered;
            sum.accepted += usize::from(is_accepted) * covered;
            sum.accepted_right += usize::from(is_right && is_accepted) * covered;
        }
    }
    println!(
        "{prints:?}: {} of {} forms whole; {} of {} cells right, {} accepted, {} of those right",
        sum.whole, sum.forms, sum.right, sum.cells, sum.accepted, sum.accepted_right
    );
    sum
}

#[test]
fn reads_the_cells_of_printed_tables() {
    let filled = fill(&[Print::Grid, Print::Open, Print::Bold, Print::Header]);
    assert!(10 * filled.whole >= 9 * filled.forms);
    assert!(100 * filled.right >= 87 * filled.cells);
    assert!(100 * filled.accepted_right >= 97 * filled.accepted);
}

#[test]
fn reads_boxes_that_are_printed_apart() {
    let filled = fill(&[Print::Boxes]);
    assert!(3 * filled.whole >= 2 * filled.forms);
    assert!(100 * filled.accepted_right >= 95 * filled.accepted);
}
