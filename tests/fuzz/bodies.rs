//! What the fuzz targets do with their bytes, so that the quick tests can do the same with the kept seeds (`tests/quick/seeds.rs`).

use std::collections::BTreeSet;
use std::path::Path;

use fender::engine::Offline;
use fender::trash::TrashStore;
use fender_core::docker_files::{ConfigFile, context_host, current_builder};
use fender_core::files::context::Sender;
use fender_core::files::dockerfile::Given;
use fender_core::files::ignore::{self, Matcher};
use fender_core::files::text::Text;
use fender_core::files::yaml;
use fender_core::go_json::{Raw, first_value, whole_value};
use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::host::Host;
use fender_core::lint::fix::{Choice, changes};
use fender_core::lower::build::{Dockerfiles, Said};
use fender_core::lower::{Build, Origins, lower};
use fender_core::plan::filters::Filters;
use fender_core::plan::inventory::{CacheRecord, Container, Image, Inventory, Network, Volume};
use fender_core::plan::{Protections, Step, plan};
use fender_core::policy::{Caller, CallerKind, EnginePlace, Policy, parse_layer};
use fender_core::rules::{Class, RULES};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Any words: parsing, lowering and the values never panic. Words are divided by NUL.
pub fn grammar(data: &[u8]) {
    // The path itself is the file: env files and profiles are tried, too.
    let host = Nowhere { file: None, folder: &[] };
    let words: Vec<String> =
        data.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    for unknown in [Unknown::Refuse, Unknown::Alone, Unknown::TakesValue] {
        for builder in [Builder::Legacy, Builder::Buildx] {
            let _ = lower(&parse(&words, unknown, &|| builder.clone()), &host);
        }
    }
}

/// Any bytes as a Dockerfile, an ignore file and a compose file: reading and fixing never panic, and every place is one in the text.
pub fn files(data: &[u8]) {
    let host = Nowhere { file: Some("{}"), folder: &["package.json", "go.mod", "requirements.txt"] };
    let given = Given { arguments: vec![("A".to_owned(), Some("b".to_owned()))], target: None };
    let said = Said {
        folder: Some("."),
        dockerfile: Some("Dockerfile".to_owned()),
        text: Some(data.to_vec()),
        carrier: None,
        given,
        named: BTreeSet::new(),
        sender: Sender::BuildKit,
        origins: Origins::default(),
    };
    if let Some(build) = Build::read(said, &mut Dockerfiles::default(), &host) {
        if let Some(file) = &build.dockerfile {
            for instruction in file.stages.iter().flat_map(|stage| &stage.instructions) {
                let _ = &file.text.text[instruction.span.clone()];
                let _ = &file.text.text[instruction.keyword.clone()];
            }
        }
        let mut build = build;
        build.path = Some("Dockerfile".to_owned());
        let choice = Choice { with_unsafe: true, rules: None };
        for change in changes(&[build], &choice, &Offline::default(), &host).changes {
            assert_ne!(change.before.as_deref(), Some(change.after.as_str()));
        }
    }
    if let Ok(patterns) = ignore::read(data)
        && let Ok(matcher) = Matcher::new(&patterns)
    {
        for path in ["a", "a/b/c", "node_modules/x", "", "ü/[x]"] {
            matcher.matches_alone(path);
        }
    }
    if let Ok(text) = Text::from_bytes("compose.yaml", data.to_vec())
        && let Ok(Some(node)) = yaml::read(&text)
    {
        let _ = &text.text[node.span.clone()];
        let _ = node.value();
    }
}

/// What is there and what is in it follows from the names alone.
struct Nowhere {
    /// What every file holds; without it a path is its own text.
    file: Option<&'static str>,
    /// What every folder holds.
    folder: &'static [&'static str],
}

impl Host for Nowhere {
    fn env(&self, name: &str) -> Option<String> {
        (self.file.is_none() && name.len().is_multiple_of(2)).then(|| "value".to_owned())
    }
    fn directory(&self) -> String {
        "/project".to_owned()
    }
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Ok(self.file.map_or_else(|| path.replace('|', "\n"), str::to_owned).into_bytes())
    }
    fn exists(&self, path: &str) -> bool {
        self.file.is_some() || path.len().is_multiple_of(2)
    }
    fn is_directory(&self, path: &str) -> bool {
        self.file.is_some() || path.len().is_multiple_of(3)
    }
    fn list(&self, _: &str) -> Vec<String> {
        self.folder.iter().map(|name| (*name).to_owned()).collect()
    }
    fn resolve(&self, path: &str) -> String {
        path.to_owned()
    }
    fn input_is_terminal(&self) -> bool {
        true
    }
    fn output_is_terminal(&self) -> bool {
        false
    }
    fn config_folder(&self, _: Option<&str>) -> String {
        "/config".to_owned()
    }
    fn has_plugin(&self, name: &str, _: &str) -> bool {
        self.file.is_none() && name.len().is_multiple_of(2)
    }
}

