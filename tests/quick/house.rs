//! The order of the source itself: which file may import which, one name for one type, no long files, a pure core.
//!
//! The order of the folders stands in CONTRIBUTING.md and is read from there. The reader of `use` lines below knows as much of
//! Rust as rustfmt leaves: an item begins at the start of a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::support::process::program;

/// Longer files are tables alone.
const LONGEST: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One source file.
struct Source {
    /// Such as `fender_core::lower::effect`.
    module: String,
    path: PathBuf,
    /// Without comments and without unit tests.
    text: String,
    /// The same without `use`.
    code: String,
}

impl Source {
    fn new(module: &str, path: &Path, text: &str) -> Source {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        let code = without_use(&text);
        Source { module: module.to_owned(), path: path.to_owned(), text, code }
    }

    /// The top-level folder or file in its crate; the crate's own name for its root.
    fn folder(&self) -> &str {
        self.module.split("::").nth(1).unwrap_or(&self.module)
    }

    /// Names of items that begin at the start of a line.
    fn items<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter_map(move |line| {
            let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
            let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind)?.strip_prefix(' '))?;
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            Some(&rest[..end])
        })
    }
}

fn without_use(text: &str) -> String {
    let mut in_use = false;
    let kept = text.lines().filter(|line| {
        let was_in_use = in_use;
        let begins = ["use ", "pub use ", "pub(crate) use "].iter().any(|start| line.starts_with(start));
        in_use = (in_use || begins) && !line.ends_with(';');
        !begins && !was_in_use
    });
    kept.map(|line| format!("{line}\n")).collect()
}

