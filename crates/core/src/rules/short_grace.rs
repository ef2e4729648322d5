//! A database that has ten seconds to end.

use super::by_id::running;
use super::stops_containers::kills;
use super::{COMMON, Case, Class, Finding, Rule};
use crate::grammar::values::reference;

/// Names of images whose program writes its data to disk before it ends. Also those of a publisher: `bitnami/postgresql`.
const DATABASES: &[&str] = &[
    "postgres",
    "postgresql",
    "postgis",
    "timescaledb",
    "mysql",
    "mariadb",
    "percona",
    "mongo",
    "mongodb",
    "redis",
    "valkey",
    "keydb",
    "elasticsearch",
    "opensearch",
    "influxdb",
    "cassandra",
    "scylla",
    "couchdb",
    "couchbase",
    "neo4j",
    "rabbitmq",
    "clickhouse",
    "clickhouse-server",
    "etcd",
    "arangodb",
    "cockroach",
    "oracle-xe",
    "mssql",
    "server",
];

pub static RULE: Rule = Rule {
    id: "short-grace",
    title: "a database has 10 seconds to end",
    class: Class::Outage,
    why: "After 10 seconds the engine kills the container. A database that is still writing then has to recover at its next start, which \
          can take minutes.",
    instead: "docker stop -t 60; for all later stops: --stop-timeout 60 of docker run, stop_grace_period in a compose file",
    references: &["https://docs.docker.com/reference/cli/docker/container/stop/"],
    fires: &["stop orders-db", "restart orders-db"],
    quiet: &["stop -t 60 orders-db", "stop serving", "pause orders-db"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for request in
        case.requests().filter(|request| request.method == "POST" && !kills(request) && request.value("t").is_none())
    {
        let ends = ["/stop", "/restart"].into_iter().find_map(|end| request.object("/containers/", end));
        let Some(typed) = ends else { continue };
        for container in running(case, std::iter::once(typed)) {
            if is_database(&container.image) && container.stop_timeout.is_none_or(|seconds| seconds <= 10) {
                let title = format!("{} ({}) has 10 seconds to end", container.name, container.image);
                findings.push(RULE.found(&request.origins).titled(title).less_strict());
            }
        }
    }
    findings
}

fn is_database(image: &str) -> bool {
    let Ok(parsed) = reference(image) else { return false };
    let name = parsed.path.rsplit('/').next().unwrap_or_default();
    // Microsoft's is `mssql/server`.
    if name == "server" { parsed.path.ends_with("mssql/server") } else { DATABASES.contains(&name) }
}
