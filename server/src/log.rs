//! The log, to the standard error. An event is one line, in text as in JSON, whatever is in it: what
//! clients send reaches the log in errors, in paths and in the words of libraries, so it is made
//! visible in the one place through which every line goes.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

use glyphic_model::labels::is_invisible;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::Value;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::traces;

/// What is logged without `RUST_LOG`.
const USUAL: &str = "warn,glyphic_server=info";
/// Most bytes of an event, and of a text in one that is JSON: what is wrong with a file, or a request,
/// may be as long as that.
const LONGEST: usize = 8 << 10;
/// What never logs: the reader of a PostgreSQL's URL tells the values of parameters that it does not
/// know, and the lines of a file of passwords that it cannot read.
const QUIET: &str = "sqlx_postgres::options=off";

/// Starts the log; and traces, where there is a sender of them.
pub fn start(json: bool, sender: Option<&SdkTracerProvider>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| USUAL.into());
    let filter = match QUIET.parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    let lines = tracing_subscriber::fmt::layer()
        // Colours are control characters.
        .with_ansi(false)
        .with_writer(move || Lines { out: io::stderr(), json });
    let lines = match json {
        true => lines.json().boxed(),
        false => lines.boxed(),
    };
    let spans = sender.map(traces::layer);
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
}

/// Writes each event, which comes as a whole, as one line.
struct Lines<W> {
    out: W,
    json: bool,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = one_line(&String::from_utf8_lossy(event), self.json);
        self.out.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// An event as one line, in which all that cannot be seen, or turns the text around, is escaped. In
/// JSON such characters are only within strings, where their escapes mean the same.
fn one_line(event: &str, json: bool) -> String {
    let event = event.strip_suffix('\n').unwrap_or(event);
    let event = &*bounded(event, json);
    let mut line = String::with_capacity(event.len() + 1);
    for character in event.chars() {
        if !is_invisible(character) {
            line.push(character);
        } else if json {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.extend(character.escape_default());
        }
    }
    line.push('\n');
    line
}

/// The event, without most of what is far too long in it.
fn bounded(event: &str, json: bool) -> Cow<'_, str> {
    if event.len() <= LONGEST {
        return event.into();
    }
    let parsed = json.then(|| serde_json::from_str::<Value>(event).ok()).flatten();
    match parsed {
        // One without long texts has very many of them: it is ours.
        Some(mut event) => {
            shorten(&mut event);
            event.to_string().into()
        }
        None => beginning(event).into(),
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST => *text = beginning(text),
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

fn beginning(text: &str) -> String {
    let mut end = LONGEST;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes more)", &text[..end], text.len() - end)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_visible_text() {
        for (event, line) in [
            ("plain, π and 7\n", "plain, π and 7\n"),
            ("a\n2026-01-01 ERROR forged\r\n\n", "a\\n2026-01-01 ERROR forged\\r\\n\n"),
            ("\u{1b}[31mred\u{7}\u{9b}\n", "\\u{1b}[31mred\\u{7}\\u{9b}\n"),
            ("\u{202e}7 = x\u{2028}\n", "\\u{202e}7 = x\\u{2028}\n"),
            ("a\tb", "a\\tb\n"),
        ] {
            assert_eq!(one_line(event, false), line);
        }
    }

    #[test]
    fn json_says_the_same_as_before() {
        let value = serde_json::json!({ "error": "\n\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\"\\" });
        let line = one_line(&format!("{value}\n"), true);
        let text = line.strip_suffix('\n').unwrap();
        assert!(!text.chars().any(is_invisible), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), value);
    }

    #[test]
    fn no_line_is_far_too_long() {
        let long = "π".repeat(1 << 20);
        let line = one_line(&long, false);
        assert!(line.len() < LONGEST + 40 && line.ends_with(" bytes more)\n"), "{}", line.len());
        let event = serde_json::json!({ "fields": { "message": long }, "level": "ERROR" });
        let line = one_line(&event.to_string(), true);
        assert!(line.len() < LONGEST + 100, "{}", line.len());
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["level"], "ERROR");
    }

    #[test]
    fn what_is_written_at_once_is_a_line() {
        let mut lines = Lines { out: Vec::new(), json: false };
        lines.write_all(b"first\nforged\n").unwrap();
        lines.write_all("second \u{fffd}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(lines.out).unwrap(), "first\\nforged\nsecond \\u{fffd}\n");
    }
}
