//! Runs a program that only prints something, for a limited time.

use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fs, io};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::input;
use fender_core::engine::Lookup;

/// In whose name a plugin is started, and that it is one: docker/cli `cli-plugins/metadata`, `ReexecEnvvar`.
const IN_THE_NAME_OF: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

/// What is asked: docker's client, or a plugin of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintingProgram {
    /// The file.
    pub path: OsString,
    /// Of a plugin: the client that would start it. A plugin gets the client's own words.
    pub client: Option<OsString>,
    /// Variables that it gets instead of the caller's.
    pub environment: Vec<(&'static str, OsString)>,
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

/// How much it may say, in bytes.
const MOST: usize = 256 << 20;

/// A program's path after links, and when its file was last changed, in seconds and nanoseconds since 1970, with its bytes.
pub fn version_of_file(program: &Path) -> Option<(String, (i64, i64, u64))> {
    let (path, metadata) = (fs::canonicalize(program).ok()?, fs::metadata(program).ok()?);
    Some((path.display().to_string(), (metadata.mtime(), metadata.mtime_nsec(), metadata.size())))
}

/// Whether a program is a script: what one sets before it starts docker is not known. None where it cannot be read.
pub fn is_script(program: &Path) -> Option<bool> {
    let mut start = [0; 2];
    fs::File::open(program).and_then(|mut file| file.read_exact(&mut start)).ok()?;
    Some(&start == b"#!")
}

/// Whether two paths lead to one file, which is there.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    real(one).is_some_and(|one| real(other) == Some(one))
}

/// Whether these words make docker read standard input.
pub fn reads_input(words: &[String]) -> bool {
    words.iter().any(|word| word == "-" || word == "-f-" || word == "-c-" || word.ends_with("=-"))
}

/// A file among these words that gives its bytes to one reader only, such as a FIFO or `<(…)` of a shell: docker could not read it again.
fn read_once(words: &[String]) -> Option<&str> {
    let parts = |word: &'_ str| -> Vec<usize> {
        let value = word.find('=').map(|at| at + 1);
        // `-fFILE`
        let joined = (word.starts_with('-') && !word.starts_with("--")).then_some(2);
        [Some(0), value, joined].into_iter().flatten().collect()
    };
    let paths = words.iter().flat_map(|word| parts(word).into_iter().filter_map(|from| word.get(from..)));
    let is_fifo = |path: &&str| !path.is_empty() && fs::metadata(path).is_ok_and(|it| it.file_type().is_fifo());
    paths.into_iter().find(is_fifo)
}

/// What the program says. Unknown where it cannot be run, takes longer than `patience`, or
/// was given up meanwhile.
pub fn run(
    program: &PrintingProgram,
    words: &[String],
    patience: Duration,
    given_up: &AtomicBool,
) -> Lookup<ClientSaid> {
    if let Some(path) = read_once(words) {
        return Lookup::Unknown(format!("{path} can be read only once"));
    }
    let reads_input = reads_input(words);
    if reads_input && (io::stdin().is_terminal() || input::kept().is_err()) {
        return Lookup::Unknown("standard input cannot be read twice".to_owned());
    }
    let stdin = if reads_input { Stdio::inherit() } else { Stdio::null() };
    // The program that is compose alone takes no word for it.
    let is_compose = Path::new(&program.path).file_name().is_some_and(|name| name == "docker-compose");
    let words = if is_compose && program.client.is_none() {
        words.strip_prefix(&["compose".to_owned()][..]).unwrap_or(words)
    } else {
        words
    };
    let mut command = Command::new(&program.path);
    command.args(words).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.envs(program.environment.iter().map(|(name, value)| (name, value)));
    if let Some(client) = &program.client {
        command.env(IN_THE_NAME_OF, client);
    }
    let child = command.spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Lookup::Unknown(format!("the docker client cannot be run: {error}")),
    };
    let Some(output) = child.stdout.take() else {
        return Lookup::Unknown("the docker client gave no output".to_owned());
    };
    let errors = child.stderr.take().map(reader_of);
    let waited = waited(&mut child, reader_of(output), patience, given_up);
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
pub fn reader_of(output: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        output.take(MOST as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    })
}

/// Waits until a client has said all and has ended. None where it takes too long or is given up: then it is killed, with the plugins that
/// it started.
pub fn waited(
    child: &mut Child,
    reader: JoinHandle<io::Result<Vec<u8>>>,
    patience: Duration,
    given_up: &AtomicBool,
) -> Option<(io::Result<Vec<u8>>, ExitStatus)> {
    let started = Instant::now();
    loop {
        if reader.is_finished()
            && let Ok(Some(status)) = child.try_wait()
        {
            let read = reader.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            return Some((read, status));
        }
        if started.elapsed() > patience || given_up.load(Ordering::Relaxed) {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// docker would wait for a second writer without end.
    #[test]
    fn what_can_be_read_once_is_left_to_docker() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("stack.yaml");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let fifo = fifo.display().to_string();
        let program = PrintingProgram { path: "/bin/cat".into(), client: None, environment: Vec::new() };
        for words in [
            vec!["-c".to_owned(), fifo.clone()],
            vec![format!("-c{fifo}")],
            vec![format!("--compose-file={fifo}")],
            vec!["compose".to_owned(), "--env-file".to_owned(), fifo.clone()],
        ] {
            let answer = run(&program, &words, Duration::from_secs(5), &AtomicBool::new(false));
            assert_eq!(answer, Lookup::Unknown(format!("{fifo} can be read only once")), "{words:?}");
        }
        fs::write(folder.path().join("plain"), "x").unwrap();
        let plain = folder.path().join("plain").display().to_string();
        assert_eq!(read_once(&["-f".to_owned(), plain, "a=b".to_owned(), "-".to_owned()]), None);
    }

    /// A client whose plugin goes on after it, as one that expands aliases of aliases: neither is waited for, nor left behind.
    #[test]
    fn a_client_that_takes_too_long_goes_with_its_plugins() {
        let folder = tempfile::tempdir().unwrap();
        let (client, plugin) = (folder.path().join("docker"), folder.path().join("plugin"));
        let text = format!("#!/bin/sh\nsh -c 'echo $$ >{}; sleep 100; :' & wait\n", plugin.display());
        fs::write(&client, text).unwrap();
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
        let started = Instant::now();
        let program = PrintingProgram { path: client.into_os_string(), client: None, environment: Vec::new() };
        let given_up = AtomicBool::new(false);
        let answer = run(&program, &["compose".to_owned()], Duration::from_secs(1), &given_up);
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
