//! Which of fender's own files count, as whoever runs the tests. What needs several users is in `tests/engines/trust.rs`.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use fender::environment::folder::Folder;
use fender::environment::owned::{Owners, read, standing};

const LIMIT: u64 = 1 << 20;

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    set_mode(place.path(), 0o755);
    place
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Reads as a policy is read; a reader that hangs is a failure.
fn reads(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let (send, receive) = mpsc::channel();
    let path = path.to_path_buf();
    std::thread::spawn(move || send.send(read(&path, Owners::Caller, LIMIT).map_err(|error| error.to_string())));
    receive.recv_timeout(Duration::from_secs(10)).expect("the file is read at once, or not at all")
}

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
}

#[test]
fn a_file_of_the_callers_own_counts() {
    let place = place();
    let file = place.path().join("policy.toml");
    assert_eq!(reads(&file), Ok(None));
    assert_eq!(reads(&place.path().join("no/such/folder/policy.toml")), Ok(None));
    fs::write(&file, "text").unwrap();
    for mode in [0o400, 0o600, 0o644, 0o755] {
        set_mode(&file, mode);
        assert_eq!(reads(&file), Ok(Some(b"text".to_vec())), "mode {mode:o}");
    }
}

#[test]
fn what_others_can_write_does_not_count() {
    let place = place();
    let folder = place.path().join("config/fender");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("policy.toml");
    fs::write(&file, "text").unwrap();
    // The file, its folder, a folder further up.
    for (path, mode) in [(&file, 0o666), (&file, 0o602), (&folder, 0o777), (&place.path().join("config"), 0o773)] {
        let before = fs::metadata(path).unwrap().mode();
        set_mode(path, mode);
        let said = reads(&file).unwrap_err();
        assert!(said.contains(&format!("{} (mode {mode:04o})", path.display())), "{said}");
        assert!(said.contains("chmod go-w"), "what corrects it is said: {said}");
        set_mode(path, before);
        assert!(reads(&file).is_ok());
    }
    // Who can write the folder can take the file away: then its absence says nothing either.
    fs::remove_file(&file).unwrap();
    set_mode(&folder, 0o777);
    assert!(reads(&file).is_err());
    // A folder that was never made had no file.
    fs::remove_dir(&folder).unwrap();
    set_mode(&place.path().join("config"), 0o777);
    assert_eq!(reads(&file), Ok(None));
    assert!(Folder::make(&folder).is_err(), "and nothing is made there");
    assert!(!folder.exists());
}

#[test]
fn the_sticky_bit_keeps_others_from_exchanging() {
    // Root's /tmp is such a folder, and these tests run in it.
    let tmp = fs::metadata("/tmp").unwrap();
    assert_eq!((tmp.uid(), tmp.mode() & 0o1777), (0, 0o1777), "these tests need a usual /tmp");
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let file = place.path().join("policy.toml");
    fs::write(&file, "text").unwrap();
    assert!(reads(&file).is_ok());
    assert_eq!(standing(place.path()).unwrap(), None);
}

#[test]
fn only_regular_files_of_a_sensible_size_are_read() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    fifo(&at("fifo"));
    fs::create_dir(at("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    symlink("/dev/tty", at("terminal")).unwrap();
    symlink("fifo", at("link-to-fifo")).unwrap();
    for (name, what) in [
        ("fifo", "a FIFO"),
        ("folder", "a folder"),
        ("socket", "a socket"),
        ("zero", "/dev/zero"),
        ("terminal", "/dev/tty"),
        ("link-to-fifo", "a FIFO"),
    ] {
        let said = reads(&at(name)).unwrap_err();
        assert!(said.contains(what), "{name}: {said}");
    }
    fs::write(at("large"), vec![b'#'; LIMIT as usize]).unwrap();
    assert!(reads(&at("large")).is_ok());
    fs::write(at("larger"), vec![b'#'; LIMIT as usize + 1]).unwrap();
    assert!(reads(&at("larger")).unwrap_err().contains("larger than 1024 KiB"));
    // It says that it is small, and is not.
    assert!(read(Path::new("/proc/self/maps"), Owners::Caller, 64).is_err());
}

#[test]
fn links_of_dotfile_managers_lead_on_and_dangling_ones_are_no_absence() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("dotfiles/fender")).unwrap();
    fs::write(at("dotfiles/fender/policy.toml"), "text").unwrap();
    fs::create_dir_all(at("config/one")).unwrap();
    symlink("../../dotfiles/fender/policy.toml", at("config/one/policy.toml")).unwrap();
    symlink("../dotfiles/fender", at("config/two")).unwrap();
    symlink(at("dotfiles/fender"), at("config/three")).unwrap();
    symlink("two", at("config/four")).unwrap();
    for folder in ["one", "two", "three", "four"] {
        assert_eq!(reads(&at(&format!("config/{folder}/policy.toml"))), Ok(Some(b"text".to_vec())), "{folder}");
    }
    // Where the link leads has to count too.
    set_mode(&at("dotfiles"), 0o777);
    for folder in ["one", "two", "three", "four"] {
        let said = reads(&at(&format!("config/{folder}/policy.toml"))).unwrap_err();
        assert!(said.contains("dotfiles (mode 0777)"), "{said}");
    }
    set_mode(&at("dotfiles"), 0o755);
    fs::remove_file(at("dotfiles/fender/policy.toml")).unwrap();
    let said = reads(&at("config/one/policy.toml")).unwrap_err();
    assert!(said.contains("which is not there"), "{said}");
    symlink("nowhere", at("config/five")).unwrap();
    assert!(reads(&at("config/five/policy.toml")).is_err(), "a folder that is a dangling link");
    symlink("itself", at("config/itself")).unwrap();
    assert!(reads(&at("config/itself/policy.toml")).is_err(), "a loop ends");
    fs::write(at("config/file"), "").unwrap();
    assert!(reads(&at("config/file/policy.toml")).is_err(), "a file where a folder belongs is no absence");
}

