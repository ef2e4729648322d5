//! In dev the same note is printed once a day on a terminal; nothing else is left out, and no note is lost.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::place::{Place, error};
use crate::support::process::program;
use crate::support::terminal::Terminal;

const WEB: &str = "run -d -p 80:80 nginx";

/// What fender prints of commands on a terminal, one after the other, in a folder of the place.
fn said_in(place: &Place, folder: &str, lines: &[&str]) -> Vec<Vec<String>> {
    lines
        .iter()
        .map(|line| {
            let mut command = program(place.path("front/docker"));
            command.args(shell_words::split(line).unwrap());
            run(place, folder, command)
        })
        .collect()
}

fn run(place: &Place, folder: &str, mut command: Command) -> Vec<String> {
    place.surround(&mut command);
    fs::create_dir_all(place.path(folder)).unwrap();
    command.env("TERM", "xterm").env("NO_COLOR", "1").current_dir(place.path(folder));
    let mut terminal = Terminal::start(&command, None);
    terminal.wait();
    terminal.seen().lines().filter(|line| line.starts_with("fender: ")).map(str::to_owned).collect()
}

fn said(place: &Place, lines: &[&str]) -> Vec<Vec<String>> {
    said_in(place, "home", lines)
}

fn how_many(said: &[Vec<String>]) -> Vec<usize> {
    said.iter().map(Vec::len).collect()
}

#[test]
fn the_same_note_is_printed_once_and_a_new_one_each_time() {
    let place = Place::new();
    let all = said(&place, &[WEB, WEB, "run -d -p 81:80 nginx", "run -d -p 81:80 nginx", "run -d -p 80:80 redis:8"]);
    assert_eq!(how_many(&all), [1, 0, 1, 0, 1], "{all:?}");
    // Only what is new.
    assert!(
        all[0][0].contains("no memory limit")
            && all[2][0] == "fender: port is open on all addresses of the host (fender why)",
        "{all:?}"
    );
    // Another folder is another project.
    assert_eq!(how_many(&said_in(&place, "other", &[WEB, WEB])), [1, 0]);
    assert!(place.reached().is_some());
    // Everything is still explained.
    let mut why = program(env!("CARGO_BIN_EXE_fender"));
    place.surround(&mut why);
    let text = String::from_utf8(why.arg("why").output().unwrap().stdout).unwrap();
    assert!(text.contains("no-memory-limit") && text.contains("mutable-tag"), "{text}");
}

/// What happens to objects is said each time, and so is everything that is more than a note.
#[test]
fn what_a_command_stops_or_asks_is_never_left_out() {
    let place = Place::new();
    let outage = "tag a b";
    let all = said(&place, &[outage, outage]);
    assert_eq!(how_many(&all), [1, 1], "{all:?}");
    place.policy("[rules]\nprivileged = \"ask\"\npublished-port = \"fix\"\nroot-user = \"refuse\"\n");
    let refused = said(&place, &[WEB, WEB]);
    assert!(refused.iter().all(|lines| lines.iter().any(|line| line.contains("not run (root-user"))), "{refused:?}");
    for _ in 0..2 {
        let mut command = place.typed(&["run", "--privileged", "--user", "1:1", "alpine"]);
        command.env("TERM", "xterm");
        let mut terminal = Terminal::start(&command, None);
        terminal.expect_question();
        terminal.send("\n");
        assert_eq!(terminal.wait().code(), Some(125));
    }
}

#[test]
fn a_policy_and_a_variable_print_them_each_time() {
    let place = Place::new();
    place.policy("repeat_notes = true\n");
    assert_eq!(how_many(&said(&place, &[WEB, WEB])), [1, 1]);
    place.policy("repeat_notes = false\n");
    assert_eq!(how_many(&said(&place, &[WEB, WEB])), [1, 0]);
    let mut forced = place.typed(&["run", "-d", "-p", "80:80", "nginx"]);
    forced.env("FENDER_NOTES", "always");
    assert_eq!(run(&place, "home", forced).len(), 1);
}

