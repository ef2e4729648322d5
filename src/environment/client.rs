//! Finds the real docker client, and lets it read files.

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{env, fs};

use super::host::Surroundings;
use super::plugin;
use super::printing::{ClientSaid, PrintingProgram, reader_of, reads_input, run, waited};
use fender_core::engine::Lookup;
use fender_core::host::Host as _;
use fender_core::lower::MODEL_WORDS;

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
    // One that cannot be looked at may be fender itself.
    found.find(|candidate| identity(candidate).is_some_and(|it| Some(it) != own)).ok_or(folders)
}

/// Device and inode of this program, after links.
pub fn own_identity() -> Option<(u64, u64)> {
    identity(Path::new("/proc/self/exe")).or_else(|| identity(&env::current_exe().ok()?))
}

/// Device and inode of a file, after links; None where it is not there.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
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

/// How long it may take to print help.
const HELPS: Duration = Duration::from_secs(5);

/// The real client, asked to print what it reads in files. Each question is asked once.
#[derive(Debug, Default)]
pub struct Printer {
    client: Option<OsString>,
    /// What compose takes for the home of the caller; None for the true one.
    home: Option<&'static str>,
    /// Questions that will be begun as soon as fewer run than may run at once.
    waiting: RefCell<VecDeque<PrinterQuestion>>,
    /// Questions that were begun before their answer is needed.
    begun: RefCell<Vec<BegunQuestion>>,
    known: RefCell<Vec<(PrinterQuestion, Lookup<ClientSaid>)>>,
    /// How many may run at once.
    at_once: OnceCell<usize>,
}

/// What a client is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PrinterQuestion {
    words: Vec<String>,
    /// It is a preview, which may wait for services, and not a reading of files.
    is_preview: bool,
}

impl PrinterQuestion {
    fn reading(words: &[String]) -> PrinterQuestion {
        PrinterQuestion { words: words.to_vec(), is_preview: false }
    }
}

/// A client that runs beside fender. One whose answer nobody waits for ends when this is dropped.
#[derive(Debug)]
struct BegunQuestion {
    question: PrinterQuestion,
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<Lookup<ClientSaid>>>,
}

impl BegunQuestion {
    fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    fn answer(mut self) -> Lookup<ClientSaid> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(answer)) => answer,
            _ => Lookup::Unknown("the docker client could not be waited for".to_owned()),
        }
    }
}

impl Drop for BegunQuestion {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        // Docker, which fender becomes, would not know this child.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Printer {
    /// Asks the client at this path; with None, every answer is unknown.
    pub fn new(client: Option<OsString>) -> Printer {
        Printer { client, ..Printer::default() }
    }

    /// The same where compose takes another folder for the caller's home: what it prints then does not depend on who runs it.
    pub fn with_home(self, home: &'static str) -> Printer {
        Printer { home: Some(home), ..self }
    }

    /// What it says on both streams; Unknown where it cannot be run or takes too long.
    pub fn said(&self, words: &[String]) -> Lookup<ClientSaid> {
        self.asked(PrinterQuestion { words: words.to_vec(), is_preview: true })
    }

    /// What it says of files: as it was asked, or as YAML where it cannot print a model as JSON (`build.ssh` with a path).
    fn read(&self, words: &[String]) -> Lookup<ClientSaid> {
        let said = self.asked(PrinterQuestion::reading(words));
        match (&said, as_yaml(words)) {
            // Go's own words for a value that has no JSON; any other reason would be the same as YAML.
            (Lookup::Found(failed), Some(words))
                if !failed.success && String::from_utf8_lossy(&failed.errors).contains("json: ") =>
            {
                self.asked(PrinterQuestion::reading(&words))
            }
            _ => said,
        }
    }

    /// What it prints; Missing where it fails, Unknown where it cannot be run or takes too long.
    pub fn printed(&self, words: &[String]) -> Lookup<Vec<u8>> {
        self.read(words).then(|said| match said.success {
            true => Lookup::Found(said.output),
            // A code of its own: the words are wrong, or a file is.
            false => Lookup::Missing,
        })
    }

    /// The error of words that only read; Missing where there is none, Unknown where it cannot be run or takes too long.
    pub fn error_of(&self, words: &[String]) -> Lookup<String> {
        self.read(words).then(|said| match said.success {
            true => Lookup::Missing,
            false => Lookup::Found(String::from_utf8_lossy(&said.errors).into_owned()),
        })
    }

