//! One setting of a container in its three spellings: the Engine API's field, docker's flags, and compose's key. Lowering uses it to find
//! the argument, fixes use it to write a flag, and advice about a compose file uses it to name a key.

use crate::order::PutInOrder as _;

/// A field of a container.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The Engine API's name, which is also the name of the part of a request.
    pub name: &'static str,
    /// docker's flags; the first is the one a fix writes.
    pub flags: &'static [&'static str],
    /// The flag of `docker service create`, where it has another name.
    pub service_flag: Option<&'static str>,
    /// compose's key of a service; empty where compose has none.
    pub key: &'static str,
    /// JSON pointers into the bodies of requests (create, update, a service's task): what a fix of this field may change.
    pub pointers: &'static [&'static str],
    /// The flag or key has one value, and the whole field comes from it.
    pub single: bool,
}

const SINGLE: Field = Field { name: "", flags: &[], service_flag: None, key: "", pointers: &[], single: true };
const LIST: Field = Field { single: false, ..SINGLE };

/// The user of the first process.
pub static USER: Field = Field {
    name: "User",
    flags: &["user"],
    key: "user",
    pointers: &["/User", "/TaskTemplate/ContainerSpec/User"],
    ..SINGLE
};
/// The limit of memory.
pub static MEMORY: Field = Field {
    name: "Memory",
    flags: &["memory"],
    service_flag: Some("limit-memory"),
    key: "mem_limit",
    pointers: &["/HostConfig/Memory", "/TaskTemplate/Resources/Limits/MemoryBytes"],
    ..SINGLE
};
/// The limit of memory and swap together.
pub static MEMORY_SWAP: Field = Field {
    name: "MemorySwap",
    flags: &["memory-swap"],
    key: "memswap_limit",
    pointers: &["/HostConfig/MemorySwap", "/MemorySwap"],
    ..SINGLE
};
/// An init process in front of the command.
pub static INIT: Field = Field {
    name: "Init",
    flags: &["init"],
    key: "init",
    pointers: &["/HostConfig/Init", "/TaskTemplate/ContainerSpec/Init"],
    ..SINGLE
};
/// The limit of processes.
pub static PIDS_LIMIT: Field = Field {
    name: "PidsLimit",
    flags: &["pids-limit"],
    key: "pids_limit",
    pointers: &["/HostConfig/PidsLimit", "/PidsLimit"],
    ..SINGLE
};

/// Where the container's output is logged.
pub static LOG: Field =
    Field { name: "LogConfig", flags: &["log-opt", "log-driver"], pointers: &["/HostConfig/LogConfig"], ..LIST };

/// The fields that a rule, a message or a fix names.
pub static FIELDS: &[&Field] = &[
    &USER,
    &MEMORY,
    &MEMORY_SWAP,
    &INIT,
    &PIDS_LIMIT,
    &LOG,
    &Field { name: "Image", key: "image", ..SINGLE },
    &Field { name: "Privileged", flags: &["privileged"], key: "privileged", ..SINGLE },
    &Field { name: "OomKillDisable", flags: &["oom-kill-disable"], key: "oom_kill_disable", ..SINGLE },
    &Field { name: "OomScoreAdj", flags: &["oom-score-adj"], key: "oom_score_adj", ..SINGLE },
    &Field { name: "NetworkMode", flags: &["network", "net"], key: "network_mode", ..SINGLE },
    &Field { name: "PidMode", flags: &["pid"], key: "pid", ..SINGLE },
    &Field { name: "IpcMode", flags: &["ipc"], key: "ipc", ..SINGLE },
    &Field { name: "UTSMode", flags: &["uts"], key: "uts", ..SINGLE },
    &Field { name: "UsernsMode", flags: &["userns"], key: "userns_mode", ..SINGLE },
    &Field { name: "CgroupnsMode", flags: &["cgroupns"], key: "cgroup", ..SINGLE },
    &Field { name: "CgroupParent", flags: &["cgroup-parent"], key: "cgroup_parent", ..SINGLE },
    &Field { name: "Runtime", flags: &["runtime"], key: "runtime", ..SINGLE },
    &Field { name: "VolumeDriver", flags: &["volume-driver"], key: "volume_driver", ..SINGLE },
    &Field { name: "PublishAllPorts", flags: &["publish-all"], ..SINGLE },
    &Field { name: "Entrypoint", flags: &["entrypoint"], ..SINGLE },
    &Field { name: "DeviceRequests", flags: &["gpus"], ..SINGLE },
    &Field { name: "CapAdd", flags: &["cap-add"], key: "cap_add", ..LIST },
    &Field { name: "CapDrop", flags: &["cap-drop"], key: "cap_drop", ..LIST },
    &Field { name: "Devices", flags: &["device"], key: "devices", ..LIST },
    &Field { name: "SecurityOpt", flags: &["security-opt"], key: "security_opt", ..LIST },
];

/// Advice about docker's flags, worded with compose's keys.
#[must_use]
pub fn for_compose(advice: &str) -> String {
    let mut names: Vec<(String, &str)> = FIELDS
        .iter()
        .filter(|field| !field.key.is_empty())
        .flat_map(|field| field.flags.iter().map(|flag| (format!("--{flag}"), field.key)))
        .collect();
    // `--memory` is also the beginning of `--memory-swap`.
    names.put_in_order_by_key(|(flag, _)| std::cmp::Reverse(flag.len()));
    let text = advice.replace("--init", "init: true").replace("-v NAME:/path", "NAME:/path under volumes");
    names.iter().fold(text, |text, (flag, key)| text.replace(flag, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::find;

    #[test]
    fn every_flag_is_dockers_and_nothing_is_there_twice() {
        let (run, service) = (find("run").unwrap(), find("service create").unwrap());
        for (at, field) in FIELDS.iter().enumerate() {
            assert!(field.flags.iter().all(|flag| run.long(flag).is_some() || *flag == "net"), "{field:?}");
            assert!(field.service_flag.is_none_or(|flag| service.long(flag).is_some()), "{field:?}");
            for other in &FIELDS[at + 1..] {
                assert_ne!(field.name, other.name);
                assert!(field.key.is_empty() || field.key != other.key, "{field:?}");
            }
        }
    }

    #[test]
    fn advice_for_compose_names_its_keys() {
        assert_eq!(
            for_compose("--memory and --memory-swap with a number"),
            "mem_limit and memswap_limit with a number"
        );
        assert_eq!(for_compose("--init, or the exec form"), "init: true, or the exec form");
        assert_eq!(for_compose("--cap-add with one capability"), "cap_add with one capability");
    }
}
