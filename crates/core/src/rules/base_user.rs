//! Base images that do not leave a program as root: those that name a user of their own, and official ones whose entry point or whose
//! program steps down by itself. An engine that knows the image knows better; these are for where none does.

use super::fix::official;

/// Official images, and the programs that their entry point starts as another user. Given another program, it does not step down.
///
/// Read in the entry points of the repositories that docker-library/official-images names (docker-library, apache, MariaDB, neo4j, influxdata,
/// valkey-io, 31z4/zookeeper-docker, hashicorp/docker-vault): `gosu`, `su-exec`, `setpriv` or `runuser` where the first word is the program.
/// The web servers start as root and have the user of their workers in their configuration.
const STEP_DOWN: &[(&str, &[&str])] = &[
    ("cassandra", &["cassandra"]),
    ("chronograf", &["chronograf"]),
    ("couchdb", &["couchdb", "/opt/couchdb/bin/couchdb"]),
    ("flink", &["jobmanager", "taskmanager", "standalone-job"]),
    ("ghost", &["node"]),
    ("httpd", &["httpd-foreground", "httpd"]),
    ("influxdb", &["influxd"]),
    ("kapacitor", &["kapacitord"]),
    ("mariadb", &["mariadbd", "mysqld"]),
    ("mongo", &["mongod", "mongos"]),
    ("mysql", &["mysqld"]),
    ("drupal", PHP_SERVERS),
    ("joomla", PHP_SERVERS),
    ("matomo", PHP_SERVERS),
    ("mediawiki", PHP_SERVERS),
    ("neo4j", &["neo4j"]),
    ("nextcloud", PHP_SERVERS),
    ("nginx", &["nginx", "nginx-debug"]),
    ("postgres", &["postgres"]),
    ("rabbitmq", &["rabbitmq-server"]),
    ("redis", &["redis-server"]),
    ("php", PHP_SERVERS),
    ("phpmyadmin", PHP_SERVERS),
    ("redmine", &["rails", "passenger"]),
    ("telegraf", &["telegraf"]),
    ("valkey", &["valkey-server"]),
    ("vault", &["server"]),
    ("wordpress", PHP_SERVERS),
    ("zookeeper", &["zkServer.sh"]),
];

/// What images with PHP start.
const PHP_SERVERS: &[&str] = &["apache2-foreground", "php-fpm"];

/// Images that name a user: the name, or its beginning where it ends in a slash.
///
/// `USER` was read in the Dockerfiles of docker-library's haproxy and memcached, and of solr, varnish, kong, sonarqube, percona, prometheus, loki,
/// opa, keycloak, superset, rundeck, jenkins, selenium and sonar-scanner-cli; the others are from their documentation. Not `grafana/promtail`,
/// which stays root to read logs.
const HAVE_A_USER: &[&str] = &[
    "apache/airflow",
    "apache/superset",
    "bitnami/",
    "bitnamilegacy/",
    "cgr.dev/chainguard/",
    "cimg/",
    "circleci/",
    "curlimages/curl",
    "docker.elastic.co/beats/",
    "docker.elastic.co/elasticsearch/",
    "docker.elastic.co/kibana/",
    "docker.elastic.co/logstash/",
    "elasticsearch",
    "grafana/grafana",
    "grafana/loki",
    "haproxy",
    "homebrew/brew",
    "jenkins/inbound-agent",
    "jenkins/jenkins",
    "jupyter/",
    "kibana",
    "kong",
    "logstash",
    "mcr.microsoft.com/mssql/server",
    "memcached",
    "nginxinc/nginx-unprivileged",
    "nodered/node-red",
    "openpolicyagent/opa",
    "percona",
    "prom/",
    "quay.io/jupyter/",
    "quay.io/keycloak/keycloak",
    "quay.io/prometheus/",
    "renovate/renovate",
    "rundeck/rundeck",
    "selenium/",
    "solr",
    "sonarqube",
    "sonarsource/sonar-scanner-cli",
    "varnish",
];

/// Bases below these names that leave the user to who builds from them.
const WITHOUT_A_USER: &[&str] = &[
    "bitnami/minideb",
    "cgr.dev/chainguard/chainguard-base",
    "cgr.dev/chainguard/wolfi-base",
    "prom/busybox",
    "quay.io/prometheus/busybox",
    "quay.io/prometheus/golang-builder",
];

/// Whether the image is known to name a user that is not root.
pub fn has_user(image: &str) -> bool {
    let (name, tag) = name_and_tag(image);
    if WITHOUT_A_USER.contains(&name) {
        return false;
    }
    let says_so = ["nonroot", "unprivileged", "rootless"].iter().any(|word| name.contains(word) || tag.contains(word));
    says_so
        || HAVE_A_USER.iter().any(|known| if known.ends_with('/') { name.starts_with(known) } else { name == *known })
}

/// Programs that, started as root, do their work as another user: their configuration or they themselves name it.
const STEP_DOWN_THEMSELVES: &[&str] = &[
    "apache2",
    "apache2-foreground",
    "apache2ctl",
    "apachectl",
    "chronyd",
    "dnsmasq",
    "dovecot",
    "httpd",
    "httpd-foreground",
    "mariadbd-safe",
    "mysqld_safe",
    "nginx",
    "nginx-debug",
    "php-fpm",
    "postfix",
    "sshd",
    "unbound",
    "vsftpd",
];

