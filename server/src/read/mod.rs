//! `server read FILE…`: reads numbers and tables in picture files, without a running server.

mod found;
mod marks;
mod output;

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Error, Result, ensure};
use clap::Args;
use glyphic_runtime::{
    decode::decode,
    reader::{Reader, known_columns, quarter_turns},
    registry::Registry,
    text::whole,
};
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::config::folder;
use found::{Found, Wanted};
use output::{Form, Output};

/// Longest file that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// Which pictures are read, and what is written about them.
#[derive(Debug, Args)]
pub struct ReadArgs {
    /// Picture files (PNG, JPEG, WebP, GIF or BMP); - is standard input, and so are none.
    files: Vec<PathBuf>,
    /// Write CSV: the name of the file, then a line of numbers or a row of a table.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Write JSON: one line for each file, as the server answers it.
    #[arg(long)]
    json: bool,
    /// Read all that is written as lines of numbers, even in a printed table.
    #[arg(long)]
    numbers: bool,
    /// Write the picture with what was found to a PNG file; of a single file.
    #[arg(long, value_name = "PNG")]
    boxes: Option<PathBuf>,
    /// By how many degrees the pictures are turned clockwise first: 0, 90, 180 or 270 [default: found
    /// out from the digits].
    #[arg(long)]
    orientation: Option<usize>,
    /// What is known of the first columns of tables, as JSON, for example [{"digits":8},null,{"max":20}];
    /// see `columns` of /api/sheet.
    #[arg(long, value_name = "JSON", conflicts_with = "numbers")]
    columns: Option<String>,
    /// Checkpoint to read with, by its id or alias [default: the promoted one].
    #[arg(long)]
    model: Option<String>,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    artifacts: PathBuf,
}

/// Reads the files. Exits with 1 if one of them cannot be read, or nothing is written in it.
pub fn read(arguments: ReadArgs) -> Result<ExitCode> {
    let ReadArgs { mut files, csv, json, numbers, boxes, .. } = arguments;
    if files.is_empty() {
        ensure!(!io::stdin().is_terminal(), "name a picture file, or pipe one in");
        files.push(PathBuf::from("-"));
    }
    ensure!(boxes.is_none() || files.len() == 1, "--boxes takes a single picture file");
    if let Some(path) = &boxes {
        ensure!(
            path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")),
            "--boxes writes a PNG file: give it a name that ends in .png"
        );
        let own = |file: &PathBuf| file.canonicalize().ok();
        ensure!(
            own(path).is_none() || own(path) != own(&files[0]),
            "--boxes would overwrite the picture that is read: name another file"
        );
    }
    let wanted = Wanted {
        turns: quarter_turns(arguments.orientation).map_err(Error::msg)?,
        columns: known_columns(arguments.columns.as_deref()).map_err(Error::msg)?,
        only_numbers: numbers,
    };
    let registry = Registry::new(arguments.artifacts);
    let reader = Reader::of(&registry, arguments.model.as_deref())?;
    let form = match (csv, json) {
        (true, _) => Form::Csv,
        (_, true) => Form::Json,
        _ => Form::Text,
    };
    let mut output = Output::new(form, files.len() > 1);
    let progress = ProgressBar::with_draw_target(
        Some(files.len() as u64),
        // In a terminal that shows the text, the text itself is the progress.
        match files.len() > 1 && !io::stdout().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        },
    );
    let mut all_read = true;
    for file in &files {
        let name = file.display().to_string();
        match find(&reader, &wanted, file, boxes.as_deref()) {
            Ok(found) => {
                if found.is_blank() {
                    all_read = false;
                    progress.suspend(|| eprintln!("{name}: nothing is written in it"));
                }
                io::stdout().write_all(output.of(&name, &found)?.as_bytes())?;
            }
            Err(error) => {
                all_read = false;
                progress.suspend(|| eprintln!("error: {name}: {}", whole(&*error)));
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is written in a file; with its picture marked in another one, if that is named.
fn find(reader: &Reader, wanted: &Wanted, file: &Path, boxes: Option<&Path>) -> Result<Found> {
    let picture = decode(&bytes(file)?)?;
    let found = Found::in_picture(reader, wanted, &picture)?;
    if let Some(path) = boxes {
        let marked = marks::marked(&picture, &found);
        fs::write(path, glyphic_runtime::encode::whole(&marked)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(found)
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file.as_os_str() == "-" {
        true => io::stdin().take(LONGEST).read_to_end(&mut bytes)?,
        false => fs::File::open(file)?.take(LONGEST).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}
