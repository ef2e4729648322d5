//! `--cap-add` of what leads to the host.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

/// The capabilities, and what each one allows.
const DANGEROUS: &[(&str, &str)] = &[
    ("ALL", "every capability"),
    ("CAP_SYS_ADMIN", "mounting file systems and many other actions that only root of the host may do"),
    (
        "CAP_SYS_PTRACE",
        "reading and changing the memory of other processes, also of the host's processes if the PID namespace is shared",
    ),
    ("CAP_SYS_MODULE", "loading kernel modules into the host"),
    ("CAP_SYS_RAWIO", "direct access to memory, I/O ports and disks"),
    ("CAP_SYS_BOOT", "restarting the host or loading another kernel"),
    ("CAP_SYS_TIME", "setting the host's clock"),
    ("CAP_SYSLOG", "reading the kernel's addresses and log"),
    ("CAP_NET_ADMIN", "changing network settings, also the host's if the network namespace is shared"),
    ("CAP_DAC_READ_SEARCH", "opening any file of the host by its inode number (the \"shocker\" exploit)"),
    ("CAP_BPF", "loading programs into the kernel"),
    ("CAP_PERFMON", "tracing the kernel and every process"),
    ("CAP_CHECKPOINT_RESTORE", "changing processes and opening their files"),
    ("CAP_LINUX_IMMUTABLE", "making files that not even root of the host can change"),
    ("CAP_MAC_ADMIN", "changing the host's mandatory access control"),
    ("CAP_MAC_OVERRIDE", "ignoring the host's mandatory access control"),
    ("CAP_AUDIT_CONTROL", "switching off the host's audit log"),
];

pub static RULE: Rule = Rule {
    id: "added-capability",
    title: "capability that leads to root on the host",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "With this capability, a process in the container can leave the container or change the host's kernel for \
          all containers.",
    instead: "find out which single capability the program needs; most programs need none",
    references: &[
        "CIS Docker Benchmark 5.4",
        "CVE-2022-0492",
        "https://man7.org/linux/man-pages/man7/capabilities.7.html",
    ],
    fires: &[
        "run --cap-add SYS_ADMIN tools:1.4",
        "run --cap-add=all tools:1.4",
        "run --cap-drop ALL --cap-add cap_sys_ptrace tools:1.4",
        "run --network host --cap-add NET_ADMIN tools:1.4",
    ],
    quiet: &[
        "run --cap-add NET_BIND_SERVICE tools:1.4",
        "run --cap-drop ALL tools:1.4",
        "run --cap-add IPC_LOCK tools:1.4",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let added =
        case.workloads().iter().flat_map(|workload| workload.cap_add.iter().map(move |added| (workload, added)));
    added
        .filter_map(|(workload, (name, origins))| {
            let (_, allows) = DANGEROUS.iter().find(|(dangerous, _)| dangerous == name)?;
            let short = name.trim_start_matches("CAP_");
            let found = RULE.found(origins).titled(format!("adds the capability {short}"));
            Some(match name.as_str() {
                "CAP_NET_ADMIN" if workload.has_own_network() => found.at_most_noted().because(
                    "It can change the settings of its own network: addresses, routes, its firewall. The host's network is another one.",
                ),
                "CAP_SYS_PTRACE" if !workload.sees_processes() => found
                    .noted_alone_in_dev()
                    .because(format!("{short} allows {allows}. Debuggers and tracers need it.")),
                _ => found.because(format!("{short} allows {allows}. {}", RULE.why)),
            })
        })
        .collect()
}
