//! Compares the addresses of engines, which can be written in many ways, with the patterns of a policy. Pure: the caller follows links.

use std::net::IpAddr;

use wildmatch::WildMatch;

use crate::grammar::values::clean;
use crate::text::part;

/// Whether a pattern of a policy means this endpoint, however either is spelt. A socket is compared by the path that `resolve`
/// leads to; anything else by its host without case, and whatever the scheme, because an engine can be reached by several.
pub fn fits(glob: &str, endpoint: &str, resolve: &dyn Fn(&str) -> String) -> bool {
    if endpoint.is_empty() {
        return false;
    }
    if matches(glob, endpoint) {
        return true;
    }
    let (glob_scheme, glob_rest) = split(glob);
    let (scheme, rest) = split(endpoint);
    if scheme == "unix" {
        let is_path = glob_scheme == "unix" || (glob_scheme.is_empty() && glob_rest.starts_with('/'));
        return is_path && matches(&resolved_glob(glob_rest, resolve), &resolve(rest));
    }
    let glob_is_path = glob_scheme.is_empty() && glob_rest.starts_with('/');
    if matches!(glob_scheme.as_str(), "unix" | "npipe" | "fd") || glob_is_path {
        return false;
    }
    let same_kind = glob_scheme.is_empty() || is_ssh(&glob_scheme) == is_ssh(&scheme);
    let mut wanted = authority(glob_rest).to_lowercase();
    if !same_kind {
        // A port says nothing of the same engine's other way in, and a pattern without a name means a scheme.
        wanted = without_port(&wanted).to_owned();
        if !wanted.contains(|letter: char| letter.is_alphanumeric()) {
            return false;
        }
    }
    let wanted = canonical(&wanted);
    spellings(rest).iter().any(|spelling| matches(&wanted, spelling))
}

fn matches(glob: &str, text: &str) -> bool {
    WildMatch::new(glob).matches(text)
}

fn is_ssh(scheme: &str) -> bool {
    scheme == "ssh"
}

/// The scheme in lower case, or nothing, and the rest.
fn split(text: &str) -> (String, &str) {
    text.split_once("://").map_or_else(|| (String::new(), text), |(scheme, rest)| (scheme.to_lowercase(), rest))
}

/// Host, port and user, without a path.
fn authority(rest: &str) -> &str {
    rest.split('/').next().unwrap_or(rest)
}

/// The part of a pattern in front of its first wildcard is a folder that can be resolved; the rest is taken as it is.
fn resolved_glob(path: &str, resolve: &dyn Fn(&str) -> String) -> String {
    let Some(wild) = path.find(['*', '?']) else { return resolve(path) };
    match part(path, ..wild).rfind('/') {
        Some(0) | None => path.to_owned(),
        Some(at) => format!("{}/{}", resolve(part(path, ..at)).trim_end_matches('/'), part(path, at + 1..)),
    }
}

/// The place of the colon in front of a port.
fn port_at(authority: &str) -> Option<usize> {
    let at = authority.rfind(':')?;
    // An address of version 6 without brackets has no port.
    let alone = part(authority, ..at).ends_with(']') || !part(authority, ..at).contains(':');
    let number = part(authority, at + 1..).bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'?'));
    (alone && number).then_some(at)
}

fn without_port(authority: &str) -> &str {
    port_at(authority).map_or(authority, |at| part(authority, ..at))
}

/// One form of an address, with its user and port as they are: numbers as the standard library prints them, no dot at
/// the end of a name.
fn canonical(authority: &str) -> String {
    let (user, rest) = match authority.rsplit_once('@') {
        Some((user, rest)) => (format!("{user}@"), rest),
        None => (String::new(), authority),
    };
    let (host, port) = rest.split_at(port_at(rest).unwrap_or(rest.len()));
    format!("{user}{}{port}", canonical_host(host))
}

fn canonical_host(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Err(_) if host.len() > 1 => host.trim_end_matches('.').to_owned(),
        Err(_) => host.to_owned(),
    }
}

