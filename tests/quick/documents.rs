//! What the documents name exists: files, tests, options, variables, policy keys and rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fender_core::policy::parse_layer;
use fender_core::rules::RULES;

use crate::support::process::root;
use crate::support::schema;

/// Words with hyphens in backticks that are no rules: docker's, cargo's, and names of programs and files.
const NO_RULES: &[&str] = &[
    "annotate-snippets",
    "build-cache",
    "cargo-fuzz",
    "cargo-mutants",
    "dial-stdio",
    "docker-compose",
    "dockerfile-inline",
    "fender-core",
    "fender-lint",
    "prod-db-2",
    "site-packages",
];

/// A file in which a reader looks things up. Decisions tell what was so when they were made, and are not among them.
struct Document {
    name: String,
    text: String,
}

fn documents() -> Vec<Document> {
    let mut paths: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md"].iter().map(|name| root().join(name)).collect();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            paths.push(path);
        }
    }
    assert!(paths.len() > 8, "{paths:?}");
    let read = |path: PathBuf| Document {
        name: path.strip_prefix(root()).unwrap().display().to_string(),
        text: fs::read_to_string(&path).unwrap(),
    };
    paths.into_iter().map(read).collect()
}

/// The texts between backticks, each on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether a source file defines this function, a test among them.
fn defines(path: &Path, function: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| {
        text.match_indices(&format!("fn {function}"))
            .any(|(at, found)| text[at + found.len()..].starts_with(['(', '<']))
    })
}

/// A path as a document writes it: from the root, or the name of a file in `tests/engines` alone.
fn source(written: &str) -> PathBuf {
    let path = root().join(written);
    if written.contains('/') || path.exists() { path } else { root().join("tests/engines").join(written) }
}

/// Each test in the last column of a table that is not in the file named before it.
fn missing_tests(document: &Document) -> (usize, Vec<String>) {
    let (mut named, mut missing) = (0, Vec::new());
    for row in document.text.lines().filter(|line| line.starts_with('|')) {
        let Some(cell) = row.trim_end_matches(['|', ' ']).rsplit(" | ").next() else { continue };
        let mut file = None;
        for (at, part) in cell.split('`').enumerate() {
            if at % 2 == 1 {
                file = part.ends_with(".rs").then(|| source(part)).or(file);
                continue;
            }
            let words = part.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            for word in words.filter(|word| word.contains('_')) {
                named += 1;
                if !file.as_ref().is_some_and(|path| defines(path, word)) {
                    missing.push(format!("{}: {word} is not in {file:?}", document.name));
                }
            }
        }
    }
    (named, missing)
}

