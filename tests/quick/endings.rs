//! However a command ends that docker does not run: its last line says why, where, and what to do. Many programs show only this one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::faulty::{At, Fault, Faulty};
use crate::support::place::{Place, error, script};
use crate::support::process::{program, root};
use crate::support::terminal::Terminal;

/// The parts of the last line.
#[derive(Debug)]
struct Last {
    reason: String,
    environment: String,
    why: String,
    remedy: String,
}

fn last(said: &str) -> Last {
    let line = said.lines().last().unwrap_or_default();
    let parts = || {
        let (head, rest) = line.strip_prefix("fender: not run (")?.split_once("): ")?;
        let (reason, environment) = head.rsplit_once(", ")?;
        let (why, remedy) = rest.rsplit_once("; ")?;
        Some([reason, environment, why, remedy].map(str::to_owned))
    };
    let [reason, environment, why, remedy] = parts().unwrap_or_else(|| panic!("no last line: {said}"));
    let does = |text: &str| text.starts_with("to ") && text.contains(": ") || text.starts_with("see: fender rules ");
    assert!(!reason.is_empty() && !environment.is_empty() && !why.is_empty() && does(&remedy), "{line}");
    Last { reason, environment, why, remedy }
}

/// Without a terminal.
fn ends(mut command: Command, code: i32) -> Last {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", error(&output));
    assert!(output.stdout.is_empty());
    last(&error(&output))
}

fn docker(place: &Place, words: &[&str]) -> Command {
    let mut command = place.docker();
    command.args(words);
    command
}

/// On a terminal, with an answer.
fn answered(place: &Place, words: &[&str], answer: &str) -> Last {
    if !place.path("home/.config").exists() {
        place.policy("[environments.dev]\nhostname = \"*\"\n");
    }
    let mut command = place.typed(words);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    if place.path("sock").exists() {
        command.env("DOCKER_HOST", format!("unix://{}", place.path("sock").display()));
    }
    let mut terminal = Terminal::start(&command, None);
    terminal.expect_question();
    terminal.send(answer);
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert_eq!(place.reached(), None);
    last(&terminal.seen().replace('\r', ""))
}

const PRIVILEGED: &[&str] = &["run", "--privileged", "alpine"];

#[test]
fn what_rules_stop() {
    let place = Place::new();
    let end = ends(docker(&place, PRIVILEGED), 125);
    assert_eq!((end.reason.as_str(), end.environment.as_str()), ("privileged", "dev"));
    assert_eq!(
        (end.why.as_str(), end.remedy.as_str()),
        ("no terminal to ask on", "to allow: [rules] privileged = \"note\"")
    );
    place.policy("[rules]\nprivileged = \"refuse\"\n");
    let end = ends(docker(&place, PRIVILEGED), 125);
    assert_eq!(
        (end.why.as_str(), end.remedy.as_str()),
        ("refused by policy", "see: fender rules privileged --environment dev")
    );
    // The remedy is a command that can be typed as it stands, whatever the environment is called.
    place.policy("[environments.\"my lab\"]\npreset = \"prod\"\nhostname = \"*\"\n");
    let end = ends(docker(&place, PRIVILEGED), 125);
    assert_eq!(end.environment, "my lab");
    assert_eq!(end.remedy, "see: fender rules privileged --environment 'my lab'");
    let words = shell_words::split(end.remedy.strip_prefix("see: fender ").unwrap()).unwrap();
    let mut fender = program(env!("CARGO_BIN_EXE_fender"));
    place.surround(&mut fender);
    let page = fender.args(words).output().unwrap();
    assert!(page.status.success(), "{}", error(&page));
    assert!(String::from_utf8_lossy(&page.stdout).contains("in my lab"), "{}", String::from_utf8_lossy(&page.stdout));
}

#[test]
fn what_a_person_does_not_confirm() {
    for answer in ["n\n", "\n", "what\n", "\u{4}"] {
        let end = answered(&Place::new(), PRIVILEGED, answer);
        assert_eq!(
            (end.reason.as_str(), end.environment.as_str(), end.why.as_str()),
            ("privileged", "dev", "not confirmed")
        );
        assert_eq!(end.remedy, "to allow: [rules] privileged = \"note\"");
    }
    // A deletion, which has a question of its own.
    let place = Place::new();
    let engine = Faulty::start(&place.path("sock"), &[], At::Never, Fault::Closed);
    let end = answered(&place, &["volume", "rm", "spare"], "n\n");
    assert_eq!((end.reason.as_str(), end.why.as_str()), ("removes-volume", "not confirmed"));
    assert_eq!(engine.changes(), Vec::<String>::new());
}

