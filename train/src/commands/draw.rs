//! `train draw`: contact sheets of synthetic handwriting.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{
    cli::DrawArgs,
    data,
    synthetic::{Generator, sheet},
};

/// Rows of negatives below those of the labels.
const NEGATIVES: usize = 8;

/// Draws the sheet and prints the names of its rows.
pub fn run(arguments: DrawArgs) -> Result<()> {
    let drawings = match &arguments.drawings {
        Some(path) => data::strokes::by_label(data::strokes::read(path)?),
        None => Vec::new(),
    };
    if let (Some(path), []) = (&arguments.drawings, drawings.as_slice()) {
        bail!("{} has no drawings", path.display());
    }
    let columns = arguments.columns.into();
    let rows = if arguments.as_drawn {
        sheet::as_drawn(&drawings, columns)
    } else {
        let mut labels: Vec<String> = drawings.iter().map(|(label, _)| label.clone()).collect();
        if labels.is_empty() {
            labels = (0..10).map(|digit: u8| digit.to_string()).collect();
        }
        let mut generator = Generator::of(&labels);
        for (label, (_, drawings)) in drawings.into_iter().enumerate() {
            generator.add(label, drawings);
        }
        sheet::variations(&generator, &labels, columns, NEGATIVES)
    };
    let out = &arguments.out;
    fs::write(out, sheet::png(&rows)?)
        .with_context(|| format!("cannot write {}", out.display()))?;
    let mut names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    println!("{}: rows from top to bottom: {}", out.display(), names.join(", "));
    Ok(())
}
