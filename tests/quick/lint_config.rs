//! `.fender.toml`, `[lint]` of policies, and what neither of them can do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::lint::{fender, found, out, write};
use crate::support::place::Place;
use crate::support::process::program;
use serde_json::Value;

const FILES: &[(&str, &str)] = &[
    (".git/HEAD", ""),
    ("Dockerfile", "FROM alpine\nCMD x y\n"),
    ("examples/a/Dockerfile", "FROM alpine\nCMD x y\n"),
    ("tests/b/Dockerfile", "FROM alpine\nCMD x y\n"),
];

/// Path, rule and level of each finding.
fn findings(folder: &Path, words: &[&str]) -> Vec<String> {
    let output = fender(folder, &[&["lint", "--format", "json"], words].concat(), &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|it| format!("{} {} {}", text(it, "path"), text(it, "rule"), text(it, "level"))).collect()
}

#[test]
fn a_repository_decides_what_lint_reports() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, FILES);
    let all = findings(folder, &[]);
    assert_eq!(all.len(), 9, "{all:?}");
    write(
        folder,
        &[(
            ".fender.toml",
            "[lint]\nexclude = [\"tests/**\"]\n[lint.rules]\nroot-user = \"off\"\nmutable-tag = \"error\"\n\
             [[lint.paths]]\nmatch = \"examples/**\"\n[lint.paths.rules]\npid1-signals = \"warning\"\nmutable-tag = \"off\"\n",
        )],
    );
    let expected =
        ["Dockerfile mutable-tag error", "Dockerfile pid1-signals note", "examples/a/Dockerfile pid1-signals warning"];
    assert_eq!(findings(folder, &[]), expected);
    // From whatever folder, and for whatever files are named; a file that is excluded stays so when a hook names it.
    assert_eq!(findings(&folder.join("examples/a"), &[]), ["Dockerfile pid1-signals warning"]);
    assert_eq!(findings(folder, &["examples/../Dockerfile"]).len(), 2);
    assert_eq!(findings(folder, &["tests/b/Dockerfile"]), [""; 0]);
    let text = out(&fender(folder, &["lint", "tests"], &[]));
    assert_eq!(text, "0 files, no problems; not shown: 1 file excluded\n");
    let code = |words: &[&str]| fender(folder, &[&["lint"], words].concat(), &[]).status.code();
    assert_eq!((code(&["--level", "error"]), code(&["--level", "error", "examples"])), (Some(1), Some(0)));
    assert_eq!((code(&["--level", "warning", "examples"]), code(&["tests"])), (Some(1), Some(0)));
    assert_eq!(findings(folder, &["--no-config"]), all);
    write(folder, &[("ci/other", "[lint.rules]\npid1-signals = \"off\"\nroot-user = \"off\"\n")]);
    assert_eq!(findings(folder, &["--config", "ci/other"]).len(), 3);
    // The nearest one decides.
    write(folder, &[("examples/.fender.toml", "[lint.rules]\npid1-signals = \"off\"\n")]);
    assert_eq!(findings(folder, &["examples"]).len(), 2);
    // A repository in another one has its own.
    write(folder, &[("examples/.fender.toml", ""), ("examples/a/.git/HEAD", "")]);
    assert_eq!(findings(folder, &["examples"]).len(), 3);
}

#[test]
fn what_is_wrong_with_a_configuration_has_its_place() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, FILES);
    let said = |words: &[&str]| {
        let output = fender(folder, &[&["lint"], words].concat(), &[]);
        (output.status.code(), out(&output))
    };
    for (text, expected) in [
        (
            "[lint.rules]\nroot-usr = \"off\"\n",
            ".fender.toml:2:1: there is no rule \"root-usr\": did you mean root-user?",
        ),
        ("[lint.rules]\nroot-user = \"of\"\n", ".fender.toml:2:13: there is no value \"of\" here: did you mean off?"),
        ("[lint]\nexcluded = []\n", ".fender.toml:2:1: there is no key \"excluded\" here: did you mean exclude?"),
        ("[rules]\nroot-user = \"allow\"\n", ".fender.toml:1:2: there is no key \"rules\" here: only lint"),
        ("[lint\n", ".fender.toml:1:6: "),
    ] {
        write(folder, &[(".fender.toml", text)]);
        let (code, text) = said(&[]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.starts_with("fender: /") && text.contains(expected), "{expected}: {text}");
        assert_eq!(said(&["--no-config"]).0, Some(1));
        let (code, text) = said(&["--config", ".fender.toml"]);
        assert!(code == Some(2) && text.starts_with(&format!("fender: {expected}")), "{text}");
    }
    fs::remove_file(folder.join(".fender.toml")).unwrap();
    assert!(program("mkfifo").arg(folder.join(".fender.toml")).status().unwrap().success());
    assert!(said(&[]).1.contains(".fender.toml: it is not a regular file"), "{}", said(&[]).1);
    assert!(said(&["--config", "nowhere"]).1.contains("nowhere: "), "{}", said(&["--config", "nowhere"]).1);
    assert!(said(&["--config", "x", "--no-config"]).1.contains("cannot be used with"));
}

