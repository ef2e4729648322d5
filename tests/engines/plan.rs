//! The plan against the truth: random states of real engines, a random command that deletes, and what docker then took.
//!
//! `FENDER_PLAN_CASES` and `FENDER_PLAN_SEED` choose how many and which, `FENDER_PLAN_ENGINE` one of the three engines;
//! with `FENDER_PLAN_REPORT` all differences are written to that file before the test fails.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use crate::support;
use crate::support::engine::Engine;
use crate::support::process;
use crate::support::schema;
use crate::support::state::{Chance, Ground, Seen, look};
use serde_json::Value;

/// Enough for every kind of command on each engine, and done in some minutes.
const CASES: u64 = 100;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn wanted(name: &str) -> bool {
    std::env::var("FENDER_PLAN_ENGINE").map_or(true, |wanted| wanted == name)
}

#[test]
fn docker_28() {
    compare("plan-new", "new", "");
}

#[test]
fn docker_28_with_the_containerd_store() {
    compare("plan-containerd", "new", "--feature containerd-snapshotter=true --insecure-registry localhost:5000");
}

#[test]
fn docker_20_10() {
    compare("plan-old", "old", "");
}

fn command(program: &std::path::Path, ground: &Ground, words: &[String]) -> Command {
    let mut command = process::program(program);
    command
        .args(words)
        .env("PATH", format!("{}:{}", support::programs().display(), process::system_path()))
        .env("HOME", ground.folder())
        .env("DOCKER_HOST", ground.engine.host())
        .env("DOCKER_CONFIG", support::cache().join("config"))
        .current_dir(ground.folder());
    command
}

fn compare(name: &str, which: &str, flags: &str) {
    if !wanted(name) {
        return;
    }
    // Two runs at once need engines of their own.
    let suffix = std::env::var("FENDER_PLAN_SUFFIX").unwrap_or_default();
    let engine = Engine::start(&format!("{name}{suffix}"), which, flags);
    engine.registry();
    let ground = Ground::new(&engine, which == "old");
    let (first, cases) = (number("FENDER_PLAN_SEED", 1), number("FENDER_PLAN_CASES", CASES));
    let mut report = String::new();
    let mut deleted = 0;
    for seed in first..first + cases {
        let mut chance = Chance::new(seed);
        let started = std::time::Instant::now();
        // Drawn apart, so that it is known beforehand what the state has to be good for.
        let mut wish = Chance::new(seed + 1_000_000);
        let timed = ground.is_timed(&wish);
        let between = ground.fill(&mut chance, timed);
        let words = ground.command(&mut wish, between);
        let before = look(&ground.api);
        let held = describe(&ground.api);
        let mut planning = words.clone();
        planning.splice(..0, ["plan", "--format", "json", "--"].map(str::to_owned));
        let output = command(std::path::Path::new(env!("CARGO_BIN_EXE_fender")), &ground, &planning).output().unwrap();
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let docker = command(&support::real_docker(), &ground, &words).output().unwrap();
        let after = look(&ground.api);
        if std::env::var_os("FENDER_PLAN_TIMES").is_some() {
            println!("{name} seed {seed}: {:?}, docker {}", started.elapsed(), words.join(" "));
        }
        // Docker refuses some commands, and so there is no plan.
        if !plan.is_null() {
            assert_eq!(schema::misfits(&schema::of_plans(), &plan), [""; 0], "docker {}: {said}", words.join(" "));
        }
        let planned = planned(&plan);
        let truth = gone(&before, &after);
        deleted += truth.len();
        let mut wrong = String::new();
        for missed in truth.difference(&planned) {
            let _ = writeln!(wrong, "  went, not planned: {missed}");
        }
        for stayed in planned.difference(&truth) {
            let _ = writeln!(wrong, "  planned, stayed: {stayed}");
        }
        let (frees, freed) = (plan["frees"].as_i64().unwrap_or(0), before.bytes - after.bytes);
        // `/system/df` leaves out the layers of an image that was taken from under its container; the disk does not.
        let df_knows = words[0] != "rmi" || !words.iter().any(|word| word == "-f");
        // containerd's store says no sizes of what builds and containers hold of an image's layers beside its blobs.
        let removed =
            |seen: &Seen| seen.images.keys().filter(|id| !after.images.contains_key(*id)).cloned().collect::<Vec<_>>();
        let under_a_container = removed(&before).iter().any(|id| {
            held.contains(&format!("\"{id}\" \""))
                && held.lines().any(|line| line.contains("container") && line.contains(id.as_str()))
        });
        let cached = !before.cache.is_empty();
        let df_knows = df_knows && !(name.contains("containerd") && (cached || under_a_container));
        if wrong.is_empty() && df_knows && (frees - freed).abs() > 100_000.max(freed.abs() / 20) {
            let _ = writeln!(wrong, "  frees {frees} planned, {freed} in truth");
        }
        if !wrong.is_empty() {
            let _ = write!(report, "{name} seed {seed}: docker {}\n{wrong}", words.join(" "));
            let _ = writeln!(report, "  fender: {said}  docker: {}", String::from_utf8_lossy(&docker.stderr));
            let _ = writeln!(report, "{held}  plan: {}", plan["deletes"]);
            eprintln!("{name} seed {seed}: docker {}\n{wrong}", words.join(" "));
        }
    }
    println!("{name}: {cases} states, {deleted} objects went");
    if let Some(path) = std::env::var_os("FENDER_PLAN_REPORT") {
        std::fs::write(path, &report).unwrap();
    }
    assert!(report.is_empty(), "{report}");
    assert!(deleted > usize::try_from(cases).unwrap() / 2, "almost nothing was deleted: the states are empty");
}

