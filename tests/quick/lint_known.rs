//! `fender lint` reports only what is new: baselines, and lines that changed since a revision.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::support::lint::{out, write};
use crate::support::process::{fender as program, program as start, system_path};
use serde_json::Value;

fn lint(folder: &Path, words: &[&str]) -> Output {
    let mut command = program();
    // git is asked, docker is not.
    command.env("PATH", system_path()).env("HOME", folder).env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    command.arg("lint").args(words).current_dir(folder).output().unwrap()
}

fn rules(folder: &Path, words: &[&str]) -> Vec<String> {
    let output = lint(folder, &[&["--format", "json"], words].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|it| it["rule"].as_str().unwrap().to_owned()).collect()
}

fn said(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = lint(folder, words);
    (output.status.code(), out(&output))
}

const OLD: &[(&str, &str)] = &[
    (".git/HEAD", ""),
    ("a/Dockerfile", "FROM alpine\nADD x /x\nCMD x y\n"),
    ("a/x", ""),
    ("b/Dockerfile", "FROM alpine:3.22\nCMD x y\n"),
    ("c c/Dockerfile", "FROM alpine:3.22\nUSER 1\nCMD x y\n"),
];

#[test]
fn a_baseline_leaves_what_is_new() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, OLD);
    let text = || fs::read_to_string(folder.join("known")).unwrap();
    assert_eq!(
        said(folder, &["--baseline", "known"]),
        (Some(2), "fender: there is no baseline known: --write-baseline writes one\n".to_owned())
    );
    let before = rules(folder, &[]).len();
    assert!(before >= 7);
    let (code, written) = said(folder, &["--baseline", "known", "--write-baseline"]);
    assert_eq!((code, written), (Some(0), format!("known: {before} known problems, {before} new, 0 gone\n")));
    // Sorted, and the same however often it is written, and from whatever folder.
    let first = text();
    let paths: Vec<&str> = first.lines().skip(2).map(|line| line.splitn(3, ' ').nth(2).unwrap()).collect();
    assert!(paths.is_sorted() && paths.len() == before && paths.contains(&"c c/Dockerfile"), "{first}");
    let again = said(folder, &["--write-baseline", "--baseline", "known", "."]).1;
    assert_eq!(again, format!("known: {before} known problems, 0 new, 0 gone\n"));
    let code = lint(&folder.join("a"), &["--baseline", "../known", "--write-baseline", ".."]).status.code();
    assert_eq!((code, text()), (Some(0), first.clone()));
    for (from, words) in [("", &["--baseline", "known"][..]), ("a", &["--baseline", "../known", ".", "../b"])] {
        let (code, quiet) = said(&folder.join(from), words);
        assert_eq!(code, Some(0), "{quiet}");
        assert!(quiet.contains("no new problems; not shown: ") && quiet.ends_with(" in the baseline\n"), "{quiet}");
    }
    // Moved lines are no new ones; a new line is.
    write(folder, &[("a/Dockerfile", "# syntax=docker/dockerfile:1\n\nFROM alpine\n\nADD x \\\n  /x\nCMD x y\n")]);
    assert_eq!(rules(folder, &["--baseline", "known"]), [""; 0]);
    write(folder, &[("a/Dockerfile", "FROM alpine\nADD x /x\nADD x /y\nCMD x y\n")]);
    assert_eq!(rules(folder, &["--baseline", "known"]), ["add-instead-of-copy"]);
    let (code, text) = said(folder, &["--baseline", "known", "--level", "error"]);
    assert!(code == Some(0) && text.contains("a/Dockerfile:3:1"), "{text}");
    // One line more, and no other one differs.
    lint(folder, &["--baseline", "known", "--write-baseline"]);
    let after = fs::read_to_string(folder.join("known")).unwrap();
    assert_eq!(after.lines().filter(|line| !first.lines().any(|old| old == *line)).count(), 1);
    assert!(first.lines().all(|line| after.lines().any(|new| new == line)));
}

