//! Addresses, hosts and network attachments: docker/cli `opts/opts.go`, `opts/network.go`, `opts/hosts.go`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use super::{ValueProblem, read_record};

/// An address, as Go prints it again.
pub fn ip(value: &str) -> Result<String, String> {
    let address: IpAddr =
        value.trim().parse().map_err(|_| format!("IP address is not correctly formatted: {value}"))?;
    Ok(match address {
        IpAddr::V6(six) => match mapped(six) {
            Some(four) => four,
            None => six.to_string(),
        },
        IpAddr::V4(four) => four.to_string(),
    })
}

fn mapped(six: Ipv6Addr) -> Option<String> {
    six.to_ipv4_mapped().map(|four| four.to_string())
}

/// `--dns-search`.
pub fn search_domain(value: &str) -> Result<String, String> {
    let value = value.trim_matches(' ');
    if value == "." {
        return Ok(value.to_owned());
    }
    let invalid = || format!("{value} is not a valid domain");
    // The expression allows a colon before each part, by a slip in its source ("(:?" for "(?:").
    let name = value.trim_end();
    let name = name.strip_suffix('.').unwrap_or(name);
    let part = |text: &str| {
        let text = text.trim_start_matches(':');
        let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
        edge(text.chars().next())
            && edge(text.chars().last())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    };
    if !value.bytes().any(|b| b.is_ascii_alphabetic()) || !name.split('.').all(part) || name.len() >= 255 {
        return Err(invalid());
    }
    Ok(name.to_owned())
}

/// `--add-host`: `name:address`, as the engine takes it.
pub fn extra_host(value: &str) -> Result<String, String> {
    let (name, address) = match value.split_once('=').or_else(|| value.split_once(':')) {
        Some((name, address)) if !name.is_empty() && !name.contains(':') => (name, address),
        _ => return Err(format!("bad format for add-host: {value:?}")),
    };
    if address == "host-gateway" {
        return Ok(format!("{name}:{address}"));
    }
    let bare = match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) if !inner.is_empty() => inner,
        _ => address,
    };
    ip(bare).map_err(|_| format!("invalid IP address in add-host: {bare:?}"))?;
    Ok(format!("{name}:{bare}"))
}

/// `--link`: `name[:alias]`.
pub fn link(value: &str) -> Result<(), String> {
    match value.matches(':').count() {
        _ if value.is_empty() => Err("empty string specified for links".to_owned()),
        0 | 1 => Ok(()),
        _ => Err(format!("bad format for links: {value}")),
    }
}

/// Go's `net.ParseMAC`: six, eight or twenty bytes, with colons, hyphens or dots.
pub fn is_mac(value: &str) -> bool {
    let value = value.trim();
    let bytes = |separator: char, width: usize| {
        let parts: Vec<&str> = value.split(separator).collect();
        parts.iter().all(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_hexdigit()))
            && matches!(parts.len() * width / 2, 6 | 8 | 20)
    };
    bytes(':', 2) || bytes('-', 2) || bytes('.', 4)
}

/// One `--network`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The network's name or id.
    pub target: String,
    /// More names of the container in the network.
    pub aliases: Vec<String>,
    /// Set from `--link`; the long form has no key for it.
    pub links: Vec<String>,
    /// Options for the network's driver.
    pub driver_opts: HashMap<String, String>,
    /// The address of version 4; empty where the engine chooses.
    pub ipv4: String,
    /// The address of version 6; empty where the engine chooses.
    pub ipv6: String,
    /// Link-local addresses.
    pub link_local: Vec<String>,
    /// The hardware address; empty where the engine chooses.
    pub mac: String,
    /// Of several networks, the one with the highest number gives the default gateway.
    pub gateway_priority: i64,
}

