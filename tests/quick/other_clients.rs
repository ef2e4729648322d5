//! Podman and nerdctl under the name docker.

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
fn nothing_runs_without_an_answer_and_docker_itself_is_not_asked() {
    let other = place("podman version 5.2.2");
    let output = other.run(&["pod", "rm", "-f", "web"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(other.reached(), None);
    let docker = place("Docker version 28.5.2, build x");
    let (action, rules) = action(&docker, "pod rm -f web");
    assert!(!rules.iter().any(|rule| rule == "other-client"), "{action} {rules:?}");
    // A client whose file names no other program is not asked at all.
    let plain = Place::new();
    plain.run(&["pod", "rm", "-f", "web"]);
    assert!(!plain.path("home/.local/state/fender/clients.json").exists());
}
