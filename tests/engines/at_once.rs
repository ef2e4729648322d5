//! Several objects are kept, deleted and restored at once: none is lost for another one.

use std::fs;
use std::path::Path;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::terminal::after_question;

const MANY: usize = 20;

fn names(kind: &str) -> Vec<String> {
    (0..MANY).map(|at| format!("{kind}-{at:02}")).collect()
}

/// Names and contents of everything, and what each object is.
fn state(engine: &Engine) -> Vec<String> {
    let mut found = Vec::new();
    for volume in engine.plain(&["volume", "ls", "-q"]).lines() {
        let place = engine.plain(&["volume", "inspect", volume, "--format", "{{.Mountpoint}}"]);
        found.push(format!("volume {volume} {:?}", fs::read_to_string(Path::new(&place).join("file")).ok()));
    }
    for network in engine.plain(&["network", "ls", "--filter", "type=custom", "--format", "{{.Name}}"]).lines() {
        found.push(format!("network {network}"));
    }
    for container in engine.plain(&["ps", "-a", "--format", "{{.Names}}"]).lines() {
        let archive =
            crate::support::process::client(&engine.host()).args(["cp", &format!("{container}:/own"), "-"]).output();
        let content = archive.unwrap().stdout;
        let text = String::from_utf8_lossy(content.get(512..600).unwrap_or_default()).trim_matches('\0').to_owned();
        found.push(format!("container {container} {text}"));
    }
    found.sort();
    found
}

#[test]
fn many_objects_go_and_come_back_and_none_is_lost_for_another() {
    let engine = Engine::start("at-once", "new", "--default-address-pool base=10.80.0.0/16,size=24");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    let (volumes, networks, containers) = (names("volume"), names("network"), names("container"));
    for (at, name) in volumes.iter().enumerate() {
        engine.plain(&["volume", "create", name]);
        let place = engine.plain(&["volume", "inspect", name, "--format", "{{.Mountpoint}}"]);
        fs::write(Path::new(&place).join("file"), format!("content {at}")).unwrap();
    }
    for name in &networks {
        engine.plain(&["network", "create", name]);
    }
    for (at, name) in containers.iter().enumerate() {
        // Some of them have the same layer.
        let script = format!("echo own {} >/own; touch -d @1000000000 /own /", at / 2);
        engine.plain(&["run", "--name", name, "--network", &networks[at], "base:1", "sh", "-c", &script]);
    }
    let before = state(&engine);
    assert_eq!(before.len(), 3 * MANY);
    let words = |first: &[&'static str], names: &[String]| -> Vec<String> {
        first.iter().map(|word| (*word).to_owned()).chain(names.iter().cloned()).collect()
    };
    for (first, names) in [(&["rm"][..], &containers), (&["network", "rm"], &networks), (&["volume", "rm"], &volumes)] {
        let words = words(first, names);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut terminal = guarded.asked(&words);
        // One of the volumes comes into use while it is asked: it alone stays.
        if first[0] == "volume" {
            engine.plain(&["create", "--name", "user", "-v", "volume-07:/v", "base:1", "true"]);
        }
        terminal.send(&if terminal.seen().contains("Type ") {
            format!("{}\n", guarded.name)
        } else {
            "y\n".to_owned()
        });
        let code = terminal.wait().code();
        let seen = terminal.seen();
        assert_eq!(code, Some(i32::from(first[0] == "volume")), "{seen}");
        // Docker prints the names in the order in which they were typed.
        let after = after_question(&seen);
        let named = |line: &str| names.iter().map(String::as_str).find(|name| line.trim_end().ends_with(name));
        let said: Vec<&str> = after.lines().filter(|line| !line.contains("not deleted")).filter_map(named).collect();
        let expected: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "volume-07").collect();
        let expected = if first[0] == "volume" { expected } else { names.iter().map(String::as_str).collect() };
        assert_eq!(said, expected, "{seen}");
    }
    assert_eq!(state(&engine), ["container user ", "volume volume-07 Some(\"content 7\")"]);
    engine.plain(&["rm", "user"]);
    // The volumes, then the networks, then the containers, which need them.
    let (said, code) = guarded.undone();
    assert_eq!(code, 0, "{said}");
    for _ in 0..2 {
        guarded.undo();
    }
    // It was kept and not deleted: its copy comes back beside it, for undo was told so.
    engine.plain(&["volume", "rm", "volume-07-restored"]);
    assert_eq!(state(&engine), before);
}