#[test]
fn what_an_engine_does_not_say() {
    let place = Place::new();
    let at_engine = |words: &[&str]| {
        let mut command = docker(&place, words);
        command.env("DOCKER_HOST", format!("unix://{}", place.path("sock").display()));
        command
    };
    let engine = Faulty::start(&place.path("sock"), &[], At::Never, Fault::Closed);
    let end = ends(at_engine(&["volume", "rm", "data"]), 125);
    // No policy and no answer allows it, and nothing else is said.
    assert_eq!(
        (end.reason.as_str(), end.why.as_str(), end.remedy.as_str()),
        ("protected", "nothing allows it", "see: fender rules protected")
    );
    let text = error(&at_engine(&["volume", "rm", "data"]).output().unwrap());
    assert!(text.contains("to allow   nothing allows it: fender rules protected"), "{text}");
    drop(engine);
    fs::remove_file(place.path("sock")).unwrap();
    let _broken = Faulty::start(&place.path("sock"), &[], At::From(1), Fault::Page(503));
    let end = ends(at_engine(&["volume", "rm", "data"]), 125);
    assert_eq!(end.reason, "protected");
    // The reason is that nobody knows, and not that somebody refuses it.
    assert!(end.why.starts_with("fender cannot tell what is protected here: "), "{}", end.why);
    assert_eq!(end.remedy, "to delete: run it again when this can be read");
    let text = error(&at_engine(&["volume", "rm", "data"]).output().unwrap());
    assert!(!text.contains("to allow "), "{text}");
}

/// An engine that answers otherwise after the answer than before it: nothing is deleted, and the last line says so.
#[test]
fn an_engine_that_is_another_after_the_answer() {
    let asked = |place: &Place, at: At, fault: Fault| {
        place.policy("[environments.dev]\nhostname = \"*\"\n");
        let engine = Faulty::start(&place.path("sock"), &[], at, fault);
        let mut command = place.typed(&["volume", "rm", "spare"]);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        command.env("DOCKER_HOST", format!("unix://{}", place.path("sock").display()));
        let terminal = Terminal::start(&command, None);
        terminal.expect_question();
        (engine, terminal)
    };
    let (engine, mut terminal) = asked(&Place::new(), At::Never, Fault::Closed);
    let before = engine.count();
    terminal.send("n\n");
    terminal.wait();
    for (fault, why) in [
        (Fault::AnotherEngine, "a different engine answers now, not the one whose objects were shown"),
        (Fault::Empty, "the engine did not answer: "),
        (Fault::Closed, "the engine did not answer: "),
        (Fault::Reason(500), ""),
        (Fault::Page(403), ""),
    ] {
        let place = Place::new();
        let (engine, mut terminal) = asked(&place, At::From(before + 1), fault);
        terminal.send("y\n");
        assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
        let end = last(&terminal.seen());
        assert_eq!(end.reason, "engine");
        assert!(end.why.starts_with(&format!("nothing was deleted: {why}")), "{}", end.why);
        assert_eq!(end.remedy, "to delete: run it again when the engine answers");
        assert_eq!((engine.changes(), place.reached()), (Vec::new(), None));
    }
}

#[test]
fn what_cannot_be_judged_or_run_at_all() {
    // A policy that cannot be read.
    let place = Place::new();
    place.policy("[rules]\nprivileged = \"perhaps\"\n");
    let end = ends(docker(&place, &["run", "alpine"]), 125);
    assert_eq!((end.reason.as_str(), end.environment.as_str()), ("policy", "environment unknown"));
    assert!(end.why.contains("policy.toml:2:14:"), "{end:?}");
    // No client, and one that cannot be run.
    let place = Place::new();
    fs::set_permissions(place.path("real/docker"), fs::Permissions::from_mode(0o755)).unwrap();
    script(&place.path("real/docker"), "\u{7f}ELF and no more");
    let end = ends(docker(&place, &["ps"]), 126);
    assert_eq!(end.reason, "docker's client");
    fs::remove_file(place.path("real/docker")).unwrap();
    let mut alone = program(place.path("front/docker"));
    alone.arg("ps").env("PATH", place.path("real"));
    let end = ends(alone, 127);
    assert_eq!(end.reason, "no docker");
    assert!(end.why.contains(place.path("real").to_str().unwrap()), "{end:?}");
    // Two wrappers that find each other.
    let place = Place::new();
    script(&place.path("real/docker"), &format!("#!/bin/sh\nexec {} \"$@\"\n", place.path("front/docker").display()));
    let end = ends(docker(&place, &["ps"]), 125);
    assert_eq!(end.reason, "loop of wrappers");
    // A file that never stays as it is.
    let place = Place::new();
    place.policy("[rules]\nreads-host-file = \"allow\"\n");
    let end = ends(docker(&place, &["run", "--env-file", "/proc/sys/kernel/random/uuid", "alpine"]), 125);
    assert_eq!((end.reason.as_str(), end.environment.as_str()), ("changing files", "environment unknown"));
}

/// fender's own faults too, and no other place writes such a line.
#[test]
fn one_place_writes_it() {
    last(&fender::ending::own_fault("panicked at src/x.rs:1:1: no").to_string());
    let mut folders = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).unwrap().contains("fender: not run") {
                found.push(path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    assert_eq!(found, ["src/ending.rs"]);
}
