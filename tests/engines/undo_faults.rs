//! Two at once, an engine that is killed, and `kill -9`, while something is kept or brought back: each object is on the engine or
//! whole in the trash, nothing comes back twice, and nothing of fender's keeps a volume in use.

use std::fs;
use std::time::{Duration, Instant};

use fender::trash::TrashStore;
use fender_core::plan::Recoverable;
use serde_json::Value;

use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::process::{client, program};
use crate::support::terminal::Terminal;

const NAMES: [&str; 3] = ["one", "two", "three"];

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Three containers, each with a volume of so many megabytes and a file in its own layer, on a network.
fn fill(engine: &Engine, megabytes: u32) {
    engine.image("base:1", &[]);
    engine.plain(&["network", "create", "net"]);
    for name in NAMES {
        engine.plain(&["volume", "create", name]);
        let script = format!(
            "dd if=/dev/urandom of=/v/blob bs=1M count={megabytes} 2>/dev/null; echo own >/own; echo end >/v/end"
        );
        engine.plain(&[
            "run",
            "--name",
            name,
            "--network",
            "net",
            "-v",
            &format!("{name}:/v"),
            "base:1",
            "sh",
            "-c",
            &script,
        ]);
    }
}

/// What is there: names, and the contents of volumes and layers.
fn state(engine: &Engine) -> String {
    let mut names: Vec<String> = Vec::new();
    for list in [&["ps", "-a", "--format", "{{.Names}}"][..], &["volume", "ls", "-q"]] {
        names.extend(engine.plain(list).lines().map(|name| format!("{} {name}", list[0])));
    }
    names.sort();
    let mut out = names.join("\n") + "\n";
    let api = Api::new(&engine.socket);
    for name in NAMES {
        for path in ["/v/blob", "/v/end", "/own"] {
            let stat = api.try_call(hyper::Method::GET, &format!("/containers/{name}/json"), None);
            let mounted = stat.is_ok().then(|| copied(engine, name, path));
            out += &format!("{name} {path} {mounted:?}\n");
        }
    }
    out
}

/// The checksum of a file in a container that does not run.
fn copied(engine: &Engine, name: &str, path: &str) -> String {
    let output = client(&engine.host()).args(["cp", &format!("{name}:{path}"), "-"]).output().unwrap();
    let content = tar::Archive::new(output.stdout.as_slice()).entries().unwrap().next().map(|entry| {
        use sha2::{Digest, Sha256};
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry.unwrap(), &mut bytes).unwrap();
        format!("{:x}", Sha256::digest(bytes))
    });
    content.unwrap_or_default()
}

/// What of fender's own is on the engine.
fn helpers(engine: &Engine) -> String {
    let containers = engine.plain(&["ps", "-a", "--format", "{{.Names}} {{.Labels}} {{.Image}}"]);
    let images = engine.plain(&["images", "-a", "--format", "{{.Repository}}"]);
    let is_helper = |line: &&str| line.contains("fender.helper") || *line == "<none>";
    containers.lines().chain(images.lines()).filter(is_helper).collect()
}

/// Nothing of fender's is there a few seconds later, though no other command of fender's was run.
fn helpers_go(engine: &Engine, about: &str) {
    let start = Instant::now();
    while !helpers(engine).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "{about}: {} stays", helpers(engine));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Answers every question on several terminals with yes until all have ended; what stood there, and the exit codes.
fn all_yes(mut terminals: Vec<Terminal>, name: &str) -> Vec<(String, Option<i32>)> {
    let mut answered = vec![0; terminals.len()];
    let start = Instant::now();
    loop {
        let mut running = false;
        for (terminal, answered) in terminals.iter_mut().zip(&mut answered) {
            if terminal.ended().is_some() {
                continue;
            }
            running = true;
            let seen = terminal.seen();
            let asked = seen.matches("[y/N]").count() + seen.matches("Enter to cancel:").count();
            if asked > *answered {
                *answered = asked;
                let typed = seen.trim_end().ends_with("Enter to cancel:");
                terminal.send(&if typed { format!("{name}\n") } else { "y\n".to_owned() });
            }
        }
        if !running {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "they do not end: {}", terminals[0].seen());
        std::thread::sleep(Duration::from_millis(10));
    }
    terminals.iter_mut().map(|terminal| (terminal.seen(), terminal.wait().code())).collect()
}

