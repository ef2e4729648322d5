//! Values of swarm's commands: docker/cli `opts/swarmopts` and `cli/command/swarm/opts.go`.

use super::network::{has_pair, tcp};
use super::{ValueProblem, int, publish, read_record, uint};

/// A secret or config given to a service as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReference {
    /// The secret's or config's name.
    pub source: String,
    /// The file in the container.
    pub target: String,
    /// The file's owner.
    pub uid: String,
    /// The file's group.
    pub gid: String,
    /// The file's mode bits.
    pub mode: u32,
}

/// `--secret` and `--config` of a service; `what` is the word in docker's messages.
pub fn file_reference(value: &str, what: &str) -> Result<FileReference, ValueProblem> {
    let fields = read_record(value)?;
    let mut file = FileReference {
        source: String::new(),
        target: String::new(),
        uid: "0".to_owned(),
        gid: "0".to_owned(),
        mode: 0o444,
    };
    if let [name] = fields.as_slice()
        && !name.contains('=')
    {
        file.source.clone_from(name);
        file.target.clone_from(name);
        return Ok(file);
    }
    for field in fields {
        let Some((key, text)) = field.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(format!("invalid field '{field}' must be a key=value pair").into());
        };
        match key.to_lowercase().as_str() {
            "source" | "src" => file.source = text.to_owned(),
            "target" => file.target = text.to_owned(),
            "uid" => file.uid = text.to_owned(),
            "gid" => file.gid = text.to_owned(),
            "mode" => file.mode = uint(text, 32).map_err(|error| format!("invalid mode specified: {error}"))? as u32,
            _ => return Err(ValueProblem { text: format!("invalid field in {what} request: {key}"), unknown: true }),
        }
    }
    if file.source.is_empty() {
        return Err("source is required".into());
    }
    if file.target.is_empty() {
        file.target.clone_from(&file.source);
    }
    Ok(file)
}

/// One port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// The container's port.
    pub target: u64,
    /// The port of the node or of the whole swarm; 0 where the engine chooses.
    pub published: u64,
    /// `ingress` or `host`.
    pub mode: String,
}

/// `--publish` of a service.
pub fn service_port(value: &str) -> Result<Vec<ServicePort>, ValueProblem> {
    if has_pair(value) {
        return long_port(value).map(|port| vec![port]);
    }
    let published = publish(value)?;
    if !published.host_ip.is_empty() {
        return Err("hostip is not supported".into());
    }
    let mut ports = Vec::new();
    let mut add = |target: u16, published: u16, protocol: &str| {
        ports.push(ServicePort {
            protocol: protocol.to_owned(),
            target: target.into(),
            published: published.into(),
            mode: "ingress".to_owned(),
        });
    };
    let (first, last) = published.ports;
    for target in first..=last {
        let offset = target - first;
        match published.host_ports {
            None => add(target, 0, &published.protocol),
            // One port of the container behind each port of a range.
            Some((from, to)) if first == last => (from..=to).for_each(|port| add(target, port, &published.protocol)),
            Some((from, _)) => add(target, from.saturating_add(offset), &published.protocol),
        }
    }
    Ok(ports)
}

fn long_port(value: &str) -> Result<ServicePort, ValueProblem> {
    let mut port = ServicePort { protocol: "tcp".into(), target: 0, published: 0, mode: "ingress".into() };
    let number = |text: &str, which: &str| {
        text.parse::<u16>().map(u64::from).map_err(|_| {
            ValueProblem::from(format!("invalid {which} port ({text}): value must be an integer: invalid syntax"))
        })
    };
    for field in read_record(value)? {
        let lower = field.to_lowercase();
        match lower.split_once('=') {
            Some(("protocol", text @ ("tcp" | "udp" | "sctp"))) => port.protocol = text.to_owned(),
            Some(("protocol", text)) => return Err(format!("invalid protocol value '{text}'").into()),
            Some(("mode", text @ ("ingress" | "host"))) => port.mode = text.to_owned(),
            Some(("mode", text)) => {
                return Err(format!("invalid publish mode value ({text}): must be either 'ingress' or 'host'").into());
            }
            Some(("target", text)) => port.target = number(text, "target")?,
            Some(("published", text)) => port.published = number(text, "published")?,
            Some((key, _)) if !key.is_empty() => {
                return Err(ValueProblem { text: format!("invalid field key: {key}"), unknown: true });
            }
            _ => return Err(format!("invalid field: {field}").into()),
        }
    }
    if port.target == 0 {
        return Err("missing mandatory field 'target'".into());
    }
    Ok(port)
}

/// `--placement-pref`: what to spread over.
pub fn placement(value: &str) -> Result<String, String> {
    match value.split_once('=') {
        Some(("spread", descriptor)) => Ok(descriptor.to_owned()),
        None | Some(("", _)) => Err("placement preference must be of the format \"<strategy>=<arg>\"".to_owned()),
        Some((strategy, _)) => Err(format!("unsupported placement preference {strategy} (only spread is supported)")),
    }
}

/// A certificate authority outside of the swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalCa {
    /// The address of the external certificate authority.
    pub url: String,
    /// The file with its certificate.
    pub file: Option<String>,
    /// Other keys with their values.
    pub options: Vec<(String, String)>,
}

/// `--external-ca`.
pub fn external_ca(value: &str) -> Result<ExternalCa, String> {
    let (mut url, mut file, mut protocol, mut options) = (None, None, false, Vec::new());
    for field in read_record(value)? {
        let Some((key, text)) = field.split_once('=') else {
            return Err(format!("invalid field '{field}' must be a key=value pair"));
        };
        match key.to_lowercase().as_str() {
            "protocol" if text.to_lowercase() == "cfssl" => protocol = true,
            "protocol" => return Err(format!("unrecognized external CA protocol {text}")),
            "url" => url = Some(text.to_owned()),
            "cacert" => file = Some(text.to_owned()),
            _ => options.push((key.to_owned(), text.to_owned())),
        }
    }
    if !protocol {
        return Err("the external-ca option needs a protocol= parameter".to_owned());
    }
    let url = url.ok_or_else(|| "the external-ca option needs a url= parameter".to_owned())?;
    Ok(ExternalCa { url, file, options })
}

/// `--listen-addr`: host and port, with what is left out taken from `default`.
pub fn node_address(value: &str, default: &str) -> Result<String, String> {
    let (host, port) = default.rsplit_once(':').unwrap_or(("0.0.0.0", "2377"));
    let address = tcp(value, host, port)?;
    Ok(address.strip_prefix("tcp://").unwrap_or(&address).to_owned())
}

/// `--generic-resource`: kind and its number or name.
pub fn generic_resource(value: &str) -> Option<(String, Result<i64, String>)> {
    let (kind, text) = value.split_once('=')?;
    Some((kind.to_owned(), int(text).map_err(|_| text.to_owned())))
}
