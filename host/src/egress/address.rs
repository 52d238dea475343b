//! Which addresses may be behind a name.
//!
//! A name belongs to whoever answers for it, and may resolve to the machine itself, to its router, or to the service that hands out the
//! credentials of a cloud instance. So a request goes to the public internet, or where the user said that this host may be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::policy::AddressRange;

/// Where the credentials and the user data of a cloud instance are handed out to whoever asks. Nothing opens these: not even a range that the
/// user named and that holds them.
const METADATA: &[IpAddr] = &[
    // Amazon, Google, Azure, and most others.
    v4(169, 254, 169, 254),
    // Amazon: tasks of ECS, pods of EKS.
    v4(169, 254, 170, 2),
    v4(169, 254, 170, 23),
    // Azure: the agent of the machine.
    v4(168, 63, 129, 16),
    // Alibaba.
    v4(100, 100, 100, 200),
    // Oracle.
    v4(192, 0, 0, 192),
    // Amazon, by IPv6: instances, pods of EKS.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google, by IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Networks of IPv4 that are not the public internet (RFC 6890 and what came after it): first address, bits, what it is.
const NOT_PUBLIC_V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::UNSPECIFIED, 8, "means this machine"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "is of a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "is of the network of a provider"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "is this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "is of the local link"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "is of a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "is reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "is for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "is of a relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "is of a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "is for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "is for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "is for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 3, "is of a group, or reserved"),
];

/// Networks of IPv6 inside of `2000::/3` that are not the public internet.
const NOT_PUBLIC_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "is of a tunnel, or reserved"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "is for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "is of a tunnel"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "is for documentation"),
];

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// It hands out credentials of the machine.
    Metadata,
    /// It is not on the public internet, for this reason, and the user did not say that this host may be there.
    NotPublic(&'static str),
}

impl Forbidden {
    /// What the address is: `is this machine`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Metadata => "is where cloud machines get their credentials, which no plugin may ask for",
            Self::NotPublic(reason) => reason,
        }
    }
}

/// Whether a host for which the user named the ranges `private` may be at `address`. An address of IPv4 inside one of IPv6 counts as what it is.
pub(super) fn check(address: IpAddr, private: &[AddressRange]) -> Result<(), Forbidden> {
    let address = plain(address);
    let inside = match address {
        IpAddr::V4(_) => vec![],
        IpAddr::V6(address) => inside(address),
    };
    for one in inside.into_iter().map(IpAddr::V4).chain([address]) {
        check_metadata(one)?;
        if private.iter().any(|range| range.contains(one)) {
            continue;
        }
        if let Some(reason) = not_public(one) {
            return Err(Forbidden::NotPublic(reason));
        }
    }
    Ok(())
}

/// Whether `address` can be typed by the user as the place of a host: any but those that hand out credentials.
pub(super) fn check_typed(address: IpAddr) -> Result<(), Forbidden> {
    let address = plain(address);
    let inside = if let IpAddr::V6(address) = address { inside(address) } else { vec![] };
    inside.into_iter().map(IpAddr::V4).chain([address]).try_for_each(check_metadata)
}

fn check_metadata(address: IpAddr) -> Result<(), Forbidden> {
    if METADATA.contains(&address) { Err(Forbidden::Metadata) } else { Ok(()) }
}

fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            let within = |network: Ipv4Addr, length: u32| (bits ^ network.to_bits()) >> (32 - length) == 0;
            NOT_PUBLIC_V4.iter().find(|(network, length, _)| within(*network, *length)).map(|(.., reason)| *reason)
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let within = |network: Ipv6Addr, length: u32| (bits ^ network.to_bits()) >> (128 - length) == 0;
            if !within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3) {
                return Some(if address.is_loopback() { "is this machine" } else { "is of a private network, or reserved" });
            }
            NOT_PUBLIC_V6.iter().find(|(network, length, _)| within(*network, *length)).map(|(.., reason)| *reason)
        }
    }
}

