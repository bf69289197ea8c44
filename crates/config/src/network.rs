//! A range of addresses, `10.0.0.0/8` or one address: the proxies whose word is taken.
//!
//! Invariants: the prefix is never longer than the address; an IPv4 address written as IPv6 counts as IPv4.
//! Does not know: headers, listeners.
//! Source: RFC 4632, section 3.1, prefix notation.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// The text is not an address with an optional prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a range such as 10.0.0.0/8")]
pub struct NetworkError;

impl Network {
    /// Whether the address lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(one)) => {
                let differ = u32::from(range) ^ u32::from(one);
                differ.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(range), IpAddr::V6(one)) => {
                let differ = u128::from(range) ^ u128::from(one);
                differ.leading_zeros() >= u32::from(self.prefix_bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => bits_max,
            // Digits only: the integer parser alone would also take `+8`.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| NetworkError)?
            }
            Some(_) => return Err(NetworkError),
        };
        if prefix_bits > bits_max {
            return Err(NetworkError);
        }
        Ok(Self {
            address,
            prefix_bits,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, inside: &[&str], outside: &[&str]) {
        let network: Network = range.parse().unwrap();
        for address in inside {
            assert!(
                network.contains(address.parse().unwrap()),
                "{range} should hold {address}"
            );
        }
        for address in outside {
            assert!(
                !network.contains(address.parse().unwrap()),
                "{range} should not hold {address}"
            );
        }
    }

    #[test]
    fn ranges_hold_what_their_prefix_says() {
        check(
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.1.2", "::ffff:10.1.1.1"],
            &["11.0.0.0", "9.255.255.255", "::1"],
        );
        check(
            "192.168.1.7",
            &["192.168.1.7"],
            &["192.168.1.6", "192.168.1.8"],
        );
        check("0.0.0.0/0", &["1.2.3.4"], &["2001:db8::1"]);
        check(
            "2001:db8::/32",
            &["2001:db8:ffff::1"],
            &["2001:db9::1", "10.0.0.1"],
        );
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "proxy.example",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }
}
