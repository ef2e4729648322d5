//! A build's context: which files would be sent, as docker computes it, and what stands out among them.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::ignore::{self, Matched, Matcher};
use super::secrets;

/// Who sends it: the two do not agree on everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The client packs a tar of all that is not ignored, and always the Dockerfile and `.dockerignore`.
    Legacy,
    /// BuildKit asks for what is copied; it knows `NAME.dockerignore` beside the Dockerfile.
    BuildKit,
}

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub folder: String,
    /// The Dockerfile's path, as the client would open it; None where it does not come from a file.
    pub dockerfile: Option<String>,
    pub sender: Sender,
    /// The patterns of what is copied; None for everything.
    pub copied: Option<Vec<String>>,
}

/// One file that would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Below the context's folder.
    pub path: String,
    pub size: u64,
}

/// What would be sent.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    pub root: PathBuf,
    /// In the order of their paths.
    pub files: Vec<Sent>,
    pub bytes: u64,
    /// The ignore file that counts, where there is one.
    pub ignore: Option<PathBuf>,
    /// The secrets in it: path and what it is.
    pub secrets: Vec<(String, String)>,
}

/// Why a context cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub path: String,
    pub line: Option<usize>,
    pub reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.path, self.reason),
            None => write!(formatter, "{}: {}", self.path, self.reason),
        }
    }
}

/// Walks the folder as the sender would.
pub fn survey(wanted: &Wanted) -> Result<Survey, Problem> {
    let failed = |path: &Path, error: std::io::Error| Problem {
        path: path.display().to_string(),
        line: None,
        reason: error.to_string(),
    };
    let root = fs::canonicalize(&wanted.folder).map_err(|error| failed(Path::new(&wanted.folder), error))?;
    let ignore = ignore_file(&root, wanted);
    let mut patterns = Vec::new();
    if let Some(path) = &ignore {
        let bad = |problem: ignore::Problem| Problem {
            path: path.display().to_string(),
            line: Some(problem.line),
            reason: problem.reason,
        };
        let bytes = fs::read(path).map_err(|error| failed(path, error))?;
        patterns = ignore::read(&bytes).map_err(bad)?;
        let matcher = Matcher::new(&patterns).map_err(bad)?;
        if wanted.sender == Sender::Legacy {
            patterns.extend(kept_by_the_client(&root, wanted, &matcher));
        }
    }
    let unlikely =
        |problem: ignore::Problem| Problem { path: root.display().to_string(), line: None, reason: problem.reason };
    let matcher = Matcher::new(&patterns).map_err(unlikely)?;
    let copied = match &wanted.copied {
        Some(list) => {
            let list: Vec<(usize, String)> = list.iter().map(|text| (0, text.clone())).collect();
            Some(Matcher::new(&list).unwrap_or_default())
        }
        None => None,
    };
    let mut walk = Walk { matcher: &matcher, copied: copied.as_ref(), sender: wanted.sender, files: Vec::new() };
    let mut folder = root.clone();
    walk.folder(&mut folder, "", None)?;
    let mut files = walk.files;
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let bytes = files.iter().map(|file| file.size).sum();
    let secrets = secrets::among(&files, &|path, most| start_of(&root.join(path), most));
    Ok(Survey { root, files, bytes, ignore, secrets })
}

/// The first bytes of a file; nothing where it cannot be read.
pub fn start_of(path: &Path, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A pipe would be waited for.
    if fs::symlink_metadata(path).is_ok_and(|known| known.is_file())
        && let Ok(file) = fs::File::open(path)
    {
        let _ = file.take(most as u64).read_to_end(&mut bytes);
    }
    bytes
}

/// The ignore file that the sender reads.
fn ignore_file(root: &Path, wanted: &Wanted) -> Option<PathBuf> {
    let own = wanted.dockerfile.as_ref().filter(|_| wanted.sender == Sender::BuildKit);
    let own = own.map(|dockerfile| PathBuf::from(format!("{dockerfile}.dockerignore")));
    let usual = root.join(".dockerignore");
    own.filter(|path| path.is_file()).or_else(|| usual.exists().then_some(usual))
}

