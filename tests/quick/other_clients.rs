//! Podman and nerdctl under the name docker: as a script that names them, and as a copy that does not.

use std::fs;

use serde_json::Value;

use crate::support::place::{Place, script};
use crate::support::process::without_terminal;

/// A program that says this of itself, and writes down how often it was asked.
fn place(says: &str) -> Place {
    let place = Place::new();
    let text = format!(
        "#!/bin/sh\n# podman or nerdctl under docker's name\nif [ \"$1\" = --version ]; then echo asked >>\"$STAND_IN_OUT/asked\"; echo '{says}'; exit 0; fi\n[ \"$1\" = help ] && exit 0\nfor word in \"$@\"; do printf '%s\\0' \"$word\" >>\"$STAND_IN_OUT/words\"; done\n"
    );
    script(&place.path("real/docker"), &text);
    place
}

fn action(place: &Place, line: &str) -> (String, Vec<String>) {
    let mut command = without_terminal(env!("CARGO_BIN_EXE_fender"));
    place.surround(&mut command);
    command.args(["explain", "--format", "json", "--"]).args(line.split(' '));
    let output = command.output().unwrap();
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = explained["findings"].as_array().unwrap().iter().map(|it| it["rule"].as_str().unwrap().to_owned());
    (explained["action"].as_str().unwrap().to_owned(), rules.collect())
}

fn asked(place: &Place) -> usize {
    fs::read_to_string(place.path("out/asked")).unwrap_or_default().lines().count()
}

const ADDED: &[&str] = &[
    "pod rm -f web",
    "pod create",
    "kube play web.yaml",
    "kube down web.yaml",
    "system reset -f",
    "machine rm x",
    "volume import data x.tar",
    "container restore web",
];
const READING: &[&str] =
    &["pod ps", "pod inspect web", "kube generate web", "generate kube web", "volume exists data", "ps -a", "images"];

#[test]
fn what_another_client_adds_is_asked_about() {
    for says in ["podman version 5.2.2", "nerdctl version 1.7.6"] {
        let place = place(says);
        for line in ADDED {
            let (action, rules) = action(&place, line);
            assert!(matches!(action.as_str(), "ask" | "type" | "refuse"), "{says}: docker {line}: {action} {rules:?}");
            assert!(rules.iter().any(|rule| rule == "other-client"), "{says}: docker {line}: {rules:?}");
        }
        for line in READING {
            let (action, rules) = action(&place, line);
            assert!(!rules.iter().any(|rule| rule == "other-client"), "{says}: docker {line}: {action} {rules:?}");
        }
        // Its prune takes what it takes: named volumes are not ruled out.
        let (prune, rules) = action(&place, "volume prune -f");
        assert!(matches!(prune.as_str(), "ask" | "type"), "{says}: {prune} {rules:?}");
        // Once, for this file as it is.
        assert_eq!(asked(&place), 1, "{says}");
        let path = place.path("real/docker");
        let text = fs::read_to_string(&path).unwrap().replace("exit 0", "exit  0");
        script(&path, &text);
        action(&place, "pod rm web");
        assert_eq!(asked(&place), 2, "{says}");
    }
}

#[test]
fn nothing_runs_without_an_answer() {
    let other = place("podman version 5.2.2");
    let output = other.run(&["pod", "rm", "-f", "web"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(other.reached(), None);
    let docker = place("Docker version 28.5.2, build x");
    let (action, rules) = action(&docker, "pod rm -f web");
    assert!(!rules.iter().any(|rule| rule == "other-client"), "{action} {rules:?}");
}

/// A program whose file says nothing of what it is: its answers lie beside it.
fn copied(says: &str, help: &str) -> Place {
    let place = Place::new();
    answers(&place, says, help);
    let text = "#!/bin/sh\ncase \"$*\" in --version) echo asked >>\"$STAND_IN_OUT/asked\"; exec cat \"$0.version\" ;; --help) exec cat \"$0.help\" ;; help*) exit 0 ;; esac\nprintf '%s\\0' \"$@\" >>\"$STAND_IN_OUT/words\"\n";
    script(&place.path("real/docker"), text);
    place
}

fn answers(place: &Place, says: &str, help: &str) {
    for (name, text) in [("version", says), ("help", help)] {
        let path = place.path(&format!("real/docker.{name}"));
        if text.is_empty() {
            let _ = fs::remove_file(path);
        } else {
            fs::write(path, text).unwrap()
        }
    }
}

const PODMANS_HELP: &str =
    "Manage pods, containers and images\n\nUsage:\n  docker [options] [command]\n\n  system      Manage podman\n";
const DOCKERS_HELP: &str = "Usage:  docker [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n";

/// Podman's own file prints the name that its file has: a copy says `docker version 4.3.1` (measured with podman 4.3.1 of Debian).
#[test]
fn a_copy_is_recognised_by_its_own_answer() {
    for (says, help, is_docker) in [
        ("Docker version 28.5.2, build ecc6942\n", DOCKERS_HELP, true),
        ("Docker version 20.10.24+dfsg1, build 297e128\n", DOCKERS_HELP, true),
        ("docker version 4.3.1\n", PODMANS_HELP, false),
        ("podman version 5.2.2\n", PODMANS_HELP, false),
        ("nerdctl version 1.7.6\n", "", false),
        ("finch version 1.2\n", DOCKERS_HELP, false),
        // It fails, or prints nothing.
        ("", "", false),
    ] {
        let place = copied(says, help);
        for line in ["pod rm -f web", "system reset -f", "kube play web.yaml"] {
            let (_, rules) = action(&place, line);
            let named = rules.iter().any(|rule| rule == "other-client");
            assert_eq!(named, !is_docker, "{says:?}: docker {line}: {rules:?}");
            if !is_docker {
                assert_eq!(place.run(&line.split(' ').collect::<Vec<_>>()).status.code(), Some(125), "{says:?} {line}");
                assert_eq!(place.reached(), None, "{says:?}: docker {line}");
            }
        }
        // Commands that only read do not ask.
        let before = asked(&place);
        place.run(&["ps"]);
        assert!(place.reached().is_some(), "{says:?}");
        assert_eq!(asked(&place), before, "{says:?}");
        // The others ask once where it answers, however many follow, and each time where it does not.
        if says.is_empty() { assert!(before >= 6, "{before}") } else { assert_eq!(before, 1, "{says:?}") }
    }
}

/// Another program in the place of the one that was asked is asked before anything runs; what did not answer is asked again.
#[test]
fn an_answer_counts_for_the_file_that_gave_it() {
    let place = copied("Docker version 28.5.2, build x\n", DOCKERS_HELP);
    let is_other = |place: &Place| action(place, "pod rm -f web").1.iter().any(|rule| rule == "other-client");
    assert!(!is_other(&place));
    let path = place.path("real/docker");
    let text = fs::read_to_string(&path).unwrap();
    answers(&place, "docker version 4.3.1\n", PODMANS_HELP);
    // Of the same size.
    script(&path, &text);
    assert_eq!(place.run(&["pod", "rm", "-f", "web"]).status.code(), Some(125));
    assert_eq!(place.reached(), None);
    assert!(is_other(&place));
    assert_eq!(asked(&place), 2);
    answers(&place, "", "");
    script(&path, &text);
    assert!(is_other(&place));
    answers(&place, "Docker version 28.5.2, build x\n", DOCKERS_HELP);
    assert!(!is_other(&place), "what did not answer is not remembered");
    assert_eq!(asked(&place), 4);
}
