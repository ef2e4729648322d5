//! The rules: one file each, listed here. A rule looks at a [`Case`] and returns what is wrong with it. Pure: a rule asks
//! the engine and the host through the case.

mod base_user;
mod base_variables;
mod by_id;
mod case;
mod data_places;
mod entry_script;
pub mod fix;
mod manifests;
mod needs_root;
mod not_deployed;
mod offers;
mod package_lists;
mod places;
mod rule;
mod secrets;
mod volume_writes;

use crate::files::text::Place;
use crate::lower::{Origin, fields};

pub use case::Case;
pub use no_memory_limit::RULE as NO_MEMORY_LIMIT;
pub use not_understood::RULE as NOT_UNDERSTOOD;
pub use offers::Offers;
pub use reads_host_file::RULE as READS_HOST_FILE;
pub use rule::{
    COMMON, Class, Confidence, Decided, Edit, Elsewhere, Example, Finding, HadolintRule, Rule, Seen, Strictness,
};

use crate::text::did_you_mean;

/// All rules, in the order in which they are listed and shown. `build.rs` makes the list from the lines below, so that a new rule
/// is one file and one line here.
pub static RULES: &[&Rule] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

// The rules. Their order is the order in which they are shown.

// escape
mod docker_socket;
mod host_mount;
mod privileged;
mod added_capability;
mod unconfined;
mod host_device;
mod privileged_exec;
mod plugin_install;
mod plugin_disable;
mod raw_api;
mod build_entitlement;
mod build_context_leak;
mod reads_host_file;
mod writes_host_file;

// loss
mod protected;
mod touches_protected;
mod foreign_project;
mod prune_all;
mod removes_volume;
mod removes_anonymous_volumes;
mod removes_swarm_object;
mod swarm_membership;
mod removes_context;
mod other_client;

// outage
mod removes_running;
mod removes_container;
mod removes_image;
mod removes_network;
mod prune;
mod replaces_running;
mod stops_containers;
mod stops_running;
mod short_grace;
mod cuts_network;
mod network_reach;
mod lowers_limits;
mod scales_to_zero;
mod replaces_tasks;
mod swarm_keys;
mod container_checkpoint;
mod context_switch;
mod unknown_project;
mod retags;
mod publishes;
mod host_namespace;
mod joined_namespace;
mod kernel_setting;
mod runtime_override;
mod volume_driver;
mod starts_builder;
mod build_policy_off;
mod removes_build_records;
mod inherits_mounts;
mod overwrites_volume;
mod missing_source;
mod similar_volume;
mod unknown_program;
mod not_understood;
mod remote_context;
mod untrusted_frontend;

// hygiene
mod root_user;
mod no_memory_limit;
mod mutable_tag;
mod pid1_signals;
mod unsaved_data;
mod published_port;
mod unlimited_log;
mod secret_in_env;
mod secret_in_build_arg;
mod secret_in_run;
mod password_argument;
mod limits_off;
mod cache_busting_order;
mod add_instead_of_copy;
mod copies_ignored_file;
mod replaced_command;
mod duplicate_stage_name;
mod undefined_variable;
mod no_default_image;
/// Whether a rule only speaks of volumes that go: where none goes it has nothing to say.
pub fn is_about_volumes(rule: &Rule) -> bool {
    [removes_volume::RULE.id, removes_anonymous_volumes::RULE.id].contains(&rule.id)
}

/// Whether what the rule finds stays true where nothing would be deleted: whose the objects are, or that there are none.
pub fn holds_without_deletions(rule: &Rule) -> bool {
    [foreign_project::RULE.id, unknown_project::RULE.id].contains(&rule.id)
}

/// Whether the rule is about what must never be deleted.
pub fn is_about_protection(rule: &Rule) -> bool {
    rule.id == protected::RULE.id
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// What is said of an id that no rule has, with the id that may have been meant.
pub fn unknown_rule(id: &str) -> String {
    let ids = RULES.iter().map(|rule| rule.id);
    format!("there is no rule {id:?}: {}", did_you_mean(id, ids, "fender rules lists them"))
}

/// Runs every rule. What comes from a file or a request has its place there, and no edit of arguments fixes it.
pub fn check(case: &Case) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| check_one(rule, case)).collect()
}

/// What one rule finds.
pub fn check_one(rule: &Rule, case: &Case) -> Vec<Finding> {
    (rule.check)(case).into_iter().map(located).collect()
}

fn located(mut finding: Finding) -> Finding {
    let typed = finding.origins.iter().all(|origin| origin.position().is_some());
    if typed {
        return finding;
    }
    let places: Vec<Place> = finding.origins.iter().filter_map(Origin::place).cloned().collect();
    // What a Dockerfile says stands there, not where it is named.
    if finding.places.is_empty() {
        finding.places = places;
    }
    if finding.places.iter().any(|place| place.path().ends_with(".yaml") || place.path().ends_with(".yml")) {
        finding.instead = fields::for_compose(&finding.instead);
    }
    finding.edits.clear();
    finding
}
