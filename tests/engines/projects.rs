//! Two folders whose compose projects have one name, on a real engine: nothing of the first one changes before somebody has agreed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::engine::Engine;
use crate::support::place::error;
use crate::support::process::{client, without_terminal};
use crate::support::terminal::Terminal;

use crate::support::guarded::Guarded;

/// The folders `a/shop` and `b/shop`, and what runs in them.
struct Folders<'a> {
    guarded: Guarded<'a>,
}

const FILE: &str = "services:\n  db: {image: \"stand-in:1\", command: sleep 9999, init: true, user: \"1000\", mem_limit: 100m, stop_grace_period: 0s, volumes: [\"data:/data\", \"./conf:/conf\"]}\nvolumes: {data: {}}\n";

impl Folders<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.guarded.place.path(&format!("home/{name}/shop"))
    }

    fn make(&self, name: &str, file: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(folder.join("conf")).unwrap();
        fs::write(folder.join("compose.yaml"), file).unwrap();
        folder
    }

    fn plain(&self, folder: &Path, words: &[&str]) {
        let output = client(&self.guarded.engine.host()).args(words).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", error(&output));
    }

    fn command(&self, folder: &Path, words: &[&str]) -> Command {
        let mut command = self.guarded.docker(words);
        command.current_dir(folder);
        command
    }

    /// Without a terminal.
    fn piped(&self, folder: &Path, words: &[&str]) -> Output {
        let mut command = without_terminal(self.guarded.place.path("front/docker"));
        command.args(words);
        let typed = self.guarded.docker(&[]);
        command.envs(typed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("FENDER_NOTES", "always").current_dir(folder).output().unwrap()
    }

    /// The containers with their ids and states, and the volumes.
    fn state(&self) -> String {
        let all = ["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"];
        self.guarded.engine.plain(&all) + &self.guarded.engine.plain(&["volume", "ls", "-q"])
    }
}

const COMMANDS: &[&[&str]] = &[
    &["compose", "up", "-d"],
    &["compose", "up", "-d", "--force-recreate"],
    &["compose", "create"],
    &["compose", "run", "db", "true"],
    &["compose", "scale", "db=2"],
    &["compose", "stop"],
    &["compose", "restart", "db"],
    &["compose", "kill"],
    &["compose", "rm", "-fs"],
    &["compose", "down"],
    &["compose", "down", "-v"],
    &["compose", "-f", "compose.yaml", "down", "--remove-orphans"],
];

#[test]
fn a_second_folder_of_the_same_name_is_caught() {
    let engine = Engine::start("projects", "new", "");
    engine.image("stand-in:1", &["USER 1000"]);
    let folders = Folders { guarded: Guarded::new(&engine) };
    let (first, second) = (folders.make("a", FILE), folders.make("b", FILE));
    folders.plain(&first, &["compose", "up", "-d"]);
    let before = folders.state();
    for words in COMMANDS {
        let output = folders.piped(&second, words);
        let said = error(&output);
        assert_eq!(output.status.code(), Some(125), "{words:?}: {said}");
        assert!(said.contains("foreign-project"), "{words:?}: {said}");
        let flat = said.split_whitespace().collect::<String>();
        for folder in [&first, &second] {
            assert!(flat.contains(&folder.display().to_string()), "{words:?} names {}: {said}", folder.display());
        }
        assert_eq!(folders.state(), before, "{words:?}");
    }
    // A person is asked, and a no leaves everything as it is.
    let mut terminal = Terminal::start(&folders.command(&second, &["compose", "up", "-d"]), None);
    terminal.expect_question();
    assert!(terminal.seen().contains("shop-b"), "{}", terminal.seen());
    terminal.send("n\n");
    assert_eq!(terminal.wait().code(), Some(125));
    assert_eq!(folders.state(), before);
    // The project's own folder, also by another path, and another name are nobody else's.
    let link = folders.guarded.place.path("home/link");
    std::os::unix::fs::symlink(folders.guarded.place.path("home/a"), &link).unwrap();
    for (folder, words) in [
        (&first, &["compose", "up", "-d"][..]),
        (&link.join("shop"), &["compose", "up", "-d"]),
        (&first.join("conf"), &["compose", "up", "-d"]),
        (&second, &["compose", "-f", "../../a/shop/compose.yaml", "up", "-d"]),
        (&second, &["compose", "-p", "shop-b", "up", "-d"]),
        (&second, &["compose", "-p", "shop-b", "down", "-v"]),
        (&second, &["compose", "ps"]),
        (&second, &["compose", "--dry-run", "down"]),
    ] {
        let output = folders.piped(folder, words);
        assert!(!error(&output).contains("foreign-project"), "{words:?}: {}", error(&output));
    }
    folders.plain(&second, &["compose", "-p", "shop-b", "down", "-v"]);
    assert_eq!(folders.state(), before);
    // Other files in one folder: only where they have services in common.
    fs::write(first.join("other.yaml"), FILE.replace("  db:", "  cache:")).unwrap();
    fs::write(first.join("same.yaml"), FILE).unwrap();
    let caught = |file: &str, words: &[&str]| {
        let words = [&["compose", "-f", file][..], words].concat();
        error(&folders.piped(&first, &words)).contains("foreign-project")
    };
    assert!(caught("same.yaml", &["down"]));
    assert!(!caught("other.yaml", &["stop"]));
    assert!(caught("other.yaml", &["down", "--remove-orphans"]));
    assert_eq!(folders.state(), before);
}

