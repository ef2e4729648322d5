//! No input makes fender slow: whatever is made four times as large takes four times as long, and what could nest without
//! end has an end. Times are this thread's own processor time, so that a busy machine changes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::support::TestHost;
use crate::support::judged::judged;
use fender::ui::report;
use fender::ui::screen::Screen;
use fender_core::files::mask;
use fender_core::grammar::parse::commands;
use fender_core::grammar::{Command, Flag, FlagKind};
use nix::time::{ClockId, clock_gettime};

/// Four times the input may take so many times as long. Linear is 4, sorted about 4.5, quadratic 16.
const MOST: f64 = 7.0;
/// Below this nothing is said: it would be noise.
const NOISE: Duration = Duration::from_millis(8);

pub fn spent(run: &dyn Fn()) -> Duration {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let start = now();
    run();
    now() - start
}

/// Whether four times the input takes too long; then with the times.
pub fn too_slow(small: &dyn Fn(), large: &dyn Fn()) -> Option<(Duration, Duration)> {
    let mut best: Option<(Duration, Duration)> = None;
    // The best of several: what is slow once may be slow for reasons of the machine.
    for _ in 0..4 {
        let after = spent(large);
        let after = best.map_or(after, |(_, best)| best.min(after));
        if after < NOISE {
            return None;
        }
        let before = spent(small);
        let before = best.map_or(before, |(best, _)| best.min(before));
        if after.as_secs_f64() <= before.as_secs_f64() * MOST {
            return None;
        }
        best = Some((before, after));
    }
    best
}

