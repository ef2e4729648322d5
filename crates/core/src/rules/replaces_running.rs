//! Running containers that compose replaces by new ones.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;
use crate::plan::{Item, ItemChange, ObjectKind};
use crate::text::{count, named};

pub static RULE: Rule = Rule {
    id: "replaces-running",
    title: "replaces running containers",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "Compose stops a container whose image or configuration has changed, and creates a new one. What the service serves is not there \
          until the new one is ready. What the old one wrote to its own layer is not in the new one.",
    instead: "fender plan shows what would be replaced and why; name the services to replace no others: docker compose up -d --no-deps web",
    references: &["https://docs.docker.com/reference/cli/docker/compose/up/"],
    fires: &["compose -p small up -d"],
    quiet: &["compose -p fresh up -d", "compose -p small config", "compose -p small ps"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let Some(origins) = case.origins_of_operation(&PredictedOperation::MakesContainers) else { return Vec::new() };
    if !case.deletes() {
        return Vec::new();
    }
    // What is not known of the engine is said where it is asked what is protected.
    let Ok(plan) = case.facts.plan(case.steps()) else { return Vec::new() };
    let of_change = |change: ItemChange| -> Vec<&Item> {
        plan.of(ObjectKind::Container).filter(|item| item.is_running() && item.change == change).collect()
    };
    let parts = [
        (of_change(ItemChange::Replaced), "replaces"),
        (of_change(ItemChange::MaybeReplaced), "may replace"),
        (of_change(ItemChange::Removed), "removes"),
    ];
    let several = parts.iter().map(|(items, _)| items.len()).sum::<usize>() > 1;
    let texts: Vec<String> = parts.iter().filter_map(|(items, verb)| Some(format!("{verb} {}", who(items)?))).collect();
    if texts.is_empty() {
        return Vec::new();
    }
    let found = RULE.found(&origins).titled(texts.join("; "));
    vec![if several { found.without_notes() } else { found.less_strict() }]
}

/// `shop-db-1 (up 3 days)`, or how many and their names. None for nobody.
fn who(items: &[&Item]) -> Option<String> {
    match items {
        [] => None,
        [one] => match one.about.iter().find(|text| text.starts_with("up ")) {
            Some(since) => Some(format!("{} ({since})", one.name)),
            None => Some(one.name.clone()),
        },
        several => {
            let names: Vec<&str> = several.iter().map(|item| item.name.as_str()).collect();
            Some(format!("{}: {}", count(several.len(), "running container"), named(&names)))
        }
    }
}
