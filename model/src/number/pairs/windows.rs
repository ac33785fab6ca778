//! Which ink the network is asked about, as pictures for its training.

use crate::{
    glyph::Glyph,
    number::{
        components::Components,
        lattice::{MAX_SEGMENTS, WIDEST, groups},
        picture::segments,
    },
    preprocess::{Ink, fill},
};

/// A part of a line's ink that may be a digit or a pair.
pub struct Window {
    /// As the network sees it.
    pub glyph: Glyph,
    /// The pixels of the ink that it is made of, row by row from 0.
    pub pixels: Vec<usize>,
}

/// What the network would be asked about this ink. It is for training.
pub fn windows(ink: Ink) -> Vec<Window> {
    let mut components = Components::of(ink);
    let ids = (0..).take(components.bounds.len());
    let ids = ids.filter(|&id| components.bounds[id as usize].is_some()).collect();
    let lines = segments(&mut components, ids);
    let mut windows = Vec::new();
    for line in &lines {
        let asked = groups(&line.segments, MAX_SEGMENTS).into_iter();
        for group in asked.filter(|group| line.is_cut(group.clone())) {
            let Some((bounds, pieces)) = line.pieces(group) else { continue };
            if bounds.width() > WIDEST * line.height {
                continue;
            }
            let ink = components.of_pieces(&bounds, &pieces);
            let Some(glyph) = ink.and_then(|ink| fill(&ink)) else { continue };
            let is_part = |&i: &usize| pieces.contains(&(components.owner[i] as usize));
            let pixels = (0..components.owner.len()).filter(is_part).collect();
            windows.push(Window { glyph, pixels });
        }
    }
    windows
}
