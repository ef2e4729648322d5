//! Images whose program has to start as root: it binds a low port, owns files of root, or steps down by itself.

use crate::engine::ImageFacts;
use crate::grammar::values::reference;

/// Docker's official images of this kind, and close relatives. Those that step down have an entry point that changes the
/// owner of their data first; with another user they stop at that.
const NAMES: &[&str] = &[
    "adminer",
    "aerospike",
    "alpine/socat",
    "apache",
    "arangodb",
    "backdrop",
    "bonita",
    "caddy",
    "cassandra",
    "clickhouse",
    "clickhouse-server",
    "convertigo",
    "couchbase",
    "couchdb",
    "crate",
    "cratedb",
    "dind",
    "docker",
    "dovecot",
    "drupal",
    "elasticsearch",
    "fluentd",
    "friendica",
    "geonetwork",
    "ghost",
    "gitea",
    "gitlab-ce",
    "gitlab-ee",
    "gitlab-runner",
    "haproxy",
    "httpd",
    "influxdb",
    "jenkins",
    "joomla",
    "kibana",
    "kong",
    "logstash",
    "lighttpd",
    "mailserver",
    "docker-mailserver",
    "mariadb",
    "matomo",
    "mediawiki",
    "memcached",
    "mongo",
    "mongo-express",
    "monica",
    "mysql",
    "nats-streaming",
    "neo4j",
    "nextcloud",
    "nginx",
    "nginx-proxy",
    "odoo",
    "openresty",
    "openvpn",
    "orientdb",
    "percona",
    "php",
    "phpmyadmin",
    "plone",
    "portainer",
    "portainer-ce",
    "postfixadmin",
    "postgis",
    "postgres",
    "pihole",
    "rabbitmq",
    "redis",
    "redmine",
    "registry",
    "rethinkdb",
    "rocket.chat",
    "samba",
    "silverpeas",
    "sonarqube",
    "spiped",
    "squid",
    "sshd",
    "storm",
    "swag",
    "telegraf",
    "timescaledb",
    "tomcat",
    "traefik",
    "unit",
    "valkey",
    "varnish",
    "vault",
    "watchtower",
    "wireguard",
    "wordpress",
    "xwiki",
    "yourls",
    "znc",
    "zookeeper",
];

/// Programs that change the user, and inits that start services as several ones.
const STEPS_DOWN: &[&str] = &[
    "gosu",
    "su-exec",
    "setpriv",
    "s6-setuidgid",
    "runuser",
    "chroot",
    "su",
    "sudo",
    "init",
    "systemd",
    "supervisord",
    "docker-entrypoint.sh",
    "docker-entrypoint",
    "dockerd-entrypoint.sh",
    "my_init",
    "s6-svscan",
    "nginx",
    "httpd",
    "httpd-foreground",
    "apache2",
    "apache2-foreground",
    "apachectl",
    "haproxy",
    "sshd",
    "crond",
    "cron",
    "dovecot",
    "postfix",
];

/// Whether this image is known to need root at its start.
pub fn needs_root(name: &str, image: Option<&ImageFacts>) -> bool {
    let parsed = reference(name).ok();
    let path = parsed.as_ref().map_or(name, |parsed| parsed.path.as_str());
    let last = path.rsplit('/').next().unwrap_or(path);
    let is_named = NAMES.contains(&last) || path.starts_with("linuxserver/") && !path.is_empty();
    let starts = |words: &[String]| {
        let words = words.iter().flat_map(|word| word.split_whitespace());
        words.take(4).any(|word| STEPS_DOWN.contains(&word.rsplit('/').next().unwrap_or(word)))
    };
    // `nginx-unprivileged` and its like say so in their name, and are none of the names above.
    is_named || image.is_some_and(|image| starts(&image.entrypoint) || starts(&image.command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_images_and_what_steps_down() {
        for name in [
            "nginx",
            "nginx:1.29",
            "library/httpd:2",
            "docker.io/library/postgres:17",
            "mirror.example.com/lib/mysql:8",
        ] {
            assert!(needs_root(name, None), "{name}");
        }
        for name in ["registry.example.com/api:1.4", "tools:1.4", "nginxinc/nginx-unprivileged", "alpine", "node:24"] {
            assert!(!needs_root(name, None), "{name}");
        }
        let image = |entrypoint: &[&str], command: &[&str]| ImageFacts {
            entrypoint: entrypoint.iter().map(|word| (*word).to_owned()).collect(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            ..ImageFacts::default()
        };
        for (entrypoint, command) in [
            (&["/docker-entrypoint.sh"][..], &["server"][..]),
            (&["/sbin/tini", "--", "gosu"], &[]),
            (&["/init"], &[]),
            (&[], &["nginx", "-g", "daemon off;"]),
            (&[], &["/bin/sh", "-c", "httpd-foreground"]),
        ] {
            assert!(needs_root("own:1", Some(&image(entrypoint, command))), "{entrypoint:?} {command:?}");
        }
        assert!(!needs_root("own:1", Some(&image(&["/app/server"], &["--port", "8080"]))));
    }
}
