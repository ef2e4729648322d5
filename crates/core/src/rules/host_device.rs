//! A device of the host that gives the host away.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::grammar::values::clean;

/// Devices that a program may need and that do not lead to the host's disks or memory, by the start of their name.
const USUAL: &[&str] = &[
    "null",
    "zero",
    "full",
    "random",
    "urandom",
    "tty",
    "snd",
    "dri",
    "kvm",
    "fuse",
    "net/tun",
    "net/tap",
    "video",
    "media",
    "nvidia",
    "kfd",
    "accel",
    "bus/usb",
    "usb",
    "input",
    "uinput",
    "hidraw",
    "rtc",
    "i2c",
    "spidev",
    "gpio",
    "vchiq",
    "vcsm",
    "serial",
    "ppp",
    "infiniband",
    "dvb",
    "cec",
    "lirc",
    "rfkill",
    "apex",
    "dma_heap",
    "davinci",
    "mali",
    "hailo",
    "rga",
    "mpp_service",
    "shm",
    "pts",
    "console",
    "ptmx",
    "sr",
    "cdrom",
    "dvd",
    "ipmi",
    "watchdog",
    "iio",
    "ttyUSB",
    "hpet",
    "dxg",
];

pub static RULE: Rule = Rule {
    id: "host-device",
    title: "device of the host that gives access to the host",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "Through this device a process in the container can read and write data of the host without a permission \
          check: the files on a disk, or the machine's memory.",
    instead: "mount the folder that is needed, or pass only the device that the program uses",
    references: &["CIS Docker Benchmark 5.18"],
    fires: &[
        "run --device /dev/sda tools:1.4",
        "run --device=/dev/mem:/m:r tools:1.4",
        "run --device-cgroup-rule 'b *:* rwm' tools:1.4",
    ],
    quiet: &[
        "run --device /dev/dri tools:1.4",
        "run --device /dev/ttyUSB0 tools:1.4",
        "run --gpus all tools:1.4",
        "run --device-cgroup-rule 'c 189:* rwm' tools:1.4",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        for (path, origins) in &workload.devices {
            let cleaned = clean(path);
            let real = case.on_host(&cleaned);
            if !is_usual(&cleaned) || !is_usual(&real) {
                findings.push(RULE.found(origins).titled(format!("passes the host's device {cleaned}")));
            }
        }
        for (rule, origins) in &workload.device_rules {
            if opens_disks(rule) {
                findings.push(RULE.found(origins).titled(format!("allows the devices {rule:?}")));
            }
        }
    }
    findings
}

fn is_usual(path: &str) -> bool {
    path.strip_prefix("/dev/").is_some_and(|name| USUAL.iter().any(|usual| name.starts_with(usual)))
}

/// Block devices, memory devices (`c 1:*`), or everything.
fn opens_disks(rule: &str) -> bool {
    let mut parts = rule.split(' ');
    let (kind, numbers) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match (kind, numbers.split_once(':')) {
        ("a" | "b", _) => true,
        ("c", Some(("*", _))) => true,
        // The harmless members of the memory devices are null, zero, full, random and urandom.
        ("c", Some(("1", minor))) => !matches!(minor, "3" | "5" | "7" | "8" | "9"),
        _ => false,
    }
}
