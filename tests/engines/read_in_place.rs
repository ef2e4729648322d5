//! Layers and volumes that fender reads where they lie, beside what others do to them meanwhile.

use std::fs;
use std::time::Duration;

use fender::trash::TrashStore;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::process::{client, program};

/// Writes a layer with what archives find hard: a new folder, a file of the image that is changed, links, a long name, odd rights and owners.
const WRITE: &str = "mkdir -p /new/deep; echo one >/new/deep/file; echo more:x:7:7::/:/bin/sh >>/etc/passwd; ln -s file /new/deep/link; \
    ln /new/deep/file /new/deep/same; n=$(printf %0200d 7); echo long >/new/$n; chown 33:44 /new/deep/file; chmod 2710 /new/deep; \
    mkfifo /new/fifo; dd if=/dev/zero of=/new/sparse bs=1 count=1 seek=3000000 2>/dev/null; touch -d @1500000000 /new/deep/file /new/deep; \
    i=0; while [ $i -lt 300 ]; do echo $i >/new/$i; i=$((i+1)); done";

/// All files of a container that lie in its own file system: rights, owners, sizes, times, and checksums.
fn look(engine: &Engine, container: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("all.tar");
    engine.plain(&["export", "-o", archive.to_str().unwrap(), container]);
    let list = "cd \"$1\"; tar --full-time -tvf all.tar | grep -E ' (new|empty|etc/passwd)' | sort; mkdir all; tar -xf all.tar -C all new; \
        find all -type f -exec sha256sum {} + | sort";
    let output = program("sh").args(["-ec", list, "sh", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Removes a container through fender and brings it back; what the engine did to images meanwhile: `commit`, `save`.
fn there_and_back(guarded: &Guarded, name: &str) -> Vec<String> {
    let engine = guarded.engine;
    let now = || program("date").arg("+%s.%N").output().map(|it| String::from_utf8(it.stdout).unwrap()).unwrap();
    let since = now();
    let (seen, code) = guarded.deleted(&["rm", "-f", name]);
    assert_eq!(code, 0, "{seen}");
    let until = now();
    guarded.undo();
    let words = ["events", "--since", since.trim(), "--until", until.trim(), "--format", "{{.Action}}"];
    let events = engine.plain(&words);
    events.lines().filter(|line| matches!(*line, "commit" | "save")).map(str::to_owned).collect()
}

#[test]
fn a_layer_is_read_in_one_pass() {
    let engine = Engine::start("in-place-layer", "new", "");
    let mut guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    engine.plain(&["run", "--name", "done", "base:1", "sh", "-ec", &format!("{WRITE}; mkdir /empty")]);
    let write = format!("[ -e /ready ] || {{ {WRITE}; touch /ready; }}; sleep 6000");
    engine.plain(&["run", "-d", "--name", "runs", "base:1", "sh", "-ec", &write]);
    engine.plain(&["run", "--name", "takes", "base:1", "sh", "-ec", &format!("{WRITE}; rm /etc/passwd")]);
    let wait = "until [ -e /ready ]; do sleep 0.1; done";
    engine.plain(&["exec", "runs", "sh", "-c", wait]);
    for (name, is_apart, wanted) in [
        ("done", false, &[][..]),
        // The engine pauses it while it commits it; what it committed is read where it lies.
        ("runs", false, &["commit"][..]),
        // No folder says what was taken away in a way that an archive can.
        ("takes", false, &["commit", "save"][..]),
        ("done", true, &["commit", "save"][..]),
    ] {
        let before = look(&engine, name);
        assert!(before.contains("new/deep/file") && before.lines().count() > 600, "{before}");
        guarded.set_apart(is_apart);
        assert_eq!(there_and_back(&guarded, name), wanted, "{name}");
        let after = look(&engine, name);
        for (one, other) in before.lines().zip(after.lines()) {
            assert_eq!(one, other, "{name}, seen from elsewhere: {is_apart}");
        }
        assert_eq!(before.lines().count(), after.lines().count());
    }
    // What a folder cannot be trusted to say is left to the engine.
    let upper = engine.plain(&["inspect", "done", "--format", "{{.GraphDriver.Data.UpperDir}}"]);
    guarded.set_apart(false);
    fs::write(format!("{upper}/new/.wh.deep"), "").unwrap();
    assert!(there_and_back(&guarded, "done").contains(&"commit".to_owned()));
}

#[test]
fn a_volume_that_somebody_removes_meanwhile_is_not_kept_in_part() {
    let engine = Engine::start("in-place-race", "new", "");
    let guarded = Guarded::new(&engine);
    let files = |folder: &str| {
        let list = "cd \"$1\"; find . -type f | sort | xargs sha256sum";
        program("sh")
            .args(["-ec", list, "sh", folder])
            .output()
            .map(|it| String::from_utf8(it.stdout).unwrap())
            .unwrap()
    };
    let (mut kept, mut lost) = (0, 0);
    for pause in [0, 100, 200, 300, 400, 600, 800, 1200, 2000, 4000] {
        engine.plain(&["volume", "create", "data"]);
        let folder = engine.plain(&["volume", "inspect", "data", "--format", "{{.Mountpoint}}"]);
        let fill =
            "cd \"$1\"; head -c 8192000 /dev/urandom | split -b 1024 -a 4 -; head -c 60000000 /dev/urandom >large";
        assert!(program("sh").args(["-ec", fill, "sh", &folder]).status().unwrap().success());
        let before = files(&folder);
        let mut terminal = guarded.asked(&["volume", "rm", "data"]);
        let newest =
            |entries: Vec<(u64, anyhow::Result<fender::trash::Entry>)>| entries.into_iter().map(|it| it.0).max();
        let last = newest(TrashStore::at(guarded.trash()).entries());
        terminal.send(&format!("{}\n", guarded.name));
        std::thread::sleep(Duration::from_millis(pause));
        let _ = client(&engine.host()).args(["volume", "rm", "data"]).output().unwrap();
        terminal.wait();
        assert_eq!(engine.plain(&["volume", "ls", "-q"]), "", "{}", terminal.seen());
        let store = TrashStore::at(guarded.trash());
        let entry = newest(store.entries()).filter(|id| Some(*id) != last).map(|id| store.entry(id).unwrap());
        if entry.is_none_or(|entry| !entry.has_kept()) {
            lost += 1;
            continue;
        }
        kept += 1;
        let said = guarded.undo();
        assert_eq!(files(&folder), before, "after {pause} ms: {said}");
        assert_eq!(client(&engine.host()).args(["volume", "rm", "data"]).status().unwrap().code(), Some(0));
    }
    assert!(kept > 0 && lost > 0, "kept {kept}, removed by others before that {lost}");
}
