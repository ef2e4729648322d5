//! What must hold for every command line and every policy.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::TestHost;
use crate::support::generator::command_line;
use crate::support::judged;
use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::grammar::values;
use fender_core::judge::Judgement;
use fender_core::lower::{Effect, lower};
use fender_core::policy::{Action, Caller, CallerKind, EnginePlace, Policy, parse_layer};
use fender_core::rules::{Class, RULES};
use proptest::prelude::*;
use serde_json::Value;

fn host() -> TestHost {
    let mut host = TestHost::new(Path::new("/nonexistent"));
    host.variables.insert("DOCKER_BUILDKIT".to_owned(), "0".to_owned());
    host
}

fn judged(words: &[String]) -> Judgement {
    judged::judged(&host(), words)
}

fn bodies(words: &[String]) -> Option<Vec<Value>> {
    let lowered = lower(&parse(words, Unknown::Refuse, &|| Builder::Legacy), &host());
    lowered.refusal.is_none().then(|| {
        let requests = lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Request(request) => Some(request.body_json()),
            _ => None,
        });
        requests.collect()
    })
}

/// The pointers at which two values differ.
fn changes(one: &Value, other: &Value, at: String, out: &mut BTreeSet<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                changes(
                    &left.get(key).cloned().unwrap_or_default(),
                    &right.get(key).cloned().unwrap_or_default(),
                    format!("{at}/{key}"),
                    out,
                );
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                changes(left, right, format!("{at}/{index}"), out);
            }
        }
        _ if one != other => {
            out.insert(at);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rewrite_changes_only_what_it_says(words in command_line()) {
        let judgement = judged(&words);
        if let Some(rewritten) = &judgement.rewrite {
            let texts: Vec<String> = rewritten.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            if judgement.invocation.canonical() == "system prune" {
                prop_assert!(texts.ends_with(&["image".to_owned(), "prune".to_owned()]));
            } else {
                let (before, after) = (bodies(&words).unwrap(), bodies(&texts));
                prop_assert!(after.is_some(), "docker would not take {texts:?}");
                let mut changed = BTreeSet::new();
                for (one, other) in before.iter().zip(after.iter().flatten()) {
                    changes(one, other, String::new(), &mut changed);
                }
                let may = |pointer: &String| {
                    ["/HostConfig/Memory", "/HostConfig/MemorySwap", "/HostConfig/Init", "/User", "/HostConfig/PidsLimit",
                     "/Image", "/TaskTemplate/Resources/Limits/MemoryBytes", "/TaskTemplate/ContainerSpec/Init",
                     "/TaskTemplate/Resources", "/TaskTemplate/Resources/Limits",
                     "/TaskTemplate/ContainerSpec/User"].contains(&pointer.as_str())
                        || pointer.ends_with("/HostIp") || pointer.starts_with("/HostConfig/SecurityOpt")
                        || pointer.starts_with("/HostConfig/LogConfig/Config") || pointer.starts_with("/TaskTemplate/LogDriver")
                };
                prop_assert!(changed.iter().all(may), "{words:?} became {texts:?}: {changed:?}");
                // What was mended is not found again.
                let again = judged(&texts);
                for complaint in judgement.complaints.iter().filter(|complaint| !complaint.finding.edits.is_empty() && !complaint.finding.only_alone) {
                    let id = complaint.finding.rule.id;
                    let same = again.complaints.iter().any(|other| other.finding.rule.id == id && !other.finding.edits.is_empty());
                    prop_assert!(!same, "{id} is still found in {texts:?}");
                }
            }
        }
    }

    #[test]
    fn parsing_never_panics(words in proptest::collection::vec(any::<String>(), 0..6), command in "(run|service create|build|-|--)?") {
        let mut line = vec![command];
        line.extend(words);
        for unknown in [Unknown::Refuse, Unknown::Alone, Unknown::TakesValue] {
            for builder in [Builder::Legacy, Builder::Buildx] {
                let _ = lower(&parse(&line, unknown, &|| builder.clone()), &host());
            }
        }
        let _ = judged(&line);
    }

    #[test]
    fn values_never_panic(text in "[-+0-9a-zA-Z:,=/.\"\\[\\]_ é]{0,24}") {
        let _ = (values::size(&text), values::swap(&text), values::int(&text), values::cpus(&text), values::duration(&text));
        let _ = (values::mount(&text, "/"), values::gpus(&text), values::volume(&text), values::attachment(&text));
        let _ = (values::publish(&text), values::to_standard_notation(&text), values::reference(&text), values::device(&text));
        let _ = (values::parse_host(&text, false), values::service_port(&text), values::external_ca(&text), values::ulimit(&text));
    }

    #[test]
    fn a_stricter_policy_never_yields_a_weaker_action(
        rule in proptest::sample::select(RULES.to_vec()),
        system in proptest::option::of(proptest::sample::select(Action::ALL.to_vec())),
        mild in proptest::sample::select(Action::ALL.to_vec()),
        strict in proptest::sample::select(Action::ALL.to_vec()),
        context in proptest::sample::select(vec!["default", "prod", "stage-1"]),
        moved in any::<bool>(),
        by_class in any::<bool>(),
        by in proptest::sample::select(CallerKind::ALL.to_vec()),
    ) {
        let (mild, strict) = (mild.min(strict), mild.max(strict));
        let action_text = |action: Action| match by_class {
            true => ["dev", "ci", "prod"].map(|preset| format!("[presets.{preset}]\n{} = \"{action}\"\n", rule.class.name())).concat(),
            false => format!("[rules]\n{} = \"{action}\"\n", rule.id),
        };
        let layer = |text: &str, is_system: bool| parse_layer(Path::new("p.toml"), is_system, text).unwrap();
        // The user's file may also try to move every engine into dev.
        let moving = if moved { "[environments.dev]\ncontext = \"*\"\n" } else { "" };
        let policy = |user: Action| {
            let system = system.map(|action| layer(&action_text(action), true));
            Policy { layers: system.into_iter().chain([layer(&format!("{}{moving}", action_text(user)), false)]).collect() }
        };
        let by = Caller::of(by);
        let place = EnginePlace::new(context, "unix:///s", "", "m", false, || fender_core::engine::Labels::NoEngine);
        let decide = |policy: &Policy| policy.decide(rule, rule.class, &place, &by).action;
        prop_assert!(decide(&policy(strict)) >= decide(&policy(mild)));
        if let Some(action) = system {
            let alone = Policy { layers: vec![layer(&action_text(action), true)] };
            prop_assert!(decide(&policy(mild)) >= decide(&alone), "the user's file weakened the system's");
        }
    }
}

#[test]
fn classes_get_stricter_from_dev_to_prod() {
    let policy = Policy::default();
    for class in Class::ALL {
        let rule = RULES.iter().find(|rule| rule.class == class).unwrap();
        for kind in [CallerKind::Person, CallerKind::Agent] {
            let caller = Caller::of(kind);
            let action = |name: &str| policy.decide_in(rule, class, &policy.named(name).unwrap(), &caller).action;
            assert!(action("prod") >= action("dev") && action("prod") >= action("ci"), "{}", class.name());
        }
    }
}
