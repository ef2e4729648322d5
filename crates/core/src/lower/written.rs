//! The files that a command names: compose projects, stacks and bake files. docker's own readers read them, and they are
//! lowered to the same effects as arguments.

use bollard_stubs::models::ExecConfig;
use serde_json::Value;

use super::buildx;
use super::compose::model_words;
use super::copy;
use super::model::{ComposeModel, entries, field, text};
use super::other_project::{named_project, names_no_project, other_project};
use super::own_reading::OwnReading;
use super::project::{Builds, ProjectLowering, WantedServices, of_build};
use super::sources::{PathStep, Sources, Targets, is_remote};
use super::stack::{services as stack_services, surroundings as stack_surroundings};
use super::{Body, Effect, Lowered, Origin, Origins, Ports, PredictedOperation, Request, Runs, Typed, Workload};
use crate::engine::{Inspect, Lookup, ProjectContainer};
use crate::files::script::overwrites;
use crate::files::text::Text;
use crate::files::yaml;
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

/// Adds to what the words do what the files do.
pub fn with_files(invocation: &Invocation, lowered: &mut Lowered, facts: &dyn Inspect, host: &dyn Host) {
    if lowered.refusal.is_some() {
        return;
    }
    match invocation.canonical() {
        "stack deploy" => stack(invocation, lowered, facts, host),
        "buildx bake" => bake(invocation, lowered, facts, host),
        command => {
            if let Some(command) = command.strip_prefix("compose ") {
                compose(command, invocation, lowered, facts, host);
                on_engine(command, invocation, lowered, facts, host);
            }
        }
    }
}

fn operands(invocation: &Invocation) -> Vec<String> {
    invocation.operand_texts()
}

/// What a compose command wants of its model; None for one that makes nothing of it.
fn wanted(command: &str, invocation: &Invocation) -> Option<WantedServices> {
    let services = operands(invocation);
    let builds = || match (invocation.on("build"), invocation.on("no-build")) {
        (true, _) => Builds::Always,
        (_, true) => Builds::Never,
        _ => Builds::Missing,
    };
    let scaled = |texts: Vec<String>| {
        texts
            .iter()
            .filter_map(|text| {
                let (name, count) = text.split_once('=')?;
                Some((name.to_owned(), count.parse::<usize>().ok()?))
            })
            .collect()
    };
    Some(match command {
        "up" | "create" => WantedServices {
            services,
            dependencies: !invocation.on("no-deps"),
            scale: scaled(invocation.list("scale")),
            builds: builds(),
            creates: true,
            watches: invocation.on("watch"),
            run: None,
        },
        "run" => WantedServices {
            services: services.first().cloned().into_iter().collect(),
            dependencies: !invocation.on("no-deps"),
            builds: builds(),
            creates: true,
            run: services.first().cloned(),
            ..WantedServices::default()
        },
        "watch" | "alpha watch" => WantedServices {
            services,
            dependencies: true,
            builds: Builds::Always,
            creates: !invocation.on("no-up"),
            watches: true,
            ..WantedServices::default()
        },
        "scale" | "alpha scale" => WantedServices {
            services: services.iter().map(|text| text.split('=').next().unwrap_or_default().to_owned()).collect(),
            dependencies: !invocation.on("no-deps"),
            scale: scaled(services),
            builds: Builds::Missing,
            creates: true,
            ..WantedServices::default()
        },
        "build" if !invocation.on("print") => WantedServices {
            services,
            dependencies: invocation.on("with-dependencies"),
            builds: Builds::Always,
            ..WantedServices::default()
        },
        "pull" | "start" | "publish" | "alpha publish" => {
            WantedServices { services, builds: Builds::Never, ..WantedServices::default() }
        }
        _ => return None,
    })
}

/// Adds what the files of a compose command do without asking compose, where [`with_files`] could not have its model; None where the files
/// cannot be read at all.
pub fn without_compose(invocation: &Invocation, lowered: &mut Lowered, host: &dyn Host) -> Option<OwnReading> {
    let command = invocation.canonical().strip_prefix("compose ")?;
    let wanted = wanted(command, invocation)?;
    let is_unread = |effect: &Effect| matches!(effect, Effect::Runs(runs) if runs.program.ends_with(UNREAD));
    let read = OwnReading::of_words(invocation, host, lowered)?;
    lowered.effects.retain(|effect| !is_unread(effect));
    lowered.effects.extend(read.effects(invocation, &wanted, host));
    Some(read)
}

