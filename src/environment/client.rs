//! Finds the real docker client, and lets it read files.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::input;
use fender_core::engine::Lookup;

/// What was found, or where it was looked for.
pub type ClientSearch = Result<PathBuf, Vec<PathBuf>>;

/// The folders of programs where no PATH says others.
const STANDARD_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The client that the policy names, else the first `docker` on PATH that is not fender itself. Relative entries of
/// PATH are skipped: what they hold depends on where one stands.
pub fn find(named: Option<&Path>) -> ClientSearch {
    find_program("docker", named)
}

/// The same for another of docker's programs.
pub fn find_program(name: &str, named: Option<&Path>) -> ClientSearch {
    if let Some(path) = named {
        return if path.is_file() { Ok(path.to_path_buf()) } else { Err(vec![path.to_path_buf()]) };
    }
    let own = own_identity();
    // Where no PATH is set, shells and env look into the system's folders.
    let path = env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| STANDARD_PATH.into());
    let folders: Vec<PathBuf> = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let absolute: OsString = env::join_paths(&folders).unwrap_or_default();
    let mut found = which::which_in_all(name, Some(absolute), "/").into_iter().flatten();
    found.find(|candidate| identity(candidate) != own || own.is_none()).ok_or(folders)
}

/// Device and inode of this program, after links.
pub fn own_identity() -> Option<(u64, u64)> {
    identity(Path::new("/proc/self/exe")).or_else(|| identity(&env::current_exe().ok()?))
}

/// Device and inode of a file, after links; None where it is not there.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// A program's path after links, and when its file was last changed, in seconds and nanoseconds since 1970, with its bytes.
pub fn version_of_file(program: &Path) -> Option<(String, (i64, i64, u64))> {
    let (path, metadata) = (fs::canonicalize(program).ok()?, fs::metadata(program).ok()?);
    Some((path.display().to_string(), (metadata.mtime(), metadata.mtime_nsec(), metadata.size())))
}

/// Bytes of a script that are looked at.
const SCRIPT: u64 = 4096;

/// Whether a client may be podman or nerdctl: it is a link to one of them, or a script that names one.
pub fn names_another(program: &Path) -> bool {
    let names = |text: &str| text.contains("podman") || text.contains("nerdctl");
    let target = fs::canonicalize(program).ok();
    if target.as_ref().and_then(|path| path.file_name()).is_some_and(|name| names(&name.to_string_lossy())) {
        return true;
    }
    let mut start = Vec::new();
    let read = fs::File::open(program).and_then(|file| file.take(SCRIPT).read_to_end(&mut start));
    read.is_ok() && start.starts_with(b"#!") && names(&String::from_utf8_lossy(&start))
}

/// How long the client may take to read its files.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long compose may take for a dry run: it waits there for services to be healthy, as it does when it really runs.
const PREVIEWS: Duration = Duration::from_secs(10);

/// How much it may say, in bytes.
const MOST: usize = 256 << 20;

/// How long it may take to print help.
const HELPS: Duration = Duration::from_secs(5);

/// The real client, asked to print what it reads in files. Each question is asked once.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    client: Option<OsString>,
    known: Answers,
    said: RefCell<Vec<(Vec<String>, Lookup<ClientSaid>)>>,
}

/// What a client said on both streams, whatever it ended with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSaid {
    /// Standard output.
    pub output: Vec<u8>,
    /// Standard error.
    pub errors: Vec<u8>,
    /// It ended without an error.
    pub success: bool,
}

type Answers = RefCell<Vec<(Vec<String>, Lookup<Vec<u8>>)>>;

impl Printer {
    /// Asks the client at this path; with None, every answer is unknown.
    pub fn new(client: Option<OsString>) -> Printer {
        Printer { client, known: Answers::default(), said: RefCell::default() }
    }

    /// What it says on both streams; Unknown where it cannot be run or takes too long.
    pub fn said(&self, words: &[String]) -> Lookup<ClientSaid> {
        if let Some((_, known)) = self.said.borrow().iter().find(|(asked, _)| asked == words) {
            return known.clone();
        }
        let answer = match &self.client {
            Some(client) => run(client, words, PREVIEWS, Stdio::piped()),
            None => Lookup::Unknown("there is no docker client to ask".to_owned()),
        };
        self.said.borrow_mut().push((words.to_vec(), answer.clone()));
        answer
    }

    /// What it prints; Missing where it fails, Unknown where it cannot be run or takes too long.
    pub fn printed(&self, words: &[String]) -> Lookup<Vec<u8>> {
        if let Some((_, known)) = self.known.borrow().iter().find(|(asked, _)| asked == words) {
            return known.clone();
        }
        let answer = match &self.client {
            Some(client) => run(client, words, PATIENCE, Stdio::null()).then(|said| match said.success {
                true => Lookup::Found(said.output),
                // A code of its own: the words are wrong, or a file is.
                false => Lookup::Missing,
            }),
            None => Lookup::Unknown("there is no docker client to read it".to_owned()),
        };
        self.known.borrow_mut().push((words.to_vec(), answer.clone()));
        answer
    }
}