#[test]
fn a_folder_out_of_sight_is_judged_by_the_images() {
    let engine = Engine::start("projects-gone", "new", "");
    engine.image("stand-in:1", &["USER 1000"]);
    engine.image("other:1", &["USER 1000"]);
    let folders = Folders { guarded: Guarded::new(&engine) };
    let (first, second) = (folders.make("a", FILE), folders.make("b", FILE));
    folders.plain(&first, &["compose", "up", "-d"]);
    fs::remove_dir_all(&first).unwrap();
    let action = |file: &str| {
        fs::write(second.join("compose.yaml"), file).unwrap();
        let words = ["explain", "--format", "json", "--", "compose", "stop", "-t", "1"];
        let mut command = without_terminal(env!("CARGO_BIN_EXE_fender"));
        let typed = folders.guarded.docker(&[]);
        command.envs(typed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.args(words).current_dir(&second).output().unwrap();
        let explained: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = explained["findings"].as_array().unwrap();
        findings.iter().find(|it| it["rule"] == "foreign-project").map(|it| it["action"].as_str().unwrap().to_owned())
    };
    assert_eq!(action(FILE).as_deref(), Some("note"));
    assert_eq!(action(&FILE.replace("stand-in:1", "stand-in:2")).as_deref(), Some("note"), "another tag");
    assert_eq!(action(&FILE.replace("stand-in:1", "other:1")).as_deref(), Some("ask"), "another image");
    assert_eq!(action(&FILE.replace("  db:", "  cache:")), None, "no service of the other one is stopped");
}

#[test]
fn a_misspelt_project_is_said() {
    let engine = Engine::start("projects-typo", "new", "");
    engine.image("stand-in:1", &["USER 1000"]);
    let folders = Folders { guarded: Guarded::new(&engine) };
    let here = folders.make("a", FILE);
    let said = |words: &[&str]| {
        let output = folders.piped(&here, words);
        assert!(output.status.success(), "{words:?}: {}", error(&output));
        error(&output)
    };
    // An engine without projects has none to name.
    assert!(!said(&["compose", "-p", "typo", "down", "-v"]).contains("no project typo"));
    folders.plain(&here, &["compose", "up", "-d"]);
    folders.plain(&here, &["compose", "-p", "billing", "create"]);
    let before = folders.state();
    for words in [
        &["compose", "-p", "typo", "down", "-v"][..],
        &["compose", "-p", "typo", "stop"],
        &["compose", "-p", "Typo", "kill"],
    ] {
        let text = said(words);
        assert!(text.contains("no project typo here; there are: billing, shop"), "{words:?}: {text}");
    }
    assert!(!said(&["compose", "-p", "typo", "ps"]).contains("no project"));
    // What is left of a project are its volumes.
    folders.plain(&here, &["compose", "-p", "billing", "down"]);
    assert!(!said(&["compose", "-p", "billing", "stop"]).contains("no project"));
    folders.plain(&here, &["compose", "-p", "billing", "down", "-v"]);
    assert_eq!(folders.state().lines().count() + 2, before.lines().count());
    assert!(said(&["compose", "-p", "billing", "down", "-v"]).contains("no project billing here; there is: shop"));
}
