//! Removes specks from the ink of a single symbol. One of them far from the strokes would make the symbol
//! small, and move it aside.

use super::{
    ink::Ink,
    pieces::pieces,
    thicken::{LINE, measure},
};
use crate::glyph::{BLANK_BELOW, SIDE};

/// A speck has less than this share of the largest piece's area, ...
const SMALL: f32 = 0.1;
/// ... and is smaller than this share of the pen's width, ...
const THIN: f32 = 0.6;
/// ... or is further from the largest piece than this share of that one's longer side.
const FAR: f32 = 0.5;

/// The first and last column, and the first and last row.
type Span = [[usize; 2]; 2];

/// Clears specks. What is as wide as the pen and near the rest may be the dot of an *i*, and stays. Ink
/// of MNIST's own scale is left alone.
pub(super) fn without_specks(mut ink: Ink) -> Ink {
    let (piece_of, areas) = pieces(&ink.values, ink.width, BLANK_BELOW);
    let Some(largest) = (1..areas.len()).max_by_key(|&piece| areas[piece]) else { return ink };
    let is_main = |i: usize| piece_of[i] as usize == largest && ink.values[i] >= LINE;
    let Some((side, pen)) = measure(&ink, is_main).filter(|&(side, _)| side > SIDE) else {
        return ink;
    };
    let spans = spans(&piece_of, areas.len(), ink.width);
    let is_speck = |piece: usize| {
        let small = (areas[piece] as f32) < SMALL * areas[largest] as f32;
        let thin = (longest(&spans[piece]) as f32) < THIN * pen;
        small && (thin || away(&spans[piece], &spans[largest]) > FAR * side as f32)
    };
    let speck: Vec<bool> = (0..areas.len()).map(|piece| piece > 0 && is_speck(piece)).collect();
    for (value, &piece) in ink.values.iter_mut().zip(&piece_of) {
        if speck[piece as usize] {
            *value = 0;
        }
    }
    ink
}

/// Where each piece is.
fn spans(piece_of: &[u32], pieces: usize, width: usize) -> Vec<Span> {
    let mut spans = vec![[[usize::MAX, 0]; 2]; pieces];
    for (i, &piece) in piece_of.iter().enumerate() {
        for ([first, last], at) in spans[piece as usize].iter_mut().zip([i % width, i / width]) {
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    }
    spans
}

fn longest(span: &Span) -> usize {
    span.map(|[first, last]| last - first + 1).into_iter().max().unwrap_or(0)
}

/// How many pixels are between two.
fn away(one: &Span, other: &Span) -> f32 {
    let gap = |axis: usize| {
        let ([first, last], [from, to]) = (one[axis], other[axis]);
        first.saturating_sub(to).max(from.saturating_sub(last)) as f32
    };
    gap(0).hypot(gap(1))
}