/// The client's exceptions for its own two files: docker/cli `build.TrimBuildFilesFromExcludes`.
fn kept_by_the_client(root: &Path, wanted: &Wanted, matcher: &Matcher) -> Vec<(usize, String)> {
    let mut kept = Vec::new();
    if matcher.matches_as_before(".dockerignore") {
        kept.push((0, "!.dockerignore".to_owned()));
    }
    let dockerfile = wanted.dockerfile.as_ref().map(|path| {
        let path = Path::new(path);
        // The folder's links are followed, the file's own are not.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        folder.join(path.file_name().unwrap_or_default())
    });
    let inside = dockerfile.as_ref().and_then(|path| path.strip_prefix(root).ok());
    if let Some(inside) = inside.map(|path| path.to_string_lossy().into_owned()) {
        let mut with = matcher.clone();
        if !kept.is_empty()
            && let Ok(more) = Matcher::new(&kept)
        {
            with.patterns.extend(more.patterns);
        }
        if with.matches_as_before(&inside) {
            kept.push((0, format!("!{inside}")));
        }
    }
    kept
}

struct Walk<'a> {
    matcher: &'a Matcher,
    copied: Option<&'a Matcher>,
    sender: Sender,
    files: Vec<Sent>,
}

impl Walk<'_> {
    /// `below` is the folder's path in the context, empty for the context itself.
    fn folder(
        &mut self,
        folder: &mut PathBuf,
        below: &str,
        known: Option<(&Matched, Option<&Matched>)>,
    ) -> Result<(), Problem> {
        let entries = match fs::read_dir(&*folder) {
            Ok(entries) => entries,
            // What cannot be read docker will say; a folder that went while we walked is none.
            Err(error) if below.is_empty() => {
                return Err(Problem { path: folder.display().to_string(), line: None, reason: error.to_string() });
            }
            Err(_) => return Ok(()),
        };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = if below.is_empty() { name.into_owned() } else { format!("{below}/{name}") };
            if !kind.is_dir() {
                let skipped = self.matcher.matches_file(&path, known.map(|known| known.0));
                let is_copied = |copied: &Matcher| copied.matches_file(&path, known.and_then(|known| known.1));
                if !skipped && self.copied.is_none_or(is_copied) && !kind.is_socket() {
                    let size = if kind.is_file() { entry.metadata().map_or(0, |known| known.len()) } else { 0 };
                    self.files.push(Sent { path, size });
                }
                continue;
            }
            let (skipped, matched) = self.matcher.matches(&path, known.map(|known| known.0));
            let (copied, copying) = match self.copied {
                Some(copied) => {
                    let (hit, info) = copied.matches(&path, known.and_then(|known| known.1));
                    (hit, Some(info))
                }
                None => (true, None),
            };
            if skipped && !self.may_hold_exceptions(&path) || !copied && !self.may_hold_copied(&path) {
                continue;
            }
            folder.push(entry.file_name());
            self.folder(folder, &path, Some((&matched, copying.as_ref())))?;
            folder.pop();
        }
        Ok(())
    }

    /// Whether something in an ignored folder may be sent after all.
    fn may_hold_exceptions(&self, folder: &str) -> bool {
        if !self.matcher.has_exceptions {
            return false;
        }
        let exceptions = || self.matcher.patterns.iter().filter(|pattern| pattern.is_exception);
        let starts = |text: &str| format!("{text}/").starts_with(&format!("{folder}/"));
        match self.sender {
            Sender::Legacy => exceptions().any(|pattern| starts(&pattern.text)),
            // BuildKit looks everywhere once an exception has a wildcard before its end.
            Sender::BuildKit => {
                exceptions().any(|pattern| has_wildcard(without_end(&pattern.text)))
                    || exceptions().any(|pattern| starts(without_end(&pattern.text)))
            }
        }
    }

    fn may_hold_copied(&self, folder: &str) -> bool {
        let Some(copied) = self.copied else { return true };
        copied.patterns.iter().any(|pattern| {
            let text = without_end(&pattern.text);
            has_wildcard(text) || format!("{text}/").starts_with(&format!("{folder}/"))
        })
    }
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '[', ']', '?', '^', '\\'])
}

/// fsutil's `patternWithoutTrailingGlob`.
fn without_end(text: &str) -> &str {
    let text = text.strip_suffix("/**").unwrap_or(text);
    text.strip_suffix("/*").unwrap_or(text)
}

