//! The containers that an engine has of a compose project: whether they come from the folder and the files of this command, or from
//! others that have the project's name by accident.
//!
//! Compose finds what belongs to a project by its name alone, so a second folder with the same name takes the first one's containers
//! for its own (compose `pkg/compose/containers.go`).

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::compose_files::{ComposeFiles, above};
use super::model::{ComposeModel, entries, spoken, text};
use super::operation::{Difference, OtherProject};
use super::project::{WantedServices, chosen};
use super::sources::is_remote;
use crate::engine::{Inspect, Lookup, ProjectContainer};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;
use crate::target::choose;

/// What a compose command does to the containers of its project.
struct Doing {
    /// What it does to those of its services.
    does: &'static str,
    /// It makes containers, so it joins the other project's networks in any case.
    makes: bool,
}

fn doing(command: &str, invocation: &Invocation) -> Option<Doing> {
    let (does, makes) = match command {
        "up" | "create" | "scale" | "alpha scale" | "watch" | "alpha watch" => ("replace or take over", true),
        "run" => ("use", true),
        "down" | "rm" => ("remove", false),
        "wait" if invocation.on("down-project") => ("remove", false),
        "start" | "stop" | "restart" | "kill" | "pause" | "unpause" => match command {
            "start" => ("start", false),
            "stop" => ("stop", false),
            "restart" => ("restart", false),
            "kill" => ("kill", false),
            "pause" => ("pause", false),
            _ => ("resume", false),
        },
        _ => return None,
    };
    Some(Doing { does, makes })
}

