//! IDX, the format of MNIST and the sets made like it: MNIST, Fashion-MNIST, KMNIST, EMNIST (whose
//! pictures are stored with rows and columns exchanged) and QMNIST (whose labels are rows of eight
//! numbers, the digit first). Files are known by the names that their publishers gave them.
//!
//! ```text
//! magic    u32  (big-endian) 0, 0, the type of a number, and how many sizes follow
//! sizes    u32  each: how many items, then rows and columns of pictures
//! data     the numbers
//! ```

use std::{borrow::Cow, collections::BTreeMap, io::Read};

use flate2::bufread::GzDecoder;
use glyphic_model::{
    Glyph,
    glyph::{PIXELS, SIDE},
    labels,
};
use thiserror::Error;

use crate::text::normal;

/// The file that names the labels, one a line, the first for the number 0.
pub const LIST: &str = "labels.txt";
/// How a gzip file begins. No IDX file and no text does.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The types of numbers: unsigned bytes, and signed numbers of 4 bytes.
const BYTES: u8 = 8;
const NUMBERS: u8 = 12;
const PICTURES_MAGIC: u32 = 0x0803;

/// Why a file is not the IDX file that its name promises.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadIdx {
    /// It ends within its header.
    #[error("it is truncated ({0} bytes are less than a header)")]
    Truncated(usize),
    /// It begins differently.
    #[error(
        "its magic number is {found:#010x}, but an IDX file with this name has {expected:#010x}"
    )]
    Magic {
        /// How it begins.
        found: u32,
        /// How it should begin.
        expected: u32,
    },
    /// Its pictures do not have 28 × 28 pixels.
    #[error("its pictures have {0:?} pixels, not [{SIDE}, {SIDE}]")]
    Size(Vec<usize>),
    /// It is shorter or longer than it says.
    #[error("it has {found} bytes of data, but its header says {expected} ({count} items)")]
    Length {
        /// The bytes after the header.
        found: usize,
        /// How many there should be.
        expected: usize,
        /// How many items it says it has.
        count: usize,
    },
    /// A label is not a number from 0 to 255.
    #[error("its label {number} (item {item}) is not from 0 to 255")]
    Label {
        /// The label.
        number: i32,
        /// Its place, from 0.
        item: usize,
    },
    /// It cannot be unpacked.
    #[error("it cannot be unpacked ({0})")]
    Packed(String),
}

/// What the files of IDX sets hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Pictures.
    Pictures,
    /// The numbers of their labels.
    Labels,
}

/// What a file's name says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxName {
    /// The beginning that a file of pictures and its labels share: `train`, `emnist-digits-test`.
    pub set: String,
    /// What it holds.
    pub content: Content,
    /// Its name as MNIST's are written, without `.gz`: `train-images-idx3-ubyte`.
    pub name: String,
}

impl IdxName {
    /// The name of an IDX file, gzipped or not: `train-images-idx3-ubyte`,
    /// `train-images.idx3-ubyte.gz`, `qmnist-train-labels-idx2-int`. `None` for other files.
    pub fn of(file: &str) -> Option<Self> {
        let key = key(file);
        let name = key.strip_suffix("-gz").unwrap_or(&key);
        let (set, content) = [
            ("images-idx3-ubyte", Content::Pictures),
            ("labels-idx1-ubyte", Content::Labels),
            ("labels-idx2-int", Content::Labels),
        ]
        .into_iter()
        .find_map(|(end, content)| Some((name.strip_suffix(end)?, content)))?;
        Some(Self { set: set.trim_end_matches('-').to_owned(), content, name: name.to_owned() })
    }
}

/// A file's name without what differs between copies of the same set: capitals, and dots and
/// underscores instead of dashes.
pub fn key(file: &str) -> String {
    file.to_ascii_lowercase().replace(['.', '_', ' '], "-")
}

