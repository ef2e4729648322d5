//! Objects that are complete only with something beside them: volumes whose data lie elsewhere, containers whose image is gone,
//! networks that have their settings from another one.

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;

#[test]
fn on_docker_28() {
    on("apart-new", "new", "");
}

#[test]
fn on_docker_28_with_the_containerd_store() {
    on("apart-containerd", "new", "--feature containerd-snapshotter=true");
}

#[test]
fn on_docker_20_10() {
    on("apart-old", "old", "");
}

fn on(name: &str, which: &str, flags: &str) {
    let engine = Engine::start(name, which, flags);
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    volumes_whose_data_lie_elsewhere(&guarded);
    a_container_whose_image_is_gone(&guarded);
    a_network_with_the_settings_of_another(&guarded);
    if which == "new" {
        hardware_addresses_that_were_chosen(&guarded);
    }
    what_a_note_keeps(&guarded);
}

/// Settings cost nothing, so they are kept where a deletion is only noted; what cannot be made again from them is said.
fn what_a_note_keeps(guarded: &Guarded) {
    let engine = guarded.engine;
    guarded.place.policy("[environments.here]\nhostname = \"*\"\npreset = \"ci\"\n");
    engine.plain(&["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "memory"]);
    let said = |words: &[&str]| {
        // Only a person at a terminal gets notes.
        let mut terminal = guarded.on_terminal(words);
        assert_eq!(terminal.wait().code(), Some(0), "docker {words:?}: {}", terminal.seen());
        terminal.seen()
    };
    let note = said(&["volume", "rm", "memory"]);
    assert!(!note.contains("not kept"), "{note}");
    assert_eq!(guarded.fender(&["undo"]).status.code(), Some(0));
    assert_eq!(engine.plain(&["volume", "ls", "-q"]), "memory");
    engine.plain(&["run", "--name", "maker", "base:1", "touch", "/below"]);
    engine.plain(&["commit", "maker", "gone:2"]);
    engine.plain(&["create", "--name", "orphan", "gone:2", "true"]);
    engine.plain(&["rmi", "-f", "gone:2"]);
    let note = said(&["rm", "orphan"]);
    // The containerd store keeps an image that a container uses.
    let is_back = guarded.said_yes(&["undo"]).1 == 0;
    assert_ne!(note.contains("not kept: container orphan"), is_back, "{note}");
}

fn volumes_whose_data_lie_elsewhere(guarded: &Guarded) {
    let (engine, api) = (guarded.engine, Api::new(&guarded.engine.socket));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "outside\n").unwrap();
    let device = format!("device={}", folder.path().display());
    engine.plain(&["volume", "create", "-o", "type=none", "-o", "o=bind", "-o", &device, "--label", "a=b", "outside"]);
    engine.plain(&["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "memory"]);
    let volumes = || ["outside", "memory"].map(|name| api.get(&format!("/volumes/{name}")));
    let before = volumes();
    let command = ["run", "-d", "--name", "one", "-v", "outside:/o", "-v", "memory:/m", "base:1", "sleep", "600"];
    engine.plain(&command);
    let (said, code) = guarded.deleted(&["rm", "-f", "one"]);
    assert_eq!(code, 0, "{said}");
    let (said, code) = guarded.deleted(&["volume", "rm", "outside", "memory"]);
    assert_eq!(code, 0, "{said}");
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("are not deleted") && !flat.contains("loses"), "{said}");
    guarded.undo();
    for (before, now) in before.iter().zip(volumes()) {
        for key in ["Name", "Driver", "Options", "Labels"] {
            assert_eq!(before[key], now[key], "{key}");
        }
    }
    // The container that needs them comes back, too.
    guarded.undo();
    assert_eq!(engine.plain(&["exec", "one", "cat", "/o/file"]), "outside");
    engine.plain(&["rm", "-f", "one"]);
    engine.plain(&["volume", "rm", "outside", "memory"]);
}

fn a_container_whose_image_is_gone(guarded: &Guarded) {
    let engine = guarded.engine;
    engine.plain(&["run", "--name", "maker", "base:1", "sh", "-c", "echo image >/below"]);
    engine.plain(&["commit", "maker", "gone:1"]);
    engine.plain(&["rm", "maker"]);
    let read = "cat /below /own";
    engine.plain(&["run", "--name", "orphan", "gone:1", "sh", "-c", &format!("echo own >/own; {read}")]);
    engine.plain(&["rmi", "-f", "gone:1"]);
    let (said, code) = guarded.deleted(&["rm", "orphan"]);
    assert_eq!(code, 0, "{said}");
    guarded.undo();
    assert_eq!(engine.plain(&["start", "-a", "orphan"]), "image\nown");
    engine.plain(&["rm", "orphan"]);
}

fn a_network_with_the_settings_of_another(guarded: &Guarded) {
    let (engine, api) = (guarded.engine, Api::new(&guarded.engine.socket));
    engine.plain(&["network", "create", "--config-only", "--subnet", "10.87.0.0/24", "settings"]);
    engine.plain(&["network", "create", "--config-from", "settings", "-d", "bridge", "user"]);
    let subnet = |network: &Value| network.pointer("/IPAM/Config/0/Subnet").cloned();
    let before = api.get("/networks/user");
    assert_eq!(subnet(&before), Some(json!("10.87.0.0/24")));
    let (said, code) = guarded.deleted(&["network", "rm", "user", "settings"]);
    assert_eq!(code, 0, "{said}");
    let said = guarded.undo();
    assert!(!said.contains("other addresses"), "{said}");
    let now = api.get("/networks/user");
    assert_eq!((subnet(&now), &now["ConfigFrom"]), (subnet(&before), &before["ConfigFrom"]));
    engine.plain(&["network", "rm", "user", "settings"]);
}

fn hardware_addresses_that_were_chosen(guarded: &Guarded) {
    let (engine, api) = (guarded.engine, Api::new(&guarded.engine.socket));
    engine.plain(&["network", "create", "--subnet", "10.85.0.0/24", "first"]);
    engine.plain(&["network", "create", "--subnet", "10.86.0.0/24", "second"]);
    let chosen = [("first", "02:42:aa:bb:cc:01", "10.85.0.9"), ("second", "02:42:aa:bb:cc:02", "10.86.0.9")];
    let endpoints: serde_json::Map<String, Value> = chosen
        .iter()
        .map(|(name, mac, ip)| ((*name).to_owned(), json!({"MacAddress": mac, "IPAMConfig": {"IPv4Address": ip}})))
        .collect();
    let body = json!({"Image": "base:1", "Cmd": ["sleep", "600"], "HostConfig": {"NetworkMode": "first"},
        "NetworkingConfig": {"EndpointsConfig": endpoints}});
    api.post("/containers/create?name=two", &body);
    api.post("/containers/two/start", &Value::Null);
    let (said, code) = guarded.deleted(&["rm", "-f", "two"]);
    assert_eq!(code, 0, "{said}");
    guarded.undo();
    let now = api.get("/containers/two/json");
    for (name, mac, ip) in chosen {
        let endpoint = &now["NetworkSettings"]["Networks"][name];
        assert_eq!((&endpoint["MacAddress"], &endpoint["IPAddress"]), (&json!(mac), &json!(ip)), "{name}");
    }
}
