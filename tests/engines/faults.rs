//! Faults while something is kept and deleted: whatever happens, each object is on the engine or whole in the trash.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::process::program;
use fender::trash::TrashStore;

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Two containers, two volumes with some megabytes, an image that exists only here, a network.
fn state(engine: &Engine) {
    engine.image("base:1", &[]);
    engine.plain(&["network", "create", "front"]);
    for name in ["one", "two"] {
        engine.plain(&["volume", "create", name]);
        let script = "dd if=/dev/urandom of=/v/blob bs=1k count=4000 2>/dev/null; dd if=/dev/urandom of=/own bs=1k count=1000 2>/dev/null; echo done >/v/end";
        let volume = format!("{name}:/v");
        engine.plain(&["run", "--name", name, "--network", "front", "-v", &volume, "base:1", "sh", "-c", script]);
    }
    engine.plain(&["commit", "one", "only-here:1"]);
}

fn clear(engine: &Engine) {
    let ids = engine.plain(&["ps", "-aq"]);
    for id in ids.lines() {
        engine.plain(&["rm", "-fv", id]);
    }
    engine.plain(&["system", "prune", "-af", "--volumes"]);
    engine.plain(&["volume", "prune", "-af"]);
}

const EVERYTHING: &[&str] = &["system", "prune", "-a", "--volumes", "-f"];

/// Objects that were there, as their names.
fn there(engine: &Engine) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |kind: &str, list: String| names.extend(list.lines().map(|name| format!("{kind} {name}")));
    add("container", engine.plain(&["ps", "-a", "--format", "{{.Names}}"]));
    add("volume", engine.plain(&["volume", "ls", "-q"]));
    add("image", engine.plain(&["images", "--format", "{{.Repository}}:{{.Tag}}"]));
    add("network", engine.plain(&["network", "ls", "--filter", "type=custom", "--format", "{{.Name}}"]));
    names.retain(|name| !name.contains("fender.helper") && !name.contains("<none>"));
    names.sort();
    names
}

/// What whole entries of the trash hold, as the same names.
fn kept(trash: &Path) -> Vec<String> {
    let store = TrashStore::at(trash.to_path_buf());
    let mut names = Vec::new();
    for (_, entry) in store.entries() {
        let entry = entry.expect("an entry is whole or not there");
        store.verify(&entry).expect("and so are its files");
        names.extend(
            entry.objects.iter().filter(|it| it.recoverable == fender_core::plan::Recoverable::Trash).flat_map(|it| {
                let names = if it.tags.is_empty() { vec![it.name.clone()] } else { it.tags.clone() };
                names.into_iter().map(|name| format!("{} {name}", it.kind.name())).collect::<Vec<_>>()
            }),
        );
    }
    names
}

fn nothing_is_lost(engine: &Engine, before: &[String], trash: &Path, about: &str) {
    let (there, kept) = (there(engine), kept(trash));
    for name in before {
        assert!(
            there.contains(name) || kept.contains(name),
            "{about}: {name} is lost; there: {there:?}, kept: {kept:?}"
        );
    }
}

/// Ends a process and what it started.
fn kill_fender(guarded: &Guarded) {
    let front = guarded.place.path("front/docker").display().to_string();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_fender = words.split(|byte| *byte == 0).next().is_some_and(|word| word == front.as_bytes());
        if is_fender {
            let _ = program("kill").args(["-9", &entry.file_name().to_string_lossy()]).status();
        }
    }
}

