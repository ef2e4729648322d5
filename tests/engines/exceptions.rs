//! Exceptions of a policy where the engine and compose say what a name stands for.

use std::fs;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use serde_json::Value;

const SOCKET: &str = "/var/run/docker.sock:/s";

/// The actions on the findings of one rule, in order.
fn actions(guarded: &Guarded, exceptions: &[&str], rule: &str, words: &[&str]) -> Vec<String> {
    let exceptions =
        exceptions.iter().map(|keys| format!("[[allow]]\nrule = \"{rule}\"\nreason = \"known\"\n{keys}\n"));
    guarded.place.policy(&exceptions.collect::<String>());
    let asked = ["explain", "--environment", "prod", "--format", "json", "--"];
    let output = guarded.fender(&[asked.as_slice(), words].concat());
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = explained["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule);
    found.map(|finding| finding["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_name_stands_for_what_the_engine_has() {
    let engine = Engine::start("exceptions", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("agent:1", &[]);
    engine.image("other:1", &["ENV A=b"]);
    let id = engine.plain(&["image", "inspect", "--format", "{{.Id}}", "agent:1"]);
    let by_id = format!("image = \"{id}\"");
    let run = |image: &str| actions(&guarded, &[&by_id], "docker-socket", &["run", "-v", SOCKET, image]);
    assert_eq!(run("agent:1"), ["allow"]);
    assert_ne!(run("other:1"), ["allow"]);
    assert_ne!(run("missing:1"), ["allow"]);
    // Somebody gives the name to another image.
    engine.plain(&["tag", "other:1", "agent:1"]);
    assert_ne!(run("agent:1"), ["allow"]);

    // A container by the beginning of its id is the container of that name.
    engine.plain(&["create", "--name", "web", "other:1", "sh"]);
    let id = engine.plain(&["inspect", "--format", "{{.Id}}", "web"]);
    let exec = |name: &str, container: &str| {
        let words = ["exec", "--privileged", container, "sh"];
        actions(&guarded, &[&format!("container = \"{name}\"")], "privileged-exec", &words)
    };
    assert_eq!((exec("web", "web"), exec("web", &id[..12])), (vec!["allow".to_owned()], vec!["allow".to_owned()]));
    assert!(exec("other", "web").iter().chain(&exec(&id[..12], &id[..12])).all(|action| action != "allow"));

    // The engine that was named, and no other.
    let own = engine.plain(&["info", "--format", "{{.ID}}"]);
    let on = |id: &str| {
        actions(&guarded, &[&format!("engine = \"{id}\"")], "privileged", &["run", "--privileged", "other:1"])
    };
    assert_eq!(on(&own), ["allow"]);
    assert_ne!(on("AAAA:BBBB"), ["allow"]);
}

#[test]
fn a_service_of_a_project_is_one_container_of_it() {
    let engine = Engine::start("exceptions-compose", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("agent:1", &[]);
    let file = guarded.place.path("compose.yaml");
    let service = |name: &str| format!("  {name}:\n    image: agent:1\n    volumes: [\"{SOCKET}\"]\n");
    fs::write(&file, format!("name: shop\nservices:\n{}{}", service("edge"), service("job"))).unwrap();
    let up = |exceptions: &[&str]| {
        let words = ["compose", "-f", file.to_str().unwrap(), "up", "-d"];
        let actions = actions(&guarded, exceptions, "docker-socket", &words);
        actions.iter().filter(|action| *action == "allow").count()
    };
    for (exceptions, allowed) in [
        (&[][..], 0),
        (&["service = \"edge\""][..], 1),
        (&["service = \"edge\"\nproject = \"shop\""][..], 1),
        (&["service = \"edge\"\nproject = \"billing\""][..], 0),
        (&["service = \"edge\"", "service = \"job\""][..], 2),
        (&["project = \"shop\""][..], 2),
        (&["image = \"agent:*\""][..], 2),
        (&["container = \"shop-job-1\""][..], 1),
        (&["service = \"e\""][..], 0),
        (&["source = \"/var/run/docker.sock\"\nservice = \"job\""][..], 1),
        (&["source = \"/etc\"\nservice = \"job\""][..], 0),
    ] {
        assert_eq!(up(exceptions), allowed, "{exceptions:?}");
    }
}
