//! The volumes in which a command in a container deletes or overwrites something, whichever way it gets there: a container that mounts them,
//! that takes them from another one (`--volumes-from`), a command in a container that exists (`exec`), or a copy (`cp`).

use super::Case;
use crate::engine::{ContainerFacts, Lookup};
use crate::files::script::{Overwrites, overwrites};
use crate::lower::workload::MountKind;
use crate::lower::{Body, Effect, Origin, Origins, Request, Workload};

/// One volume, and what happens in it.
#[derive(Clone, Debug)]
pub struct VolumeWrite {
    /// The volume, or why it is not known which volumes there are.
    pub volume: Result<String, String>,
    /// What does it: `rm`, `docker cp`.
    pub program: String,
    /// The command does nothing else and is waited for; it is no part of what a service does each time it starts.
    pub one_off: bool,
    /// The words behind it.
    pub origins: Origins,
}

/// The program of a copy.
pub const COPIES: &str = "docker cp";

/// All of them.
pub fn volume_writes(case: &Case) -> Vec<VolumeWrite> {
    let mut found = Vec::new();
    for workload in case.workloads() {
        let entrypoint = workload.entrypoint.as_deref().unwrap_or_default();
        let done = overwrites(None, entrypoint, &workload.command);
        if !done.is_empty() {
            of_workload(case, workload, &done, &mut found);
        }
    }
    for request in case.requests() {
        if let Body::Exec(body) = &request.body
            && let Some(container) = request.object("/containers/", "/exec")
        {
            let done = overwrites(body.working_dir.as_deref(), &[], body.cmd.as_deref().unwrap_or_default());
            if !done.is_empty() {
                in_container(case, container, &done, &request.origins, &mut found);
            }
        } else if request.method == "PUT"
            && let Some(container) = request.object("/containers/", "/archive")
        {
            in_container(case, container, &[copied(case, request)], &request.origins, &mut found);
        }
    }
    found
}

fn of_workload(case: &Case, workload: &Workload, done: &[Overwrites], found: &mut Vec<VolumeWrite>) {
    let one_off = !workload.service && !workload.detached;
    for mount in workload.mounts.iter().filter(|mount| mount.kind == MountKind::Volume && !mount.read_only) {
        // One without a name is new and empty.
        if let Some(it) = done.iter().find(|it| it.reaches(&mount.target)).filter(|_| !mount.source.is_empty()) {
            let (volume, program) = (Ok(mount.source.clone()), it.program.clone());
            found.push(VolumeWrite { volume, program, one_off, origins: mount.origins.clone() });
        }
    }
    for (typed, origins) in &workload.volumes_from {
        let (name, mode) = typed.split_once(':').unwrap_or((typed, ""));
        if mode != "ro" {
            let begin = found.len();
            in_container(case, name, done, origins, found);
            found.iter_mut().skip(begin).for_each(|write| write.one_off = one_off);
        }
    }
}

fn in_container(case: &Case, name: &str, done: &[Overwrites], origins: &[Origin], found: &mut Vec<VolumeWrite>) {
    let mut finds = |volume: Result<String, String>, it: &Overwrites| {
        found.push(VolumeWrite { volume, program: it.program.clone(), one_off: true, origins: origins.to_vec() });
    };
    match case.facts.container(name) {
        Lookup::Found(container) => {
            for (volume, it) in written(&container, done) {
                finds(Ok(volume), it);
            }
        }
        Lookup::Unknown(why) => {
            let why = format!("fender cannot tell which volumes the container {name} has: {why}");
            done.iter().take(1).for_each(|it| finds(Err(why.clone()), it));
        }
        // Docker will say that it is not there.
        Lookup::Missing | Lookup::NoEngine => {}
    }
}

fn written<'a>(
    container: &'a ContainerFacts,
    done: &'a [Overwrites],
) -> impl Iterator<Item = (String, &'a Overwrites)> {
    container.mounts.iter().filter(|mount| mount.writable).filter_map(|mount| {
        let it = done.iter().find(|it| it.reaches(&mount.destination))?;
        Some((mount.volume.clone()?, it))
    })
}

/// `docker cp SOURCE CONTAINER:PATH` writes below the path: under the source's own name, or anything where that is not known.
fn copied(case: &Case, request: &Request) -> Overwrites {
    let files = case.lowered.effects.iter().filter_map(|effect| match effect {
        Effect::ReadsFile { path, .. } => Some(path.as_str()),
        _ => None,
    });
    let sources: Vec<&str> = files.collect();
    let folder = request.value("path").unwrap_or("/");
    let name = match sources.as_slice() {
        // `folder/.` is what is in it.
        [source] if !source.ends_with('.') => source.trim_end_matches('/').rsplit('/').next().unwrap_or_default(),
        _ => "",
    };
    // Only a folder that is there already has the copy in it; else the path is the copy's own name.
    let path = if name.is_empty() || folder.ends_with(&format!("/{name}")) {
        folder.to_owned()
    } else {
        format!("{}/{name}", folder.trim_end_matches('/'))
    };
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    Overwrites { program: COPIES.to_owned(), path: Some(path) }
}