/// The other project that a compose command would meet, if any. `wanted` is what it wants of its model.
pub fn other_project(
    command: &str,
    invocation: &Invocation,
    model: &dyn Fn() -> Lookup<ComposeModel>,
    wanted: Option<&WantedServices>,
    facts: &dyn Inspect,
    host: &dyn Host,
) -> Option<OtherProject> {
    let doing = doing(command, invocation)?;
    let files = ComposeFiles::of_words(invocation, host);
    // Without files there is no project here that another one could be taken for, and those from elsewhere have no folder.
    if files.paths.is_empty() || files.paths.iter().any(|path| is_remote(path)) {
        return None;
    }
    let (folder, paths) = files.whole(host);
    let unknown = |why: String| OtherProject {
        name: String::new(),
        here: vec![folder.clone()],
        there: Vec::new(),
        difference: Difference::Unknown(why),
        command: command.to_owned(),
        does: doing.does,
        makes: doing.makes,
        containers: Vec::new(),
        volumes: Vec::new(),
        removes_volumes: command == "down" && invocation.on("volumes"),
        suggested: String::new(),
    };
    let model = model();
    let model = match &model {
        Lookup::Found(model) => model.project(),
        // Compose will say the same, and do nothing.
        Lookup::Missing | Lookup::NoEngine => return None,
        Lookup::Unknown(why) => return Some(unknown(why.clone())),
    };
    let name = text(model, "name");
    let containers = match facts.project_containers(&name) {
        Lookup::Found(containers) => containers,
        Lookup::Missing | Lookup::NoEngine => return None,
        Lookup::Unknown(why) => return Some(OtherProject { name, ..unknown(why) }),
    };
    let same = |one: &str, other: &str| one == other || host.resolve(one) == host.resolve(other);
    let shares_file = |it: &ProjectContainer| it.files.iter().any(|file| paths.iter().any(|path| same(file, path)));
    let is_other = |it: &&ProjectContainer| match same(&it.folder, &folder) {
        // Standard input has no name, and old versions wrote none down.
        true => !it.files.is_empty() && !it.files.iter().chain(&paths).any(|file| file == "-") && !shares_file(it),
        false => !shares_file(it),
    };
    let others: Vec<&ProjectContainer> = containers.iter().filter(is_other).collect();
    let elsewhere: Vec<&ProjectContainer> = others.iter().copied().filter(|it| !same(&it.folder, &folder)).collect();
    let in_folder = elsewhere.is_empty();
    let others = if in_folder { others } else { elsewhere };
    if others.is_empty() {
        return None;
    }

    let services: HashSet<String> = match wanted {
        Some(wanted) => chosen(model, wanted).into_iter().collect(),
        None => chosen(model, &WantedServices { services: invocation.operand_texts(), ..WantedServices::default() })
            .into_iter()
            .collect(),
    };
    let has_service = |service: &str| entries(model, "services").any(|(name, _)| name == service);
    let takes_orphans = removes_orphans(command, invocation, host);
    let is_orphan = |it: &ProjectContainer| it.one_off || !has_service(&it.service);
    let touched = |it: &&&ProjectContainer| match is_orphan(it) {
        true => takes_orphans,
        // Without `--stop`, `rm` takes only what does not run.
        false if command == "rm" && !invocation.on("stop") && it.running => false,
        false => services.contains(&it.service),
    };
    let touches: Vec<&ProjectContainer> = others.iter().filter(touched).copied().collect();
    if touches.is_empty() && (in_folder || !doing.makes) {
        return None;
    }
    let volumes = volumes_of(model);
    let used = others.iter().flat_map(|it| &it.volumes).filter(|volume| volumes.contains(*volume));
    let removes_volumes = command == "down" && invocation.on("volumes");
    let alike = alike(&others, model, &name);
    // With one of its files in it, the folder is that of a project, whoever made the containers.
    let is_seen = |it: &&ProjectContainer| {
        host.is_directory(&it.folder)
            && !host.is_missing(&it.folder)
            && !it.files.iter().all(|file| host.is_missing(file))
    };
    // What is not here may be on another machine, or in a container that compose runs in.
    let gone = !others.iter().any(is_seen) && choose(invocation, host).is_local() && !is_in_container(host);
    let difference = match (in_folder, others.iter().any(is_seen)) {
        (true, _) => Difference::Files,
        (false, true) => Difference::Folder,
        (false, false) => Difference::OutOfSight { gone, alike },
    };
    let (here, there) = match difference {
        Difference::Files => (paths.clone(), distinct(others.iter().flat_map(|it| it.files.iter().cloned()))),
        _ => {
            let mut there = distinct(others.iter().map(|it| it.folder.clone()));
            // One folder may have several paths.
            there.dedup_by_key(|folder| host.resolve(folder));
            (vec![folder.clone()], there)
        }
    };
    let uses_volumes = removes_volumes || doing.makes;
    Some(OtherProject {
        suggested: another_name(&name, &folder, &there),
        name,
        here,
        there,
        difference,
        command: command.to_owned(),
        does: doing.does,
        makes: doing.makes,
        containers: distinct(touches.iter().map(|it| it.name.clone())),
        volumes: if uses_volumes { distinct(used.cloned()) } else { Vec::new() },
        removes_volumes,
    })
}

/// `--remove-orphans`, or the variable that stands for it.
fn removes_orphans(command: &str, invocation: &Invocation, host: &dyn Host) -> bool {
    let by_variable = || {
        let files = ComposeFiles::of_words(invocation, host);
        let named = above(invocation, "env-file");
        let set = host.env("COMPOSE_REMOVE_ORPHANS");
        let set =
            set.or_else(|| super::compose_files::dotenv(&files.folder, &named, host).remove("COMPOSE_REMOVE_ORPHANS"));
        // compose `pkg/utils/stringutils.go`, `StringToBool`.
        set.is_some_and(|value| matches!(value.to_lowercase().as_str(), "1" | "y" | "yes" | "t" | "true"))
    };
    let has_flag = matches!(command, "up" | "create" | "down" | "run" | "kill");
    let typed = invocation.last("remove-orphans").is_some();
    has_flag && if typed { invocation.on("remove-orphans") } else { by_variable() }
}

