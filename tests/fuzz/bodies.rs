//! What the fuzz targets do with their bytes, so that the quick tests can do the same with the kept seeds (`tests/quick/seeds.rs`).

use std::path::Path;

use fender::trash::TrashStore;
use fender_core::docker_files::{ConfigFile, context_host, current_builder};
use fender_core::go_json::{Raw, first_value, whole_value};
use fender_core::plan::filters::Filters;
use fender_core::plan::inventory::{CacheRecord, Container, Image, Inventory, Network, Volume};
use fender_core::plan::{Protections, Step, plan};
use fender_core::policy::{EnginePlace, Policy, parse_layer};
use fender_core::rules::{Class, RULES};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

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
                let (_, _, _) = (policy.trash(), policy.protected(), policy.offers());
                for rule in RULES {
                    policy.decide(rule, rule.class, &place);
                    policy.decide(rule, Class::ALL[0], &place);
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