fn run(client: &OsString, words: &[String], patience: Duration, errors: Stdio) -> Lookup<ClientSaid> {
    let reads_input = words.iter().any(|word| word == "-" || word == "-f-" || word == "-c-" || word.ends_with("=-"));
    if reads_input && (io::stdin().is_terminal() || input::kept().is_err()) {
        return Lookup::Unknown("standard input cannot be read twice".to_owned());
    }
    let stdin = if reads_input { Stdio::inherit() } else { Stdio::null() };
    // The program that is compose alone takes no word for it.
    let alone = Path::new(client).file_name().is_some_and(|name| name == "docker-compose");
    let words = if alone { words.strip_prefix(&["compose".to_owned()][..]).unwrap_or(words) } else { words };
    let child = Command::new(client).args(words).stdin(stdin).stdout(Stdio::piped()).stderr(errors).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Lookup::Unknown(format!("the docker client cannot be run: {error}")),
    };
    let Some(output) = child.stdout.take() else {
        return Lookup::Unknown("the docker client gave no output".to_owned());
    };
    let errors = child.stderr.take().map(reader_of);
    let waited = waited(&mut child, reader_of(output), patience);
    if reads_input {
        input::again();
    }
    let cannot = |why: String| Lookup::Unknown(format!("the docker client did not print it: {why}"));
    match waited {
        None => cannot(format!("it took more than {} s", patience.as_secs())),
        Some((Ok(bytes), _)) if bytes.len() > MOST => cannot(format!("it printed more than {} MiB", MOST >> 20)),
        Some((Ok(output), status)) if status.code().is_some() => {
            let errors = match errors.map(JoinHandle::join) {
                None => Vec::new(),
                Some(Ok(Ok(errors))) => errors,
                Some(_) => return cannot("its errors could not be read".to_owned()),
            };
            Lookup::Found(ClientSaid { output, errors, success: status.success() })
        }
        // A signal says nothing about the words or the files.
        Some((_, status)) => cannot(status.to_string()),
    }
}

/// A thread that reads what the client says, and no more than is looked at: a client that goes on finds nobody who listens.
fn reader_of(output: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        output.take(MOST as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    })
}

/// Waits until a client has said all and has ended. None where it takes too long: then it is killed, with the plugins that it started.
fn waited(
    child: &mut Child,
    reader: JoinHandle<io::Result<Vec<u8>>>,
    patience: Duration,
) -> Option<(io::Result<Vec<u8>>, ExitStatus)> {
    let started = Instant::now();
    loop {
        if reader.is_finished()
            && let Ok(Some(status)) = child.try_wait()
        {
            let read = reader.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            return Some((read, status));
        }
        if started.elapsed() > patience {
            kill_all(child);
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A plugin outlives a client that is killed, and keeps its output open.
fn kill_all(child: &mut Child) {
    let started = started_by(child.id());
    let _ = child.kill();
    let _ = child.wait();
    for id in started {
        let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
}

/// All processes that this one has started, and those that they have: proc(5), the parent is the second field behind the name.
fn started_by(process: u32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = entry.file_name().to_str()?.parse().ok()?;
            let text = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((id, text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let mut all: Vec<i32> = Vec::new();
    let mut of: Vec<i32> = i32::try_from(process).into_iter().collect();
    while let Some(parent) = of.pop() {
        let children = parents.iter().filter(|(_, known)| *known == parent).map(|(id, _)| *id);
        let new: Vec<i32> = children.filter(|id| !all.contains(id)).collect();
        all.extend(&new);
        of.extend(new);
    }
    all
}

/// The error with which the client ends for words that change nothing: a code that is not 0, and a reason. None where it has none, cannot
/// be asked, or takes too long.
pub fn error_of(client: &Path, words: &[String]) -> Option<String> {
    let child =
        Command::new(client).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    let errors = child.stderr.take()?;
    let (reason, status) = waited(&mut child, reader_of(errors), HELPS)?;
    let reason = reason.ok()?;
    let is_error = status.code().is_some_and(|code| code != 0) && !reason.is_empty();
    is_error.then(|| String::from_utf8_lossy(&reason).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A client whose plugin goes on after it, as one that expands aliases of aliases: neither is waited for, nor left behind.
    #[test]
    fn a_client_that_takes_too_long_goes_with_its_plugins() {
        let folder = tempfile::tempdir().unwrap();
        let (client, plugin) = (folder.path().join("docker"), folder.path().join("plugin"));
        let text = format!("#!/bin/sh\nsh -c 'echo $$ >{}; sleep 100; :' & wait\n", plugin.display());
        fs::write(&client, text).unwrap();
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
        let started = Instant::now();
        let answer = run(&client.into_os_string(), &["compose".to_owned()], Duration::from_secs(1), Stdio::null());
        assert!(matches!(&answer, Lookup::Unknown(why) if why.ends_with("it took more than 1 s")), "{answer:?}");
        assert!(started.elapsed() < Duration::from_secs(20));
        let plugin = fs::read_to_string(plugin).unwrap();
        let gone = || match fs::read_to_string(format!("/proc/{}/stat", plugin.trim())) {
            Ok(text) => text.contains(") Z "),
            Err(_) => true,
        };
        while !gone() {
            assert!(started.elapsed() < Duration::from_secs(20), "the plugin is still there");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
