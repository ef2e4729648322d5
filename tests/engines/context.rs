//! The files of a build's context, as fender computes them, against what docker sends: the legacy builder's tar to a
//! recorder, and what BuildKit's `COPY . /` brings into an image on a real engine.
//!
//! `FENDER_CONTEXT_CASES` sets how many trees (2,000 without it; a tenth of them for BuildKit, whose builds take longer),
//! `FENDER_CONTEXT_SEED` where they start.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support;
use crate::support::engine::Engine;
use crate::support::process::program;
use crate::support::recorder::{Answers, Recorder};
use fender::environment::context::survey;
use fender_core::files::context::{ContextRequest, Sender};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

#[derive(Clone, Debug)]
struct Case {
    /// Paths of files; one that ends in `@` is a link, one that ends in `/` an empty folder.
    tree: Vec<String>,
    ignore: Option<String>,
    /// The Dockerfile's own ignore file.
    own: Option<String>,
    dockerfile: &'static str,
}

const NAMES: &[&str] = &[
    "a",
    "b",
    "A",
    "foo",
    "foo.txt",
    "bar.md",
    "README.md",
    ".env",
    ".git",
    "node_modules",
    "src",
    "main.go",
    "x y",
    "[a]",
    "a*b",
    "ü",
    "test_1",
    "Dockerfile.dev",
    "docs",
    "5",
    "a.b.c",
    "^x",
    "b$",
    "-",
    "temp",
    "tempa",
    "!x",
    "#y",
    "(z)",
    "a+b",
];

fn path() -> impl Strategy<Value = String> {
    (vec(select(NAMES), 1..5), select(&["", "", "", "", "@", "/"][..])).prop_map(|(parts, end)| parts.join("/") + end)
}

/// A pattern made of a path's parts, with the things that people put in.
fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => select(NAMES).prop_map(str::to_owned),
        2 => Just("*".to_owned()),
        2 => Just("**".to_owned()),
        1 => select(&["?", "*.md", "*.txt", "temp?", "a*", "*a", "**.md", "[a-z]", "[^a]", "[!a]", "\\[a\\]", "\\d", "..", ".", "",
            "[a-c]*", "foo**", "**foo", "\\*", "a\\*b", "[[:alpha:]]", "[]]", "*b*", "\\#y", "[ü]", "f[o-p]o", "***"][..])
            .prop_map(str::to_owned),
    ];
    let whole = vec(part, 1..4).prop_map(|parts| parts.join("/"));
    (
        select(&["", "", "", "", "!", "!", "! ", "/", "!/", " ", "./"][..]),
        whole,
        select(&["", "", "", "/", " ", "\t", "/**", "/*"][..]),
    )
        .prop_map(|(before, whole, after)| format!("{before}{whole}{after}"))
}

fn ignore_file() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        12 => pattern(),
        1 => select(&["# a comment", " # no comment", "", "   ", "!", "[", "Dockerfile", "Dockerfile*", ".dockerignore", "*", "**", "!Dockerfile", ".*",
            "**/.*"][..]).prop_map(str::to_owned),
    ];
    (vec(line, 0..7), select(&["\n", "\n", "\r\n"][..]), select(&["", "\u{feff}"][..]))
        .prop_map(|(lines, end, start)| start.to_owned() + &lines.join(end) + end)
}

fn case() -> impl Strategy<Value = Case> {
    let ignore = prop_oneof![1 => Just(None), 12 => ignore_file().prop_map(Some)];
    let own = prop_oneof![6 => Just(None), 1 => ignore_file().prop_map(Some)];
    let dockerfile = select(&["Dockerfile", "Dockerfile", "Dockerfile", "docker/Dockerfile.dev", "foo.Dockerfile"][..]);
    (vec(path(), 1..14), ignore, own, dockerfile).prop_map(|(tree, ignore, own, dockerfile)| Case {
        tree,
        ignore,
        own,
        dockerfile,
    })
}

fn make(case: &Case, root: &Path) {
    let _ = fs::remove_dir_all(root);
    fs::create_dir_all(root).unwrap();
    for (at, path) in case.tree.iter().enumerate() {
        let whole = root.join(path.trim_end_matches(['@', '/']));
        if fs::create_dir_all(whole.parent().unwrap()).is_err() || fs::symlink_metadata(&whole).is_ok() {
            continue;
        }
        let _ = match path.chars().next_back() {
            Some('@') => symlink("nowhere", &whole),
            Some('/') => fs::create_dir(&whole),
            _ => fs::write(&whole, "x".repeat(at + 1)),
        };
    }
    let dockerfile = root.join(case.dockerfile);
    fs::create_dir_all(dockerfile.parent().unwrap()).unwrap();
    fs::write(&dockerfile, "FROM scratch\nCOPY . /\n").unwrap();
    if let Some(text) = &case.ignore {
        let _ = fs::write(root.join(".dockerignore"), text);
    }
    if let Some(text) = &case.own {
        let _ = fs::write(format!("{}.dockerignore", dockerfile.display()), text);
    }
}

type Files = BTreeSet<(String, u64)>;