fn compose(command: &str, invocation: &Invocation, lowered: &mut Lowered, facts: &dyn Inspect, host: &dyn Host) {
    if invocation.on_above("dry-run") || invocation.on("dry-run") {
        return;
    }
    if matches!(command, "exec" | "cp") {
        lowered.effects.extend(in_container(invocation, facts, host).map(Effect::Request));
        return;
    }
    let Some(wanted) = wanted(command, invocation) else { return };
    // Compose fills its files in from these. Looked at here, a change of theirs is noticed before docker runs.
    for path in
        invocation.above.iter().filter(|set| set.flag.name == "env-file").map(|set| set.value.as_str()).chain([".env"])
    {
        let _ = host.read(path);
    }
    let Some(mut words) = model_words(invocation) else { return };
    if wanted.creates {
        facts.begin_compose(invocation, host);
    }
    // Where compose fails it will mostly fail for the person, too; but who cannot tell says so.
    let read = |words: &[String]| match facts.printed(words, host) {
        Lookup::Found(printed) => ComposeModel::read(&printed).ok(),
        Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => None,
    };
    let Some(mut model) = read(&words) else { return unknown(lowered, invocation, "docker-compose") };
    // A service that is named is there, whatever its profile.
    if wanted.services.iter().any(|name| !model.has_service(name)) {
        words.extend(wanted.services.iter().cloned());
        if let Some(with) = read(&words) {
            model = with;
        }
    }
    let sources = Sources::of_words(invocation, host);
    let has_image = |name: &str| matches!(facts.image(name), Lookup::Found(_));
    let mut project = ProjectLowering::new(model.project(), &sources, host, &has_image, &invocation.named_by.origins());
    project.lower(&wanted);
    let chosen = project.chosen(&wanted);
    match command {
        "run" => run(&mut project, invocation, lowered),
        "start" => {
            for name in &chosen {
                let request = Request::new(
                    "POST",
                    format!("/containers/{}-{name}-1/start", project.name()),
                    invocation.named_by.origins(),
                );
                project.effects.push(Effect::Request(request));
            }
        }
        "pull" => {
            let services = chosen.iter().map(|name| field(field(model.project(), "services"), name));
            for image in services.filter_map(|service| pulled(service, invocation, &has_image)) {
                let Ok(reference) = values::reference(image) else { continue };
                let request = Request::new("POST", "/images/create", invocation.named_by.origins())
                    .with("fromImage", reference.name())
                    .with("tag", reference.api_tag());
                project.effects.push(Effect::Request(request));
            }
        }
        "publish" | "alpha publish" => {
            for text in sources.texts() {
                project
                    .effects
                    .push(Effect::ReadsFile { path: text.path.clone(), origins: invocation.named_by.origins() });
            }
        }
        _ => {}
    }
    lowered.effects.append(&mut project.effects);
    lowered.problems = sources.problems();
}

/// The image of a service that `compose pull` asks a registry for: compose `pkg/compose/pull.go`.
fn pulled<'a>(service: &'a Value, invocation: &Invocation, has_image: &dyn Fn(&str) -> bool) -> Option<&'a str> {
    let image = service.get("image")?.as_str().filter(|image| !image.is_empty())?;
    let builds = service.get("build").is_some_and(|build| !build.is_null());
    let typed = invocation.text("policy");
    let policy = if typed.is_empty() { text(service, "pull_policy") } else { typed.to_owned() };
    let is_left = match policy.as_str() {
        "never" | "build" => true,
        // The tag `latest` is asked for also where it is there.
        "missing" | "if_not_present" => {
            let is_latest = values::reference(image).is_ok_and(|it| it.api_tag() == "latest");
            !is_latest && has_image(image)
        }
        _ => false,
    };
    (!(is_left || builds && invocation.on("ignore-buildable"))).then_some(image)
}

/// What the engine has under the project's name and this command did not make, or that it has nothing of a project that is named.
fn on_engine(command: &str, invocation: &Invocation, lowered: &mut Lowered, facts: &dyn Inspect, host: &dyn Host) {
    if invocation.on_above("dry-run") || invocation.on("dry-run") {
        return;
    }
    let origins = invocation.named_by.origins();
    let model = || match model_words(invocation) {
        // Printed once, whoever asks for it.
        Some(words) => facts.printed(&words, host).then(|printed| match ComposeModel::read(&printed) {
            Ok(model) => Lookup::Found(model),
            Err(why) => Lookup::Unknown(format!("compose's model cannot be read: {why}")),
        }),
        None => Lookup::Missing,
    };
    if let Some(operation) = ends_containers(command, invocation, &model, facts, host) {
        lowered.effects.push(Effect::Does { operation, origins: origins.clone() });
    }
    let wanted = wanted(command, invocation).filter(|wanted| wanted.creates);
    if let Some((name, others)) = names_no_project(command, invocation, facts, host) {
        let operation = PredictedOperation::NamesNoProject { name, others };
        lowered.effects.push(Effect::Does { operation, origins });
    } else if let Some(other) = other_project(command, invocation, &model, wanted.as_ref(), facts, host) {
        let operation = PredictedOperation::UsesOtherProject(Box::new(other));
        lowered.effects.push(Effect::Does { operation, origins });
    }
}

