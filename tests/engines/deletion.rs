//! What was shown is what goes: the race, docker's own words, and what is protected.

use std::collections::{BTreeSet, HashMap};
use std::process::Output;

use crate::support::api::{Api, tar};
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::process::client;
use crate::support::terminal::after_question;
use hyper::Method;
use serde_json::{Value, json};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// On one line, however it was wrapped.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn on_docker_28() {
    on("deletion-new", "new", "");
}

#[test]
fn on_docker_28_with_the_containerd_store() {
    on("deletion-containerd", "new", "--feature containerd-snapshotter=true");
}

#[test]
fn on_docker_20_10() {
    on("deletion-old", "old", "");
}

fn on(name: &str, which: &str, flags: &str) {
    let engine = Engine::start(name, which, flags);
    let guarded = Guarded::new(&engine);
    nothing_later_is_lost(&guarded);
    speaks_as_docker(&guarded);
    protected_stays(&guarded);
    prunes_spare_and_say_so(&guarded);
    locks_are_kept(&guarded);
    nobody_is_asked_about_nothing(&guarded);
    the_smaller_one_asks_by_its_own_rules(&guarded);
    only_the_same_engine(&guarded);
}

/// `s` deletes nothing by itself: it shows what the smaller command takes, and asks. It is not there where that is lost.
fn the_smaller_one_asks_by_its_own_rules(guarded: &Guarded) {
    let engine = guarded.engine;
    let images = || engine.plain(&["images", "-aq"]).lines().count();
    clear(engine);
    for label in ["LABEL a=1", "LABEL a=2"] {
        engine.image("moved:1", &[label]);
    }
    let before = images();
    for (rules, wanted) in [("", "Delete these? [y/N]"), ("[environments.prod.rules]\nprune = \"type\"\n", "Type ")] {
        guarded.place.policy(&format!("[environments.prod]\nhostname = \"*\"\n{rules}"));
        let mut terminal = guarded.asked(&["system", "prune", "-a"]);
        assert!(terminal.seen().contains("s: show the smaller deletion"), "{}", terminal.seen());
        terminal.send("s\n");
        terminal.expect_questions(2);
        let seen = terminal.seen();
        let second = &seen[seen.rfind("docker image prune").unwrap()..];
        assert!(second.contains(wanted) && second.contains("deletes  1 image;"), "{seen}");
        assert_eq!(images(), before, "{seen}");
        terminal.send(if rules.is_empty() { "n\n" } else { "y\n" });
        assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
        assert_eq!(images(), before);
    }
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n[trash]\nmax = 0\n");
    let mut terminal = guarded.asked(&["system", "prune", "-a"]);
    assert!(!terminal.seen().contains("s: show"), "{}", terminal.seen());
    terminal.send("\n");
    terminal.wait();
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n");
    let mut terminal = guarded.asked(&["system", "prune", "-a"]);
    terminal.send("s\n");
    terminal.expect_questions(2);
    terminal.send("y\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert_eq!(images(), before - 1);
}

fn clear(engine: &Engine) {
    let api = Api::new(&engine.socket);
    api.clear();
    for it in api.get("/images/json?all=1").as_array().into_iter().flatten() {
        let _ = api.delete(&format!("/images/{}?force=1", it["Id"].as_str().unwrap()));
    }
    engine.image("base:1", &[]);
}

fn names(engine: &Engine) -> String {
    engine.plain(&["ps", "-a", "--format", "{{.Names}}"])
}

/// Started, renamed, created, given another name: between the list and the answer.
fn nothing_later_is_lost(guarded: &Guarded) {
    let engine = guarded.engine;
    clear(engine);
    for name in ["goes", "started", "renamed", "swapped"] {
        engine.plain(&["create", "--name", name, "-v", "/anon", "base:1", "sleep", "600"]);
    }
    engine.plain(&["volume", "create", "data"]);
    engine.plain(&["network", "create", "idle"]);
    engine.plain(&["network", "create", "joined"]);
    engine.image("app:1", &["LABEL one=1"]);
    engine.image("app:2", &["LABEL two=2"]);
    let mut terminal = guarded.asked(&["system", "prune", "-a", "--volumes"]);
    engine.plain(&["start", "started"]);
    engine.plain(&["rename", "renamed", "another"]);
    engine.plain(&["rm", "swapped"]);
    engine.plain(&["create", "--name", "swapped", "base:1", "true"]);
    engine.plain(&["create", "--name", "new", "-v", "/anon", "--network", "joined", "base:1", "true"]);
    engine.plain(&["run", "-d", "--name", "on-it", "--network", "joined", "base:1", "sleep", "600"]);
    engine.plain(&["tag", "app:2", "app:1"]);
    engine.image("late:1", &["LABEL late=1"]);
    let volumes: usize = engine.plain(&["volume", "ls", "-q"]).lines().count();
    terminal.send(&format!("{}\n", guarded.name));
    terminal.wait();
    let seen = terminal.seen();
    let left = names(engine);
    for name in ["started", "another", "swapped", "new", "on-it"] {
        assert!(left.lines().any(|line| line == name), "{name} is lost: {left}\n{seen}");
    }
    assert!(!left.lines().any(|line| line == "goes"), "{seen}");
    let images = engine.plain(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    for name in ["app:1", "late:1", "base:1"] {
        assert!(images.lines().any(|line| line == name), "{name} is lost: {images}\n{seen}");
    }
    assert!(flat(&seen).contains("not deleted: container started: it has been started since"), "{seen}");
    assert!(flat(&seen).contains("not deleted: container renamed: it is called another now"), "{seen}");
    assert!(flat(&seen).contains("app:1 means another image now"), "{seen}");
    let networks = engine.plain(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(networks.contains("joined") && !networks.contains("idle"), "{networks}");
    // The volume of the one that went, and no other.
    assert!(engine.plain(&["volume", "ls", "-q"]).lines().count() + 3 >= volumes, "{seen}");
}

/// The same words and codes as docker itself, but for ids.
fn speaks_as_docker(guarded: &Guarded) {
    let old = guarded.engine.plain(&["version", "--format", "{{.Server.APIVersion}}"]) == "1.41";
    let mut cases: Vec<Vec<&str>> = vec![
        vec!["rm", "one", "two"],
        vec!["rm", "-v", "one"],
        vec!["rm", "one", "nosuch"],
        vec!["rm", "-f", "runs", "nosuch"],
        vec!["volume", "rm", "data", "more"],
        vec!["volume", "rm", "data", "nosuch"],
        vec!["network", "rm", "front"],
        vec!["network", "rm", "front", "nosuch"],
        vec!["rmi", "app:1", "app:2"],
        vec!["rmi", "other:1", "nosuch:1"],
        vec!["container", "prune", "-f"],
        vec!["network", "prune", "-f"],
        vec!["image", "prune", "-f", "-a"],
        vec!["system", "prune", "-f"],
        vec!["system", "prune", "-f", "-a", "--volumes"],
    ];
    if !old {
        cases.push(vec!["volume", "prune", "-f", "-a"]);
    }
    for words in cases {
        let (plain, code) = {
            state(guarded.engine);
            let output = client(&guarded.engine.host()).args(&words).output().unwrap();
            (same(&text(&output)), output.status.code().unwrap())
        };
        state(guarded.engine);
        let (seen, through) = guarded.deleted(&words);
        let said: Vec<&str> = after_question(&seen)
            .lines()
            .skip(1)
            .filter(|line| !line.starts_with("fender: kept in the trash"))
            .collect();
        assert_eq!(through, code, "docker {words:?}\n{seen}");
        assert_eq!(same(&(said.join("\n") + "\n")), plain, "docker {words:?}");
    }
}

/// The lines in an order of their own, with ids and sizes left out.
fn same(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            // What was drawn before on the same line is gone again.
            let line = line.rsplit('\u{1b}').next().unwrap().trim_start_matches("[2K").trim_start_matches("[1A");
            let line = match line.split_once("reclaimed space: ") {
                Some((before, _)) => before.to_owned(),
                None => line.to_owned(),
            };
            let words = line.split(' ').map(|word| {
                let bare = word.trim_start_matches("sha256:");
                if bare.len() >= 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) { "ID" } else { word }
            });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

fn state(engine: &Engine) {
    clear(engine);
    for name in ["one", "two"] {
        engine.plain(&["create", "--name", name, "-v", "/anon", "base:1", "true"]);
    }
    engine.plain(&["run", "-d", "--name", "runs", "base:1", "sleep", "600"]);
    for name in ["data", "more"] {
        engine.plain(&["volume", "create", name]);
    }
    engine.plain(&["network", "create", "front"]);
    engine.image("app:1", &["LABEL one=1"]);
    engine.plain(&["tag", "app:1", "app:2"]);
    engine.image("other:1", &["LABEL other=1"]);
}

/// Every command that could delete a protected volume, container, image or network.
fn protected_stays(guarded: &Guarded) {
    let engine = guarded.engine;
    clear(engine);
    std::fs::write(
        guarded.place.path("home/compose.yaml"),
        "name: shop\nservices:\n  db:\n    image: base:1\n    command: \"true\"\n    volumes: [pg:/data]\nvolumes:\n  pg:\n    labels: {fender.protect: customer data}\n",
    )
    .unwrap();
    let compose =
        client(&engine.host()).args(["compose", "create"]).current_dir(guarded.place.path("home")).output().unwrap();
    assert!(compose.status.success(), "{}", text(&compose));
    engine.plain(&[
        "create",
        "--name",
        "kept",
        "--label",
        "fender.protect=true",
        "-v",
        "shop_pg:/data",
        "base:1",
        "true",
    ]);
    engine.plain(&["network", "create", "--label", "fender.protect=traffic", "kept-net"]);
    let api = Api::new(&engine.socket);
    let anonymous = json!({"Image": "base:1", "Cmd": ["true"], "HostConfig": {"Mounts": [
        {"Type": "volume", "Target": "/x", "VolumeOptions": {"Labels": {"fender.protect": "in use"}}}]}});
    api.post("/containers/create?name=holder", &anonymous);
    let before = (names(engine), engine.plain(&["volume", "ls", "-q"]), engine.plain(&["network", "ls", "-q"]));
    let commands: &[&[&str]] = &[
        &["volume", "rm", "shop_pg"],
        &["volume", "rm", "-f", "shop_pg"],
        &["rm", "kept"],
        &["rm", "-f", "kept"],
        &["container", "rm", "-fv", "kept"],
        &["rm", "-v", "holder"],
        &["network", "rm", "kept-net"],
        &["rmi", "-f", "base:1"],
        &["compose", "down", "-v"],
        &["compose", "-p", "shop", "--project-directory", "/", "down", "-v"],
        // What comes through standard input is for compose alone to read.
        &["compose", "-f", "-", "down", "-v"],
    ];
    for environment in ["dev", "prod"] {
        guarded.place.policy(&format!("[environments.{environment}]\nhostname = \"*\"\n"));
        for words in commands {
            let output = guarded.piped(words);
            assert_eq!(output.status.code(), Some(125), "docker {words:?}: {}", text(&output));
            assert!(flat(&text(&output)).contains("protected"), "docker {words:?}: {}", text(&output));
        }
    }
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n");
    let after = (names(engine), engine.plain(&["volume", "ls", "-q"]), engine.plain(&["network", "ls", "-q"]));
    assert_eq!(after, before);
    // A note on a command that could empty it, by whichever container that has it; on production it is asked about.
    engine.plain(&["create", "--name", "reader", "-v", "shop_pg:/data:ro", "base:1", "true"]);
    engine.plain(&["create", "--name", "writer", "-v", "shop_pg:/data", "base:1", "true"]);
    for (words, is_noted) in [
        (&["run", "-v", "shop_pg:/x", "base:1", "rm", "-rf", "/x"][..], true),
        (&["run", "--volumes-from", "writer", "base:1", "rm", "-rf", "/data"], true),
        (&["exec", "writer", "sh", "-c", "cd /data && rm -rf *"], true),
        (&["cp", "/etc/hostname", "writer:/data/x"], true),
        (&["run", "-v", "shop_pg:/x:ro", "base:1", "rm", "-rf", "/x"], false),
        (&["run", "--volumes-from", "reader", "base:1", "rm", "-rf", "/data"], false),
        (&["exec", "reader", "rm", "-rf", "/data"], false),
        (&["exec", "writer", "rm", "-rf", "/tmp/x"], false),
        (&["cp", "/etc/hostname", "writer:/tmp/x"], false),
    ] {
        let explained = text(&guarded.fender(&[&["explain"], words].concat()));
        for rule in ["touches-protected", "overwrites-volume"] {
            assert_eq!(explained.contains(rule), is_noted, "docker {words:?}: {rule}: {explained}");
        }
    }
    engine.plain(&["rm", "reader", "writer"]);
}

fn prunes_spare_and_say_so(guarded: &Guarded) {
    let engine = guarded.engine;
    for words in [&["system", "prune", "-af", "--volumes"][..], &["container", "prune", "-f"]] {
        engine.plain(&["create", "--name", "goes", "base:1", "true"]);
        let (seen, code) = guarded.deleted(words);
        assert_eq!(code, 0, "{seen}");
        assert!(flat(&seen).contains("skips container kept, protected: by the label fender.protect"), "{seen}");
        let left = names(engine);
        assert!(left.contains("kept") && !left.contains("goes"), "{left}\n{seen}");
        assert!(engine.plain(&["volume", "ls", "-q"]).contains("shop_pg"));
        assert!(engine.plain(&["network", "ls"]).contains("kept-net"));
        assert!(engine.plain(&["images", "-q", "base:1"]).len() > 5, "the image under a protected container went");
    }
    // Where nobody is asked, it is spared all the same.
    guarded.place.policy("[environments.ci]\nhostname = \"*\"\n");
    engine.plain(&["create", "--name", "goes", "base:1", "true"]);
    let output = guarded.piped(&["container", "prune", "-f"]);
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("skips container kept"), "{}", text(&output));
    let left = names(engine);
    assert!(left.contains("kept") && !left.contains("goes"), "{left}");
}

/// Locks and patterns: by name, by the policy, listed and lifted.
fn locks_are_kept(guarded: &Guarded) {
    let engine = guarded.engine;
    clear(engine);
    engine.plain(&["volume", "create", "pg"]);
    engine.plain(&["volume", "create", "pg-copy"]);
    let output = guarded.fender(&["protect", "volume", "pg", "--reason", "orders"]);
    assert!(output.status.success(), "{}", text(&output));
    let refused = guarded.piped(&["volume", "rm", "pg"]);
    assert_eq!(refused.status.code(), Some(125), "{}", text(&refused));
    assert!(flat(&text(&refused)).contains("\"orders\", by a lock"), "{}", text(&refused));
    assert!(text(&guarded.fender(&["protect"])).contains("orders"));
    assert_eq!(guarded.fender(&["protect", "volume", "nosuch"]).status.code(), Some(1));
    let output = guarded.fender(&["unprotect", "volume", "pg"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(guarded.deleted(&["volume", "rm", "pg"]).1, 0);
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n[protect]\nvolumes = [\"pg*\"]\n");
    let refused = guarded.piped(&["volume", "rm", "pg-copy"]);
    assert!(flat(&text(&refused)).contains("\"pg*\" of the policy"), "{}", text(&refused));
    assert!(text(&guarded.fender(&["unprotect", "volume", "pg-copy"])).contains("of the policy"));
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n");
}

fn nobody_is_asked_about_nothing(guarded: &Guarded) {
    clear(guarded.engine);
    let output = guarded.piped(&["container", "prune", "-f"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("Total reclaimed space: 0B"), "{}", text(&output));
    let output = guarded.piped(&["rm", "nosuch"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("No such container: nosuch"), "{}", text(&output));
}

/// A plan of one engine is not carried out on another.
fn only_the_same_engine(guarded: &Guarded) {
    let engine = guarded.engine;
    clear(engine);
    engine.plain(&["create", "--name", "one", "base:1", "true"]);
    let planned = guarded.fender(&["plan", "--format", "json", "--", "rm", "one"]);
    let plan: Value = serde_json::from_slice(&planned.stdout).unwrap();
    let api = Api::new(&engine.socket);
    let mut known: fender_core::plan::Plan =
        fender_core::plan::Plan { engine: "another".to_owned(), ..Default::default() };
    assert!(fender::apply::same_engine(&api.connection, &known).is_err());
    known.engine = plan["engine"].as_str().unwrap().to_owned();
    assert!(fender::apply::same_engine(&api.connection, &known).is_ok());
}

#[test]
fn a_plan_in_json_has_the_promised_fields() {
    let engine = Engine::start("deletion-json", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    let api = Api::new(&engine.socket);
    let made = api.post("/containers/create?name=heavy", &json!({"Image": "base:1", "Cmd": ["true"]}));
    let id = made["Id"].as_str().unwrap();
    api.send(Method::PUT, &format!("/containers/{id}/archive?path=/var/lib"), tar(&[("blob", 3_000_000)]));
    engine.plain(&["tag", "base:1", "base:2"]);
    let output = guarded.fender(&["plan", "--format", "json", "--", "system", "prune", "-a"]);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let by_type: HashMap<&str, &Value> =
        plan["deletes"].as_array().unwrap().iter().map(|it| (it["type"].as_str().unwrap(), it)).collect();
    assert_eq!(by_type["image"]["tags"], json!(["base:1", "base:2"]));
    assert_eq!(by_type["container"]["recoverable"], "trash");
    assert!(by_type["container"]["about"][0].as_str().unwrap().starts_with("/var/lib/blob 3 MB"), "{plan}");
    assert!(plan["frees"].as_i64().unwrap() > 4_900_000, "{plan}");
    guarded.place.policy("[trash]\nmax = 0\n");
    let output = guarded.fender(&["plan", "--format", "json", "--", "rm", "heavy"]);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["deletes"][0]["recoverable"], "no");
    let output = guarded.fender(&["plan", "docker run --rm -v /scratch base:1"]);
    assert!(
        flat(&text(&output))
            .contains("--rm also deletes the anonymous volumes of this container when it ends: /scratch"),
        "{}",
        text(&output)
    );
    // The cache of another builder is not this engine's.
    let output = guarded.fender(&["plan", "docker buildx prune -a --builder other"]);
    assert!(flat(&text(&output)).contains("the builder other has a build cache of its own"), "{}", text(&output));
    let output = guarded.fender(&["plan", "docker ps"]);
    assert!(text(&output).contains("deletes nothing"), "{}", text(&output));
}

/// The ids of all images that the engine has.
fn image_ids(engine: &Engine) -> BTreeSet<String> {
    engine.plain(&["images", "-aq", "--no-trunc"]).lines().map(str::to_owned).collect()
}

/// What an image was built from goes with it, except where containerd's store keeps it: an image with several names, and one
/// whose own first image is gone.
#[test]
fn what_an_image_was_built_from() {
    let engine = Engine::start("deletion-parents", "new", "--feature containerd-snapshotter=true");
    let guarded = Guarded::new(&engine);
    let folder = guarded.place.path("context");
    std::fs::create_dir(&folder).unwrap();
    let mut kept = 0;
    for (at, tags, words) in [
        (0, &["built:0"][..], &["rmi", "built:0"][..]),
        (1, &["built:1", "built:one"], &["rmi", "-f", "ID"]),
        (2, &["built:2", "built:two"], &["rmi", "built:2", "built:two"]),
        (3, &["built:3", "other:3"], &["rmi", "built:3", "other:3"]),
        (4, &["built:4"], &["rmi", "-f", "ID"]),
        (5, &["built:5", "other:5"], &["rmi", "-f", "ID"]),
        (6, &["built:6"], &["image", "prune", "-af"]),
        (7, &["built:7"], &["rmi", "-f", "base:1", "built:7"]),
    ] {
        let text = format!("FROM base:1\nRUN echo {at} >/first\nRUN true\nRUN echo >/last\n");
        std::fs::write(folder.join("Dockerfile"), text).unwrap();
        engine.image("base:1", &[]);
        let mut build = client(&engine.host());
        build.env("DOCKER_BUILDKIT", "0").args(["build", "-q", "-t", tags[0]]).arg(&folder);
        assert!(build.output().unwrap().status.success());
        for tag in &tags[1..] {
            engine.plain(&["tag", tags[0], tag]);
        }
        let id = engine.plain(&["images", "-q", "--no-trunc", tags[0]]);
        let words: Vec<&str> = words.iter().map(|word| if *word == "ID" { id.trim() } else { word }).collect();
        let before = image_ids(&engine);
        let mut planning = vec!["plan", "--format", "json", "--"];
        planning.extend(&words);
        let plan: Value = serde_json::from_slice(&guarded.fender(&planning).stdout).unwrap();
        let images = plan["deletes"].as_array().unwrap().iter().filter(|it| it["type"] == "image");
        let planned: BTreeSet<String> = images.map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        client(&engine.host()).args(&words).output().unwrap();
        let gone: BTreeSet<String> = before.difference(&image_ids(&engine)).cloned().collect();
        assert_eq!(planned, gone, "docker {}", words.join(" "));
        kept += usize::from(gone.len() == 1);
    }
    assert!(kept > 0, "each image took along what it was built from");
}