/// None where it cannot be computed.
fn foreseen(case: &Case, root: &Path, sender: Sender) -> Option<Files> {
    let wanted = ContextRequest {
        folder: root.to_string_lossy().into_owned(),
        root: None,
        dockerfile: Some(root.join(case.dockerfile).to_string_lossy().into_owned()),
        sender,
        copied: None,
    };
    Some(survey(&wanted).ok()?.files().map(|(path, size)| (path.to_owned(), size)).collect())
}

fn in_tar(bytes: &[u8]) -> Files {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    entries
        .filter(|entry| !entry.header().entry_type().is_dir())
        .map(|entry| (entry.path().unwrap().to_string_lossy().into_owned(), entry.size()))
        .collect()
}

fn command(root: &Path, case: &Case, config: &Path) -> Command {
    let mut command = program(support::real_docker());
    command.env("HOME", root).env("DOCKER_CONFIG", config);
    command.arg("build").arg("-f").arg(root.join(case.dockerfile)).arg(root);
    command
}

/// Runs the comparison for some cases on two threads; what differs is shrunk and told.
fn compare(cases: usize, seed: u64, differs: &(dyn Fn(&Case, usize) -> Option<String> + Sync)) -> (usize, Vec<String>) {
    let (next, differences) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (next, differences) = (&next, &differences);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= cases {
                        break;
                    }
                    let mut bytes = [0; 32];
                    bytes[..8].copy_from_slice(&seed.to_le_bytes());
                    bytes[8..16].copy_from_slice(&(at as u64).to_le_bytes());
                    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
                    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
                    let mut tree = case().new_tree(&mut runner).unwrap();
                    let Some(mut problem) = differs(&tree.current(), number) else { continue };
                    for _ in 0..60 {
                        if !tree.simplify() {
                            break;
                        }
                        match differs(&tree.current(), number) {
                            Some(smaller) => problem = smaller,
                            None if !tree.complicate() => break,
                            None => {}
                        }
                    }
                    differences.lock().unwrap().push(problem);
                }
            });
        }
    });
    (cases, differences.into_inner().unwrap())
}

fn told(case: &Case, foreseen: Option<&Files>, real: Option<&Files>, said: &str) -> Option<String> {
    (foreseen != real).then(|| {
        let empty = Files::new();
        let (one, other) = (foreseen.unwrap_or(&empty), real.unwrap_or(&empty));
        format!(
            "{case:?}\n  fender alone: {:?} (computed: {})\n  docker alone: {:?} (sent: {}, said {said:?})",
            one.difference(other).collect::<Vec<_>>(),
            foreseen.is_some(),
            other.difference(one).collect::<Vec<_>>(),
            real.is_some(),
        )
    })
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn what_the_old_builder_sends() {
    let place = tempfile::tempdir().unwrap();
    let recorders: Vec<Recorder> =
        (0..2).map(|at| Recorder::start(&place.path().join(format!("e{at}.sock")), Answers::default())).collect();
    let config = place.path().join("config");
    let differs = |case: &Case, number: usize| {
        let root = place.path().join(format!("w{number}"));
        make(case, &root);
        recorders[number].take();
        let output = command(&root, case, &config)
            .env("DOCKER_BUILDKIT", "0")
            .env("DOCKER_HOST", format!("unix://{}", recorders[number].socket.display()))
            .output()
            .unwrap();
        let sent = recorders[number].take().into_iter().find(|asked| asked.path == "/build");
        let real = sent.map(|asked| in_tar(&asked.bytes));
        told(
            case,
            foreseen(case, &root, Sender::Legacy).as_ref(),
            real.as_ref(),
            &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (cases, differences) =
        compare(setting("FENDER_CONTEXT_CASES", 2000) as usize, setting("FENDER_CONTEXT_SEED", 1), &differs);
    println!("{cases} contexts against the legacy builder, {} differences", differences.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_buildkit_copies() {
    let engine = Engine::start("context", "new", "");
    let place = tempfile::tempdir().unwrap();
    let config = support::cache().join("config");
    let differs = |case: &Case, number: usize| {
        let root = place.path().join(format!("w{number}"));
        make(case, &root);
        let output = command(&root, case, &config)
            .env("DOCKER_BUILDKIT", "1")
            .env("DOCKER_HOST", engine.host())
            .args(["--no-cache", "--output", "type=tar,dest=-"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut real = output.status.success().then(|| in_tar(&output.stdout));
        let foreseen = foreseen(case, &root, Sender::BuildKit);
        // A file that BuildKit sends by one reading of the patterns and does not open by another arrives empty.
        if let (Some(real), Some(foreseen)) = (&mut real, &foreseen) {
            let empty: Vec<String> = real.iter().filter(|(_, size)| *size == 0).map(|(path, _)| path.clone()).collect();
            for (path, size) in foreseen.iter().filter(|(path, _)| empty.contains(path)) {
                real.remove(&(path.clone(), 0));
                real.insert((path.clone(), *size));
            }
        }
        // With nothing to copy there is nothing to build.
        if real.is_none() && foreseen.as_ref().is_some_and(Files::is_empty) {
            real.clone_from(&foreseen);
        }
        told(case, foreseen.as_ref(), real.as_ref(), said.lines().last().unwrap_or_default())
    };
    let cases = setting("FENDER_CONTEXT_CASES", 2000) as usize / 10;
    let (cases, differences) = compare(cases, setting("FENDER_CONTEXT_SEED", 1), &differs);
    println!("{cases} contexts against BuildKit, {} differences", differences.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
