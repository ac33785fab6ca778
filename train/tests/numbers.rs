//! Whole numbers, composed of drawings that the promoted checkpoint was not trained on,
//! through the code that reads what visitors draw and photograph.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{collections::BTreeMap, fs, path::PathBuf, sync::LazyLock};

use burn::tensor::Device;
use common::repository;
use glyphic_model::{
    Classifier, Verdict,
    checkpoint::Registry,
    decode::decode,
    number::{Bounds, Lattice, Reading},
    preprocess::{Picture, Point, Strokes},
};
use glyphic_train::drawn::Shapes;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

static PROMOTED: LazyLock<Classifier> = LazyLock::new(|| {
    let registry = Registry::new(repository().join("artifacts"));
    let checkpoint = registry.load(&registry.current().unwrap(), &Device::flex()).unwrap();
    checkpoint.into_classifier(&Device::flex())
});

/// Room between digits, in heights of a digit.
const GAPS: [(&str, f32, f32); 4] =
    [("wide", 0.4, 0.8), ("usual", 0.15, 0.4), ("tight", 0.05, 0.15), ("touching", -0.05, 0.03)];

type Drawing = Vec<Vec<Point>>;

fn read(lattice: Lattice) -> Reading {
    let glyphs = lattice.glyphs();
    let said = glyphs.chunks(64).flat_map(|batch| PROMOTED.classify(batch).unwrap());
    let said = said.collect();
    lattice.best(said, PROMOTED.thresholds())
}

/// What it says, lines apart by `|`.
fn text(reading: &Reading) -> String {
    let line = |line: &glyphic_model::number::ReadLine| -> String {
        let counted = line.symbols.iter().filter(|symbol| symbol.counts);
        counted.map(|symbol| PROMOTED.labels()[symbol.prediction.index].as_str()).collect()
    };
    let lines: Vec<String> = reading.lines.iter().map(line).collect();
    lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("|")
}

/// Digits side by side, `gap` heights between each two.
fn composed(digits: &[Drawing], gap: (f32, f32), rng: &mut StdRng) -> Drawing {
    let mut number = Vec::new();
    let mut right = 0.0;
    for (i, digit) in digits.iter().enumerate() {
        let bounds = Bounds::around(digit.iter().flatten()).unwrap();
        let size = rng.random_range(0.88..1.12) / bounds.width().max(bounds.height());
        let left = if i == 0 { 0.0 } else { right + rng.random_range(gap.0..gap.1) };
        let top = 0.5 - bounds.height() * size / 2.0 + rng.random_range(-0.08..0.08);
        let place =
            |&[x, y]: &Point| [left + (x - bounds.left) * size, top + (y - bounds.top) * size];
        number.extend(digit.iter().map(|stroke| stroke.iter().map(place).collect::<Vec<_>>()));
        right = left + bounds.width() * size;
    }
    number
}

/// The drawing as a picture, dark on light, 100 pixels a unit.
fn picture(drawing: &Drawing, pen: f32) -> Picture {
    const SCALE: f32 = 100.0;
    const MARGIN: f32 = 20.0;
    let bounds = Bounds::around(drawing.iter().flatten()).unwrap();
    let side = |length: f32| (length * SCALE + 2.0 * MARGIN) as usize;
    let (width, height) = (side(bounds.width()), side(bounds.height()));
    let place = |[x, y]: Point| {
        [(x - bounds.left) * SCALE + MARGIN, (y - bounds.top) * SCALE + MARGIN]
    };
    let mut rgba = vec![255u8; 4 * width * height];
    let mut dot = |[cx, cy]: Point| {
        let reach = pen / 2.0 + 1.0;
        for y in (cy - reach).max(0.0) as usize..((cy + reach) as usize + 1).min(height) {
            for x in (cx - reach).max(0.0) as usize..((cx + reach) as usize + 1).min(width) {
                let away = (x as f32 + 0.5 - cx).hypot(y as f32 + 0.5 - cy) - pen / 2.0;
                let paper = ((away + 0.5).clamp(0.0, 1.0) * 255.0) as u8;
                let pixel = &mut rgba[4 * (y * width + x)..][..3];
                pixel.iter_mut().for_each(|value| *value = paper.min(*value));
            }
        }
    };
    for stroke in drawing {
        dot(place(stroke[0]));
        for ends in stroke.windows(2) {
            let (a, b) = (place(ends[0]), place(ends[1]));
            let steps = (b[0] - a[0]).hypot(b[1] - a[1]).ceil().max(1.0);
            for i in 1..=steps as usize {
                let share = i as f32 / steps;
                dot([a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share]);
            }
        }
    }
    Picture::new(width, height, rgba).unwrap()
}

/// A hand: its drawings of each digit.
type Hand = BTreeMap<String, Vec<Drawing>>;

fn handwriting(name: &str) -> Option<PathBuf> {
    let path = repository().join("../shared/handwriting").join(name);
    path.exists().then_some(path)
}

