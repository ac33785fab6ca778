//! Connected components of an ink map, here called pieces.

/// Marks pixels that belong to no piece.
pub(crate) const NO_PIECE: u32 = 0;

/// The piece that each pixel belongs to, and the number of pixels in each piece. Pixels with at
/// least `least` ink (and more than 0) are in the same piece if they touch, also at corners. Pieces
/// are numbered from 1; all other pixels are [`NO_PIECE`].
pub(crate) fn pieces(ink: &[u8], width: usize, least: u8) -> (Vec<u32>, Vec<usize>) {
    let inked = |i: usize| ink[i] >= least.max(1);
    let mut piece_of = vec![NO_PIECE; ink.len()];
    let mut areas = vec![0];
    let mut open = Vec::new();
    for start in 0..ink.len() {
        if !inked(start) || piece_of[start] != NO_PIECE {
            continue;
        }
        let piece = areas.len() as u32;
        areas.push(0);
        piece_of[start] = piece;
        open.push(start);
        while let Some(i) = open.pop() {
            areas[piece as usize] += 1;
            for next in neighbours(i, width, ink.len()) {
                if inked(next) && piece_of[next] == NO_PIECE {
                    piece_of[next] = piece;
                    open.push(next);
                }
            }
        }
    }
    (piece_of, areas)
}

/// The up to eight pixels around pixel `i`, and the pixel itself.
pub(crate) fn neighbours(i: usize, width: usize, len: usize) -> impl Iterator<Item = usize> {
    let (x, y, height) = (i % width, i / width, len / width);
    let columns = x.saturating_sub(1)..=(x + 1).min(width - 1);
    let rows = y.saturating_sub(1)..=(y + 1).min(height - 1);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}