/// What a pattern may call this endpoint: with and without port and user; this machine by its three names.
fn spellings(rest: &str) -> Vec<String> {
    let whole = authority(rest).to_lowercase();
    let (user, host_and_port) = match whole.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest.to_owned()),
        None => (None, whole.clone()),
    };
    let (host, port) = host_and_port.split_at(port_at(&host_and_port).unwrap_or(host_and_port.len()));
    let host = canonical_host(host);
    let is_loopback = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let mut hosts = vec![host.clone()];
    if is_loopback || host == "localhost" {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    }
    let mut out = Vec::new();
    for host in hosts {
        for end in [host.clone(), format!("{host}{port}")] {
            if let Some(user) = &user {
                out.push(format!("{user}@{end}"));
            }
            out.push(end);
        }
    }
    out
}

/// A path without `..` and doubled slashes, where there is no machine to follow links on.
pub fn without_links(path: &str) -> String {
    clean(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which `/var/run` leads to `/run`.
    fn resolve(path: &str) -> String {
        let path = clean(path);
        match path.strip_prefix("/var/run") {
            Some(rest) => format!("/run{rest}"),
            None => path,
        }
    }

    #[test]
    fn an_engine_is_meant_however_it_is_spelt() {
        let same = [
            ("unix:///run/docker.sock", "unix:///var/run/docker.sock"),
            ("unix:///var/run/docker.sock", "unix:///run/docker.sock"),
            ("unix:///run/docker.sock", "unix:///a/../run//docker.sock"),
            ("unix:///run/docker.sock", "UNIX:///run/docker.sock"),
            ("UNIX:///run/docker.sock", "unix:///run/docker.sock"),
            ("/run/docker.sock", "unix:///var/run/docker.sock"),
            ("unix:///var/run/docker*.sock", "unix:///run/docker-1.sock"),
            ("unix://*", "unix:///run/docker.sock"),
            ("tcp://db.internal*", "tcp://DB.internal:2376"),
            ("tcp://db.internal*", "http://db.internal"),
            ("tcp://db.internal*", "ssh://ann@db.internal"),
            ("TCP://DB.internal", "tcp://db.internal:2375"),
            ("tcp://db.internal:2376", "https://db.internal:2376/x"),
            ("tcp://db.internal:2376", "ssh://db.internal:22"),
            ("ssh://ann@db.internal", "ssh://ann@DB.internal."),
            ("ssh://db.internal", "ssh://ann@db.internal:2222"),
            ("db.internal", "ssh://ann@db.internal:2222"),
            ("10.0.7.*", "tcp://10.0.7.9:2375"),
            ("tcp://10.0.7.9", "tcp://[::ffff:10.0.7.9]:2375"),
            ("tcp://[2001:db8::1]", "tcp://[2001:0DB8:0:0:0:0:0:1]:2375"),
            ("tcp://localhost:2375", "tcp://127.0.0.1:2375"),
            ("tcp://127.0.0.1", "tcp://[::1]:2376"),
            ("*.example.com", "tcp://db.example.com:2375"),
            ("*", "fd://"),
        ];
        for (glob, endpoint) in same {
            assert!(fits(glob, endpoint, &resolve), "{glob} means {endpoint}");
        }
        let other = [
            ("unix:///run/docker.sock", "unix:///run/other.sock"),
            ("unix:///run/docker.sock", "tcp://run/docker.sock"),
            ("tcp://db.internal", "tcp://db.internal.example.com:2375"),
            ("tcp://db.internal:2376", "tcp://db.internal:2375"),
            ("tcp://*", "unix:///run/docker.sock"),
            ("tcp://*", "ssh://db.internal"),
            ("tcp://*:2376", "ssh://db.internal"),
            ("ssh://*", "tcp://db.internal:1"),
            ("ssh://bob@db.internal", "ssh://ann@db.internal"),
            ("10.0.7.*", "tcp://10.0.70.9"),
            ("", "tcp://db"),
            ("*", ""),
        ];
        for (glob, endpoint) in other {
            assert!(!fits(glob, endpoint, &resolve), "{glob} does not mean {endpoint}");
        }
    }
}
