//! Labels and sources: short texts that people give and others see. Two of them that differ must
//! look different, and neither may change how the text around it is shown.

use std::ops::RangeInclusive;

use thiserror::Error;

/// Most characters of a label or a source.
pub const MAX_CHARACTERS: usize = 32;
/// Characters of a refused text that its error shows.
const SHOWN: usize = 40;

/// Characters that show nothing or change the direction of text, beside control characters:
/// Unicode's default ignorable ones, separators of lines, and stand-ins for what is missing.
const INVISIBLE: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',       // soft hyphen
    '\u{34f}'..='\u{34f}',     // combining grapheme joiner
    '\u{61c}'..='\u{61c}',     // Arabic letter mark
    '\u{115f}'..='\u{1160}',   // Hangul fillers
    '\u{17b4}'..='\u{17b5}',   // Khmer inherent vowels
    '\u{180b}'..='\u{180f}',   // Mongolian selectors
    '\u{200b}'..='\u{200f}',   // of no width, and marks of direction
    '\u{2028}'..='\u{202e}',   // separators of lines, embedding and overriding direction
    '\u{2060}'..='\u{206f}',   // word joiner, invisible operators, isolates
    '\u{2800}'..='\u{2800}',   // empty Braille pattern
    '\u{3164}'..='\u{3164}',   // Hangul filler
    '\u{fe00}'..='\u{fe0f}',   // variation selectors
    '\u{feff}'..='\u{feff}',   // byte order mark
    '\u{ffa0}'..='\u{ffa0}',   // Hangul filler of half width
    '\u{fff0}'..='\u{fffd}',   // annotations, stand-ins for objects and for damaged text
    '\u{1bca0}'..='\u{1bca3}', // shorthand controls
    '\u{1d173}'..='\u{1d17a}', // musical controls
    '\u{e0000}'..='\u{e0fff}', // tags and more variation selectors
];

/// Why a text is neither a label nor a source. The message follows the name of what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadLabel {
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("is longer than {MAX_CHARACTERS} characters: \"{0}…\"")]
    TooLong(String),
    /// One of its characters cannot be seen, or changes the direction of the text.
    #[error(
        "has the invisible character U+{:04X} in \"{text}\": leave it out",
        u32::from(*character)
    )]
    Invisible {
        /// Its beginning, with what is invisible in it escaped.
        text: String,
        /// The character.
        character: char,
    },
    /// There are spaces around it.
    #[error("has spaces around it: \"{0}\"")]
    Spaces(String),
}

/// A label or a source as somebody gives it, without the spaces around it.
///
/// # Errors
/// It is empty, too long, or has a character that is invisible.
///
/// ```
/// use glyphic_model::labels::trimmed;
///
/// assert_eq!(trimmed(" 7 "), Ok("7"));
/// assert!(trimmed("7\u{200b}").is_err());
/// ```
pub fn trimmed(text: &str) -> Result<&str, BadLabel> {
    let text = text.trim();
    check(text).map(|()| text)
}

/// Checks a label or a source that is stored.
///
/// # Errors
/// It is empty, too long, has a character that is invisible, or spaces around it.
pub fn check(text: &str) -> Result<(), BadLabel> {
    if text.is_empty() {
        return Err(BadLabel::Empty);
    }
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(BadLabel::TooLong(shown(text)));
    }
    if let Some(character) = hidden(text) {
        return Err(BadLabel::Invisible { text: shown(text), character });
    }
    match text.trim().len() == text.len() {
        true => Ok(()),
        false => Err(BadLabel::Spaces(shown(text))),
    }
}

/// The beginning of a refused text, in which everything can be seen.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(SHOWN) {
        match is_invisible(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

/// Whether a character shows nothing by itself, or changes the direction of the text.
pub fn is_invisible(character: char) -> bool {
    character.is_control() || INVISIBLE.iter().any(|range| range.contains(&character))
}

/// The first character of a text that is invisible there.
fn hidden(text: &str) -> Option<char> {
    let mut before = ' ';
    text.chars().find(|&character| {
        // These two choose how the symbol before them is drawn: ❤ in black or as a picture.
        let chooses = matches!(character, '\u{fe0e}' | '\u{fe0f}');
        let of_a_symbol = chooses && !before.is_ascii() && !is_invisible(before);
        before = character;
        is_invisible(character) && !of_a_symbol
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_any_script_are_labels() {
        let longest = "π".repeat(MAX_CHARACTERS);
        for text in ["7", "a/b", "=", "π", "e\u{301}", "左 右", "אב", "👍🏽", "❤\u{fe0f}", &longest]
        {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
        assert_eq!(trimmed(" \t7 \u{3000}\n"), Ok("7"));
    }

    #[test]
    fn a_label_is_neither_empty_nor_long_nor_padded() {
        assert_eq!(trimmed("  "), Err(BadLabel::Empty));
        assert_eq!(check(" 7"), Err(BadLabel::Spaces(" 7".to_owned())));
        let long = "x".repeat(1 << 20);
        let message = check(&long).map_err(|error| error.to_string());
        assert!(message.is_err_and(|message| message.len() < 100));
    }

    #[test]
    fn nothing_in_a_label_is_invisible_or_turns_the_text_around() {
        for code in [
            0x00, 0x07, 0x0a, 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x061c, 0x200b, 0x200d, 0x200f, 0x2028,
            0x2029, 0x202a, 0x202e, 0x2060, 0x2064, 0x2066, 0x2069, 0xfe0f, 0xfeff, 0xfffd,
            0xe0001, 0xe007f,
        ] {
            let character = char::from_u32(code).unwrap_or_default();
            for text in [format!("7{character}1"), format!("7{character}"), character.to_string()] {
                let refused = matches!(
                    check(&text),
                    Err(BadLabel::Invisible { character: found, .. }) if found == character
                );
                assert!(refused, "U+{code:04X} in {text:?}");
            }
        }
        let message = check("7\u{202e}").map_err(|error| error.to_string());
        let expected = "has the invisible character U+202E in \"7\\u{202e}\": leave it out";
        assert_eq!(message, Err(expected.to_owned()));
    }
}