/// A file's content, unpacked if it is gzipped, whatever its name says: all members of a gzip file,
/// at most `most` bytes.
///
/// # Errors
/// It is damaged, or has more bytes.
pub fn unpacked(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>, BadIdx> {
    if !bytes.starts_with(&GZIP) {
        return Ok(Cow::Borrowed(bytes));
    }
    let (mut rest, mut content) = (bytes, Vec::new());
    // What follows the last member is filling.
    while rest.starts_with(&GZIP) {
        let mut member = GzDecoder::new(rest);
        let room = most + 1 - content.len() as u64;
        let read = (&mut member).take(room).read_to_end(&mut content);
        read.map_err(|error| BadIdx::Packed(error.to_string()))?;
        if content.len() as u64 > most {
            return Err(BadIdx::Packed(format!("it has more than {} MiB", most >> 20)));
        }
        rest = member.into_inner();
    }
    Ok(Cow::Owned(content))
}

/// The pictures in a file of the set of this name.
///
/// # Errors
/// It is not an IDX file of pictures of 28 × 28 bytes.
pub fn pictures(set: &str, bytes: &[u8]) -> Result<Vec<Glyph>, BadIdx> {
    let idx = Idx::of(bytes, PICTURES_MAGIC)?;
    if idx.magic() != PICTURES_MAGIC {
        return Err(BadIdx::Magic { found: idx.magic(), expected: PICTURES_MAGIC });
    }
    if idx.sizes[1..] != [SIDE, SIDE] {
        return Err(BadIdx::Size(idx.sizes[1..].to_vec()));
    }
    let transposed = set.starts_with("emnist");
    let (pictures, _) = idx.data()?.as_chunks::<PIXELS>();
    let glyph = |pixels: &[u8; PIXELS]| match transposed {
        true => Glyph::new(std::array::from_fn(|i| pixels[i % SIDE * SIDE + i / SIDE])),
        false => Glyph::new(*pixels),
    };
    Ok(pictures.iter().map(glyph).collect())
}

/// The numbers of the labels in a file, and whether they are QMNIST's: then they are digits.
///
/// # Errors
/// It is not an IDX file of labels.
pub fn label_numbers(bytes: &[u8]) -> Result<(Vec<u8>, bool), BadIdx> {
    const ONE_EACH: u32 = 0x0801;
    let idx = Idx::of(bytes, ONE_EACH)?;
    match (idx.kind, idx.sizes.len()) {
        (BYTES, 1) => Ok((idx.data()?.to_vec(), false)),
        (NUMBERS, 1 | 2) => {
            let data = idx.data()?;
            let row = data.len() / idx.sizes[0].max(1);
            let rows = data.chunks_exact(row.max(1)).enumerate();
            let numbers = rows.map(|(item, row)| {
                let number = row.first_chunk().map_or(-1, |bytes| i32::from_be_bytes(*bytes));
                u8::try_from(number).map_err(|_| BadIdx::Label { number, item })
            });
            Ok((numbers.collect::<Result<_, _>>()?, idx.sizes.len() == 2))
        }
        _ => Err(BadIdx::Magic { found: idx.magic(), expected: ONE_EACH }),
    }
}

/// An IDX file's header, and what follows it.
struct Idx<'a> {
    kind: u8,
    sizes: Vec<usize>,
    rest: &'a [u8],
}

impl<'a> Idx<'a> {
    fn of(bytes: &'a [u8], expected: u32) -> Result<Self, BadIdx> {
        let truncated = BadIdx::Truncated(bytes.len());
        let Some((magic, rest)) = bytes.split_first_chunk::<4>() else { return Err(truncated) };
        let found = u32::from_be_bytes(*magic);
        let [0, 0, kind @ (BYTES | NUMBERS), dimensions @ 1..=3] = *magic else {
            return Err(BadIdx::Magic { found, expected });
        };
        let Some((sizes, rest)) = rest.split_at_checked(4 * usize::from(dimensions)) else {
            return Err(truncated);
        };
        let (sizes, _) = sizes.as_chunks::<4>();
        let sizes = sizes.iter().map(|size| u32::from_be_bytes(*size) as usize).collect();
        Ok(Self { kind, sizes, rest })
    }

    fn magic(&self) -> u32 {
        u32::from_be_bytes([0, 0, self.kind, self.sizes.len() as u8])
    }

    /// What follows the header, if it is as long as that says.
    fn data(&self) -> Result<&'a [u8], BadIdx> {
        let bytes = if self.kind == BYTES { 1 } else { 4 };
        let expected = self.sizes.iter().fold(bytes, |all: usize, &size| all.saturating_mul(size));
        let (found, count) = (self.rest.len(), self.sizes.first().copied().unwrap_or_default());
        match found == expected {
            true => Ok(self.rest),
            false => Err(BadIdx::Length { found, expected, count }),
        }
    }
}

/// The texts of labels by their numbers, each with the line where it stands.
pub struct LabelTexts(BTreeMap<u8, (usize, String)>);

impl LabelTexts {
    /// From a list: a line for each label, the first for 0.
    pub fn of_list(text: &str) -> Self {
        let lines = text.lines().zip(1..).map(|(line, number)| (number, normal(line.trim())));
        Self((0..=u8::MAX).zip(lines).collect())
    }

    /// From EMNIST's mapping: a line for each label, with its number and the code of a character.
    pub fn of_mapping(text: &str) -> Self {
        let pairs = text.lines().zip(1..).filter_map(|(line, number)| {
            let mut numbers = line.split_whitespace();
            let value = numbers.next()?.parse().ok()?;
            let character = char::from_u32(numbers.next()?.parse().ok()?)?;
            Some((value, (number, normal(&character.to_string()))))
        });
        Self(pairs.collect())
    }

