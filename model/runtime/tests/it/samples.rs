//! Every form of a sample's line, and the errors for lines that are not samples.

use crate::inputs::five;
use base64::{Engine, engine::general_purpose::STANDARD};
use glyphic_model::{
    Glyph,
    glyph::SIDE,
    preprocess::{Pictures, Strokes},
};
use glyphic_runtime::{
    decode::{decode, png},
    samples::{SampleInput, SampleLine, lines, pixels_to_decode},
};
use serde_json::{Value, json};

fn read(line: &Value) -> SampleLine {
    SampleLine::parse(&line.to_string(), Pictures::Ink).unwrap()
}

/// The error for a line.
fn refused(line: &str) -> String {
    SampleLine::parse(line, Pictures::Ink).unwrap_err().to_string()
}

fn five_as_glyph() -> Glyph {
    five().glyph().unwrap()
}

#[test]
fn strokes_alone_are_drawn() {
    let sample = read(&json!({ "strokes": five() }));
    assert_eq!((sample.input, sample.glyph), (SampleInput::Strokes(five()), five_as_glyph()));
    assert_eq!((sample.id, sample.label, sample.held_back), (None, None, None));
}

#[test]
fn an_image_alone_is_decoded() {
    let file = png(&five_as_glyph());
    let sample = read(&json!({ "label": "5", "image": STANDARD.encode(&file) }));
    assert_eq!(Some(sample.glyph), decode(&file).unwrap().glyph());
    assert_eq!((sample.label.as_deref(), sample.input), (Some("5"), SampleInput::Image(file)));
}

#[test]
fn only_what_a_server_says_nobody_vouched_for_does_not_count() {
    let with = |keys: Value| {
        let mut line = json!({ "strokes": five() });
        line.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        read(&line).counts
    };
    assert!(with(json!({})), "somebody's own file");
    assert!(with(json!({ "trusted": true, "confirmed": false })));
    assert!(with(json!({ "trusted": false, "confirmed": true })));
    assert!(!with(json!({ "trusted": false, "confirmed": false })));
    assert!(!with(json!({ "trusted": false })));
}

#[test]
fn a_glyph_alone_is_the_input() {
    let glyph = five_as_glyph();
    let sample = read(&json!({ "glyph": STANDARD.encode(glyph.pixels()) }));
    assert_eq!((sample.input, sample.glyph), (SampleInput::Glyph, glyph));
}

#[test]
fn a_glyph_beside_its_input_is_taken_as_it_is() {
    let glyph = five_as_glyph();
    let pixels = STANDARD.encode(glyph.pixels());
    let line = vec![vec![[0.0, 0.0], [9.0, 9.0]]];
    let sample = read(&json!({ "glyph": pixels, "strokes": line }));
    let strokes = Strokes::new(line).unwrap();
    assert_eq!((sample.input, sample.glyph), (SampleInput::Strokes(strokes), glyph.clone()));
    // The image is not decoded: it is not even one.
    let sample = read(&json!({ "glyph": pixels, "image": STANDARD.encode("no image") }));
    assert_eq!((sample.input, sample.glyph), (SampleInput::Image(b"no image".to_vec()), glyph));
}

#[test]
fn whole_pictures_are_made_anew_of_their_images() {
    // A bar from the upper edge to the lower one, and what something else made of it.
    let bar = Glyph::new(std::array::from_fn(|i| if i % SIDE < 8 { 255 } else { 0 }));
    let file = png(&bar);
    let recorded = five_as_glyph();
    let glyph = STANDARD.encode(recorded.pixels());
    let line = json!({ "glyph": glyph, "image": STANDARD.encode(&file) }).to_string();
    let read = |pictures| SampleLine::parse(&line, pictures).unwrap().glyph;
    assert_eq!(read(Pictures::Ink), recorded);
    assert_eq!(read(Pictures::Whole), bar);
    assert_eq!(pixels_to_decode(&line, Pictures::Ink), 0);
    assert_eq!(pixels_to_decode(&line, Pictures::Whole), 28 * 28);
    // Strokes are ink for every checkpoint.
    let drawn = json!({ "strokes": five() }).to_string();
    assert_eq!(SampleLine::parse(&drawn, Pictures::Whole).unwrap().glyph, five_as_glyph());
}

#[test]
fn what_a_server_writes_is_read() {
    let glyph = STANDARD.encode(five_as_glyph().pixels());
    let sample = read(&json!({
        "id": "19a", "created": 1_764_000_000_000_i64, "source": "ana", "label": " 5 ",
        "prediction": "6", "confidence": 0.7, "verdict": "read", "model": "mnist", "deleted": null,
        "preprocessing": 1, "form": "pixels", "held_back": true, "confirmed": false, "glyph": glyph,
    }));
    assert_eq!((sample.id.as_deref(), sample.label.as_deref()), (Some("19a"), Some("5")));
    assert_eq!((sample.source.as_deref(), sample.prediction.as_deref()), (Some("ana"), Some("6")));
    assert_eq!(sample.held_back, Some(true));
    // As it is for a sample that nobody has labelled.
    let nulls =
        json!({ "id": "", "label": null, "held_back": null, "image": null, "glyph": glyph });
    let sample = read(&nulls);
    assert_eq!((sample.id, sample.label, sample.held_back), (None, None, None));
}

#[test]
fn lines_are_numbered_as_in_the_file() {
    let text = format!("\n{}\n  \nnonsense\n", json!({ "strokes": five() }));
    let found: Vec<(usize, bool)> =
        lines(&text, Pictures::Ink).map(|(i, line)| (i, line.is_ok())).collect();
    assert_eq!(found, [(2, true), (4, false)]);
}

#[test]
fn what_is_no_sample_is_refused_with_the_reason() {
    for (line, expected) in [
        ("nonsense", "not a sample in JSON"),
        (r#"{"label": 7, "strokes": [[[0, 0], [9, 9]]]}"#, "expected a string, at column"),
        (r#"{"label": " ", "strokes": [[[0, 0], [9, 9]]]}"#, "label is empty"),
        (r#"{"label": "7\u200b", "strokes": [[[0, 0], [9, 9]]]}"#, "label has the invisible"),
        (r#"{"label": "7"}"#, "no glyph, no strokes and no image"),
        (r#"{"glyph": "?"}"#, "glyph is not base64"),
        (r#"{"glyph": "AAAA"}"#, "784 pixels"),
        (r#"{"image": "?"}"#, "image is not base64"),
        (r#"{"image": "AAAA"}"#, "not a PNG"),
        (r#"{"strokes": []}"#, "nothing is drawn"),
        (r#"{"strokes": [[[0, 0], [2e6, 0]]]}"#, "stroke 0, point 1"),
        (r#"{"strokes": [[[0, 0], [9, 9]]], "image": "AAAA"}"#, "both strokes and an image"),
    ] {
        let error = refused(line);
        assert!(error.contains(expected), "{line}: {error}");
        assert!(!error.contains("line 1"), "the line in the file is another one: {error}");
    }
    let blank = json!({ "glyph": STANDARD.encode([0u8; 784]) });
    assert_eq!(refused(&blank.to_string()), "nothing is drawn");
}
