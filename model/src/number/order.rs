//! Sorting by a number, in one place: browsers load every instance of a sort.

/// The indices of `keys` from the least key to the largest one; equal ones stay in order.
pub(super) fn order(keys: &[f32]) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..keys.len()).collect();
    indices.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    indices
}

/// The same values from the least key to the largest one.
pub(super) fn sorted<T>(values: Vec<T>, key: impl Fn(&T) -> f32) -> Vec<T> {
    let keys: Vec<f32> = values.iter().map(key).collect();
    let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
    order(&keys).into_iter().filter_map(|i| values[i].take()).collect()
}
