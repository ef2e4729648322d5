//! `fender why`: the last command that fender had something to say about, on its terminal, without secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::place::{Place, error};
use crate::support::process::{fender, program, without_terminal};
use crate::support::terminal::Terminal;

fn set(place: &Place, command: &mut Command) {
    place.surround(command);
    command.env("TERM", "xterm").env("NO_COLOR", "1").env("FENDER", env!("CARGO_BIN_EXE_fender"));
}

/// A shell's lines on one terminal, where `fender` and `docker` are fender's. What has to be answered is answered with `answer`.
fn on_terminal(place: &Place, lines: &str, answer: Option<&str>) -> String {
    let mut command = program("bash");
    command.args(["-c", &format!("fender() {{ \"$FENDER\" \"$@\"; }}\n{lines}")]);
    set(place, &mut command);
    let mut terminal = Terminal::start(&command, None);
    if let Some(answer) = answer {
        terminal.expect_question();
        terminal.send(answer);
    }
    terminal.wait();
    terminal.unwrapped()
}

/// `fender why` in a session of its own, without a terminal.
fn elsewhere(place: &Place, words: &[&str]) -> (String, Option<i32>) {
    let mut command = without_terminal(env!("CARGO_BIN_EXE_fender"));
    command.arg("why").args(words);
    set(place, &mut command);
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout.clone()).unwrap() + &error(&output), output.status.code())
}

fn as_json(place: &Place) -> Value {
    serde_json::from_str(&elsewhere(place, &["--format", "json"]).0).unwrap()
}

fn kept(place: &Place) -> PathBuf {
    place.path("home/.local/state/fender/last")
}

#[test]
fn a_note_is_explained_on_its_terminal() {
    let place = Place::new();
    let seen = on_terminal(&place, "docker run -d -p 8080:80 nginx; docker ps >/dev/null; fender why", None);
    assert!(seen.contains("1 more (fender why)"), "{seen}");
    let (_, why) = seen.split_once("docker run -d -p 8080:80 nginx").unwrap_or_else(|| panic!("{seen}"));
    for part in [
        "a moment ago, on this terminal, in ",
        "on unix:///nonexistent/docker.sock, context default: dev (",
        "Fender printed a note; docker ran it as it was typed.",
        "no-memory-limit no memory limit",
        "instead ",
        "decided note, by the preset dev (class hygiene)",
        "better docker run -d -p 127.0.0.1:8080:80 --memory 1g",
        "policy.toml: [environments.dev.rules]",
        "no-memory-limit = \"allow\"",
        "published-port = \"allow\"",
        "more fender rules ",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

/// The lines that `fender why` shows allow what was found, and nothing is said any more.
#[test]
fn what_it_says_to_write_is_enough() {
    let place = Place::new();
    on_terminal(&place, "docker run -d -p 8080:80 nginx", None);
    let value = as_json(&place);
    let (file, text) = (&value["to_allow"][0]["file"], value["to_allow"][0]["text"].as_str().unwrap());
    assert!(file.as_str().unwrap().ends_with("home/.config/fender/policy.toml"), "{value}");
    place.policy(text);
    let seen = on_terminal(&place, "docker run -d -p 8080:80 nginx", None);
    assert!(!seen.contains("fender: "), "{seen}");
}

#[test]
fn a_silent_command_writes_nothing() {
    let place = Place::new();
    on_terminal(&place, "docker ps; docker run --help; docker --version; docker start web", None);
    // But for which client it is.
    let kept: Vec<_> =
        fs::read_dir(place.path("home/.local/state/fender")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(kept, ["clients.json"]);
    let (said, code) = elsewhere(&place, &[]);
    assert_eq!(
        (said.as_str(), code),
        (
            "fender: no command of yours is known about which fender had something to say: fender explain -- COMMAND judges one without \
             running it\n",
            Some(1)
        )
    );
    // Without a terminal notes are not printed, and so there is nothing to explain.
    place.run(&["run", "-d", "nginx"]);
    assert_eq!(elsewhere(&place, &[]).1, Some(1));
}

#[test]
fn secrets_are_masked_and_the_file_is_the_users_alone() {
    let place = Place::new();
    on_terminal(&place, "docker run -d -e DB_PASSWORD=hunter2 --name db postgres:17", None);
    let files: Vec<_> = fs::read_dir(kept(&place)).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1);
    let text = fs::read_to_string(files[0].path()).unwrap();
    assert!(text.contains("DB_PASSWORD=***") && !text.contains("hunter2"), "{text}");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(files[0].path()), mode(kept(&place))), (0o600, 0o700));
    let (why, _) = elsewhere(&place, &[]);
    assert!(!why.contains("hunter2") && !as_json(&place).to_string().contains("hunter2"), "{why}");
}