/// What the engine holds, for a person who looks for the reason of a difference.
fn describe(api: &support::api::Api) -> String {
    let mut out = String::new();
    let mut list = |what: &str, objects: Value, keys: &[&str]| {
        for it in objects.as_array().into_iter().flatten() {
            let fields: Vec<String> = keys.iter().map(|key| it[*key].to_string()).collect();
            let _ = writeln!(out, "  {what} {}", fields.join(" "));
        }
    };
    list(
        "image",
        api.get("/images/json?all=1&shared-size=1"),
        &["Id", "ParentId", "RepoTags", "RepoDigests", "Size", "SharedSize", "Labels"],
    );
    list(
        "container",
        api.get("/containers/json?all=1&size=1"),
        &["Names", "Image", "ImageID", "State", "SizeRw", "Labels", "Mounts"],
    );
    if let Ok(df) = api.try_call(hyper::Method::GET, "/system/df", None) {
        list(
            "cache",
            df["BuildCache"].clone(),
            &["ID", "Parent", " Parents", "Type", "Description", "Size", "Shared", "InUse"],
        );
    }
    out
}

fn planned(plan: &Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for item in plan["deletes"].as_array().into_iter().flatten() {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let entry = match text("type").as_str() {
            "tag" | "volume" => format!("{} {}", text("type"), text("name")),
            kind => format!("{kind} {}", text("id")),
        };
        out.insert(entry);
    }
    out
}

fn gone(before: &Seen, after: &Seen) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    out.extend(
        before.containers.keys().filter(|id| !after.containers.contains_key(*id)).map(|id| format!("container {id}")),
    );
    out.extend(before.volumes.difference(&after.volumes).map(|name| format!("volume {name}")));
    out.extend(before.networks.keys().filter(|id| !after.networks.contains_key(*id)).map(|id| format!("network {id}")));
    out.extend(before.cache.difference(&after.cache).map(|id| format!("build-cache {id}")));
    for (id, tags) in &before.images {
        match after.images.get(id) {
            None => {
                out.insert(format!("image {id}"));
            }
            Some(left) => out.extend(tags.difference(left).map(|tag| format!("tag {tag}"))),
        }
    }
    out
}
