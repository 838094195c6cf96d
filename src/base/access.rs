//! [`AccessList`]: which addresses are let in; [`Prefix`], of which it consists.
//!
//! The most specific prefix decides, wherever it stands in the list: so that `10.0.0.0/8` can be
//! denied and `10.1.2.3` in it allowed, and the order of a configuration file means nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Which addresses are let in. Everybody, as long as it is empty.
///
/// Three rules:
///
/// 1. Of all prefixes that hold an address, the longest decides.
/// 2. A prefix that is both allowed and denied is denied.
/// 3. An address that no prefix holds is let in if nothing was allowed expressly: a list of those
///    denied shuts out these and nobody else, a list of those allowed lets in these and nobody
///    else. To have both, say what is to become of the rest: allow or deny `0.0.0.0/0` and `::/0`.
///
/// IPv4 and IPv6 are apart: `::/0` holds no IPv4 address. An IPv4 address written as IPv6
/// (`::ffff:10.0.0.1`, which is how a dual-stack socket shows it) is an IPv4 address.
///
/// Looking an address up takes two searches in a sorted map for each *length* of prefix that is
/// in the list, however many prefixes there are.
///
/// ```
/// # use overt::base::AccessList;
/// let mut access = AccessList::default();
/// access.allow("10.0.0.0/8".parse()?);
/// access.deny("10.66.0.0/16".parse()?);
/// assert!(access.permits("10.1.2.3".parse().unwrap()));
/// assert!(!access.permits("10.66.2.3".parse().unwrap()));
/// assert!(!access.permits("192.0.2.1".parse().unwrap()));
/// # Ok::<(), overt::base::PrefixError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessList {
    verdicts: BTreeMap<Prefix, Verdict>,
    /// Whether anything is allowed expressly.
    allows: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    Deny,
}

impl AccessList {
    /// Lets in the addresses of `prefix`, unless a longer one denies them, or this same one does.
    pub fn allow(&mut self, prefix: Prefix) {
        self.allows = true;
        self.verdicts.entry(prefix).or_insert(Verdict::Allow);
    }

    /// Turns away the addresses of `prefix`, unless a longer one allows them.
    pub fn deny(&mut self, prefix: Prefix) {
        self.verdicts.insert(prefix, Verdict::Deny);
    }

    /// Whether `ip` is let in.
    pub fn permits(&self, ip: IpAddr) -> bool {
        match self.verdict(ip.to_canonical()) {
            Some(verdict) => verdict == Verdict::Allow,
            None => !self.allows,
        }
    }

    /// Whether it lets everybody in because it says nothing.
    pub fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
    }

    /// That of the longest prefix that holds `ip`. The map is sorted by family, then by length, so
    /// what stands before a prefix that is not there tells which length to try next.
    fn verdict(&self, ip: IpAddr) -> Option<Verdict> {
        let mut length = Family::of(ip).bits();
        loop {
            let wanted = Prefix::around(ip, length);
            let (found, verdict) = self.verdicts.range(..=wanted).next_back()?;
            if *found == wanted {
                return Some(*verdict);
            }
            if found.family != wanted.family {
                return None;
            }
            // Of the same length: there is no other that could hold it.
            length = match found.length == length {
                true => length.checked_sub(1)?,
                false => found.length,
            };
        }
    }
}

/// Addresses that begin with the same bits: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    family: Family,
    length: u8,
    /// Those of the address, from the top; all others are zero.
    bits: u128,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl Prefix {
    /// The prefix of this length that holds `ip`. A length beyond that of an address is cut.
    fn around(ip: IpAddr, length: u8) -> Self {
        let family = Family::of(ip);
        let length = length.min(family.bits());
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Self { family, length, bits: from_the_top(ip) & mask }
    }

    /// The first address that begins so.
    fn first(&self) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::from((self.bits >> 96) as u32).into(),
            Family::V6 => Ipv6Addr::from(self.bits).into(),
        }
    }
}

fn from_the_top(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
        IpAddr::V6(ip) => ip.into(),
    }
}

