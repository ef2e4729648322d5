//! Devices, their limits, ulimits and sysctls: docker/cli `opts/` and `cli/command/container/opts.go`.

use super::{size, volume::clean};
use crate::text::part;

/// `--device`: a mapping, or a CDI name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// A device by the name of the container device interface.
    Cdi(String),
    /// A device of the host.
    Mapping {
        /// Its path on the host.
        host: String,
        /// Its path in the container.
        container: String,
        /// `rwm`, or some of these letters.
        permissions: String,
    },
}

/// Checks and splits a `--device` value for a Linux engine.
pub fn device(value: &str) -> Result<Device, String> {
    if is_cdi(value) {
        return Ok(Device::Cdi(value.to_owned()));
    }
    let bad = || format!("bad format for path: {value}");
    let parts: Vec<&str> = value.split(':').collect();
    if parts.len() > 3 || parts.first().is_none_or(|path| path.is_empty()) {
        return Err(bad());
    }
    let absolute = |path: &str| {
        if path.starts_with('/') { Ok(()) } else { Err(format!("{path} is not an absolute path")) }
    };
    let tidy = |path: &str| {
        // Go's path.Clean keeps a relative path relative.
        if path.starts_with('/') { clean(path) } else { path.to_owned() }
    };
    let mapping = |host: String, container: String, permissions: &str| {
        Ok(Device::Mapping { host, container, permissions: permissions.to_owned() })
    };
    match parts.as_slice() {
        [path] => {
            absolute(path)?;
            mapping(tidy(path), tidy(path), "rwm")
        }
        [path, mode] if is_mode(mode) => {
            absolute(path)?;
            mapping(tidy(path), tidy(path), mode)
        }
        [host, container] => {
            absolute(container)?;
            mapping((*host).to_owned(), tidy(container), "rwm")
        }
        [host, container, mode] => {
            if !is_mode(mode) {
                return Err(format!("bad mode specified: {mode}"));
            }
            absolute(container)?;
            let inside = if is_mode(container) { host } else { container };
            mapping((*host).to_owned(), (*inside).to_owned(), if is_mode(container) { container } else { mode })
        }
        _ => Err(bad()),
    }
}

fn is_mode(mode: &str) -> bool {
    !mode.is_empty()
        && mode.chars().all(|letter| "rwm".contains(letter))
        && mode.chars().enumerate().all(|(at, letter)| !part(mode, ..at).contains(letter))
}

/// `vendor.com/class=name` of the Container Device Interface.
fn is_cdi(value: &str) -> bool {
    let Some((kind, name)) = value.split_once('=') else { return false };
    let Some((vendor, class)) = kind.split_once('/') else { return false };
    let word = |text: &str, also: &str| {
        let edge = |letter: char| letter.is_ascii_alphanumeric();
        text.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic())
            && text.chars().last().is_some_and(edge)
            && text.chars().all(|letter| edge(letter) || also.contains(letter))
    };
    let device = |text: &str| {
        let edge = |letter: char| letter.is_ascii_alphanumeric();
        text.chars().next().is_some_and(edge)
            && text.chars().last().is_some_and(edge)
            && text.chars().all(|letter| edge(letter) || "_-.:".contains(letter))
    };
    word(vendor, "_-.") && word(class, "_-") && device(name)
}

/// `--device-cgroup-rule`: `type major:minor mode`.
pub fn cgroup_rule(value: &str) -> Result<(), String> {
    let number = |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let parts: Vec<&str> = value.split(' ').collect();
    let legal = matches!(parts.as_slice(), [kind, numbers, mode]
        if matches!(*kind, "a" | "b" | "c")
            && numbers.split_once(':').is_some_and(|(major, minor)| number(major) && number(minor))
            && (1..=3).contains(&mode.len()) && mode.chars().all(|letter| "rwm".contains(letter)));
    if legal { Ok(()) } else { Err(format!("invalid device cgroup format '{value}'")) }
}

