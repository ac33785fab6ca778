//! Labels and sources: short texts that people give and others see. Two of them that differ must
//! look different, and neither may change how the text around it is shown.

use std::ops::RangeInclusive;

use thiserror::Error;

/// Most characters of a label or a source.
pub const MAX_CHARACTERS: usize = 32;
/// Characters of a refused text that its error shows.
const SHOWN: usize = 40;

/// Most combining marks on one letter: more are piled up over the text around it.
const MAX_MARKS: usize = 4;

/// Characters that show nothing, change the direction of text or look the same as others, beside
/// control characters: Unicode's default ignorable ones, format characters, spaces but the plain one,
/// separators of lines, stand-ins for what is missing, and what everybody's font shows differently
/// (private use).
const INVISIBLE: &[RangeInclusive<char>] = &[
    '\u{a0}'..='\u{a0}',       // no-break space
    '\u{ad}'..='\u{ad}',       // soft hyphen
    '\u{34f}'..='\u{34f}',     // combining grapheme joiner
    '\u{600}'..='\u{605}',     // Arabic signs around numbers
    '\u{61c}'..='\u{61c}',     // Arabic letter mark
    '\u{6dd}'..='\u{6dd}',     // Arabic end of ayah
    '\u{70f}'..='\u{70f}',     // Syriac abbreviation mark
    '\u{890}'..='\u{891}',     // Arabic marks of pounds and piastres
    '\u{8e2}'..='\u{8e2}',     // Arabic disputed end of ayah
    '\u{115f}'..='\u{1160}',   // Hangul fillers
    '\u{1680}'..='\u{1680}',   // Ogham space
    '\u{17b4}'..='\u{17b5}',   // Khmer inherent vowels
    '\u{180b}'..='\u{180f}',   // Mongolian selectors
    '\u{2000}'..='\u{200f}',   // spaces, characters of no width, marks of direction
    '\u{2028}'..='\u{202f}',   // separators of lines, embedding and overriding direction, a space
    '\u{205f}'..='\u{206f}',   // a space, word joiner, invisible operators, isolates
    '\u{2800}'..='\u{2800}',   // empty Braille pattern
    '\u{3000}'..='\u{3000}',   // ideographic space
    '\u{3164}'..='\u{3164}',   // Hangul filler
    '\u{e000}'..='\u{f8ff}',   // private use
    '\u{fdd0}'..='\u{fdef}',   // no characters
    '\u{fe00}'..='\u{fe0f}',   // variation selectors
    '\u{feff}'..='\u{feff}',   // byte order mark
    '\u{ffa0}'..='\u{ffa0}',   // Hangul filler of half width
    '\u{fff0}'..='\u{ffff}',   // annotations, stand-ins for objects and for damaged text
    '\u{110bd}'..='\u{110bd}', // Kaithi number signs
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',  // Egyptian format controls
    '\u{16fe4}'..='\u{16fe4}',  // Khitan filler
    '\u{1bca0}'..='\u{1bca3}',  // shorthand controls
    '\u{1d159}'..='\u{1d159}',  // empty note head
    '\u{1d173}'..='\u{1d17a}',  // musical controls
    '\u{e0000}'..='\u{10ffff}', // tags, more variation selectors, private use
];

