//! The answer `a` to a question: the narrowest exception goes into the caller's own policy, and the same question does not come again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::support::example::with_policy;
use crate::support::place::{Place, error};
use crate::support::terminal::Terminal;
use fender_core::judge::judge;
use fender_core::judge::narrowest::narrowest;
use fender_core::policy::{Action, Caller, CallerKind, Policy, date_of, parse_layer};

const DEV: &str = "[environments.dev]\nhostname = \"*\"\n";
const SOCKET: [&str; 10] =
    ["run", "-v", "/var/run/docker.sock:/s", "-u", "5", "-m", "1g", "--pids-limit=9", "--init", "traefik:3.1"];

fn file(place: &Place) -> PathBuf {
    place.path("home/.config/fender/policy.toml")
}

fn command(place: &Place, words: &[&str]) -> Command {
    let mut command = place.typed(words);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    command
}

fn asked(place: &Place, words: &[&str]) -> Terminal {
    let terminal = Terminal::start(&command(place, words), None);
    terminal.expect_question();
    std::thread::sleep(Duration::from_millis(350));
    terminal
}

fn pause() {
    std::thread::sleep(Duration::from_millis(400));
}

fn today() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs() / 86_400).unwrap()
}

#[test]
fn what_is_allowed_here_is_not_asked_again() {
    for (reason, written) in [
        ("", format!("allowed at the question, {}", date_of(today()))),
        ("the proxy reads labels", "the proxy reads labels".to_owned()),
        ("it's \"ours\" \\ see wiki", "it's \\\"ours\\\" \\\\ see wiki".to_owned()),
    ] {
        let place = Place::new();
        place.policy(DEV);
        let mut terminal = asked(&place, &SOCKET);
        let said = terminal.unwrapped();
        assert!(said.contains("a: allow it here for 90 days"), "{said}");
        let named = "docker-socket: image traefik:3.1, source /var/run/docker.sock, environment dev";
        assert!(said.contains(named), "{said}");
        terminal.send("a\n");
        terminal.expect("Reason");
        assert!(terminal.unwrapped().contains("until = "), "it is shown first: {}", terminal.seen());
        pause();
        terminal.send(&format!("{reason}\n"));
        assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
        assert!(place.reached().is_some());
        let until = date_of(today() + 90);
        let expected = format!(
            "{DEV}\n[[allow]]\nrule = \"docker-socket\"\nimage = \"traefik:3.1\"\nsource = \"/var/run/docker.sock\"\nenvironment = \"dev\"\nreason = \"{written}\"\nuntil = {until}\n"
        );
        assert_eq!(fs::read_to_string(file(&place)).unwrap(), expected);
        let output = command(&place, &SOCKET).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", error(&output));
        // Another image, another path: the question comes.
        for other in [["/var/run/docker.sock:/s", "traefik:3.2"], ["/etc:/s", "traefik:3.1"]] {
            let words = ["run", "-v", other[0], "-u", "5", "-m", "1g", "--pids-limit=9", "--init", other[1]];
            assert_eq!(command(&place, &words).output().unwrap().status.code(), Some(125), "{words:?}");
        }
    }
}

#[test]
fn a_new_policy_is_its_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    assert!(!file(&place).exists());
    let mut terminal = asked(&place, &SOCKET);
    terminal.send("a\n");
    terminal.expect("Reason");
    pause();
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert_eq!(fs::metadata(file(&place)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(file(&place)).unwrap().starts_with("[[allow]]\n"));
    assert_eq!(command(&place, &SOCKET).output().unwrap().status.code(), Some(0));
}

#[test]
fn without_a_reason_nothing_is_written() {
    let place = Place::new();
    place.policy(DEV);
    for end in ["\u{4}", "\u{3}"] {
        let mut terminal = asked(&place, &SOCKET);
        terminal.send("a\n");
        terminal.expect("Reason");
        pause();
        terminal.send(end);
        assert_ne!(terminal.wait().code(), Some(0), "{}", terminal.seen());
        assert_eq!((fs::read_to_string(file(&place)).unwrap().as_str(), place.reached()), (DEV, None));
    }
    // The file is another one by the time of the answer.
    let mut terminal = asked(&place, &SOCKET);
    terminal.send("a\n");
    terminal.expect("Reason");
    place.policy("[rules]\nprune = \"refuse\"\n");
    pause();
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    assert!(terminal.unwrapped().contains("it was changed after it was read"), "{}", terminal.seen());
    assert_eq!(
        (fs::read_to_string(file(&place)).unwrap().as_str(), place.reached()),
        ("[rules]\nprune = \"refuse\"\n", None)
    );
}

/// What would be written for a line, as its keys.
fn proposed(system: &str, line: &str, environment: &str) -> Option<Vec<String>> {
    let layers = match system {
        "" => Vec::new(),
        text => vec![parse_layer(std::path::Path::new("/etc/fender/policy.toml"), true, text).unwrap()],
    };
    let words: Vec<std::ffi::OsString> = shell_words::split(line).unwrap().into_iter().map(Into::into).collect();
    with_policy(&Policy { layers }, environment, Caller::of(CallerKind::Person), |context| {
        let judgement = judge(&words, context);
        assert!(judgement.wanted >= Action::Ask, "{line}");
        let found = narrowest(&words, &judgement, context)?;
        Some(found.iter().map(|it| format!("{}: {}", it.rule, it.said())).collect())
    })
}

#[test]
fn the_narrowest_that_is_enough() {
    for (line, environment, expected) in [
        ("run --privileged -u 5 -m 1g --init a:1", "dev", &["privileged: image a:1, environment dev"][..]),
        (
            "run --privileged -v /etc:/e -u 5 -m 1g --init a:1",
            "dev",
            &["privileged: image a:1, environment dev", "host-mount: image a:1, source /etc, environment dev"],
        ),
        ("exec --privileged web sh", "dev", &["privileged-exec: container web, environment dev"]),
    ] {
        let mut found = proposed("", line, environment).unwrap_or_default();
        found.sort();
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{line}");
    }
    // What a user's file may not allow is not offered.
    let line = "run --privileged -u 5 -m 1g --init a:1";
    for system in [
        "[locks]\nrules = [\"privileged\"]\n",
        "[locks]\nclasses = [\"escape\"]\n",
        "[rules]\nprivileged = \"ask\"\n",
        "[rules]\nprivileged = \"refuse\"\n",
    ] {
        assert_eq!(proposed(system, line, "dev"), None, "{system}");
    }
    assert!(proposed("repeat_notes = true\n", line, "dev").is_some());
    // On production, with a system's file: that it is production binds the user.
    assert_eq!(proposed("repeat_notes = true\n", line, "prod"), None);
}
