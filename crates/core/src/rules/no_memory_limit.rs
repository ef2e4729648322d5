//! A container without a memory limit.

use super::not_deployed::is_for_tests;
use super::{COMMON, Case, Class, Confidence, Edit, Finding, Rule};
use crate::lower::{Origin, Workload, fields};

/// The rule.
pub static RULE: Rule = Rule {
    id: "no-memory-limit",
    title: "no memory limit",
    class: Class::Hygiene,
    confidence: Confidence::Possible,
    of_services: "have no memory limit",
    why: "The container can use all memory of the host. The kernel may then kill other containers or programs of \
          the host.",
    instead: "--memory and --memory-swap with what the program needs; docker stats shows its current use",
    references: &["CIS Docker Benchmark 5.11", "https://docs.docker.com/engine/containers/resource_constraints/"],
    fires: &["run safe:1", "run -m 0 safe:1", "run --memory 0b safe:1", "run --memory=1g --memory=0 safe:1"],
    quiet: &["run --memory 1g safe:1", "run -m512m safe:1"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    // Nobody limits what a test or a developer starts for an hour.
    let in_test = |workload: &&Workload| {
        workload.origins.iter().filter_map(Origin::place).any(|place| is_for_tests(place.path()))
    };
    let unlimited = case.whole_workloads().filter(|workload| workload.memory == 0 && !in_test(workload));
    unlimited
        .map(|workload| {
            let origins = if workload.memory_origins.is_empty() { &workload.origins } else { &workload.memory_origins };
            let mut finding = RULE.found(origins).about(workload);
            if workload.service {
                let limit = Some(case.offers.memory.clone());
                return finding.edit(Edit::set_for_service(&fields::MEMORY, limit));
            }
            // Without the second, docker allows as much again in swap.
            finding = finding
                .edit(Edit::set(&fields::MEMORY, Some(case.offers.memory.clone())))
                .edit(Edit::set(&fields::MEMORY_SWAP, Some(case.offers.memory_swap.clone())));
            finding
        })
        .collect()
}