#[test]
fn what_is_gone_is_said_and_what_was_not_looked_for_stays() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, OLD);
    lint(folder, &["--baseline", "known", "--write-baseline"]);
    let first = fs::read_to_string(folder.join("known")).unwrap();
    write(folder, &[("b/Dockerfile", "FROM alpine:3.22\nUSER 1\nCMD [\"x\", \"y\"]\n")]);
    let summary = |words: &[&str]| said(folder, &[&["--baseline", "known", "--summary"], words].concat()).1;
    for rule in ["pid1-signals", "root-user"] {
        let line = format!("stale    {rule:<26}   not found any more in b/Dockerfile\n");
        assert!(summary(&[]).contains(&line), "{}", summary(&[]));
    }
    assert!(summary(&[]).contains("2 entries of the baseline can go: --write-baseline"), "{}", summary(&[]));
    assert!(summary(&["--rule", "root-user"]).contains("1 entry of the baseline"));
    assert!(!summary(&["a"]).contains("stale") && summary(&["b/Dockerfile"]).contains("2 entries"));
    let output = lint(folder, &["--baseline", "known", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["baseline"]["stale"].as_array().unwrap().len(), 2);
    // Of a part only that part is written again.
    fs::remove_file(folder.join("c c/Dockerfile")).unwrap();
    lint(folder, &["--baseline", "known", "--write-baseline", "b"]);
    let part = fs::read_to_string(folder.join("known")).unwrap();
    assert_eq!(part.lines().count(), first.lines().count() - 2);
    assert!(part.contains("c c/Dockerfile") && !part.contains("b/Dockerfile"), "{part}");
    // A file that is gone, too.
    assert!(summary(&[]).contains("c c/Dockerfile"));
    lint(folder, &["--baseline", "known", "--write-baseline"]);
    assert!(!fs::read_to_string(folder.join("known")).unwrap().contains("c c/"));
}

#[test]
fn what_is_no_baseline_quiets_nothing_and_is_not_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, OLD);
    lint(folder, &["--baseline", "known", "--write-baseline"]);
    let good = fs::read_to_string(folder.join("known")).unwrap();
    let line = good.lines().nth(3).unwrap();
    let column = line.find(' ').unwrap() + 2;
    for (text, place) in [
        (String::new(), "known:1:1".to_owned()),
        ("{}\n".to_owned(), "known:1:1".to_owned()),
        (
            good.trim_end().to_owned(),
            format!("known:{}:{}", good.lines().count(), good.lines().last().unwrap().len() + 1),
        ),
        (good.replace(line, &format!("<<<<<<< HEAD\n{line}")), "known:4:1".to_owned()),
        (good.replace(line, &line.replacen(' ', " x", 1)), format!("known:4:{column}")),
        (good.replace("baseline 1", "baseline 2"), "known:1:1".to_owned()),
    ] {
        fs::write(folder.join("known"), &text).unwrap();
        for words in [&["--baseline", "known"][..], &["--baseline", "known", "--write-baseline"]] {
            let (code, said) = self::said(folder, words);
            assert_eq!(code, Some(2), "{said}");
            assert!(said.starts_with(&format!("fender: {place}: ")), "{place}: {said}");
            assert_eq!(fs::read_to_string(folder.join("known")).unwrap(), text);
        }
    }
    let (code, said) = self::said(folder, &["--baseline", "a/Dockerfile", "--write-baseline"]);
    assert!(code == Some(2) && said.contains("this is not a baseline"), "{said}");
    assert_eq!(self::said(folder, &["--baseline", "a"]).0, Some(2));
    for (words, wanted) in [
        (&["--write-baseline"][..], "--baseline"),
        (&["--baseline", "new", "--write-baseline", "--rule", "root-user"], "cannot be used with"),
        (&["--baseline", "new", "--write-baseline", "--since", "x"], "cannot be used with"),
    ] {
        let (code, said) = self::said(folder, words);
        assert!(code == Some(2) && said.contains(wanted) && !folder.join("new").exists(), "{words:?}: {said}");
    }
}