/// Any text as a policy: an error has a place in the text, and what is taken can be asked everything.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let place = EnginePlace::new("prod", "tcp://db:2376", "db", "m", false, || fender_core::engine::Labels::NoEngine);
    for is_system in [true, false] {
        match parse_layer(Path::new("/policy.toml"), is_system, text) {
            Err(problem) => {
                if let Some((line, column)) = problem.at {
                    let lines: Vec<&str> = text.split('\n').collect();
                    assert!((1..=lines.len()).contains(&line), "{problem}");
                    assert!((1..=lines[line - 1].chars().count() + 2).contains(&column), "{problem}");
                }
            }
            Ok(layer) => {
                let policy = Policy { layers: vec![layer] };
                policy.without_effect();
                let (_, _, _) = (policy.trash(), policy.protected(), policy.offers());
                for rule in RULES {
                    for caller in CallerKind::ALL.map(Caller::of) {
                        policy.decide(rule, rule.class, &place, &caller);
                        policy.decide(rule, Class::ALL[0], &place, &caller);
                    }
                }
            }
        }
    }
}

/// Any bytes as one of docker's own files. What a strict reader takes, Go's takes, too.
pub fn go_json(data: &[u8]) {
    let first = first_value(data);
    let whole = whole_value(data);
    if serde_json::from_slice::<serde_json::Value>(data).is_ok() {
        assert!(whole.is_ok(), "a strict reader takes it");
    }
    if let Ok(whole) = whole {
        assert_eq!(first, Ok(Some(whole)));
        walk(whole, 0);
    }
    let _ = ConfigFile::read(data);
    let _ = (context_host(data), current_builder(data));
}

fn walk(value: Raw, depth: usize) {
    let _ = (value.is_null(), value.text(), value.bool(), value.numbers_fit());
    // Deeper than any file of docker's; the reader itself has no such limit.
    if depth > 40 {
        return;
    }
    value.members().into_iter().flatten().for_each(|(_, member)| walk(member, depth + 1));
    value.items().into_iter().flatten().for_each(|item| walk(item, depth + 1));
}

/// Any bytes as the list of a kept deletion, with the checksum that fits: it is refused or read, and no file outside is opened.
pub fn trash(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder for the trash");
    let entry = folder.path().join("trash/entries/1");
    std::fs::create_dir_all(&entry).expect("a folder for the entry");
    let sum: String = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(entry.join("entry.json"), data).expect("the entry is written");
    std::fs::write(entry.join("entry.sum"), sum).expect("the checksum is written");
    std::fs::write(folder.path().join("outside"), "outside").expect("a file outside is written");
    let outside: String = Sha256::digest("outside").iter().map(|byte| format!("{byte:02x}")).collect();
    let store = TrashStore::at(folder.path().join("trash"));
    for (_, entry) in store.entries() {
        let Ok(entry) = entry else { continue };
        let _ = store.is_there(&entry);
        let verified = store.verify(&entry);
        let reaches_out = entry.files.iter().any(|file| file.sha256 == outside && !file.is_blob());
        assert!(!(reaches_out && verified.is_ok()), "a file outside the entry was taken for one of it");
    }
}

/// Any bytes as an engine's lists, divided by line breaks: a plan can be made of whatever is taken for an answer.
pub fn answers(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == b'\n');
    let inventory = Inventory {
        engine: "x".to_owned(),
        now: 1_800_000_000,
        containers: list::<Container>(parts.next()),
        images: list::<Image>(parts.next()),
        volumes: list::<Volume>(parts.next()),
        networks: list::<Network>(parts.next()),
        cache: list::<CacheRecord>(parts.next()),
        ..Inventory::default()
    };
    let filters = Filters::parse(parts.next().and_then(|part| std::str::from_utf8(part).ok()));
    let mut steps = vec![
        Step::PruneContainers(filters.clone()),
        Step::PruneNetworks(filters.clone()),
        Step::PruneVolumes(filters.clone()),
        Step::PruneImages(filters.clone()),
        Step::PruneCache { all: true, filters, keep: 0 },
    ];
    for name in ["web", "a", ""] {
        steps.push(Step::Container { name: name.to_owned(), force: true, volumes: true });
        steps.push(Step::Image { name: name.to_owned(), force: true, prune: true });
        steps.push(Step::Volume { name: name.to_owned(), force: false });
        steps.push(Step::Network { name: name.to_owned() });
    }
    for containerd in [false, true] {
        let inventory = Inventory { containerd, ..inventory.clone() };
        for step in &steps {
            plan(std::slice::from_ref(step), &inventory, &Protections::default());
        }
        plan(&steps, &inventory, &Protections::default());
    }
}

fn list<T: DeserializeOwned>(part: Option<&[u8]>) -> Vec<T> {
    part.and_then(|part| serde_json::from_slice(part).ok()).unwrap_or_default()
}
