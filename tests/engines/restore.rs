//! What an undo may do, and what it may not: changed entries, names that are no identity, deletions that were not kept, clocks
//! that jump, and an undo that is killed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fender::trash::TrashStore;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const PRODUCTION: &str = "[environments.prod]\nhostname = \"*\"\n";
const ALL_NOTED: &str = "[environments.here]\nhostname = \"*\"\npreset = \"ci\"\n";

/// Changes an entry as somebody would who can write it, with its plain checksum made again.
fn edit(guarded: &Guarded, id: u64, change: &dyn Fn(&mut Value)) {
    let folder = guarded.trash().join(format!("entries/{id}"));
    let mut entry: Value = serde_json::from_slice(&fs::read(folder.join("entry.json")).unwrap()).unwrap();
    change(&mut entry);
    let text = serde_json::to_vec(&entry).unwrap();
    let sum: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(folder.join("entry.json"), &text).unwrap();
    fs::write(folder.join("entry.sum"), sum).unwrap();
}

#[test]
fn a_changed_entry_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let engine = Engine::start("restore-changed", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    engine.plain(&["volume", "create", "data"]);
    engine.plain(&["run", "--rm", "-v", "data:/v", "base:1", "sh", "-c", "echo mine >/v/f"]);
    engine.plain(&["run", "-d", "--name", "one", "base:1", "sleep", "600"]);
    assert_eq!(guarded.deleted(&["rm", "-f", "one"]).1, 0);
    let key = guarded.trash().parent().unwrap().join("key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = guarded.trash().join("entries/1");
    let (text, sum, mac) = ("entry.json", "entry.sum", "entry.mac");
    let whole: Vec<(PathBuf, Vec<u8>)> =
        [text, sum, mac].map(|name| (folder.join(name), fs::read(folder.join(name)).unwrap())).into_iter().collect();
    let put_back = || whole.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let none_is_there = || assert_eq!(engine.plain(&["ps", "-aq"]), "");
    edit(&guarded, 1, &|entry| entry["objects"][0]["inspect"]["HostConfig"]["Privileged"] = true.into());
    let (said, code) = guarded.undone();
    assert_eq!(code, 1, "{said}");
    assert!(flat(&said).contains("entry 1 was changed after fender wrote it"), "{said}");
    none_is_there();
    // Without the keyed checksum it is judged like a command: --privileged is refused here.
    fs::remove_file(folder.join(mac)).unwrap();
    let (said, code) = guarded.undone();
    assert_eq!(code, 125, "{said}");
    assert!(flat(&said).contains("privileged") && flat(&said).contains("the policy refuses it here"), "{said}");
    none_is_there();
    // Contents are files that the entry lists, and nothing else.
    let secret = guarded.place.path("home/secret");
    fs::write(&secret, "secret").unwrap();
    for file in [secret.display().to_string(), "../../../secret".to_owned(), "..".to_owned(), "volume-9".to_owned()] {
        put_back();
        edit(&guarded, 1, &|entry| entry["objects"][0]["file"] = json!(file));
        fs::remove_file(folder.join(mac)).unwrap();
        let (said, code) = guarded.undone();
        assert_eq!(code, 1, "{file}: {said}");
        none_is_there();
    }
    // As it was, a yes is enough; without a terminal nobody can give it. Where a policy asks nothing of scripts, none is needed.
    put_back();
    guarded.place.policy(&format!("{PRODUCTION}[presets.prod.script]\nhygiene = \"ask\"\n"));
    let output = guarded.fender(&["undo"]);
    assert_eq!(output.status.code(), Some(125));
    none_is_there();
    let (said, code) = guarded.undone();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("no-memory-limit") && said.contains("Bring it back?"), "{said}");
    assert_eq!(engine.plain(&["inspect", "one", "--format", "{{.HostConfig.Privileged}}"]), "false");
    // What ran here comes back with a yes, also where the policy refuses it by now.
    guarded.place.policy("[environments.dev]\nhostname = \"*\"\n[rules]\nprivileged = \"allow\"\n");
    engine.plain(&["run", "-d", "--name", "two", "--privileged", "base:1", "sleep", "600"]);
    guarded.place.policy(PRODUCTION);
    assert_eq!(guarded.deleted(&["rm", "-f", "two"]).1, 0);
    let (said, code) = guarded.undone();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("privileged"), "{said}");
    assert_eq!(engine.plain(&["inspect", "two", "--format", "{{.HostConfig.Privileged}}"]), "true");
}

