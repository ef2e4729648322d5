//! Limits, switched off.

use super::{COMMON, Case, Class, Confidence, Edit, Finding, Rule};
use crate::lower::{Body, Origin, fields};

pub static RULE: Rule = Rule {
    id: "limits-off",
    title: "a resource limit is switched off",
    class: Class::Hygiene,
    confidence: Confidence::Certain,
    why: "If the program fails, it can make the host unusable: by starting processes until no other can start, by \
          filling the swap, or because the kernel kills other programs in its place when memory is low.",
    instead: "set a limit: --pids-limit 512, --memory-swap as large as --memory",
    references: &["CIS Docker Benchmark 5.29", "https://docs.docker.com/engine/containers/resource_constraints/"],
    fires: &[
        "run --pids-limit -1 safe:1",
        "run --oom-kill-disable safe:1",
        "run --oom-score-adj -500 safe:1",
        "run -m 1g --memory-swap -1 safe:1",
        "update --pids-limit -1 web",
    ],
    quiet: &["run --pids-limit 100 safe:1", "run --oom-score-adj 500 safe:1", "run -m 1g --memory-swap 2g safe:1"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pids = Edit::set(&fields::PIDS_LIMIT, Some(case.offers.pids_limit.to_string()));
    let swap = Edit::set(&fields::MEMORY_SWAP, Some(case.offers.memory_swap.clone()));
    for workload in case.workloads() {
        let mut found = |origins: &[Origin], title: &str, edit: Option<&Edit>| {
            let finding = RULE.found(origins).titled(title).about(workload);
            findings.push(match edit {
                Some(edit) => finding.edit(edit.clone()),
                None => finding,
            });
        };
        if workload.pids_limit < 0 {
            found(&workload.pids_origins, "no limit on the number of processes", Some(&pids));
        }
        if let Some(origins) = &workload.oom_kill_disable {
            found(origins, "never killed when memory runs out", None);
        }
        if workload.oom_score_adj < 0 {
            found(&workload.oom_score_origins, "others are killed first when memory runs out", None);
        }
        if workload.memory_swap < 0 {
            // With no memory limit the number for swap would be an error.
            let edit = (workload.memory > 0).then_some(&swap);
            found(&workload.memory_swap_origins, "no limit on swap", edit);
        }
    }
    for request in case.requests() {
        let Body::Update(body) = &request.body else { continue };
        if body.pids_limit.is_some_and(|limit| limit < 0) {
            findings.push(RULE.found(&request.origins_of("PidsLimit")).titled("no limit on the number of processes"));
        }
        if body.memory_swap.is_some_and(|limit| limit < 0) {
            findings.push(RULE.found(&request.origins_of("MemorySwap")).titled("no limit on swap"));
        }
    }
    findings
}
