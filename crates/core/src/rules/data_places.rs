//! Where known programs keep their data, by the name and the tag of their image, by their variables and by their command.

use crate::grammar::values::{Reference, clean, reference};

/// Where the image of a known program keeps its data.
#[derive(Clone, Copy, Debug)]
struct KnownImage {
    /// The last part of the image's name.
    name: &'static str,
    /// The versions, by the first number of the tag: from, and up to.
    versions: (u32, u32),
    /// Whether a tag without a number, such as `latest`, may be one of these.
    unversioned: bool,
    /// Where the data lies; `{}` is the version.
    data: &'static str,
    /// The volume that the image declares, at which a volume is to be mounted.
    volume: &'static str,
}

const ANY: (u32, u32) = (0, u32::MAX);

const fn any(name: &'static str, data: &'static str) -> KnownImage {
    KnownImage { name, versions: ANY, unversioned: true, data, volume: data }
}

const fn versions(
    name: &'static str,
    versions: (u32, u32),
    unversioned: bool,
    data: &'static str,
    volume: &'static str,
) -> KnownImage {
    KnownImage { name, versions, unversioned, data, volume }
}

/// docker-library/postgres and influxdata/influxdata-docker: the data of PostgreSQL lies elsewhere from version 18 on, and each
/// major version of InfluxDB has a folder of its own.
const IMAGES: &[KnownImage] = &[
    versions("postgres", (0, 17), false, "/var/lib/postgresql/data", "/var/lib/postgresql/data"),
    versions("postgres", (18, u32::MAX), true, "/var/lib/postgresql/{}/docker", "/var/lib/postgresql"),
    versions("postgis", (0, 17), false, "/var/lib/postgresql/data", "/var/lib/postgresql/data"),
    versions("postgis", (18, u32::MAX), true, "/var/lib/postgresql/{}/docker", "/var/lib/postgresql"),
    versions("influxdb", (0, 1), false, "/var/lib/influxdb", "/var/lib/influxdb"),
    versions("influxdb", (2, 2), true, "/var/lib/influxdb2", "/var/lib/influxdb2"),
    versions("influxdb", (3, u32::MAX), true, "/var/lib/influxdb3", "/var/lib/influxdb3"),
    any("timescaledb", "/var/lib/postgresql/data"),
    any("mysql", "/var/lib/mysql"),
    any("mariadb", "/var/lib/mysql"),
    any("percona", "/var/lib/mysql"),
    any("mongo", "/data/db"),
    any("redis", "/data"),
    any("valkey", "/data"),
    any("keydb", "/data"),
    any("elasticsearch", "/usr/share/elasticsearch/data"),
    any("opensearch", "/usr/share/opensearch/data"),
    any("cassandra", "/var/lib/cassandra"),
    any("couchdb", "/opt/couchdb/data"),
    any("couchbase", "/opt/couchbase/var"),
    any("neo4j", "/data"),
    any("rabbitmq", "/var/lib/rabbitmq"),
    any("clickhouse-server", "/var/lib/clickhouse"),
    any("clickhouse", "/var/lib/clickhouse"),
    any("minio", "/data"),
    any("prometheus", "/prometheus"),
    any("grafana", "/var/lib/grafana"),
    any("registry", "/var/lib/registry"),
    any("jenkins", "/var/jenkins_home"),
    any("gitea", "/data"),
    any("nextcloud", "/var/www/html"),
    any("vault", "/vault/file"),
    any("etcd", "/var/lib/etcd"),
    any("consul", "/consul/data"),
    any("zookeeper", "/data"),
    any("solr", "/var/solr"),
    any("rethinkdb", "/data"),
    any("arangodb", "/var/lib/arangodb3"),
    any("qdrant", "/qdrant/storage"),
    any("cockroach", "/cockroach/cockroach-data"),
];

/// Publishers that put the data of all their images below a folder of their own; `{}` is the last part of the image's name.
const PUBLISHERS: &[(&[&str], &str)] =
    &[(&["bitnami", "bitnamilegacy", "bitnamisecure"], "/bitnami/{}"), (&["linuxserver"], "/config")];
/// Images of linuxserver without a folder of their own: programs that are run once, and bases for others.
const WITHOUT_CONFIG: &[&str] = &["docker-compose", "ffmpeg", "modmanager", "python", "socket-proxy", "yq"];

/// Programs whose data is a cache unless they are told to write it down.
const CACHES: &[&str] = &["redis", "valkey", "keydb"];

/// What the words of a command say of whether a cache writes its data down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing, or that it does not.
    NotAsked,
    /// That it does.
    Asked,
    /// The file at this path says it.
    InFile(String),
}

/// Whether the image's program is such a cache; its name alone says it, since publishers with a folder for data of their own switch it on.
pub fn is_cache(image: &str) -> bool {
    let Ok(parsed) = reference(image) else { return false };
    let mut parts = parsed.path.rsplit('/');
    let (name, publisher) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    CACHES.contains(&name) && !PUBLISHERS.iter().any(|(names, _)| names.contains(&publisher))
}

