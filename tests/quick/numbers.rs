//! No number overflows: every flag, file and answer that has one gets those at and beyond its ends. Tests are built with checks
//! of overflow, so that each panic is a failure here.

use std::path::Path;

use fender_core::api::parse_version;
use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::grammar::values;
use fender_core::lower::{Effect, lower};
use fender_core::plan::filters::Filters;
use fender_core::plan::inventory::seconds;
use fender_core::policy::{Policy, parse_layer};
use fender_core::text::bytes;
use serde_json::json;

use crate::support::TestHost;
use crate::support::extremes::{flags, line, texts};
use crate::support::files::Files;
use crate::support::judged::judged;

/// Judges the words, and writes out the requests that they are.
fn lowered(words: &[String]) {
    let host = TestHost::new(Path::new("/nonexistent"));
    for effect in judged(&host, words).lowered.effects {
        if let Effect::Request(request) = effect {
            request.body_without_ports();
        }
    }
}

/// Reads the words, and writes out the requests that they are.
fn written(words: &[String]) {
    let host = TestHost::new(Path::new("/nonexistent"));
    for effect in lower(&parse(words, Unknown::Refuse, &|| Builder::Legacy), &host).effects {
        if let Effect::Request(request) = effect {
            request.body_without_ports();
        }
    }
}

#[test]
fn flags_take_any_number() {
    let texts = texts();
    let flags = flags();
    assert!(flags.len() > 60, "{}", flags.len());
    for (command, flag, within) in flags {
        // Each way of reading a number gets all of them; where it stands in a longer value, every third is enough.
        for (way, pattern) in within.iter().enumerate() {
            let every = if *pattern == "#" { 1 } else { 3 };
            for text in texts.iter().skip(way % every).step_by(every) {
                let words = line(command, flag, &pattern.replace('#', text));
                // What rules make of a number they make of containers' alone.
                if command.path == "run" && every == 1 {
                    lowered(&words);
                } else {
                    written(&words);
                }
            }
        }
    }
}

#[test]
fn parsers_take_any_number() {
    for text in texts() {
        let _ = (values::int(&text), values::decimal(&text), values::float(&text), values::bool(&text));
        let _ = [8, 16, 32, 63, 64].map(|bits| values::uint(&text, bits));
        let (size, cpus, duration) = (values::size(&text), values::cpus(&text), values::duration(&text));
        let _ = (size.map(bytes), cpus, duration.map(bytes), values::swap(&text));
        for range in [text.clone(), format!("{text}-{text}"), format!("1-{text}"), format!("{text}-1")] {
            let _ = values::port_range(&range);
            for spec in [range.clone(), format!("{range}:{range}"), format!("1.2.3.4:{range}:{range}/udp")] {
                let published = values::to_standard_notation(&spec).and_then(|spec| values::publish(&spec));
                if let Ok(published) = published {
                    let _ = (published.count(), published.name(), published.mappings().last());
                }
                let _ = values::service_port(&spec);
            }
        }
        let date = |at: usize| {
            let mut parts = ["2026", "11", "26", "01", "02", "03", ".5", "+01", "00"].map(str::to_owned);
            parts[at].clone_from(&text);
            let [year, month, day, hour, minute, second, fraction, zone, rest] = parts;
            format!("{year}-{month}-{day}T{hour}:{minute}:{second}{fraction}{zone}:{rest}")
        };
        for date in (0..9).map(date).chain([text.clone(), format!("{text}Z"), format!("2026-11-26T01:02:03Z{text}")]) {
            let _ = seconds(&date);
            let filter = json!({"until": {date: true}}).to_string();
            for now in [0, 1_790_000_000, i64::MAX, i64::MIN] {
                let _ = Filters::parse(Some(&filter)).until(now);
            }
        }
        let _ = (parse_version(&text), parse_version(&format!("1.{text}")), values::reference(&format!("a:{text}")));
    }
}

#[test]
fn compose_files_take_any_number() {
    const KEYS: &[&str] = &[
        "mem_limit",
        "memswap_limit",
        "mem_reservation",
        "mem_swappiness",
        "shm_size",
        "cpus",
        "cpu_period",
        "cpu_quota",
        "cpu_shares",
        "pids_limit",
        "oom_score_adj",
        "scale",
        "restart",
        "user",
    ];
    let text = "services:\n  a:\n    image: x:1\n".to_owned();
    // The readers are those of the flags: every other text is enough.
    for number in texts().into_iter().step_by(2) {
        // As text, and as a number where JSON has it.
        let plain: Option<serde_json::Value> = serde_json::from_str(&number).ok();
        for value in plain.into_iter().chain([json!(number)]) {
            let mut service = json!({"image": "x:1", "ports": [{"target": value, "published": value}]});
            for key in KEYS {
                service[key] = value.clone();
            }
            service["ulimits"] = json!({"nofile": value, "cpu": {"soft": value, "hard": value}});
            service["volumes"] = json!([{"type": "tmpfs", "target": "/t", "tmpfs": {"size": value, "mode": value}}]);
            service["deploy"] = json!({"resources": {"limits": {"memory": value, "cpus": value, "pids": value}},
                "restart_policy": {"max_attempts": value}});
            service["gpus"] = json!([{"count": value}]);
            let model = json!({"name": "p", "services": {"a": service}});
            Files::of(&[("compose.yaml", text.clone())], &model).judged(&["compose", "up", "-d"], &[]);
        }
        // YAML's own numbers.
        let model = json!({"name": "p", "services": {"a": {"image": "x:1"}}});
        let mut files = Files::of(&[("s.yaml", text.clone())], &model);
        files.print(format!("services:\n  a:\n    image: x:1\n    deploy:\n      replicas: {number}\n      resources:\n        limits:\n          memory: {number}\n"));
        files.judged(&["stack", "deploy", "-c", "s.yaml", "s"], &[]);
    }
}

#[test]
fn policies_take_any_number() {
    for number in texts() {
        let quoted = toml_text(&number);
        for value in [number.as_str(), quoted.as_str()] {
            for line in [
                format!("[trash]\nmax = {value}\n"),
                format!("[trash]\neach = {value}\n"),
                format!("[trash]\nkeep = {value}\n"),
                format!("[offer]\nmemory = {value}\nmemory_swap = {value}\n"),
                format!("[offer]\npids_limit = {value}\n"),
                format!("[offer]\nuser = {value}\n"),
            ] {
                let _ = parse_layer(Path::new("p.toml"), true, &line).map(|layer| {
                    let policy = Policy { layers: vec![layer] };
                    (policy.trash(), policy.offers())
                });
            }
        }
    }
}

fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace(['\t', '\0'], " "))
}
