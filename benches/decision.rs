//! The decision in process: parse, lower, judge, with no engine to ask. `cargo bench --bench decision`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot measure ends by a panic, and its output is its result"
)]

#[path = "support/result.rs"]
mod result;

use std::ffi::OsString;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use fender::engine::Offline;
use fender::environment::host::Surroundings;
use fender_core::judge::{JudgementContext, judge};
use fender_core::lower::read;
use fender_core::plan::Facts;
use fender_core::policy::{Caller, CallerKind, Policy};
use fender_core::target::Target;
use result::result;

fn main() {
    let host = Surroundings { assume_terminal: true };
    let policy = Policy::default();
    let facts = |_: &Target| -> Rc<dyn Facts> { Rc::new(Offline::default()) };
    let context = JudgementContext {
        host: &host,
        policy: &policy,
        facts: &facts,
        hostname: "m".to_owned(),
        today: 20_784,
        ids: (5, 5),
        caller: Caller::of(CallerKind::Person),
        environment: None,
    };
    eprintln!("{:<64} {:>9} {:>9}", "docker …", "parse", "decision");
    for line in [
        "ps -a",
        "run --rm -m 1g --init -u 1000 alpine:3",
        "run -d -p 8080:80 --name web nginx",
        "run -v /var/run/docker.sock:/s --privileged alpine",
        "system prune -a --volumes",
        "compose down -v",
    ] {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let texts: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let rounds = 3000;
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(read(black_box(&texts), &host));
        }
        let parsed = start.elapsed() / rounds;
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(judge(black_box(&words), &context));
        }
        let decided = start.elapsed() / rounds;
        eprintln!("{line:<64} {:>6.1} µs {:>6.1} µs", parsed.as_secs_f64() * 1e6, decided.as_secs_f64() * 1e6);
        result("decision", &format!("parse {line}"), parsed.as_secs_f64() * 1e6, "µs");
        result("decision", line, decided.as_secs_f64() * 1e6, "µs");
    }
}