/// Combining marks: those that can be piled up, and the most usual ones of other scripts.
const MARKS: &[RangeInclusive<char>] = &[
    '\u{300}'..='\u{36f}',
    '\u{483}'..='\u{489}', // Cyrillic
    '\u{591}'..='\u{5bd}', // Hebrew
    '\u{5bf}'..='\u{5bf}',
    '\u{5c1}'..='\u{5c2}',
    '\u{5c4}'..='\u{5c5}',
    '\u{5c7}'..='\u{5c7}',
    '\u{610}'..='\u{61a}', // Arabic
    '\u{64b}'..='\u{65f}',
    '\u{670}'..='\u{670}',
    '\u{6d6}'..='\u{6dc}',
    '\u{6df}'..='\u{6e4}',
    '\u{6e7}'..='\u{6e8}',
    '\u{6ea}'..='\u{6ed}',
    '\u{711}'..='\u{711}', // Syriac
    '\u{730}'..='\u{74a}',
    '\u{7a6}'..='\u{7b0}', // Thaana
    '\u{7eb}'..='\u{7f3}', // N'Ko
    '\u{897}'..='\u{89f}', // Arabic
    '\u{8ca}'..='\u{8e1}',
    '\u{8e3}'..='\u{903}', // and Devanagari
    '\u{93a}'..='\u{93c}',
    '\u{93e}'..='\u{94f}',
    '\u{951}'..='\u{957}',
    '\u{981}'..='\u{983}', // Bengali
    '\u{9bc}'..='\u{9bc}',
    '\u{9be}'..='\u{9cd}',
    '\u{a01}'..='\u{a03}', // Gurmukhi
    '\u{a3c}'..='\u{a4d}',
    '\u{a81}'..='\u{a83}', // Gujarati
    '\u{abc}'..='\u{abc}',
    '\u{abe}'..='\u{acd}',
    '\u{bbe}'..='\u{bcd}', // Tamil
    '\u{c3e}'..='\u{c4d}', // Telugu
    '\u{cbe}'..='\u{ccd}', // Kannada
    '\u{d3e}'..='\u{d4d}', // Malayalam
    '\u{dca}'..='\u{ddf}', // Sinhala
    '\u{e31}'..='\u{e31}', // Thai
    '\u{e34}'..='\u{e3a}',
    '\u{e47}'..='\u{e4e}',
    '\u{eb1}'..='\u{eb1}', // Lao
    '\u{eb4}'..='\u{ebc}',
    '\u{ec8}'..='\u{ece}',
    '\u{f71}'..='\u{f84}', // Tibetan
    '\u{f8d}'..='\u{fbc}',
    '\u{102b}'..='\u{103e}', // Burmese
    '\u{135d}'..='\u{135f}', // Ethiopic
    '\u{17b6}'..='\u{17d3}', // Khmer
    '\u{1ab0}'..='\u{1aff}',
    '\u{1dc0}'..='\u{1dff}',
    '\u{20d0}'..='\u{20f0}', // for symbols
    '\u{2de0}'..='\u{2dff}', // Cyrillic
    '\u{302a}'..='\u{302f}', // for Chinese tones
    '\u{3099}'..='\u{309a}', // Japanese
    '\u{a66f}'..='\u{a672}', // Cyrillic
    '\u{a674}'..='\u{a67d}',
    '\u{a8e0}'..='\u{a8f1}', // Devanagari
    '\u{fb1e}'..='\u{fb1e}', // Hebrew
    '\u{fe20}'..='\u{fe2f}',
    '\u{101fd}'..='\u{101fd}',
    '\u{1d165}'..='\u{1d169}', // musical
    '\u{1d16d}'..='\u{1d172}',
    '\u{1d17b}'..='\u{1d182}',
    '\u{1d185}'..='\u{1d18b}',
    '\u{1d1aa}'..='\u{1d1ad}',
    '\u{1e000}'..='\u{1e02a}', // Glagolitic
    '\u{1e8d0}'..='\u{1e8d6}', // Mende
    '\u{1e944}'..='\u{1e94a}', // Adlam
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
    /// A combining mark has no letter before it, or too many marks are on one.
    #[error(
        "has the combining mark U+{:04X} in \"{text}\" without a letter before it, or after \
         {MAX_MARKS} others: leave it out",
        u32::from(*character)
    )]
    Mark {
        /// Its beginning, with the marks in it escaped.
        text: String,
        /// The mark.
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
    if let Some(character) = loose_mark(text) {
        return Err(BadLabel::Mark { text: shown(text), character });
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
        match is_invisible(character) || is_mark(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

/// Whether a character shows nothing by itself, or changes the direction of the text.
pub fn is_invisible(character: char) -> bool {
    // The last two of each plane are no characters.
    let is_none = u32::from(character) & 0xfffe == 0xfffe;
    character.is_control() || is_none || INVISIBLE.iter().any(|range| range.contains(&character))
}

fn is_mark(character: char) -> bool {
    MARKS.iter().any(|range| range.contains(&character))
}

/// The first combining mark of a text that has no letter or symbol to be on, or too many beside it.
fn loose_mark(text: &str) -> Option<char> {
    let mut room = 0;
    text.chars().find(|&character| {
        if !is_mark(character) {
            room = if character == ' ' { 0 } else { MAX_MARKS };
            return false;
        }
        let is_loose = room == 0;
        room = room.saturating_sub(1);
        is_loose
    })
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
    fn combining_marks_are_on_something_and_few() {
        for text in ["e\u{301}", "a\u{308}\u{304}", "ก็", "की", "שָׁ", "कि 7", "が", "1\u{20e3}"]
        {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
        for text in ["\u{301}", "\u{301}e", "7 \u{20dd}", "z\u{300}\u{301}\u{302}\u{303}\u{304}"] {
            assert!(matches!(check(text), Err(BadLabel::Mark { .. })), "{text:?}");
        }
        let message = check("\u{301}7").map_err(|error| error.to_string());
        let expected = "has the combining mark U+0301 in \"\\u{301}7\" without a letter before it, or \
                        after 4 others: leave it out";
        assert_eq!(message, Err(expected.to_owned()));
    }

    #[test]
    fn nothing_in_a_label_is_invisible_or_turns_the_text_around() {
        for code in [
            0x00, 0x07, 0x0a, 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x061c, 0x200b, 0x200d, 0x200f, 0x2028,
            0x2029, 0x202a, 0x202e, 0x2060, 0x2064, 0x2066, 0x2069, 0xfe0f, 0xfeff, 0xfffd,
            0xe0001, 0xe007f, 0xa0, 0x1680, 0x2000, 0x2009, 0x202f, 0x205f, 0x3000, 0x600, 0x70f,
            0x8e2, 0x110bd, 0x13430, 0x1343f, 0x16fe4, 0x1d159, 0xfdd0, 0xffff, 0x1fffe, 0xe000,
            0xf8ff, 0xf0000, 0x10ffff,
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
