//! Whole numbers, composed of drawings that the promoted checkpoint was not trained on,
//! through the code that reads what visitors draw and photograph.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::common::repository;
use burn::tensor::Device;
use glyphic_model::{
    Classifier, Glyph, Thresholds,
    number::{Bounds, Lattice, Question, Reader, Reading},
    preprocess::{Picture, Point, Strokes},
};
use glyphic_runtime::{decode::decode, registry::Registry};
use glyphic_train::synthetic::Generator;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

static PROMOTED: LazyLock<Classifier> = LazyLock::new(|| {
    let registry = Registry::new(repository().join("artifacts"));
    let checkpoint = registry.load(&registry.current().unwrap(), &Device::flex()).unwrap();
    checkpoint.into_classifier(&Device::flex())
});

/// Room between digits, in heights of a digit.
const GAPS: [(&str, f32, f32); 4] =
    [("wide", 0.4, 0.8), ("usual", 0.15, 0.4), ("tight", 0.05, 0.15), ("touching", -0.05, 0.03)];

pub type Drawing = Vec<Vec<Point>>;

/// The released checkpoint's answer.
pub fn read<Q: Question>(question: Q) -> Q::Answer {
    let classify = |glyphs: &[Glyph]| {
        let read: Result<Vec<_>, _> =
            glyphs.chunks(64).map(|batch| PROMOTED.classify(batch)).collect();
        read.map(|batches| batches.concat())
    };
    let reader = Reader { labels: PROMOTED.labels(), thresholds: thresholds() };
    question.read(reader, classify).unwrap()
}

/// The thresholds of the released checkpoint.
pub fn thresholds() -> Thresholds {
    PROMOTED.thresholds()
}

/// The text of a reading, with `|` between lines.
pub fn text(reading: &Reading) -> String {
    reading.text(PROMOTED.labels()).replace('\n', "|")
}

/// Digits side by side, `gap` heights between each two.
pub fn composed(digits: &[Drawing], gap: (f32, f32), rng: &mut StdRng) -> Drawing {
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
    let (width, height, rgba) = rendered(drawing, pen);
    Picture::new(width, height, rgba).unwrap()
}

fn rendered(drawing: &Drawing, pen: f32) -> (usize, usize, Vec<u8>) {
    const SCALE: f32 = 100.0;
    const MARGIN: f32 = 20.0;
    let bounds = Bounds::around(drawing.iter().flatten()).unwrap();
    let side = |length: f32| (length * SCALE + 2.0 * MARGIN) as usize;
    let (width, height) = (side(bounds.width()), side(bounds.height()));
    let place =
        |[x, y]: Point| [(x - bounds.left) * SCALE + MARGIN, (y - bounds.top) * SCALE + MARGIN];
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
    (width, height, rgba)
}

/// A photograph of a drawing on paper: `paper` gives the brightness (0–1) of each place.
fn photograph(drawing: &Drawing, pen: f32, paper: impl Fn(usize, usize) -> f32) -> Picture {
    let (width, height, mut rgba) = rendered(drawing, pen);
    let mut rng = StdRng::seed_from_u64(1);
    for (i, pixel) in rgba.chunks_mut(4).enumerate() {
        let light = paper(i % width, i / width) * (0.25 + 0.75 * f32::from(pixel[0]) / 255.0);
        let noise = rng.random_range(-6.0..6.0);
        // Blue ink on yellowish paper.
        for (channel, tint) in [0.95, 0.93, 0.85].into_iter().enumerate() {
            let blue = if channel == 2 { 0.25 * (1.0 - f32::from(pixel[0]) / 255.0) } else { 0.0 };
            pixel[channel] = (255.0 * (light + blue) * tint + noise).clamp(0.0, 255.0) as u8;
        }
    }
    Picture::new(width, height, rgba).unwrap()
}

/// A hand: its drawings of each digit.
pub type Hand = BTreeMap<String, Vec<Drawing>>;

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