/// Whatever a repository's file says, a build is judged as without it.
#[test]
fn what_a_repository_says_changes_no_command() {
    let place = Place::new();
    let folder = place.path("home/work");
    // Above the context, so that the file is no part of what is sent.
    write(&place.path("home"), &[(".git/HEAD", "")]);
    write(&folder, &[("Dockerfile", "FROM alpine\nCOPY . /app\n"), ("id_rsa", "x")]);
    let build = || {
        let mut command = place.docker();
        command.env("DOCKER_BUILDKIT", "0").env("FENDER_NOTES", "always").current_dir(&folder).args(["build", "."]);
        let output = command.output().unwrap();
        (output.status.code(), out(&output), place.reached().is_some())
    };
    let before = build();
    assert!(before.0 == Some(125) && before.1.contains("id_rsa") && !before.2, "{before:?}");
    let every: String = fender_core::rules::RULES.iter().map(|rule| format!("{} = \"off\"\n", rule.id)).collect();
    for text in [
        format!("[lint]\nexclude = [\"**\"]\n[lint.rules]\n{every}"),
        format!("[[lint.paths]]\nmatch = \"**\"\n[lint.paths.rules]\n{every}"),
        "[lint\n".to_owned(),
        "[rules]\nbuild-context-leak = \"allow\"\n".to_owned(),
    ] {
        write(&place.path("home"), &[(".fender.toml", &text)]);
        assert_eq!(build(), before, "{text}");
    }
    // The same in a policy's own [lint]: it is about lint alone.
    write(&place.path("home"), &[(".config/fender/policy.toml", "[lint.rules]\nbuild-context-leak = \"off\"\n")]);
    fs::set_permissions(place.path("home/.config/fender/policy.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(build(), before);
}

#[test]
fn actions_of_a_policy_are_levels() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, FILES);
    for (policy, expected) in [
        ("", &["Dockerfile mutable-tag note", "Dockerfile root-user note", "Dockerfile pid1-signals note"][..]),
        (
            "[rules]\nmutable-tag = \"allow\"\nroot-user = \"ask\"\npid1-signals = \"refuse\"\n",
            &["Dockerfile root-user warning", "Dockerfile pid1-signals error"],
        ),
        (
            "[rules]\nmutable-tag = \"fix\"\nroot-user = \"type\"\npid1-signals = \"note\"\n",
            &["Dockerfile mutable-tag warning", "Dockerfile root-user error", "Dockerfile pid1-signals note"],
        ),
        // What a policy says of lint comes before what it says of commands.
        (
            "[rules]\nmutable-tag = \"refuse\"\n[lint.rules]\nmutable-tag = \"off\"\n[lint]\nexclude = \"examples\"\n",
            &["Dockerfile root-user note", "Dockerfile pid1-signals note"],
        ),
    ] {
        write(folder, &[("home/fender/policy.toml", policy)]);
        fs::set_permissions(folder.join("home/fender/policy.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        let home = folder.join("home").to_string_lossy().into_owned();
        let output = fender(folder, &["lint", "--format", "json", "Dockerfile"], &[("XDG_CONFIG_HOME", home)]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
        let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
        let mut all: Vec<String> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| format!("{} {} {}", text(it, "path"), text(it, "rule"), text(it, "level")))
            .collect();
        let mut expected: Vec<String> = expected.iter().map(|it| (*it).to_owned()).collect();
        all.sort();
        expected.sort();
        assert_eq!(all, expected, "{policy}");
    }
}

#[test]
fn comments_and_fixes_follow_the_configuration() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let text = "FROM alpine:3.22\nUSER 1\n# fender: allow pid1-signals because it is a shell's work\nCMD a b\n";
    write(folder, &[("Dockerfile", text)]);
    assert_eq!(found(folder, &[]), []);
    assert_eq!(found(folder, &["--no-inline-allow"]), [("pid1-signals".to_owned(), 4)]);
    // What is off is not fixed; unsafe fixes are made where the configuration says so.
    let fixed = |config: &str, words: &[&str]| {
        write(
            folder,
            &[("Dockerfile", "FROM alpine:3.22\nADD x /x\nCMD [\"server\"]\n"), ("x", ""), (".fender.toml", config)],
        );
        fender(folder, &[&["lint", "--fix"], words].concat(), &[]);
        let after = fs::read_to_string(folder.join("Dockerfile")).unwrap();
        (after.contains("COPY x"), after.contains("USER"))
    };
    assert_eq!(fixed("", &[]), (true, false));
    assert_eq!(fixed("[lint.rules]\nadd-instead-of-copy = \"off\"\n", &[]), (false, false));
    assert_eq!(fixed("[lint]\nunsafe-fixes = true\n", &[]), (true, true));
    assert_eq!(fixed("[lint]\nunsafe-fixes = false\n", &["--unsafe-fixes"]), (true, true));
    assert_eq!(fixed("[lint]\nexclude = \"Dockerfile\"\n", &[]), (false, false));
}

/// A comment for hadolint quiets what hadolint would find there, and nothing else.
#[test]
fn hadolints_comments_quiet_the_same_findings() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (comment, line, is_quiet) in [
        ("ignore=DL3006", "FROM alpine", true),
        ("ignore=DL3008,DL3006 it is ours", "FROM alpine", true),
        ("ignore=DL3007", "FROM alpine", false),
        ("ignore=DL3006", "FROM alpine:latest", false),
        ("ignore=DL3007", "FROM alpine:latest", true),
        ("global ignore=DL3007", "FROM alpine:latest", true),
        ("ignore=DL3025", "CMD x y", true),
        ("ignore=DL3020", "CMD x y", false),
        ("ignore=DL3020", "ADD x /x", true),
        ("ignore=DL3002", "USER root", true),
        ("ignore=DL3002", "ADD x /x", false),
    ] {
        let text = match line.strip_prefix("FROM") {
            Some(_) => format!("# hadolint {comment}\n{line}\nUSER 1\n"),
            None => format!("FROM alpine:3.22\nUSER 1\n# hadolint {comment}\n{line}\n"),
        };
        write(folder, &[("Dockerfile", &text), ("x", "")]);
        assert_eq!(found(folder, &[]).is_empty(), is_quiet, "{text}");
        assert_eq!(found(folder, &["--no-inline-allow"]).len(), 1, "{text}");
        if is_quiet {
            fender(folder, &["lint", "--fix", "--unsafe-fixes"], &[]);
            assert_eq!(fs::read_to_string(folder.join("Dockerfile")).unwrap(), text);
        }
    }
}

/// The table in docs/files.md beside the declarations of the rules.
#[test]
fn the_table_of_other_linters_rules_is_current() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/files.md")).unwrap();
    let table = text.split("| fender | hadolint | BuildKit |\n| --- | --- | --- |\n").nth(1).unwrap();
    let names = |list: &[&str]| if list.is_empty() { "-".to_owned() } else { list.join(", ") };
    let of_rule = |rule: &fender_core::rules::Rule| {
        let hadolint: Vec<&str> = rule.hadolint.iter().map(|(code, _)| *code).collect();
        format!("| `{}` | {} | {} |", rule.id, names(&hadolint), names(rule.buildkit))
    };
    let both = fender_core::rules::RULES.iter().filter(|rule| !rule.hadolint.is_empty() || !rule.buildkit.is_empty());
    let mut wanted: Vec<String> = both.map(|rule| of_rule(rule)).collect();
    let mut rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    wanted.sort();
    rows.sort_unstable();
    assert!(wanted.len() > 5);
    assert_eq!(rows, wanted);
}
