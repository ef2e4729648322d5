//! Files as they were at a revision of a git repository. The repository may be anybody's: git is asked for nothing that runs a program which the
//! repository names. It prints objects as they are stored, so there are no hooks, no monitor of files, no filters and no text conversion, and it
//! may not fetch.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, anyhow, bail};

/// No file that is linted is larger.
const LARGEST: u64 = 64 << 20;

/// Settings that no repository can change here.
const SETTINGS: [&str; 5] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "diff.external=",
    "safe.bareRepository=explicit",
];

/// No lock is taken, nothing is fetched or asked for, and objects are what their names say.
const VARIABLES: [&str; 6] = [
    "GIT_OPTIONAL_LOCKS=0",
    "GIT_NO_LAZY_FETCH=1",
    "GIT_NO_REPLACE_OBJECTS=1",
    "GIT_ALLOW_PROTOCOL=none",
    "GIT_TERMINAL_PROMPT=0",
    "LC_ALL=C",
];

/// A program that prints the files of one revision.
pub struct Revision {
    /// The root of the work tree.
    pub root: PathBuf,
    commit: String,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// git, as it may be run in a repository that is not trusted.
fn git(folder: &Path) -> anyhow::Result<Command> {
    // A repository must not bring git itself along by a relative folder in PATH.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let program = folders.find_map(|folder| Some(folder.join("git")).filter(|program| program.is_file()));
    let mut command = Command::new(program.ok_or_else(|| anyhow!("git is not installed"))?);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.arg("--no-pager").arg("-C").arg(folder).stdin(Stdio::null());
    command.envs(VARIABLES.iter().filter_map(|set| set.split_once('=')));
    Ok(command)
}

/// What git prints on one line, or its own first line about why not.
fn line(folder: &Path, words: &[&str]) -> anyhow::Result<String> {
    let output = git(folder)?.args(words).output().context("git cannot be run")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.lines().next().unwrap_or("git failed and said nothing").to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
}

impl Revision {
    /// A revision of the repository that a folder is in.
    ///
    /// # Errors
    /// There is no git, no repository, or no such revision.
    pub fn open(folder: &Path, revision: &str) -> anyhow::Result<Revision> {
        let root = line(folder, &["rev-parse", "--show-toplevel"]).context("--since needs a git repository")?;
        let root = PathBuf::from(root);
        let wanted = format!("{revision}^{{commit}}");
        let commit = line(&root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])
            .map_err(|_| anyhow!("there is no revision {revision:?} in {}", root.display()))?;
        let mut command = git(&root)?;
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("git cannot be run")?;
        let (Some(questions), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("git has no standard streams");
        };
        Ok(Revision { root, commit, child, questions, answers: BufReader::new(output) })
    }

    /// A file as it was, by its path from the root; None where there was none, or what stood there was no file.
    ///
    /// # Errors
    /// git cannot read the repository.
    pub fn file(&mut self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        if path.contains('\n') {
            // Git reads one name a line: such a file counts as new.
            return Ok(None);
        }
        writeln!(self.questions, "{}:{path}", self.commit)
            .and_then(|()| self.questions.flush())
            .context("git ended")?;
        let mut head = String::new();
        self.answers.read_line(&mut head).context("git ended")?;
        let words: Vec<&str> = head.trim_end().rsplitn(3, ' ').collect();
        match words.as_slice() {
            ["missing" | "ambiguous", ..] => Ok(None),
            [size, kind, _] => {
                let size: u64 = size.parse().with_context(|| format!("git says {head:?}"))?;
                if size > LARGEST {
                    bail!("{path} is larger than {} MiB at this revision", LARGEST >> 20);
                }
                let mut bytes = Vec::new();
                (&mut self.answers).take(size + 1).read_to_end(&mut bytes).context("git ended")?;
                if bytes.pop() != Some(b'\n') {
                    bail!("git ended within {path}");
                }
                Ok((*kind == "blob").then_some(bytes))
            }
            _ => bail!("git cannot read {path} at this revision: {head:?}"),
        }
    }
}

impl Drop for Revision {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path below the root, as git names it; None where it lies outside.
pub fn below(root: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root).ok()?;
    inside.to_str().filter(|inside| !inside.is_empty()).map(str::to_owned)
}
