//! Data in a container's own layer, which is deleted with the container.

use super::data_places::{self, DataPlace, Persistence};
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::Directive;
use crate::grammar::values::{clean, reference};
use crate::lower::{Build, Origins, Request, Workload};
use crate::plan::freed::total;
use crate::plan::{Item, ObjectKind, Step};
use crate::text::{bytes, count, named};

/// A layer with less than this is what a program leaves behind by running: logs, caches, process ids.
const WORTH_SAVING: i64 = 10_000_000;

pub static RULE: Rule = Rule {
    id: "unsaved-data",
    title: "data is not in a named volume",
    class: Class::Hygiene,
    confidence: Confidence::Possible,
    of_services: "keep data outside of a named volume",
    why: "Data in a container's own layer is removed with the container. Data in an anonymous volume stays behind, \
          but the next container does not use it. Updating the image replaces the container.",
    instead: "a named volume: -v NAME:/path",
    references: &["https://docs.docker.com/engine/storage/"],
    fires: &[
        "run -d postgres:17",
        "create mysql:8",
        "run -d -v pg:/var/lib/postgresql postgres:17",
        "run -d -v pg:/var/lib/postgresql/data postgres:18",
        "run -d -v store:/data minio/minio:1 server /export",
        "run -d stateful:1",
        "rm -f heavy",
        "container prune -f",
        "compose -p shop down",
    ],
    quiet: &[
        "run -d -v pg:/var/lib/postgresql/data postgres:17",
        "run -d -v pg:/var/lib/postgresql postgres:18",
        "run -d -e PGDATA=/pg -v pg:/pg postgres:17",
        "run -d -v store:/export minio/minio:1 server /export",
        "run -d safe:1",
        "run --rm postgres:17",
        "rm -f light",
        "system prune -a",
        "compose -p small down",
    ],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM debian:13\nRUN apt-get update && apt-get install -y postgresql\nENV PGDATA=/var/lib/postgresql/data\nUSER postgres\n",
        good: "FROM debian:13\nRUN apt-get update && apt-get install -y postgresql\nENV PGDATA=/var/lib/postgresql/data\nVOLUME /var/lib/postgresql/data\nUSER postgres\n",
    }],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let in_files = case.builds().filter_map(|build| in_dockerfile(case, build));
    at_start(case).chain(in_files).chain(at_removal(case)).collect()
}

/// A known data directory that no VOLUME covers.
fn in_dockerfile(case: &Case, build: &Build) -> Option<Finding> {
    let file = build.file()?;
    let line = file.line(build.stage);
    let first = file.first_of(build.stage)?;
    let parsed = reference(&first.image).ok();
    let name = parsed.as_ref().and_then(|parsed| parsed.path.rsplit('/').next()).unwrap_or_default();
    let mut covered: Vec<String> = match case.facts.image(&first.image) {
        Lookup::Found(image) => image.volumes,
        // The usual images of these programs declare a volume themselves.
        _ if data_places::is_known(name) => return None,
        _ => Vec::new(),
    };
    let instructions = || file.instructions_of(&line);
    for instruction in instructions() {
        if let Directive::Volume(list) = &instruction.what {
            covered.extend(list.iter().map(|path| clean(path)));
        }
    }
    // Each known place is compared once with all volumes, not each word that names it.
    let is_covered = |place: &str| covered.iter().any(|path| within(place, path) || within(path, place));
    let open: Vec<&str> = data_places::all().filter(|place| !is_covered(place)).collect();
    for instruction in instructions().filter(|instruction| !instruction.on_build) {
        let words: Vec<String> = match &instruction.what {
            Directive::Env(list) => list.iter().map(|(_, value)| value.trim_matches(['"', '\'']).to_owned()).collect(),
            Directive::Cmd(command) | Directive::Entrypoint(command) => split_words(&command.script()),
            Directive::Run(command) if command.script().contains("mkdir") => split_words(&command.script()),
            Directive::Workdir(word) => vec![word.text.clone()],
            _ => continue,
        };
        let places =
            words.iter().filter_map(|word| word.rsplit_once('=').map_or(Some(word.as_str()), |(_, value)| Some(value)));
        // `/data` alone may be anything.
        let is_open = |word: &str| {
            let word = word.trim_end_matches('/');
            word.len() > "/data/db".len() && open.contains(&word)
        };
        if let Some(place) = places.into_iter().find(|word| is_open(word)) {
            let title = format!("no VOLUME for {place}, where the program keeps its data");
            return Some(RULE.found(&build.origins).titled(title).in_file(file.place(&instruction.span)));
        }
    }
    None
}

