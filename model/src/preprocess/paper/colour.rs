//! Colours without transparency.

use crate::order::nth;

/// Red, green and blue, each 0–255.
pub(in crate::preprocess) type Rgb = [f32; 3];

/// How light a colour is, 0–255.
pub(in crate::preprocess) fn brightness([r, g, b]: Rgb) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// The distance between two colours, 0–441.
pub(in crate::preprocess) fn distance(a: Rgb, b: Rgb) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

/// The median of each channel; black if there are no colours.
pub(in crate::preprocess) fn median(colours: &[Rgb]) -> Rgb {
    std::array::from_fn(|channel| {
        let mut values: Vec<f32> = colours.iter().map(|c| c[channel]).collect();
        let middle = values.len() / 2;
        nth(&mut values, middle)
    })
}