fn read_below(folder: &Path, module: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            read_below(&path, &format!("{module}::{name}"), sources);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let is_root = ["mod", "lib"].contains(&name.as_str());
            let module = if is_root { module.to_owned() } else { format!("{module}::{name}") };
            sources.push(Source::new(&module, &path, &fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The source files of both packages.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    read_below(&root().join("crates/core/src"), "fender_core", &mut sources);
    read_below(&root().join("src"), "fender", &mut sources);
    assert!(sources.len() > 150, "{} files", sources.len());
    sources
}

/// `a::{b, c::{self, d}}` as single paths.
fn expand(tree: &str, before: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        if !path.is_empty() {
            paths.push(format!("{before}{path}").trim_end_matches("::self").to_owned());
        }
        return;
    };
    let body = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in body.char_indices().chain([(body.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&body[start..at], &format!("{before}{head}"), paths);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// What a file needs of others.
struct Imports<'a> {
    sources: &'a [Source],
    at: BTreeMap<&'a str, usize>,
    defined: Vec<BTreeSet<&'a str>>,
    /// Of each file: a name, the path it stands for, and whether it is handed on (`pub use`).
    named: Vec<Vec<(String, String, bool)>>,
}

impl<'a> Imports<'a> {
    fn new(sources: &'a [Source]) -> Imports<'a> {
        let kinds = &["struct", "enum", "trait", "type", "fn", "const fn", "async fn", "const", "static"];
        let mut imports = Imports {
            sources,
            at: sources.iter().enumerate().map(|(at, source)| (source.module.as_str(), at)).collect(),
            defined: sources.iter().map(|source| source.items(kinds).collect()).collect(),
            named: Vec::new(),
        };
        for source in sources {
            let mut named = Vec::new();
            for (start, _) in source.text.match_indices("use ") {
                let line = &source.text[source.text[..start].rfind('\n').map_or(0, |at| at + 1)..start];
                if !matches!(line, "" | "pub " | "pub(crate) ") {
                    continue;
                }
                let rest = &source.text[start + 4..];
                let tree = rest[..rest.find(';').unwrap_or(0)].split_whitespace().collect::<Vec<_>>().join(" ");
                let mut paths = Vec::new();
                expand(&tree, "", &mut paths);
                for path in paths {
                    let name = path.rsplit("::").next().unwrap_or_default().to_owned();
                    named.push((name, imports.absolute(&path, &source.module), !line.is_empty()));
                }
            }
            imports.named.push(named);
        }
        imports
    }

    fn absolute(&self, path: &str, module: &str) -> String {
        let package = module.split("::").next().unwrap_or_default();
        let (mut path, mut here) = (path, module);
        if let Some(rest) = path.strip_prefix("crate::") {
            return format!("{package}::{rest}");
        }
        while let Some(rest) = path.strip_prefix("super::") {
            path = rest;
            here = here.rsplit_once("::").map_or(here, |(parent, _)| parent);
        }
        if here != module {
            return format!("{here}::{path}");
        }
        let first = path.split("::").next().unwrap_or_default();
        let child = format!("{module}::{first}");
        if self.at.contains_key(child.as_str()) { format!("{module}::{path}") } else { path.to_owned() }
    }

    /// The file that a path leads to, through names that are handed on.
    fn leads_to(&self, path: &str, depth: usize) -> Option<usize> {
        let (module, name) = path.rsplit_once("::")?;
        let at = *self.at.get(module)?;
        if name == "*" || self.defined[at].contains(name) || depth == 0 {
            return Some(at);
        }
        let named = self.named[at].iter().find(|(known, ..)| known == name);
        named.and_then(|(_, path, _)| self.leads_to(path, depth - 1))
    }

    /// The files that a file needs. What it only hands on it does not need.
    fn of(&self, at: usize) -> BTreeSet<usize> {
        let source = &self.sources[at];
        let mut needs: BTreeSet<usize> = BTreeSet::new();
        for (_, path, _) in self.named[at].iter().filter(|(_, _, handed_on)| !handed_on) {
            needs.extend(self.leads_to(path, 6));
        }
        // Paths in the code: `lower::read(…)`, `crate::grammar::values::clean(…)`.
        let is_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
        for token in source.code.split(|letter| !is_path(letter)).filter(|token| token.contains("::")) {
            let first = token.split("::").next().unwrap_or_default();
            let named = self.named[at].iter().find(|(name, ..)| name == first);
            let path = match named {
                Some((_, path, _)) => format!("{path}{}", &token[first.len()..]),
                None => self.absolute(token, &source.module),
            };
            // `module::Type::function` needs the module of the type.
            let segments: Vec<&str> = path.split("::").collect();
            needs.extend((2..=segments.len()).rev().find_map(|end| self.leads_to(&segments[..end].join("::"), 6)));
        }
        needs.remove(&at);
        needs
    }
}

/// A way from a node back to itself, if there is one.
fn circle<N: Ord + Clone>(arrows: &BTreeMap<N, BTreeSet<N>>) -> Option<Vec<N>> {
    fn walk<N: Ord + Clone>(
        node: &N,
        arrows: &BTreeMap<N, BTreeSet<N>>,
        way: &mut Vec<N>,
        done: &mut BTreeSet<N>,
    ) -> Option<Vec<N>> {
        if let Some(from) = way.iter().position(|other| other == node) {
            return Some(way[from..].to_vec());
        }
        if done.contains(node) {
            return None;
        }
        way.push(node.clone());
        let found = arrows.get(node).into_iter().flatten().find_map(|next| walk(next, arrows, way, done));
        way.pop();
        done.insert(node.clone());
        found
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|node| walk(node, arrows, &mut Vec::new(), &mut done))
}

fn between_files(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let imports = Imports::new(sources);
    (0..sources.len())
        .map(|at| {
            (sources[at].module.as_str(), imports.of(at).into_iter().map(|to| sources[to].module.as_str()).collect())
        })
        .collect()
}

/// Arrows between the top-level folders of a crate, each with a pair of files that makes it.
fn between_folders(sources: &[Source], package: &str) -> BTreeMap<(String, String), String> {
    let imports = Imports::new(sources);
    let mut arrows = BTreeMap::new();
    for (at, source) in
        sources.iter().enumerate().filter(|(_, source)| source.module.starts_with(&format!("{package}::")))
    {
        for to in imports.of(at).into_iter().map(|to| &sources[to]) {
            if to.module.starts_with(&format!("{package}::")) && to.folder() != source.folder() {
                let files = format!("{} imports {}", source.path.display(), to.module);
                arrows.insert((source.folder().to_owned(), to.folder().to_owned()), files);
            }
        }
    }
    arrows
}

fn made_up(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(module, text)| Source::new(module, Path::new(module), text)).collect()
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let made = made_up(&[
        ("c", "mod a;\nmod b;\npub use a::A;\n"),
        ("c::a", "use crate::b::{self, other};\npub struct A;\n"),
        ("c::b", "fn f() {\n    crate::A::new();\n}\nfn other() {}\n"),
    ]);
    assert_eq!(circle(&between_files(&made)), Some(vec!["c::a", "c::b"]), "the check finds a circle");
    let sources = sources();
    if let Some(circle) = circle(&between_files(&sources)) {
        panic!("these files import each other: {}", circle.join(" → "));
    }
}

/// The folders in the order that CONTRIBUTING.md gives: those that stand together may not import each other.
fn order(package: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let start = format!("    {package}: ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start)).expect("CONTRIBUTING.md gives the order");
    line.split('←').map(|group| group.split(',').map(|name| name.trim().to_owned()).collect()).collect()
}

#[test]
fn folders_import_in_the_order_of_contributing() {
    let sources = sources();
    for (package, name) in [("fender_core", "core"), ("fender", "edge")] {
        let order = order(name);
        let rank = |folder: &str| order.iter().position(|group| group.iter().any(|known| known == folder));
        let arrows = between_folders(&sources, package);
        assert!(arrows.len() > 10, "{arrows:?}");
        let mut graph: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for ((from, to), files) in &arrows {
            graph.entry(from).or_default().insert(to);
            let (Some(above), Some(below)) = (rank(from), rank(to)) else {
                panic!("CONTRIBUTING.md gives no place to {from} or {to}");
            };
            assert!(above > below, "{from} imports {to}, against the order in CONTRIBUTING.md: {files}");
        }
        assert_eq!(circle(&graph), None);
    }
}

#[test]
fn one_name_means_one_type() {
    let sources = sources();
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in &sources {
        for name in source.items(&["struct", "enum", "trait", "type", "union"]) {
            names.entry(name).or_default().push(&source.module);
        }
    }
    assert!(names.len() > 200, "{} types", names.len());
    names.retain(|_, modules| modules.len() > 1);
    assert!(names.is_empty(), "types that share a name: {names:?}");
}

/// The folders of the Engine API that fender asks.
const API: &[&str] = &[
    "_ping",
    "auth",
    "build",
    "commit",
    "configs",
    "containers",
    "distribution",
    "events",
    "exec",
    "images",
    "info",
    "networks",
    "nodes",
    "plugins",
    "secrets",
    "services",
    "swarm",
    "system",
    "tasks",
    "version",
    "volumes",
];

/// Texts that begin as a path of the Engine API does.
fn api_paths(text: &str) -> Vec<String> {
    let begins = text.match_indices("\"/").map(|(at, _)| &text[at + 2..]);
    let paths = begins.filter(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let (folder, after) = rest.split_at(end);
        let is_version = folder.strip_prefix('v').is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()));
        // A variable takes part in every one of these: `/{kind}/…`.
        is_version
            || API.contains(&folder) && (after.starts_with('/') || after.starts_with('"') || after.starts_with('?'))
    });
    paths.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn api_paths_stand_in_one_file_of_the_edge() {
    let found = api_paths("get(\"/containers/json\"); get(\"/info\"); a(\"/v1.45/x\"); b(\"/info.txt\"); c(\"/etc\");");
    assert_eq!(found, ["containers/json", "info", "v1.45/x"]);
    let sources = sources();
    let edge = sources.iter().filter(|source| source.module.starts_with("fender::"));
    let (own, others): (Vec<&Source>, Vec<&Source>) = edge.partition(|source| source.module == "fender::engine::paths");
    assert!(own.iter().flat_map(|source| api_paths(&source.text)).count() > 15, "the file with the paths is there");
    let wrong: Vec<String> = others
        .iter()
        .flat_map(|source| {
            api_paths(&source.text).into_iter().map(|path| format!("{}: /{path}", source.path.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "paths of the Engine API outside src/engine/paths.rs: {wrong:#?}");
}

#[test]
fn no_file_is_long() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source.path.display(), fs::read_to_string(&source.path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {LONGEST} lines: {long:?}");
}

/// Ways to touch the world; clippy has to complain about each of them with the core's own list.
const WAYS: &[&str] = &[
    "std::fs::read(\"x\").is_ok()",
    "std::fs::File::open(\"x\").is_ok()",
    "std::fs::OpenOptions::new().write(true).open(\"x\").is_ok()",
    "std::path::Path::new(\"x\").exists()",
    "std::path::PathBuf::from(\"x\").is_file()",
    "std::path::Path::new(\"x\").metadata().is_ok()",
    "std::fs::remove_file(\"x\").is_ok()",
    "std::env::var(\"X\").is_ok()",
    "std::env::vars_os().count() > 0",
    "std::env::current_dir().is_ok()",
    "std::env::args().count() > 0",
    "std::time::SystemTime::now().elapsed().is_ok()",
    "std::time::Instant::now().elapsed().is_zero()",
    concat!("std::process::Command::", "new(\"x\").spawn().is_ok()"),
    "std::process::exit(1)",
    "std::net::TcpStream::connect(\"x\").is_ok()",
    "std::net::UdpSocket::bind(\"x\").is_ok()",
    "std::os::unix::net::UnixStream::connect(\"x\").is_ok()",
    "std::thread::sleep(std::time::Duration::ZERO) == ()",
    "std::io::stdin().lines().count() > 0",
    "{ println!(\"x\"); true }",
    "{ eprint!(\"x\"); true }",
    // In two parts: this is an input, and no line that was left behind.
    concat!("dbg", "!(true)"),
];

#[test]
fn the_core_is_pure() {
    let core = root().join("crates/core");
    // What no list of the standard library sees: another crate that touches the world, and a line that opens the list.
    let pure = [
        "base64",
        "bollard-stubs",
        "parse-dockerfile",
        "saphyr-parser",
        "serde",
        "serde_json",
        "sha2",
        "shell-words",
        "strsim",
        "toml",
        "wildmatch",
    ];
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(core.join("Cargo.toml")).unwrap()).unwrap();
    let needs: Vec<&String> = manifest["dependencies"].as_table().unwrap().keys().collect();
    let others: Vec<_> = needs.iter().filter(|name| !pure.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "the core may use {pure:?}, and not {others:?}");
    for source in sources().iter().filter(|source| source.module.starts_with("fender_core")) {
        assert!(!source.text.contains("clippy::disallowed"), "{} opens the list", source.path.display());
        assert!(!source.text.contains("extern crate"), "{}", source.path.display());
    }
    assert!(fs::read_to_string(core.join("src/lib.rs")).unwrap().contains("#![forbid(unsafe_code)]"));
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> =
        WAYS.iter().enumerate().map(|(at, way)| format!("pub fn way{at}() -> bool {{ {way} }}\n")).collect();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), lines.concat()).unwrap();
    let manifest = "[package]\nname = \"ways\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let mut cargo = program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What rustup needs to find the tools.
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        cargo.envs(env::var_os(name).map(|value| (name, value)));
    }
    let output = cargo
        .args(["clippy", "--quiet", "--offline", "--message-format", "short"])
        .current_dir(folder.path())
        .env("CLIPPY_CONF_DIR", &core)
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for (at, way) in WAYS.iter().enumerate() {
        let line = format!("src/lib.rs:{}:", at + 1);
        let found = said.lines().any(|text| text.starts_with(&line) && text.contains("disallowed"));
        assert!(found, "clippy does not see {way}:\n{said}");
    }
}
