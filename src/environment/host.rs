//! The real surroundings: environment, files and terminals of this process.

use std::io::{IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::context::survey;
use fender_core::docker_files::ConfigFile;
use fender_core::files::context::{ContextProblem, ContextRequest, Survey};
use fender_core::files::image_archive::ArchiveTag;
use fender_core::host::{Host, NO_SUCH_FILE};

/// Where docker looks for plugins besides the configuration folder: docker/cli `cli-plugins/manager/manager_unix.go`.
const PLUGIN_FOLDERS: &[&str] = &[
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// This process's surroundings. `explain` runs nothing, so it takes a terminal for granted.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Standard input counts as a terminal, whatever it is.
    pub assume_terminal: bool,
}

impl Host for Surroundings {
    fn env(&self, name: &str) -> Option<String> {
        env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn directory(&self) -> String {
        env::current_dir().map_or_else(|_| "/".to_owned(), |path| path.to_string_lossy().into_owned())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        read_whole(Path::new(path)).map_err(|error| go_error(&error))
    }

    fn start(&self, path: &str, most: usize) -> Result<Vec<u8>, String> {
        // Opening a FIFO could wait for ever.
        if !fs::metadata(path).map_err(|error| go_error(&error))?.is_file() {
            return Err("not a regular file".to_owned());
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(most as u64).read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|error| go_error(&error))
    }

    fn read_own(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match read_regular(Path::new(path), LARGEST) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(go_error(&error)),
        }
    }

    fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    fn is_missing(&self, path: &str) -> bool {
        fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    fn is_directory(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }

    fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn is_link(&self, path: &str) -> bool {
        use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
        // What is there and no link is an invalid argument to readlink(2).
        fs::read_link(path)
            .map_or_else(|error| !matches!(error.kind(), InvalidInput | NotFound | NotADirectory), |_| true)
    }

    fn resolve(&self, path: &str) -> String {
        resolve(Path::new(path), &self.directory())
    }

    fn input_is_terminal(&self) -> bool {
        self.assume_terminal || io::stdin().is_terminal()
    }

    fn output_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    fn input(&self) -> Option<Vec<u8>> {
        if io::stdin().is_terminal() { None } else { super::input::kept().ok() }
    }

    fn input_file(&self) -> Option<Vec<u8>> {
        if super::input::is_small_file() { super::input::kept().ok() } else { None }
    }

    fn image_archive(&self, path: Option<&str>) -> Result<Vec<ArchiveTag>, String> {
        // `explain` takes a terminal for granted, and then there is nothing to read.
        if path.is_none() && self.input_is_terminal() {
            return Err("the archive is not here".to_owned());
        }
        super::image_archive::read(path)
    }

    fn survey(&self, wanted: &ContextRequest) -> Result<Survey, ContextProblem> {
        survey(wanted)
    }

    fn config_folder(&self, chosen: Option<&str>) -> String {
        match chosen.filter(|folder| !folder.is_empty()) {
            Some(folder) => folder.to_owned(),
            None => self
                .env("DOCKER_CONFIG")
                .filter(|folder| !folder.is_empty())
                .unwrap_or_else(|| format!("{}/.docker", home())),
        }
    }

    fn has_plugin(&self, name: &str, config_folder: &str) -> bool {
        plugin_file(name, config_folder).is_some()
    }
}

/// The file of the plugin `docker-NAME` that docker finds first, with this configuration folder.
pub fn plugin_file(name: &str, config_folder: &str) -> Option<PathBuf> {
    let file = format!("docker-{name}");
    let mut folders = extra_plugin_folders(config_folder);
    folders.push(format!("{config_folder}/cli-plugins"));
    folders.extend(PLUGIN_FOLDERS.iter().map(|folder| (*folder).to_owned()));
    folders.iter().map(|folder| Path::new(folder).join(&file)).find(|path| path.exists())
}

/// `cliPluginsExtraDirs` of config.json.
fn extra_plugin_folders(config_folder: &str) -> Vec<String> {
    let text = read_regular(Path::new(&format!("{config_folder}/config.json")), LARGEST);
    // Docker takes nothing from a file that it cannot read.
    text.map_or_else(|_| Vec::new(), |text| ConfigFile::read(&text).plugin_folders)
}

/// Files up to this size, in bytes, are read with one call.
const LARGEST_AT_ONCE: usize = 16 << 20;

/// More than any file that docker writes for itself.
const LARGEST: u64 = 64 << 20;

/// A file's bytes. One that is as long as the system says is read with one call; the standard library asks a second time whether that was all.
///
/// # Errors
/// Those of opening and reading it.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let size = file.metadata().map_or(0, |known| if known.is_file() { known.len() } else { 0 });
    // Files of /proc have no size, and what is larger is not read at once.
    let Some(size) = usize::try_from(size).ok().filter(|size| (1..LARGEST_AT_ONCE).contains(size)) else {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        return Ok(bytes);
    };
    // One byte more than there should be: where it stays free, the end was seen.
    let mut bytes = vec![0; size + 1];
    let mut length = 0;
    while length < size {
        match file.read(bytes.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(length);
    if length > size {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// A file's bytes, if it has no more than `most`; a pipe or a device is an error, because to read it might never end.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it is larger than {} MiB", most >> 20))),
        false => Ok(bytes),
    }
}

/// The home of the caller as docker finds it: `HOME`, else the user database's. docker/cli `cli/config/config.go`, `getHomeDir`.
fn home() -> String {
    let set = env::var_os("HOME").filter(|home| !home.is_empty()).map(|home| home.to_string_lossy().into_owned());
    let known = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    set.or_else(|| Some(known()?.dir.to_string_lossy().into_owned())).unwrap_or_default()
}

/// The system's words as Go prints them.
fn go_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => NO_SUCH_FILE.to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Follows links and `..` as far as the path exists, and keeps the rest as it is.
fn resolve(path: &Path, directory: &str) -> String {
    let absolute = if path.is_absolute() { path.to_path_buf() } else { Path::new(directory).join(path) };
    let mut existing = absolute.as_path();
    let mut missing = Vec::new();
    loop {
        if let Ok(real) = fs::canonicalize(existing) {
            let mut resolved = real;
            for part in missing.iter().rev() {
                if part == ".." {
                    resolved.pop();
                } else {
                    resolved.push(part);
                }
            }
            return resolved.to_string_lossy().into_owned();
        }
        let mut parts = existing.components();
        let Some(last) = parts.next_back() else { return absolute.to_string_lossy().into_owned() };
        missing.push(last.as_os_str().to_owned());
        existing = parts.as_path();
    }
}

/// Days since 1970-01-01 in UTC. Where the clock cannot be read, every exception has ended.
pub fn today() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs() / 86_400).ok()).unwrap_or(i64::MAX)
}

