//! `docker build` with the legacy builder, and the Dockerfile and context of every `build` command.

use serde_json::{Map, Value};

use super::build::{Build, Dockerfiles, Said};
use super::{Body, Effect, Effects, PredictedOperation, Request, Typed, create, filled_env, origins_of, to_map};
use crate::files::context::Sender;
use crate::files::dockerfile::Given;
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

/// The build that the words ask for, where its Dockerfile can be read here.
pub fn of_words(invocation: &Invocation, host: &dyn Host, sender: Sender) -> Option<Build> {
    let typed = invocation.operand(0);
    let file = invocation.text("file");
    let context = context_of(typed, host);
    let arguments = filled_env(host, invocation.list("build-arg")).into_iter().map(|text| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text, None),
    });
    let target = Some(invocation.text("target").to_owned()).filter(|target| !target.is_empty());
    let given = Given { arguments: arguments.collect(), target };
    let named =
        invocation.all(&["build-context"]).filter_map(|set| Some(set.value.split_once('=')?.0.to_owned())).collect();
    let (dockerfile, text) = match (context, file) {
        (Context::Folder, "-") => (None, Some(host.input()?)),
        (Context::Folder, _) => (Some(dockerfile_path(typed, file, host)?), None),
        // A tar is not looked into.
        (Context::Stdin, _) => (None, Some(host.input_file().filter(|bytes| !is_archive(bytes))?)),
        _ => return None,
    };
    let folder = (context == Context::Folder).then_some(typed);
    Build::read(
        Said { folder, dockerfile, text, carrier: None, given, named, sender, origins: invocation.operands.origins() },
        &mut Dockerfiles::default(),
        host,
    )
}

/// A tar, as it is or compressed.
fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
        || [&[0x1f, 0x8b][..], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z'], &[0x28, 0xb5, 0x2f, 0xfd]]
            .iter()
            .any(|magic| bytes.starts_with(magic))
}

/// Where the Dockerfile of a folder lies.
fn dockerfile_path(folder: &str, file: &str, host: &dyn Host) -> Option<String> {
    if !file.is_empty() {
        return Some(file.to_owned());
    }
    let folder = if folder.ends_with('/') { folder.to_owned() } else { format!("{folder}/") };
    let folder = folder.strip_prefix("./").unwrap_or(&folder);
    let usual = ["Dockerfile", "dockerfile"].map(|name| format!("{folder}{name}"));
    usual.into_iter().find(|path| host.exists(path))
}

/// What the context operand is: docker/cli `cli/command/image/build/context_detect.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    Stdin,
    Folder,
    Git,
    Url,
    Missing,
}

pub fn context_of(typed: &str, host: &dyn Host) -> Context {
    let url = typed.starts_with("http://") || typed.starts_with("https://");
    match typed {
        "-" => Context::Stdin,
        _ if host.is_directory(typed) => Context::Folder,
        _ if is_git(typed) => Context::Git,
        _ if url => Context::Url,
        _ => Context::Missing,
    }
}

