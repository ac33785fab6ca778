//! Texts from files and uploads, which other people's programs write: with a byte order mark, in
//! another encoding, or with accents as characters of their own.

use std::{error::Error, fs, io, path::Path};

use glyphic_model::labels::{self, BadLabel};
use serde::de::{DeserializeOwned, Error as _};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// The byte order mark: some programs put it before UTF-8, and where such files are joined it is
/// between them.
const MARK: char = '\u{feff}';

/// Why bytes are not text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotText {
    /// They begin as UTF-16 or UTF-32 does.
    #[error("it is in UTF-16: save it as UTF-8")]
    Utf16,
    /// A line, from 1, is not UTF-8.
    #[error("it is not UTF-8 text (line {0}): save it as UTF-8")]
    NotUtf8(usize),
}

/// UTF-8 bytes as text, without the byte order mark before it.
///
/// # Errors
/// They are UTF-16, or no UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, NotText> {
    let has_mark = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    // Without a mark, one of the two bytes of a plain letter is 0.
    if has_mark || bytes.iter().take(4).any(|&byte| byte == 0) {
        return Err(NotText::Utf16);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_start_matches(MARK)),
        Err(error) => {
            let ends = bytes.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n');
            Err(NotText::NotUtf8(ends.count() + 1))
        }
    }
}

/// The text of a file: see [`text`].
///
/// # Errors
/// The file cannot be read, or is not UTF-8: then the error says what to do.
pub fn read(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    let text = text(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(text.to_owned())
}

/// A value from JSON: see [`text`].
///
/// # Errors
/// The bytes are not UTF-8, not JSON, or another value.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_str(text(bytes).map_err(serde_json::Error::custom)?)
}

/// The lines of a text that are not blank, each with its number, from 1. The byte order marks are
/// left out that are between files which were joined.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(|line| line.trim_start_matches(MARK)).zip(1..);
    lines.filter(|(line, _)| !line.trim().is_empty()).map(|(line, number)| (number, line))
}

/// A text in Unicode's normal form C: an accent and its letter are one character where there is one.
/// Texts that look the same are then the same, as a Mac's names of files and a keyboard's letters.
pub fn normal(text: &str) -> String {
    text.nfc().collect()
}

/// A label or a source as somebody gives it: normal, and without the spaces around it.
///
/// # Errors
/// As [`labels::trimmed`].
///
/// ```
/// use glyphic_runtime::text::label;
///
/// assert_eq!(label(" e\u{301} "), Ok("\u{e9}".to_owned()));
/// assert!(label("7\u{feff}").is_err());
/// ```
pub fn label(text: &str) -> Result<String, BadLabel> {
    labels::trimmed(&normal(text)).map(str::to_owned)
}

/// An error with its causes, none of which is said twice: many errors repeat their cause's words.
pub fn whole(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !said.contains(&words) {
            said += ": ";
            said += &words;
        }
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text in UTF-16, least significant byte first or last.
    fn utf16(text: &str, first: bool) -> Vec<u8> {
        let bytes = |unit: u16| if first { unit.to_le_bytes() } else { unit.to_be_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn the_mark_before_a_text_is_left_out() {
        for bytes in ["7\né", "\u{feff}7\né", "\u{feff}\u{feff}7\né"] {
            assert_eq!(text(bytes.as_bytes()), Ok("7\né"), "{bytes:?}");
        }
        assert_eq!(text(b""), Ok(""));
        assert_eq!(text(b"\xef\xbb\xbf"), Ok(""));
        assert_eq!(json::<Vec<u8>>(b"\xef\xbb\xbf[7]").ok(), Some(vec![7]));
        // Where files are joined, it is at the beginning of a line.
        let joined = "\u{feff}{}\r\n\r\n\u{feff}\r\n\u{feff}[]\r\n";
        assert_eq!(lines(joined).collect::<Vec<_>>(), [(1, "{}"), (4, "[]")]);
    }

    #[test]
    fn other_encodings_are_named() {
        for (with_mark, first) in [(true, true), (true, false), (false, true), (false, false)] {
            let written = if with_mark { "\u{feff}0\n1\n" } else { "{\"a\": 1}" };
            assert_eq!(text(&utf16(written, first)), Err(NotText::Utf16), "{written:?}");
        }
        assert_eq!(text(b"0\n1\n\xe9\n"), Err(NotText::NotUtf8(3)), "Latin-1");
        assert_eq!(text(b"\x93\n"), Err(NotText::NotUtf8(1)), "Windows' quotation marks");
        let message = json::<Vec<u8>>(b"[\n\xff]").map_err(|error| error.to_string());
        assert_eq!(message, Err("it is not UTF-8 text (line 2): save it as UTF-8".to_owned()));
    }

    #[test]
    fn labels_that_look_the_same_are_the_same() {
        for (typed, expected) in [
            ("e\u{301}", "é"),
            ("A\u{30a}", "Å"),
            ("\u{212b}", "Å"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            (" q\u{323}\u{307} ", "q\u{323}\u{307}"),
        ] {
            assert_eq!(label(typed).as_deref(), Ok(expected), "{typed:?}");
        }
        for typed in ["\u{feff}0", "0\u{200b}", "caf\u{fffd}", " "] {
            assert!(label(typed).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn a_cause_is_said_once() {
        #[derive(Debug, Error)]
        #[error("cannot read x: {0}")]
        struct Repeats(#[source] io::Error);
        #[derive(Debug, Error)]
        #[error("cannot begin")]
        struct Begins(#[source] Repeats);
        let error = Begins(Repeats(io::Error::other("it is a folder")));
        assert_eq!(whole(&error), "cannot begin: cannot read x: it is a folder");
    }
}
