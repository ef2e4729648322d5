//! Contexts and builders are judged by the engine that they lead to, and from which one.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::place::Place;
use crate::support::process::fender;
use fender_core::docker_files::context_folder;

struct Contexts {
    place: Place,
}

const CONTEXTS: &[(&str, &str)] = &[
    ("prod-web", "tcp://web.example.com:2376"),
    ("prod-db", "tcp://db.example.com:2376"),
    ("laptop", "unix:///run/laptop.sock"),
    ("build", "tcp://build.example.com:2376"),
    ("shared", "tcp://prod-7.example.com:2376"),
];

impl Contexts {
    fn new(current: &str) -> Contexts {
        let contexts = Contexts { place: Place::new() };
        for (name, host) in CONTEXTS {
            let folder = contexts.docker_folder().join("contexts/meta").join(context_folder(name));
            fs::create_dir_all(&folder).unwrap();
            let text = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
            fs::write(folder.join("meta.json"), text).unwrap();
        }
        fs::write(contexts.docker_folder().join("config.json"), format!(r#"{{"currentContext":"{current}"}}"#))
            .unwrap();
        let builders = contexts.docker_folder().join("buildx/instances");
        fs::create_dir_all(&builders).unwrap();
        for (name, endpoints) in
            [("farm", &["build", "prod-web"][..]), ("own", &["build"]), ("far", &["tcp://prod.example.com:1234"])]
        {
            let nodes: Vec<String> =
                endpoints.iter().map(|it| format!(r#"{{"Name":"n","Endpoint":"{it}"}}"#)).collect();
            let text = format!(r#"{{"Name":"{name}","Driver":"docker-container","Nodes":[{}]}}"#, nodes.join(","));
            fs::write(builders.join(name), text).unwrap();
        }
        fs::write(builders.join("broken"), "{").unwrap();
        contexts
    }

    fn docker_folder(&self) -> PathBuf {
        self.place.path("home/.docker")
    }

    /// The actions of `context-switch` on this line, with their titles.
    fn judged(&self, line: &str, variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut command = fender();
        command.env("PATH", self.place.search_path()).env("HOME", self.place.path("home"));
        command.envs(variables.iter().copied()).args(["explain", "--format", "json", "--"]).args(line.split(' '));
        let output = command.output().unwrap();
        let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = explained["findings"].as_array().unwrap().iter().filter(|it| it["rule"] == "context-switch");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        findings.map(|it| (text(&it["action"]), text(&it["title"]))).collect()
    }
}

#[test]
fn a_context_is_judged_by_where_it_leads() {
    for (current, line, expected) in [
        // Entering production.
        ("laptop", "context use prod-web", "ask"),
        ("", "context use prod-web", "ask"),
        ("", "context use shared", "ask"),
        ("prod-db", "context use prod-web", "ask"),
        // From one development engine to another.
        ("laptop", "context use build", "note"),
        ("", "context use build", "note"),
        // Leaving production, and what changes nothing.
        ("prod-web", "context use laptop", "allow"),
        ("prod-web", "context use default", "allow"),
        ("laptop", "context use laptop", ""),
        ("prod-web", "context use prod-web", ""),
        ("", "context use default", ""),
        // A context that leads somewhere else from now on.
        ("laptop", "context update laptop --docker host=tcp://prod.example.com:2376", "ask"),
        ("laptop", "context update laptop --docker host=ssh://ann@prod-1.example.com", "ask"),
        ("laptop", "context update laptop --docker from=prod-web", "note"),
        ("laptop", "context update build --docker host=tcp://other.example.com:2376", "note"),
        ("laptop", "context update prod-web --docker host=tcp://other.example.com:2376", "ask"),
        ("laptop", "context update prod-web --docker host=tcp://web.example.com:2376", ""),
        ("laptop", "context update laptop --description x", ""),
        ("laptop", "context create other --docker host=tcp://prod.example.com:2376", ""),
        ("lost", "context create lost --docker host=tcp://prod.example.com:2376", "ask"),
        ("lost", "context create lost", "note"),
        ("laptop", "context create lost", ""),
        // Builders.
        ("laptop", "buildx use farm", "ask"),
        ("laptop", "buildx use far", "ask"),
        ("laptop", "buildx use own", "note"),
        ("laptop", "buildx use broken", "ask"),
        ("laptop", "buildx use nosuch", ""),
        ("prod-web", "buildx use own", "allow"),
        ("laptop", "buildx create --use --name x prod-web", "ask"),
        ("laptop", "buildx create --name x prod-web", ""),
        ("laptop", "buildx build --builder farm .", "note"),
        ("laptop", "buildx prune --builder far -f", "note"),
        ("laptop", "buildx build --builder own .", "allow"),
        ("laptop", "buildx ls", ""),
    ] {
        let contexts = Contexts::new(current);
        let found = contexts.judged(line, &[]);
        let actions: Vec<&str> = found.iter().map(|(action, _)| action.as_str()).collect();
        assert_eq!(actions.join(" "), expected, "from {current:?}: docker {line}: {found:?}");
        if expected == "ask" && !line.contains("broken") {
            assert!(found[0].1.contains("production"), "{line}: {found:?}");
        }
    }
}

#[test]
fn an_archive_over_a_context_in_use_leads_nobody_knows_where() {
    let contexts = Contexts::new("lost");
    let archive = contexts.place.path("home/x.dockercontext");
    fs::write(&archive, "x").unwrap();
    let judged = |name: &str, variables: &[(&str, &str)]| -> Vec<String> {
        let line = format!("context import {name} {}", archive.display());
        contexts.judged(&line, variables).into_iter().map(|(action, _)| action).collect()
    };
    assert_eq!(judged("lost", &[]), ["ask"]);
    assert_eq!(judged("new", &[("DOCKER_CONTEXT", "new")]), ["ask"]);
    assert!(judged("new", &[]).is_empty());
}

#[test]
fn a_variable_that_wins_over_the_context_is_said() {
    let contexts = Contexts::new("laptop");
    let host = ("DOCKER_HOST", "tcp://other.example.com:2375");
    for (line, variables, expected) in [
        (
            "context use build",
            &[host][..],
            Some(
                "DOCKER_HOST is set in this shell and wins over the context build: commands here go to tcp://other.example.com:2375",
            ),
        ),
        (
            "context use default",
            &[("DOCKER_CONTEXT", "prod-web")],
            Some("DOCKER_CONTEXT is set in this shell and wins over the context default: commands here go to prod-web"),
        ),
        ("context use laptop", &[host], Some("DOCKER_HOST is set")),
        ("context use build", &[("DOCKER_CONTEXT", "build")], None),
        ("context use build", &[], None),
    ] {
        let found = contexts.judged(line, variables);
        let said = found.iter().find(|(_, title)| title.contains("wins over"));
        assert_eq!(said.is_some(), expected.is_some(), "{line}: {found:?}");
        if let (Some((action, title)), Some(expected)) = (said, expected) {
            assert!(title.starts_with(expected) && action == "note", "{line}: {action} {title}");
        }
    }
}