/// The prefix that is this address alone.
impl From<IpAddr> for Prefix {
    fn from(ip: IpAddr) -> Self {
        Self::around(ip.to_canonical(), 128)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.length)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no [`Prefix`]: says what was written, and what is wrong with it, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixError {
    text: String,
    wrong: Wrong,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrong {
    Address,
    Length(u8),
    /// Bits are set behind the prefix, which then is this one.
    Behind(Prefix),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.wrong {
            Wrong::Address => write!(f, "`{text}` is not a prefix: write ADDRESS or ADDRESS/BITS"),
            Wrong::Length(max) => write!(f, "`{text}` is not a prefix: write 0 to {max} bits"),
            Wrong::Behind(prefix) => {
                write!(f, "`{text}` says more than its length: write {prefix}, or a longer one")
            }
        }
    }
}

impl std::error::Error for PrefixError {}

/// `10.0.0.0/8`, `2001:db8::/32`, or an address alone. Bits behind the prefix must be zero: they
/// are more often a slip of the pen than meant.
impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let error = |wrong| PrefixError { text: text.to_owned(), wrong };
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| error(Wrong::Address))?;
        let Some(length) = length else { return Ok(ip.into()) };
        let max = Family::of(ip).bits();
        let digits = (1..=3).contains(&length.len()) && length.bytes().all(|b| b.is_ascii_digit());
        let length = length.parse().ok().filter(|length| digits && *length <= max);
        let length: u8 = length.ok_or_else(|| error(Wrong::Length(max)))?;
        // Within ::ffff:0:0/96, IPv4 addresses are meant (RFC 4291, 2.5.5.2).
        let (ip, length) = match ip.to_canonical() {
            IpAddr::V4(v4) if max == 128 && length >= 96 => (v4.into(), length - 96),
            _ => (ip, length),
        };
        let prefix = Self::around(ip, length);
        match prefix.bits == from_the_top(ip) {
            true => Ok(prefix),
            false => Err(error(Wrong::Behind(prefix))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(rules: &str) -> AccessList {
        let mut list = AccessList::default();
        for rule in rules.split_whitespace() {
            match rule.split_at(1) {
                ("+", prefix) => list.allow(prefix.parse().unwrap()),
                (_, prefix) => list.deny(prefix.parse().unwrap()),
            }
        }
        list
    }

    #[track_caller]
    fn check(rules: &str, allowed: &str, denied: &str) {
        let list = list(rules);
        let permits = |ip: &str| list.permits(ip.parse().unwrap());
        for ip in allowed.split_whitespace() {
            assert!(permits(ip), "{ip} is denied by {rules}");
        }
        for ip in denied.split_whitespace() {
            assert!(!permits(ip), "{ip} is allowed by {rules}");
        }
    }

    #[test]
    fn an_empty_list_lets_everybody_in() {
        check("", "0.0.0.0 10.1.2.3 255.255.255.255 :: ::1 2001:db8::1", "");
        assert!(AccessList::default().is_empty());
    }

    #[test]
    fn those_denied_are_shut_out_and_nobody_else() {
        check("-10.0.0.0/8 -::1", "9.255.255.255 11.0.0.0 ::2 ::", "10.0.0.0 10.255.255.255 ::1");
    }

    #[test]
    fn those_allowed_are_let_in_and_nobody_else() {
        check("+10.0.0.0/8", "10.0.0.0 10.9.9.9", "11.0.0.0 ::1 2001:db8::1");
    }

    #[test]
    fn the_longest_prefix_decides_in_whatever_order_they_come() {
        let rules = ["-10.0.0.0/8", "+10.1.0.0/16", "-10.1.2.0/24", "+10.1.2.3", "+0.0.0.0/0"];
        for turn in 0..rules.len() {
            let mut rules = rules;
            rules.rotate_left(turn);
            let allowed = "11.0.0.1 10.1.0.1 10.1.3.0 10.1.2.3";
            check(&rules.join(" "), allowed, "10.0.0.1 10.2.0.0 10.1.2.2 10.1.2.4");
        }
    }

    #[test]
    fn what_is_both_allowed_and_denied_is_denied() {
        check("+10.0.0.0/8 -10.0.0.0/8", "", "10.0.0.1 11.0.0.1");
        check("-10.0.0.0/8 +10.0.0.0/8", "", "10.0.0.1 11.0.0.1");
    }

    #[test]
    fn an_ipv4_address_is_one_however_it_is_written() {
        check("-10.0.0.0/8", "::ffff:11.0.0.1", "::ffff:10.0.0.1");
        check("-::ffff:10.0.0.0/104", "11.0.0.1 ::1", "10.0.0.1 ::ffff:10.0.0.1");
        check("-::ffff:10.0.0.1", "10.0.0.2", "10.0.0.1");
    }

    #[test]
    fn all_of_ipv6_is_not_all_of_ipv4() {
        check("-::/0", "10.0.0.1 ::ffff:10.0.0.1", ":: ::1 2001:db8::1");
        check("-0.0.0.0/0", "::1", "10.0.0.1 ::ffff:10.0.0.1");
        check("+::/0", "::1", "10.0.0.1");
    }

    #[test]
    fn prefixes_are_read_and_written_alike() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "::/0", "2001:db8::/32", "::1/128"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
        let written = |text: &str| text.parse::<Prefix>().unwrap().to_string();
        assert_eq!(written("10.1.2.3"), "10.1.2.3/32");
        assert_eq!(written("::1"), "::1/128");
        assert_eq!(written("::ffff:10.0.0.0/104"), "10.0.0.0/8");
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let error = |text: &str| text.parse::<Prefix>().unwrap_err().to_string();
        assert_eq!(error("10.0.0/8"), "`10.0.0/8` is not a prefix: write ADDRESS or ADDRESS/BITS");
        assert_eq!(error("10.0.0.0/33"), "`10.0.0.0/33` is not a prefix: write 0 to 32 bits");
        assert_eq!(error("::/129"), "`::/129` is not a prefix: write 0 to 128 bits");
        assert_eq!(
            error("10.0.0.1/8"),
            "`10.0.0.1/8` says more than its length: write 10.0.0.0/8, or a longer one"
        );
        for text in ["", "/", "/8", "a", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/ 8"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
        for text in ["10.0.0.0/0008", "10.0.0.0/8/8", "::1%eth0", "localhost", "10.0.0.0/256"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    /// Few distinct bits, so that prefixes nest and meet.
    fn address() -> impl Strategy<Value = IpAddr> {
        let few =
            prop_oneof![Just(0_u32), Just(u32::MAX), 0..4_u32, (0..4_u32).prop_map(|n| n << 30)];
        let v6 = (few.clone(), few.clone())
            .prop_map(|(top, low)| Ipv6Addr::from(u128::from(top) << 96 | u128::from(low)).into());
        prop_oneof![few.prop_map(|bits| Ipv4Addr::from(bits).into()), v6]
    }

    fn length() -> impl Strategy<Value = u8> {
        prop_oneof![0..5_u8, 28..36_u8, 94..98_u8, 124..=128_u8]
    }

    proptest! {
        #[test]
        fn agrees_with_looking_at_every_prefix(
            rules in prop::collection::vec((address(), length(), any::<bool>()), 0..12),
            asked in prop::collection::vec(address(), 1..12),
        ) {
            let mut list = AccessList::default();
            let mut all: Vec<(Prefix, bool)> = Vec::new();
            for (ip, length, allow) in rules {
                let prefix = Prefix::around(ip.to_canonical(), length);
                if allow { list.allow(prefix) } else { list.deny(prefix) }
                all.push((prefix, allow));
            }
            for ip in asked {
                let ip = ip.to_canonical();
                let holds = |prefix: &Prefix| {
                    prefix.family == Family::of(ip) && Prefix::around(ip, prefix.length) == *prefix
                };
                let longest = all.iter().filter(|(prefix, _)| holds(prefix));
                let longest = longest.map(|(prefix, _)| prefix.length).max();
                let expected = match longest {
                    Some(length) => all
                        .iter()
                        .all(|(prefix, allow)| !holds(prefix) || prefix.length != length || *allow),
                    None => !all.iter().any(|(_, allow)| *allow),
                };
                prop_assert_eq!(list.permits(ip), expected, "{} in {:?}", ip, list);
            }
        }
    }
}