/// What the words of a cache's command say; of two, the last one counts.
pub fn persistence(words: &[&str]) -> Persistence {
    let mut found = Persistence::NotAsked;
    for (at, word) in words.iter().enumerate() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (*word, words.get(at + 1).copied()),
        };
        let value = value.unwrap_or_default().trim_matches(['"', '\'']);
        match flag {
            "--appendonly" if value == "yes" => found = Persistence::Asked,
            "--save" if value.starts_with(|letter: char| letter.is_ascii_digit()) => found = Persistence::Asked,
            path if path.ends_with(".conf") && found == Persistence::NotAsked => {
                found = Persistence::InFile(path.to_owned());
            }
            _ => {}
        }
    }
    found
}

/// Whether a cache's configuration says that it writes its data down.
pub fn persists(configuration: &str) -> bool {
    configuration.lines().any(|line| {
        let mut words = line.split_whitespace();
        match (words.next().map(str::to_lowercase).as_deref(), words.next()) {
            (Some("appendonly"), Some(value)) => value == "yes",
            (Some("save"), Some(value)) => value.starts_with(|letter: char| letter.is_ascii_digit()),
            _ => false,
        }
    })
}

/// Programs that have another name there than in [`IMAGES`].
const OTHER_NAMES: &[&str] = &["postgresql", "mongodb", "kafka", "etcd", "sonarqube", "wordpress"];

/// Variables that say where a program keeps its data, whatever its image is called.
const VARIABLES: &[&str] = &[
    "PGDATA",
    "INFLUXDB3_DB_DIR",
    "INFLUXDB_IOX_DB_DIR",
    "ETCD_DATA_DIR",
    "GF_PATHS_DATA",
    "MINIO_VOLUMES",
    "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
    "QDRANT__STORAGE__STORAGE_PATH",
];
/// Flags of known programs that say it.
const FLAGS: &[&str] = &["--datadir", "--data-dir", "--dbpath", "--dir", "--storage.tsdb.path", "--storageDataPath"];

/// Where a program keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPlace {
    /// The folder itself.
    pub data: String,
    /// At or above it: where a volume is to be mounted.
    pub mount_at: String,
    /// A volume further down holds the data too.
    pub below: bool,
}

/// The known places of data: all folders in which some program has it.
pub fn all() -> impl Iterator<Item = &'static str> {
    IMAGES.iter().map(|image| image.data).filter(|data| !data.contains('{'))
}

/// Whether the images of this name keep data.
pub fn is_known(name: &str) -> bool {
    IMAGES.iter().any(|image| image.name == name)
}

/// Where an image's program keeps its data; more than one place where the tag does not say which of them. None for an image that is
/// not known.
pub fn of_image(image: &str) -> Vec<DataPlace> {
    let Ok(parsed) = reference(image) else { return Vec::new() };
    let mut parts = parsed.path.rsplit('/');
    let (name, publisher) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Some((_, place)) = PUBLISHERS.iter().find(|(names, _)| names.contains(&publisher)) {
        let place = place.replace("{}", name);
        let known = match publisher {
            "linuxserver" => !WITHOUT_CONFIG.contains(&name) && !name.starts_with("baseimage"),
            _ => is_known(name) || OTHER_NAMES.contains(&name),
        };
        return known.then(|| DataPlace { data: place.clone(), mount_at: place, below: true }).into_iter().collect();
    }
    let version = major(&parsed);
    let fits = |known: &&KnownImage| {
        known.name == name
            && match version {
                Some(version) => (known.versions.0..=known.versions.1).contains(&version),
                None => known.unversioned,
            }
    };
    let place = |known: &KnownImage| {
        let data = match (known.data.contains("{}"), version) {
            (true, Some(version)) => known.data.replace("{}", &version.to_string()),
            // Somewhere in the volume.
            (true, None) => known.volume.to_owned(),
            (false, _) => known.data.to_owned(),
        };
        DataPlace { data, mount_at: known.volume.to_owned(), below: false }
    };
    IMAGES.iter().filter(fits).map(place).collect()
}

/// The first number of a tag: 17 of `17.2-alpine`, 18 of `18beta1`. None of `latest`, and where a digest alone names the image.
fn major(parsed: &Reference) -> Option<u32> {
    let tag = parsed.tag.as_deref()?;
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let digits: String = tag.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// What the variables say, the last one of a name first.
pub fn of_variables<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut found: Option<&str> = None;
    for (name, value) in variables {
        if VARIABLES.contains(&name) && value.starts_with('/') {
            found = Some(value);
        }
    }
    found.map(below_pattern)
}

/// What the words of a known program say.
pub fn of_command(image: &str, words: &[&str]) -> Option<String> {
    let parsed = reference(image).ok()?;
    let name = parsed.path.rsplit('/').next().unwrap_or_default();
    if !is_known(name) {
        return None;
    }
    let mut found = None;
    for (at, word) in words.iter().enumerate() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (*word, words.get(at + 1).copied()),
        };
        if FLAGS.contains(&flag) {
            found = value.filter(|value| value.starts_with('/')).or(found);
        }
    }
    // `minio server /export`.
    if name == "minio"
        && let Some(at) = words.iter().position(|word| *word == "server")
    {
        let mut places = words.iter().skip(at + 1).copied();
        found = places.find(|word| word.starts_with('/')).or(found);
    }
    found.map(below_pattern)
}

