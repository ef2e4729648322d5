//! Switching an engine plugin off.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "plugin-disable",
    title: "engine plugin is switched off",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "If the plugin decides who may use the engine (an authorization plugin), everybody may use it afterwards. \
          If it serves volumes or networks, containers that use them stop working.",
    instead: "run docker plugin inspect first, and check what the plugin does and who uses it",
    references: &["CVE-2024-41110", "https://docs.docker.com/engine/extend/plugins_authorization/"],
    fires: &["plugin disable authz", "plugin rm -f authz"],
    quiet: &["plugin enable authz"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let asked = case
        .requests()
        .filter(|request| request.is("POST", "/plugins/*/disable") || request.is("DELETE", "/plugins/*"));
    asked.map(|request| RULE.found(&request.origins)).collect()
}