/// This machine's name.
pub fn hostname() -> String {
    nix::sys::utsname::uname().map(|names| names.nodename().to_string_lossy().into_owned()).unwrap_or_default()
}

/// The ids of the person: of the one who called sudo, where that is how this process became root.
pub fn ids() -> (u32, u32) {
    let own = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    match (own.0, number("SUDO_UID"), number("SUDO_GID")) {
        (0, Some(user), Some(group)) => (user, group),
        _ => own,
    }
}

/// Seconds since the machine started, and which start that was. A clock that somebody sets does not change either.
pub fn uptime() -> Option<(i64, String)> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let up = read("/proc/uptime")?.split('.').next()?.parse().ok()?;
    Some((up, read("/proc/sys/kernel/random/boot_id")?.trim().to_owned()))
}

/// Whether a process sees the same files as this one: the same mounts, and the same root. One that cannot be looked at does not.
pub fn sees_the_same_files(process: i32) -> bool {
    let same = |what: &str| {
        let of = |who: &str| fs::metadata(format!("/proc/{who}/{what}")).map(|found| (found.dev(), found.ino()));
        matches!((of(&process.to_string()), of("self")), (Ok(one), Ok(other)) if one == other)
    };
    process > 0 && same("ns/mnt") && same("root/.")
}

/// When a process was started, in ticks since the machine was: with its number it is known from every other one. None where it
/// is gone.
pub fn birth(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // proc(5): the name in parentheses may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let is_dead = matches!(fields.first(), Some(&("Z" | "X")));
    if is_dead { None } else { fields.get(19)?.parse().ok() }
}

/// Which terminal controls this process: its number, the session, and when that began. Each of them is used again, the three together are not.
/// None where there is none.
pub fn terminal() -> Option<String> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // proc(5): the name in parentheses may hold anything; behind it the state, the parent, the group, the session, the terminal.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let (session, terminal) = (fields.get(3)?.parse::<u32>().ok()?, fields.get(4)?.parse::<i64>().ok()?);
    (terminal != 0).then(|| format!("{terminal}-{session}-{}", birth(session).unwrap_or(0)))
}

/// Whether notes are wanted: on a terminal, or where `FENDER_NOTES` says always.
pub fn notes_wanted() -> bool {
    io::stderr().is_terminal() || notes_are_forced()
}

/// Whether `FENDER_NOTES` says always.
pub fn notes_are_forced() -> bool {
    env::var_os("FENDER_NOTES").is_some_and(|value| value == "always")
}

/// That many bytes from the kernel's random numbers.
///
/// # Errors
/// Where `/dev/urandom` is not there or cannot be read.
pub fn random(bytes: usize) -> io::Result<Vec<u8>> {
    let mut random = vec![0; bytes];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random)
}
