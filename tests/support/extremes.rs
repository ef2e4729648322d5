//! Numbers, durations, sizes, ports, ranges and dates at and beyond their ends, for every flag that takes one.

use fender_core::grammar::parse::commands;
use fender_core::grammar::{Command, Flag, FlagKind};

/// What stands for a number.
pub const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "+0",
    "1",
    "-1",
    "+1",
    "00",
    "007",
    "08",
    "0x7f",
    "0X",
    "0b2",
    "0o17",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "127",
    "128",
    "255",
    "256",
    "32767",
    "32768",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "99999999999999999999999999999999999999999999999999",
    "0.5",
    ".5",
    "5.",
    ".",
    "1.5",
    "0.000000001",
    "0.0000000001",
    "0.3333333333333333333333333333333333333",
    "1e3",
    "1E3",
    "1e-9",
    "1e-10",
    "1e308",
    "1e309",
    "1e400",
    "-1e400",
    "1e-400",
    "1.5e-2147483648",
    "1.5e2147483648",
    "1e9223372036854775807",
    "1e-9223372036854775808",
    "1e99999999999999999999",
    "0e99999999999999999999",
    "0x1p4",
    "0x1p-1074",
    "0x1.8p1023",
    "0x1p1024",
    "0x1p-9223372036854775808",
    "1p3",
    "1p-9223372036854775808",
    "1/3",
    "1/0",
    "-9223372036854775808/1",
    "1/9223372036854775808",
    "1/340282366920938463463374607431768211456",
    "inf",
    "-Inf",
    "nan",
    "infinity",
    "",
    " ",
    "-",
    "+",
    "--1",
    "+-1",
    " 1",
    "1 ",
    "\t1",
    "1,5",
    "\u{661}\u{662}",
    "\u{ff11}",
    "\u{b2}",
    "\u{bd}",
    "1\u{660}",
    "\u{2212}1",
    "1\u{0}",
    "e",
    "x",
    "true",
];

/// What stands behind a number.
pub const UNITS: &[&str] = &[
    "b", "k", "kb", "kib", "KiB", "m", "g", "G", "t", "p", "PB", "e", "E", "z", "K", "\u{212a}", "\u{b5}s", "\u{3bc}s",
    "ns", "us", "ms", "s", "h", "d", "h1m", "s1", "-", "-1", "-65535", ":1", "/tcp", "/udp", ":", "%",
];

/// Numbers that are put before each unit.
const BEFORE: &[&str] = &[
    "0",
    "1",
    "-1",
    "1.5",
    ".5",
    "1e3",
    "65535",
    "65536",
    "9223372036854775807",
    "9223372036854775808",
    "9007199254740993",
    "0.9999999999999999999",
    "99999999999999999999999",
    "1e300",
    "\u{661}",
];

/// Every text: numbers alone, and numbers with units.
pub fn texts() -> Vec<String> {
    let with_units = BEFORE.iter().flat_map(|number| UNITS.iter().map(move |unit| format!("{number}{unit}")));
    NUMBERS.iter().map(|text| (*text).to_owned()).chain(with_units).collect()
}

/// How a flag that is no plain number has numbers in it: `#` stands for one.
pub const WITHIN: &[(&str, &[&str])] = &[
    ("publish", &["#", "#:80", "80:#", "127.0.0.1:#:80", "#:#", "[::1]:#:80", "1-#:1-#", "80:80/#"]),
    ("expose", &["#", "1-#", "#-5", "#/udp"]),
    ("ulimit", &["nofile=#", "nofile=1:#", "nofile=#:1", "cpu=#"]),
    ("device-read-bps", &["/dev/a:#"]),
    ("device-write-iops", &["/dev/a:#"]),
    ("blkio-weight-device", &["/dev/a:#"]),
    ("restart", &["on-failure:#", "#"]),
    ("mount", &["type=tmpfs,target=/t,tmpfs-size=#", "type=tmpfs,target=/t,tmpfs-mode=#"]),
    ("tmpfs", &["/t:size=#"]),
    ("gpus", &["#", "count=#"]),
    ("device-cgroup-rule", &["c #:* rwm", "c 1:# rwm"]),
    ("subnet", &["10.0.0.0/#", "#.0.0.0/8", "::/#"]),
    ("ip-range", &["10.0.0.0/#"]),
    ("gateway", &["10.0.0.#"]),
    ("aux-address", &["a=10.0.0.#"]),
    ("filter", &["until=#", "until=2026-#", "until=2026-01-02T03:04:05.#Z", "until=2026-01-02T03:04:05+#:00"]),
    ("generic-resource", &["a=#"]),
    ("user", &["#:#"]),
    ("ip", &["10.0.0.#"]),
    ("mac-address", &["02:42:ac:11:00:#"]),
    ("network", &["name=n,ip=10.0.0.#", "name=n,gw-priority=#"]),
    ("platform", &["linux/arm/v#"]),
    ("scale", &["a=#"]),
    ("cpuset-cpus", &["0-#"]),
];

/// Every flag that takes a number, once for each way of reading it, with the values that it is given.
pub fn flags() -> Vec<(&'static Command, &'static Flag, &'static [&'static str])> {
    let mut seen = std::collections::BTreeSet::new();
    let all = commands().iter().filter(|command| !command.group && command.path == command.canonical);
    let all = all.flat_map(|command| command.flags.iter().map(move |flag| (command, flag)));
    all.filter_map(|(command, flag)| {
        let within = WITHIN.iter().find(|(name, _)| *name == flag.name).map(|(_, within)| *within);
        let plain: &[&str] = match flag.kind {
            FlagKind::Bytes
            | FlagKind::SwapBytes
            | FlagKind::Int64
            | FlagKind::Uint64
            | FlagKind::Uint16
            | FlagKind::Uint32
            | FlagKind::Duration
            | FlagKind::PositiveDuration
            | FlagKind::Decimal
            | FlagKind::Float
            | FlagKind::Ip => &["#"],
            _ => &[],
        };
        let values = within.unwrap_or(plain);
        (!values.is_empty() && seen.insert((flag.name, command.canonical.split(' ').next())))
            .then_some((command, flag, values))
    })
    .collect()
}

/// The words of a command with one flag.
pub fn line(command: &Command, flag: &Flag, value: &str) -> Vec<String> {
    let path = command.path.split(' ').map(str::to_owned);
    let typed = format!("--{}={value}", flag.name);
    path.chain([typed]).chain((0..command.least).map(|at| format!("o{at}"))).collect()
}
