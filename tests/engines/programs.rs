//! What programs run: their command sequences once with the client alone and once through fender, on a real engine. Both must give
//! the same output, the same errors and the same exit codes, command for command.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::scenarios::{SCENARIOS, Scenario};
use crate::support;
use crate::support::engine::Engine;
use crate::support::place::Place;
use crate::support::process::{program, without_terminal};

const COMPOSE: &str = "
name: e2e
services:
  web:
    image: base
    init: true
    command: sleep 600
    mem_limit: 50m
    user: '1000'
  other:
    image: base
    init: true
    command: sleep 600
    mem_limit: 50m
    user: '1000'
    depends_on: [web]
";

/// Ids, times and sizes differ between any two runs; so does the order in which compose reports what it does at once.
fn comparable(text: &[u8], place: &Place, sorted: bool) -> String {
    let text = String::from_utf8_lossy(text).replace(&place.path("").display().to_string(), "PLACE/");
    let mut out = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        let is_id = word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id {
            out.push('I');
        } else {
            let mut digits = false;
            for letter in word.chars() {
                if !letter.is_ascii_digit() {
                    out.push(letter);
                } else if !digits {
                    out.push('0');
                }
                digits = letter.is_ascii_digit();
            }
        }
        word.clear();
    };
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
        } else {
            flush(&mut word, &mut out);
            out.push(letter);
        }
    }
    flush(&mut word, &mut out);
    let mut lines: Vec<String> =
        out.lines().map(|line| line.split(' ').filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")).collect();
    if sorted {
        lines.sort();
        lines.dedup();
    }
    lines.join("\n")
}

struct Said {
    line: String,
    code: Option<i32>,
    output: String,
    errors: String,
}

fn play(scenario: &Scenario, engine: &Engine, guarded: bool) -> Vec<Said> {
    let place = Place::new().with_real_client();
    let folder = place.path("home/work");
    let empty = place.path("home/empty");
    if scenario.environment == "prod" {
        place.policy("[environments.prod]\nhostname = \"*\"\n");
    }
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&empty).unwrap();
    for (file, text) in [
        ("Dockerfile", "FROM base\nUSER 1000\n"),
        ("compose.yaml", COMPOSE),
        ("broken.yaml", "services: [\n"),
        // Compose reads it as far as YAML, and no further.
        ("nameless.yaml", "services:\n  web:\n    image: base\n    no_such_key: 1\n"),
        ("file", "a file\n"),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
    let config = place.path("home/config");
    fs::create_dir_all(&config).unwrap();
    fs::copy(support::cache().join("config/config.json"), config.join("config.json")).unwrap();
    let mut all = Vec::new();
    for line in scenario.commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (input, words) = match line.strip_prefix("< ") {
            Some(rest) => rest.split_once(" | ").unwrap(),
            None => ("", line),
        };
        let (directory, words) = match words.strip_prefix("@empty ") {
            Some(rest) => (&empty, rest),
            None => (&folder, words),
        };
        let words = shell_words::split(&words.replace("FOLDER", &folder.display().to_string())).unwrap();
        let mut command = without_terminal(place.path(if guarded { "front/docker" } else { "real/docker" }));
        command.args(&words).env("PATH", place.search_path()).env("HOME", place.path("home"));
        command.env("DOCKER_CONFIG", &config).current_dir(directory);
        // Contexts are chosen by the words alone there, and a variable would go before them.
        if !line.contains("--context") {
            command.env("DOCKER_HOST", engine.host());
        }
        if scenario.environment == "ci" {
            command.env("CI", "true");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // Who reads nothing may be gone already.
        let _ = pipe.write_all(format!("{input}\n").as_bytes());
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        // These do several things at once, and say so in any order.
        let sorted = words.first().is_some_and(|word| word == "compose" || word == "buildx");
        all.push(Said {
            line: line.to_owned(),
            code: output.status.code(),
            output: comparable(&output.stdout, &place, sorted),
            errors: comparable(&output.stderr, &place, sorted),
        });
    }
    all
}

fn clean(engine: &Engine) {
    let containers = engine.plain(&["ps", "-aq"]);
    if !containers.is_empty() {
        let mut words = vec!["rm", "-fv"];
        words.extend(containers.lines());
        engine.plain(&words);
    }
    engine.plain(&["volume", "prune", "-af"]);
    engine.plain(&["network", "prune", "-f"]);
}

#[test]
fn programs_notice_nothing() {
    let count: usize =
        SCENARIOS.iter().map(|it| it.commands.lines().filter(|line| !line.trim().is_empty()).count()).sum();
    assert!(SCENARIOS.len() >= 10 && count >= 200, "{count} commands");
    let engine = Engine::start("programs", "new", "");
    engine.image("base", &[]);
    let mut different = Vec::new();
    for scenario in SCENARIOS {
        clean(&engine);
        let bare = play(scenario, &engine, false);
        clean(&engine);
        let guarded = play(scenario, &engine, true);
        for (bare, guarded) in bare.iter().zip(&guarded) {
            if bare.code != guarded.code || bare.output != guarded.output || bare.errors != guarded.errors {
                different.push(format!(
                    "{}: docker {}\n--- alone: {:?}\n{}\n{}\n--- through fender: {:?}\n{}\n{}",
                    scenario.name,
                    bare.line,
                    bare.code,
                    bare.output,
                    bare.errors,
                    guarded.code,
                    guarded.output,
                    guarded.errors
                ));
            }
        }
    }
    clean(&engine);
    println!("{count} commands in {} scenarios, {} different", SCENARIOS.len(), different.len());
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// `env -i /path/to/docker` finds a client, where one lies in the system's folders.
#[test]
fn without_a_path_the_systems_folders_are_searched() {
    let place = Place::new().with_real_client();
    let there = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .any(|folder| Path::new(folder).join("docker").exists());
    for set in [None, Some("")] {
        let mut command = program(place.path("front/docker"));
        command.env("HOME", place.path("home"));
        match set {
            None => command.env_remove("PATH"),
            Some(path) => command.env("PATH", path),
        };
        let output = command.arg("--version").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if there {
            assert!(output.status.success(), "{errors}");
        } else {
            assert_eq!(output.status.code(), Some(127), "{errors}");
            assert!(errors.contains("looked in /usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin"), "{errors}");
        }
    }
}
