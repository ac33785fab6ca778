//! Rows of numbers that are compared with one vector after another.

use std::iter;

use pulp::{Arch, Simd, WithSimd};

/// Rows of one width in steps of 1/127 of each row's largest number: a quarter of their bytes, so
/// that a thousand rows stay in a core's cache.
#[derive(Clone, Debug)]
pub struct Rows {
    arch: Arch,
    width: usize,
    /// `[rows, width]`
    values: Vec<i8>,
    /// What one step of each row is.
    steps: Vec<f32>,
}

impl Rows {
    /// No rows yet, of `width` numbers each.
    pub fn new(width: usize) -> Self {
        Self { arch: Arch::new(), width, values: Vec::new(), steps: Vec::new() }
    }

    /// Adds a row. It is cut or filled up with zeros to the width.
    pub fn push(&mut self, row: &[f32]) {
        let step = step(row, i8::MAX.into());
        let numbers = row.iter().copied().chain(iter::repeat(0.0)).take(self.width);
        self.values.extend(numbers.map(|number| (number / step).round() as i8));
        self.steps.push(step);
    }

    /// The product of each row with a vector of the same width, in the order of the rows. Of rows and
    /// vectors of length 1 it is the cosine, to within 0.005.
    pub fn products(&self, vector: &[f32]) -> Vec<f32> {
        let step = step(vector, MOST_OF_A_VECTOR);
        let vector: Vec<i16> = vector.iter().map(|number| (number / step).round() as i16).collect();
        let sums = self.arch.dispatch(Sums { width: self.width, rows: &self.values, vector });
        sums.into_iter().zip(&self.steps).map(|(sum, row)| sum as f32 * row * step).collect()
    }
}

/// The largest number of a vector in steps: 33,000 products of it with 127 fit a sum of 32 bits.
const MOST_OF_A_VECTOR: f32 = 511.0;

/// The size of a step, if the largest number is to be `most` steps.
fn step(numbers: &[f32], most: f32) -> f32 {
    let largest =
        numbers.iter().fold(f32::MIN_POSITIVE, |largest, number| largest.max(number.abs()));
    (largest / most).max(f32::MIN_POSITIVE)
}

/// The sum of products for each row.
struct Sums<'a> {
    width: usize,
    rows: &'a [i8],
    vector: Vec<i16>,
}

impl WithSimd for Sums<'_> {
    type Output = Vec<i32>;

    // Inlined into code for the instruction set of `S`: the compiler makes its vector instructions of
    // the loop.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<i32> {
        let sum = |row: &[i8]| {
            let products = row.iter().zip(&self.vector);
            products.map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
        };
        self.rows.chunks_exact(self.width.max(1)).map(sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_numbers_to_within_the_steps() {
        let row = |seed: usize| -> Vec<f32> {
            let numbers: Vec<f32> =
                (0..384).map(|i| ((i * 37 + seed * 101) % 211) as f32 / 105.0 - 1.0).collect();
            let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
            numbers.iter().map(|n| n / length).collect()
        };
        let mut rows = Rows::new(384);
        (0..50).for_each(|seed| rows.push(&row(seed)));
        let vector = row(7);
        let products = rows.products(&vector);
        assert_eq!(products.len(), 50);
        for (seed, product) in products.iter().enumerate() {
            let exact: f32 = row(seed).iter().zip(&vector).map(|(a, b)| a * b).sum();
            assert!((product - exact).abs() < 0.005, "{seed}: {product} and {exact}");
        }
        assert!((products[7] - 1.0).abs() < 0.005);
    }

    #[test]
    fn rows_of_zeros_and_none_at_all_are_compared_too() {
        let mut rows = Rows::new(3);
        assert_eq!(rows.products(&[1.0, 2.0, 3.0]), []);
        rows.push(&[0.0; 3]);
        rows.push(&[1.0]);
        assert_eq!(rows.products(&[0.0; 3]), [0.0, 0.0]);
        assert_eq!(rows.products(&[2.0, 9.0, 9.0])[0], 0.0);
        assert!((rows.products(&[2.0, 9.0, 9.0])[1] - 2.0).abs() < 0.02);
    }
}
