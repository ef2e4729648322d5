//! Data in a container's own layer, which is deleted with the container.

use super::{COMMON, Case, Class, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::Directive;
use crate::grammar::values::{clean, reference};
use crate::lower::{Build, Origins, Request, Workload};
use crate::plan::freed::total;
use crate::plan::{Item, ObjectKind, Step};
use crate::text::{bytes, count, named};

/// Where known programs keep their data, by the last part of the image's name.
const DATA: &[(&str, &str)] = &[
    ("postgres", "/var/lib/postgresql/data"),
    ("postgis", "/var/lib/postgresql/data"),
    ("timescaledb", "/var/lib/postgresql/data"),
    ("mysql", "/var/lib/mysql"),
    ("mariadb", "/var/lib/mysql"),
    ("percona", "/var/lib/mysql"),
    ("mongo", "/data/db"),
    ("redis", "/data"),
    ("valkey", "/data"),
    ("keydb", "/data"),
    ("elasticsearch", "/usr/share/elasticsearch/data"),
    ("opensearch", "/usr/share/opensearch/data"),
    ("influxdb", "/var/lib/influxdb2"),
    ("cassandra", "/var/lib/cassandra"),
    ("couchdb", "/opt/couchdb/data"),
    ("couchbase", "/opt/couchbase/var"),
    ("neo4j", "/data"),
    ("rabbitmq", "/var/lib/rabbitmq"),
    ("clickhouse-server", "/var/lib/clickhouse"),
    ("clickhouse", "/var/lib/clickhouse"),
    ("minio", "/data"),
    ("prometheus", "/prometheus"),
    ("grafana", "/var/lib/grafana"),
    ("registry", "/var/lib/registry"),
    ("jenkins", "/var/jenkins_home"),
    ("gitea", "/data"),
    ("nextcloud", "/var/www/html"),
    ("vault", "/vault/file"),
    ("etcd", "/var/lib/etcd"),
    ("consul", "/consul/data"),
    ("zookeeper", "/data"),
    ("solr", "/var/solr"),
    ("rethinkdb", "/data"),
    ("arangodb", "/var/lib/arangodb3"),
    ("qdrant", "/qdrant/storage"),
    ("cockroach", "/cockroach/cockroach-data"),
];

/// A layer with less than this is what a program leaves behind by running: logs, caches, process ids.
const WORTH_SAVING: i64 = 10_000_000;

pub static RULE: Rule = Rule {
    id: "unsaved-data",
    title: "data is not in a named volume",
    class: Class::Hygiene,
    why: "Data in a container's own layer is removed with the container. Data in an anonymous volume stays behind, \
          but the next container does not use it. Updating the image replaces the container.",
    instead: "a named volume: -v NAME:/path",
    references: &["https://docs.docker.com/engine/storage/"],
    fires: &[
        "run -d postgres:17",
        "create mysql:8",
        "run -d stateful:1",
        "rm -f heavy",
        "container prune -f",
        "compose -p shop down",
    ],
    quiet: &[
        "run -d -v pg:/var/lib/postgresql/data postgres:17",
        "run -d --mount source=pg,target=/var/lib/postgresql postgres:17",
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
        _ if DATA.iter().any(|(known, _)| *known == name) => return None,
        _ => Vec::new(),
    };
    let instructions = || file.instructions_of(&line);
    for instruction in instructions() {
        if let Directive::Volume(list) = &instruction.what {
            covered.extend(list.iter().map(|path| clean(path)));
        }
    }
    let within = |path: &str, of: &str| path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'));
    // Each known place is compared once with all volumes, not each word that names it.
    let is_covered = |place: &str| covered.iter().any(|path| within(place, path) || within(path, place));
    let open: Vec<&str> = DATA.iter().map(|(_, place)| *place).filter(|place| !is_covered(place)).collect();
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
        let places = data_of(case, workload);
        let unsaved: Vec<&String> = places.iter().filter(|place| !is_kept(workload, place)).collect();
        let place = unsaved.first()?;
        Some(
            RULE.found(&workload.image_origins)
                .titled(format!("nothing is mounted at {place}, where the program keeps its data"))
                .about(workload),
        )
    })
}

/// What the image declares, or where a known program keeps its data.
fn data_of(case: &Case, workload: &Workload) -> Vec<String> {
    if let Lookup::Found(image) = case.image(workload)
        && !image.volumes.is_empty()
    {
        return image.volumes;
    }
    let Some(parsed) = workload.image.as_deref().and_then(|name| reference(name).ok()) else { return Vec::new() };
    let name = parsed.path.rsplit('/').next().unwrap_or_default();
    DATA.iter().find(|(known, _)| *known == name).map(|(_, place)| (*place).to_owned()).into_iter().collect()
}

/// Whether something with a name is mounted there, above, or just below (newer postgres images keep data one level down).
fn is_kept(workload: &Workload, place: &str) -> bool {
    let place = clean(place);
    let covers = |target: &str| {
        let target = clean(target);
        let within =
            |path: &str, of: &str| path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'));
        within(&place, &target) || within(&target, &place)
    };
    workload.tmpfs.iter().any(|target| covers(target))
        || !workload.volumes_from.is_empty()
        || workload.mounts.iter().any(|mount| !mount.source.is_empty() && covers(&mount.target))
}

/// Containers that a deletion takes, whatever command deletes them. The plan has the bytes of their own layers: it is made anyway for
/// the question and for what is kept, so nothing more is asked of the engine.
fn at_removal(case: &Case) -> Vec<Finding> {
    // Where everything goes, the rule about that says so.
    if !case.deletes() || !(super::prune_all::RULE.check)(case).is_empty() {
        return Vec::new();
    }
    // Sizes that are not known are no finding: the removal itself is one, and what is protected is asked for first.
    if case.facts.protections().is_err() {
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
