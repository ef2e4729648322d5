//! The pictures of the README are real output, and the README's table is made from the rules. `FENDER_UPDATE=1` makes
//! them again.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::support;
use crate::support::example::{EveryPath, NOW, judged, with_context};
use crate::support::pictures::{current, drawn};
use fender::commands::completions_for;
use fender::ui::report;
use fender::ui::screen::{Screen, width};
use fender_core::judge::fixes::{Fixes, offered};
use fender_core::judge::{deletions, judge};
use fender_core::lower::lower;
use fender_core::lower::read;
use fender_core::policy::Action;
use fender_core::rules::{Class, RULES};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a person sees of a command: the prompt, fender's text, its question and the answer.
fn seen(line: &str, environment: &str, answer: &str) -> String {
    let screen = Screen { colour: true, ..Screen::plain() };
    let mut out = format!("\u{1b}[2m$\u{1b}[0m docker {line}\n");
    with_context(environment, |context| {
        let words: Vec<OsString> = shell_words::split(line).unwrap().into_iter().map(OsString::from).collect();
        let judgement = judge(&words, context);
        match judgement.action {
            Action::Note => out.push_str(
                &report::note(&judgement, &judgement.with(Action::Note).collect::<Vec<_>>(), true, &screen).unwrap(),
            ),
            Action::Refuse => {
                out.push_str(&report::stopping(&judgement, &Fixes::default(), &screen, "build-7"));
                let _ = writeln!(out, "{}", report::not_run(&judgement, "refused by policy"));
            }
            _ => {
                let question = report::question(&judgement, &offered(&words, &judgement, context), &screen, "build-7");
                let _ = writeln!(out, "{}{answer}", question.shown(&screen));
                if answer == "n" {
                    let _ = writeln!(out, "{}", report::not_run(&judgement, "not confirmed"));
                }
            }
        }
    });
    out
}

/// A deletion: the plan, and what a milder command would take.
fn deletion(line: &str) -> String {
    let judgement = judged(line, "");
    let screen = Screen { colour: true, ..Screen::plain() };
    let planned = |words: &[String]| {
        let invocation = read(words, &EveryPath);
        let lowered = lower(&invocation, &EveryPath);
        let steps = deletions(&invocation, &lowered, &*judgement.facts, &EveryPath);
        let mut plan = (*judgement.facts.plan(&steps).unwrap()).clone();
        fender::trash::fit(&mut plan, &fender_core::policy::TrashLimits::default());
        (invocation, plan)
    };
    let (_, plan) = planned(&judgement.invocation.words);
    let mut out = format!("\u{1b}[2m$\u{1b}[0m docker {line}\n");
    out.push_str(&report::deletion(&judgement, &plan, &screen, "build-7", NOW));
    let words = judgement.rewrite.as_ref().unwrap();
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (invocation, smaller) = planned(&words);
    out.push_str(&report::smaller(&invocation, &smaller, &screen));
    let question = report::typed(&judgement, "build-7", "delete").key('s', "show the smaller deletion").list("");
    let prompt = report::placed(question, &judgement, "build-7").shown(&screen);
    let _ = writeln!(out, "{prompt}build-7");
    out
}

#[test]
fn pictures_are_real_output() {
    let svg = drawn(&deletion("--context prod-db system prune -a"));
    current(&root().join("docs/images/deletion.svg"), &svg);
    for (name, line, answer) in [
        ("question", "run -v /var/run/docker.sock:/s -m 1g --init -u 5 tools:1.4", "n"),
        ("compose", "compose -f compose.prod.yaml up -d", "n"),
        ("note", "run -m 1g nginx", ""),
        ("production", "--context prod-web run -d --name api -p 8080:80 tools:1.4", "f"),
        ("refused", "--context prod-web run --privileged tools:1.4", ""),
    ] {
        let svg = drawn(&seen(line, "", answer));
        current(&root().join(format!("docs/images/{name}.svg")), &svg);
    }
}

/// `fender lint` on a terminal.
#[test]
fn the_picture_of_lint_is_real_output() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("package.json"), "{\"dependencies\": {\"express\": \"5\"}}").unwrap();
    fs::write(
        place.path().join("Dockerfile"),
        "FROM node:24.11.1\nWORKDIR /app\nADD . /app\nRUN npm ci\nUSER node\nCMD node server.js\n",
    )
    .unwrap();
    fs::write(place.path().join("id_rsa"), "x").unwrap();
    let mut command = support::process::fender();
    command.env("HOME", place.path()).env("TERM", "xterm").arg("lint");
    command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock").current_dir(place.path());
    let mut terminal = support::terminal::Terminal::start(&command, None);
    terminal.expect("--unsafe-fixes shows them\n");
    assert_eq!(terminal.wait().code(), Some(1));
    let text = format!("\u{1b}[2m$\u{1b}[0m fender lint\n{}", terminal.seen().replace('\r', ""));
    current(&root().join("docs/images/lint.svg"), &drawn(&text));
}

#[test]
fn every_screen_fits_eighty_columns() {
    for rule in RULES {
        for line in rule.fires {
            for environment in ["dev", "prod"] {
                let judgement = judged(line, environment);
                let text = report::stopping(&judgement, &Fixes::default(), &Screen::plain(), "build-7");
                let long: Vec<&str> = text.lines().filter(|line| width(line) > 80 && line.contains("  ")).collect();
                // Only a single word that is longer than a line may stand out.
                let word = |line: &&str| line.split_whitespace().all(|word| word.chars().count() < 70);
                assert!(!long.iter().any(word), "docker {line}: {long:?}");
            }
        }
    }
}

#[test]
fn the_readmes_table_of_rules_is_current() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- rules: made by tests/quick/pictures.rs -->\n", "<!-- rules end -->");
    let (before, rest) = readme.split_once(begin).expect("the README has the table's mark");
    let (_, after) = rest.split_once(end).expect("the README has the table's end");
    let mut table = String::from(
        "| class | dev | ci | prod | prod, for a script | rules |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for class in Class::ALL {
        let actions = fender::commands::rules::actions(class);
        let rules: Vec<String> =
            RULES.iter().filter(|rule| rule.class == class).map(|rule| format!("`{}`", rule.id)).collect();
        let _ = writeln!(
            table,
            "| {}: {} | {} | {} |",
            class.name(),
            class.meaning(),
            actions.join(" | "),
            rules.join(" ")
        );
    }
    current(&path, &format!("{before}{begin}{table}{end}{after}"));
}

#[test]
fn completions_are_current() {
    for (shell, file) in [
        (clap_complete::Shell::Bash, "fender.bash"),
        (clap_complete::Shell::Zsh, "_fender"),
        (clap_complete::Shell::Fish, "fender.fish"),
    ] {
        current(&root().join("completions").join(file), &completions_for(shell));
    }
}