fn split_words(script: &str) -> Vec<String> {
    script
        .split(|letter: char| letter.is_whitespace() || matches!(letter, ';' | '&' | '"' | '\''))
        .map(str::to_owned)
        .collect()
}

fn at_start<'a>(case: &'a Case) -> impl Iterator<Item = Finding> + 'a {
    // What goes away with its command is meant to: nothing is asked about it.
    case.whole_workloads().filter(|workload| !workload.goes_with_its_command()).filter_map(|workload| {
        let place = unsaved(case, workload)?;
        let mut found = RULE
            .found(&workload.image_origins)
            .titled(format!("nothing is mounted at {}, where the program keeps its data", place.mount_at))
            .about(workload);
        found.instead = format!("a named volume: -v NAME:{}", place.mount_at);
        let near = workload.mounts.iter().map(|mount| clean(&mount.target));
        if let Some(near) = near.filter(|near| within(near, &place.mount_at) || within(&place.mount_at, near)).max() {
            found.why = format!(
                "The data is in {}, and the image declares a volume at {}: the engine puts a new anonymous volume there, whatever is mounted \
                 at {near}. {}",
                place.data, place.mount_at, RULE.why
            );
        }
        Some(found)
    })
}

/// Whether a path is another one or below it.
fn within(path: &str, of: &str) -> bool {
    of == "/" || path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'))
}

/// The first place of data at which the data would not be in a volume that has a name.
fn unsaved(case: &Case, workload: &Workload) -> Option<DataPlace> {
    if !workload.volumes_from.is_empty() {
        return None;
    }
    let image = match case.image(workload) {
        Lookup::Found(image) => Some(image),
        Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => None,
    };
    let declared: Option<Vec<String>> =
        image.as_ref().map(|image| image.volumes.iter().map(|path| clean(path)).collect());
    let of_image = image.as_ref().map(|image| image.env.as_slice()).unwrap_or_default();
    let variables = of_image.iter().filter_map(|text| text.split_once('='));
    let variables = variables.chain(workload.env.iter().map(|(name, value, _)| (name.as_str(), value.as_str())));
    let name = workload.image.as_deref().unwrap_or_default();
    let typed = workload.entrypoint.iter().flatten().chain(&workload.command);
    let mut words: Vec<&str> = typed.map(String::as_str).collect();
    if workload.command.is_empty() && workload.entrypoint.is_none() {
        words.extend(image.iter().flat_map(|image| &image.command).map(String::as_str));
    }
    if data_places::is_cache(name) && !is_written_down(case, workload, &words) {
        return None;
    }
    let said = data_places::of_command(name, &words).or_else(|| data_places::of_variables(variables));
    let by_name = data_places::of_image(name);
    // The volumes that the image declares, or those of a known one. Publishers with a folder of their own do not all declare it.
    let volumes = declared
        .clone()
        .unwrap_or_else(|| by_name.iter().filter(|place| !place.below).map(|place| place.mount_at.clone()).collect());
    let known: Vec<DataPlace> = match said {
        Some(data) => {
            let above = volumes.iter().filter(|volume| within(&data, volume)).max_by_key(|volume| volume.len());
            vec![DataPlace { mount_at: above.unwrap_or(&data).clone(), data, below: false }]
        }
        None => by_name,
    };
    // An image with this name that declares other volumes is another program's.
    let fits = |place: &DataPlace| {
        declared.as_ref().is_none_or(|all| all.is_empty() || all.iter().any(|volume| within(&place.data, volume)))
    };
    if known.iter().any(fits) {
        // Which of them it is, is not known: one that is kept is enough.
        let all_lost = known.iter().all(|place| !is_kept(workload, place, &volumes));
        return known.into_iter().next().filter(|_| all_lost);
    }
    let of_volume = |path: &String| DataPlace { data: path.clone(), mount_at: path.clone(), below: true };
    let declared_places = declared.iter().flatten().map(of_volume);
    declared_places.into_iter().find(|place| !is_kept(workload, place, &volumes))
}