    /// The texts of these numbers.
    ///
    /// # Errors
    /// A message, which follows the file's name: a number has no text, its text cannot be a label,
    /// or two have the same.
    pub fn of_numbers(&self, numbers: &[u8]) -> Result<Vec<String>, String> {
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        let mut texts = Vec::with_capacity(numbers.len());
        for value in numbers {
            let found = self.0.get(value);
            let (line, text) =
                found.ok_or_else(|| format!("it has no label for the value {value}"))?;
            labels::check(text)
                .map_err(|error| format!("its label for the value {value} {error}"))?;
            if let Some(before) = lines.insert(text, *line) {
                return Err(format!(
                    "it has the label '{text}' twice, in line {before} and in line {line}"
                ));
            }
            texts.push(text.clone());
        }
        Ok(texts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn sets_are_known_by_their_publishers_names() {
        for (file, set, content, name) in [
            ("train-images-idx3-ubyte", "train", Content::Pictures, "train-images-idx3-ubyte"),
            ("train-images.idx3-ubyte", "train", Content::Pictures, "train-images-idx3-ubyte"),
            ("t10k-labels-idx1-ubyte.gz", "t10k", Content::Labels, "t10k-labels-idx1-ubyte"),
            ("T10K_labels.idx1-ubyte.GZ", "t10k", Content::Labels, "t10k-labels-idx1-ubyte"),
            (
                "emnist-digits-test-images-idx3-ubyte",
                "emnist-digits-test",
                Content::Pictures,
                "emnist-digits-test-images-idx3-ubyte",
            ),
            (
                "qmnist-train-labels-idx2-int.gz",
                "qmnist-train",
                Content::Labels,
                "qmnist-train-labels-idx2-int",
            ),
        ] {
            let expected = IdxName { set: set.to_owned(), content, name: name.to_owned() };
            assert_eq!(IdxName::of(file), Some(expected), "{file}");
        }
        for file in
            ["labels.txt", "train-images-idx3-ubyte.gz.sha256", "train-images-idx3-ubyte.part"]
        {
            assert_eq!(IdxName::of(file), None, "{file}");
        }
    }

    fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(content).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_file_is_unpacked_whole_by_its_content() {
        assert_eq!(unpacked(b"\0\0\x08\x01", 9).unwrap()[..], *b"\0\0\x08\x01");
        let two = [gzipped(b"one "), gzipped(b""), gzipped(b"two"), vec![0; 20]].concat();
        assert_eq!(unpacked(&two, 7).unwrap()[..], *b"one two");
        assert!(matches!(unpacked(&two, 6), Err(BadIdx::Packed(_))));
        let cut = &two[..two.len() - 30];
        assert!(matches!(unpacked(cut, 99), Err(BadIdx::Packed(_))));
    }

    #[test]
    fn labels_are_the_first_of_their_numbers() {
        let row = |digit: u8| [0, 0, 0, digit].into_iter().chain([9; 28]);
        let mut qmnist = vec![0, 0, 12, 2, 0, 0, 0, 2, 0, 0, 0, 8];
        qmnist.extend(row(7).chain(row(1)));
        assert_eq!(label_numbers(&qmnist), Ok((vec![7, 1], true)));
        qmnist[12] = 1;
        assert!(matches!(label_numbers(&qmnist), Err(BadIdx::Label { item: 0, .. })));
        qmnist.pop();
        assert!(matches!(label_numbers(&qmnist), Err(BadIdx::Length { count: 2, .. })));
        assert_eq!(label_numbers(b"\0\0\x08\x01\0\0\0\x01\x05"), Ok((vec![5], false)));
        for empty in [&b"\0\0\x08\x01\0\0\0\0"[..], b"\0\0\x0c\x02\0\0\0\0\0\0\0\x08"] {
            assert_eq!(label_numbers(empty).unwrap().0, [0; 0]);
        }
        let huge = b"\0\0\x0c\x02\xff\xff\xff\xff\xff\xff\xff\xff";
        assert!(matches!(label_numbers(huge), Err(BadIdx::Length { .. })));
        for bad in [&b"\0\0\x08\x03\0\0\0\0\0\0\0\x1c\0\0\0\x1c"[..], b"\0\0\x0d\x01\0\0\0\0"] {
            assert!(matches!(label_numbers(bad), Err(BadIdx::Magic { .. })));
        }
    }

    #[test]
    fn a_list_has_each_label_once() {
        let texts = |list: &str, numbers: &[u8]| LabelTexts::of_list(list).of_numbers(numbers);
        assert_eq!(texts("a\r\n b \r\n", &[0, 1]), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(texts("a\na\n", &[1]), Ok(vec!["a".to_owned()]), "only one is used");
        let same = texts("\u{e9}\nb\ne\u{301}\n", &[0, 2]).unwrap_err();
        assert_eq!(same, "it has the label '\u{e9}' twice, in line 1 and in line 3");
        assert!(texts("a\n", &[1]).unwrap_err().contains("no label for the value 1"));
        assert!(texts("a\n\u{feff}b\n", &[1]).unwrap_err().contains("U+FEFF"));
        let mapping = LabelTexts::of_mapping("0 48\n1 65 97\n");
        assert_eq!(mapping.of_numbers(&[0, 1]), Ok(vec!["0".to_owned(), "A".to_owned()]));
    }
}