#[test]
fn fender_is_killed_at_every_step() {
    let engine = Engine::start("faults-fender", "new", "");
    let guarded = Guarded::new(&engine);
    let (mut whole, mut cut) = (0, 0);
    // From before the first byte is kept to after the last object went.
    for step in 0..14 {
        clear(&engine);
        let _ = fs::remove_dir_all(guarded.trash());
        state(&engine);
        let before = there(&engine);
        let mut terminal = guarded.asked(EVERYTHING);
        terminal.send(&format!("{}\n", guarded.name));
        std::thread::sleep(Duration::from_millis(step * 120));
        kill_fender(&guarded);
        terminal.wait();
        nothing_is_lost(&engine, &before, &guarded.trash(), &format!("killed after {} ms", step * 120));
        if there(&engine) == before {
            whole += 1
        } else {
            cut += 1
        }
        // The next one clears away what the killed one left, and brings back what it took.
        let (said, _) = guarded.undone();
        assert_eq!(there(&engine), before, "after {} ms: {said}", step * 120);
    }
    assert!(whole > 0 && cut > 0, "the kills came at one step only: {whole} before, {cut} after the first deletion");
    guarded.deleted(EVERYTHING);
    assert!(!engine.plain(&["images", "-a"]).contains("fender.helper"));
    assert_eq!(engine.plain(&["ps", "-aq"]), "");
}

#[test]
fn the_engine_is_killed_at_every_step() {
    let engine = Engine::start("faults-engine", "new", "");
    let guarded = Guarded::new(&engine);
    for step in 0..8 {
        clear(&engine);
        let _ = fs::remove_dir_all(guarded.trash());
        state(&engine);
        let before = there(&engine);
        let mut terminal = guarded.asked(EVERYTHING);
        terminal.send(&format!("{}\n", guarded.name));
        std::thread::sleep(Duration::from_millis(100 + step * 200));
        engine.kill();
        let code = terminal.wait().code();
        engine.again();
        nothing_is_lost(&engine, &before, &guarded.trash(), &format!("engine killed after {} ms", 100 + step * 200));
        let left = there(&engine);
        if code == Some(125) {
            assert_eq!(left, before, "it said that nothing was deleted: {}", terminal.seen());
        }
        if left != before {
            let (said, _) = guarded.undone();
            assert_eq!(there(&engine), before, "step {step}: {said}\n{}", terminal.seen());
        }
    }
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = program("umount").args(["-l", &self.0.display().to_string()]).status();
    }
}

#[test]
fn the_disk_is_full_while_keeping() {
    let engine = Engine::start("faults-disk", "new", "");
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().to_path_buf();
    let mounted = program("mount").args(["-t", "tmpfs", "-o", "size=260m", "tmpfs"]).arg(&small).status().unwrap();
    assert!(mounted.success());
    let _mounted = Mounted(small.clone());
    let guarded = Guarded::new(&engine).with_state(small.clone());
    state(&engine);
    let before = there(&engine);
    let mut terminal = guarded.asked(EVERYTHING);
    // Between the question and the deletion another program fills the disk.
    let filled = program("dd")
        .args(["if=/dev/zero", "bs=1M", "count=257"])
        .arg(format!("of={}", small.join("filler").display()))
        .output()
        .unwrap();
    assert!(small.join("filler").exists(), "{}", String::from_utf8_lossy(&filled.stderr));
    terminal.send(&format!("{}\n", guarded.name));
    assert_eq!(terminal.wait().code(), Some(125), "{}", terminal.seen());
    let seen = flat(&terminal.seen());
    assert!(seen.contains("fender: not run (trash, ") && seen.contains("nothing was deleted: "), "{seen}");
    assert_eq!(there(&engine), before);
    assert!(TrashStore::at(guarded.trash()).entries().is_empty());
    // A disk that has no room is said before the answer.
    let output = guarded.fender(&["plan", "docker system prune -a --volumes"]);
    let said = flat(&String::from_utf8_lossy(&output.stdout));
    assert!(said.contains("the disk of the trash has only 0 B to spare"), "{said}");
    let mut terminal = guarded.asked(EVERYTHING);
    assert!(flat(&terminal.seen()).contains("of these are not kept and cannot be brought back"), "{}", terminal.seen());
    terminal.send("\n");
    terminal.wait();
    assert_eq!(there(&engine), before);
}

