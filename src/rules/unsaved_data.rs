//! Data written to a container's own layer, which the next `rm` throws away.

use super::{Case, Class, Finding, Rule, bytes};
use crate::effects::Workload;
use crate::facts::Known;
use crate::grammar::values::{clean, reference};

/// Where known programs keep their data, by the last part of the image's name.
const DATA: &[(&str, &str)] = &[
    ("postgres", "/var/lib/postgresql/data"), ("postgis", "/var/lib/postgresql/data"), ("timescaledb", "/var/lib/postgresql/data"),
    ("mysql", "/var/lib/mysql"), ("mariadb", "/var/lib/mysql"), ("percona", "/var/lib/mysql"), ("mongo", "/data/db"),
    ("redis", "/data"), ("valkey", "/data"), ("keydb", "/data"), ("elasticsearch", "/usr/share/elasticsearch/data"),
    ("opensearch", "/usr/share/opensearch/data"), ("influxdb", "/var/lib/influxdb2"), ("cassandra", "/var/lib/cassandra"),
    ("couchdb", "/opt/couchdb/data"), ("couchbase", "/opt/couchbase/var"), ("neo4j", "/data"), ("rabbitmq", "/var/lib/rabbitmq"),
    ("clickhouse-server", "/var/lib/clickhouse"), ("clickhouse", "/var/lib/clickhouse"), ("minio", "/data"),
    ("prometheus", "/prometheus"), ("grafana", "/var/lib/grafana"), ("registry", "/var/lib/registry"),
    ("jenkins", "/var/jenkins_home"), ("gitea", "/data"), ("nextcloud", "/var/www/html"), ("vault", "/vault/file"),
    ("etcd", "/var/lib/etcd"), ("consul", "/consul/data"), ("zookeeper", "/data"), ("solr", "/var/solr"),
    ("rethinkdb", "/data"), ("arangodb", "/var/lib/arangodb3"), ("qdrant", "/qdrant/storage"), ("cockroach", "/cockroach/cockroach-data"),
];

/// A layer with less than this is what a program leaves behind by running: logs, caches, process ids.
const WORTH_SAVING: i64 = 10_000_000;

pub static RULE: Rule = Rule {
    id: "unsaved-data",
    title: "data that the next rm throws away",
    class: Class::Hygiene,
    why: "What is written to a container's own layer, or to a volume without a name, goes with the container or is lost \
          from sight: an update of the image is enough.",
    instead: "-v NAME:/path with a volume that has a name",
    references: &["https://docs.docker.com/engine/storage/"],
    fires: &["run -d postgres:17", "create mysql:8", "run -d stateful:1", "rm heavy"],
    quiet: &["run -d -v pg:/var/lib/postgresql/data postgres:17", "run -d --mount source=pg,target=/var/lib/postgresql postgres:17", "run -d safe:1", "run --rm postgres:17", "rm light"],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    at_start(case).chain(at_removal(case)).collect()
}

fn at_start<'a>(case: &'a Case) -> impl Iterator<Item = Finding> + 'a {
    // What goes away with its command is meant to: nothing is asked about it.
    case.whole_workloads().filter(|workload| !workload.goes_with_its_command()).filter_map(|workload| {
        let places = data_of(case, workload);
        let unsaved: Vec<&String> = places.iter().filter(|place| !is_kept(workload, place)).collect();
        let place = unsaved.first()?;
        Some(
            RULE.found(&workload.image_words)
                .titled(format!("nothing is mounted at {place}, where it keeps its data"))
                .about(workload),
        )
    })
}

/// What the image declares, or where a known program keeps its data.
fn data_of(case: &Case, workload: &Workload) -> Vec<String> {
    if let Known::Is(image) = case.image(workload)
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
        let within = |path: &str, of: &str| path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'));
        within(&place, &target) || within(&target, &place)
    };
    workload.tmpfs.iter().any(|target| covers(target))
        || !workload.volumes_from.is_empty()
        || workload.mounts.iter().any(|mount| !mount.source.is_empty() && covers(&mount.target))
}

fn at_removal<'a>(case: &'a Case) -> impl Iterator<Item = Finding> + 'a {
    case.requests().filter(|request| request.is("DELETE", "/containers/*") && !request.path.contains("/checkpoints/")).filter_map(|request| {
        let container = case.facts.container(request.object("/containers/", "")?, true).is()?;
        let size = container.layer_bytes.filter(|size| *size >= WORTH_SAVING)?;
        let mut finding = RULE.found(&request.words).titled(format!("{} in the layer of {}", bytes(size), container.name));
        finding.class = Class::Loss;
        finding.why = format!(
            "{} holds {} that are in no volume and no image; they go with it, and docker cannot bring them back.",
            container.name,
            bytes(size)
        );
        finding.instead = format!("docker commit {} NAME keeps the layer, docker cp single files; docker diff shows them", container.name);
        Some(finding)
    })
}
