//! The rules: one file each, listed here. A rule looks at a [`Case`] and returns what is wrong with it. Pure: a rule asks
//! the engine and the host through the case.

mod case;
mod needs_root;
mod offers;
mod places;
mod rule;

use crate::files::text::Place;
use crate::lower::{Origin, fields};

pub use add_instead_of_copy::RULE as ADD_INSTEAD_OF_COPY;
pub use add_instead_of_copy::is_plain as copies_plainly;
pub use build_context_leak::RULE as BUILD_CONTEXT_LEAK;
pub use cache_busting_order::RULE as CACHE_BUSTING_ORDER;
pub use cache_busting_order::orders as dependency_orders;
pub use case::Case;
pub use mutable_tag::RULE as MUTABLE_TAG;
pub use no_memory_limit::RULE as NO_MEMORY_LIMIT;
pub use not_understood::RULE as NOT_UNDERSTOOD;
pub use offers::Offers;
pub use pid1_signals::RULE as PID1_SIGNALS;
pub use pid1_signals::replaces_itself;
pub use reads_host_file::RULE as READS_HOST_FILE;
pub use root_user::RULE as ROOT_USER;
pub use root_user::{drops_root, is_root as is_root_user};
pub use rule::{COMMON, Class, Decided, Edit, Example, Finding, Rule};

use crate::text::did_you_mean;

macro_rules! rules {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*
        /// All rules, in the order in which they are listed and shown.
        pub static RULES: &[&Rule] = &[$(&$module::RULE),*];
    };
}

rules! {
    // escape
    docker_socket, host_mount, privileged, added_capability, unconfined, host_device, privileged_exec, plugin_install,
    plugin_disable, raw_api, build_entitlement, build_context_leak, reads_host_file, writes_host_file,
    // loss
    protected, touches_protected, prune_all, removes_volume, removes_anonymous_volumes, removes_swarm_object, swarm_membership, removes_context,
    // outage
    removes_running, removes_container, removes_image, removes_network, prune, stops_containers, cuts_network,
    network_reach, scales_to_zero, context_switch, retags, host_namespace, joined_namespace, kernel_setting,
    runtime_override, volume_driver, inherits_mounts, unknown_program, not_understood, remote_context, untrusted_frontend,
    // hygiene
    root_user, no_memory_limit, mutable_tag, pid1_signals, unsaved_data, published_port, secret_in_env,
    secret_in_build_arg, limits_off, cache_busting_order, add_instead_of_copy,
}

/// Whether a rule only speaks of volumes that go: where none goes it has nothing to say.
pub fn is_about_volumes(rule: &Rule) -> bool {
    [removes_volume::RULE.id, removes_anonymous_volumes::RULE.id].contains(&rule.id)
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
    RULES.iter().flat_map(|rule| (rule.check)(case)).map(located).collect()
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