#[test]
fn each_test_that_a_document_names_exists() {
    let (mut named, mut missing) = (0, Vec::new());
    for document in documents() {
        if ["docs/threat-model.md", "docs/deletion.md"].contains(&document.name.as_str()) {
            let (number, lost) = missing_tests(&document);
            assert!(number >= 3, "{} names {number} tests", document.name);
            named += number;
            missing.extend(lost);
        }
        // `module::test`
        for text in quoted(&document.text) {
            let Some((module, test)) = text.rsplit_once("::").filter(|(_, test)| test.matches('_').count() > 1) else {
                continue;
            };
            named += 1;
            let folders = ["tests/quick", "tests/engines"];
            let is_there = folders.iter().any(|it| defines(&root().join(it).join(format!("{module}.rs")), test));
            if !is_there {
                missing.push(format!("{}: {text}", document.name));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named > 60, "{named}");
}

#[test]
fn each_file_that_a_document_names_exists() {
    let folders = ["tests/", "crates/", "src/", "docs/", "data/", "benches/", "completions/"];
    let (mut named, mut missing) = (0, Vec::new());
    for document in documents() {
        for text in quoted(&document.text) {
            let is_path = folders.iter().any(|folder| text.starts_with(folder)) && !text.contains(['*', ' ', '<']);
            // A path with a word in capitals stands for many, such as `rules/NAME.rs`.
            if is_path && !text.contains("NAME") {
                named += 1;
                if !root().join(text).exists() {
                    missing.push(format!("{}: {text}", document.name));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named > 60, "{named}");
}

#[test]
fn each_option_of_fenders_that_a_document_names_exists() {
    let mut program = fender::commands::command();
    // Adds clap's own command `help`.
    program.build();
    let (mut named, mut wrong) = (0, Vec::new());
    for document in documents() {
        // Lines of code, and what stands in backticks: `fender lint --fix`.
        let code = document.text.lines().filter(|line| line.starts_with("    fender ")).map(str::trim);
        for text in code.chain(quoted(&document.text)).filter(|text| text.starts_with("fender ")) {
            // What is guarded has options of docker's own.
            let text = text.split('\'').next().unwrap_or_default();
            let mut words = text.split(|letter: char| letter.is_whitespace() || "[]|=,".contains(letter)).skip(1);
            let Some(name) = words.next().filter(|name| !["docker", ""].contains(name)) else { continue };
            if name.starts_with(|letter: char| !letter.is_ascii_lowercase()) {
                continue;
            }
            let Some(command) = program.find_subcommand(name) else {
                wrong.push(format!("{}: fender {name}", document.name));
                continue;
            };
            let mut all: BTreeSet<String> = ["help".to_owned()].into();
            for command in std::iter::once(command).chain(command.get_subcommands()) {
                all.extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned));
            }
            for option in words.take_while(|word| *word != "--").filter_map(|word| word.strip_prefix("--")) {
                named += 1;
                if !all.contains(option) {
                    wrong.push(format!("{}: fender {name} --{option}", document.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(named > 10, "{named}");
}

#[test]
fn each_rule_that_a_document_names_exists() {
    let (mut named, mut wrong) = (0, Vec::new());
    for document in documents() {
        for text in quoted(&document.text) {
            let is_id = text.contains('-')
                && text.split('-').all(|part| part.len() > 1 && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
                && text.starts_with(|letter: char| letter.is_ascii_lowercase());
            if is_id && !NO_RULES.contains(&text) {
                named += 1;
                if !RULES.iter().any(|rule| rule.id == text) {
                    wrong.push(format!("{}: {text}", document.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "neither a rule nor in the list of other words: {wrong:#?}");
    assert!(named > 60, "{named}");
}

/// Every variable of fender's own that a document names is read somewhere, and every one that the program reads is
/// documented.
#[test]
fn variables_are_documented() {
    fn names(text: &str) -> impl Iterator<Item = String> {
        text.match_indices("FENDER_").map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|letter: char| !letter.is_ascii_uppercase() && letter != '_').unwrap_or(rest.len());
            rest[..end].to_owned()
        })
    }
    fn read(folder: &Path, texts: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, texts);
            } else if path.extension().is_some_and(|ending| ["rs", "sh", "py"].iter().any(|it| ending == *it)) {
                texts.push(fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut sources = Vec::new();
    for folder in ["src", "tests", "crates", "benches"] {
        read(&root().join(folder), &mut sources);
    }
    let known: BTreeSet<String> = sources.iter().flat_map(|text| names(text)).collect();
    let documented: BTreeSet<String> = documents().iter().flat_map(|document| names(&document.text)).collect();
    let unknown: Vec<&String> = documented.difference(&known).collect();
    assert!(unknown.is_empty(), "documented, and read nowhere: {unknown:?}");
    let mut program = Vec::new();
    read(&root().join("src"), &mut program);
    let read: BTreeSet<String> = program.iter().flat_map(|text| names(text)).collect();
    // The counter that finds two wrappers which start each other: nobody sets it.
    let silent: Vec<&String> = read.difference(&documented).filter(|name| *name != "FENDER_CHAIN").collect();
    assert!(silent.is_empty() && !read.is_empty(), "read, and documented nowhere: {silent:?}");
}

/// The examples of policies are policies.
#[test]
fn the_documents_policies_are_read_without_an_error() {
    for document in documents() {
        for block in document.text.split("```toml\n").skip(1) {
            let text = block.split("```").next().unwrap_or_default();
            // Locks stand in the system's file only.
            let is_system = text.contains("[locks]");
            if let Err(problem) = parse_layer(Path::new("policy.toml"), is_system, text) {
                panic!("{}: {problem}", document.name);
            }
        }
        // Indented examples: lines that follow each other and begin with a table or a comment above one.
        let mut lines = document.text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(first) = line.strip_prefix("    [").filter(|rest| rest.contains(']')) else { continue };
            let mut text = format!("[{first}\n");
            while let Some(next) = lines.next_if(|next| next.starts_with("    ")) {
                text.push_str(&format!("{}\n", next.trim_start()));
            }
            if let Err(problem) = parse_layer(Path::new("policy.toml"), false, &text) {
                panic!("{}: {problem}\n{text}", document.name);
            }
        }
    }
}

/// The schema of plans is held against real plans in the engines' tests (`plan::`, `changes_truth::`, `command_changes::`); this tries the check.
#[test]
fn what_does_not_fit_a_schema_is_found() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a", "b"], "additionalProperties": false,
        "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "array", "items": {"enum": ["x", null]}}},
    });
    let misfits = |value: &serde_json::Value| schema::misfits(&schema, value);
    assert_eq!(misfits(&serde_json::json!({"a": null, "b": ["x", null]})), [""; 0]);
    for wrong in [
        serde_json::json!([]),
        serde_json::json!({"a": 1}),
        serde_json::json!({"a": "1", "b": []}),
        serde_json::json!({"a": 1, "b": ["y"]}),
        serde_json::json!({"a": 1, "b": [], "c": 1}),
    ] {
        assert!(!misfits(&wrong).is_empty(), "{wrong}");
    }
    schema::misfits(&schema::of_plans(), &serde_json::json!({}));
}

#[test]
fn the_readme_counts_the_commands_of_the_corpora() {
    let counted = |name: &str| {
        let text = fs::read_to_string(root().join("tests/corpus").join(name)).unwrap();
        text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).count()
    };
    let (dangerous, plain) = (counted("dangerous.txt") + counted("outage.txt"), counted("plain.txt"));
    let said = format!("has {dangerous} dangerous commands, which fender all finds, and {plain} harmless commands");
    assert!(fs::read_to_string(root().join("README.md")).unwrap().contains(&said), "{said}");
}
