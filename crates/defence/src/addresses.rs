//! Whom an address stands for.

use ipnet::IpNet;
use std::net::IpAddr;

/// The network that counts as one client: an IPv4 address, or an IPv6 /64, of which everybody has one.
pub fn client_network(ip: IpAddr) -> IpNet {
    // an IPv4 address within an IPv6 one is the IPv4 address
    let ip = ip.to_canonical();
    IpNet::new(ip, if ip.is_ipv4() { 32 } else { 64 }).map_or_else(|_| IpNet::from(ip), |net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_client() {
        for (ip, network) in [
            ("2001:db8::1:2:3:4", "2001:db8::/64"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ] {
            assert_eq!(client_network(ip.parse().unwrap()).to_string(), network);
        }
    }
}