    /// Begins the question of [`Printer::printed`], whose answer will be needed soon.
    pub fn begin_printed(&self, words: &[String]) {
        self.begin(PrinterQuestion::reading(words));
    }

    /// The same for many, in this order; `at_once` says how many run at once. Their answers are best wanted in this order, too.
    pub fn begin_each(&self, each: &[Vec<String>]) {
        let new = each.iter().map(|words| PrinterQuestion::reading(words)).filter(|question| !self.is_asked(question));
        self.waiting.borrow_mut().extend(new);
        self.go_on();
    }

    /// Begins as many of the waiting questions as may run now.
    fn go_on(&self) {
        // Asking the system takes several calls, and this is looked at often.
        let at_once = *self.at_once.get_or_init(at_once);
        while self.begun.borrow().iter().filter(|begun| begun.is_running()).count() < at_once {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(question) => self.begin(question),
                None => return,
            }
        }
    }

    /// Begins the question of [`Printer::said`].
    pub fn begin_said(&self, words: &[String]) {
        self.begin(PrinterQuestion { words: words.to_vec(), is_preview: true });
    }

    fn is_asked(&self, question: &PrinterQuestion) -> bool {
        self.known.borrow().iter().any(|(known, _)| known == question)
            || self.begun.borrow().iter().any(|begun| begun.question == *question)
    }

    fn begin(&self, question: PrinterQuestion) {
        let Some(client) = &self.client else { return };
        // Standard input has one reader at a time.
        if self.is_asked(&question) || reads_input(&question.words) {
            return;
        }
        let (program, given_up) = (self.program_for(client, &question.words), Arc::new(AtomicBool::new(false)));
        let (asked, stop) = (question.clone(), given_up.clone());
        let thread = std::thread::spawn(move || run(&program, &asked.words, asked.patience(), &stop));
        self.begun.borrow_mut().push(BegunQuestion { question, given_up, thread: Some(thread) });
    }

    /// The program that answers these words: compose's plugin where that is certain, else the client.
    fn program_for(&self, client: &OsStr, words: &[String]) -> PrintingProgram {
        let path = PathBuf::from(client);
        let plugin = if names_another(&path) { None } else { plugin::of_words(&path, words) };
        let mut environment = Vec::new();
        if let Some(home) = self.home {
            // The configuration stays where it is.
            let folder = Surroundings { assume_terminal: false }.config_folder(None);
            environment = vec![("DOCKER_CONFIG", folder.into()), ("HOME", home.into())];
        }
        match plugin {
            Some(plugin) => {
                PrintingProgram { path: plugin.into_os_string(), client: Some(client.to_owned()), environment }
            }
            None => PrintingProgram { path: client.to_owned(), client: None, environment },
        }
    }

    fn asked(&self, question: PrinterQuestion) -> Lookup<ClientSaid> {
        if let Some((_, known)) = self.known.borrow().iter().find(|(asked, _)| *asked == question) {
            return known.clone();
        }
        // One that nobody has begun yet is asked now.
        self.waiting.borrow_mut().retain(|waiting| *waiting != question);
        let begun = self.begun.borrow().iter().position(|begun| begun.question == question);
        let answer = match (begun, &self.client) {
            (Some(at), _) => {
                while self.begun.borrow().get(at).is_some_and(BegunQuestion::is_running) {
                    self.go_on();
                    std::thread::sleep(Duration::from_micros(500));
                }
                // New ones are added at the end, so this one is where it was.
                let begun = self.begun.borrow_mut().remove(at);
                self.go_on();
                begun.answer()
            }
            (None, Some(client)) => {
                let program = self.program_for(client, &question.words);
                run(&program, &question.words, question.patience(), &AtomicBool::new(false))
            }
            (None, None) => Lookup::Unknown("there is no docker client to read it".to_owned()),
        };
        self.known.borrow_mut().push((question, answer.clone()));
        answer
    }
}

/// How many clients run at once: twice as many as there are processors, because each one waits for files and for its own threads a third of
/// its time. On large machines fewer, because each takes some 50 MB.
fn at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors + processors.min(8)
}

impl PrinterQuestion {
    /// How long the answer is waited for.
    fn patience(&self) -> Duration {
        if self.is_preview { PREVIEWS } else { PATIENCE }
    }
}

/// The words that print a compose model as YAML, for those that print it as JSON.
fn as_yaml(words: &[String]) -> Option<Vec<String>> {
    let at = words.windows(MODEL_WORDS).position(|words| words == ["config", "--format", "json"])?;
    let mut words = words.to_vec();
    words.drain(at + 1..at + MODEL_WORDS);
    Some(words)
}

