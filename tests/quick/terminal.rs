//! Every question and answer, on a pseudo-terminal.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::support::place::Place;
use crate::support::process::program;
use crate::support::terminal::Terminal;
use nix::sys::termios::LocalFlags;

/// `docker` on a terminal; setsid is the terminal's own.
fn docker(place: &Place, words: &[&str]) -> Command {
    let mut command = place.typed(words);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    command
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

#[test]
fn a_question_says_what_where_why_and_what_instead() {
    let place = Place::new();
    let mut terminal = Terminal::start(&docker(&place, &["run", "-v", "/var/run/docker.sock:/s", "alpine:3"]), None);
    terminal.expect("Run it? [y/N] ");
    let seen = terminal.seen();
    for part in [
        "\n  docker-socket  container gets the engine's API socket\n    ",
        "\n\n    docker run -v /var/run/docker.sock:/s alpine:3\n               ^^ ^^^^^^^^^^^^^^^^^^^^^^^\n    instead    ",
        "\n    where      ",
        "\n    to allow   fender rules docker-socket\n",
        "\n\n[dev ",
    ] {
        assert!(seen.contains(part), "{part:?} is missing:\n{seen}");
    }
    assert!(seen.lines().all(|line| line.chars().count() <= 80), "{seen}");
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125));
    assert!(place.reached().is_none());
}

#[test]
fn answers() {
    let line = &["run", "-v", "/:/h", "-m1g", "--init", "-u5", "alpine:3"];
    for (answer, runs) in [
        ("\n", false),
        ("n\n", false),
        ("no\n", false),
        ("x\n", false),
        ("yy\n", false),
        ("\u{4}", false),
        ("y\n", true),
        ("Y\n", true),
        ("yes\n", true),
    ] {
        let place = Place::new();
        let mut terminal = Terminal::start(&docker(&place, line), None);
        terminal.expect("Run it? [y/N] ");
        terminal.send(answer);
        let code = terminal.wait().code();
        assert_eq!(place.reached().is_some(), runs, "{answer:?}\n{}", terminal.seen());
        assert_eq!(code, Some(if runs { 0 } else { 125 }), "{answer:?}");
        if runs {
            assert_eq!(place.reached().unwrap(), words(line));
        }
    }
}

#[test]
fn the_changed_command_is_shown_and_f_runs_it() {
    let place = Place::new();
    let line = ["--context", "prod", "run", "-d", "--name", "api", "registry.example.com/api:1.4"];
    let mut command = docker(&place, &line);
    command.env_remove("DOCKER_HOST");
    let mut terminal = Terminal::start(&command, None);
    terminal.expect("Run as typed? [y/N] ");
    let seen = terminal.seen();
    assert!(seen.contains("  3 problems on prod: prod ("), "{seen}");
    assert!(seen.contains("  + docker --context prod run -d --name api --user"), "{seen}");
    terminal.send("f\n");
    assert_eq!(terminal.wait().code(), Some(0));
    let reached = place.reached().unwrap();
    assert_eq!(reached[..6], words(&line[..6])[..]);
    let rest: Vec<&str> = reached[6..].iter().filter_map(|word| word.to_str()).collect();
    assert_eq!(rest[0], "--user");
    assert_eq!(rest[2..], ["--memory", "1g", "--memory-swap", "1g", "--init", "registry.example.com/api:1.4"]);
}

#[test]
fn on_production_the_name_has_to_be_typed() {
    for (answer, reached) in [
        ("\n", None),
        ("y\n", None),
        ("yes\n", None),
        ("other\n", None),
        ("prod\n", Some(&["--context", "prod", "run", "--privileged", "alpine"][..])),
        ("f\n", None),
    ] {
        let place = Place::new();
        place.policy("[environments.prod.rules]\nprivileged = \"type\"\n");
        let mut command = docker(&place, &["--context", "prod", "run", "--privileged", "alpine"]);
        command.env_remove("DOCKER_HOST");
        let mut terminal = Terminal::start(&command, None);
        terminal.expect("Type prod to run, Enter to cancel: ");
        terminal.send(answer);
        let code = terminal.wait().code();
        assert_eq!(place.reached(), reached.map(words), "{answer:?}");
        assert_eq!(code, Some(if reached.is_some() { 0 } else { 125 }), "{answer:?}");
    }
}

#[test]
fn refused_without_a_question() {
    let place = Place::new();
    let mut command = docker(&place, &["--context", "prod", "run", "--privileged", "alpine"]);
    command.env_remove("DOCKER_HOST");
    let mut terminal = Terminal::start(&command, None);
    assert_eq!(terminal.wait().code(), Some(125));
    let seen = terminal.seen();
    assert!(
        seen.contains(
            "fender: not run (privileged, prod): refused by policy; see: fender rules privileged --environment prod"
        ),
        "{seen}"
    );
    assert!(seen.contains("an entry in a policy: fender rules privileged"), "{seen}");
    assert!(place.reached().is_none());
}

#[test]
fn control_c_leaves_the_terminal_as_it_was() {
    let place = Place::new();
    let mut terminal = Terminal::start(&docker(&place, &["run", "--privileged", "alpine"]), None);
    let before = terminal.state();
    terminal.expect("Run it? [y/N] ");
    let asking = terminal.state();
    assert!(asking.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
    terminal.send("\u{3}");
    let status = terminal.wait();
    assert!(!status.success());
    assert_eq!(terminal.state(), before);
    assert!(!terminal.seen().contains('\u{1b}'), "no escape is left on the screen");
    assert!(place.reached().is_none());
}

#[test]
fn the_question_is_read_from_the_terminal_not_from_a_pipe() {
    let place = Place::new();
    let mut yes = program("sh").args(["-c", "yes | head -100"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut terminal = Terminal::start(
        &docker(&place, &["run", "--privileged", "alpine"]),
        Some(Stdio::from(yes.stdout.take().unwrap())),
    );
    terminal.expect("Run it? [y/N] ");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(place.reached().is_none());
    terminal.send("n\n");
    assert_eq!(terminal.wait().code(), Some(125));
    assert!(place.reached().is_none());
    yes.wait().unwrap();
}

#[test]
fn notes_are_one_line_on_a_terminal() {
    let place = Place::new();
    let mut terminal = Terminal::start(&docker(&place, &["run", "-d", "-p", "80:80", "nginx"]), None);
    assert_eq!(terminal.wait().code(), Some(0));
    let seen = terminal.seen();
    let notes: Vec<&str> = seen.lines().filter(|line| line.starts_with("fender: ")).collect();
    assert_eq!(
        notes,
        [
            "fender: perhaps runs as root, no memory limit, a tag that can move, perhaps PID 1 does not forward signals or reap children, 1 more (fender why)"
        ]
    );
}

#[test]
fn colour_only_where_it_is_wanted() {
    let place = Place::new();
    let mut command = docker(&place, &["run", "--privileged", "alpine"]);
    command.env_remove("NO_COLOR");
    let mut terminal = Terminal::start(&command, None);
    terminal.expect("[y/N] ");
    assert!(terminal.seen().contains("\u{1b}[1;91mprivileged\u{1b}[0m"), "{:?}", terminal.seen());
    terminal.send("\n");
    terminal.wait();
}