/// Whether a cache is told to write its data down, by its command or by the file that this names. A file that cannot be read may say so.
fn is_written_down(case: &Case, workload: &Workload, words: &[&str]) -> bool {
    let scripts: Vec<&str> = words
        .iter()
        .flat_map(|word| if word.contains(' ') { word.split(' ').collect() } else { vec![*word] })
        .collect();
    match data_places::persistence(&scripts) {
        Persistence::Asked => true,
        Persistence::NotAsked => false,
        Persistence::InFile(path) => {
            let path = clean(&path);
            let mounted = workload.mounts.iter().find_map(|mount| {
                let rest = path.strip_prefix(&clean(&mount.target))?;
                (mount.source.starts_with('/') && (rest.is_empty() || rest.starts_with('/')))
                    .then(|| format!("{}{rest}", mount.source))
            });
            let text = mounted.and_then(|path| case.host.start(&path, LARGEST_CONFIGURATION).ok());
            text.is_none_or(|text| data_places::persists(&String::from_utf8_lossy(&text)))
        }
    }
}

/// So many bytes of a configuration are read.
const LARGEST_CONFIGURATION: usize = 256 * 1024;

/// Whether the data is in a volume with a name, a folder of the host, or memory on purpose. What is mounted deepest above the data
/// holds it; at each volume that an image declares and at which nothing is mounted, the engine puts an anonymous one.
fn is_kept(workload: &Workload, place: &DataPlace, declared: &[String]) -> bool {
    let typed = workload.mounts.iter().map(|mount| (clean(&mount.target), !mount.source.is_empty()));
    let mut mounted: Vec<(String, bool)> =
        typed.chain(workload.tmpfs.iter().map(|target| (clean(target), true))).collect();
    if place.below && mounted.iter().any(|(target, kept)| *kept && within(target, &place.data)) {
        return true;
    }
    for volume in declared {
        if !mounted.iter().any(|(target, _)| target == volume) {
            mounted.push((volume.clone(), false));
        }
    }
    let deepest =
        mounted.into_iter().filter(|(target, _)| within(&place.data, target)).max_by_key(|(target, _)| target.len());
    deepest.is_some_and(|(_, kept)| kept)
}

/// Containers that a deletion takes, whatever command deletes them. The plan has the bytes of their own layers: it is made anyway for
/// the question and for what is kept, so nothing more is asked of the engine.
fn at_removal(case: &Case) -> Vec<Finding> {
    // Where everything goes, the rule about that says so.
    if !case.deletes() || !(super::prune_all::RULE.check)(case).is_empty() {
        return Vec::new();
    }
    // Sizes that are not known are no finding: the removal itself is one, and what is protected is asked for first.
    if case.facts.protections_of(case.steps()).is_err() {
        return Vec::new();
    }
    let Ok(plan) = case.facts.plan(case.steps()) else { return Vec::new() };
    let large = |item: &&Item| item.size.is_some_and(|size| size >= WORTH_SAVING);
    let mut by_origin: Vec<(Origins, Vec<&Item>)> = Vec::new();
    for item in plan.of(ObjectKind::Container).filter(large) {
        let origins = origins_of(case, plan.steps.get(item.step));
        match by_origin.iter_mut().find(|(known, _)| *known == origins) {
            Some((_, items)) => items.push(item),
            None => by_origin.push((origins, vec![item])),
        }
    }
    by_origin.iter().map(|(origins, items)| removed(origins, items)).collect()
}

/// What in the command names these containers: the request for one of them, or the command as a whole.
fn origins_of(case: &Case, step: Option<&Step>) -> Origins {
    let prunes = |request: &&Request| request.is("POST", "/containers/prune");
    let request = match step {
        Some(Step::Container { name, .. }) => case
            .requests()
            .find(|request| request.method == "DELETE" && request.object("/containers/", "") == Some(name.as_str())),
        Some(Step::PruneContainers(_)) => case.requests().find(prunes),
        _ => None,
    };
    request.map_or_else(|| case.lowered.command.clone(), |request| request.origins.clone())
}

fn removed(origins: &Origins, items: &[&Item]) -> Finding {
    let size = bytes(total(items.iter().filter_map(|item| item.size)));
    let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    let (title, has) = match names.as_slice() {
        [one] => (format!("{size} of data in the own layer of {one}"), format!("{one} has {size} of data that is")),
        several => {
            let whose = format!("{}: {}", count(several.len(), "container"), named(several));
            (
                format!("{size} of data in the own layers of {whose}"),
                format!("{} have {size} of data that is", count(several.len(), "container")),
            )
        }
    };
    let mut finding = RULE.found(origins).titled(title).of_class(Class::Loss);
    finding.why = format!(
        "{has} in no volume and no image. The data is removed with the container, and docker cannot restore it."
    );
    let name = names.first().copied().unwrap_or("NAME");
    finding.instead = format!(
        "docker commit {name} NAME saves the layer, docker cp single files; docker diff {name} lists the changed files"
    );
    finding
}
