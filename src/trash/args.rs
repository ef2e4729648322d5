//! A container's settings as the `docker run …` command that creates it, for a person who has to do it by hand. Pure.

use serde_json::Value;

use super::settings::{list, networks, text, texts};
use crate::ui::screen::quoted;

/// `docker run -d --name web … IMAGE COMMAND`, quoted for a shell, with this image. Settings that have no flag of their own
/// are left out: they are in the entry.
pub fn run_line(inspect: &Value, image: &str) -> String {
    let mut args: Vec<String> = vec!["docker".into(), "run".into(), "-d".into()];
    let host = inspect.get("HostConfig").cloned().unwrap_or_default();
    let config = inspect.get("Config").cloned().unwrap_or_default();
    let name = text(inspect, "Name").trim_start_matches('/');
    let mut flag = |name: &str, value: &str| {
        if !value.is_empty() {
            args.extend([name.to_owned(), value.to_owned()]);
        }
    };
    flag("--name", name);
    let id = text(inspect, "Id");
    let hostname = text(&config, "Hostname");
    if !id.starts_with(hostname) && text(&host, "NetworkMode") != "host" {
        flag("--hostname", hostname);
    }
    for (key, name) in TEXTS {
        flag(name, text(&host, key));
    }
    for (key, name) in CONFIG_TEXTS {
        flag(name, text(&config, key));
    }
    for (key, name) in LISTS {
        for value in texts(&host, &format!("/{key}")) {
            // A link that is there already is said by both containers' paths.
            let value = match *key {
                "Links" => link(&value),
                _ => value,
            };
            flag(name, &value);
        }
    }
    for (key, name) in NUMBERS {
        if let Some(number) = host.get(key).and_then(Value::as_i64).filter(|number| *number != 0) {
            let text = match *key {
                "NanoCpus" => format!("{}.{:03}", number / 1_000_000_000, number % 1_000_000_000 / 1_000_000),
                _ => number.to_string(),
            };
            flag(name, &text);
        }
    }
    for value in texts(&config, "/Env") {
        flag("-e", &value);
    }
    for (pointer, name) in
        [("Labels", "-l"), ("Sysctls", "--sysctl"), ("Tmpfs", "--tmpfs"), ("StorageOpt", "--storage-opt")]
    {
        let of = if pointer == "Labels" { &config } else { &host };
        for (key, value) in of.get(pointer).and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let joint = if pointer == "Tmpfs" { ":" } else { "=" };
            flag(name, &if value.is_empty() { key.clone() } else { format!("{key}{joint}{value}") });
        }
    }
    for mount in list(&host, "/Mounts") {
        let mut words = vec![format!("type={}", text(&mount, "Type"))];
        for (key, name) in [("Source", "source"), ("Target", "target")] {
            let value = text(&mount, key);
            if !value.is_empty() {
                words.push(format!("{name}={value}"));
            }
        }
        if mount.get("ReadOnly").and_then(Value::as_bool) == Some(true) {
            words.push("readonly".to_owned());
        }
        flag("--mount", &words.join(","));
    }
    for (port, bindings) in host.get("PortBindings").and_then(Value::as_object).into_iter().flatten() {
        for binding in bindings.as_array().into_iter().flatten() {
            let (ip, host_port) = (text(binding, "HostIp"), text(binding, "HostPort"));
            let ip = if ip.is_empty() { String::new() } else { format!("{ip}:") };
            flag("-p", &format!("{ip}{host_port}:{port}"));
        }
    }
    for limit in list(&host, "/Ulimits") {
        let number = |key: &str| limit.get(key).and_then(Value::as_i64).unwrap_or_default();
        flag("--ulimit", &format!("{}={}:{}", text(&limit, "Name"), number("Soft"), number("Hard")));
    }
    for device in list(&host, "/Devices") {
        let of = |key: &str| text(&device, key).to_owned();
        flag("--device", &format!("{}:{}:{}", of("PathOnHost"), of("PathInContainer"), of("CgroupPermissions")));
    }
    if let Some(restart) = host.get("RestartPolicy") {
        let count = restart.get("MaximumRetryCount").and_then(Value::as_i64).unwrap_or_default();
        let policy = text(restart, "Name");
        if !matches!(policy, "" | "no") {
            flag("--restart", &if count > 0 { format!("{policy}:{count}") } else { policy.to_owned() });
        }
    }
    if let Some(log) =
        host.get("LogConfig").filter(|log| text(log, "Type") != "json-file" || log.pointer("/Config").is_some())
    {
        flag("--log-driver", text(log, "Type"));
        for (key, value) in log.pointer("/Config").and_then(Value::as_object).into_iter().flatten() {
            flag("--log-opt", &format!("{key}={}", value.as_str().unwrap_or_default()));
        }
    }
    let mode = text(&host, "NetworkMode").to_owned();
    if !matches!(mode.as_str(), "" | "default" | "bridge") {
        flag("--network", &mode);
    }
    if let Some((_, endpoint)) = networks(inspect).find(|(name, _)| **name == mode) {
        flag("--ip", endpoint.pointer("/IPAMConfig/IPv4Address").and_then(Value::as_str).unwrap_or_default());
        for alias in texts(endpoint, "/Aliases").iter().filter(|alias| !id.starts_with(alias.as_str())) {
            flag("--network-alias", alias);
        }
    }
    for (key, name) in SWITCHES {
        let of = if matches!(*key, "Tty" | "OpenStdin") { &config } else { &host };
        if of.get(key).and_then(Value::as_bool) == Some(true) {
            args.push((*name).to_owned());
        }
    }
    let entrypoint = texts(&config, "/Entrypoint");
    let mut command = texts(&config, "/Cmd");
    if let Some((first, rest)) = entrypoint.split_first() {
        args.extend(["--entrypoint".to_owned(), first.clone()]);
        command.splice(0..0, rest.iter().cloned());
    } else {
        args.push("--entrypoint=".to_owned());
    }
    args.push(image.to_owned());
    args.extend(command);
    args.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ")
}

