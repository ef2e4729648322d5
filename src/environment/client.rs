//! Finds the real docker client, and lets it read files.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

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

pub fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// How long the client may take to read its files.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it may take to print help.
const HELPS: Duration = Duration::from_secs(5);

/// The real client, asked to print what it reads in files. Each question is asked once.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    client: Option<OsString>,
    known: Answers,
}

type Answers = RefCell<Vec<(Vec<String>, Lookup<Vec<u8>>)>>;

impl Printer {
    pub fn new(client: Option<OsString>) -> Printer {
        Printer { client, known: Answers::default() }
    }

    /// What it prints; Missing where it fails, Unknown where it cannot be run or takes too long.
    pub fn printed(&self, words: &[String]) -> Lookup<Vec<u8>> {
        if let Some((_, known)) = self.known.borrow().iter().find(|(asked, _)| asked == words) {
            return known.clone();
        }
        let answer = match &self.client {
            Some(client) => run(client, words),
            None => Lookup::Unknown("there is no docker client to read it".to_owned()),
        };
        self.known.borrow_mut().push((words.to_vec(), answer.clone()));
        answer
    }
}

fn run(client: &OsString, words: &[String]) -> Lookup<Vec<u8>> {
    let reads_input = words.iter().any(|word| word == "-" || word == "-f-" || word == "-c-" || word.ends_with("=-"));
    if reads_input && (io::stdin().is_terminal() || input::kept().is_err()) {
        return Lookup::Unknown("standard input cannot be read twice".to_owned());
    }
    let started = Instant::now();
    let stdin = if reads_input { Stdio::inherit() } else { Stdio::null() };
    // The program that is compose alone takes no word for it.
    let alone = Path::new(client).file_name().is_some_and(|name| name == "docker-compose");
    let words = if alone { words.strip_prefix(&["compose".to_owned()][..]).unwrap_or(words) } else { words };
    let child = Command::new(client).args(words).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Lookup::Unknown(format!("the docker client cannot be run: {error}")),
    };
    let Some(mut output) = child.stdout.take() else {
        return Lookup::Unknown("the docker client gave no output".to_owned());
    };
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).map(|_| bytes)
    });
    let mut patient = true;
    while !reader.is_finished() {
        if started.elapsed() > PATIENCE {
            patient = false;
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let ended = child.wait();
    if reads_input {
        input::again();
    }
    let cannot = |why: String| Lookup::Unknown(format!("the docker client did not print it: {why}"));
    match (reader.join(), ended) {
        _ if !patient => cannot(format!("it took more than {} s", PATIENCE.as_secs())),
        (Ok(Ok(bytes)), Ok(status)) if status.success() => Lookup::Found(bytes),
        // A code of its own: the words are wrong, or a file is. A signal says nothing about either.
        (Ok(Ok(_)), Ok(status)) if status.code().is_some() => Lookup::Missing,
        (_, Ok(status)) => cannot(status.to_string()),
        (_, Err(error)) => cannot(error.to_string()),
    }
}

/// The error with which the client ends for words that change nothing: a code that is not 0, and a reason. None where it has none, cannot
/// be asked, or takes too long.
pub fn error_of(client: &Path, words: &[String]) -> Option<String> {
    let started = Instant::now();
    let child =
        Command::new(client).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    let mut errors = child.stderr.take()?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        errors.read_to_end(&mut bytes).map(|_| bytes)
    });
    while !reader.is_finished() && started.elapsed() < HELPS {
        std::thread::sleep(Duration::from_millis(1));
    }
    if !reader.is_finished() {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    }
    let code = match child.wait() {
        Ok(status) => status.code(),
        Err(_) => None,
    };
    let Ok(Ok(reason)) = reader.join() else { return None };
    let is_error = code.is_some_and(|code| code != 0) && !reason.is_empty();
    is_error.then(|| String::from_utf8_lossy(&reason).into_owned())
}