/// A network's name, or the long form `name=…,alias=…`, which is read in lower case.
pub fn attachment(value: &str) -> Result<Attachment, ValueProblem> {
    let mut parsed = Attachment::default();
    if !has_pair(value) {
        parsed.target = value.to_owned();
        return Ok(parsed);
    }
    for field in read_record(value)? {
        let lower = field.to_lowercase();
        let Some((key, text)) = lower.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(ValueProblem { text: format!("invalid field {field}"), unknown: true });
        };
        let text = text.trim();
        match key.trim() {
            "name" => parsed.target = text.to_owned(),
            "alias" => parsed.aliases.push(text.to_owned()),
            "ip" => parsed.ipv4 = text.to_owned(),
            "ip6" => parsed.ipv6 = text.to_owned(),
            "mac-address" => parsed.mac = text.to_owned(),
            "link-local-ip" => parsed.link_local.push(text.to_owned()),
            "driver-opt" => {
                let (key, value) = driver_option(text)?;
                parsed.driver_opts.insert(key, value);
            }
            "gw-priority" => {
                parsed.gateway_priority =
                    text.parse().map_err(|_| format!("invalid gw-priority ({text}): invalid syntax"))?;
            }
            other => return Err(ValueProblem { text: format!("invalid field key {other}"), unknown: true }),
        }
    }
    if parsed.target.is_empty() {
        return Err("network name/id is not specified".into());
    }
    Ok(parsed)
}

/// A driver option as `--network` and `--driver-opt` read it: in lower case.
pub fn driver_option(text: &str) -> Result<(String, String), String> {
    let lower = text.to_lowercase();
    match lower.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("invalid key value pair format in driver options".to_owned()),
    }
}

/// Whether a word character stands on both sides of some `=`: docker's test for the long forms.
pub fn has_pair(value: &str) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    value.as_bytes().windows(3).any(|three| matches!(three, [one, b'=', other] if word(one) && word(other)))
}

/// `-H`: the engine's address with docker's defaults filled in.
pub fn parse_host(value: &str, tls: bool) -> Result<String, String> {
    let host = value.trim();
    if host.is_empty() {
        return Ok(if tls { "tcp://localhost:2376".to_owned() } else { "unix:///var/run/docker.sock".to_owned() });
    }
    let (scheme, address) = host.split_once("://").unwrap_or(("tcp", host));
    match scheme {
        "tcp" => tcp(address, "localhost", "2375"),
        "unix" | "npipe" => {
            let default = if scheme == "unix" { "/var/run/docker.sock" } else { "//./pipe/docker_engine" };
            if address.contains("://") {
                return Err(format!("invalid proto, expected {scheme}: {address}"));
            }
            Ok(format!("{scheme}://{}", if address.is_empty() { default } else { address }))
        }
        "fd" | "ssh" => Ok(host.to_owned()),
        _ => Err(format!("invalid bind address format: {host}")),
    }
}

/// docker/cli `opts.ParseTCPAddr`.
pub fn tcp(typed: &str, default_host: &str, default_port: &str) -> Result<String, String> {
    let invalid = || format!("invalid bind address format: {typed}");
    if typed.is_empty() || typed == "tcp://" {
        return Ok(format!("tcp://{default_host}:{default_port}"));
    }
    let address = typed.strip_prefix("tcp://").unwrap_or(typed);
    if address.contains("://") || address.is_empty() {
        return Err(format!("invalid proto, expected tcp: {typed}"));
    }
    let (authority, path) = match address.find('/') {
        Some(at) => address.split_at(at),
        None => (address, ""),
    };
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(invalid)?;
        let port = match after.strip_prefix(':') {
            Some(port) => port,
            None if after.is_empty() => "",
            None => return Err(invalid()),
        };
        (format!("[{host}]"), port)
    } else {
        match authority.matches(':').count() {
            0 => (authority.to_owned(), ""),
            1 => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                (host.to_owned(), port)
            }
            _ => return Err(invalid()),
        }
    };
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("parse \"tcp://{address}\": invalid port \":{port}\" after host"));
    }
    let host = if host.is_empty() { default_host.to_owned() } else { host };
    let port = if port.is_empty() { default_port } else { port };
    Ok(format!("tcp://{host}:{port}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(parse_host("", false).unwrap(), "unix:///var/run/docker.sock");
        assert_eq!(parse_host("tcp://web", false).unwrap(), "tcp://web:2375");
        assert_eq!(parse_host("web:1", false).unwrap(), "tcp://web:1");
        assert_eq!(parse_host("unix:///x", false).unwrap(), "unix:///x");
        assert!(parse_host("http://x", false).is_err());
        assert!(parse_host("tcp://a:b", false).is_err());
    }

    #[test]
    fn networks() {
        assert_eq!(attachment("host").unwrap().target, "host");
        let long = attachment("NAME=Net,alias=A,\"driver-opt=x=y\"").unwrap();
        assert_eq!((long.target.as_str(), long.aliases[0].as_str()), ("net", "a"));
        assert_eq!(long.driver_opts["x"], "y");
        assert!(attachment("name=x,shiny=1").unwrap_err().unknown);
    }
}
