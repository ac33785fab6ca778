//! What a column of a table holds: a number of digits, a range, certain values, or a check digit.

use serde::{Deserialize, Serialize};

/// What is known of the texts in a column. A text fits if all that is given is true of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Column {
    /// How many digits it has.
    pub digits: Option<Digits>,
    /// The least number.
    pub min: Option<u64>,
    /// The largest number.
    pub max: Option<u64>,
    /// The only texts that it can be, if there are any.
    pub values: Vec<String>,
    /// The check that its last digit passes.
    pub check: Option<Check>,
}

/// How many digits a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Digits {
    /// So many.
    Exactly(usize),
    /// From the first to the second number.
    Between(usize, usize),
}

/// A check digit: the last one, which follows from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// Luhn's (1960), of credit cards and IMEIs: from the right, every second digit counts twice, a
    /// product of two digits as their sum; the sum ends with 0.
    Luhn,
    /// EAN-8, UPC-A, EAN-13 and GTIN-14: from the right, digits count once and three times in turn; the
    /// sum ends with 0.
    Ean,
    /// An EAN of 13 digits that begins with 978 or 979.
    Isbn13,
    /// Ten digits, the last of which may be X for 10: from the right, they count once, twice, and so on
    /// to ten times; the sum is divisible by 11.
    Isbn10,
    /// From the right, the check digit counts once, the others 2 to 7 times in turn; the sum is divisible
    /// by 11. X is 10.
    Mod11,
}

impl Column {
    /// Whether a text may be in the column.
    pub fn fits(&self, text: &str) -> bool {
        let length = text.chars().count();
        let has_length = self.digits.is_none_or(|digits| match digits {
            Digits::Exactly(count) => length == count,
            Digits::Between(least, most) => (least..=most).contains(&length),
        });
        let in_range = (self.min.is_none() && self.max.is_none())
            || text.parse().is_ok_and(|number: u64| {
                self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
            });
        let is_value = self.values.is_empty() || self.values.iter().any(|value| value == text);
        has_length && in_range && is_value && self.check.is_none_or(|check| check.passes(text))
    }

    /// Whether every text fits.
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }
}

impl Check {
    /// Whether the last digit of a text is the one that follows from the others.
    pub fn passes(self, text: &str) -> bool {
        let may_be_ten = matches!(self, Self::Isbn10 | Self::Mod11);
        let count = text.chars().count();
        let value = |(i, c): (usize, char)| match c {
            'X' | 'x' if may_be_ten && i + 1 == count => Some(10),
            c => c.to_digit(10),
        };
        let digits: Option<Vec<u32>> = text.chars().enumerate().map(value).collect();
        let Some(digits) = digits.filter(|digits| digits.len() > 1) else { return false };
        let sum = |weight: &dyn Fn(usize, u32) -> u32| -> u32 {
            digits.iter().rev().enumerate().map(|(i, &digit)| weight(i, digit)).sum()
        };
        let ean = || sum(&|i, digit| if i % 2 == 1 { 3 * digit } else { digit }) % 10 == 0;
        match self {
            Self::Luhn => {
                let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
                sum(&|i, digit| if i % 2 == 1 { doubled(digit) } else { digit }) % 10 == 0
            }
            Self::Ean => matches!(digits.len(), 8 | 12 | 13 | 14) && ean(),
            Self::Isbn13 => {
                let is_book = text.starts_with("978") || text.starts_with("979");
                digits.len() == 13 && is_book && ean()
            }
            Self::Isbn10 => digits.len() == 10 && sum(&|i, digit| (i as u32 + 1) * digit) % 11 == 0,
            Self::Mod11 => {
                let weight = |i: usize| if i == 0 { 1 } else { (i as u32 - 1) % 6 + 2 };
                sum(&|i, digit| weight(i) * digit) % 11 == 0
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn column(json: &str) -> Column {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_text_fits_if_all_that_is_known_is_true_of_it() {
        for (json, fit, other) in [
            (r#"{"digits":3}"#, "007", "7"),
            (r#"{"digits":[1,2]}"#, "12", "123"),
            (r#"{"min":5,"max":20}"#, "020", "21"),
            (r#"{"max":20}"#, "0", "A"),
            (r#"{"values":["1","11"]}"#, "11", "7"),
            (r#"{"digits":2,"max":20}"#, "07", "7"),
        ] {
            assert!(column(json).fits(fit), "{json} {fit}");
            assert!(!column(json).fits(other), "{json} {other}");
        }
        assert!(column("{}").is_free() && column("{}").fits(""));
        for bad in [r#"{"digit":3}"#, r#"{"check":"sum"}"#, r#"{"digits":-1}"#] {
            assert!(serde_json::from_str::<Column>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn check_digits_are_those_of_published_examples() {
        for (check, right) in [
            (Check::Luhn, "79927398713"),
            (Check::Luhn, "4539148803436467"),
            (Check::Ean, "4006381333931"),
            (Check::Ean, "73513537"),
            (Check::Ean, "036000291452"),
            (Check::Isbn13, "9780306406157"),
            (Check::Isbn10, "0306406152"),
            (Check::Isbn10, "080442957X"),
            (Check::Mod11, "0365327"),
        ] {
            assert!(check.passes(right), "{check:?} {right}");
            // Any other last digit is wrong, and so is any other digit.
            for i in 0..right.len() {
                let changed = |c: char| {
                    let mut digits: Vec<char> = right.chars().collect();
                    digits[i] = c;
                    digits.iter().collect::<String>()
                };
                let others = "0123456789".chars().filter(|&c| !right[i..].starts_with(c));
                for other in others.map(changed) {
                    assert!(!check.passes(&other), "{check:?} {other}");
                }
            }
        }
        assert!(!Check::Isbn13.passes("4006381333931") && !Check::Luhn.passes("0"));
        assert!(!Check::Isbn10.passes("X000000000") && !Check::Luhn.passes("1X"));
    }
}