fn is_git(typed: &str) -> bool {
    let path = typed.split('#').next().unwrap_or_default();
    let web = typed.starts_with("http://") || typed.starts_with("https://");
    (web && path.ends_with(".git")) || ["git://", "github.com/", "git@"].iter().any(|prefix| typed.starts_with(prefix))
}

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let typed = invocation.operand(0);
    let context_origins = invocation.operands.origins();
    let mut effects = Vec::new();
    let context = context_of(typed, host);
    let file = invocation.text("file");
    if context == Context::Stdin && file == "-" {
        return Err("invalid argument: can't use stdin for both build context and dockerfile".to_owned());
    }
    let mut dockerfile = if file.is_empty() { "Dockerfile".to_owned() } else { file.to_owned() };
    match context {
        Context::Missing => return Err(format!("unable to prepare context: path {typed:?} not found")),
        Context::Folder => {
            dockerfile = local_dockerfile(typed, file, host)?;
            effects.push(Effect::ReadsFile { path: typed.to_owned(), origins: context_origins.clone() });
        }
        Context::Git | Context::Url => {
            let operation = PredictedOperation::RemoteContext(typed.to_owned());
            effects.push(Effect::Does { operation, origins: context_origins.clone() });
        }
        Context::Stdin => {}
    }
    let mut request = Request::new("POST", "/build", context_origins).body(Body::Stream);
    for tag in invocation.list("tag") {
        let reference = values::reference(&tag)?;
        let _ = reference;
        request = request.with("t", tag);
    }
    for (flag, name) in [("security-opt", "securityopt"), ("add-host", "extrahosts")] {
        for set in invocation.all(&[flag]) {
            let value = if flag == "add-host" { values::extra_host(&set.value)? } else { set.value.clone() };
            request = request.with(name, value);
        }
    }
    let on = |name: &str| invocation.on(name);
    let text = |name: &str| invocation.text(name).to_owned();
    let number = |name: &str| invocation.int(name);
    let bytes = |name: &str| invocation.last(name).and_then(|set| values::swap(&set.value).ok()).unwrap_or(0);
    request = request
        .with_if(on("quiet"), "q", "1")
        .with_if(on("no-cache"), "nocache", "1")
        .with_if(!on("rm"), "rm", "0")
        .with_if(on("force-rm"), "forcerm", "1")
        .with_if(on("pull"), "pull", "1")
        .with_if(on("squash"), "squash", "1");
    let isolation = text("isolation");
    request = request.with_if(!matches!(isolation.to_lowercase().as_str(), "" | "default"), "isolation", isolation);
    request = request.with_if(!text("cpuset-cpus").is_empty(), "cpusetcpus", text("cpuset-cpus"));
    let network = text("network");
    request = request.with_if(!matches!(network.as_str(), "" | "default"), "networkmode", network);
    request = request.with_if(!text("cpuset-mems").is_empty(), "cpusetmems", text("cpuset-mems"));
    for (name, value) in [
        ("cpushares", number("cpu-shares")),
        ("cpuquota", number("cpu-quota")),
        ("cpuperiod", number("cpu-period")),
        ("memory", bytes("memory")),
        ("memswap", bytes("memory-swap")),
    ] {
        request = request.with_if(value != 0, name, value.to_string());
    }
    request = request.with_if(!text("cgroup-parent").is_empty(), "cgroupparent", text("cgroup-parent"));
    request = request.with_if(bytes("shm-size") != 0, "shmsize", bytes("shm-size").to_string());
    request = request.with_if(!dockerfile.is_empty(), "dockerfile", dockerfile);
    request = request.with_if(!text("target").is_empty(), "target", text("target"));
    let ulimits = create::ulimits(invocation);
    if !ulimits.is_empty() {
        // The client's own type prints name, hard, soft.
        let list: Vec<Value> = ulimits
            .iter()
            .map(|limit| serde_json::json!({"Name": limit.name, "Hard": limit.hard, "Soft": limit.soft}))
            .collect();
        request = request.with("ulimits", Value::Array(list).to_string());
    }
    request = build_arguments(invocation, host, request);
    let labels = to_map(&invocation.list("label"));
    if !labels.is_empty() {
        let sorted: Map<String, Value> = labels.into_iter().map(|(key, value)| (key, value.into())).collect();
        request = request.with("labels", Value::Object(sorted).to_string());
    }
    let cache: Vec<String> =
        invocation.all(&["cache-from"]).flat_map(|set| values::read_record(&set.value).unwrap_or_default()).collect();
    if !cache.is_empty() {
        request = request.with("cachefrom", Value::from(cache).to_string());
    }
    let platform = match invocation.text("platform") {
        "" => host.env("DOCKER_DEFAULT_PLATFORM").unwrap_or_default(),
        typed => typed.to_owned(),
    };
    request = request.with_if(!platform.is_empty(), "platform", platform.to_lowercase());
    request = request
        .with("version", "1")
        .part("networkmode", origins_of(invocation, &["network"]))
        .part("cgroupparent", origins_of(invocation, &["cgroup-parent"]));
    if let Some(set) = invocation.last("iidfile").filter(|set| !set.value.is_empty()) {
        effects.push(Effect::WritesFile { path: set.value.clone(), origins: set.origins() });
    }
    effects.extend(of_words(invocation, host, Sender::Legacy).map(|build| Effect::Builds(Box::new(build))));
    effects.push(Effect::Request(request));
    Ok(effects)
}

fn build_arguments(invocation: &Invocation, host: &dyn Host, mut request: Request) -> Request {
    let mut arguments = Map::new();
    for text in create::with_proxies(invocation, host, filled_env(host, invocation.list("build-arg"))) {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Value::from(value)),
            None => (text, Value::Null),
        };
        arguments.insert(key, value);
    }
    if !arguments.is_empty() {
        request = request.with("buildargs", Value::Object(arguments).to_string());
    }
    for set in invocation.all(&["build-arg"]) {
        let key = set.value.split('=').next().unwrap_or_default();
        request.parts.push((format!("buildargs/{key}"), set.origins()));
    }
    request
}

/// The Dockerfile's name inside the context, or a refusal where there is none.
fn local_dockerfile(folder: &str, file: &str, host: &dyn Host) -> Result<String, String> {
    let root = host.resolve(folder);
    if file == "-" {
        // The client gives a Dockerfile from standard input a name of its own making.
        return Ok(String::new());
    }
    let path = if file.is_empty() {
        let lower = format!("{root}/dockerfile");
        let usual = format!("{root}/Dockerfile");
        if !host.exists(&usual) && host.exists(&lower) { lower } else { usual }
    } else {
        host.resolve(file)
    };
    if !host.exists(&path) {
        return Err(format!(
            "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat {path}: no such file or directory"
        ));
    }
    match path.strip_prefix(&format!("{}/", root.trim_end_matches('/'))) {
        Some(inside) => Ok(inside.to_owned()),
        // Outside of the context: it is sent along under a name of the client's making.
        None => Ok(String::new()),
    }
}