/// `/db:/web/alias` as `db:alias`.
fn link(value: &str) -> String {
    match value.split_once(':') {
        Some((name, path)) => {
            let alias = path.rsplit('/').next().unwrap_or_default();
            format!("{}:{alias}", name.trim_start_matches('/'))
        }
        None => value.to_owned(),
    }
}

const TEXTS: &[(&str, &str)] = &[
    ("CgroupParent", "--cgroup-parent"),
    ("CpusetCpus", "--cpuset-cpus"),
    ("CpusetMems", "--cpuset-mems"),
    ("PidMode", "--pid"),
    ("UTSMode", "--uts"),
    ("UsernsMode", "--userns"),
    ("VolumeDriver", "--volume-driver"),
];

const CONFIG_TEXTS: &[(&str, &str)] = &[
    ("Domainname", "--domainname"),
    ("User", "--user"),
    ("WorkingDir", "--workdir"),
    ("StopSignal", "--stop-signal"),
    ("MacAddress", "--mac-address"),
];

const LISTS: &[(&str, &str)] = &[
    ("Binds", "-v"),
    ("VolumesFrom", "--volumes-from"),
    ("CapAdd", "--cap-add"),
    ("CapDrop", "--cap-drop"),
    ("Dns", "--dns"),
    ("DnsOptions", "--dns-option"),
    ("DnsSearch", "--dns-search"),
    ("ExtraHosts", "--add-host"),
    ("GroupAdd", "--group-add"),
    ("Links", "--link"),
    ("SecurityOpt", "--security-opt"),
    ("DeviceCgroupRules", "--device-cgroup-rule"),
];

const NUMBERS: &[(&str, &str)] = &[
    ("Memory", "--memory"),
    ("MemorySwap", "--memory-swap"),
    ("MemoryReservation", "--memory-reservation"),
    ("MemorySwappiness", "--memory-swappiness"),
    ("CpuShares", "--cpu-shares"),
    ("CpuPeriod", "--cpu-period"),
    ("CpuQuota", "--cpu-quota"),
    ("NanoCpus", "--cpus"),
    ("PidsLimit", "--pids-limit"),
    ("OomScoreAdj", "--oom-score-adj"),
    ("BlkioWeight", "--blkio-weight"),
    ("ShmSize", "--shm-size"),
];

const SWITCHES: &[(&str, &str)] = &[
    ("Privileged", "--privileged"),
    ("ReadonlyRootfs", "--read-only"),
    ("PublishAllPorts", "-P"),
    ("OomKillDisable", "--oom-kill-disable"),
    ("Init", "--init"),
    ("AutoRemove", "--rm"),
    ("Tty", "-t"),
    ("OpenStdin", "-i"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::run_line;

    #[test]
    fn settings_become_flags() {
        let inspect = json!({
            "Id": "0123456789ab", "Name": "/web",
            "Config": {"Hostname": "0123456789ab", "Env": ["A=b c"], "Cmd": ["serve"], "Entrypoint": ["/bin/x", "-v"], "User": "1000"},
            "HostConfig": {
                "Binds": ["data:/data:ro"], "NetworkMode": "front", "NanoCpus": 1_500_000_000_i64, "ReadonlyRootfs": true,
                "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}, "Links": ["/db:/web/alias"],
            },
            "NetworkSettings": {"Networks": {"front": {"IPAMConfig": {"IPv4Address": "10.0.0.9"}, "Aliases": ["api"]}}},
        });
        assert_eq!(
            run_line(&inspect, "web:1"),
            "docker run -d --name web --user 1000 -v data:/data:ro --link db:alias --cpus 1.500 -e 'A=b c' \
             -p 127.0.0.1:8080:80/tcp --restart on-failure:3 --network front --ip 10.0.0.9 --network-alias api --read-only \
             --entrypoint /bin/x web:1 -v serve"
        );
    }
}
