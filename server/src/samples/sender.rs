//! Who sends samples, and whose they are.

/// Who sends samples, as far as the server knows. By default it is nobody that it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Whether it is the token's holder or, on a server without a token, a user of this machine.
    pub trusted: bool,
    /// The SHA-256 (hex) of the secret that a visitor's browser keeps: by it the visitor finds its
    /// samples again. The secret itself is stored nowhere.
    pub visitor: Option<String>,
    /// The visitor's IPv4 address or IPv6 network; empty if it is trusted or unknown.
    pub network: String,
}

impl Sender {
    /// The token's holder, whose samples count.
    pub fn holder() -> Self {
        Self { trusted: true, ..Self::default() }
    }
}