/// The right answer to the question that stands there.
fn confirm(guarded: &Guarded, terminal: &mut Terminal) {
    let typed = terminal.seen().trim_end().ends_with("Enter to cancel:");
    terminal.send(&if typed { format!("{}\n", guarded.name) } else { "y\n".to_owned() });
}

/// Numbers that are the same in every run.
struct Moments(u64);

impl Moments {
    fn next(&mut self, most: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % most)
    }
}

/// Brings back everything; more than one deletion may have taken it.
fn undo_all(guarded: &Guarded) -> String {
    let (first, _) = guarded.undone();
    let (second, _) = guarded.undone();
    format!("{first}\n{second}")
}

fn deleted_whole(guarded: &Guarded) {
    for kind in [&["rm", "-f"][..], &["volume", "rm"]] {
        let words: Vec<&str> = kind.iter().copied().chain(NAMES).collect();
        let (seen, code) = guarded.deleted(&words);
        assert_eq!(code, 0, "{seen}");
    }
}

#[test]
fn two_undos_at_once_bring_everything_back_once() {
    let engine = Engine::start("undo-twice", "new", "");
    let guarded = Guarded::new(&engine);
    fill(&engine, 20);
    let before = state(&engine);
    for _ in 0..3 {
        let (seen, code) = guarded.deleted(&["rm", "-f", "one", "two", "three"]);
        assert_eq!(code, 0, "{seen}");
        engine.plain(&["volume", "ls"]);
        let terminals = (0..2).map(|_| guarded.fender_on_terminal(&["undo"])).collect();
        let ended = all_yes(terminals, &guarded.name);
        for (seen, code) in &ended {
            assert_eq!(*code, Some(0), "{seen}");
            assert!(!seen.contains("-restored"), "{seen}");
        }
        assert_eq!(state(&engine), before, "{ended:?}");
        assert_eq!(helpers(&engine), "");
    }
    // The same with volumes, which are filled.
    deleted_whole(&guarded);
    let terminals = (0..2).map(|_| guarded.fender_on_terminal(&["undo"])).collect();
    let ended = all_yes(terminals, &guarded.name);
    assert!(ended.iter().all(|(seen, code)| *code == Some(0) && !seen.contains("-restored")), "{ended:?}");
    let (said, _) = guarded.undone();
    assert_eq!(state(&engine), before, "{ended:?}\n{said}");
}

#[test]
fn two_deletions_at_once_lose_and_double_nothing() {
    let engine = Engine::start("delete-twice", "new", "");
    let guarded = Guarded::new(&engine);
    fill(&engine, 10);
    let before = state(&engine);
    let pairs: [[&[&str]; 2]; 3] = [
        [&["rm", "-f", "one", "two", "three"], &["rm", "-f", "one", "two", "three"]],
        [&["rm", "-f", "one", "two"], &["rm", "-f", "two", "three"]],
        [&["rm", "-f", "-v", "three", "one"], &["container", "prune", "-f"]],
    ];
    for pair in pairs {
        let terminals: Vec<Terminal> = pair.iter().map(|words| guarded.asked(words)).collect();
        let ended = all_yes(terminals, &guarded.name);
        assert_eq!(engine.plain(&["ps", "-aq"]), "", "{ended:?}");
        let said = undo_all(&guarded);
        assert_eq!(state(&engine), before, "{ended:?}\n{said}");
        assert!(!said.contains("-restored"), "{said}");
        // Once more brings nothing back twice.
        guarded.undone();
        assert_eq!(state(&engine), before, "{said}");
    }
    // Volumes: what one command reads while the other deletes it is not made anew by the reading.
    for round in 0..3 {
        let words: Vec<&str> = ["rm", "-f"].into_iter().chain(NAMES).collect();
        assert_eq!(guarded.deleted(&words).1, 0);
        let terminals =
            vec![guarded.asked(&["volume", "rm", "one", "two"]), guarded.asked(&["volume", "rm", "two", "three"])];
        let ended = all_yes(terminals, &guarded.name);
        assert_eq!(engine.plain(&["volume", "ls", "-q"]), "", "round {round}: {ended:?}");
        let mut said = undo_all(&guarded);
        said += &guarded.undone().0;
        assert_eq!(state(&engine), before, "round {round}: {ended:?}\n{said}");
        assert_eq!(helpers(&engine), "");
    }
    // Only deletions that took something are there to be undone.
    for (id, entry) in TrashStore::at(guarded.trash()).entries() {
        let entry = entry.unwrap();
        assert!(entry.objects.iter().any(|it| it.recoverable == Recoverable::Trash), "{id}");
    }
}

