//! Strokes give the same glyph on any canvas, with MNIST's line width.

use crate::inputs::{difference, five};
use glyphic_model::preprocess::{MAX_POINTS, Point, StrokeError, Strokes};

fn points() -> Vec<Vec<Point>> {
    serde_json::from_value(serde_json::to_value(five()).unwrap()).unwrap()
}

fn glyph_of(strokes: Vec<Vec<Point>>) -> glyphic_model::Glyph {
    Strokes::new(strokes).unwrap().glyph().unwrap()
}

#[test]
fn the_canvas_does_not_matter() {
    let glyph = five().glyph().unwrap();
    for (scale, x, y) in [(0.01, 0.0, 0.0), (1.0, -500.0, 300.0), (40.0, 12.0, 9000.0)] {
        let moved = points()
            .iter()
            .map(|stroke| stroke.iter().map(|p| [p[0] * scale + x, p[1] * scale + y]).collect())
            .collect();
        let worst = difference(&glyph_of(moved), &glyph);
        assert!(worst <= 16, "scale {scale}: off by {worst}");
    }
}

#[test]
fn direction_and_order_of_strokes_do_not_matter() {
    let mut turned = points();
    turned.reverse();
    turned.iter_mut().for_each(|stroke| stroke.reverse());
    assert_eq!(glyph_of(turned), five().glyph().unwrap());
}

#[test]
fn the_line_is_as_wide_as_mnists() {
    // The ink of a long slanted line divided by its length is its width.
    let glyph = glyph_of(vec![vec![[0.0, 0.0], [60.0, 100.0]]]);
    let ink: f64 = glyph.pixels().iter().map(|&v| f64::from(v) / 255.0).sum();
    let length = (20.0 - 2.5) * (1.0f64 + 0.36).sqrt() + 2.5;
    let width = ink / length;
    assert!((2.2..=2.8).contains(&width), "{width}: {glyph:?}");
}

#[test]
fn nothing_drawn_is_blank() {
    assert_eq!(Strokes::new(vec![]).unwrap().glyph(), None);
    assert_eq!(Strokes::new(vec![vec![], vec![]]).unwrap().glyph(), None);
}

#[test]
fn a_tap_is_a_dot() {
    let glyph = glyph_of(vec![vec![[5.0, 5.0]]]);
    assert!(!glyph.is_blank());
}

#[test]
fn rejects_coordinates_that_are_not_finite_or_too_large() {
    for bad in [f32::NAN, f32::INFINITY, -1e7] {
        let strokes = vec![vec![[0.0, 0.0]], vec![[1.0, 1.0], [2.0, bad]]];
        assert_eq!(Strokes::new(strokes), Err(StrokeError::BadCoordinate { stroke: 1, point: 1 }));
    }
}

#[test]
fn rejects_too_many_points() {
    let strokes = vec![vec![[0.0, 0.0]; MAX_POINTS], vec![[1.0, 1.0]]];
    assert_eq!(Strokes::new(strokes), Err(StrokeError::TooManyPoints(MAX_POINTS + 1)));
}
