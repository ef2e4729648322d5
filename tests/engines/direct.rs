//! Volumes that fender reads and fills where they lie, and those for which it must not.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fender::trash::TrashStore;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::undo::{TREE, shell};

/// The folder with a volume's files.
fn folder(engine: &Engine, name: &str) -> PathBuf {
    engine.plain(&["volume", "inspect", name, "--format", "{{.Mountpoint}}"]).into()
}

fn set_time(path: &Path, seconds: i64, nanos: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// An access list that names one more user.
fn access_list() -> Vec<u8> {
    let mut text = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in
        [(1_u16, 7_u16, u32::MAX), (2, 5, 1234), (4, 5, u32::MAX), (16, 5, u32::MAX), (32, 0, u32::MAX)]
    {
        text.extend_from_slice(&tag.to_le_bytes());
        text.extend_from_slice(&rights.to_le_bytes());
        text.extend_from_slice(&id.to_le_bytes());
    }
    text
}

/// What the engine's archives leave out, and what is at the edge of what an archive can say: all of it below `extra`.
fn extras(root: &Path) {
    let extra = root.join("extra");
    fs::create_dir(&extra).unwrap();
    let at = |name: &str| extra.join(name);
    let set = |name: &str, attribute: &str, value: &[u8]| {
        rustix::fs::lsetxattr(at(name), attribute, value, XattrFlags::empty()).unwrap();
    };
    fs::create_dir(at("folder")).unwrap();
    for name in ["attributes", "list", "first", "large id"] {
        fs::write(at(name), name).unwrap();
    }
    set("attributes", "user.note", b"a\nb=c\0d");
    set("attributes", "user.empty", b"");
    set("attributes", "trusted.note", &[7; 3000]);
    set("folder", "user.note", b"folder");
    set("list", "system.posix_acl_access", &access_list());
    set("folder", "system.posix_acl_default", &access_list());
    fs::write(at("folder/below a default list"), "x").unwrap();
    fs::set_permissions(at("folder/below a default list"), fs::Permissions::from_mode(0o604)).unwrap();
    set("folder/below a default list", "user.x", b"y");
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.write_all_at(b"middle", 700 << 20).unwrap();
    sparse.write_all_at(b"begin", 0).unwrap();
    sparse.set_len(1 << 30).unwrap();
    fs::File::create(at("nothing but a hole")).unwrap().set_len(1 << 20).unwrap();
    fs::write(extra.join(OsStr::from_bytes(b"not \xff\xfe utf-8")), "odd").unwrap();
    fs::write(at(&"n".repeat(255)), "long").unwrap();
    let mut deep = extra.clone();
    for _ in 0..12 {
        deep.push("d".repeat(200));
        fs::create_dir(&deep).unwrap();
    }
    fs::write(deep.join("end"), "deep").unwrap();
    symlink("target/".repeat(400), at("long link")).unwrap();
    fs::hard_link(at("long link"), at("the same link")).unwrap();
    rustix::fs::lsetxattr(at("long link"), "trusted.link", b"link", XattrFlags::empty()).unwrap();
    rustix::fs::mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    fs::hard_link(at("fifo"), at("the same fifo")).unwrap();
    rustix::fs::mknodat(CWD, at("whiteout"), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    fs::hard_link(at("first"), deep.join("hard")).unwrap();
    lchown(at("large id"), Some(3_000_000_000), Some(2_097_152)).unwrap();
    for (seconds, nanos) in [(-1_000_000_000, 250_000_000), (7_000_000_000, 123_456_789), (0, 1)] {
        let name = at(&format!("time {seconds}"));
        fs::write(&name, "").unwrap();
        set_time(&name, seconds, nanos);
    }
    set_time(&at("folder"), 1_500_000_000, 5);
    set_time(&at("long link"), 1_500_000_001, 6);
}

/// Everything below a folder, with every attribute, one line each.
fn look(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut names: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.push(folder.clone());
        for path in names {
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() && path != folder {
                folders.push(path);
                continue;
            }
            let mut list = vec![0; 65_536];
            let length = rustix::fs::llistxattr(&path, &mut list[..]).unwrap();
            let mut attributes: Vec<String> = list[..length]
                .split(|byte| *byte == 0)
                .filter(|name| !name.is_empty() && !name.starts_with(b"security.selinux"))
                .map(|name| {
                    let mut value = vec![0; 65_536];
                    let length = rustix::fs::lgetxattr(&path, name, &mut value[..]).unwrap();
                    format!("{}={:?}", String::from_utf8_lossy(name), &value[..length])
                })
                .collect();
            attributes.sort();
            let target = fs::read_link(&path).map(|target| target.into_os_string().into_vec()).unwrap_or_default();
            let content = match meta.is_file() && meta.size() < 1 << 20 {
                true => fs::read(&path).unwrap(),
                false => Vec::new(),
            };
            let size = if meta.is_dir() { 0 } else { meta.size() };
            found.push(format!(
                "{:?} {:o} {}:{} {} links, {size} bytes, {} blocks, device {}, {}.{:09}, {attributes:?}, {:?}, {:?}",
                path.strip_prefix(root).unwrap(),
                meta.mode(),
                meta.uid(),
                meta.gid(),
                if meta.is_dir() { 0 } else { meta.nlink() },
                if meta.is_dir() { 0 } else { meta.blocks() },
                meta.rdev(),
                meta.mtime(),
                meta.mtime_nsec(),
                String::from_utf8_lossy(&target),
                String::from_utf8_lossy(&content),
            ));
        }
    }
    found.sort();
    found
}

/// Without what the engine's archives leave out.
fn plain(lines: &[String]) -> Vec<String> {
    let without_fraction = |line: &String| {
        let (start, rest) = line.split_once(" blocks, ").unwrap();
        let (time, rest) = rest.split_once(", [").unwrap();
        let (time, _) = time.rsplit_once('.').unwrap();
        format!("{}{time}{rest}", start.rsplit_once(' ').unwrap().0)
    };
    lines.iter().filter(|line| !line.starts_with("\"extra")).map(without_fraction).collect()
}

fn same(before: &[String], after: &[String], about: &str) {
    for (one, other) in before.iter().zip(after) {
        assert_eq!(one, other, "{about}");
    }
    assert_eq!(before.len(), after.len(), "{about}");
}

/// Keeps and restores on each way; what one way wrote, the other one reads.
fn every_attribute_comes_back(name: &str, which: &str) {
    let engine = Engine::start(name, which, "");
    let mut guarded = Guarded::new(&engine);
    engine.plain(&["volume", "create", "--label", "kind=tree", "tree"]);
    shell(TREE, folder(&engine, "tree").to_str().unwrap());
    extras(&folder(&engine, "tree"));
    let whole = look(&folder(&engine, "tree"));
    assert!(whole.len() > 1000);
    for (kept_by_engine, restored_by_engine) in [(false, false), (false, true), (true, false), (true, true)] {
        let about = format!("kept by the engine: {kept_by_engine}, restored by the engine: {restored_by_engine}");
        let before = look(&folder(&engine, "tree"));
        guarded.set_apart(kept_by_engine);
        let (seen, code) = guarded.deleted(&["volume", "rm", "tree"]);
        assert_eq!(code, 0, "{about}: {seen}");
        assert_eq!(engine.plain(&["volume", "ls", "-q"]), "");
        guarded.set_apart(restored_by_engine);
        guarded.undo();
        assert_eq!(engine.plain(&["volume", "ls", "-q"]), "tree");
        let after = look(&folder(&engine, "tree"));
        same(&plain(&before), &plain(&after), &about);
        if !kept_by_engine && !restored_by_engine {
            same(&before, &after, &about);
        } else if kept_by_engine && before == whole {
            assert_ne!(before, after, "the engine leaves attributes out: it was not the engine that kept this");
        }
    }
    guarded.set_apart(false);
    assert_eq!(engine.plain(&["ps", "-aq"]), "");
}

#[test]
fn every_attribute_comes_back_on_docker_28() {
    every_attribute_comes_back("direct-new", "new");
}

#[test]
fn every_attribute_comes_back_on_docker_20_10() {
    every_attribute_comes_back("direct-old", "old");
}

/// Hands everything on to an engine. Paths of its volumes are named as they would be on a machine that keeps them elsewhere.
fn forward(socket: &Path, engine: &Path, renamed: Option<(&'static [u8], &'static [u8])>) {
    let listener = UnixListener::bind(socket).unwrap();
    let engine = engine.to_path_buf();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = UnixStream::connect(&engine) else { continue };
            let pairs = [(client.try_clone().unwrap(), server.try_clone().unwrap(), None), (server, client, renamed)];
            for (mut from, mut to, renamed) in pairs {
                std::thread::spawn(move || {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        let piece = &mut buffer[..count];
                        if let Some((old, new)) = renamed {
                            for at in 0..piece.len().saturating_sub(old.len() - 1) {
                                if piece[at..].starts_with(old) {
                                    piece[at..at + old.len()].copy_from_slice(new);
                                }
                            }
                        }
                        if to.write_all(piece).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
}

/// Whether `fender undo` brought back the attribute that only a folder that was read and filled in its place has.
fn was_direct(engine: &Engine) -> bool {
    let mut value = [0; 100];
    rustix::fs::getxattr(folder(engine, "data").join("file"), "user.note", &mut value[..]).is_ok()
}

#[test]
fn a_folder_of_the_same_name_elsewhere_is_not_read() {
    let engine = Engine::start("direct-else", "new", "");
    let home = engine.socket.parent().unwrap().to_path_buf();
    let fill = |content: &str| {
        let file = folder(&engine, "data").join("file");
        fs::write(&file, content).unwrap();
        rustix::fs::setxattr(&file, "user.note", b"x", XattrFlags::empty()).unwrap();
    };
    engine.plain(&["volume", "create", "data"]);
    // Where the names lead there is an older copy of all volumes, as after a restore of a machine or its clone.
    fill("old");
    assert!(
        crate::support::process::program("cp")
            .args(["-a", "data", "copy"])
            .current_dir(&home)
            .status()
            .unwrap()
            .success()
    );
    let (elsewhere, here) = (home.join("elsewhere.sock"), home.join("here.sock"));
    forward(&elsewhere, &engine.socket, Some((b"/data/volumes/", b"/copy/volumes/")));
    forward(&here, &engine.socket, None);
    for (socket, direct) in [(&here, true), (&elsewhere, false)] {
        let guarded = Guarded::new(&engine);
        let host = format!("unix://{}", socket.display());
        fill("new");
        let mut command = guarded.docker(&["volume", "rm", "data"]);
        command.env("DOCKER_HOST", &host);
        let mut terminal = crate::support::terminal::Terminal::start(&command, None);
        terminal.expect_question();
        terminal.send(&format!("{}\n", guarded.name));
        assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
        let copy = home.join("copy/volumes/data/_data");
        let mut undo = guarded.fender_command(&["undo"]);
        undo.env("DOCKER_HOST", &host);
        let said = undo.output().unwrap();
        assert!(said.status.success(), "{said:?}");
        assert_eq!(fs::read_to_string(folder(&engine, "data").join("file")).unwrap(), "new");
        assert_eq!(fs::read_to_string(copy.join("file")).unwrap(), "old", "nothing is written elsewhere");
        assert_eq!(was_direct(&engine), direct);
        assert_eq!(engine.plain(&["volume", "ls", "-q"]), "data");
    }
}

#[test]
fn what_is_mounted_in_a_volume_is_kept_by_the_engine() {
    let engine = Engine::start("direct-mount", "new", "");
    engine.plain(&["volume", "create", "data"]);
    let data = folder(&engine, "data");
    fs::create_dir(data.join("mounted")).unwrap();
    fs::write(data.join("file"), "x").unwrap();
    rustix::fs::setxattr(data.join("file"), "user.note", b"x", XattrFlags::empty()).unwrap();
    let mount = |words: &[&str]| {
        let status = crate::support::process::program(words[0]).args(&words[1..]).arg(data.join("mounted")).status();
        assert!(status.unwrap().success(), "{words:?}");
    };
    mount(&["mount", "-t", "tmpfs", "tmpfs"]);
    fs::write(data.join("mounted/inside"), "inside").unwrap();
    // Docker itself cannot remove a folder in which something is mounted: so it is kept here, and removed after the mount is gone.
    let target = fender_core::target::Target { host: engine.host(), ..Default::default() };
    let connection = fender::engine::connection::Connection::open(&target, None).unwrap();
    let steps = [fender_core::plan::Step::Volume { name: "data".to_owned(), force: false }];
    let survey = async {
        let needs = fender_core::plan::needs(&steps);
        let inventory = fender::engine::inventory::read(&connection.client, &needs, None).await?;
        fender::engine::inventory::survey(&connection.client, &steps, &Default::default(), inventory, None).await
    };
    let plan = connection.block_on(survey).unwrap();
    let limits = fender_core::policy::TrashLimits { max: 1 << 30, each: 1 << 30, keep: 1000 };
    let place = tempfile::tempdir().unwrap();
    let trash = place.path().join("trash");
    let kept = fender::trash::keep_in(&trash, &connection, &plan, &["x".to_owned()], &limits).unwrap();
    let id = kept.id;
    drop(kept);
    mount(&["umount"]);
    engine.plain(&["volume", "rm", "data"]);
    let store = TrashStore::at(trash);
    let entry = store.entry(id).unwrap();
    assert!(fender::trash::restore(&connection, &store.lock().unwrap(), &entry, None, &|_| None, &mut |_, _| {}));
    assert_eq!(fs::read_to_string(folder(&engine, "data").join("mounted/inside")).unwrap(), "inside");
    assert!(!was_direct(&engine));
}

#[test]
fn files_that_change_while_they_are_read_do_no_harm() {
    let engine = Engine::start("direct-busy", "new", "");
    let guarded = Guarded::new(&engine);
    engine.image("base:1", &[]);
    let script = "i=0; mkdir -p /v/calm; while [ ! -e /v/ready ] && [ $i -lt 300 ]; do echo calm $i >/v/calm/$i; i=$((i + 1)); done; touch /v/ready; \
                  while :; do i=$((i + 1)); echo line $i >>/v/log; echo $i >/v/new; mv /v/new /v/state; mkdir -p /v/d/$i; echo x >/v/d/$i/f; \
                  rm -rf /v/d; : >/v/short; echo $i >/v/short; rm -f /v/link; ln -s /etc/passwd /v/link; done";
    for _ in 0..4 {
        engine.plain(&["run", "-d", "--name", "busy", "-v", "/v", "base:1", "sh", "-c", script]);
        let volume = engine.plain(&["volume", "ls", "-q"]);
        let start = Instant::now();
        while !folder(&engine, &volume).join("ready").exists() {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
        let (seen, code) = guarded.deleted(&["rm", "-fv", "busy"]);
        assert_eq!(code, 0, "{seen}");
        assert_eq!(engine.plain(&["volume", "ls", "-q"]), "", "{seen}");
        guarded.undo();
        engine.plain(&["kill", "busy"]);
        let root = folder(&engine, &volume);
        for at in 0..300 {
            assert_eq!(fs::read_to_string(root.join(format!("calm/{at}"))).unwrap(), format!("calm {at}\n"));
        }
        let log = fs::read_to_string(root.join("log")).unwrap();
        assert!(log.lines().all(|line| line.starts_with("line ")), "{log}");
        engine.plain(&["rm", "-f", "busy"]);
        engine.plain(&["volume", "rm", &volume]);
    }
}
