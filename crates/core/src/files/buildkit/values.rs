//! Values in Dockerfiles that BuildKit checks: ports, signals, modes, platforms, mounts. Pure.

use crate::grammar::values::{self, ARCHITECTURES, SYSTEMS, port_range, read_record};

/// `EXPOSE`: `[ip:]host:port[/protocol]`, `dockerfile2llb/convert_expose.go`.
pub fn port(text: &str) -> Result<(), String> {
    let refused = || Err(format!("{text} is no port: 8080, 8080/udp or 8000-8010"));
    let parts: Vec<&str> = text.split(':').collect();
    let (ip, host, container) = match parts.as_slice() {
        [container] => (String::new(), "", *container),
        [host, container] => (String::new(), *host, *container),
        [ip @ .., host, container] => (ip.join(":"), *host, *container),
        [] => return refused(),
    };
    let (range, protocol) = container.split_once('/').unwrap_or((container, ""));
    if range.is_empty() || !matches!(protocol.to_lowercase().as_str(), "" | "tcp" | "udp" | "sctp") {
        return refused();
    }
    let ip = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(&ip);
    if !ip.is_empty() && ip.parse::<std::net::IpAddr>().is_err() {
        return refused();
    }
    let Ok((start, end)) = port_range(range) else { return refused() };
    if host.is_empty() {
        return Ok(());
    }
    match port_range(host) {
        Ok((first, last)) if last - first == end - start || end == start => Ok(()),
        _ => refused(),
    }
}

/// Signals by name, as Linux has them: moby/sys/signal `signal_linux.go`.
const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// `STOPSIGNAL`.
pub fn signal(text: &str) -> Result<(), String> {
    let refused = || format!("{text:?} is no signal");
    if let Ok(number) = values::decimal(text) {
        return if number == 0 { Err(refused()) } else { Ok(()) };
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |start: &str, most: u8| {
        let rest = name.strip_prefix(start)?;
        let number: u8 = if rest.is_empty() { 0 } else { rest.parse().ok()? };
        (rest.is_empty() || number.to_string() == rest && (1..=most).contains(&number)).then_some(())
    };
    let is_real_time = real_time("RTMIN+", 15).filter(|()| name != "RTMIN+").is_some()
        || real_time("RTMAX-", 14).filter(|()| name != "RTMAX-").is_some()
        || matches!(name, "RTMIN" | "RTMAX");
    if SIGNALS.contains(&name) || is_real_time { Ok(()) } else { Err(refused()) }
}

/// `--chmod`: octal digits up to 7777, or changes such as `u=rwX,go+r` (BSD's setmode).
pub fn mode(text: &str) -> Result<(), String> {
    let refused = || Err(format!("--chmod={text} is no mode: 755 or u=rwX,go=rX"));
    if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        return match u32::from_str_radix(text, 8) {
            Ok(mode) if is_octal && mode <= 0o7777 => Ok(()),
            _ => refused(),
        };
    }
    let is_clause = |clause: &str| {
        let changes = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        let signs = ['+', '-', '='];
        changes.starts_with(signs)
            && changes.split(signs).skip(1).all(|what| {
                what.chars().all(|letter| matches!(letter, 'r' | 'w' | 'x' | 'X' | 's' | 't' | 'u' | 'g' | 'o'))
            })
    };
    if text.split(',').all(is_clause) { Ok(()) } else { refused() }
}

/// `ADD --checksum` of a file by its URL: go-digest `digest.go`.
pub fn digest(text: &str) -> Result<(), String> {
    let (algorithm, hex) = text.split_once(':').unwrap_or((text, ""));
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => 0,
    };
    let is_hex = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if length > 0 && hex.len() == length && is_hex {
        Ok(())
    } else {
        Err(format!("--checksum={text} is no digest: sha256: and 64 hexadecimal digits"))
    }
}

/// Other names of operating systems and processors that may stand alone in `--platform`: containerd/platforms `database.go`.
const OTHER_NAMES: &[&str] = &["macos", "wasip1", "i386", "x86_64", "x86-64", "aarch64", "armhf", "armel"];

/// `--platform`.
pub fn platform(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('/').collect();
    let is_part = |part: &str, more: &str| {
        !part.is_empty()
            && part.chars().all(|letter| {
                letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-') || more.contains(letter)
            })
    };
    let is_good = match parts.as_slice() {
        [one] => {
            let name = one.to_lowercase();
            is_part(one, "()+")
                && [SYSTEMS, ARCHITECTURES, OTHER_NAMES].iter().any(|names| names.contains(&name.as_str()))
        }
        [system, rest @ ..] if rest.len() < 3 => is_part(system, "()+") && rest.iter().all(|part| is_part(part, "")),
        _ => false,
    };
    if is_good { Ok(()) } else { Err(format!("--platform={text} is no platform: linux/arm64")) }
}

