//! A build context: how it is requested, which files would be sent, and which of them are secrets or large.

use crate::order::PutInOrder as _;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use super::ignore::Matcher;
use crate::text::part;

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
pub struct ContextRequest {
    /// The folder that is sent, as it was typed.
    pub folder: String,
    /// The same folder without links, where that is known already.
    pub root: Option<String>,
    /// The Dockerfile's path, as the client would open it; None where it does not come from a file.
    pub dockerfile: Option<String>,
    /// Which builder sends it: the two read ignore files differently.
    pub sender: Sender,
    /// The patterns of what is copied; None for everything.
    pub copied: Option<Vec<String>>,
}

/// The sizes of files, in bytes. They are looked at when one is first asked for: most contexts are judged by their names alone.
pub struct Sizes {
    look: Box<LookAtSizes>,
    known: OnceCell<Vec<u64>>,
}

/// Gives the size of each of these paths.
type LookAtSizes = dyn Fn(&[String]) -> Vec<u64>;

impl Sizes {
    /// Sizes that `look` finds, for paths below the context's folder, one for each.
    pub fn new(look: impl Fn(&[String]) -> Vec<u64> + 'static) -> Sizes {
        Sizes { look: Box::new(look), known: OnceCell::new() }
    }
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes::new(|paths| vec![0; paths.len()])
    }
}

impl fmt::Debug for Sizes {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.known.fmt(formatter)
    }
}

/// What would be sent. A copy of it costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The folder without links.
    pub root: PathBuf,
    /// The files, below the context's folder, in order.
    pub paths: Rc<[String]>,
    /// Their sizes.
    pub sizes: Rc<Sizes>,
    /// The ignore file that counts, where there is one.
    pub ignore: Option<PathBuf>,
    /// Its bytes, as they were read for its patterns.
    pub ignore_text: Option<Rc<[u8]>>,
    /// Its patterns; none where there is no such file.
    pub patterns: Rc<Matcher>,
    /// The secrets in it: path and what it is.
    pub secrets: Vec<(String, String)>,
}

/// Why a context cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextProblem {
    /// The file or folder that cannot be read.
    pub path: String,
    /// The line of an ignore file, counted from 1.
    pub line: Option<usize>,
    /// Why, for a person.
    pub reason: String,
}

impl std::fmt::Display for ContextProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.path, self.reason),
            None => write!(formatter, "{}: {}", self.path, self.reason),
        }
    }
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
pub struct ContextEntry {
    /// A file, or a folder with a slash at its end.
    pub path: String,
    /// Bytes of all files in it.
    pub size: u64,
    /// How many files are in it.
    pub files: usize,
}

impl Survey {
    /// The files with their sizes, in bytes.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        let sizes = self.sizes.known.get_or_init(|| (self.sizes.look)(&self.paths));
        self.paths.iter().map(String::as_str).zip(sizes.iter().copied())
    }

    /// The sum of the files' bytes.
    pub fn bytes(&self) -> u64 {
        self.files().map(|(_, size)| size).sum()
    }

    /// The folders that files lie in, in the order of the files: the path with a slash at its end (empty for the context itself), the bytes and the
    /// number of the files that follow each other in it.
    fn folders(&self) -> Vec<(&str, u64, usize)> {
        let mut list: Vec<(&str, u64, usize)> = Vec::new();
        for (path, size) in self.files() {
            let folder = folder_of(path);
            match list.last_mut().filter(|last| last.0 == folder) {
                Some(last) => {
                    last.1 += size;
                    last.2 += 1;
                }
                None => list.push((folder, size, 1)),
            }
        }
        list
    }

    /// The entries that make it large: of a folder that holds nearly all in one below it, that one is named.
    pub fn largest(&self, most: usize) -> Vec<ContextEntry> {
        let mut sums: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        for (folder, size, files) in self.folders() {
            for (at, _) in folder.match_indices('/') {
                let sum = sums.entry(part(folder, ..=at)).or_default();
                sum.0 += size;
                sum.1 += files;
            }
        }
        let mut chosen: Vec<ContextEntry> = Vec::new();
        let top = sums.iter().filter(|(path, _)| path.matches('/').count() == 1);
        for (path, sum) in top {
            // Down to where the weight is.
            let (mut path, mut sum) = (*path, *sum);
            while !MADE_AGAIN.contains(&path.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
                && let Some((below, its)) =
                    sums.range(path..).skip(1).take_while(|(other, _)| other.starts_with(path)).find(|(other, its)| {
                        part(other, path.len()..).matches('/').count() == 1 && its.0 * 10 >= sum.0 * 9
                    })
            {
                (path, sum) = (*below, *its);
            }
            chosen.push(ContextEntry { path: path.to_owned(), size: sum.0, files: sum.1 });
        }
        let loose = self.files().filter(|(path, _)| !path.contains('/'));
        chosen.extend(loose.map(|(path, size)| ContextEntry { path: path.to_owned(), size, files: 1 }));
        chosen.put_in_order_by(|one, other| other.size.cmp(&one.size).then_with(|| one.path.cmp(&other.path)));
        chosen.truncate(most);
        chosen
    }

    /// Folders in it that a command makes again, and `.git`: what an ignore file would save.
    pub fn needless(&self) -> Vec<ContextEntry> {
        let is_dotnet = self.paths.iter().any(|path| path.ends_with(".csproj"));
        let within = |folder: &str| {
            let mut from = 0;
            for (at, _) in folder.match_indices('/') {
                let name = part(folder, from..at);
                from = at + 1;
                if is_surely_needless(name, part(folder, ..at), self, is_dotnet) {
                    return Some(at + 1);
                }
            }
            None
        };
        // Nobody looks at the sizes where there is nothing of the kind.
        let mut last = None;
        let has_none = self.paths.iter().all(|path| {
            let folder = folder_of(path);
            last.replace(folder) == Some(folder) || within(folder).is_none()
        });
        if has_none {
            return Vec::new();
        }
        let mut found: BTreeMap<&str, ContextEntry> = BTreeMap::new();
        for (folder, size, files) in self.folders() {
            let Some(end) = within(folder) else { continue };
            let path = part(folder, ..end);
            let entry = found.entry(path).or_insert_with(|| ContextEntry { path: path.to_owned(), size: 0, files: 0 });
            entry.size += size;
            entry.files += files;
        }
        let mut list: Vec<ContextEntry> = found.into_values().collect();
        list.put_in_order_by(|one, other| other.size.cmp(&one.size).then_with(|| one.path.cmp(&other.path)));
        list
    }

    /// Whether a file of this path, relative to the root, is sent.
    pub fn holds(&self, path: &str) -> bool {
        self.paths.binary_search_by(|known| known.as_str().cmp(path)).is_ok()
    }
}

/// The folder that a file lies in, with a slash at its end; empty for the context itself.
fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |at| part(path, ..=at))
}

/// Whether a folder of this name holds nothing that a build needs: by the name alone, or by what lies beside it.
fn is_surely_needless(name: &str, path: &str, survey: &Survey, is_dotnet: bool) -> bool {
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
        "obj" => is_dotnet,
        _ => false,
    }
}
