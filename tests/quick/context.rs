//! `fender context`: what a build would send, and what an ignore file leaves.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use fender::environment::context::{survey, survey_with_left};
use fender_core::files::context::{ContextRequest, Sender, Survey};
use serde_json::Value;

use crate::support::lint::{fender, out, write};
use crate::support::process::system_path;

/// The paths that are sent, with what is left by the ignore file.
fn sent(folder: &Path, more: &[(&str, String)]) -> (Vec<String>, u64, Value) {
    let output = fender(folder, &["context", "--format", "json"], more);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let files = answer["files"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap().to_owned());
    (files.collect(), answer["bytes"].as_u64().unwrap(), answer["left"].clone())
}

#[test]
fn a_context_is_what_the_dockerfile_copies_and_what_the_ignore_file_leaves() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("app");
    let files = [("src/a.c", "a"), ("src/b.c", "bb"), ("src/b.o", "ccc"), ("docs/x", "dddd"), ("key/id_rsa", "eeeee")];
    write(&folder, &files);
    write(&folder, &[(".dockerignore", "**/*.o\n")]);
    // Buildx is installed as far as the client's folders say.
    let plugin = place.path().join("config/cli-plugins/docker-buildx");
    fs::create_dir_all(plugin.parent().unwrap()).unwrap();
    fs::write(&plugin, "").unwrap();
    let config =
        [("DOCKER_CONFIG", place.path().join("config").display().to_string()), ("PATH", system_path().to_owned())];
    let left = |files: u64, bytes: u64| serde_json::json!({"files": files, "bytes": bytes});
    for (text, expected) in [
        ("FROM a:1\nCOPY src /x\n", &["src/a.c", "src/b.c"][..]),
        ("FROM a:1\nCOPY src/a.* docs/ /x/\n", &["docs/x", "src/a.c"]),
        ("FROM a:1\nRUN true\n", &[]),
        ("FROM a:1 AS b\nCOPY src /x\nFROM a:1\nCOPY --from=b /x /x\n", &["src/a.c", "src/b.c"]),
        // Not a part of the last stage.
        ("FROM a:1 AS b\nCOPY src /x\nFROM a:1\nCOPY docs /x\n", &["docs/x"]),
        ("FROM a:1\nCOPY . /x\n", &[".dockerignore", "Dockerfile", "docs/x", "key/id_rsa", "src/a.c", "src/b.c"]),
    ] {
        write(&folder, &[("Dockerfile", text)]);
        let (files, bytes, kept) = sent(&folder, &config);
        assert_eq!(files, expected, "{text}");
        let whole = 1 + 2 + 4 + 5 + 7 + text.len() as u64;
        assert_eq!(kept, left(6, whole), "{text}");
        let size = |path: &String| fs::metadata(folder.join(path)).unwrap().len();
        assert_eq!(bytes, files.iter().map(size).sum::<u64>(), "{text}");
        // The legacy builder sends everything, whatever is copied.
        let legacy = [config.as_slice(), &[("DOCKER_BUILDKIT", "0".to_owned())]].concat();
        assert_eq!(sent(&folder, &legacy).0.len(), 6, "{text}");
    }
    // A stage that is chosen, by its name or its number, and the stages that it needs.
    let stages = "FROM a:1 AS base\nCOPY src/a.c /x\nFROM base AS test\nCOPY docs /x\nFROM base AS Run\nFROM a:1\n";
    write(&folder, &[("Dockerfile", stages)]);
    for (target, expected) in [
        ("base", &["src/a.c"][..]),
        ("test", &["docs/x", "src/a.c"]),
        ("run", &["src/a.c"]),
        ("1", &["docs/x", "src/a.c"]),
        ("3", &[]),
        ("", &[]),
    ] {
        let output = fender(&folder, &["context", "--format", "json", "--target", target], &config);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
        let files: Vec<&str> =
            answer["files"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
        assert_eq!(files, expected, "{target}");
    }
    for (target, hint) in
        [("tets", "did you mean test?"), ("nothing-like-it", "its stages: base, test, run"), ("4", "its stages")]
    {
        let output = fender(&folder, &["context", "--target", target], &config);
        assert_eq!(output.status.code(), Some(2), "{}", out(&output));
        assert!(out(&output).contains("there is no stage") && out(&output).contains(hint), "{}", out(&output));
    }
    write(&folder, &[("Dockerfile", "FROM a:1\nCOPY src /x\n")]);
    let text = out(&fender(&folder, &["context"], &config));
    assert!(text.starts_with(".: 2 files, 3 B  (of 6 files, "), "{text}");
    assert!(text.contains("sends only the files that the Dockerfile copies") && !text.contains("id_rsa"), "{text}");
    // Without a Dockerfile nothing is known of what it copies.
    fs::remove_file(folder.join("Dockerfile")).unwrap();
    let text = out(&fender(&folder, &["context"], &config));
    assert!(text.starts_with(".: 5 files, ") && text.contains("id_rsa"), "{text}");
    assert!(text.contains("no Dockerfile could be read, so this counts as if one copied everything"), "{text}");
}

/// Large contexts are listed by two threads: nothing is lost, doubled, or out of order, and each size is that of its file.
#[test]
fn a_large_context_is_the_same_in_every_look() {
    let place = tempfile::tempdir().unwrap();
    // What lies in `a` comes between `a-b` and `a0`, as a slash does.
    let folders = ["a", "a-b", "a0", "a/b", "a/b.c", "ü", "a/b/c/d/e", "z z"];
    let mut expected: Vec<(String, u64)> = Vec::new();
    let mut make = |path: String, bytes: usize| {
        fs::write(place.path().join(&path), "x".repeat(bytes)).unwrap();
        expected.push((path, bytes as u64));
    };
    for (at, folder) in folders.iter().enumerate() {
        fs::create_dir_all(place.path().join(folder)).unwrap();
        for number in 0..500 {
            make(format!("{folder}/f{number}"), number % 7 + at);
        }
    }
    for name in ["a!", "a1", "a.txt", "zz"] {
        make(name.to_owned(), name.len());
    }
    // A name that is no text is shown with a sign in its place, and has its size all the same.
    fs::write(place.path().join("a").join(OsStr::from_bytes(b"n\xff")), "12345").unwrap();
    expected.push(("a/n\u{fffd}".to_owned(), 5));
    std::os::unix::fs::symlink("f1", place.path().join("a/link")).unwrap();
    expected.push(("a/link".to_owned(), 0));
    expected.sort();
    let wanted = |copied: Option<&str>| ContextRequest {
        folder: place.path().to_str().unwrap().to_owned(),
        root: None,
        dockerfile: None,
        sender: Sender::BuildKit,
        copied: copied.map(|pattern| vec![pattern.to_owned()]),
    };
    let files = |survey: &Survey| survey.files().map(|(path, size)| (path.to_owned(), size)).collect::<Vec<_>>();
    let sum = |files: &[(String, u64)]| files.iter().map(|(_, size)| size).sum::<u64>();
    let of_a: Vec<_> = expected.iter().filter(|(path, _)| path.starts_with("a/")).cloned().collect();
    for _ in 0..5 {
        assert!(files(&survey(&wanted(None)).unwrap()) == expected);
        let (sent, left) = survey_with_left(&wanted(Some("a"))).unwrap();
        assert!(files(&sent) == of_a);
        assert_eq!(left, (expected.len(), sum(&expected)));
        assert_eq!(sent.bytes(), sum(&of_a));
    }
}
