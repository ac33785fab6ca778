//! The promoted checkpoint on real handwriting that it was not trained on, and on negatives.
//! Tests that need `../shared/handwriting` run only where it exists.

use std::{fs, path::PathBuf, sync::LazyLock};

use crate::common::repository;
use burn::tensor::Device;
use glyphic_model::{
    Classifier, Glyph, Prediction, Verdict,
    preprocess::{Pictures, Strokes},
};
use glyphic_runtime::{decode::decode, registry::Registry};
use glyphic_train::{
    card::statistics::{calibration_error, reliability},
    data::{Example, load, strokes},
    synthetic::{Generator, NegativeKind},
};

static PROMOTED: LazyLock<Classifier> = LazyLock::new(|| {
    let registry = Registry::new(repository().join("artifacts"));
    let checkpoint = registry.load(&registry.current().unwrap(), &Device::flex()).unwrap();
    checkpoint.into_classifier(&Device::flex())
});

/// Letters that look like digits.
const LOOK_ALIKES: &str = "oOlIizZsSqgbB";

fn classify(glyphs: &[Glyph]) -> Vec<Prediction> {
    glyphs.chunks(256).flat_map(|batch| PROMOTED.classify(batch).unwrap()).collect()
}

fn share(count: usize, all: usize) -> f64 {
    count as f64 / all as f64
}

/// Share of the predictions with this verdict.
fn share_of(said: &[Prediction], verdict: Verdict) -> f64 {
    let thresholds = PROMOTED.thresholds();
    share(said.iter().filter(|said| thresholds.verdict(said) == verdict).count(), said.len())
}

/// A file or folder of the handwriting, if it exists.
fn handwriting(name: &str) -> Option<PathBuf> {
    let path = repository().join("../shared/handwriting").join(name);
    path.exists().then_some(path)
}

#[test]
fn reads_pen_digits_of_others_and_is_calibrated() {
    let Some(path) = handwriting("pen_digits.jsonl") else { return };
    let drawings = strokes::read(&path).unwrap();
    let glyphs: Vec<Glyph> = drawings.iter().map(|d| d.strokes.glyph().unwrap()).collect();
    let said = classify(&glyphs);
    let right = |source: &str| {
        let of = || drawings.iter().zip(&said).filter(|(drawing, _)| drawing.source == source);
        let right = of().filter(|(d, said)| d.label == PROMOTED.labels()[said.index]).count();
        share(right, of().count())
    };
    let (chars74k, pendigits) = (right("chars74k"), right("pendigits"));
    let examples: Vec<Example> = glyphs
        .into_iter()
        .zip(&drawings)
        .map(|(glyph, drawing)| Example { glyph, label: drawing.label.parse().unwrap() })
        .collect();
    let error = calibration_error(&reliability(&said, &examples));
    let accepted = 1.0 - share_of(&said, Verdict::NotADigit);
    println!(
        "chars74k {chars74k:.4}, pendigits {pendigits:.4}, calibration error {error:.4}, accepted {accepted:.4}"
    );
    assert!(chars74k >= 0.99 && pendigits >= 0.98, "{chars74k} {pendigits}");
    assert!(error <= 0.02, "{error}");
    // Without this, rejecting letters would be easy.
    assert!(accepted >= 0.99, "{accepted}");
}

#[test]
fn rejects_letters_that_are_no_digits() {
    let Some(path) = handwriting("pen_letters.jsonl") else { return };
    let drawings = strokes::read(&path).unwrap();
    let letters = drawings.iter().filter(|drawing| !LOOK_ALIKES.contains(&drawing.label));
    let glyphs: Vec<Glyph> = letters.map(|drawing| drawing.strokes.glyph().unwrap()).collect();
    let rejected = share_of(&classify(&glyphs), Verdict::NotADigit);
    println!("letters rejected {rejected:.4} of {}", glyphs.len());
    assert!(rejected >= 0.90, "{rejected}");
}

#[test]
fn reads_pictures_of_single_digits() {
    let Some(path) = handwriting("images.csv") else { return };
    let (mut right, mut all) = (0, 0);
    for line in fs::read_to_string(&path).unwrap().lines().skip(1) {
        let mut fields = line.split(',');
        let (file, label) = (fields.next().unwrap(), fields.next().unwrap());
        if label.len() != 1 {
            continue;
        }
        let picture = decode(&fs::read(path.with_file_name(file)).unwrap()).unwrap();
        let said = picture.glyph().map(|glyph| classify(&[glyph]).remove(0).index);
        right += usize::from(said.is_some_and(|index| PROMOTED.labels()[index] == label));
        all += 1;
    }
    println!("pictures {right} of {all}");
    assert!(share(right, all) >= 0.97, "{right} of {all}");
}

#[test]
fn rejects_scribbles_and_several_symbols_at_once() {
    let generator = Generator::of(PROMOTED.labels());
    for (kind, least) in
        [(NegativeKind::Scribble, 0.95), (NegativeKind::Several, 0.9), (NegativeKind::Sign, 0.9)]
    {
        let glyphs: Vec<Glyph> =
            generator.negatives_of(kind, 500).into_iter().map(|negative| negative.glyph).collect();
        let rejected = share_of(&classify(&glyphs), Verdict::NotADigit);
        println!("{kind:?} rejected {rejected:.4} of {}", glyphs.len());
        assert!(rejected >= least, "{kind:?}: {rejected}");
    }
}

#[test]
fn a_blank_is_never_a_digit() {
    assert!(Strokes::new(vec![]).unwrap().glyph().is_none());
    for grey in [0, 7, 128, 255] {
        let pixels = [grey, grey, grey, 255].repeat(40 * 30);
        let picture = glyphic_model::preprocess::Picture::new(40, 30, pixels).unwrap();
        assert!(picture.glyph().is_none(), "{grey}");
    }
}

#[test]
fn is_calibrated_on_mnist() {
    let data = load(&repository().join("artifacts/datasets/mnist"), Pictures::Ink, 0.1).unwrap();
    let glyphs: Vec<Glyph> = data.test.iter().map(|example| example.glyph.clone()).collect();
    let said = classify(&glyphs);
    let right = said.iter().zip(&data.test).filter(|(said, test)| said.index == test.label);
    let (right, error) = (right.count(), calibration_error(&reliability(&said, &data.test)));
    println!("MNIST {right} of 10000, calibration error {error:.4}");
    assert!(right >= 9_950, "{right}");
    assert!(error <= 0.003, "{error}");
    let rejected = share_of(&said, Verdict::NotADigit);
    assert!(rejected <= 0.01, "{rejected}");
}
