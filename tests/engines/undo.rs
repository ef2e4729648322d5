//! Delete and bring back: the same thing is there again.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support;
use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::pictures::{current, drawn};
use crate::support::process::{client, program, root};
use crate::support::state::{Chance, Ground, look};
use serde_json::Value;

#[test]
fn on_docker_28() {
    on("undo-new", "new", "");
}

#[test]
fn on_docker_28_with_the_containerd_store() {
    on("undo-containerd", "new", "--feature containerd-snapshotter=true --insecure-registry localhost:5000");
}

#[test]
fn on_docker_20_10() {
    on("undo-old", "old", "");
}

fn on(name: &str, which: &str, flags: &str) {
    let engine = Engine::start(name, which, flags);
    engine.registry();
    let guarded = Guarded::new(&engine);
    a_tree_of_odd_files(&guarded);
    a_container_answers_as_before(&guarded);
    the_whole_issue(&guarded);
    names_that_are_taken(&guarded);
    random_states_come_back(&guarded, which == "old");
    nothing_of_fender_is_left(&guarded);
}

/// A program for the engine's host, where its volumes lie.
pub fn shell(script: &str, folder: &str) -> String {
    let output = program("sh").args(["-ec", script, "sh", folder]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub const TREE: &str = r#"
cd "$1"
i=0
while [ $i -lt 1000 ]; do
  d=dir$((i % 37)); mkdir -p "$d"
  printf 'content %s' $i >"$d/file $i"
  chmod $((400 + i % 378 / 100 * 44)) "$d/file $i" 2>/dev/null || true
  chown $((i % 100)):$((i % 7 * 1000)) "$d/file $i"
  i=$((i + 1))
done
printf x >"$(printf 'odd\nname')"; printf y >" leading"; printf z >'*?[quoted]"'; printf u >'größe-漢字'
printf l >"$(printf '%0200d' 7)"
mkdir -p deep/a/b/c/d; printf deep >deep/a/b/c/d/e
ln "dir1/file 1" hard1; ln "dir1/file 1" deep/hard2
ln -s ../nowhere dangling; ln -s "dir1/file 1" soft
mkfifo pipe; mknod null c 1 3; mknod disk b 7 9
printf s >setuid; chmod 4755 setuid; printf g >setgid; chmod 2755 setgid
mkdir sticky; chmod 1777 sticky
printf c >capable; setcap cap_net_raw+ep capable
touch -d '2001-02-03 04:05:06' old; touch -h -d '2001-02-03 04:05:06' soft
chown 33:44 .; chmod 2750 .
"#;

/// Every entry with its kind, mode, owners, size, links, times in seconds, device and link's target; then contents and
/// capabilities.
const LOOK: &str = r#"
cd "$1"
find . -printf '%y %m %U:%G %s %n %T@ %p -> %l\n' | sed 's/\(T@ [0-9]*\)\.[0-9]*/\1/; s/ \([0-9]\{9,\}\)\.[0-9]* / \1 /' | grep -v '^d .* 4096 ' | LC_ALL=C sort
find . -type d -printf '%y %m %U:%G %p\n' | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
stat -c '%t:%T %n' null disk
find . -samefile hard1 | LC_ALL=C sort
getcap -r .
"#;

fn a_tree_of_odd_files(guarded: &Guarded) {
    let engine = guarded.engine;
    engine.plain(&["volume", "create", "--label", "kind=tree", "tree"]);
    let folder = || engine.plain(&["volume", "inspect", "tree", "--format", "{{.Mountpoint}}"]);
    shell(TREE, &folder());
    let before = shell(LOOK, &folder());
    assert!(before.lines().count() > 2000, "{before}");
    assert!(before.contains("cap_net_raw"), "{before}");
    let (seen, code) = guarded.deleted(&["volume", "rm", "tree"]);
    assert_eq!(code, 0, "{seen}");
    assert!(!Path::new(&folder_or(engine)).exists());
    let said = guarded.undo();
    let after = shell(LOOK, &folder());
    for (one, other) in before.lines().zip(after.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(before.lines().count(), after.lines().count(), "{said}");
    assert_eq!(engine.plain(&["volume", "inspect", "tree", "--format", "{{.Labels.kind}}"]), "tree");
    engine.plain(&["volume", "rm", "tree"]);
}

fn folder_or(engine: &Engine) -> String {
    engine.socket.parent().unwrap().join("data/volumes/tree").display().to_string()
}

/// A server with its state in its own layer, on a network of its own, running.
fn a_container_answers_as_before(guarded: &Guarded) {
    let engine = guarded.engine;
    engine.image("base:1", &["USER 1000", "ENV A=1"]);
    engine.plain(&["network", "create", "--subnet", "10.77.0.0/24", "--label", "team=a", "back"]);
    engine.plain(&["volume", "create", "kept-data"]);
    engine.plain(&[
        "run",
        "-d",
        "--name",
        "server",
        "--network",
        "back",
        "--ip",
        "10.77.0.9",
        "--network-alias",
        "api",
        "--user",
        "0",
        "-e",
        "B=2",
        "--label",
        "x=y",
        "--memory",
        "64m",
        "--restart",
        "unless-stopped",
        "-v",
        "kept-data:/data",
        "-w",
        "/srv",
        "base:1",
        "sh",
        "-c",
        "mkdir -p /srv/www; test -e /srv/www/index || echo first >/srv/www/index; httpd -f -p 8080 -h /srv/www",
    ]);
    let ask = || {
        for _ in 0..50 {
            let output = client(&engine.host())
                .args(["exec", "server", "wget", "-qO-", "http://10.77.0.9:8080/index"])
                .output()
                .unwrap();
            if output.status.success() {
                return String::from_utf8_lossy(&output.stdout).into_owned();
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("it does not answer")
    };
    assert_eq!(ask(), "first\n");
    engine.plain(&["exec", "server", "sh", "-c", "echo changed >/srv/www/index; echo kept >/data/file"]);
    let api = Api::new(&engine.socket);
    let before = api.get("/containers/server/json");
    let (seen, code) = guarded.deleted(&["rm", "-f", "server"]);
    assert_eq!(code, 0, "{seen}");
    engine.plain(&["network", "rm", "back"]);
    let (said, code) = guarded.undone();
    assert_eq!(code, 1, "its network is gone, and was not fender's to bring back: {said}");
    assert!(said.contains("fender trash show"), "{said}");
    engine.plain(&["network", "create", "--subnet", "10.77.0.0/24", "--label", "team=a", "back"]);
    let said = guarded.undo();
    assert!(said.contains("started again"), "{said}");
    assert_eq!(ask(), "changed\n");
    same_settings(&settings(&before), &settings(&api.get("/containers/server/json")), &said);
    // Files of the image that were taken away stay away.
    engine.plain(&["exec", "server", "rm", "/etc/passwd"]);
    guarded.deleted(&["rm", "-f", "server"]);
    guarded.undo();
    assert_eq!(ask(), "changed\n");
    assert_eq!(engine.plain(&["exec", "server", "sh", "-c", "test -e /etc/passwd || echo away"]), "away");
    engine.plain(&["rm", "-f", "server"]);
    engine.plain(&["network", "rm", "back"]);
    engine.plain(&["volume", "rm", "kept-data"]);
}

/// Fails with the fields that differ.
fn same_settings(wanted: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>, about: &str) {
    let mut differences = Vec::new();
    for (key, one) in wanted {
        let other = found.get(key).unwrap_or(&Value::Null);
        match (one.as_object(), other.as_object()) {
            (Some(one), Some(other)) => {
                let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                for name in keys.into_iter().filter(|name| one.get(*name) != other.get(*name)) {
                    differences.push(format!("{key}.{name}: {:?} became {:?}", one.get(name), other.get(name)));
                }
            }
            _ if one != other => differences.push(format!("{key}: {one} became {other}")),
            _ => {}
        }
    }
    assert!(differences.is_empty(), "{about}: {}", differences.join("\n"));
}

/// What somebody chose of a container, without what the engine gave it.
fn settings(inspect: &Value) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for key in ["Config", "HostConfig", "Name", "Path", "Args", "RestartCount"] {
        out.insert(key.to_owned(), inspect[key].clone());
    }
    let mut mounts: Vec<Value> = inspect["Mounts"].as_array().cloned().unwrap_or_default();
    for mount in &mut mounts {
        // An anonymous volume that is given back by its name is a named one now.
        mount["Mode"] = Value::Null;
    }
    mounts.sort_by_key(|mount| mount["Destination"].to_string());
    out.insert("Mounts".to_owned(), mounts.into());
    let networks = inspect["NetworkSettings"]["Networks"].as_object().into_iter().flatten();
    for (name, endpoint) in networks {
        out.insert(format!("network {name}"), endpoint["IPAMConfig"].clone());
    }
    // What a container is given when it is started.
    out.get_mut("HostConfig").unwrap()["Binds"] = Value::Null;
    out
}

/// The promise of the issue: everything goes, while another terminal works, and what was kept comes back.
fn the_whole_issue(guarded: &Guarded) {
    let engine = guarded.engine;
    engine.plain(&["network", "create", "front"]);
    engine.plain(&["volume", "create", "named"]);
    engine.plain(&[
        "run",
        "--name",
        "job",
        "--user",
        "0",
        "--network",
        "front",
        "-v",
        "named:/named",
        "-v",
        "/anon",
        "base:1",
        "sh",
        "-c",
        "echo own >/own; echo named >/named/f; echo nameless >/anon/f",
    ]);
    engine.plain(&["commit", "job", "only-here:1"]);
    let local = engine.plain(&["images", "-q", "--no-trunc", "only-here:1"]);
    let mut terminal = guarded.asked(&["system", "prune", "-a", "--volumes"]);
    engine.plain(&["run", "-d", "--name", "later", "base:1", "sleep", "600"]);
    engine.plain(&["volume", "create", "later"]);
    terminal.send(&format!("{}\n", guarded.name));
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    let left = engine.plain(&["ps", "-a", "--format", "{{.Names}}"]);
    assert_eq!(left, "later", "{}", terminal.seen());
    assert!(engine.plain(&["volume", "ls", "-q"]).contains("later"));
    guarded.undo();
    assert_eq!(engine.plain(&["images", "-q", "--no-trunc", "only-here:1"]), local);
    assert_eq!(engine.plain(&["inspect", "job", "--format", "{{.State.Status}}"]), "created");
    engine.plain(&["start", "job"]);
    let read = engine.plain(&["run", "--rm", "--volumes-from", "job", "base:1", "sh", "-c", "cat /named/f /anon/f"]);
    assert_eq!(read, "named\nnameless");
    assert_eq!(engine.plain(&["diff", "job"]).lines().filter(|line| line.contains("/own")).count(), 1);
    engine.plain(&["rm", "-f", "later", "job"]);
}

fn names_that_are_taken(guarded: &Guarded) {
    let engine = guarded.engine;
    engine.plain(&["volume", "create", "mine"]);
    engine.plain(&["run", "--rm", "--user", "0", "-v", "mine:/v", "base:1", "sh", "-c", "echo first >/v/f"]);
    guarded.deleted(&["volume", "rm", "mine"]);
    engine.plain(&["volume", "create", "mine"]);
    let output = guarded.fender(&["undo"]);
    let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is another volume mine now"), "{said}");
    let id = said.split("trash restore ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    // A name that is taken too is said by that name.
    engine.plain(&["volume", "create", "other"]);
    let output = guarded.fender(&["trash", "restore", &id, "mine", "--as", "other"]);
    let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is another volume other now") && !said.contains("back volume"), "{said}");
    engine.plain(&["volume", "rm", "other"]);
    let output = guarded.fender(&["trash", "restore", &id, "mine", "--as", "mine-restored"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let read = engine.plain(&["run", "--rm", "-v", "mine-restored:/v", "base:1", "cat", "/v/f"]);
    assert_eq!(read, "first");
    let listed = String::from_utf8_lossy(&guarded.fender(&["trash", "list"]).stdout).into_owned();
    assert!(listed.contains("docker volume rm mine"), "{listed}");
    assert_eq!(guarded.fender(&["trash", "empty"]).status.code(), Some(125), "nobody can be asked");
    let (said, code) = guarded.said_yes(&["trash", "empty"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("docker volume rm mine") && said.contains("cannot be brought back afterwards"), "{said}");
    assert!(String::from_utf8_lossy(&guarded.fender(&["trash", "list"]).stdout).contains("the trash is empty"));
    engine.plain(&["volume", "rm", "mine", "mine-restored"]);
}

/// Random states, a prune of everything, and what comes back looked at through `inspect`.
fn random_states_come_back(guarded: &Guarded, old: bool) {
    let ground = Ground::new(guarded.engine, old);
    for seed in 1..=6 {
        let mut chance = Chance::new(7000 + seed);
        ground.fill(&mut chance, false);
        let before = look(&ground.api);
        let containers = inspected(&ground.api);
        let volumes = contents(&ground);
        let (seen, code) = guarded.deleted(&["system", "prune", "-a", "--volumes", "-f"]);
        assert_eq!(code, 0, "{seen}");
        let (said, _) = guarded.undone();
        let after = look(&ground.api);
        let named = |seen: &support::state::Seen| -> Vec<String> {
            seen.containers.values().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
        };
        assert_eq!(named(&before), named(&after), "seed {seed}\n{seen}\n{said}");
        assert_eq!(before.volumes, after.volumes, "seed {seed}\n{seen}\n{said}");
        assert_eq!(contents(&ground), volumes, "seed {seed}\n{said}");
        for (id, tags) in &before.images {
            // What can be pulled again is not kept.
            let pulled = tags.iter().any(|tag| tag.starts_with("localhost:5000/"));
            let between = tags.is_empty();
            assert!(
                pulled || between || after.images.get(id) == Some(tags),
                "seed {seed}: {id} {tags:?}\n{seen}\n{said}"
            );
        }
        let again = inspected(&ground.api);
        for (name, settings) in &containers {
            let mut wanted = settings.clone();
            // Where its files were taken away, or its image's name has moved on, the image has another name.
            wanted.get_mut("Config").unwrap()["Image"] = again[name]["Config"]["Image"].clone();
            same_settings(&wanted, &again[name], &format!("seed {seed}: {name}\n{said}"));
        }
    }
    ground.clear();
}

fn inspected(api: &Api) -> BTreeMap<String, BTreeMap<String, Value>> {
    let list = api.get("/containers/json?all=1");
    list.as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            let inspect = api.get(&format!("/containers/{}/json", it["Id"].as_str().unwrap()));
            let mut settings = settings(&inspect);
            settings.remove("RestartCount");
            (inspect["Name"].as_str().unwrap().to_owned(), settings)
        })
        .collect()
}

/// What is in each volume.
fn contents(ground: &Ground) -> String {
    let folder = ground.engine.socket.parent().unwrap().join("data/volumes");
    shell(
        "cd \"$1\" && find . -mindepth 3 -path '*/_data/*' -type f -print0 | sort -z | xargs -0r sha256sum",
        &folder.display().to_string(),
    )
}

fn nothing_of_fender_is_left(guarded: &Guarded) {
    let images = guarded.engine.plain(&["images", "-a", "--format", "{{.Repository}}"]);
    assert!(!images.contains("fender"), "{images}");
    let containers = guarded.engine.plain(&["ps", "-aq", "--filter", "label=fender.helper"]);
    assert_eq!(containers, "");
}

/// The README's picture: a removal on production, and what brings it back.
#[test]
fn the_picture_of_undo_is_real_output() {
    let engine = Engine::start("undo-picture", "new", "--label tier=prod");
    engine.image("shop/web:2.3", &[]);
    let guarded = Guarded::new(&engine);
    guarded.place.policy("");
    let made = ["run", "-d", "--name", "web", "-m", "64m", "shop/web:2.3", "sleep", "600"];
    engine.plain(&made);
    engine.plain(&["exec", "web", "sh", "-c", "head -c 3000000 /dev/zero >/var/db"]);
    let seen = guarded.in_colour(&["docker rm -f web", "fender undo"]);
    // What another machine and another moment say otherwise.
    let (before, rest) = seen.split_once(", up ").expect("since when it runs");
    let (_, after) = rest.split_once("\n  keeps").expect("what is kept");
    let mut seen = format!("{before}, up 2 seconds\n  keeps{after}");
    for (start, end) in [("[PROD ", "]"), ("where      ", ": "), (" on ", ", ")] {
        seen = seen.replace(&format!("{start}{}{end}", guarded.name), &format!("{start}build-7{end}"));
    }
    current(&root().join("docs/images/undo.svg"), &drawn(&seen));
}