#[test]
fn an_engine_that_is_killed_during_an_undo_loses_nothing() {
    let engine = Engine::start("undo-engine", "new", "");
    let guarded = Guarded::new(&engine);
    fill(&engine, 20);
    let before = state(&engine);
    let (mut moments, mut cut) = (Moments(88_172_645_463_325_252), 0);
    for _ in 0..6 {
        deleted_whole(&guarded);
        let terminal = guarded.fender_on_terminal(&["undo"]);
        let pause = moments.next(900);
        std::thread::sleep(pause);
        engine.kill();
        let ended = all_yes(vec![terminal], &guarded.name);
        engine.again();
        cut += usize::from(ended[0].1 != Some(0));
        // What is half there keeps nobody from using or removing a volume.
        helpers_go(&engine, &format!("killed after {pause:?}"));
        let said = undo_all(&guarded);
        assert_eq!(state(&engine), before, "killed after {pause:?}: {ended:?}\n{said}");
        assert!(!said.contains("-restored"), "{said}");
    }
    assert!(cut > 0, "every kill came too late");
}

/// Waits until a helper is on the engine; whether one came before the command ended.
fn helper_is_there(engine: &Engine, terminal: &mut Terminal) -> bool {
    let api = Api::new(&engine.socket);
    loop {
        let list = api.get("/containers/json?all=1");
        let is_helper = |it: &Value| it["Image"].as_str().is_some_and(|image| image.starts_with("fender.helper"));
        if list.as_array().into_iter().flatten().any(is_helper) {
            return true;
        }
        if terminal.ended().is_some() {
            return false;
        }
    }
}

#[test]
fn a_fender_that_is_killed_leaves_no_volume_in_use() {
    let engine = Engine::start("undo-helpers", "new", "");
    let mut guarded = Guarded::new(&engine);
    fill(&engine, 60);
    let before = state(&engine);
    let (mut moments, mut caught) = (Moments(7_046_029_254_386_353_131), [0, 0]);
    let all: Vec<&str> = ["volume", "rm"].into_iter().chain(NAMES).collect();
    for _ in 0..4 {
        let words: Vec<&str> = ["rm", "-f"].into_iter().chain(NAMES).collect();
        assert_eq!(guarded.deleted(&words).1, 0);
        // While volumes are kept: all of them are there, and nothing of fender's uses them. Where they are read in place, no helper is needed.
        guarded.set_apart(true);
        let mut terminal = guarded.asked(&all);
        confirm(&guarded, &mut terminal);
        caught[0] += usize::from(helper_is_there(&engine, &mut terminal));
        std::thread::sleep(moments.next(300));
        terminal.kill_alone();
        helpers_go(&engine, "killed while it kept");
        guarded.set_apart(false);
        // Where it was killed between two deletions, some of them are there still, and no entry has to bring those back.
        let mut left: Vec<String> = engine.plain(&["volume", "ls", "-q"]).lines().map(str::to_owned).collect();
        if left.len() == NAMES.len() {
            let (seen, code) = guarded.deleted(&all);
            assert_eq!(code, 0, "{seen}");
            left.clear();
        }
        // While they are filled again: the real docker can remove what is there.
        let mut terminal = guarded.fender_on_terminal(&["undo"]);
        caught[1] += usize::from(helper_is_there(&engine, &mut terminal));
        std::thread::sleep(moments.next(300));
        terminal.kill_alone();
        helpers_go(&engine, "killed while it brought back");
        // What an undo that was over brought back is docker's again: the kill came too late.
        let entries = TrashStore::at(guarded.trash()).entries();
        let newest = entries.into_iter().max_by_key(|(id, _)| *id);
        let is_over = newest.is_some_and(|(_, entry)| entry.unwrap().undone);
        let there = engine.plain(&["volume", "ls", "-q"]);
        if let Some(first) = there.lines().find(|name| !is_over && !left.iter().any(|left| left == name)) {
            removed_by_docker(&engine, first);
        }
        let said = undo_all(&guarded);
        assert_eq!(state(&engine), before, "there when the deletion was killed: {left:?}; {said}");
    }
    assert!(caught.iter().all(|count| *count > 0), "no kill came while a helper was there: {caught:?}");
    // Nobody watches longer than it takes.
    let own = guarded.place.path("home").display().to_string();
    let start = Instant::now();
    while watchers(&own) > 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "a watcher stays");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The real docker removes the volume. The engine may still have been making a helper when fender was killed; that one goes, too.
