//! `train draw`: contact sheets of synthetic handwriting.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{
    cli::DrawArgs,
    data,
    drawn::{Shapes, sheet},
};

/// Rows of what is none of the labels.
const OTHERS: usize = 8;

/// Draws the sheet and says what its rows are.
pub fn run(arguments: DrawArgs) -> Result<()> {
    let drawings = match &arguments.drawings {
        Some(path) => data::strokes::by_label(data::strokes::read(path)?),
        None => Vec::new(),
    };
    if let (Some(path), []) = (&arguments.drawings, drawings.as_slice()) {
        bail!("{} has no drawing", path.display());
    }
    let columns = arguments.columns.into();
    let rows = if arguments.as_drawn {
        sheet::as_drawn(&drawings, columns)
    } else {
        let mut labels: Vec<String> = drawings.iter().map(|(label, _)| label.clone()).collect();
        if labels.is_empty() {
            labels = (0..10).map(|digit: u8| digit.to_string()).collect();
        }
        let mut shapes = Shapes::of(&labels);
        for (label, (_, drawings)) in drawings.into_iter().enumerate() {
            shapes.add(label, drawings);
        }
        sheet::variations(&shapes, &labels, columns, OTHERS)
    };
    let out = &arguments.out;
    fs::write(out, sheet::png(&rows)?)
        .with_context(|| format!("cannot write {}", out.display()))?;
    let mut names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    println!("{}: rows from the top: {}", out.display(), names.join(", "));
    Ok(())
}
