//! What `fender lint` prints: for a person, and in the forms that other programs read.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::support::lint::{found, out, write};
use crate::support::process::{fender as program, program as start};
use crate::support::{lint::fender, schema};
use serde_json::Value;

/// Names and texts with every letter that one of the formats gives a meaning.
const UGLY: &[(&str, &str)] = &[
    ("a,b:c%20 <x>&\"'/Dockerfile", "FROM a::b%0Ac,d\nCOPY . .\nCMD npm start && echo '<&>\"%25::error::'\n"),
    ("a,b:c%20 <x>&\"'/id_rsa", "x"),
    ("ä/Dockerfile", "FROM alpine:3.22\nUSER 1\nENV API_TOKEN=hunter2hunter2\nCMD server -f %s,%s:%s\n"),
    ("Dockerfile", "FROM alpine:3.22\nCMD a b\n"),
];

fn printed(folder: &Path, words: &[&str]) -> String {
    let output = fender(folder, &[&["lint"], words].concat(), &[]);
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &Path, words: &[&str]) -> Value {
    let text = printed(folder, words);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

/// A repository with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), files);
    fs::create_dir(place.path().join(".git")).unwrap();
    place
}

/// Every format says the same findings: rule, path from the repository's root, line and level.
#[test]
fn every_format_says_the_same() {
    let place = repository(UGLY);
    for (folder, words) in
        [("", &["."][..]), ("ä", &["..", "."]), ("ä", &["../ä/../"]), ("", &[&*place.path().to_string_lossy()])]
    {
        let folder = place.path().join(folder);
        let of = |format: &str| printed(&folder, &[&["--format", format], words].concat());
        let wanted = json(&folder, &[&["--format", "json"], words].concat());
        let mut wanted: Vec<(String, u64, String)> =
            wanted["findings"].as_array().unwrap().iter().map(expected).collect();
        wanted.sort();
        wanted.dedup();
        assert!(wanted.len() >= 6 && wanted.iter().any(|(_, _, level)| level == "error"), "{wanted:?}");
        let paths = ["Dockerfile", "a,b:c%20 <x>&\"'/Dockerfile", "ä/Dockerfile"];

        let report: Value = serde_json::from_str(&of("sarif")).unwrap();
        assert_eq!(schema::misfits(&schema::of_sarif(), &report), [""; 0]);
        let results = report["runs"][0]["results"].as_array().unwrap();
        let uris: Vec<String> = results
            .iter()
            .map(|it| &it["locations"][0]["physicalLocation"]["artifactLocation"])
            .map(|it| decoded(it["uri"].as_str().unwrap(), '%'))
            .collect();
        assert!(uris.iter().all(|uri| paths.contains(&uri.as_str())), "{uris:?}");
        let region = |it: &Value| it["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let mut sarif: Vec<_> =
            results.iter().map(|it| (text(&it["ruleId"]), region(it), text(&it["level"]))).collect();
        sarif.sort();
        sarif.dedup();
        assert_eq!(sarif, wanted);
        assert!(results.iter().all(|it| it["partialFingerprints"]["fender/v1"].as_str().unwrap().len() == 32));

        let report: Value = serde_json::from_str(&of("gitlab")).unwrap();
        let entries = report.as_array().unwrap();
        assert!(entries.iter().all(|it| paths.contains(&it["location"]["path"].as_str().unwrap())), "{report}");
        let mut fingerprints: Vec<&str> = entries.iter().map(|it| it["fingerprint"].as_str().unwrap()).collect();
        fingerprints.sort_unstable();
        assert!(fingerprints.windows(2).all(|pair| pair[0] != pair[1]), "{report}");
        let level = |it: &Value| match it["severity"].as_str().unwrap() {
            "critical" => "error".to_owned(),
            "major" => "warning".to_owned(),
            "info" => "note".to_owned(),
            other => panic!("{other}"),
        };
        let line = |it: &Value| it["location"]["lines"]["begin"].as_u64().unwrap();
        assert!(entries.iter().all(|it| !it["description"].as_str().unwrap().is_empty()));
        let mut gitlab: Vec<_> = entries.iter().map(|it| (text(&it["check_name"]), line(it), level(it))).collect();
        gitlab.sort();
        gitlab.dedup();
        assert_eq!(gitlab, wanted);

        let mut github: Vec<(String, u64, String)> =
            of("github").lines().map(|line| annotation(line, &paths)).collect();
        github.sort();
        github.dedup();
        assert_eq!(github, wanted);

        let mut checkstyle = errors(&of("checkstyle"), &paths);
        checkstyle.sort();
        checkstyle.dedup();
        assert_eq!(checkstyle, wanted);
    }
    // A secret is in none of them.
    for format in ["text", "json", "sarif", "github", "gitlab", "checkstyle"] {
        assert!(!printed(place.path(), &["--format", format]).contains("hunter2"), "{format}");
    }
}

fn expected(finding: &Value) -> (String, u64, String) {
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    (text("rule"), finding["line"].as_u64().unwrap(), text("level"))
}

/// Percent signs taken back.
fn decoded(text: &str, sign: char) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(sign) {
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
        rest = &after[2..];
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).unwrap()
}

