//! Whose address it is. A client has one IPv4 address, and any number of IPv6 addresses: all those
//! of its network, which may be a /64, a /56 or a /48, and nothing in an address says which. So a
//! request from an IPv6 address counts in all three, and a wider network may take more in all.

use std::{fmt, net::IpAddr};

/// The IPv6 networks that an address counts in: the length of the prefix in bits, and how many times
/// the share of one client the whole network may take. Customers of one provider may share a /48.
const WIDTHS: [(u8, u32); 3] = [(64, 1), (56, 2), (48, 4)];
/// How many times the share of one client each width of networks may take, the narrowest first.
pub const TIMES: [u32; 3] = [WIDTHS[0].1, WIDTHS[1].1, WIDTHS[2].1];

/// An IPv4 address, or an IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    /// The length of its prefix.
    bits: u8,
}

/// What identifies a client: its IPv4 address, or the first address of its IPv6 /64.
pub fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(_) => Network::around(address, WIDTHS[0].0).address,
        v4 => v4,
    }
}

/// The networks that a client counts in, the narrowest first, each with how many times the share of
/// one client it may take.
pub fn networks(client: IpAddr) -> impl Iterator<Item = (Network, u32)> {
    let count = if client.is_ipv6() { WIDTHS.len() } else { 1 };
    WIDTHS.into_iter().take(count).map(move |(bits, times)| (Network::around(client, bits), times))
}

/// The widest network that a client counts in, as it is stored with the samples that come from
/// there: `203.0.113.9`, `2001:db8:7::/48`.
pub fn widest(client: IpAddr) -> Network {
    Network::around(client, WIDTHS[WIDTHS.len() - 1].0)
}

impl Network {
    fn around(address: IpAddr, bits: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let rest = 128 - u32::from(bits);
                Self { address: IpAddr::V6((v6.to_bits() >> rest << rest).into()), bits }
            }
            v4 => Self { address: v4, bits: 32 },
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/{}", self.bits),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_counts_in_three_networks_and_an_ipv4_address_alone() {
        let of = |text: &str| {
            let client = client(text.parse().unwrap());
            networks(client).map(|(network, times)| format!("{network} {times}")).collect()
        };
        let six: Vec<String> = of("2001:db8:7:1234::9");
        assert_eq!(six, ["2001:db8:7:1234::/64 1", "2001:db8:7:1200::/56 2", "2001:db8:7::/48 4"]);
        let four: Vec<String> = of("203.0.113.9");
        assert_eq!(four, ["203.0.113.9 1"]);
        // The same address, as IPv6 writes it.
        assert_eq!(of("::ffff:203.0.113.9"), four);
        let stored = |text: &str| widest(client(text.parse().unwrap())).to_string();
        assert_eq!(stored("2001:db8:7:ffff::1"), "2001:db8:7::/48");
        assert_eq!(stored("203.0.113.9"), "203.0.113.9");
    }
}
