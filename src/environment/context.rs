//! Walks a build's context: which files would be sent, as docker computes it.

use fender_core::order::PutInOrder as _;
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use fender_core::files::context::{ContextFile, ContextProblem, ContextRequest, Sender, Survey};
use fender_core::files::ignore::{self, Matched, Matcher};
use fender_core::files::secrets;

/// Walks the folder as the sender would.
pub fn survey(wanted: &ContextRequest) -> Result<Survey, ContextProblem> {
    let failed = |path: &Path, error: std::io::Error| ContextProblem {
        path: path.display().to_string(),
        line: None,
        reason: error.to_string(),
    };
    let root = match &wanted.root {
        Some(root) => PathBuf::from(root),
        None => fs::canonicalize(&wanted.folder).map_err(|error| failed(Path::new(&wanted.folder), error))?,
    };
    let ignore = ignore_file(&root, wanted);
    let mut patterns = Vec::new();
    if let Some(path) = &ignore {
        let bad = |problem: ignore::PatternProblem| ContextProblem {
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
    let unlikely = |problem: ignore::PatternProblem| ContextProblem {
        path: root.display().to_string(),
        line: None,
        reason: problem.reason,
    };
    let matcher = Rc::new(Matcher::new(&patterns).map_err(unlikely)?);
    let copied = match &wanted.copied {
        Some(list) => {
            let list: Vec<(usize, String)> = list.iter().map(|text| (0, text.clone())).collect();
            Some(Matcher::new(&list).unwrap_or_default())
        }
        None => None,
    };
    let mut walk = ContextWalk { matcher: &matcher, copied: copied.as_ref(), sender: wanted.sender, files: Vec::new() };
    let mut folder = root.clone();
    walk.folder(&mut folder, "", None)?;
    let mut files = walk.files;
    files.put_in_order_by(|one, other| one.path.cmp(&other.path));
    let bytes = files.iter().map(|file| file.size).sum();
    let secrets = secrets::among(&files, &|path, most| start_of(&root.join(path), most));
    Ok(Survey { root, files, bytes, ignore, patterns: matcher, secrets })
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
fn ignore_file(root: &Path, wanted: &ContextRequest) -> Option<PathBuf> {
    let own = wanted.dockerfile.as_ref().filter(|_| wanted.sender == Sender::BuildKit);
    let own = own.map(|dockerfile| PathBuf::from(format!("{dockerfile}.dockerignore")));
    let usual = root.join(".dockerignore");
    own.filter(|path| path.is_file()).or_else(|| usual.exists().then_some(usual))
}

/// The client's exceptions for its own two files: docker/cli `build.TrimBuildFilesFromExcludes`.
fn kept_by_the_client(root: &Path, wanted: &ContextRequest, matcher: &Matcher) -> Vec<(usize, String)> {
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

struct ContextWalk<'a> {
    matcher: &'a Matcher,
    copied: Option<&'a Matcher>,
    sender: Sender,
    files: Vec<ContextFile>,
}

impl ContextWalk<'_> {
    /// `below` is the folder's path in the context, empty for the context itself.
    fn folder(
        &mut self,
        folder: &mut PathBuf,
        below: &str,
        known: Option<(&Matched, Option<&Matched>)>,
    ) -> Result<(), ContextProblem> {
        let entries = match fs::read_dir(&*folder) {
            Ok(entries) => entries,
            // What cannot be read docker will say; a folder that went while we walked is none.
            Err(error) if below.is_empty() => {
                return Err(ContextProblem {
                    path: folder.display().to_string(),
                    line: None,
                    reason: error.to_string(),
                });
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
                    self.files.push(ContextFile { path, size });
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
