//! Containers that exist: start, stop, remove, update, and the rest of `docker container`.

use bollard_stubs::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use serde_json::Value;

use super::{Body, Effect, Effects, Request, Typed, copy, create, exec, for_each, origins_of, prune_filters, trim_id};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        "container run" | "container create" => create::lower(invocation, host),
        "container exec" => exec::lower(invocation, host),
        "container cp" => copy::lower(invocation, host),
        "container start" => start(invocation),
        "container stop" => stop(invocation, "stop"),
        "container restart" => stop(invocation, "restart"),
        "container kill" => {
            let signal = invocation.text("signal").to_owned();
            Ok(for_each(invocation, |name, origins| {
                Request::new("POST", format!("/containers/{}/kill", name.trim()), origins)
                    .with_if(!signal.is_empty(), "signal", signal.clone())
                    .part("signal", origins_of(invocation, &["signal"]))
            }))
        }
        "container pause" => Ok(for_each(invocation, |name, origins| {
            Request::new("POST", format!("/containers/{}/pause", name.trim()), origins)
        })),
        "container unpause" => Ok(for_each(invocation, |name, origins| {
            Request::new("POST", format!("/containers/{}/unpause", name.trim()), origins)
        })),
        "container rm" => remove(invocation),
        "container rename" => rename(invocation),
        "container update" => update(invocation),
        "container commit" => commit(invocation),
        "container export" => Ok(written_file(invocation, "output")),
        "container prune" => {
            let mut request = Request::new("POST", "/containers/prune", invocation.named_by.origins());
            if let Some(filters) = prune_filters(invocation, host, &[]) {
                request = request.with("filters", filters);
            }
            Ok(vec![Effect::Request(request)])
        }
        _ => Ok(Vec::new()),
    }
}

/// The file that `-o` names, if any.
pub fn written_file(invocation: &Invocation, flag: &str) -> Vec<Effect> {
    invocation
        .last(flag)
        .filter(|set| !set.value.is_empty() && set.value != "-")
        .map(|set| Effect::WritesFile { path: set.value.clone(), origins: set.origins() })
        .into_iter()
        .collect()
}

fn start(invocation: &Invocation) -> Effects {
    let checkpoint = invocation.text("checkpoint").to_owned();
    let folder = invocation.text("checkpoint-dir").to_owned();
    let several = invocation.operands.len() > 1;
    let attached = invocation.on("attach") || invocation.on("interactive");
    if several && attached {
        return Err("you cannot start and attach multiple containers at once".to_owned());
    }
    if several && !checkpoint.is_empty() {
        return Err("you cannot restore multiple containers at once".to_owned());
    }
    let restores = attached || !checkpoint.is_empty();
    Ok(for_each(invocation, |name, origins| {
        Request::new("POST", format!("/containers/{}/start", name.trim()), origins)
            .with_if(!checkpoint.is_empty(), "checkpoint", checkpoint.clone())
            .with_if(restores && !folder.is_empty(), "checkpoint-dir", folder.clone())
    }))
}

fn stop(invocation: &Invocation, verb: &str) -> Effects {
    // `-t` belongs to the one in older clients and to the other in newer ones.
    let long = |name: &str| {
        invocation.all(&["time", "timeout"]).any(|set| invocation.arg(set.word).split('=').next() == Some(name))
    };
    let short = invocation.all(&["time", "timeout"]).any(|set| !invocation.arg(set.word).starts_with("--"));
    if long("--time") && (long("--timeout") || short) {
        return Err("conflicting options: cannot specify both --timeout and --time".to_owned());
    }
    let timeout = invocation.all(&["time", "timeout"]).next_back().and_then(|set| values::int(&set.value).ok());
    let signal = invocation.text("signal").to_owned();
    Ok(for_each(invocation, |name, origins| {
        Request::new("POST", format!("/containers/{}/{verb}", name.trim()), origins)
            .with_if(timeout.is_some(), "t", timeout.unwrap_or_default().to_string())
            .with_if(!signal.is_empty(), "signal", signal.clone())
            .part("t", origins_of(invocation, &["time", "timeout"]))
            .part("signal", origins_of(invocation, &["signal"]))
    }))
}

fn remove(invocation: &Invocation) -> Effects {
    let (force, volumes, link) = (invocation.on("force"), invocation.on("volumes"), invocation.on("link"));
    let mut effects = Vec::new();
    for word in &invocation.operands {
        let name = invocation.arg(*word).trim_matches('/').trim();
        if name.is_empty() {
            // The client says so for this one and goes on with the others.
            continue;
        }
        let request = Request::new("DELETE", format!("/containers/{name}"), word.origins())
            .with_if(volumes, "v", "1")
            .with_if(link, "link", "1")
            .with_if(force, "force", "1")
            .part("v", origins_of(invocation, &["volumes"]))
            .part("force", origins_of(invocation, &["force"]));
        effects.push(Effect::Request(request));
    }
    Ok(effects)
}