/// Whether a program gives root up by itself: `nginx`, `/usr/sbin/php-fpm8.2`.
pub fn steps_down_itself(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or_default();
    let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    STEP_DOWN_THEMSELVES.contains(&name) || STEP_DOWN_THEMSELVES.contains(&bare)
}

/// Official images that hold a system or a language's tools and start nothing but a shell or an interpreter, and `docker`, whose engine
/// cannot be without root.
const FOR_TOOLS: &[&str] = &[
    "almalinux",
    "alpine",
    "alt",
    "amazoncorretto",
    "amazonlinux",
    "archlinux",
    "bash",
    "buildpack-deps",
    "busybox",
    "centos",
    "clearlinux",
    "clojure",
    "composer",
    "debian",
    "docker",
    "eclipse-temurin",
    "elixir",
    "erlang",
    "fedora",
    "gcc",
    "golang",
    "gradle",
    "groovy",
    "haskell",
    "ibmjava",
    "julia",
    "mageia",
    "maven",
    "mono",
    "node",
    "openjdk",
    "opensuse",
    "oraclelinux",
    "perl",
    "photon",
    "pypy",
    "python",
    "r-base",
    "rockylinux",
    "ruby",
    "rust",
    "sapmachine",
    "swift",
    "ubuntu",
];

/// Whether a container of the image does nothing by itself: a program is added to it, or somebody works in it.
pub fn is_for_tools(image: &str) -> bool {
    let is_server = image.contains("fpm") || image.contains("apache");
    official(image).is_some_and(|name| FOR_TOOLS.contains(&name) || name == "php" && !is_server)
}

/// Whether an official image steps down when it starts this program; None for its own.
pub fn steps_down(image: &str, program: Option<&str>) -> bool {
    let Some(name) = official(image) else { return false };
    // `php` alone has the interpreter, which stays root.
    if name == "php" && program.is_none() && is_for_tools(image) {
        return false;
    }
    let Some((_, programs)) = STEP_DOWN.iter().find(|(known, _)| *known == name) else { return false };
    // A first word that is an option is handed to the image's own program.
    program.is_none_or(|program| program.starts_with('-') || programs.contains(&program))
}

/// The name without docker's own registry, and the tag.
fn name_and_tag(image: &str) -> (&str, &str) {
    let image = image.split('@').next().unwrap_or_default();
    let image = ["docker.io/", "index.docker.io/"].iter().find_map(|start| image.strip_prefix(start)).unwrap_or(image);
    let image = image.strip_prefix("library/").unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_with_a_user_and_without() {
        for image in [
            "jenkins/jenkins:2.479.1",
            "docker.io/jenkins/jenkins:lts",
            "grafana/grafana:11.3.0",
            "prom/prometheus:v3.0.0",
            "bitnami/redis:7.4",
            "cgr.dev/chainguard/python:latest",
            "gcr.io/distroless/static:nonroot",
            "gcr.io/distroless/static-debian12:nonroot-amd64",
            "nginxinc/nginx-unprivileged:1.29",
            "docker:28-rootless",
            "docker:28-dind-rootless",
            "curlimages/curl:8.11.0",
            "quay.io/keycloak/keycloak:26.0",
            "elasticsearch:8.16.1",
            "library/solr:9",
            "memcached:1.6",
            "haproxy:3.1",
            "varnish:7.6",
            "sonarqube:10-community",
            "cimg/go:1.23",
            "selenium/standalone-chrome:131.0",
        ] {
            assert!(has_user(image), "{image}");
        }
        for image in [
            "alpine:3.22",
            "node:24",
            "python:3.13",
            "golang:1.25",
            "debian:bookworm",
            "ubuntu:24.04",
            "gcr.io/distroless/static",
            "cgr.dev/chainguard/wolfi-base",
            "bitnami/minideb:bookworm",
            "quay.io/prometheus/busybox:latest",
            "grafana/promtail:3.0",
            "nginx:1.29",
            "postgres:17",
            "php:8.4-apache",
            "ruby:3.4",
            "openjdk:21",
            "eclipse-temurin:21",
            "rust:1.84",
            "docker:28",
            "me/solr:9",
            "example.com/jenkins/jenkins:1",
            "jenkins/agents:1",
            "bitnamix/redis:1",
            "grafana/grafana-dev:1",
            "tomcat:11",
        ] {
            assert!(!has_user(image), "{image}");
        }
    }

    #[test]
    fn an_official_image_steps_down_for_its_own_program() {
        for (image, program) in [
            ("postgres:17", None),
            ("redis:8", Some("redis-server")),
            ("mysql:8", Some("mysqld")),
            ("mysql:8", Some("--character-set-server=utf8mb4")),
            ("nginx:1.29", Some("nginx")),
            ("docker.io/library/mongo:8", Some("mongod")),
        ] {
            assert!(steps_down(image, program), "{image} {program:?}");
        }
        for (image, program) in [
            ("postgres:17", Some("python3")),
            ("redis:8", Some("sh")),
            ("me/postgres:17", None),
            ("node:24", None),
            ("nginx:1.29", Some("node")),
            ("alpine:3.22", None),
        ] {
            assert!(!steps_down(image, program), "{image} {program:?}");
        }
    }
}