/// How many times larger than usual the inputs are: `FENDER_SCALING=8` finds what only shows late, and tries every filler.
pub fn scale() -> usize {
    std::env::var("FENDER_SCALING").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Judges the words and prepares everything that a person would be shown.
fn whole(words: &[String]) {
    let mut host = TestHost::new(Path::new("/nonexistent"));
    host.variables.insert("DOCKER_BUILDKIT".to_owned(), "0".to_owned());
    host.plugins = vec!["compose".to_owned(), "buildx".to_owned()];
    let judgement = judged(&host, words);
    let screen = Screen::plain();
    let _ = (
        report::stopping(&judgement, &fender_core::judge::fixes::Fixes::default(), &screen, "m"),
        report::note(
            &judgement,
            &judgement.with(fender_core::policy::Action::Note).collect::<Vec<_>>(),
            false,
            &screen,
        ),
    );
    if let Some(rewritten) = &judgement.rewrite {
        let texts: Vec<String> = rewritten.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        report::difference(&judgement, &texts, &screen);
    }
}

/// A value that docker takes for the flag, another one for each number.
fn value(command: &Command, flag: &Flag, at: usize) -> String {
    match (flag.name, flag.kind) {
        ("volume", _) => format!("/data/{at}:/mnt/{at}"),
        ("mount" | "mount-add", _) => format!("type=bind,source=/data/{at},target=/mnt/{at}"),
        ("publish" | "publish-add", _) => format!("{}:{}", at % 65_535 + 1, at % 65_535 + 1),
        ("expose" | "publish-rm", _) => (at % 65_535 + 1).to_string(),
        ("cap-add" | "cap-drop", _) => format!("CAP_{at}"),
        ("device", _) => format!("/dev/x{at}"),
        ("device-cgroup-rule", _) => format!("c {at}:* rwm"),
        ("device-read-bps" | "device-write-bps" | "device-read-iops" | "device-write-iops", _) => {
            format!("/dev/x{at}:10")
        }
        ("blkio-weight-device", _) => format!("/dev/x{at}:10"),
        ("add-host" | "host-add" | "host", _) if !command.canonical.is_empty() => format!("h{at}:10.0.0.1"),
        ("dns" | "dns-add", _) => format!("10.0.{}.{}", at / 250 % 250, at % 250),
        ("link", _) => format!("c{at}:d{at}"),
        ("network" | "net" | "network-add", _) => format!("n{at}"),
        ("ulimit" | "ulimit-add", _) => "nofile=10".to_owned(),
        ("sysctl" | "sysctl-add", _) => format!("net.x{at}=1"),
        ("security-opt", _) => format!("label=x{at}"),
        ("tmpfs", _) => format!("/t{at}"),
        ("attach", _) => "stdout".to_owned(),
        ("gpus", _) => "all".to_owned(),
        ("storage-opt" | "log-opt" | "opt" | "driver-opt", _) => format!("k{at}=v"),
        ("secret" | "config" | "secret-add" | "config-add", _) => format!("s{at}"),
        ("placement-pref" | "placement-pref-add", _) => format!("spread=node.labels.x{at}"),
        ("subnet", _) => format!("10.{}.{}.0/24", at / 250 % 250, at % 250),
        ("external-ca", _) => format!("protocol=cfssl,url=http://x{at}"),
        ("file" | "env-file" | "label-file" | "compose-file", _) => format!("f{at}"),
        (_, FlagKind::Filter) => format!("label=x{at}"),
        (_, FlagKind::Bool) => "true".to_owned(),
        (_, FlagKind::Text | FlagKind::List | FlagKind::Slice | FlagKind::Map) => format!("K{at}=v{at}"),
        (_, FlagKind::Network) => format!("n{at}"),
        (_, FlagKind::Bytes | FlagKind::SwapBytes) => format!("{}m", at + 10),
        (_, FlagKind::Duration | FlagKind::PositiveDuration) => format!("{at}s"),
        (_, FlagKind::Decimal | FlagKind::Float) => "0.5".to_owned(),
        (_, FlagKind::Ip) => "10.0.0.1".to_owned(),
        (_, FlagKind::Int64 | FlagKind::Uint64 | FlagKind::Uint16 | FlagKind::Uint32) => "5".to_owned(),
    }
}

fn line(command: &Command, middle: impl IntoIterator<Item = String>, operands: usize) -> Vec<String> {
    let path = command.path.split(' ').map(str::to_owned);
    path.chain(middle).chain((0..operands).map(|at| format!("o{at}"))).collect()
}

/// Each flag of each command, once for each pair of canonical command and flag that lower differently.
fn flags() -> Vec<(&'static Command, &'static Flag)> {
    let mut seen = BTreeSet::new();
    let all = commands().iter().filter(|command| !command.group && command.path == command.canonical);
    all.flat_map(|command| command.flags.iter().map(move |flag| (command, flag)))
        .filter(|(command, flag)| {
            // A flag that may stand once is the same everywhere; a list is lowered by each command.
            let alone = !matches!(
                flag.kind,
                FlagKind::List | FlagKind::Slice | FlagKind::Map | FlagKind::Filter | FlagKind::Network
            );
            seen.insert((if alone { "" } else { command.canonical }, flag.name))
        })
        .filter(|(_, flag)| flag.name != "help")
        .collect()
}

#[test]
fn every_flag_may_be_repeated() {
    let mut slow = Vec::new();
    let only = std::env::var("FENDER_SCALING_FLAG").ok();
    for (command, flag) in flags().into_iter().filter(|(_, flag)| only.as_deref().is_none_or(|only| only == flag.name))
    {
        let words = |count: usize| {
            let typed = (0..count).map(|at| format!("--{}={}", flag.name, value(command, flag, at)));
            line(command, typed, command.least.into())
        };
        let (small, large) = (words(150 * scale()), words(600 * scale()));
        if let Some(times) = too_slow(&|| whole(&small), &|| whole(&large)) {
            slow.push(format!("docker {} --{}: {times:?}", command.path, flag.name));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn every_value_may_be_long() {
    let mut slow = Vec::new();
    let fillers = ["x", "1", "a,", "a=b,", "a:", "/", "../", "\"", "-", ".", "_", " ", "é", "=", "[", "${", "1-"];
    // Each flag gets a part of the fillers, in turn: many flags are read by the same code.
    let part = if scale() > 1 { fillers.len() } else { 4 };
    for (at, (command, flag)) in flags().into_iter().filter(|(_, flag)| flag.kind != FlagKind::Bool).enumerate() {
        for filler in fillers.iter().cycle().skip(at * part).take(part) {
            let words = |size: usize| {
                let first = value(command, flag, 1);
                let typed = format!("--{}={first}{}", flag.name, filler.repeat(size / filler.len()));
                line(command, [typed], command.least.into())
            };
            let (small, large) = (words(1_500 * scale()), words(6_000 * scale()));
            if let Some(times) = too_slow(&|| whole(&small), &|| whole(&large)) {
                slow.push(format!("docker {} --{}={filler:?}…: {times:?}", command.path, flag.name));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn any_number_of_operands() {
    let mut slow = Vec::new();
    for command in commands().iter().filter(|command| !command.group && command.most == u8::MAX) {
        let (small, large) = (line(command, [], 500 * scale()), line(command, [], 2000 * scale()));
        if let Some(times) = too_slow(&|| whole(&small), &|| whole(&large)) {
            slow.push(format!("docker {}: {times:?}", command.path));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn ranges_of_ports_cost_what_their_words_cost() {
    for words in [
        &["run", "-p", "1-65535:1-65535", "a"][..],
        &["run", "-p", "10000-20000:10000-20000/udp", "a"],
        &["run", "--expose", "1-65535", "a"],
        &["run", "-p", "127.0.0.1:1-65535:1-65535", "--expose", "1-65535/udp", "a"],
    ] {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let time = spent(&|| whole(&words));
        assert!(time < Duration::from_millis(20), "{words:?}: {time:?}");
    }
    // What is written out port by port, for swarm, is linear.
    let of = |last: usize| -> Vec<String> {
        ["service", "create", "-p", &format!("1-{last}:1-{last}"), "a"].iter().map(|word| (*word).to_owned()).collect()
    };
    let (small, large) = (of(15_000), of(60_000));
    assert_eq!(too_slow(&|| whole(&small), &|| whole(&large)), None);
}

#[test]
fn many_small_words_and_one_large_one() {
    let words = |size: usize| -> Vec<Vec<String>> {
        let typed = |start: &[&str], one: &str, count: usize| -> Vec<String> {
            start
                .iter()
                .map(|word| (*word).to_owned())
                .chain((0..count).map(|at| one.replace('#', &at.to_string())))
                .collect()
        };
        vec![
            typed(&["run", "a"], "word#", size),
            typed(&["exec", "c"], "word#", size),
            typed(&["run"], "-it", size),
            typed(&["run"], "--unknown#", size),
            typed(&[], "--unknown#", size),
            typed(&["--"], "x#", size),
            typed(&["compose"], "--file=f#", size),
            typed(&["run", "--"], "--privileged", size),
            vec!["run".into(), "-".to_owned() + &"i".repeat(size * 5)],
            vec!["run".into(), "-v".to_owned() + &"/a:/b:".repeat(size)],
            vec!["run".into(), "a".repeat(size * 8)],
            vec!["nosuch".repeat(size)],
            vec!["run".into(), "--label".into(), "=".repeat(size * 5), "a".into()],
            typed(&["run", "sh", "-c"], &"echo # && ".repeat(20), size / 20),
        ]
    };
    let (small, large) = (words(2_000 * scale()), words(8_000 * scale()));
    let mut slow = Vec::new();
    for (small, large) in small.iter().zip(&large) {
        if let Some(times) = too_slow(&|| whole(small), &|| whole(large)) {
            slow.push(format!(
                "docker {}: {times:?}",
                small
                    .iter()
                    .take(4)
                    .map(|word| word.chars().take(20).collect::<String>())
                    .collect::<Vec<_>>()
                    .join(" ")
            ));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn what_nests_without_end_has_an_end() {
    let place = tempfile::tempdir().unwrap();
    for depth in [3_000, 20_000, 200_000] {
        let nested = format!("{}x{}", "${A:-".repeat(depth), "}".repeat(depth));
        let text = format!("ARG V=1\nARG X={nested}\nFROM alpine:3.22\nENV Y={nested}\nUSER 1\nCOPY {nested} /x\n");
        crate::support::lint::write(place.path(), &[("Dockerfile", &text)]);
        let start = std::time::Instant::now();
        let found = crate::support::lint::found(place.path(), &[]);
        assert!(found.contains(&("not-understood".to_owned(), 2)), "{found:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{depth}: {:?}", start.elapsed());
    }
    // Variables that double each other.
    let doubling: String = (0..60).map(|_| "ENV A=$A$A\n").collect();
    crate::support::lint::write(
        place.path(),
        &[("Dockerfile", &format!("FROM alpine:3.22\nENV A=xxxx\n{doubling}USER 1\n"))],
    );
    let start = std::time::Instant::now();
    crate::support::lint::found(place.path(), &[]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn masking_a_long_text_costs_no_more_than_its_length() {
    for part in [
        "a:b@c",
        "://",
        "@",
        ":",
        "eyJ-",
        "eyJ",
        ",",
        "a=,",
        "TOKEN=,",
        "-----BEGIN ",
        "token\":",
        "\"token\": ",
        "?sig=",
        "-",
        "e",
        " ",
        "--token ",
        "-p mysql ",
        "--token ' ",
        "--token \" x' ",
        "hooks.slack.com/services/",
    ] {
        let long = part.repeat(100_000 / part.len());
        let start = std::time::Instant::now();
        let _ =
            (mask::word(&long), mask::text(&long), mask::args(&long.split(' ').map(str::to_owned).collect::<Vec<_>>()));
        assert!(start.elapsed().as_secs() < 5, "{part:?} took {:?}", start.elapsed());
    }
}