/// The hands in the pen digits of others, by collection; none where they are not.
fn hands() -> BTreeMap<String, Vec<Hand>> {
    let Some(path) = handwriting("pen_digits.jsonl") else { return BTreeMap::new() };
    let mut hands: BTreeMap<(String, String), Hand> = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| line[name].as_str().unwrap().to_owned();
        let strokes: Drawing = serde_json::from_value(line["strokes"].clone()).unwrap();
        let hand = hands.entry((field("source"), field("writer"))).or_default();
        hand.entry(field("label")).or_default().push(strokes);
    }
    let mut by_source: BTreeMap<String, Vec<Hand>> = BTreeMap::new();
    for ((source, _), hand) in hands {
        by_source.entry(source).or_default().push(hand);
    }
    by_source
}

/// Hands of the repository's own shapes; each draws a digit in one way.
fn own_hands() -> Vec<Hand> {
    let labels: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let shapes = Shapes::of(&labels);
    let hand = |number: u64| -> Hand {
        let digit = |(i, label): (usize, &String)| {
            let drawings = (0..3).filter_map(|way| shapes.strokes(i, 3 * number + way));
            (label.clone(), drawings.collect())
        };
        labels.iter().enumerate().map(digit).collect()
    };
    (0..60).map(hand).collect()
}

/// Numbers of 2 to 6 digits, neighbours by one hand: the digits and the drawing.
fn numbers(hands: &[Hand], gap: (f32, f32), count: usize, seed: u64) -> Vec<(String, Drawing)> {
    let mut rng = StdRng::seed_from_u64(seed);
    let number = |_| {
        let hand = hands.choose(&mut rng).unwrap();
        let labels: Vec<&String> = hand.keys().collect();
        let length = rng.random_range(2..=6);
        let digits: Vec<&String> = (0..length).map(|_| *labels.choose(&mut rng).unwrap()).collect();
        let drawings: Vec<Drawing> =
            digits.iter().map(|&digit| hand[digit].choose(&mut rng).unwrap().clone()).collect();
        let drawing = composed(&drawings, gap, &mut rng);
        (digits.into_iter().cloned().collect(), drawing)
    };
    (0..count).map(number).collect()
}

/// Shares of numbers read fully right: of strokes, and of pictures.
fn right(hands: &[Hand], count: usize, seed: u64, show: bool) -> [f64; 2] {
    let mut right = [0; 2];
    for (name, least, most) in GAPS {
        let mut here = [0; 2];
        for (i, (digits, drawing)) in
            numbers(hands, (least, most), count, seed).into_iter().enumerate()
        {
            let strokes = Strokes::new(drawing.clone()).unwrap();
            let pen = 5.0 + (i % 5) as f32 * 2.0;
            let as_picture = || Lattice::of_picture(&picture(&drawing, pen), None);
            let said =
                [text(&read(Lattice::of_strokes(&strokes, None))), text(&read(as_picture()))];
            for (way, said) in said.iter().enumerate() {
                here[way] += usize::from(*said == digits);
                if show && *said != digits {
                    println!("  {name} {digits} read {said} ({})", ["strokes", "picture"][way]);
                }
            }
        }
        println!("{name}: strokes {} and pictures {} of {count}", here[0], here[1]);
        right[0] += here[0];
        right[1] += here[1];
    }
    right.map(|right| right as f64 / (count * GAPS.len()) as f64)
}

#[test]
fn reads_numbers_of_its_own_shapes() {
    let [strokes, pictures] = right(&own_hands(), 100, 1, std::env::var("SHOW").is_ok());
    println!("own shapes: strokes {strokes:.4}, pictures {pictures:.4}");
}

#[test]
fn reads_numbers_by_others() {
    for (source, hands) in hands() {
        let [strokes, pictures] = right(&hands, 100, 2, std::env::var("SHOW").is_ok());
        println!("{source}: strokes {strokes:.4}, pictures {pictures:.4}");
    }
}

#[test]
fn reads_number_pictures() {
    let Some(path) = handwriting("images.csv") else { return };
    for line in fs::read_to_string(&path).unwrap().lines().skip(1) {
        let mut fields = line.split(',');
        let (file, label) = (fields.next().unwrap(), fields.next().unwrap());
        let picture = decode(&fs::read(path.with_file_name(file)).unwrap()).unwrap();
        let begun = std::time::Instant::now();
        let reading = read(Lattice::of_picture(&picture, None));
        let said = text(&reading);
        if std::env::var("DEBUG").is_ok() && said != label { eprintln!("^ {file}"); }
        if said != label {
            let verdicts: Vec<&str> = reading.lines.iter().flat_map(|l| &l.symbols).map(|s| PROMOTED.thresholds().verdict(&s.prediction).name()).collect();
            println!("{file}: {label} read {said} {:?} {:?}", begun.elapsed(), verdicts);
        }
        let _ = Verdict::Read;
    }
}