/// The address of IPv4 where one of IPv6 is nothing but another way to write it: mapped, compatible, or of the translator that everybody may
/// use (RFC 6052).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        // `::` and `::1` are addresses of IPv6.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => IpAddr::V4(last(v6)),
        _ => address,
    }
}

/// Addresses of IPv4 to which a tunnel or a translator would carry what is sent to this one.
fn inside(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let half = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // Translated (RFC 2765), a translator of a network of its own (RFC 8215), and ISATAP, which is below any network.
        [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 1, ..] | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![last(address)],
        // 6to4.
        [0x2002, high, low, ..] => vec![half(high, low)],
        // Teredo: the server, and the client, whose bits are turned over.
        [0x2001, 0, high, low, ..] => vec![half(high, low), Ipv4Addr::from_bits(!last(address).to_bits())],
        _ => vec![],
    }
}

/// The last 32 bits.
fn last(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(text: &str, private: &[&str]) -> Result<(), Forbidden> {
        let ranges: Vec<AddressRange> = private.iter().map(|range| range.parse().unwrap()).collect();
        check(text.parse().unwrap(), &ranges)
    }

    /// NE09
    #[test]
    fn only_the_public_internet_may_be_behind_a_name() {
        for public in ["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1"] {
            assert_eq!(verdict(public, &[]), Ok(()), "{public}");
        }
        for not in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "100::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002::1",
            "3fff::1",
            "4000::1",
        ] {
            assert!(matches!(verdict(not, &[]), Err(Forbidden::NotPublic(_))), "{not}");
        }
    }

    /// NE06
    #[test]
    fn an_address_inside_another_counts_as_what_it_is() {
        for not in [
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1::101:101",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "2606:4700::5efe:7f00:1",
            "2606:4700::200:5efe:10.0.0.1",
        ] {
            assert!(verdict(not, &[]).is_err(), "{not}");
        }
        for public in ["::ffff:1.1.1.1", "64:ff9b::101:101", "2606:4700::5efe:101:101"] {
            assert_eq!(verdict(public, &[]), Ok(()), "{public}");
        }
        assert_eq!(verdict("::ffff:10.1.2.3", &["10.0.0.0/8"]), Ok(()), "it is granted by what it is");
    }

    /// NE08
    #[test]
    fn what_hands_out_credentials_is_opened_by_no_range() {
        let all = ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"];
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::5efe:a9fe:a9fe",
        ] {
            assert_eq!(verdict(text, &all), Err(Forbidden::Metadata), "{text}");
            assert_eq!(check_typed(text.parse().unwrap()), Err(Forbidden::Metadata), "{text}");
        }
        assert_eq!(check_typed("127.0.0.1".parse().unwrap()), Ok(()));
    }

    #[test]
    fn a_range_opens_what_is_in_it_and_nothing_beside() {
        assert_eq!(verdict("10.1.2.3", &["10.1.0.0/16"]), Ok(()));
        assert!(verdict("10.2.2.3", &["10.1.0.0/16"]).is_err());
        assert!(verdict("127.0.0.1", &["::1/128"]).is_err());
        assert_eq!(verdict("fd12::1", &["fd12::/16", "127.0.0.0/8"]), Ok(()));
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_private_address_is_public(a in 0_u8.., b in 0_u8.., c in 0_u8..) {
            for private in [Ipv4Addr::new(10, a, b, c), Ipv4Addr::new(127, a, b, c), Ipv4Addr::new(192, 168, b, c)] {
                let bits = u128::from(private.to_bits());
                for prefix in [0, 0xffff_u128 << 32, 0xffff_u128 << 48, 0x64_ff9b_u128 << 96, 0x64_ff9b_0001_u128 << 80] {
                    prop_assert!(check(Ipv6Addr::from_bits(prefix | bits).into(), &[]).is_err());
                }
            }
        }
    }
}
