//! A service whose tasks are all started again.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "replaces-tasks",
    title: "replaces all tasks of a service",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "Each running task of the service is stopped and a new one is started, by the service's update settings. With one replica \
          the service does not answer in between. A rollback also takes back the settings of the last update.",
    instead: "docker service ps NAME and docker service inspect --pretty NAME show the tasks and both versions of the settings",
    references: &["https://docs.docker.com/engine/swarm/swarm-tutorial/rolling-update/"],
    fires: &["service update --force web", "service rollback web", "service update --rollback web"],
    quiet: &["service update --label-add a=b web", "service ps web", "service update --force=false web"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let updates = case.requests().filter(|request| request.is("POST", "/services/*/update"));
    let replaced = updates.filter_map(|request| {
        let name = request.object("/services/", "/update").unwrap_or_default();
        if request.value("rollback") == Some("previous") {
            let title = format!("takes back the last update of the service {name}");
            return Some(RULE.found(&request.origins_of("rollback")).titled(title));
        }
        if let Some(origins) = request.parts.get("ForceUpdate") {
            return Some(
                RULE.found(origins).titled(format!("replaces all tasks of the service {name}, without a change")),
            );
        }
        // This is how a new version is brought out, so it is said and not asked about.
        let origins = request.parts.get("TaskTemplate")?;
        Some(RULE.found(origins).titled(format!("replaces the tasks of the service {name} by new ones")).less_strict())
    });
    replaced.collect()
}
