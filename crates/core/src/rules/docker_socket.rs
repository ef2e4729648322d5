//! A socket through which a container controls an engine.

use super::places::{is_engine_socket, without_proc_root};
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::grammar::values::clean;

pub static RULE: Rule = Rule {
    id: "docker-socket",
    title: "container gets the engine's API socket",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "This container will control the container engine of the host. Code in it can start a privileged container \
          and read or change every file of the host. Mounting the socket read-only does not help: commands are sent \
          through the socket, not written to it.",
    instead: "rootless Docker or BuildKit to build images; a metrics endpoint to monitor; a proxy that allows \
          single API requests",
    references: &["CIS Docker Benchmark 5.32", "https://docs.docker.com/engine/security/protect-access/"],
    fires: &[
        "run -v /var/run/docker.sock:/var/run/docker.sock tools:1.4",
        "run --use-api-socket tools:1.4",
        "run --mount type=bind,src=/run,dst=/r tools:1.4",
        "run -v /proc/1/root/run/docker.sock:/s:ro tools:1.4",
    ],
    quiet: &["run -v ./app:/app tools:1.4", "run -v /run/mysqld/mysqld.sock:/m tools:1.4"],
    check,
    supersedes: &[&super::host_mount::RULE],
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        for mount in &workload.mounts {
            let Some(source) = mount.host_path() else { continue };
            if leads_to_engine(case, source) {
                let title = if source.ends_with(".sock") {
                    "container gets the engine's API socket"
                } else {
                    "container gets the folder of the engine's API socket"
                };
                findings.push(RULE.found(&mount.origins).titled(title));
            }
        }
    }
    findings.extend(volumes_of_devices(case));
    findings
}

/// Whether the path, as written or after links, is an engine's socket or the folder of one.
pub fn leads_to_engine(case: &Case, source: &str) -> bool {
    let written = clean(source);
    let real = case.on_host(&written);
    let engine = case.target.socket();
    [written.as_str(), without_proc_root(&written), real.as_str()].iter().any(|path| is_engine_socket(path, engine))
}

/// `volume create -o device=…`.
fn volumes_of_devices(case: &Case) -> Vec<Finding> {
    let created = case.requests().filter_map(|request| {
        let crate::lower::Body::Volume(body) = &request.body else { return None };
        let driver = body.driver.as_deref().unwrap_or_default();
        let paths = crate::lower::workload::host_paths_of(driver, body.driver_opts.as_ref()?);
        let leads = paths.iter().any(|path| leads_to_engine(case, path));
        leads.then(|| RULE.found(&request.origins_of("DriverOpts")))
    });
    created.collect()
}
