//! What is printed about a picture: text, CSV or JSON.

use anyhow::Result;
use csv::WriterBuilder;
use glyphic_runtime::cells::to_cell;
use serde_json::{Value, json};

use super::found::Found;

/// How it is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people: lines of numbers, and rows of tables with tabs between their cells.
    Text,
    /// The name of the file, then the texts of a row.
    Csv,
    /// An object on a line for each file.
    Json,
}

/// Prints one picture after the other.
pub struct Output {
    form: Form,
    /// Whether the name of each file is a line before its text.
    named: bool,
}

impl Output {
    pub fn new(form: Form, named: bool) -> Self {
        Self { form, named }
    }

    /// What is printed about a file.
    pub fn of(&mut self, name: &str, found: &Found) -> Result<String> {
        match self.form {
            Form::Text => Ok(self.text(name, found)),
            Form::Csv => csv(name, found),
            Form::Json => json(name, found),
        }
    }

    fn text(&self, name: &str, found: &Found) -> String {
        let rows = found.rows().into_iter().map(|row| row.join("\t") + "\n");
        let title = if self.named { format!("==> {name} <==\n") } else { String::new() };
        title + &rows.collect::<String>()
    }
}

fn csv(name: &str, found: &Found) -> Result<String> {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in found.rows() {
        let cells = row.iter().map(|text| to_cell(text).into_owned());
        writer.write_record(std::iter::once(to_cell(name).into_owned()).chain(cells))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn json(name: &str, found: &Found) -> Result<String> {
    let mut answer = match found {
        Found::Sheet(sheet) => serde_json::to_value(sheet)?,
        Found::Text(text) => serde_json::to_value(text)?,
    };
    if let Value::Object(fields) = &mut answer {
        fields.insert("file".to_owned(), json!(name));
    }
    Ok(format!("{answer}\n"))
}