/// `[environments]` that make it ci or production, an agent, and a stream that is no terminal.
#[test]
fn everywhere_else_they_are_printed_each_time() {
    let place = Place::new();
    assert_eq!(how_many(&said(&place, &[WEB])), [1]);
    for preset in ["ci", "prod"] {
        place.policy(&format!(
            "[environments.here]\nhost = \"*\"\npreset = {preset:?}\n[presets.prod]\nhygiene = \"note\"\n"
        ));
        assert_eq!(how_many(&said(&place, &[WEB, WEB])), [1, 1], "{preset}");
    }
    place.policy("");
    let mut agent = place.typed(&["run", "-d", "-p", "80:80", "nginx"]);
    agent.env("AI_AGENT", "1");
    assert_eq!(run(&place, "home", agent).len(), 1);
    let output = place.docker().args(["run", "-d", "nginx"]).env("FENDER_NOTES", "always").output().unwrap();
    assert!(error(&output).contains("no memory limit"));
}

/// A note that was written to a file was seen by nobody.
#[test]
fn only_what_stood_on_a_terminal_counts() {
    let place = Place::new();
    for _ in 0..2 {
        let mut command = program("sh");
        command.args(["-c", "docker run -d -p 80:80 nginx 2>/dev/null"]);
        assert_eq!(run(&place, "home", command).len(), 0);
    }
    assert!(!place.path("home/.local/state/fender/notes.json").exists());
    assert_eq!(how_many(&said(&place, &[WEB])), [1]);
}

#[test]
fn a_file_is_named_again_when_it_has_a_new_problem() {
    let place = Place::new();
    let folder = place.path("app");
    fs::create_dir(&folder).unwrap();
    let build = "build .";
    let write = |text: &str| fs::write(folder.join("Dockerfile"), text).unwrap();
    write("FROM alpine:3.22\nADD a b\n");
    let one = said_in(&place, "app", &[build, build]);
    assert_eq!(how_many(&one), [1, 0], "{one:?}");
    // The same problem, further down.
    write("FROM alpine:3.22\n# a comment\nADD a b\n");
    assert_eq!(how_many(&said_in(&place, "app", &[build])), [0]);
    write("FROM alpine:3.22\nADD a b\nADD c d\n");
    let more = said_in(&place, "app", &[build, build]);
    assert_eq!(how_many(&more), [1, 0], "{more:?}");
    let number = |line: &str| line.split(' ').nth(1).unwrap().parse::<u32>().unwrap();
    assert_eq!(number(&more[0][0]), number(&one[0][0]) + 1, "{more:?} {one:?}");
}

/// Whatever stands in the file, the note is printed, the command runs, and the file is right again afterwards.
#[test]
fn a_file_that_cannot_be_used_hides_nothing() {
    let place = Place::new();
    said(&place, &[WEB]);
    let file = place.path("home/.local/state/fender/notes.json");
    let good = fs::read_to_string(&file).unwrap();
    let later: Value = serde_json::from_str::<Value>(&good).unwrap();
    let later: Value =
        later.as_object().unwrap().keys().map(|key| (key.clone(), Value::from(99_999_999_999u64))).collect();
    let a_day_ago: Value = {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        later.as_object().unwrap().keys().map(|key| (key.clone(), Value::from(now - 86_400))).collect()
    };
    for text in ["", "{", "[]", "{\"a\":\"b\"}", &"x".repeat(300_000), &later.to_string(), &a_day_ago.to_string()] {
        fs::write(&file, text).unwrap();
        let all = said(&place, &[WEB, WEB]);
        assert_eq!(how_many(&all), [1, 0], "{:.30}: {all:?}", text);
    }
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(place.path("home/elsewhere"), &file).unwrap();
    fs::write(place.path("home/elsewhere"), &good).unwrap();
    assert_eq!(how_many(&said(&place, &[WEB])), [1]);
    assert_eq!(fs::read_to_string(place.path("home/elsewhere")).unwrap(), good);
}

/// Shims that run at once: each note stands on some terminal, and the file stays readable.
#[test]
fn no_note_is_lost_between_two_at_once() {
    let place = Place::new();
    let images: Vec<String> = (0..6).map(|at| format!("image{at}")).collect();
    for image in &images {
        let line = format!("run -d {image}");
        let both: Vec<usize> = std::thread::scope(|scope| {
            let one = || how_many(&said(&place, &[&line]))[0];
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(both.iter().sum::<usize>() >= 1, "{image}: {both:?}");
    }
    let file = fs::read(place.path("home/.local/state/fender/notes.json")).unwrap();
    let book: Value = serde_json::from_slice(&file).unwrap();
    assert!(book.as_object().unwrap().keys().all(|key| key.len() == 32), "{book}");
    let text = String::from_utf8(file).unwrap();
    assert!(images.iter().all(|image| !text.contains(image)));
}
