//! Who runs a deletion, on a real engine: a script goes on in dev and ci where all of it is kept, and nowhere else.

use std::process::Output;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;

const DEV: &str = "[environments.dev]\nhostname = \"*\"\n";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_script_deletes_what_is_kept() {
    let engine = Engine::start("callers-kept", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    let data = || {
        engine.plain(&["volume", "create", "data"]);
        engine.plain(&["run", "--rm", "-v", "data:/v", "base:1", "sh", "-c", "echo mine >/v/f"]);
    };
    let action = |environment: &str| {
        let words = [
            "explain",
            "--caller",
            "script",
            "--environment",
            environment,
            "--format",
            "json",
            "--",
            "volume",
            "rm",
            "data",
        ];
        let explained: serde_json::Value = serde_json::from_slice(&guarded.fender(&words).stdout).unwrap();
        explained["action"].as_str().unwrap().to_owned()
    };
    let is_there = || engine.plain(&["volume", "ls", "-q"]).contains("data");
    data();
    // On production it is refused, kept or not.
    let output = guarded.piped(&["volume", "rm", "data"]);
    assert_eq!((output.status.code(), is_there()), (Some(125), true), "{}", text(&output));
    assert_eq!((action("prod").as_str(), action("dev").as_str()), ("refuse", "note"));
    // In dev docker's own words are on standard output, the note and the number on standard error.
    guarded.place.policy(DEV);
    let output = guarded.piped(&["volume", "rm", "data"]);
    assert_eq!((output.status.code(), is_there()), (Some(0), false), "{}", text(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "data\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("fender undo brings it back (removes-volume)") && said.contains("kept in the trash as 1"),
        "{said}"
    );
    guarded.undo();
    assert_eq!(engine.plain(&["run", "--rm", "-v", "data:/v:ro", "base:1", "cat", "/v/f"]), "mine");
    // What cannot be kept stays refused; what is empty and new goes.
    guarded.place.policy(&format!("{DEV}[trash]\nmax = 0\n"));
    engine.plain(&["volume", "create", "empty"]);
    let output = guarded.piped(&["volume", "rm", "data"]);
    assert_eq!((output.status.code(), is_there()), (Some(125), true), "{}", text(&output));
    let output = guarded.piped(&["volume", "rm", "empty"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = guarded.piped(&["volume", "rm", "empty", "data"]);
    assert_eq!((output.status.code(), is_there()), (Some(125), true), "{}", text(&output));
    // A policy's own word, and an escape beside the deletion, are no note.
    guarded.place.policy(&format!("{DEV}[rules]\nremoves-volume = \"ask\"\n"));
    let output = guarded.piped(&["volume", "rm", "data"]);
    assert_eq!((output.status.code(), is_there()), (Some(125), true), "{}", text(&output));
    // An agent answers nothing, and is no script.
    guarded.place.policy(DEV);
    let mut agent = guarded.docker(&["volume", "rm", "data"]);
    let output = agent.env("CLAUDECODE", "1").output().unwrap();
    assert_eq!((output.status.code(), is_there()), (Some(125), true), "{}", text(&output));
}

#[test]
fn a_log_without_a_limit_is_noted_where_the_engine_has_none() {
    for (options, found) in [("", true), ("--log-driver local", false)] {
        let engine = Engine::start("callers-log", "new", options);
        let guarded = Guarded::new(&engine);
        engine.image("base:1", &[]);
        let rules = |words: &[&str]| {
            let words = [&["explain", "--format", "json", "--"], words].concat();
            let explained: serde_json::Value = serde_json::from_slice(&guarded.fender(&words).stdout).unwrap();
            explained["findings"].as_array().unwrap().iter().any(|it| it["rule"] == "unlimited-log")
        };
        assert_eq!(rules(&["run", "-d", "base:1", "sleep", "5"]), found, "{options}");
        assert!(!rules(&["run", "-d", "--log-opt", "max-size=5m", "base:1", "sleep", "5"]));
        assert!(!rules(&["run", "--rm", "base:1", "true"]));
        let file = guarded.place.path("home/compose.yaml");
        for (logging, limited) in [("", false), ("    logging: {options: {max-size: 5m}}\n", true)] {
            std::fs::write(&file, format!("services:\n  web:\n    image: base:1\n{logging}")).unwrap();
            let words = ["compose", "-f", file.to_str().unwrap(), "up", "-d"];
            assert_eq!(rules(&words), found && !limited, "{options} {logging}");
        }
    }
}