/// git in a folder, as a person has set it up.
fn git(folder: &Path, words: &[&str]) {
    let mut command = start("git");
    command
        .env("HOME", folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-C"])
        .arg(folder)
        .args(words);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", out(&output));
}

#[test]
fn only_what_changed_since_a_revision() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let text = "FROM alpine:3.22 AS b\nUSER 1\nADD x /x\nRUN a \\\n  && b\nCMD x y\n";
    write(folder, &[("a/Dockerfile", text), ("a/x", ""), ("b c/Dockerfile", "FROM alpine\nCMD x y\n")]);
    let (code, said) = self::said(folder, &["--since", "HEAD"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("fender: --since needs a git repository: fatal: not a git repository"), "{said}");
    git(folder, &["init", "-q"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", "a"]);
    let since = |words: &[&str]| rules(folder, &[&["--since", "HEAD"], words].concat());
    assert_eq!(since(&[]), [""; 0]);
    let (code, said) = self::said(folder, &["--since", "HEAD"]);
    assert!(
        code == Some(0) && said.ends_with("no new problems; not shown: 5 on lines that did not change\n"),
        "{said}"
    );
    for (change, expected) in [
        (text.replace("CMD x y", "CMD x z"), &["pid1-signals"][..]),
        (text.replace("ADD x /x", "ADD x \\\n  /x"), &["add-instead-of-copy"]),
        // Moved lines did not change.
        (format!("# syntax=docker/dockerfile:1\n\n{text}"), &[]),
        (text.replace('\n', "\r\n"), &[]),
        // A line that is gone is a change of its stage.
        (text.replace("AS b\nUSER 1\n", "AS b\n"), &["root-user"]),
    ] {
        write(folder, &[("a/Dockerfile", &change)]);
        assert_eq!(since(&[]), expected, "{change:?}");
        // From any folder, and for a file that is named.
        assert_eq!(rules(&folder.join("a"), &["--since", "HEAD", "Dockerfile"]), expected, "{change:?}");
    }
    // New files are all new, whether git knows them or not.
    write(folder, &[("a/Dockerfile", text), ("d/Dockerfile", "FROM alpine:3.22\nUSER 1\nCMD x y\n")]);
    assert_eq!(since(&[]), ["pid1-signals"]);
    git(folder, &["add", "."]);
    assert_eq!(since(&[]), ["pid1-signals"]);
    for wrong in ["nowhere", "--output=x", "-h", "HEAD:a", ""] {
        let (code, said) = self::said(folder, &[&format!("--since={wrong}")]);
        assert!(code == Some(2) && said.starts_with("fender: ") && !folder.join("x").exists(), "{wrong}: {said}");
    }
    assert!(self::said(folder, &["--since", "nowhere"]).1.contains("there is no revision \"nowhere\" in "));
}

/// A repository from elsewhere names programs in every place that git has for them: none is run.
#[test]
fn a_hostile_repository_runs_nothing() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(
        folder,
        &[("Dockerfile", "FROM alpine:3.22\nUSER 1\nCMD x y\n"), (".gitattributes", "* diff=evil filter=evil\n")],
    );
    git(folder, &["init", "-q"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", "a"]);
    let evil = folder.join("evil.sh");
    fs::write(&evil, format!("#!/bin/sh\necho \"$0 $*\" >> {}/ran\ncat\n", folder.display())).unwrap();
    fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
    let evil = evil.to_string_lossy().into_owned();
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.gitProxy",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "pager.cat-file",
        "pager.rev-parse",
        "remote.evil.uploadpack",
        "gpg.program",
        "credential.helper",
        "sequence.editor",
        "core.alternateRefsCommand",
        "uploadpack.packObjectsHook",
        "alias.cat-file",
        "alias.rev-parse",
    ] {
        let value =
            if key.starts_with("alias.") || key == "credential.helper" { format!("!{evil}") } else { evil.clone() };
        git(folder, &["config", key, &value]);
    }
    for (key, value) in [
        ("filter.evil.required", "true"),
        ("remote.evil.url", "ext::sh -c evil.sh"),
        ("remote.evil.promisor", "true"),
        ("extensions.partialClone", "evil"),
        ("protocol.ext.allow", "always"),
        ("core.hooksPath", "."),
    ] {
        git(folder, &["config", key, value]);
    }
    for hook in ["post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc"] {
        fs::copy(folder.join("evil.sh"), folder.join(hook)).unwrap();
    }
    // The repository's own programs are not git, and an object that is missing is not fetched.
    fs::copy(folder.join("evil.sh"), folder.join("git")).unwrap();
    let _ = fs::remove_file(folder.join("ran"));
    write(
        folder,
        &[("Dockerfile", "FROM alpine:3.22\nUSER 1\nCMD x z\n"), ("b/Dockerfile", "FROM alpine:3.22\nUSER 1\nCMD q\n")],
    );
    for path in [system_path().to_owned(), format!(".::{}", system_path())] {
        let mut command = program();
        command.env("PATH", path).env("HOME", folder).env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        let output = command.args(["lint", "--since", "HEAD", "--quiet"]).current_dir(folder).output().unwrap();
        let text = out(&output);
        assert!(text.contains("Dockerfile:3:1: note pid1-signals") && text.contains("b/Dockerfile:3:1"), "{text}");
        assert!(!folder.join("ran").exists(), "{}", fs::read_to_string(folder.join("ran")).unwrap());
    }
    // The traps are set: git itself, asked for a difference, runs them.
    let _ = start("git").env("HOME", folder).arg("-C").arg(folder).args(["diff", "HEAD"]).output().unwrap();
    assert!(folder.join("ran").exists());
}