#[test]
fn each_terminal_has_its_own_and_another_one_shows_the_last() {
    let place = Place::new();
    let one = on_terminal(&place, "docker run -d one:1; sleep 1.1; fender why", None);
    assert!(one.contains("on this terminal"), "{one}");
    let other = on_terminal(&place, "fender why; docker run -d two:2; fender why --format json", None);
    assert!(other.contains("docker run -d one:1 ") && other.contains("not on this terminal"), "{other}");
    assert!(other.contains("\"two:2\"") && other.contains("\"this_terminal\": true"), "{other}");
    assert!(elsewhere(&place, &[]).0.starts_with("docker run -d two:2\n"));
}

#[test]
fn what_became_of_a_question_is_known() {
    let refused = |place: &Place| place.run(&["run", "--privileged", "alpine"]);
    let place = Place::new();
    place.policy("[rules]\nprivileged = \"refuse\"\n");
    refused(&place);
    let (why, _) = elsewhere(&place, &[]);
    for part in [
        "Fender refused it (privileged); it was not run.",
        "decided    refuse, by ",
        "policy.toml:2",
        "instead    ",
        "fender rules privileged",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let place = Place::new();
    refused(&place);
    let (why, _) = elsewhere(&place, &[]);
    assert!(why.contains("Fender asked (privileged), and a script cannot answer; it was not run."), "{why}");
    for (answer, said) in [("n\n", "it was not run."), ("y\n", "docker ran it as it was typed.")] {
        let why = on_terminal(&place, "docker run --privileged alpine; fender why", Some(answer));
        assert!(why.contains(&format!("Fender asked (privileged); {said}")), "{why}");
    }
    let fixed = "docker ran docker run -d --memory 1g --memory-swap 1g web.";
    place.policy("[rules]\nno-memory-limit = \"ask\"\n");
    let why = on_terminal(&place, "docker run -d web; fender why", Some("f\n"));
    assert!(why.contains(&format!("Fender asked (no-memory-limit); {fixed}")), "{why}");
    place.policy("[rules]\nno-memory-limit = \"fix\"\n");
    let why = on_terminal(&place, "docker run -d web; fender why", None);
    assert!(why.contains(&format!("Fender changed the command (no-memory-limit); {fixed}")), "{why}");
}

/// What is asked is known before it is answered.
#[test]
fn a_command_that_is_killed_at_its_question_is_known() {
    let place = Place::new();
    let mut command = place.typed(&["run", "--privileged", "alpine"]);
    command.env("TERM", "xterm");
    let mut terminal = Terminal::start(&command, None);
    terminal.expect_question();
    terminal.kill();
    terminal.wait();
    let value = as_json(&place);
    assert_eq!((&value["outcome"], &value["argv"][1]), (&Value::Null, &Value::from("--privileged")));
    assert!(elsewhere(&place, &[]).0.contains("Fender asked (privileged); no answer is known."));
}

#[test]
fn where_nothing_can_be_kept_the_note_says_another_way() {
    let place = Place::new();
    fs::create_dir_all(place.path("home/.local/state")).unwrap();
    fs::write(place.path("home/.local/state/fender"), "").unwrap();
    let seen = on_terminal(&place, "docker run -d nginx", None);
    assert!(seen.contains("(fender explain -- run -d nginx)") && seen.contains("to-output"), "{seen}");
}

#[test]
fn only_so_many_terminals_are_remembered() {
    let place = Place::new();
    on_terminal(&place, "docker run -d nginx", None);
    let first = fs::read_dir(kept(&place)).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&first).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    for at in 0..100 {
        value["time"] = Value::from(at);
        fs::write(kept(&place).join(format!("{at}-1-1.json")), value.to_string()).unwrap();
    }
    fs::write(kept(&place).join("torn.json"), "{").unwrap();
    on_terminal(&place, "docker run -d other", None);
    let left = fs::read_dir(kept(&place)).unwrap().count();
    assert_eq!(left, 64);
    assert!(first.exists() && !kept(&place).join("0-1-1.json").exists() && kept(&place).join("99-1-1.json").exists());
}

#[test]
fn an_agent_is_not_told_how_to_allow_it() {
    let place = Place::new();
    on_terminal(&place, "docker run -d nginx", None);
    let mut command = fender();
    set(&place, &mut command);
    let output = command.arg("why").env("AI_AGENT", "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("no-memory-limit") && !text.contains("= \"allow\""), "{text}");
}