fn rename(invocation: &Invocation) -> Effects {
    let (old, new) = (invocation.operand(0).trim(), invocation.operand(1).trim());
    if old.is_empty() || new.is_empty() {
        return Err("Error: Neither old nor new names may be empty".to_owned());
    }
    let request = Request::new("POST", format!("/containers/{old}/rename"), invocation.operands.origins());
    Ok(vec![Effect::Request(request.with("name", new))])
}

fn update(invocation: &Invocation) -> Effects {
    if invocation.flags.is_empty() {
        return Err("you must provide one or more flags when using this command".to_owned());
    }
    let number = |name: &str| Some(invocation.int(name));
    let bytes = |name: &str| invocation.last(name).map(|set| values::swap(&set.value).unwrap_or(0)).or(Some(0));
    let text = |name: &str| Some(invocation.text(name).to_owned());
    let mut beyond: Vec<(String, Value)> = Vec::new();
    let restart = match invocation.text("restart") {
        "" => None,
        typed => Some(create::restart_policy(typed, &mut beyond)?),
    };
    for (pointer, _) in &mut beyond {
        *pointer = pointer.trim_start_matches("HostConfig/").to_owned();
    }
    let pids = invocation.int("pids-limit");
    let body = ContainerUpdateBody {
        blkio_weight: values::uint(invocation.text("blkio-weight"), 16).ok().map(|weight| weight as u16),
        cpuset_cpus: text("cpuset-cpus"),
        cpuset_mems: text("cpuset-mems"),
        cpu_shares: number("cpu-shares"),
        memory: bytes("memory"),
        memory_reservation: bytes("memory-reservation"),
        memory_swap: bytes("memory-swap"),
        cpu_period: number("cpu-period"),
        cpu_quota: number("cpu-quota"),
        cpu_realtime_period: number("cpu-rt-period"),
        cpu_realtime_runtime: number("cpu-rt-runtime"),
        nano_cpus: invocation.last("cpus").and_then(|set| values::cpus(&set.value).ok()).or(Some(0)),
        pids_limit: (pids != 0).then_some(pids),
        restart_policy: Some(
            restart.unwrap_or(RestartPolicy { name: Some(RestartPolicyNameEnum::EMPTY), maximum_retry_count: Some(0) }),
        ),
        cgroup_parent: Some(String::new()),
        cpu_count: Some(0),
        cpu_percent: Some(0),
        io_maximum_iops: Some(0),
        io_maximum_bandwidth: Some(0),
        ..ContainerUpdateBody::default()
    };
    let kernel = invocation.last("kernel-memory").and_then(|set| values::size(&set.value).ok()).unwrap_or(0);
    if kernel != 0 {
        beyond.push(("KernelMemory".to_owned(), kernel.into()));
    }
    Ok(for_each(invocation, |name, origins| {
        let mut request = Request::new("POST", format!("/containers/{}/update", name.trim()), origins)
            .body(Body::Update(Box::new(body.clone())))
            .part("Memory", origins_of(invocation, &["memory"]))
            .part("MemorySwap", origins_of(invocation, &["memory-swap"]))
            .part("PidsLimit", origins_of(invocation, &["pids-limit"]))
            .part("NanoCpus", origins_of(invocation, &["cpus", "cpu-quota", "cpu-period"]));
        request.beyond.clone_from(&beyond);
        request
    }))
}

fn commit(invocation: &Invocation) -> Effects {
    let container = trim_id("container", invocation.operand(0))?;
    let typed = invocation.operand(1);
    let (mut repo, mut tag) = (String::new(), String::new());
    if !typed.is_empty() {
        let reference = values::reference(typed)?;
        if reference.digest.is_some() {
            return Err("refusing to create a tag with a digest reference".to_owned());
        }
        repo = reference.name();
        tag = reference.tag_or_latest().unwrap_or_default().to_owned();
    }
    let origins = invocation.operands.origins();
    let mut request = Request::new("POST", "/commit", origins)
        .with("container", container)
        .with("repo", repo)
        .with("tag", tag)
        .with("comment", invocation.text("message"))
        .with("author", invocation.text("author"));
    for change in invocation.list("change") {
        request = request.with("changes", change);
    }
    let pause = invocation.on("pause") && !invocation.on("no-pause");
    Ok(vec![Effect::Request(request.with_if(!pause, "pause", "0"))])
}
