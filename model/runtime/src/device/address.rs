//! The addresses of devices that other machines lend.

use std::{fmt, str::FromStr};

/// The address of a device that another machine lends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    /// `ws://host:port`
    pub(super) url: String,
    /// The number of the device among those lent there, from 0.
    pub(super) number: usize,
}

/// The environment variable with the token that a lender requires.
pub const TOKEN_VARIABLE: &str = "GLYPHIC_REMOTE_TOKEN";

impl FromStr for RemoteAddress {
    type Err = ();

    /// Parses `ws://host:port` or, for a device other than the first, `ws://host:port/N`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text.strip_prefix("ws://").ok_or(())?;
        let (host, number) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), 0),
            Some((host, number)) => (host, number.parse().map_err(|_| ())?),
        };
        let (name, port) = host.rsplit_once(':').ok_or(())?;
        if name.is_empty() || port.parse::<u16>().is_err() {
            return Err(());
        }
        Ok(Self { url: format!("ws://{host}"), number })
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => f.write_str(&self.url),
            number => write!(f, "{}/{number}", self.url),
        }
    }
}
