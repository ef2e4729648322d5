//! `docs/ci.md` with the output that it shows, and the action for GitHub.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::lint::{out, write};
use crate::support::process::{program, root, system_path};
use fender_core::files::text::Text;
use fender_core::files::yaml;

/// A repository with 720 findings.
fn large(folder: &Path) {
    write(folder, &[(".git/HEAD", "")]);
    for number in 1..=240 {
        let path = format!("services/service-{number:03}/Dockerfile");
        write(folder, &[(&path, "FROM node\nCOPY dist /app\nCMD node /app/server.js\n")]);
    }
}

fn shell(folder: &Path, line: &str) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_fender")).parent().unwrap();
    let mut command = program("bash");
    command.env("PATH", format!("{}:{}", bin.display(), system_path())).env("HOME", folder);
    command.args(["-c", line]).current_dir(folder).output().unwrap()
}

/// Every command of the page is run, in its order, and prints what the page shows.
#[test]
fn the_page_about_ci_shows_true_output() {
    let path = root().join("docs/ci.md");
    let text = fs::read_to_string(&path).unwrap();
    let place = tempfile::tempdir().unwrap();
    large(place.path());
    let (mut made, mut commands) = (String::new(), 0);
    let mut parts = text.split("```console\n");
    made.push_str(parts.next().unwrap());
    for part in parts {
        let (block, rest) = part.split_once("```").unwrap();
        made.push_str("```console\n");
        for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            made.push_str(&format!("$ {line}\n{}", out(&shell(place.path(), line))));
            commands += 1;
        }
        made.push_str(&format!("```{rest}"));
    }
    if std::env::var_os("FENDER_UPDATE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(commands >= 5);
    assert_eq!(fs::read_to_string(&path).unwrap(), made, "FENDER_UPDATE=1 makes docs/ci.md again");
}

/// The step of the action that lints, run as GitHub's runner does: with the inputs in variables.
#[test]
fn the_action_annotates_and_fails() {
    let text = Text::new("action.yml", fs::read_to_string(root().join("action.yml")).unwrap());
    let read = yaml::read(&text).unwrap().unwrap();
    let steps = read.get("runs").unwrap().get("steps").unwrap();
    let step = steps.list().last().unwrap();
    let script = step.get("run").unwrap();
    assert_eq!(step.get("shell").unwrap().text(), Some("bash"));
    let place = tempfile::tempdir().unwrap();
    write(
        place.path(),
        &[
            (".git/HEAD", ""),
            ("a b/Dockerfile", "FROM alpine:3.22\nUSER 1\nCOPY . .\n"),
            ("a b/id_rsa", "x"),
            ("c/Dockerfile", "FROM alpine:3.22\nUSER 1\nCMD x y\n"),
        ],
    );
    let run = |paths: &str, level: &str, arguments: &str| {
        let bin = Path::new(env!("CARGO_BIN_EXE_fender")).parent().unwrap();
        let mut command = program("bash");
        command.env("PATH", format!("{}:{}", bin.display(), system_path())).env("HOME", place.path());
        command.env("LINT_PATHS", paths).env("LINT_LEVEL", level).env("LINT_ARGUMENTS", arguments);
        let output = command.args(["-eo", "pipefail", "-c", script.text().unwrap()]);
        let output = output.current_dir(place.path()).output().unwrap();
        (output.status.code(), out(&output))
    };
    let (code, text) = run(".", "error", "");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("::error file=a b/Dockerfile,line=3") && text.contains("::notice file=c/Dockerfile,line=3"));
    assert!(text.ends_with("2 problems in 2 files: 1 error, 1 note\n"), "{text}");
    let (code, text) = run("c\n\n", "error", "");
    assert!(code == Some(0) && !text.contains("a b"), "{text}");
    assert_eq!(run("a b\nc\n", "note", "--ignore\nbuild-context-leak,pid1-signals\n").0, Some(0));
    // An input is no option of the shell.
    assert_eq!(run("$(touch x)", "error", "").0, Some(2));
    assert!(!place.path().join("x").exists());
}