#[test]
fn names_in_a_folder_are_plain_and_no_link_is_followed() {
    let place = place();
    let outside = place.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    fs::create_dir(place.path().join("full")).unwrap();
    fs::write(place.path().join("full/precious"), "precious").unwrap();
    let folder = Folder::make(&place.path().join("state/fender")).unwrap();
    assert_eq!(fs::metadata(place.path().join("state/fender")).unwrap().mode() & 0o777, 0o700);
    let named = |name: &str| -> Vec<Result<(), std::io::Error>> {
        vec![
            folder.open_file(name).map(drop),
            folder.read(name, LIMIT).map(drop),
            folder.file(name).map(drop),
            folder.lock(name).map(drop),
            folder.append(name).map(drop),
            folder.folder(name).map(drop),
            folder.make_folder(name).map(drop),
            folder.size(name).map(drop),
        ]
    };
    for name in ["", ".", "..", "../outside", "/etc/passwd", "a/b", "a\0b", &outside.display().to_string()] {
        for outcome in named(name) {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
        assert!(folder.create(name).is_err() && folder.remove(name).is_err() && folder.write(name, b"x").is_err());
        assert!(folder.write_whole(name, b"x", 0o600).is_err() && folder.rename(name, &folder, "z").is_err());
    }
    // Planted links: to a file, to a folder, to nothing, to a device; and a FIFO.
    let plant = |name: &str, target: &str| symlink(target, place.path().join("state/fender").join(name)).unwrap();
    let outside_text = outside.display().to_string();
    let full_text = place.path().join("full").display().to_string();
    for (name, target) in
        [("file", outside_text.as_str()), ("full", &full_text), ("none", "/nonexistent"), ("zero", "/dev/zero")]
    {
        plant(name, target);
        for outcome in named(name) {
            assert!(outcome.is_err(), "{name}");
        }
    }
    fifo(&place.path().join("state/fender/fifo"));
    for outcome in named("fifo") {
        assert!(outcome.is_err());
    }
    // A new file takes the place of a link, and leaves what it led to alone; so does removing.
    folder.write("file", b"new").unwrap();
    assert_eq!(folder.read("file", LIMIT).unwrap().as_deref(), Some(&b"new"[..]));
    folder.write_whole("none", b"new", 0o644).unwrap();
    folder.remove("full").unwrap();
    folder.clear().unwrap();
    assert!(folder.names().unwrap().is_empty());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    assert!(place.path().join("full/precious").exists());
}

#[test]
fn the_folder_that_was_looked_at_is_the_one_that_is_used() {
    let place = place();
    let folder = Folder::make(&place.path().join("state")).unwrap();
    folder.write("one", b"1").unwrap();
    // Exchanged for a link to another one after the look.
    fs::rename(place.path().join("state"), place.path().join("away")).unwrap();
    fs::create_dir(place.path().join("other")).unwrap();
    symlink("other", place.path().join("state")).unwrap();
    folder.write("two", b"2").unwrap();
    assert_eq!(folder.names().unwrap(), ["one", "two"]);
    assert!(!place.path().join("other/two").exists());
}

#[test]
fn a_lock_keeps_what_is_in_the_file_and_a_whole_file_has_its_mode() {
    let place = place();
    let folder = Folder::make(&place.path().join("state")).unwrap();
    folder.write("lock", b"text").unwrap();
    drop(folder.lock("lock").unwrap());
    assert_eq!(folder.read("lock", LIMIT).unwrap().as_deref(), Some(&b"text"[..]));
    folder.write_whole("for-all", b"x", 0o644).unwrap();
    let mode = |name: &str| fs::metadata(place.path().join("state").join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("for-all"), mode("lock")), (0o644, 0o600));
}

/// Only `owned` opens fender's own files: the other modules that deal with them have no way to open any.
#[test]
fn nothing_else_opens_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let mut look = vec![source.join("src"), source.join("crates")];
    while let Some(path) = look.pop() {
        if path.is_dir() {
            look.extend(fs::read_dir(path).unwrap().flatten().map(|entry| entry.path()));
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path.extension().is_none_or(|end| end != "rs")
            || path.ends_with("owned.rs")
            || path.ends_with("environment/folder.rs")
        {
            continue;
        }
        let name = path.strip_prefix(source).unwrap().display().to_string();
        let deals_with_them = name.contains("/trash")
            || name.contains("/policy/")
            || [
                "SYSTEM_STATE",
                "/var/lib/fender",
                "/etc/fender/policy.toml\";",
                "XDG_STATE_HOME",
                "XDG_CONFIG_HOME",
                "owned::",
            ]
            .iter()
            .any(|word| text.contains(word));
        if !deals_with_them {
            continue;
        }
        seen += 1;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with("use ")) {
            let ways = ["File::open", "File::create", "OpenOptions", "DirBuilder", "canonicalize", "read_link"];
            let std_fs = line.match_indices("fs::").any(|(at, _)| {
                let before = &line[..at];
                !before.ends_with("rustix::") && !before.ends_with(|letter: char| letter.is_alphanumeric())
            });
            let found = std_fs || ways.iter().any(|way| line.contains(way));
            assert!(!found, "{name}: {line}: fender's own files are opened by owned alone");
        }
    }
    assert!(seen > 5, "{seen} modules were looked at");
}