/// Hands of the repository's own shapes.
pub fn own_hands() -> Vec<Hand> {
    let labels: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let generator = Generator::of(&labels);
    let hand = |number: u64| -> Hand {
        let digit = |(i, label): (usize, &String)| {
            let drawings = (0..3).filter_map(|variant| generator.strokes(i, 3 * number + variant));
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

/// Shares of numbers read fully right: of strokes, of pictures whose digits do not touch,
/// and of those whose digits do.
struct Right {
    strokes: f64,
    apart: f64,
    touching: f64,
}

fn right(hands: &[Hand], count: usize, seed: u64) -> Right {
    let mut strokes_right = 0;
    let mut pictures_right = [0; 2];
    for (name, least, most) in GAPS {
        let mut here = [0; 2];
        for (i, (digits, drawing)) in
            numbers(hands, (least, most), count, seed).into_iter().enumerate()
        {
            let strokes = Strokes::new(drawing.clone()).unwrap();
            let pen = 5.0 + (i % 5) as f32 * 2.0;
            let picture = Lattice::of_picture(&picture(&drawing, pen), None, None);
            let said = [text(&read(Lattice::of_strokes(&strokes, None))), text(&read(picture))];
            here[0] += usize::from(said[0] == digits);
            here[1] += usize::from(said[1] == digits);
        }
        println!("  {name}: strokes {} and pictures {} of {count}", here[0], here[1]);
        strokes_right += here[0];
        pictures_right[usize::from(name == "touching")] += here[1];
    }
    Right {
        strokes: share(strokes_right, count * GAPS.len()),
        apart: share(pictures_right[0], count * (GAPS.len() - 1)),
        touching: share(pictures_right[1], count),
    }
}

fn share(count: usize, all: usize) -> f64 {
    count as f64 / all as f64
}

#[test]
fn reads_numbers_of_its_own_shapes() {
    let Right { strokes, apart, touching } = right(&own_hands(), 100, 1);
    println!("own shapes: strokes {strokes:.4}, pictures {apart:.4}, touching {touching:.4}");
    assert!(strokes >= 0.97 && apart >= 0.95 && touching >= 0.65, "{strokes} {apart} {touching}");
}

#[test]
fn reads_numbers_by_others() {
    for (source, hands) in hands() {
        let Right { strokes, apart, touching } = right(&hands, 100, 2);
        println!("{source}: strokes {strokes:.4}, pictures {apart:.4}, touching {touching:.4}");
        assert!(strokes >= 0.95, "{source}: {strokes}");
        assert!(apart >= 0.92 && touching >= 0.75, "{source}: {apart} {touching}");
    }
}

/// How many of the digits of `truth` are in `said`, in this order.
fn digits_right(truth: &str, said: &str) -> usize {
    let (truth, said): (Vec<char>, Vec<char>) = (truth.chars().collect(), said.chars().collect());
    let mut best = vec![0; said.len() + 1];
    for wanted in truth {
        let before = best.clone();
        for (i, &got) in said.iter().enumerate() {
            best[i + 1] = if got == wanted { before[i] + 1 } else { before[i + 1].max(best[i]) };
        }
    }
    best[said.len()]
}

#[test]
fn reads_pictures_of_numbers_and_of_single_digits() {
    let Some(path) = handwriting("images.csv") else { return };
    // Of numbers the digits, of single digits the pictures that say just that.
    let (mut digits, mut single) = ((0, 0), (0, 0));
    for line in fs::read_to_string(&path).unwrap().lines().skip(1) {
        let mut fields = line.split(',');
        let (file, label) = (fields.next().unwrap(), fields.next().unwrap());
        let picture = decode(&fs::read(path.with_file_name(file)).unwrap()).unwrap();
        let said = text(&read(Lattice::of_picture(&picture, None, None)));
        if said != label {
            println!("  {file}: {label} read {said}");
        }
        if label.len() == 1 {
            single = (single.0 + usize::from(said == label), single.1 + 1);
            continue;
        }
        let lines = label.split('|').zip(said.split('|').chain(std::iter::repeat("")));
        digits.0 += lines.map(|(truth, said)| digits_right(truth, said)).sum::<usize>();
        digits.1 += label.replace('|', "").len();
    }
    println!(
        "digits of numbers {} of {}, single digits {} of {}",
        digits.0, digits.1, single.0, single.1
    );
    assert!(share(digits.0, digits.1) >= 0.8, "{digits:?}");
    assert!(share(single.0, single.1) >= 0.97, "{single:?}");
}

#[test]
fn reads_photographs_on_any_paper() {
    type Paper = fn(usize, usize) -> f32;
    let papers: [(&str, Paper); 4] = [
        ("shaded", |x, y| 0.45 + 0.5 * (x as f32 / 600.0 + y as f32 / 300.0).min(1.0)),
        // Half a degree off level.
        ("ruled", |x, y| if (y + x / 115) % 40 < 3 { 0.62 } else { 0.92 }),
        ("squared", |x, y| {
            let is_line = (y + x / 115) % 28 < 2 || (x + 400 - y / 115) % 28 < 2;
            if is_line { 0.7 } else { 0.92 }
        }),
        ("bordered", |x, y| if (4..8).contains(&x) || (4..8).contains(&y) { 0.25 } else { 0.92 }),
    ];
    let hands = own_hands();
    for (name, paper) in papers {
        let numbers = numbers(&hands, (0.15, 0.4), 50, 3);
        let is_right = |(digits, drawing): &&(String, Drawing)| {
            let photograph = photograph(drawing, 8.0, paper);
            text(&read(Lattice::of_picture(&photograph, None, None))) == *digits
        };
        let right = numbers.iter().filter(is_right).count();
        println!("{name}: {right} of {}", numbers.len());
        assert!(share(right, numbers.len()) >= 0.9, "{name}: {right}");
    }
}

#[test]
fn symbols_are_where_they_are_said_to_be() {
    let hands = own_hands();
    let mut rng = StdRng::seed_from_u64(4);
    let digits = ["4", "5", "7"].map(|digit| hands[0][digit][0].clone());
    let drawing = composed(&digits, (0.3, 0.4), &mut rng);
    let strokes = Strokes::new(drawing.clone()).unwrap();
    let found = read(Lattice::of_strokes(&strokes, None));
    let boxes: Vec<Bounds> = found.lines[0].symbols.iter().map(|symbol| symbol.bounds).collect();
    assert_eq!((text(&found).as_str(), boxes.len()), ("457", 3));
    // The same again, then two as one.
    let again = read(Lattice::of_strokes(&strokes, Some(&boxes)));
    assert_eq!(text(&again), "457");
    let joined = [boxes[0], boxes[1].with(&boxes[2])];
    let joined = read(Lattice::of_strokes(&strokes, Some(&joined)));
    assert_eq!(joined.lines[0].symbols.len(), 2);
    let drawn: Vec<usize> =
        joined.lines[0].symbols.iter().flat_map(|s| s.strokes.clone().unwrap()).collect();
    assert_eq!(drawn, (0..drawing.len()).collect::<Vec<_>>());
    // Boxes are in the picture's pixels, and ink outside all boxes is left out.
    let picture = picture(&drawing, 8.0);
    let found = read(Lattice::of_picture(&picture, None, None));
    let boxes: Vec<Bounds> = found.lines[0].symbols.iter().map(|symbol| symbol.bounds).collect();
    let last = read(Lattice::of_picture(&picture, Some(&boxes[2..]), None));
    assert_eq!((text(&found).as_str(), text(&last).as_str()), ("457", "7"));
}

#[test]
fn what_is_no_number_is_none_and_costs_no_more() {
    let read_strokes =
        |strokes: Drawing| read(Lattice::of_strokes(&Strokes::new(strokes).unwrap(), None));
    assert!(read_strokes(Vec::new()).lines.is_empty());
    let blank = Picture::new(200, 100, vec![255; 4 * 200 * 100]).unwrap();
    assert!(read(Lattice::of_picture(&blank, None, None)).lines.is_empty());
    // Thousands of dots, and a picture of nothing but noise.
    let mut rng = StdRng::seed_from_u64(5);
    let dots =
        (0..9000).map(|_| vec![[rng.random_range(0.0..1000.0), rng.random_range(0.0..700.0)]]);
    assert_eq!(text(&read_strokes(dots.collect())), "");
    let noise = (0..600 * 600)
        .flat_map(|_| [if rng.random() { 255 } else { 0 }; 3].into_iter().chain([255]));
    let noise = Picture::new(600, 600, noise.collect()).unwrap();
    let lattice = Lattice::of_picture(&noise, None, None);
    assert_eq!(text(&read(lattice)), "");
}

/// Time to find and draw the candidates of symbols: a small upload must not keep a server busy.
#[track_caller]
fn is_quick(name: &str, lattice: impl FnOnce() -> Lattice) {
    let begun = Instant::now();
    let count = lattice().glyphs().len();
    let taken = begun.elapsed();
    println!("{name}: {count} candidates in {taken:?}");
    // And a sample of pieces from four sides.
    assert!(count <= 768 + 4 * 24, "{name}: {count}");
    // Seen: at most 1.0 s, and 4.5 s while other builds were running.
    assert!(taken < Duration::from_secs(20), "{name}: {taken:?}");
}

#[test]
fn what_is_made_to_be_slow_is_not() {
    let painted = |width: usize, height: usize, ink: &dyn Fn(usize, usize) -> bool| {
        let pixel = |i: usize| if ink(i % width, i / width) { 0 } else { 255 };
        let rgba = (0..width * height).flat_map(|i| [pixel(i), pixel(i), pixel(i), 255]);
        Picture::new(width, height, rgba.collect()).unwrap()
    };
    let stripes = painted(1024, 1024, &|_, y| y % 2 == 0);
    is_quick("stripes", || Lattice::of_picture(&stripes, None, None));
    let lines = painted(1024, 1024, &|_, y| y % 16 < 2);
    is_quick("many rulings", || Lattice::of_picture(&lines, None, None));
    let steep = painted(1024, 1024, &|x, y| (x + y / 2) % 28 < 3);
    is_quick("steep lines", || Lattice::of_picture(&steep, None, None));
    let diagonal = painted(1024, 1024, &|x, y| (x + y) % 12 < 3);
    is_quick("diagonals", || Lattice::of_picture(&diagonal, None, None));
    let dots = painted(1024, 1024, &|x, y| x % 2 == 0 && y % 2 == 0);
    is_quick("dots", || Lattice::of_picture(&dots, None, None));
    is_quick("a thread", || {
        Lattice::of_picture(&painted(1, 20_000, &|_, y| y % 3 == 0), None, None)
    });
    let solid = painted(1024, 1024, &|x, y| (20..1000).contains(&x) && (20..1000).contains(&y));
    let boxes: Vec<Bounds> =
        (0..256).map(|i| Bounds::from([20.0 + i as f32, 20.0, 700.0, 980.0])).collect();
    is_quick("a solid square in many boxes", || Lattice::of_picture(&solid, Some(&boxes), None));
    let zigzag = |count: usize, points: usize| {
        let point =
            |i: usize, j: usize| [i as f32 + 900.0 * (j % 2) as f32, 900.0 * (j % 2) as f32];
        let stroke = |i: usize| (0..points).map(|j| point(i, j)).collect::<Vec<_>>();
        Strokes::new((0..count).map(stroke).collect()).unwrap()
    };
    for (count, points) in [(1, 20_000), (36, 555), (500, 40), (5000, 4)] {
        let strokes = zigzag(count, points);
        is_quick(&format!("{count} zigzags"), || Lattice::of_strokes(&strokes, None));
        is_quick(&format!("{count} zigzags in boxes"), || {
            Lattice::of_strokes(&strokes, Some(&boxes))
        });
    }
}

#[test]
fn many_numbers_on_a_sheet_are_read() {
    // Twelve lines of ten digits; the 4 and the 5 have two strokes each.
    let hands = own_hands();
    let mut rng = StdRng::seed_from_u64(6);
    let mut sheet = Drawing::new();
    for row in 0..12 {
        let digits: Vec<Drawing> =
            (0..10).map(|digit| hands[7][&digit.to_string()][0].clone()).collect();
        let line = composed(&digits, (0.3, 0.4), &mut rng);
        let lower = |&[x, y]: &Point| [x, y + 1.6 * row as f32];
        sheet.extend(line.iter().map(|stroke| stroke.iter().map(lower).collect::<Vec<_>>()));
    }
    let said = text(&read(Lattice::of_strokes(&Strokes::new(sheet).unwrap(), None)));
    let right = said.split('|').filter(|&line| line == "0123456789").count();
    println!("{right} of 12 lines of 10 digits: {said}");
    assert!(said.split('|').count() == 12 && right >= 10, "{said}");
}

#[test]
fn two_dots_are_ink_and_a_tight_crop_keeps_its_ones() {
    let dots = Strokes::new(vec![vec![[0.0, 0.0]], vec![[50.0, 0.0]]]).unwrap();
    assert!(!read(Lattice::of_strokes(&dots, None)).lines.is_empty());
    // A strip of 1s from edge to edge, with a fine pen.
    let is_ink = |x: usize, y: usize| (2..118).contains(&y) && (x % 80).abs_diff(40) < 4;
    let rgba = (0..800 * 120)
        .flat_map(|i| [if is_ink(i % 800, i / 800) { 0 } else { 255 }; 3].into_iter().chain([255]));
    let strip = Picture::new(800, 120, rgba.collect()).unwrap();
    assert_eq!(text(&read(Lattice::of_picture(&strip, None, None))), "1111111111");
}