/// The error with which the client ends for words that change nothing: a code that is not 0, and a reason. None where it has none, cannot
/// be asked, or takes too long.
pub fn error_of(client: &Path, words: &[String]) -> Option<String> {
    let child =
        Command::new(client).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    let errors = child.stderr.take()?;
    let (reason, status) = waited(&mut child, reader_of(errors), HELPS, &AtomicBool::new(false))?;
    let reason = reason.ok()?;
    let is_error = status.code().is_some_and(|code| code != 0) && !reason.is_empty();
    is_error.then(|| String::from_utf8_lossy(&reason).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;

    fn client(folder: &Path, text: &str) -> Printer {
        let client = folder.join("docker");
        fs::write(&client, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
        Printer::new(Some(client.into_os_string()))
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_was_begun_is_asked_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let printer = client(folder.path(), &format!("echo x >>{}; echo out; echo err >&2", log.display()));
        let words = words("compose config");
        printer.begin_printed(&words);
        printer.begin_printed(&words);
        assert_eq!(printer.printed(&words), Lookup::Found(b"out\n".to_vec()));
        printer.begin_printed(&words);
        assert_eq!(printer.printed(&words), Lookup::Found(b"out\n".to_vec()));
        assert_eq!(fs::read_to_string(&log).unwrap(), "x\n");
        assert_eq!(printer.error_of(&words), Lookup::Missing);
        assert_eq!(fs::read_to_string(&log).unwrap(), "x\n");
        // A preview is another question.
        let said = ClientSaid { output: b"out\n".to_vec(), errors: b"err\n".to_vec(), success: true };
        assert_eq!(printer.said(&words), Lookup::Found(said));
        assert_eq!(fs::read_to_string(&log).unwrap(), "x\nx\n");
    }

    /// Twenty files are read by more programs at once than there are processors, but not by many more; each by one program alone, and one
    /// that cannot be printed as JSON by two.
    #[test]
    fn each_file_is_read_by_one_program_and_few_more_at_once_than_processors() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let text = "echo + >>LOG; sleep 0.1; echo - >>LOG\n\
            case \"$*\" in *bad*) echo no such file >&2; exit 1 ;; *ssh*json) echo 'json: no' >&2; exit 1 ;; esac; echo $*";
        let printer = client(folder.path(), &text.replace("LOG", &log.display().to_string()));
        let each: Vec<Vec<String>> =
            (0..20).map(|at| words(&format!("compose -f {at} config --format json"))).collect();
        printer.begin_each(&each);
        printer.begin_each(&each);
        for words in &each {
            assert_eq!(printer.printed(words), Lookup::Found(format!("{}\n", words.join(" ")).into_bytes()));
        }
        let written = fs::read_to_string(&log).unwrap();
        let (mut running, mut most) = (0_usize, 0);
        for line in written.lines() {
            running = if line == "+" { running + 1 } else { running - 1 };
            most = most.max(running);
        }
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!(written.lines().count(), 40);
        assert!(
            most > processors.min(19) && most <= 2 * processors && most <= processors + 8,
            "{most} of {processors}"
        );
        let begun = |words: &[String], count: usize| {
            fs::write(&log, "").unwrap();
            let (printed, error) = (printer.printed(words), printer.error_of(words));
            assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), count);
            (printed, error)
        };
        let bad = begun(&words("compose -f bad config --format json"), 2);
        assert_eq!(bad, (Lookup::Missing, Lookup::Found("no such file\n".to_owned())));
        let ssh = begun(&words("compose -f ssh config --format json"), 4);
        assert_eq!(ssh, (Lookup::Found(b"compose -f ssh config\n".to_vec()), Lookup::Missing));
    }

    #[test]
    fn what_was_begun_and_is_not_needed_ends() {
        let folder = tempfile::tempdir().unwrap();
        let started = folder.path().join("started");
        let printer = client(folder.path(), &format!("echo $$ >{}; exec sleep 100", started.display()));
        printer.begin_said(&words("compose up"));
        let begun = Instant::now();
        let id = loop {
            match fs::read_to_string(&started) {
                Ok(id) if id.ends_with('\n') => break id,
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it was not started");
        };
        drop(printer);
        assert!(begun.elapsed() < Duration::from_secs(20), "it was waited for");
        assert!(!Path::new(&format!("/proc/{}", id.trim())).exists(), "it is still there");
    }
}