/// As a runner reads a workflow command: the properties up to the first `::`, each up to a comma.
fn annotation(line: &str, paths: &[&str]) -> (String, u64, String) {
    let (command, rest) = line.strip_prefix("::").unwrap().split_once(' ').unwrap();
    let (properties, message) = rest.split_once("::").unwrap();
    assert!(!message.is_empty());
    let property = |name: &str| {
        let found = properties.split(',').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        decoded(found.unwrap_or_else(|| panic!("{line}")), '%')
    };
    assert!(paths.contains(&property("file").as_str()), "{line}");
    let level = if command == "notice" { "note" } else { command };
    let rule = property("title").strip_prefix("fender ").unwrap().to_owned();
    (rule, property("line").parse().unwrap(), level.to_owned())
}

/// The errors of a checkstyle document, whose elements are read strictly: nothing but elements, attributes and blanks.
fn errors(document: &str, paths: &[&str]) -> Vec<(String, u64, String)> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let body = document.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap();
    for element in body.split('<').map(str::trim).filter(|element| !element.is_empty()) {
        let element = element.strip_suffix('>').unwrap_or_else(|| panic!("text between elements: {element}"));
        if let Some(name) = element.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (element, is_empty) = element.strip_suffix('/').map_or((element, false), |element| (element, true));
        let (name, mut rest) = element.split_once(' ').unwrap_or((element, ""));
        let mut attributes = std::collections::HashMap::new();
        while !rest.trim().is_empty() {
            let (key, after) = rest.trim().split_once("=\"").unwrap();
            let (value, after) = after.split_once('"').unwrap();
            let value = ["&lt;<", "&gt;>", "&quot;\"", "&apos;'", "&amp;&"]
                .iter()
                .fold(value.to_owned(), |value, pair| value.replace(&pair[..pair.len() - 1], &pair[pair.len() - 1..]));
            attributes.insert(key.to_owned(), value);
            rest = after;
        }
        match name {
            "checkstyle" => assert_eq!(open, [""; 0]),
            "file" => assert!(paths.contains(&attributes["name"].as_str()), "{element}"),
            "error" => {
                let level = if attributes["severity"] == "info" { "note" } else { &attributes["severity"] };
                let rule = attributes["source"].strip_prefix("fender.").unwrap().to_owned();
                assert!(!attributes["message"].is_empty() && open == ["checkstyle", "file"]);
                found.push((rule, attributes["line"].parse().unwrap(), level.to_owned()));
            }
            other => panic!("{other}"),
        }
        if !is_empty {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, [""; 0]);
    found
}