#[test]
fn a_damaged_entry_is_refused() {
    let engine = Engine::start("faults-damage", "new", "");
    let guarded = Guarded::new(&engine);
    state(&engine);
    guarded.deleted(EVERYTHING);
    let entry = guarded.trash().join("entries/1");
    let mut files: Vec<PathBuf> = fs::read_dir(&entry).unwrap().flatten().map(|it| it.path()).collect();
    files.extend(fs::read_dir(guarded.trash().join("blobs")).unwrap().flatten().map(|it| it.path()));
    assert!(files.len() > 5, "{files:?}");
    let gone = there(&engine);
    for file in files {
        let whole = fs::read(&file).unwrap();
        let mut changed = whole.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for (bytes, what) in [(whole[..middle].to_vec(), "cut short"), (changed, "changed")] {
            fs::write(&file, bytes).unwrap();
            let (said, code) = guarded.undone();
            assert_eq!(code, 1, "{} {what}: {said}", file.display());
            assert!(flat(&said).contains("entry 1"), "{} {what}: {said}", file.display());
            assert_eq!(there(&engine), gone, "{} {what}", file.display());
        }
        fs::write(&file, whole).unwrap();
    }
    guarded.undo();
    assert!(there(&engine).contains(&"volume one".to_owned()));
}

#[test]
fn the_trash_is_its_users_alone_and_expires() {
    use std::os::unix::fs::PermissionsExt;
    let engine = Engine::start("faults-expiry", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    for name in ["aa", "bb", "cc"] {
        engine.plain(&["volume", "create", name]);
        let volume = format!("{name}:/v");
        engine.plain(&[
            "run",
            "--rm",
            "-v",
            &volume,
            "base:1",
            "dd",
            "if=/dev/urandom",
            "of=/v/f",
            "bs=1k",
            "count=1000",
        ]);
    }
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n[trash]\nmax = \"2.5MB\"\n");
    for name in ["aa", "bb", "cc"] {
        assert_eq!(guarded.deleted(&["volume", "rm", name]).1, 0);
    }
    for entry in fs::read_dir(guarded.trash()).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", entry.path().display());
    }
    let listed = String::from_utf8_lossy(&guarded.fender(&["trash", "list"]).stdout).into_owned();
    let has = |name: &str| listed.contains(&format!("volume rm {name}"));
    assert!(!has("aa") && has("bb") && has("cc"), "{listed}");
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n[trash]\nkeep = \"1s\"\n");
    std::thread::sleep(Duration::from_millis(2100));
    // Reading destroys nothing: what is too old goes when something is kept.
    let listed = String::from_utf8_lossy(&guarded.fender(&["trash", "list"]).stdout).into_owned();
    assert!(listed.contains("volume rm cc"), "{listed}");
    engine.plain(&["volume", "create", "dd"]);
    assert_eq!(guarded.deleted(&["volume", "rm", "dd"]).1, 0);
    let listed = String::from_utf8_lossy(&guarded.fender(&["trash", "list"]).stdout).into_owned();
    assert!(listed.contains("volume rm dd") && !listed.contains("volume rm cc"), "{listed}");
    // Too large for the trash: said before the answer.
    engine.plain(&["volume", "create", "large"]);
    engine.plain(&[
        "run",
        "--rm",
        "-v",
        "large:/v",
        "base:1",
        "dd",
        "if=/dev/urandom",
        "of=/v/f",
        "bs=1k",
        "count=3000",
    ]);
    guarded.place.policy("[environments.prod]\nhostname = \"*\"\n[trash]\neach = \"1MB\"\n");
    let mut terminal = guarded.asked(&["volume", "rm", "large"]);
    let seen = flat(&terminal.seen());
    assert!(seen.contains("loses large: it is larger than 1 MB"), "{seen}");
    assert!(seen.contains("One of these is not kept and cannot be brought back."), "{seen}");
    terminal.send("\n");
    terminal.wait();
    assert!(engine.plain(&["volume", "ls", "-q"]).contains("large"));
}