/// Folders that are made again by a command and need not be sent, by the last part of their path.
pub const MADE_AGAIN: &[&str] = &[
    "node_modules",
    ".git",
    "target",
    "dist",
    "build",
    ".venv",
    "venv",
    "__pycache__",
    ".tox",
    ".mypy_cache",
    ".pytest_cache",
    ".gradle",
    ".next",
    ".nuxt",
    "coverage",
    ".terraform",
    ".cache",
    "vendor",
    "bin",
    "obj",
    ".idea",
    ".vscode",
    ".svn",
    ".hg",
    "out",
    ".parcel-cache",
    ".turbo",
    ".yarn",
    "tmp",
    "logs",
];

/// One of the entries that make a context large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A file, or a folder with a slash at its end.
    pub path: String,
    pub size: u64,
    pub files: usize,
}

impl Survey {
    /// The entries that make it large: of a folder that holds nearly all in one below it, that one is named.
    pub fn largest(&self, most: usize) -> Vec<Entry> {
        let mut sums: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        for file in &self.files {
            for (at, _) in file.path.match_indices('/') {
                let sum = sums.entry(&file.path[..=at]).or_default();
                sum.0 += file.size;
                sum.1 += 1;
            }
        }
        let mut chosen: Vec<Entry> = Vec::new();
        let top = sums.iter().filter(|(path, _)| path.matches('/').count() == 1);
        for (path, sum) in top {
            // Down to where the weight is.
            let (mut path, mut sum) = (*path, *sum);
            while !MADE_AGAIN.contains(&path.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
                && let Some((below, its)) = sums
                    .range(path..)
                    .skip(1)
                    .take_while(|(other, _)| other.starts_with(path))
                    .find(|(other, its)| other[path.len()..].matches('/').count() == 1 && its.0 * 10 >= sum.0 * 9)
            {
                (path, sum) = (*below, *its);
            }
            chosen.push(Entry { path: path.to_owned(), size: sum.0, files: sum.1 });
        }
        let loose = self.files.iter().filter(|file| !file.path.contains('/'));
        chosen.extend(loose.map(|file| Entry { path: file.path.clone(), size: file.size, files: 1 }));
        chosen.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.path.cmp(&other.path)));
        chosen.truncate(most);
        chosen
    }

    /// Folders in it that a command makes again, and `.git`: what an ignore file would save.
    pub fn needless(&self) -> Vec<Entry> {
        let mut found: BTreeMap<&str, Entry> = BTreeMap::new();
        for file in &self.files {
            let mut from = 0;
            for (at, _) in file.path.match_indices('/') {
                let name = &file.path[from..at];
                from = at + 1;
                let surely = is_surely_needless(name, &file.path[..at], self);
                if surely {
                    let entry = found.entry(&file.path[..=at]).or_insert_with(|| Entry {
                        path: file.path[..=at].to_owned(),
                        size: 0,
                        files: 0,
                    });
                    entry.size += file.size;
                    entry.files += 1;
                    break;
                }
            }
        }
        let mut list: Vec<Entry> = found.into_values().collect();
        list.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.path.cmp(&other.path)));
        list
    }

    pub fn holds(&self, path: &str) -> bool {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).is_ok()
    }
}

/// Whether a folder of this name holds nothing that a build needs: by the name alone, or by what lies beside it.
fn is_surely_needless(name: &str, path: &str, survey: &Survey) -> bool {
    let beside = |file: &str| {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let file = if parent.is_empty() { file.to_owned() } else { format!("{parent}/{file}") };
        survey.holds(&file)
    };
    match name {
        "node_modules" | ".git" | ".venv" | "__pycache__" | ".tox" | ".mypy_cache" | ".pytest_cache" | ".gradle"
        | ".terraform" | ".svn" | ".hg" | ".next" | ".nuxt" | ".parcel-cache" | ".turbo" | ".idea" => true,
        "target" => beside("Cargo.toml") || beside("pom.xml"),
        "venv" => beside("requirements.txt") || beside("pyproject.toml"),
        "obj" => survey.files.iter().any(|file| file.path.ends_with(".csproj")),
        _ => false,
    }
}
