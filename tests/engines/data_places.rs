//! Whether data ends up in a volume that has a name: what fender says before, against the mounts that a real engine makes.

use serde_json::Value;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;

/// An image's name, what it is made of, and where its program keeps the data.
const IMAGES: &[(&str, &[&str], &str)] = &[
    (
        "postgres:17",
        &["VOLUME /var/lib/postgresql/data", "ENV PGDATA=/var/lib/postgresql/data"],
        "/var/lib/postgresql/data",
    ),
    (
        "postgres:18",
        &["VOLUME /var/lib/postgresql", "ENV PGDATA=/var/lib/postgresql/18/docker"],
        "/var/lib/postgresql/18/docker",
    ),
    (
        "acme/db:3",
        &["VOLUME /var/lib/postgresql", "ENV PGDATA=/var/lib/postgresql/18/docker"],
        "/var/lib/postgresql/18/docker",
    ),
    ("mongo:8", &["VOLUME /data/db", "VOLUME /data/configdb"], "/data/db"),
    ("redis:8", &["VOLUME /data"], "/data"),
    ("elasticsearch:9.0.0", &[], "/usr/share/elasticsearch/data"),
    ("acme/state:1", &["VOLUME /srv/state"], "/srv/state"),
];

const TARGETS: &[&str] = &[
    "/var/lib/postgresql",
    "/var/lib/postgresql/",
    "/var/lib/postgresql/data",
    "/var/lib/postgresql/18",
    "/var/lib/postgresql/18/docker",
    "/var/lib",
    "/data",
    "/data/db",
    "/usr/share/elasticsearch",
    "/usr/share/elasticsearch/data",
    "/srv",
    "/srv/state",
    "/elsewhere",
];

/// Whether the deepest mount above the data is a volume that somebody named.
fn is_kept(mounts: &Value, data: &str) -> bool {
    let target = |mount: &Value| mount["Destination"].as_str().unwrap().to_owned();
    let above = |mount: &&Value| {
        let target = target(mount);
        data == target || data.strip_prefix(&target).is_some_and(|rest| rest.starts_with('/'))
    };
    let deepest = mounts.as_array().unwrap().iter().filter(above).max_by_key(|mount| target(mount).len());
    deepest.is_some_and(|mount| mount["Name"] == "store-1")
}

#[test]
fn data_is_kept_where_fender_says_so() {
    let engine = Engine::start("data-places", "new", "");
    for (image, changes, _) in IMAGES {
        engine.image(image, changes);
    }
    let guarded = Guarded::new(&engine);
    let (mut kept_ones, mut wrong) = (0, Vec::new());
    for (image, _, data) in IMAGES {
        for target in TARGETS {
            let mount = format!("store-1:{target}");
            // Redis is a cache unless it is told to write its data down.
            let command: &[&str] =
                if image.starts_with("redis") { &["redis-server", "--appendonly", "yes"] } else { &["sleep", "1"] };
            let words = [&["create", "-v", &mount, image], command].concat();
            let explained = guarded.fender(&[&["explain", "--format", "json", "--"], words.as_slice()].concat());
            let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
            let found = explained["findings"].as_array().unwrap().iter().any(|it| it["rule"] == "unsaved-data");
            let id = engine.plain(&words);
            let mounts: Value =
                serde_json::from_str(&engine.plain(&["inspect", "-f", "{{json .Mounts}}", &id])).unwrap();
            let kept = is_kept(&mounts, data);
            kept_ones += usize::from(kept);
            if found == kept {
                wrong.push(format!("{image} {target}: kept {kept}, found {found}"));
            }
            engine.plain(&["rm", "-v", &id]);
        }
    }
    println!("{} containers, {kept_ones} of them keep their data", IMAGES.len() * TARGETS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(kept_ones > 12, "{kept_ones}");
}

/// A volume of the local driver is whatever mount(2) makes of its options: where the host's `/etc` is seen through one, fender says so before.
#[test]
fn a_volume_that_is_a_part_of_the_host_is_found() {
    let engine = Engine::start("local-driver", "new", "");
    engine.image("base:1", &[]);
    let guarded = Guarded::new(&engine);
    let (mut seen, mut quiet) = (0, 0);
    for options in [
        &["type=none", "o=bind", "device=/etc"][..],
        &["type=none", "o=rbind,ro", "device=/etc"],
        &["type=tmpfs", "o=bind", "device=/etc"],
        &["type=ramfs", "o=ro,bind", "device=/etc"],
        &["type=nfs", "o=addr=127.0.0.1,bind", "device=/etc"],
        &["type=cifs", "o=rbind", "device=/etc"],
        &["type=overlay", "o=bind", "device=/etc"],
        &["type=overlay", "o=lowerdir=/etc:/var/log", "device=x"],
        &["type=overlay", "o=ro,lowerdir=/var/log:/etc", "device=overlay"],
        &["type=tmpfs", "device=tmpfs"],
        &["type=tmpfs", "o=size=1m,uid=5", "device=tmpfs"],
        &["type=tmpfs", "o=size=1m", "device=/etc"],
    ] {
        let given: Vec<&str> = options.iter().flat_map(|option| ["-o", *option]).collect();
        let words = [&["volume", "create"], given.as_slice(), &["part"]].concat();
        let explained = guarded.fender(&[&["explain", "--format", "json", "--"], words.as_slice()].concat());
        let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
        let found = explained["findings"].as_array().unwrap().iter().any(|it| it["rule"] == "host-mount");
        engine.plain(&words);
        let shows = engine.plain(&["run", "--rm", "-v", "part:/x:ro", "base:1", "sh", "-c", "ls /x; true"]);
        let is_host = shows.lines().any(|name| name == "passwd");
        engine.plain(&["volume", "rm", "part"]);
        assert_eq!(found, is_host, "{options:?}: {shows}");
        if is_host { seen += 1 } else { quiet += 1 }
    }
    assert!(seen >= 8 && quiet >= 3, "{seen} {quiet}");
}

#[test]
fn a_similar_volume_is_named() {
    let engine = Engine::start("volume-names", "new", "");
    engine.image("safe:1", &["USER 1000"]);
    engine.plain(&["volume", "create", "app_pgdata"]);
    let guarded = Guarded::new(&engine);
    let explained = |name: &str| {
        let mount = format!("{name}:/data");
        let output = guarded.fender(&["explain", "--", "create", "--init", "-m", "100m", "-v", &mount, "safe:1"]);
        String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        explained("app_pgdta").contains("the volume app_pgdta does not exist and is made empty; there is app_pgdata")
    );
    assert!(!explained("app_pgdata").contains("similar-volume"));
    engine.plain(&["volume", "create", "reports"]);
    assert!(explained("report").contains("there is reports"));
    assert!(!explained("reports").contains("similar-volume"));
}
