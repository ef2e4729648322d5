//! A part of the host that gives the host away, mounted into a container.

use super::places::{gives_away, is_at_most_noted, is_engine_socket, without_proc_root};
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::grammar::values::clean;
use crate::lower::Body;
use crate::lower::workload::{Mounted, host_paths_of};

pub static RULE: Rule = Rule {
    id: "host-mount",
    title: "host folder that gives root on the host",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "Root in this container can write to this part of the host and become root on the host: through a cron \
          job, a key in .ssh, or a program that root runs. If it is mounted read-only, keys and passwords in it can \
          still be read.",
    instead: "mount only the folder that the program needs, or a named volume",
    references: &["CIS Docker Benchmark 5.6", "https://docs.docker.com/engine/storage/bind-mounts/"],
    fires: &[
        "run -v /:/host tools:1.4",
        "run --mount TYPE=BIND,SRC=/etc,DST=/e tools:1.4",
        "run -itv/root/.ssh:/k tools:1.4",
        "volume create -o type=none -o o=bind -o device=/ all",
        "volume create -o type=overlay -o o=lowerdir=/srv:/root,upperdir=/u,workdir=/w -o device=x all",
        "run --mount type=volume,dst=/x,volume-driver=local,volume-opt=type=overlay,volume-opt=device=o,volume-opt=o=lowerdir=/root:/srv tools:1.4",
        "volume create -o type=none -o o=bind -o device=root all",
        "volume create -o type=tmpfs -o o=size=1m,bind -o device=/root all",
        "volume create -o type=nfs -o o=addr=10.0.0.5,rbind -o device=/ all",
        "volume create -o type=sysfs -o device=x all",
        "run -v /srv/../etc:/e tools:1.4",
    ],
    quiet: &[
        "run -v /srv/app:/app tools:1.4",
        "run -v /etc/localtime:/etc/localtime:ro tools:1.4",
        "run -v /etc/nginx/nginx.conf:/n tools:1.4",
        "run -v data:/var/lib/data tools:1.4",
        "volume create -o type=nfs -o o=addr=10.0.0.5,rw -o device=:/export share",
        "volume create -o type=tmpfs -o device=tmpfs -o o=size=100m scratch",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        findings.extend(workload.mounts.iter().filter_map(|mount| found(case, mount)));
    }
    for request in case.requests() {
        let Body::Volume(body) = &request.body else { continue };
        let Some(options) = &body.driver_opts else { continue };
        let paths = host_paths_of(body.driver.as_deref().unwrap_or_default(), options);
        let found = paths.iter().find_map(|path| problem(case, path, false));
        findings
            .extend(found.map(|what| RULE.found(&request.origins_of("DriverOpts")).titled(format!("mounts {what}"))));
    }
    findings
}

fn found(case: &Case, mount: &Mounted) -> Option<Finding> {
    let source = mount.host_path()?;
    let what = problem(case, source, mount.read_only)?;
    let found = RULE.found(&mount.origins).titled(format!("mounts {what}"));
    // What this path is on the host decides, and not only how it is written.
    let is_mild = |path: &str| is_at_most_noted(path, mount.read_only);
    let written = clean(source);
    Some(if is_mild(&written) && is_mild(&case.on_host(&written)) { found.at_most_noted() } else { found })
}

/// What is wrong with mounting this path of the host.
pub fn problem(case: &Case, source: &str, read_only: bool) -> Option<String> {
    if !source.starts_with(['/', '.']) {
        return None;
    }
    let (written, home) = (clean(source), case.home());
    let real = case.on_host(&written);
    // A socket file is the other rule's, its folder is this one's too where it is one of the host's great folders.
    if written.ends_with(".sock") && is_engine_socket(&written, case.target.socket()) {
        return None;
    }
    let through = without_proc_root(&written);
    let within_proc = (through != written).then(|| gives_away(through, read_only, &home)).flatten();
    within_proc.or_else(|| gives_away(&written, read_only, &home)).or_else(|| {
        let what = gives_away(&real, read_only, &home)?;
        Some(if real == written { what } else { format!("{what} (through the link {written})") })
    })
}
