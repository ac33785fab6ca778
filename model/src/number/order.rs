//! Sorting by a floating-point key. All of the crate's sorts by such keys use this one function,
//! because each instance of a generic sort adds to the WebAssembly file that browsers load.

/// The indices of `keys` in ascending order of the keys; equal ones keep their order.
pub(super) fn order(keys: &[f32]) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..keys.len()).collect();
    indices.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    indices
}

/// The values in ascending order of their keys; equal ones keep their order.
pub(super) fn sorted<T>(values: Vec<T>, key: impl Fn(&T) -> f32) -> Vec<T> {
    let keys: Vec<f32> = values.iter().map(key).collect();
    let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
    order(&keys).into_iter().filter_map(|i| values[i].take()).collect()
}