fn removed_by_docker(engine: &Engine, volume: &str) {
    let start = Instant::now();
    loop {
        let output = client(&engine.host()).args(["volume", "rm", volume]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return;
        }
        assert!(said.contains("in use") && start.elapsed() < Duration::from_secs(10), "{said}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Processes of fender's own of this test, which its home tells.
fn watchers(home: &str) -> usize {
    let is_watcher = |entry: &fs::DirEntry| {
        let read =
            |name: &str| String::from_utf8_lossy(&fs::read(entry.path().join(name)).unwrap_or_default()).into_owned();
        read("cmdline").contains("watch-helpers") && read("environ").contains(home)
    };
    fs::read_dir("/proc").unwrap().flatten().filter(is_watcher).count()
}

#[test]
fn the_question_says_what_keeping_costs() {
    let engine = Engine::start("undo-costs", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    let volume = |name: &str, megabytes: &str| {
        engine.plain(&["volume", "create", name]);
        let (volume, count) = (format!("{name}:/v"), format!("count={megabytes}"));
        engine.plain(&["run", "--rm", "-v", &volume, "base:1", "dd", "if=/dev/urandom", "of=/v/f", "bs=1M", &count]);
    };
    let deletion = |names: &[&str]| {
        let mut terminal = guarded.asked(&[&["volume", "rm"], names].concat());
        let asked = flat(&terminal.seen());
        confirm(&guarded, &mut terminal);
        let start = Instant::now();
        assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
        (asked, start.elapsed())
    };
    let is_near = |(asked, took): (String, Duration)| {
        assert!(asked.contains("up to 1.3 GB on this disk to keep it"), "{asked}");
        let said: Vec<&str> = asked.split("takes about ").nth(1).unwrap_or_default().split(' ').take(2).collect();
        let estimate = match (said.first().and_then(|number| number.parse::<f64>().ok()), said.get(1)) {
            (Some(number), Some(&("second" | "seconds"))) => number,
            (Some(number), Some(&("minute" | "minutes"))) => number * 60.0,
            _ => panic!("no time: {asked}"),
        };
        let took = took.as_secs_f64();
        // What is said is the next whole second.
        assert!(estimate - 1.0 < 2.0 * took && took < 2.0 * estimate, "estimated {estimate} s, took {took} s");
    };
    // Little is not worth a line.
    volume("small", "50");
    let (asked, _) = deletion(&["small"]);
    assert!(!asked.contains("takes about"), "{asked}");
    volume("middle", "400");
    deletion(&["middle"]);
    volume("large", "1200");
    is_near(deletion(&["large"]));
    // What is kept at once is not added up, and shares one disk.
    let several: Vec<String> = (0..8).map(|at| format!("part{at}")).collect();
    let several: Vec<&str> = several.iter().map(String::as_str).collect();
    for name in &several {
        volume(name, "150");
    }
    is_near(deletion(&several));
}

fn volumes_that_are_empty(engine: &Engine) {
    let guarded = Guarded::new(engine);
    engine.image("base:1", &[]);
    let script =
        "mkdir -p /files /folder; echo image >/files/f; chmod 755 /files /folder; rmdir /none 2>/dev/null; true";
    engine.plain(&["run", "--name", "make", "base:1", "sh", "-c", script]);
    engine.plain(&["commit", "make", "files:1"]);
    engine.plain(&["rm", "make"]);
    let mounts = ["files", "folder", "none", "full"];
    let mut words = vec!["run".to_owned(), "--name".to_owned(), "web".to_owned()];
    for name in mounts {
        engine.plain(&["volume", "create", name]);
        words.extend(["-v".to_owned(), format!("{name}:/{name}")]);
    }
    words.extend(
        ["--mount", "type=volume,source=files,target=/folder/again,readonly", "files:1", "sh", "-c"].map(str::to_owned),
    );
    words.push(
        "rm -f /files/f; for d in /files /folder /none; do chown 33:44 $d; chmod 2710 $d; done; echo x >/full/x"
            .to_owned(),
    );
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    engine.plain(&words);
    let look = || {
        let find = "find /var/lib/x -printf '%P %m %U:%G %y\n'";
        mounts.map(|name| {
            let folder = engine.plain(&["volume", "inspect", name, "--format", "{{.Mountpoint}}"]);
            let output = program("sh").args(["-c", &find.replace("/var/lib/x", &folder)]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
    };
    let before = look();
    assert!(before[0].starts_with(" 2710 33:44 d") && before[0].lines().count() == 1, "{before:?}");
    // The container alone: its volumes stay, and are not written to.
    assert_eq!(guarded.deleted(&["rm", "-f", "web"]).1, 0);
    let said = guarded.undo();
    assert_eq!(look(), before, "{said}");
    assert!(flat(&said).contains("its volume files is empty and stays so: it is mounted with nocopy"), "{said}");
    let binds = engine.plain(&["inspect", "web", "--format", "{{range .HostConfig.Binds}}{{println .}}{{end}}"]);
    let mut binds: Vec<&str> = binds.lines().map(str::trim).filter(|bind| !bind.is_empty()).collect();
    binds.sort_unstable();
    assert_eq!(binds, ["files:/files:nocopy", "folder:/folder", "full:/full", "none:/none"]);
    // With its volumes.
    assert_eq!(guarded.deleted(&["rm", "-f", "web"]).1, 0);
    assert_eq!(guarded.deleted(&["volume", "rm", "files", "folder", "none", "full"]).1, 0);
    guarded.undo();
    let (said, _) = guarded.undone();
    assert_eq!(look(), before, "{said}");
    engine.plain(&["inspect", "web"]);
    assert_eq!(helpers(engine), "");
}

#[test]
fn an_empty_volume_stays_empty() {
    volumes_that_are_empty(&Engine::start("undo-empty", "new", ""));
}

#[test]
fn an_empty_volume_stays_empty_on_docker_20_10() {
    volumes_that_are_empty(&Engine::start("undo-empty-old", "old", ""));
}

#[test]
fn what_cannot_come_back_is_said_before_the_answer() {
    let engine = Engine::start("undo-said", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    let run = |name: &str, options: &[&str]| {
        let words = ["run", "-d", "--name", name].into_iter().chain(options.iter().copied());
        engine.plain(&words.chain(["base:1", "sleep", "6000"]).collect::<Vec<_>>());
    };
    run("base", &["--ipc", "shareable"]);
    run("net", &["--network", "container:base"]);
    run("pid", &["--pid", "container:base"]);
    run("ipc", &["--ipc", "container:base"]);
    run("linked", &["--link", "base:alias"]);
    let all = ["net", "pid", "ipc", "linked"];
    // Those that stay are said.
    let listed = flat(&String::from_utf8_lossy(&guarded.fender(&["plan", "docker rm -f base"]).stdout));
    for (name, what) in
        all.iter().zip(["uses the network", "uses the PID namespace", "uses the IPC namespace", "has a link"])
    {
        assert!(listed.contains(&format!("container {name} {what}")), "{name}: {listed}");
    }
    // All together come back.
    let words: Vec<&str> = ["rm", "-f", "base"].into_iter().chain(all).collect();
    let (seen, code) = guarded.deleted(&words);
    assert!(code == 0 && !seen.contains("loses"), "{seen}");
    let said = guarded.undo();
    assert_eq!(engine.plain(&["ps", "-q"]).lines().count(), 5, "{said}");
    // Without the one whose they use, none is promised.
    engine.plain(&["rm", "-f", "base"]);
    for name in all {
        let mut terminal = guarded.asked(&["rm", "-f", name]);
        let seen = flat(&terminal.seen());
        assert!(seen.contains(&format!("loses {name}: it ")) && seen.contains("a container that is gone"), "{seen}");
        assert!(!seen.contains("keeps"), "{seen}");
        terminal.send("\n");
        terminal.wait();
    }
    // What the engine gives every container is no finding.
    run("usual", &["-m", "32m", "--memory-swap", "32m", "--init", "--user", "5"]);
    assert_eq!(guarded.deleted(&["rm", "-f", "usual"]).1, 0);
    let output = guarded.fender(&["undo"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("host-namespace") && !said.contains("runtime-override"), "{said}");
}