/// A mount of `RUN`, as far as the file says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunMount {
    /// Its kind.
    pub kind: String,
    /// The stage or image of `from`.
    pub from: String,
    /// Where it is mounted.
    pub target: String,
    /// Whether all of it is known.
    pub is_known: bool,
}

/// The fields of a mount.
pub fn fields(text: &str) -> Result<Vec<String>, String> {
    read_record(text).map_err(|_| format!("--mount={text} has quotes that are not closed"))
}

/// `RUN --mount`: `instructions/commands_runmount.go`. `fill_in` fills variables in; None is a value that is not known.
pub fn run_mount(text: &str, fill_in: &dyn Fn(&str) -> Result<Option<String>, String>) -> Result<RunMount, String> {
    let mut mount = RunMount { kind: "bind".to_owned(), is_known: true, ..RunMount::default() };
    let (mut source, mut id, mut sharing, mut only_for_files) = (String::new(), String::new(), false, None);
    for field in fields(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        let is_secret = matches!(mount.kind.as_str(), "secret" | "ssh");
        let Some(value) = value else {
            match key.as_str() {
                "readonly" | "ro" | "readwrite" | "rw" => continue,
                "required" if is_secret || !mount.is_known => continue,
                "required" => return Err(format!("--mount: required is not for {} mounts", mount.kind)),
                _ => return Err(format!("--mount: {field} has no value")),
            }
        };
        let Some(value) = fill_in(value)? else {
            mount.is_known = false;
            continue;
        };
        let wrong = || Err(format!("--mount: {value:?} is no value for {key}"));
        match key.as_str() {
            "type" => {
                let kind = value.to_lowercase();
                if !matches!(kind.as_str(), "bind" | "cache" | "tmpfs" | "secret" | "ssh") {
                    return Err(format!("--mount: there is no type {value}, only bind, cache, tmpfs, secret and ssh"));
                }
                mount.kind = kind;
            }
            "from" => mount.from = value,
            "source" | "src" => source = value,
            "target" | "dst" | "destination" => mount.target = value,
            "readonly" | "ro" | "readwrite" | "rw" if values::bool(&value).is_err() => return wrong(),
            "readonly" | "ro" | "readwrite" | "rw" | "env" => {}
            "required" if !is_secret && mount.is_known => {
                return Err(format!("--mount: required is not for {} mounts", mount.kind));
            }
            "required" if values::bool(&value).is_err() => return wrong(),
            "required" => {}
            "size" if mount.kind != "tmpfs" && mount.is_known => {
                return Err(format!("--mount: size is not for {} mounts", mount.kind));
            }
            "size" if values::size(&value).is_err() => return wrong(),
            "size" => {}
            "id" => id = value,
            "sharing" if !matches!(value.to_lowercase().as_str(), "shared" | "private" | "locked") => return wrong(),
            "sharing" => sharing = true,
            "mode" => {
                let is_mode = value.bytes().all(|byte| byte.is_ascii_digit()) && u32::from_str_radix(&value, 8).is_ok();
                if !is_mode {
                    return wrong();
                }
                only_for_files = Some(key);
            }
            "uid" | "gid" => {
                if !value.bytes().all(|byte| byte.is_ascii_digit()) || value.parse::<u32>().is_err() {
                    return wrong();
                }
                only_for_files = Some(key);
            }
            _ => return Err(format!("--mount has no field {key}")),
        }
    }
    if !mount.is_known {
        return Ok(mount);
    }
    let kind = mount.kind.as_str();
    if let Some(key) = only_for_files.filter(|_| matches!(kind, "bind" | "tmpfs")) {
        return Err(format!("--mount: {key} is not for {kind} mounts"));
    }
    if sharing && kind != "cache" {
        return Err(format!("--mount: sharing is not for {kind} mounts"));
    }
    if kind == "secret" {
        if !mount.from.is_empty() {
            return Err("--mount: a secret comes from no stage".to_owned());
        }
        if source.is_empty() && mount.target.is_empty() && id.is_empty() {
            return Err("--mount: a secret needs an id, a source or a target".to_owned());
        }
        if !source.is_empty() && !id.is_empty() {
            return Err("--mount: a secret has either a source or an id".to_owned());
        }
    }
    Ok(mount)
}
