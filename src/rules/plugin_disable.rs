//! Switching an engine plugin off.

use super::{Case, Class, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "plugin-disable",
    title: "an engine plugin switched off",
    class: Class::Escape,
    why: "If it is the plugin that decides who may do what (authorization), the engine is open to everybody from then on; \
          if it serves volumes or networks, what uses them stops.",
    instead: "docker plugin inspect first, and see what the plugin does and who uses it",
    references: &["CVE-2024-41110", "https://docs.docker.com/engine/extend/plugins_authorization/"],
    fires: &["plugin disable authz", "plugin rm -f authz"],
    quiet: &["plugin enable authz"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let asked = case.requests().filter(|request| request.is("POST", "/plugins/*/disable") || request.is("DELETE", "/plugins/*"));
    asked.map(|request| RULE.found(&request.words)).collect()
}