/// `/data{1...4}` are several folders below `/`.
fn below_pattern(value: &str) -> String {
    match value.split_once('{') {
        Some((before, _)) => {
            clean(before.rsplit_once('/').map_or(before, |(folder, _)| if folder.is_empty() { "/" } else { folder }))
        }
        None => clean(value.split_whitespace().next().unwrap_or(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_by_name_and_tag() {
        for (image, expected) in [
            ("postgres:17", &["/var/lib/postgresql/data"][..]),
            ("postgres:9.6-alpine", &["/var/lib/postgresql/data"]),
            ("postgres:18", &["/var/lib/postgresql/18/docker"]),
            ("postgres:18.1-bookworm", &["/var/lib/postgresql/18/docker"]),
            ("docker.io/library/postgres:19beta1", &["/var/lib/postgresql/19/docker"]),
            ("postgres", &["/var/lib/postgresql"]),
            ("postgres:alpine", &["/var/lib/postgresql"]),
            ("postgis/postgis:17-3.5", &["/var/lib/postgresql/data"]),
            ("influxdb:1.8", &["/var/lib/influxdb"]),
            ("influxdb:2.7-alpine", &["/var/lib/influxdb2"]),
            ("influxdb:3-core", &["/var/lib/influxdb3"]),
            ("influxdb", &["/var/lib/influxdb2", "/var/lib/influxdb3"]),
            ("bitnami/postgresql:17", &["/bitnami/postgresql"]),
            ("registry.example.com/bitnamilegacy/redis", &["/bitnami/redis"]),
            ("bitnami/nginx", &[]),
            ("lscr.io/linuxserver/mariadb:latest", &["/config"]),
            ("linuxserver/sonarr:4.0.0", &["/config"]),
            ("ghcr.io/linuxserver/plex", &["/config"]),
            ("linuxserver/ffmpeg", &[]),
            ("linuxserver/baseimage-alpine:3.22", &[]),
            ("nginx", &[]),
        ] {
            let places: Vec<String> = of_image(image).into_iter().map(|place| place.data).collect();
            assert_eq!(places, expected, "{image}");
        }
    }

    #[test]
    fn a_cache_writes_down_what_it_is_told_to() {
        for (words, expected) in [
            (&["redis-server"][..], Persistence::NotAsked),
            (&["redis-server", "--appendonly", "yes"], Persistence::Asked),
            (&["--appendonly=yes"], Persistence::Asked),
            (&["redis-server", "--appendonly", "no"], Persistence::NotAsked),
            (&["redis-server", "--save", "60", "1"], Persistence::Asked),
            (&["redis-server", "--save", ""], Persistence::NotAsked),
            (&["redis-server", "--save", "\"\"", "--appendonly", "no"], Persistence::NotAsked),
            (&["redis-server", "/etc/redis.conf"], Persistence::InFile("/etc/redis.conf".to_owned())),
            (&["redis-server", "/etc/redis.conf", "--appendonly", "yes"], Persistence::Asked),
            (&["redis-server", "--maxmemory", "1gb"], Persistence::NotAsked),
        ] {
            assert_eq!(persistence(words), expected, "{words:?}");
        }
        assert!(persists("# x\nappendonly yes\n") && persists("maxmemory 1gb\nsave 900 1\n"));
        assert!(!persists("save \"\"\nappendonly no\n# save 900 1\n") && !persists(""));
        assert!(is_cache("redis:8") && is_cache("docker.io/valkey/valkey:8.1") && !is_cache("bitnami/redis:7"));
    }

    #[test]
    fn places_by_command_and_variables() {
        for (image, words, expected) in [
            ("minio/minio", &["server", "/export"][..], Some("/export")),
            ("minio/minio", &["server", "--console-address", ":9001", "/export"], Some("/export")),
            ("minio/minio", &["server", "/disks/data{1...4}"], Some("/disks")),
            ("minio/minio", &["server", "/data{1...4}"], Some("/")),
            ("mongo:8", &["--dbpath", "/srv/db"], Some("/srv/db")),
            ("mariadb", &["--datadir=/srv/a", "--datadir=/srv/b"], Some("/srv/b")),
            ("mongo:8", &["--replSet", "rs0"], None),
            ("nginx", &["--dir", "/srv"], None),
        ] {
            assert_eq!(of_command(image, words).as_deref(), expected, "{image} {words:?}");
        }
        let variables = [("PATH", "/bin"), ("PGDATA", "/a"), ("PGDATA", "/b/"), ("PGUSER", "/c")];
        assert_eq!(of_variables(variables.into_iter()).as_deref(), Some("/b"));
        assert_eq!(of_variables([("PGDATA", "data")].into_iter()), None);
    }
}