/// Text is grouped by file, the heaviest first, and its last line always has the counts.
#[test]
fn text_has_the_heaviest_first_and_counts_last() {
    let place = repository(&[
        ("a/Dockerfile", "FROM alpine\nUSER 1\nCMD x y\n"),
        ("b/Dockerfile", "FROM alpine:3.22\nCOPY . .\nUSER 1\nCMD x y\n"),
        ("b/id_rsa", "x"),
    ]);
    let text = printed(place.path(), &[]);
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted:?} in {text}"));
    assert!(at("b/Dockerfile  1 error, 1 note\n") < at("error  build-context-leak"), "{text}");
    assert!(at("error  build-context-leak") < at("a/Dockerfile  2 notes\n"), "{text}");
    assert!(at("a/Dockerfile  2 notes\n") < at("note  mutable-tag"), "{text}");
    assert!(text.ends_with("\n4 problems in 2 files: 1 error, 3 notes\n"), "{text}");
    let quiet = printed(place.path(), &["--quiet"]);
    let lines: Vec<&str> = quiet.lines().collect();
    assert!(lines.len() == 5 && lines[0].starts_with("b/Dockerfile:2:1: error build-context-leak: "), "{quiet}");
    assert_eq!(lines[4], "4 problems in 2 files: 1 error, 3 notes");
    let summary = printed(place.path(), &["--summary"]);
    assert_eq!(
        summary,
        "error    build-context-leak             1 in 1 file\n\
         note     pid1-signals                   2 in 2 files\n\
         note     mutable-tag                    1 in 1 file\n\
         4 problems in 2 files: 1 error, 3 notes\n"
    );
    let output = fender(place.path(), &["lint", "--summary", "--format", "github"], &[]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), summary);
    assert_eq!(json(place.path(), &["--format", "json"])["summary"]["rules"]["pid1-signals"], 2);
    let none = printed(place.path(), &["--quiet", "--rule", "root-user"]);
    assert_eq!(none, "2 files, no problems\n");
}

