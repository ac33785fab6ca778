//! Sorting by a floating-point key. All of the crate's sorts by such keys use these functions,
//! because each instance of a generic sort adds to the WebAssembly file that browsers load.

/// The indices of `keys` in ascending order of the keys; equal ones keep their order.
pub(crate) fn order(keys: &[f32]) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..keys.len()).collect();
    indices.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    indices
}

/// The values in ascending order of their keys; equal ones keep their order.
pub(crate) fn sorted<T>(values: Vec<T>, key: impl Fn(&T) -> f32) -> Vec<T> {
    let keys: Vec<f32> = values.iter().map(key).collect();
    let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
    order(&keys).into_iter().filter_map(|i| values[i].take()).collect()
}

/// The value that `rank` others come before in ascending order; the last one if there are fewer, and 0
/// without values. Their order changes.
pub(crate) fn nth(values: &mut [f32], rank: usize) -> f32 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    *values.select_nth_unstable_by(rank.min(last), f32::total_cmp).1
}
