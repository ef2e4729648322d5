//! Values as docker types them: what a flag accepts, and what it means.
//!
//! `check` is what docker says while it reads the flags; the other functions give the typed value. The sources are
//! docker/cli `opts/`, go-units, and Go's own `strconv`, `time` and `net`.

mod csv;
mod device;
mod network;
mod numbers;
mod platform;
mod ports;
mod problem;
mod reference;
mod swarm;
mod volume;

pub use csv::{Mount, gpus, mount, mount_as_known, read_record};
pub use device::{Device, device, throttle_bytes, throttle_ops, ulimit, weight};
pub use network::{Attachment, attachment, driver_option, ip, parse_host};
pub use numbers::{bool, cpus, decimal, duration, float, int, size, swap, uint};
pub use platform::{ARCHITECTURES, SYSTEMS};
pub use ports::{PortMapping, Published, port_range, publish, to_standard_notation};
pub use problem::ValueProblem;
pub use reference::{Reference, any_reference, image_id, reference};
pub use swarm::{
    ExternalCa, FileReference, ServicePort, external_ca, file_reference, generic_resource, node_address, placement,
    service_port,
};
pub use volume::{VolumeSpec, bind_source, clean, volume};

use super::{Command, Flag, FlagKind};

/// What docker checks while it reads the flag.
pub fn check(command: &Command, flag: &Flag, value: &str) -> Result<(), ValueProblem> {
    let canonical = command.canonical;
    if let Some((plugin, _)) = canonical.split_once(' ')
        && (plugin == "compose" || plugin == "buildx")
    {
        return check_kind(flag.kind, value);
    }
    match (flag.name, flag.kind) {
        ("env", FlagKind::List) => env(value),
        ("build-arg", FlagKind::List) => env(value),
        ("log-opt", FlagKind::List) if canonical.starts_with("service") => env(value),
        ("label" | "container-label", FlagKind::List) => label(value),
        ("attach", FlagKind::List) => attach(value).map(drop).map_err(Into::into),
        ("dns", FlagKind::List) => ip(value).map(drop).map_err(Into::into),
        ("dns-search", FlagKind::List) => network::search_domain(value).map(drop).map_err(Into::into),
        ("add-host" | "host", FlagKind::List) if !canonical.is_empty() => {
            network::extra_host(value).map(drop).map_err(Into::into)
        }
        ("host", _) if canonical.is_empty() => parse_host(value, false).map(drop).map_err(Into::into),
        ("link", FlagKind::List) => network::link(value).map_err(Into::into),
        ("device-cgroup-rule", _) => device::cgroup_rule(value).map_err(Into::into),
        ("blkio-weight-device", _) => weight(value).map(drop).map_err(Into::into),
        ("device-read-bps" | "device-write-bps", _) => throttle_bytes(value).map(drop).map_err(Into::into),
        ("device-read-iops" | "device-write-iops", _) => throttle_ops(value).map(drop).map_err(Into::into),
        ("mount" | "mount-add", FlagKind::List) => mount(value, "/").map(drop),
        ("gpus", _) => gpus(value).map(drop),
        ("ulimit" | "ulimit-add", _) => ulimit(value).map(drop).map_err(Into::into),
        ("sysctl", FlagKind::Map) => device::sysctl(value).map_err(Into::into),
        ("tag", FlagKind::List) => reference(value).map(drop).map_err(Into::into),
        ("secret" | "secret-add", _) if canonical.starts_with("service") => file_reference(value, "secret").map(drop),
        ("config" | "config-add", FlagKind::List) if canonical.starts_with("service") => {
            file_reference(value, "config").map(drop)
        }
        ("publish" | "publish-add", FlagKind::List) if canonical.starts_with("service") => {
            service_port(value).map(drop)
        }
        ("publish-rm", _) if canonical.starts_with("service") => Ok(()),
        ("placement-pref" | "placement-pref-add" | "placement-pref-rm", _) => {
            placement(value).map(drop).map_err(Into::into)
        }
        ("external-ca", _) => external_ca(value).map(drop).map_err(Into::into),
        ("listen-addr", _) if canonical.starts_with("swarm") => {
            node_address(value, "0.0.0.0:2377").map(drop).map_err(Into::into)
        }
        _ => check_kind(flag.kind, value),
    }
}

fn check_kind(kind: FlagKind, value: &str) -> Result<(), ValueProblem> {
    match kind {
        FlagKind::Bool => bool(value).map(drop).map_err(Into::into),
        FlagKind::Text | FlagKind::List | FlagKind::Map => Ok(()),
        FlagKind::Slice => {
            if value.is_empty() {
                Ok(())
            } else {
                read_record(value).map(drop).map_err(Into::into)
            }
        }
        FlagKind::Filter => filter(value).map(drop).map_err(Into::into),
        FlagKind::Network => attachment(value).map(drop),
        FlagKind::Bytes => size(value).map(drop).map_err(Into::into),
        FlagKind::SwapBytes => swap(value).map(drop).map_err(Into::into),
        FlagKind::Int64 => int(value).map(drop).map_err(Into::into),
        FlagKind::Uint64 => uint(value, 64).map(drop).map_err(Into::into),
        FlagKind::Uint16 => uint(value, 16).map(drop).map_err(Into::into),
        FlagKind::Uint32 => uint(value, 32).map(drop).map_err(Into::into),
        FlagKind::Duration => duration(value).map(drop).map_err(Into::into),
        FlagKind::PositiveDuration => match duration(value) {
            Ok(nanoseconds) if nanoseconds < 0 => Err("duration cannot be negative".into()),
            other => other.map(drop).map_err(Into::into),
        },
        FlagKind::Decimal => cpus(value).map(drop).map_err(Into::into),
        FlagKind::Float => float(value).map(drop).map_err(Into::into),
        // Docker 29 checks addresses in the client, older ones leave it to the engine.
        FlagKind::Ip => Ok(()),
    }
}

fn env(value: &str) -> Result<(), ValueProblem> {
    match value.split('=').next() {
        Some("") => Err(format!("invalid environment variable: {value}").into()),
        _ => Ok(()),
    }
}

fn label(value: &str) -> Result<(), ValueProblem> {
    let key = value.split('=').next().unwrap_or_default().trim_start_matches([' ', '\t']);
    if key.is_empty() {
        return Err(format!("invalid label '{value}': empty name").into());
    }
    if key.contains([' ', '\t']) {
        return Err(format!("label '{key}' contains whitespaces").into());
    }
    Ok(())
}

/// `--attach`: one of the three streams, in lower case.
pub fn attach(value: &str) -> Result<String, String> {
    let lower = value.to_lowercase();
    match lower.as_str() {
        "stdin" | "stdout" | "stderr" => Ok(lower),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

/// `--filter`: name and value, or nothing for an empty word.
pub fn filter(value: &str) -> Result<Option<(String, String)>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let Some((name, text)) = value.split_once('=') else {
        return Err("bad format of filter (expected name=value)".to_owned());
    };
    Ok(Some((name.trim().to_lowercase(), text.trim().to_owned())))
}

/// `host:ip`, as sent to the engine.
pub fn extra_host(value: &str) -> Result<String, String> {
    network::extra_host(value)
}

/// A DNS search domain, as sent to the engine.
pub fn search_domain(value: &str) -> Result<String, String> {
    network::search_domain(value)
}

/// Whether the engine is asked for this MAC address: Go's `net.ParseMAC`.
pub fn is_mac(value: &str) -> bool {
    network::is_mac(value)
}