/// Which running containers of a project a command ends with a grace period, as the engine's labels say.
fn ends_containers(
    command: &str,
    invocation: &Invocation,
    model: &dyn Fn() -> Lookup<ComposeModel>,
    facts: &dyn Inspect,
    host: &dyn Host,
) -> Option<PredictedOperation> {
    let ends = matches!(command, "stop" | "restart" | "down") || command == "rm" && invocation.on("stop");
    if !ends {
        return None;
    }
    let name = match model() {
        Lookup::Found(model) => text(model.project(), "name"),
        _ => named_project(invocation, host)?,
    };
    let Lookup::Found(containers) = facts.project_containers(&name) else { return None };
    let services = invocation.operand_texts();
    let is_ended = |it: &ProjectContainer| it.running && (services.is_empty() || services.contains(&it.service));
    let containers: Vec<(String, String)> =
        containers.into_iter().filter(is_ended).map(|it| (it.name, it.image)).collect();
    let seconds = invocation.changed("timeout").then(|| invocation.int("timeout"));
    (!containers.is_empty()).then_some(PredictedOperation::EndsContainers { containers, seconds })
}

/// What `compose exec` and `compose cp` delete or overwrite in the container of a service, whose name only the model shows. Compose is
/// not asked for the model where the words delete and overwrite nothing.
fn in_container(invocation: &Invocation, facts: &dyn Inspect, host: &dyn Host) -> Option<Request> {
    let (source, destination) = (invocation.operand(0), invocation.operand(1));
    let copies = invocation.canonical() == "compose cp";
    let (service, path) = if copies { copy::split(destination) } else { (source, "") };
    let command: Vec<String> = operands(invocation).into_iter().skip(1).collect();
    let folder = Some(invocation.text("workdir")).filter(|folder| !folder.is_empty());
    if service.is_empty() || !copies && overwrites(folder, &[], &command).is_empty() {
        return None;
    }
    let Lookup::Found(printed) = facts.printed(&model_words(invocation)?, host) else { return None };
    let model = ComposeModel::read(&printed).ok()?;
    let model = model.project();
    let named = field(field(field(model, "services"), service), "container_name").as_str();
    let index = Some(invocation.text("index")).filter(|index| !index.is_empty() && *index != "0").unwrap_or("1");
    let by_number = || Some(format!("{}-{service}-{index}", field(model, "name").as_str()?));
    let name = named.map(str::to_owned).or_else(by_number)?;
    if copies {
        let request = Request::new("PUT", format!("/containers/{name}/archive"), invocation.operand_at(1).origins());
        return Some(request.with("path", path).body(Body::Stream));
    }
    let body = ExecConfig { cmd: Some(command), working_dir: folder.map(str::to_owned), ..ExecConfig::default() };
    let request = Request::new("POST", format!("/containers/{name}/exec"), invocation.operand_at(0).origins());
    Some(request.body(Body::Exec(Box::new(body))))
}

/// The container of `compose run`: the service's, with what the words say.
fn run(project: &mut ProjectLowering, invocation: &Invocation, lowered: &mut Lowered) {
    let name = invocation.operand(0).to_owned();
    let Some((mut body, mut parts)) = project.described(&name) else { return };
    let described = lowered.effects.iter().position(|effect| matches!(effect, Effect::Describes(_)));
    let Some(Effect::Describes(typed)) = described.map(|at| lowered.effects.remove(at)) else { return };
    let typed: Workload = *typed;
    let config = body.host_config.get_or_insert_default();
    config.restart_policy = None;
    if !invocation.on("service-ports") {
        config.port_bindings = None;
        parts.retain(|part| !part.starts_with("PortBindings"));
    }
    let mut ports = Ports::default();
    for set in invocation.all(&["publish"]) {
        let published = values::to_standard_notation(&set.value).and_then(|spec| values::publish(&spec));
        ports.published.extend(published.ok().map(|published| (published, set.origins())));
    }
    for mount in &typed.mounts {
        let mode = if mount.read_only { "ro" } else { "rw" };
        let bind = format!("{}:{}:{mode}", mount.source, mount.target);
        parts.push((format!("Binds/{bind}"), mount.origins.clone()));
        config.binds.get_or_insert_default().push(bind);
    }
    for (capability, origins) in &typed.cap_add {
        parts.push((format!("CapAdd/{capability}"), origins.clone()));
        config.cap_add.get_or_insert_default().push(capability.clone());
    }
    config.auto_remove = Some(invocation.on("rm"));
    for (key, value, origins) in &typed.env {
        parts.push((format!("Env/{key}"), origins.clone()));
        body.env.get_or_insert_default().push(format!("{key}={value}"));
    }
    if let Some(user) = &typed.user {
        body.user = Some(user.clone());
        parts.push(("User".to_owned(), typed.user_origins.clone()));
    }
    let entrypoint = invocation.text("entrypoint");
    if !entrypoint.is_empty() {
        body.entrypoint = shell_words::split(entrypoint).ok();
        body.cmd = None;
    }
    let command: Vec<String> = operands(invocation).into_iter().skip(1).collect();
    if !command.is_empty() {
        body.cmd = Some(command);
    }
    let attached = !invocation.on("detach");
    body.attach_stdin = Some(attached && invocation.on("interactive"));
    body.attach_stdout = Some(attached);
    body.attach_stderr = Some(attached);
    let typed_name = invocation.text("name");
    let container =
        if typed_name.is_empty() { format!("{}-{name}-run", project.name()) } else { typed_name.to_owned() };
    let mut request = Request::new("POST", "/containers/create", invocation.named_by.origins()).with("name", container);
    request.parts = parts;
    request.ports = ports;
    project.effects.push(Effect::Request(request.body(Body::Container(Box::new(body)))));
}