#[test]
fn a_name_is_no_identity() {
    let engine = Engine::start("restore-names", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    let write = |text: &str| {
        engine.plain(&["run", "--rm", "-v", "data:/v", "base:1", "sh", "-c", &format!("echo {text} >/v/f")]);
    };
    let read = || engine.plain(&["run", "--rm", "-v", "data:/v", "base:1", "cat", "/v/f"]);
    engine.plain(&["volume", "create", "data"]);
    write("first");
    assert_eq!(guarded.deleted(&["volume", "rm", "data"]).1, 0);
    let id = engine.plain(&["info", "--format", "{{.ID}}"]);
    let mark = |created: Option<&str>| {
        TrashStore::at(guarded.trash()).lock().unwrap().mark_filling(&id, "data", created).unwrap();
    };
    // An undo was killed while it filled the volume; somebody has made another one since, with new data, and protects it.
    for created in [Some("2001-02-03T04:05:06Z"), None] {
        mark(created);
        engine.plain(&["volume", "create", "--label", "fender.protect=customers", "data"]);
        write("second");
        let output = guarded.fender(&["undo"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(flat(&said).contains("there is another volume data now"), "{said}");
        assert_eq!(read(), "second", "{said}");
        engine.plain(&["volume", "rm", "data"]);
    }
    // The one that was really half filled is filled again, not deleted.
    engine.plain(&["volume", "create", "data"]);
    write("half");
    let created = engine.plain(&["volume", "inspect", "data", "--format", "{{.CreatedAt}}"]);
    mark(Some(&created));
    let said = guarded.undo();
    assert_eq!(read(), "first", "{said}");
    assert_eq!(engine.plain(&["volume", "inspect", "data", "--format", "{{.CreatedAt}}"]), created);
}

/// Where nothing has a name, the engine takes it for the beginning of an id. Such names come back like any other.
#[test]
fn a_name_is_not_the_beginning_of_an_id() {
    let engine = Engine::start("restore-prefixes", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    // Until two ids begin with the same two digits.
    let mut ids: Vec<String> = Vec::new();
    let twice = loop {
        let id = engine.plain(&["create", "base:1", "true"]).trim().to_owned();
        let begins_so = ids.iter().any(|known| known[..2] == id[..2]);
        ids.push(id);
        if begins_so {
            break ids.last().unwrap()[..2].to_owned();
        }
    };
    let once = ids.iter().find(|id| ids.iter().filter(|other| other[..2] == id[..2]).count() == 1).unwrap();
    let network = engine.plain(&["network", "create", "other"]).trim()[..3].to_owned();
    engine.plain(&["network", "create", &network]);
    for name in [&once[..2], &once[..5], &once[..11], &twice] {
        let run = ["run", "-d", "--name", name, "--network", &network, "base:1", "sleep", "600"];
        engine.plain(&run);
        assert_eq!(guarded.deleted(&["rm", "-f", name]).1, 0);
        assert_eq!(guarded.deleted(&["network", "rm", &network]).1, 0);
        // The container needs its network: the last deletion comes back first.
        let said = guarded.undo() + &guarded.undo();
        let is = [
            "inspect",
            "--format",
            "{{.Name}} {{.State.Status}} {{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}",
        ];
        let found = engine.plain(&[&is[..], &[name]].concat());
        assert_eq!(found.trim(), format!("/{name} running {network}"), "{said}");
        assert!(!said.contains("-restored"), "{said}");
        // Without its network it does not come back in another one whose id begins so.
        assert_eq!(guarded.deleted(&["rm", "-f", name]).1, 0);
        engine.plain(&["network", "rm", &network]);
        let (said, code) = guarded.undone();
        assert_eq!(code, 1, "{said}");
        assert!(flat(&said).contains(&format!("its network {network} is not there")), "{said}");
        engine.plain(&["network", "create", &network]);
        guarded.undo();
        engine.plain(&["rm", "-f", name]);
    }
}

#[test]
fn undo_knows_what_it_did_not_keep() {
    let engine = Engine::start("restore-notes", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    engine.plain(&["run", "-d", "--name", "kept", "base:1", "sh", "-c", "echo own >/own; sleep 600"]);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(guarded.deleted(&["rm", "-f", "kept"]).1, 0);
    guarded.place.policy(ALL_NOTED);
    engine.plain(&["volume", "create", "data"]);
    engine.plain(&["run", "--rm", "-v", "data:/v", "base:1", "sh", "-c", "echo x >/v/f"]);
    let mut terminal = guarded.on_terminal(&["volume", "rm", "data"]);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(flat(&terminal.seen()).contains("fender: not kept: volume data"), "{}", terminal.seen());
    // The last deletion is named, and an older one is not brought back unasked.
    let mut terminal = guarded.fender_on_terminal(&["undo"]);
    terminal.expect_question();
    let seen = flat(&terminal.seen());
    assert!(seen.contains("docker volume rm data") && seen.contains("nothing of it was kept"), "{seen}");
    assert!(seen.contains("docker rm -f kept"), "{seen}");
    terminal.send("\n");
    assert_eq!(terminal.wait().code(), Some(125));
    assert_eq!(engine.plain(&["ps", "-aq"]), "");
    let output = guarded.fender(&["undo"]);
    assert_eq!(output.status.code(), Some(125), "without a terminal nobody can say yes");
    let (said, code) = guarded.undone();
    assert_eq!(code, 0, "{said}");
    assert_eq!(engine.plain(&["exec", "kept", "cat", "/own"]), "own");
    // What costs nothing is kept on a note, too: a container comes back from its image.
    engine.plain(&["network", "create", "--label", "a=b", "net"]);
    engine.plain(&[
        "run",
        "-d",
        "--name",
        "noted",
        "--network",
        "net",
        "-e",
        "A=1",
        "base:1",
        "sh",
        "-c",
        "echo own >/own; sleep 600",
    ]);
    std::thread::sleep(Duration::from_millis(300));
    let output = guarded.piped(&["rm", "-f", "noted"]);
    assert!(output.status.success());
    let output = guarded.piped(&["network", "rm", "net"]);
    assert!(output.status.success());
    for _ in 0..2 {
        let (said, code) = guarded.undone();
        assert_eq!(code, 0, "{said}");
    }
    assert_eq!(engine.plain(&["exec", "noted", "sh", "-c", "echo $A; cat /own"]), "1\nown", "its command ran again");
    assert_eq!(engine.plain(&["network", "inspect", "net", "--format", "{{.Labels.a}}"]), "b");
    // Nothing deleted is nothing written.
    let entries = || fs::read_dir(guarded.trash().join("entries")).unwrap().count();
    let before = entries();
    guarded.piped(&["rm", "-f", "nosuch"]);
    guarded.piped(&["container", "prune", "-f"]);
    assert_eq!(entries(), before);
    // One that is damaged does not keep the others from coming back.
    let newest = fs::read_dir(guarded.trash().join("entries")).unwrap().flatten().map(|it| it.path()).max().unwrap();
    guarded.place.policy(PRODUCTION);
    assert_eq!(guarded.deleted(&["rm", "-f", "kept"]).1, 0);
    assert_eq!(guarded.deleted(&["rm", "-f", "noted"]).1, 0);
    let last = fs::read_dir(guarded.trash().join("entries")).unwrap().count();
    assert!(newest.exists());
    fs::write(guarded.trash().join(format!("entries/{last}/entry.json")), "{").unwrap();
    let (said, code) = guarded.undone();
    assert_eq!(code, 0, "{said}");
    assert!(flat(&said).contains(&format!("fender trash empty {last} removes it")), "{said}");
    assert_eq!(engine.plain(&["ps", "--format", "{{.Names}}"]), "kept");
}

#[test]
fn a_clock_that_jumps_expires_nothing() {
    let engine = Engine::start("restore-clock", "new", "");
    let guarded = Guarded::new(&engine);
    let remove = |name: &str| {
        engine.plain(&["volume", "create", name]);
        assert_eq!(guarded.deleted(&["volume", "rm", name]).1, 0);
    };
    remove("one");
    let clock = guarded.trash().join("clock");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&fs::read(&clock).unwrap()).unwrap();
        change(&mut value);
        fs::write(&clock, serde_json::to_vec(&value).unwrap()).unwrap();
    };
    // The same start of the machine, and a wall clock that was ten years behind; then another start, a year ago.
    changed(&|clock| clock["wall"] = json!(clock["wall"].as_i64().unwrap() - 315_360_000));
    remove("two");
    changed(&|clock| {
        clock["boot"] = "another".into();
        clock["wall"] = json!(clock["wall"].as_i64().unwrap() - 31_536_000);
    });
    remove("three");
    let list = String::from_utf8_lossy(&guarded.fender(&["trash", "list"]).stdout).into_owned();
    for name in ["one", "two", "three"] {
        assert!(list.contains(&format!("volume rm {name}")), "{list}");
    }
    // Eight days of the machine's own time.
    changed(&|clock| {
        clock["tick"] = json!(clock["tick"].as_i64().unwrap() + 8 * 86_400);
    });
    remove("four");
    let list = String::from_utf8_lossy(&guarded.fender(&["trash", "list"]).stdout).into_owned();
    assert!(!list.contains("volume rm one") && list.contains("volume rm four"), "{list}");
}

fn state(engine: &Engine) -> String {
    let volumes = engine.plain(&["volume", "ls", "-q"]);
    let containers = engine.plain(&["ps", "-a", "--format", "{{.Names}} {{.State}}"]);
    let networks = engine.plain(&["network", "ls", "--filter", "type=custom", "--format", "{{.Name}}"]);
    format!("{volumes}\n{containers}\n{networks}")
}

#[test]
fn an_undo_that_is_killed_loses_nothing() {
    let engine = Engine::start("restore-killed", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    engine.plain(&["network", "create", "net"]);
    for name in ["one", "two", "three"] {
        engine.plain(&["volume", "create", name]);
        let script = "test -e /v/end || { dd if=/dev/urandom of=/v/blob bs=1M count=8 2>/dev/null; echo own >/own; echo end >/v/end; }; sleep 600";
        let volume = format!("{name}:/v");
        engine.plain(&["run", "-d", "--name", name, "--network", "net", "-v", &volume, "base:1", "sh", "-c", script]);
    }
    std::thread::sleep(Duration::from_secs(1));
    let sums = || {
        ["one", "two", "three"].map(|name| {
            engine.plain(&["run", "--rm", "-v", &format!("{name}:/v:ro"), "base:1", "sh", "-c", "sha256sum /v/*"])
        })
    };
    let (before, contents) = (state(&engine), sums());
    let everything = ["one", "two", "three"];
    let mut cut = 0;
    for step in 0..10_u64 {
        engine.plain(&["stop", "-t", "0", "one", "two", "three"]);
        engine.plain(&["start", "one", "two", "three"]);
        let mut words = vec!["rm", "-f"];
        words.extend(everything);
        assert_eq!(guarded.deleted(&words).1, 0);
        let mut words = vec!["volume", "rm"];
        words.extend(everything);
        assert_eq!(guarded.deleted(&words).1, 0);
        let mut terminal = guarded.fender_on_terminal(&["undo"]);
        std::thread::sleep(Duration::from_millis(60 + step * 70));
        terminal.kill();
        let entries = TrashStore::at(guarded.trash()).entries();
        let newest = entries.into_iter().max_by_key(|(id, _)| *id);
        cut += usize::from(newest.is_some_and(|(_, entry)| !entry.unwrap().undone));
        let said = guarded.undo();
        let (second, _) = guarded.undone();
        assert_eq!(state(&engine), before, "killed after {} ms:\n{said}\n{second}", 60 + step * 70);
        assert_eq!(sums(), contents, "killed after {} ms", 60 + step * 70);
        assert_eq!(engine.plain(&["ps", "-aq", "--filter", "name=fender.helper"]), "");
    }
    assert!(cut > 0, "every kill came too late");
}
