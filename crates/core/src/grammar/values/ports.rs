//! `--publish`: docker/go-connections `nat`.

use super::ip;

/// One published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// `80/tcp`.
    pub port: String,
    /// The host's address; empty for all of them.
    pub host_ip: String,
    /// Empty for one the engine chooses; a range where it chooses within one.
    pub host_port: String,
}

/// What one `-p` publishes: a port or a range of ports of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// First and last port of the container.
    pub ports: (u16, u16),
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Empty for every address of the host.
    pub host_ip: String,
    /// First and last port of the host; None where the engine chooses.
    pub host_ports: Option<(u16, u16)>,
}

impl Published {
    /// How many ports of the container these are.
    pub fn count(&self) -> usize {
        usize::from(self.ports.1 - self.ports.0) + 1
    }

    /// `80/tcp`, or `80-82/tcp`.
    pub fn name(&self) -> String {
        match self.ports {
            (first, last) if first == last => format!("{first}/{}", self.protocol),
            (first, last) => format!("{first}-{last}/{}", self.protocol),
        }
    }

    /// One mapping for each port, as the client sends them.
    pub fn mappings(&self) -> impl Iterator<Item = PortMapping> + '_ {
        (self.ports.0..=self.ports.1).map(|port| PortMapping {
            port: format!("{port}/{}", self.protocol),
            host_ip: self.host_ip.clone(),
            host_port: match self.host_ports {
                None => String::new(),
                // The engine takes a free one of the range.
                Some((first, last)) if self.count() == 1 && first != last => format!("{first}-{last}"),
                Some((first, _)) => first.saturating_add(port - self.ports.0).to_string(),
            },
        })
    }
}

/// `8080-8082` as its first and last port.
pub fn port_range(text: &str) -> Result<(u16, u16), String> {
    if text.is_empty() {
        return Err("empty string specified for ports".to_owned());
    }
    let number = |text: &str| {
        text.parse::<u16>()
            .ok()
            .filter(|_| !text.starts_with('+'))
            .ok_or_else(|| format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))
    };
    let mut parts = text.split('-');
    let first = number(parts.next().unwrap_or_default())?;
    let last = match parts.next() {
        Some(last) => number(last)?,
        None => first,
    };
    if last < first {
        return Err(format!("invalid range specified for port: {text}"));
    }
    Ok((first, last))
}

/// `[[ip:][hostPort]:]containerPort[/protocol]`.
pub fn publish(spec: &str) -> Result<Published, String> {
    let parts: Vec<&str> = spec.split(':').collect();
    let (host_ip, host_port, container) = match parts.as_slice() {
        [container] => (String::new(), "", *container),
        [host, container] => (String::new(), *host, *container),
        [ip @ .., host, container] => (ip.join(":"), *host, *container),
        [] => (String::new(), "", ""),
    };
    let (container, protocol) = container.split_once('/').unwrap_or((container, ""));
    let protocol = match (container, protocol) {
        ("", _) => "",
        (_, "") => "tcp",
        (_, protocol) => protocol,
    };
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("invalid proto: {protocol}"));
    }
    let bare = match host_ip.strip_prefix('[') {
        Some(rest) => match rest.strip_suffix(']') {
            Some(inner) => inner.to_owned(),
            None => return Err(format!("invalid IP address {host_ip}: address {host_ip}:: missing ']' in address")),
        },
        None => host_ip.clone(),
    };
    if !bare.is_empty() && (ip(&bare).is_err() || bare.trim() != bare) {
        return Err(format!("invalid IP address: {bare}"));
    }
    let (first, last) = port_range(container).map_err(|_| format!("invalid containerPort: {container}"))?;
    let mut host_ports = None;
    if !host_port.is_empty() {
        let (host_first, host_last) = port_range(host_port).map_err(|_| format!("invalid hostPort: {host_port}"))?;
        if last - first != host_last - host_first && last != first {
            return Err(format!("invalid ranges specified for container and host Ports: {container} and {host_port}"));
        }
        host_ports = Some((host_first, host_last));
    }
    Ok(Published { ports: (first, last), protocol, host_ip: bare, host_ports })
}

/// `target=80,published=8080,protocol=tcp` as the short form.
pub fn to_standard_notation(value: &str) -> Result<String, String> {
    if !value.contains('=') {
        return Ok(value.to_owned());
    }
    let (mut target, mut published, mut protocol) = ("", "", "tcp");
    for part in value.split(',') {
        match part.split_once('=') {
            Some(("target", text)) => target = text,
            Some(("published", text)) => published = text,
            Some(("protocol", text)) => protocol = text,
            Some((key, _)) if !key.is_empty() => {}
            _ => return Err(format!("invalid publish opts format (should be name=value but got '{part}')")),
        }
    }
    Ok(format!("{published}:{target}/{protocol}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let mappings = |spec: &str| publish(spec).unwrap().mappings().collect::<Vec<_>>();
        let ports = mappings("127.0.0.1:8000-8001:80-81/udp");
        assert_eq!(ports.len(), 2);
        assert_eq!((ports[1].port.as_str(), ports[1].host_port.as_str()), ("81/udp", "8001"));
        assert_eq!(mappings("8000-8010:80")[0].host_port, "8000-8010");
        assert_eq!(publish("[::1]:80:80").unwrap().host_ip, "::1");
        // The last port there is, and all of them.
        assert_eq!(mappings("65534-65535:65534-65535")[1].host_port, "65535");
        assert_eq!(publish("0-65535:0-65535").unwrap().count(), 65_536);
        for bad in ["", "x", "80/x", "1:2:3:4", "80-81:80-82", "99999"] {
            assert!(publish(bad).is_err(), "{bad}");
        }
    }
}