/// `--blkio-weight-device`.
pub fn weight(value: &str) -> Result<(String, usize), String> {
    let path = device_path(value)?;
    let number = part(value, path.len() + 1..);
    match number.parse::<u16>() {
        Ok(weight) if !number.starts_with('+') && (weight == 0 || (10..=1000).contains(&weight)) => {
            Ok((path.to_owned(), weight.into()))
        }
        _ => Err(format!("invalid weight for device: {value}")),
    }
}

/// `--device-read-bps` and `--device-write-bps`.
pub fn throttle_bytes(value: &str) -> Result<(String, i64), String> {
    let path = device_path(value)?;
    match size(part(value, path.len() + 1..)) {
        Ok(rate) if rate >= 0 => Ok((path.to_owned(), rate)),
        _ => Err(format!(
            "invalid rate for device: {value}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        )),
    }
}

/// `--device-read-iops` and `--device-write-iops`.
pub fn throttle_ops(value: &str) -> Result<(String, i64), String> {
    let path = device_path(value)?;
    let number = part(value, path.len() + 1..);
    match number.parse::<u64>() {
        Ok(rate) if !number.starts_with('+') => Ok((path.to_owned(), rate as i64)),
        _ => Err(format!(
            "invalid rate for device: {value}. The correct format is <device-path>:<number>. Number must be a positive integer"
        )),
    }
}

fn device_path(value: &str) -> Result<&str, String> {
    match value.split_once(':') {
        None | Some(("", _)) => Err(format!("bad format: {value}")),
        Some((path, _)) if !path.starts_with("/dev/") => Err(format!("bad format for device path: {value}")),
        Some((path, _)) => Ok(path),
    }
}

/// `--ulimit`: name, soft and hard limit (go-units `ParseUlimit`).
pub fn ulimit(value: &str) -> Result<(String, i64, i64), String> {
    const NAMES: &[&str] = &[
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    let Some((name, limits)) = value.split_once('=') else {
        return Err(format!("invalid ulimit argument: {value}"));
    };
    if !NAMES.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let number =
        |text: &str| text.parse::<i64>().map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
    let parts: Vec<&str> = limits.split(':').collect();
    let (soft, hard) = match parts.as_slice() {
        [one] => (number(one)?, number(one)?),
        [soft, hard] => (number(soft)?, number(hard)?),
        _ => return Err(format!("too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")),
    };
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"));
    }
    Ok((name.to_owned(), soft, hard))
}

/// The kernel settings that the client lets through for a container.
pub fn sysctl(value: &str) -> Result<(), String> {
    const NAMES: &[&str] = &[
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    match value.split_once('=') {
        Some((name, _)) if NAMES.contains(&name) || name.starts_with("net.") || name.starts_with("fs.mqueue.") => {
            Ok(())
        }
        _ => Err(format!("sysctl '{value}' is not allowed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let mapping = |host: &str, container: &str, permissions: &str| {
            Ok(Device::Mapping { host: host.into(), container: container.into(), permissions: permissions.into() })
        };
        assert_eq!(device("/dev/sda"), mapping("/dev/sda", "/dev/sda", "rwm"));
        assert_eq!(device("/dev/sda:r"), mapping("/dev/sda", "/dev/sda", "r"));
        assert_eq!(device("/dev/sda:/dev/xvda:rw"), mapping("/dev/sda", "/dev/xvda", "rw"));
        assert!(device("/dev/sda:/x:bad").is_err());
        assert!(device("sda").is_err());
        assert_eq!(device("nvidia.com/gpu=all"), Ok(Device::Cdi("nvidia.com/gpu=all".into())));
    }

    #[test]
    fn ulimits() {
        assert_eq!(ulimit("nofile=1:2"), Ok(("nofile".into(), 1, 2)));
        assert!(ulimit("nofile=2:1").is_err());
        assert!(ulimit("nosuch=1").is_err());
    }
}