/// The names that the volumes of a project have on the engine.
fn volumes_of(model: &Value) -> HashSet<String> {
    let named = |(key, volume): (&String, &Value)| {
        spoken(volume, "name").unwrap_or_else(|| format!("{}_{key}", text(model, "name")))
    };
    entries(model, "volumes").map(named).collect()
}

/// Whether the services that both have use the same images, but for their tags.
fn alike(others: &[&ProjectContainer], model: &Value, project: &str) -> bool {
    let repository = |image: &str| values::reference(image).map_or_else(|_| image.to_owned(), |it| it.name());
    let same = |it: &&ProjectContainer| {
        let (_, service) = entries(model, "services").find(|(name, _)| **name == it.service)?;
        let image = spoken(service, "image").unwrap_or_else(|| format!("{project}-{}", it.service));
        // The engine shows an id where the image's name has moved on.
        let is_id = it.image.starts_with("sha256:")
            || it.image.len() >= 12 && it.image.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(is_id || repository(&it.image) == repository(&image))
    };
    let known: Vec<bool> = others.iter().filter(|it| !it.one_off).filter_map(same).collect();
    !known.is_empty() && known.iter().all(|same| *same)
}

/// Docker and podman leave a file in the root of each container.
fn is_in_container(host: &dyn Host) -> bool {
    host.exists("/.dockerenv") || host.exists("/run/.containerenv")
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.filter(|text| !text.is_empty()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The project's name with the part of this folder's path that the other folder does not have.
fn another_name(name: &str, folder: &str, there: &[String]) -> String {
    let others: HashSet<&str> = there.iter().flat_map(|path| path.split('/')).collect();
    let slug = |part: &str| {
        let lower = part.to_lowercase();
        lower.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter)).collect::<String>()
    };
    let own = folder
        .rsplit('/')
        .map(|part| (part, slug(part)))
        .find(|(part, slug)| !slug.is_empty() && slug != name && !others.contains(part));
    match own {
        Some((_, own)) => format!("{name}-{}", own.trim_start_matches(['-', '_'])),
        None => format!("{name}-2"),
    }
}

/// Where a project is named and the engine has nothing of it: the projects that it has. None where there is something, where nobody
/// named the project, or where that is not known.
pub fn names_no_project(
    command: &str,
    invocation: &Invocation,
    facts: &dyn Inspect,
    host: &dyn Host,
) -> Option<(String, Vec<String>)> {
    let makes = doing(command, invocation)?.makes;
    let name = named_project(invocation, host).filter(|_| !makes)?;
    // Asked first: this is less to answer.
    if !matches!(facts.project_containers(&name), Lookup::Found(containers) if containers.is_empty()) {
        return None;
    }
    match facts.project_names() {
        Lookup::Found(names) if !names.is_empty() && !names.contains(&name) => Some((name, names)),
        _ => None,
    }
}

/// The project that the words or a variable name.
pub fn named_project(invocation: &Invocation, host: &dyn Host) -> Option<String> {
    let typed = above(invocation, "project-name").pop().or_else(|| host.env("COMPOSE_PROJECT_NAME"));
    Some(typed.filter(|name| !name.is_empty())?.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_tells_the_folders_apart() {
        for (name, folder, there, expected) in [
            ("shop", "/srv/b/shop", "/srv/a/shop", "shop-b"),
            ("shop", "/srv/shop2", "/srv/shop", "shop-shop2"),
            ("shop", "/home/Ann B/shop", "/home/bob/shop", "shop-annb"),
            ("shop", "/srv", "/srv/shop", "shop-2"),
            ("shop", "/", "/srv/shop", "shop-2"),
            ("app", "/srv/__x/app", "/srv/y/app", "app-x"),
        ] {
            assert_eq!(another_name(name, folder, &[there.to_owned()]), expected, "{folder}");
        }
    }
}