#[test]
fn rules_are_chosen_and_left_out() {
    let place = repository(&[("Dockerfile", "FROM alpine\nADD x /x\nCMD x y\n"), ("x", "")]);
    let rules =
        |words: &[&str]| -> Vec<String> { found(place.path(), words).into_iter().map(|(rule, _)| rule).collect() };
    assert_eq!(rules(&["--rule", "pid1-signals,mutable-tag"]), ["mutable-tag", "pid1-signals"]);
    assert_eq!(rules(&["--rule", "pid1-signals", "--rule", "mutable-tag"]), ["mutable-tag", "pid1-signals"]);
    assert_eq!(rules(&["--ignore", "pid1-signals,root-user,mutable-tag"]), ["add-instead-of-copy"]);
    assert_eq!(rules(&["--rule", "pid1-signals", "--ignore", "pid1-signals"]), [""; 0]);
    let code = |words: &[&str]| fender(place.path(), &[&["lint"], words].concat(), &[]).status.code();
    assert_eq!(code(&["--rule", "build-context-leak"]), Some(0));
    for option in ["--rule", "--ignore"] {
        let output = fender(place.path(), &["lint", option, "pid1-signal"], &[]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(out(&output), "fender: there is no rule \"pid1-signal\": did you mean pid1-signals?\n");
    }
    // What is not shown is not fixed.
    fender(place.path(), &["lint", "--fix", "--ignore", "add-instead-of-copy"], &[]);
    assert!(fs::read_to_string(place.path().join("Dockerfile")).unwrap().contains("ADD x /x"));
}

/// `fender lint - --path NAME`: an editor's text, judged as if it stood in that file.
#[test]
fn standard_input_is_judged_as_the_file_that_it_is() {
    let place = repository(&[("a/Dockerfile", "FROM alpine:3.22\n"), ("a/id_rsa", "x")]);
    let typed = |words: &[&str], text: &str| {
        let mut command = program();
        command.env("PATH", "/nonexistent").env("HOME", place.path()).current_dir(place.path());
        command.args([&["lint", "--format", "json", "-"], words].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let findings = |words: &[&str], text: &str| -> Vec<(String, String, u64)> {
        let output = typed(words, text);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let one = |it: &Value| (text(&it["rule"]), text(&it["path"]), it["line"].as_u64().unwrap());
        report["findings"].as_array().unwrap().iter().map(one).collect()
    };
    let dockerfile = "FROM alpine:3.22\nUSER 1\nCOPY . .\nCMD x y\n";
    let expected = |path: &str| {
        let of = |rule: &str, line: u64| (rule.to_owned(), path.to_owned(), line);
        (of("build-context-leak", 3), of("pid1-signals", 4))
    };
    let (leak, pid1) = expected("a/Dockerfile");
    assert_eq!(findings(&["--path", "a/Dockerfile"], dockerfile), [leak, pid1]);
    // The file need not be there, and its name need not say what it is.
    for path in ["a/Dockerfile.new", "a/image"] {
        let (leak, pid1) = expected(path);
        assert_eq!(findings(&["--path", path], dockerfile), [leak, pid1]);
    }
    assert_eq!(findings(&[], dockerfile).last(), Some(&expected("Dockerfile").1));
    for (words, text, said) in [
        (&["-"][..], "hello\n", "standard input is not a Dockerfile"),
        (&["-", "a"], dockerfile, "cannot be linted together with other paths"),
        (&["-", "--fix"], dockerfile, "what is on standard input cannot be fixed"),
        (&["--path", "x"], dockerfile, "--path names what is on standard input"),
    ] {
        let mut command = start(env!("CARGO_BIN_EXE_fender"));
        command.arg("lint").args(words).current_dir(place.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.code() == Some(2) && out(&output).contains(said), "{words:?}: {}", out(&output));
    }
}

/// A fingerprint is the same after lines were moved, indented or broken in another way, and no two findings have one.
#[test]
fn fingerprints_survive_moved_lines() {
    let prints = |files: &[(&str, &str)]| -> Vec<(String, String)> {
        let place = repository(files);
        let report = json(place.path(), &["--format", "json"]);
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let findings = report["findings"].as_array().unwrap();
        let mut prints: Vec<_> = findings.iter().map(|it| (text(&it["rule"]), text(&it["fingerprint"]))).collect();
        prints.sort();
        prints
    };
    let before = prints(&[("Dockerfile", "FROM alpine\nADD a /a\nADD a /a\nCMD x y\n"), ("a", "")]);
    assert!(before.len() >= 5 && before.windows(2).all(|pair| pair[0].1 != pair[1].1), "{before:?}");
    for text in [
        "# syntax=docker/dockerfile:1\n\n# about\nFROM alpine\nWORKDIR /a\n\nADD a /a\nADD a /a\nCMD x y\n",
        "FROM   alpine\r\nADD a /a\r\nADD a \\\r\n  /a\r\nCMD x   y\r\n",
        "FROM alpine\nADD a \\\n  # why\n  /a\nADD a /a\nCMD x y",
    ] {
        assert_eq!(prints(&[("Dockerfile", text), ("a", "")]), before, "{text:?}");
    }
    // Another line, file or secret is another finding.
    let other = prints(&[("Dockerfile", "FROM alpine\nADD a /b\nADD a /a\nCMD x y\n"), ("a", "")]);
    assert_eq!(other.iter().filter(|it| before.contains(it)).count(), before.len() - 1);
    assert!(prints(&[("b/Dockerfile", "FROM alpine\nCMD x y\n")]).iter().all(|it| !before.contains(it)));
    let copies = |secret: &str| prints(&[("Dockerfile", "FROM alpine:3.22\nUSER 1\nCOPY . .\n"), (secret, "x")]);
    assert!(copies("id_rsa") == copies("id_rsa") && copies("id_rsa") != copies("id_dsa"));
}