/// What was printed. Where the client fails it will mostly fail for the person, too; but who cannot tell says so.
fn as_json(printed: Lookup<Vec<u8>>) -> Option<Value> {
    match printed {
        Lookup::Found(bytes) => serde_json::from_slice(&bytes).ok(),
        Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => None,
    }
}

fn unknown(lowered: &mut Lowered, invocation: &Invocation, program: &str) {
    let program = format!("{program} {UNREAD}");
    lowered.effects.push(Effect::Runs(Runs { program, origins: invocation.named_by.origins(), known: false }));
}

/// Said of a program whose files it did not print.
pub const UNREAD: &str = "with files that fender cannot read";

/// `stack deploy`: the services of the files, as `stack config` reads them.
fn stack(invocation: &Invocation, lowered: &mut Lowered, facts: &dyn Inspect, host: &dyn Host) {
    let files = invocation.list("compose-file");
    let Some(first) = invocation.named_by.first() else { return };
    let mut words = invocation.words.iter().take(*first).cloned().collect::<Vec<_>>();
    words.extend(["stack", "config"].map(str::to_owned));
    for file in &files {
        words.extend(["-c".to_owned(), file.clone()]);
    }
    let Lookup::Found(printed) = facts.printed(&words, host) else {
        return unknown(lowered, invocation, "docker stack");
    };
    let text = Text::new("stack config", String::from_utf8_lossy(&printed).into_owned());
    let Ok(Some(root)) = yaml::read(&text) else { return unknown(lowered, invocation, "docker stack") };
    let sources = Sources::of_files(&files, host);
    let name = invocation.operand(0).to_owned();
    let (model, origins) = (root.value(), invocation.named_by.origins());
    lowered.effects.extend(stack_surroundings(&model, &name, &origins));
    lowered.effects.extend(stack_services(&model, &name, &sources, host, &origins));
    lowered.problems = sources.problems();
}

/// The files that bake reads: those that are named, else the usual ones that are there.
fn bake_files(invocation: &Invocation, host: &dyn Host) -> Vec<String> {
    let named: Vec<String> =
        invocation.list("file").into_iter().filter(|file| file != "-" && !file.contains("://")).collect();
    if !named.is_empty() {
        return named;
    }
    let usual = ["docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"];
    usual.iter().filter(|file| host.exists(file)).map(|file| (*file).to_owned()).collect()
}

/// `buildx bake`: its targets, as it prints them itself.
fn bake(invocation: &Invocation, lowered: &mut Lowered, facts: &dyn Inspect, host: &dyn Host) {
    let remote = operands(invocation).iter().any(|word| is_remote(word));
    if invocation.on("print") || !invocation.text("list").is_empty() || remote {
        return;
    }
    let mut words = invocation.words.clone();
    words.insert(invocation.flags_end.min(words.len()), "--print".to_owned());
    let Some(model) = as_json(facts.printed(&words, host)) else {
        return unknown(lowered, invocation, "docker-buildx");
    };
    let files = bake_files(invocation, host);
    let (sources, targets) = (Sources::default(), Targets::read(&files, host));
    let has_image = |_: &str| false;
    let typed: Origins = invocation.named_by.origins();
    let mut project = ProjectLowering::new(&model, &sources, host, &has_image, &typed);
    for (name, target) in entries(&model, "target") {
        // Where its block begins; what it is made of may stand anywhere.
        let origins = match targets.get(name) {
            Some(place) => vec![Origin::File(place)],
            None => typed.clone(),
        };
        project.origins.clone_from(&origins);
        buildx::of_target(target, &origins, &mut project.effects);
        let effects = of_build(&mut project, name, target, origins, &[PathStep::Key("target"), PathStep::Key(name)]);
        project.effects.extend(effects);
    }
    lowered.effects.append(&mut project.effects);
}
