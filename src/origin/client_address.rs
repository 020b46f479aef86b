//! Whose connections and requests are counted together. No sockets in here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::{IpNet, Ipv4Net};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What is counted as one client: an IPv4 address, or the first 64 bits of an IPv6 address, which is what a provider gives to
/// one customer. An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        })
    }
}

/// A network of proxies whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`, or one proxy, such as `10.0.0.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// The text is neither an address nor a network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a network such as 10.0.0.0/8 or fd00::/8")]
pub struct TrustedProxyError;

impl FromStr for TrustedProxy {
    type Err = TrustedProxyError;

    fn from_str(text: &str) -> Result<Self, TrustedProxyError> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| TrustedProxyError)?;
        // Addresses are compared as IPv4 where they are one, so networks have to be as well.
        let as_ipv4 = || {
            let IpNet::V6(network) = network else { return None };
            Ipv4Net::new(network.addr().to_ipv4_mapped()?, network.prefix_len().checked_sub(96)?).ok()
        };
        Ok(Self(as_ipv4().map_or(network, IpNet::V4)))
    }
}

/// Whether an address is of a trusted proxy.
pub(crate) fn is_trusted(proxies: &[TrustedProxy], address: IpAddr) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|proxy| proxy.0.contains(&address))
}

/// Whose request came from a trusted proxy, which appends to `X-Forwarded-For` where it came from: the last address that is no
/// trusted proxy's. What stands before it is the client's own word. None if there is no such address, or something else stands
/// in its place.
pub(crate) fn forwarded(proxies: &[TrustedProxy], headers: &HeaderMap) -> Option<ClientAddress> {
    let lines: Vec<&[u8]> = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
    // Several lines mean the same as one with commas between.
    let items = lines.into_iter().rev().flat_map(|line| line.rsplit(|&byte| byte == b','));
    for item in items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty()) {
        let address = address(std::str::from_utf8(item).ok()?)?;
        if !is_trusted(proxies, address) {
            return Some(ClientAddress::of(address));
        }
    }
    None
}

/// An address as proxies write it: alone, with a port, or an IPv6 address in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let alone = || text.parse().ok();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    alone().or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::of(text.parse().unwrap())
    }

    fn proxies(networks: &[&str]) -> Vec<TrustedProxy> {
        networks.iter().map(|network| network.parse().unwrap()).collect()
    }

    #[test]
    fn ipv4_counts_by_address_and_ipv6_by_its_first_64_bits() {
        for (one, other, are_same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "127.0.0.1", false),
        ] {
            assert_eq!(client(one) == client(other), are_same, "{one} {other}");
        }
    }

    #[test]
    fn a_trusted_proxy_is_an_address_or_a_network() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            // Not the first address of its network: others write it so.
            ("10.1.2.3/8", "10.9.9.9", true),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.0.0.1", false),
            ("::1", "::1", true),
            ("::ffff:10.0.0.0/104", "10.3.4.5", true),
            ("::ffff:10.0.0.7", "10.0.0.7", true),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let trusted = is_trusted(&proxies(&[network]), address.parse().unwrap());
            assert_eq!(trusted, expected, "{network} {address}");
        }
        assert!(!is_trusted(&[], "127.0.0.1".parse().unwrap()));
        for text in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "proxy.example", "10.0.0.1:80", " 10.0.0.1"]
        {
            assert_eq!(TrustedProxy::from_str(text), Err(TrustedProxyError), "{text:?}");
        }
    }

    #[test]
    fn the_last_foreign_address_is_whose_request_it_is() {
        let proxies = proxies(&["10.0.0.0/8", "fd00::/8"]);
        for (lines, expected) in [
            (&["192.0.2.1"][..], Some("192.0.2.1")),
            // The client wrote the first itself.
            (&["198.51.100.9, 192.0.2.1"], Some("192.0.2.1")),
            (&["garbage, 192.0.2.1"], Some("192.0.2.1")),
            (&["192.0.2.1, 10.0.0.1, fd00::7"], Some("192.0.2.1")),
            // A client inside of the network of proxies.
            (&["10.0.0.2, 10.0.0.1"], None),
            // Several lines are one list.
            (&["198.51.100.9", "192.0.2.1, 10.0.0.1"], Some("192.0.2.1")),
            (&["192.0.2.1", "10.0.0.1"], Some("192.0.2.1")),
            (&["192.0.2.1,\t10.0.0.1 ,, "], Some("192.0.2.1")),
            (&["192.0.2.1:4711"], Some("192.0.2.1")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["2001:db8::1"], Some("2001:db8::2")),
            (&["::ffff:192.0.2.1, ::ffff:10.0.0.1"], Some("192.0.2.1")),
            // Whatever stands in the place of an address is no address before it.
            (&["192.0.2.1, unknown"], None),
            (&["192.0.2.1, garbage, 10.0.0.1"], None),
            (&["192.0.2.1, 192.0.2"], None),
            (&["192.0.2.1, [192.0.2.2]"], None),
            (&["192.0.2.1, fe80::1%eth0"], None),
            (&["192.0.2.1, \u{e9}"], None),
            (&[" , "], None),
            (&[""], None),
            (&[], None),
        ] {
            let headers: HeaderMap = lines
                .iter()
                .map(|line| (FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap()))
                .collect();
            assert_eq!(forwarded(&proxies, &headers), expected.map(client), "{lines:?}");
        }
    }
}
