//! Walks a build's context: which files would be sent, as docker computes it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use fender_core::files::context::{ContextProblem, ContextRequest, Sender, Sizes, Survey};
use fender_core::files::ignore::{self, Matcher};
use fender_core::files::secrets::{self, LARGEST};

use super::context_walk::{WalkedContext, walked};
use super::sizes::measured;

/// Walks the folder as the sender would.
///
/// # Errors
/// The folder or an ignore file cannot be read, or a pattern in it is not one.
pub fn survey(wanted: &ContextRequest) -> Result<Survey, ContextProblem> {
    looked(wanted, false).map(|(sent, _)| sent)
}

/// The same, and how many files and bytes the ignore file leaves, whether they are copied or not.
///
/// # Errors
/// Those of [`survey`].
pub fn survey_with_left(wanted: &ContextRequest) -> Result<(Survey, (usize, u64)), ContextProblem> {
    let (sent, left) = looked(wanted, true)?;
    let left = left.unwrap_or_else(|| (sent.paths.len(), sent.bytes()));
    Ok((sent, left))
}

type LeftFiles = Option<(usize, u64)>;

fn looked(wanted: &ContextRequest, with_left: bool) -> Result<(Survey, LeftFiles), ContextProblem> {
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
    let (mut patterns, mut ignore_text) = (Vec::new(), None);
    if let Some(path) = &ignore {
        let bad = |problem: ignore::PatternProblem| ContextProblem {
            path: path.display().to_string(),
            line: Some(problem.line),
            reason: problem.reason,
        };
        let bytes = fs::read(path).map_err(|error| failed(path, error))?;
        patterns = ignore::read(&bytes).map_err(bad)?;
        ignore_text = Some(Rc::from(bytes));
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
    let copied = wanted.copied.as_ref().map(|list| {
        let list: Vec<(usize, String)> = list.iter().map(|text| (0, text.clone())).collect();
        Matcher::new(&list).unwrap_or_default()
    });
    let found =
        walked(&root, &matcher, copied.as_ref(), wanted.sender, with_left).map_err(|error| failed(&root, error))?;
    let WalkedContext { sent, left, odd } = found;
    let secrets = secrets::among(&sent, &|path, most| small_file(&root.join(path), most));
    let (sizes, left) = match left {
        None => {
            let root = root.clone();
            (Sizes::new(move |paths| measured(&root, paths, &odd)), None)
        }
        // What is sent is a part of it, in the same order, and is not looked at again.
        Some(left) => {
            let sizes = measured(&root, &left, &odd);
            let sum = (left.len(), sizes.iter().sum());
            let known = move |paths: &[String]| {
                let mut left = left.iter().zip(&sizes);
                let size = |path| left.find(|(known, _)| *known == path).map_or(0, |(_, size)| *size);
                paths.iter().map(size).collect()
            };
            (Sizes::new(known), Some(sum))
        }
    };
    Ok((
        Survey { root, paths: sent.into(), sizes: Rc::new(sizes), ignore, ignore_text, patterns: matcher, secrets },
        left,
    ))
}

/// The first bytes of a file that may hold a key; None where it is empty, too large, no file, or cannot be read.
fn small_file(path: &Path, most: usize) -> Option<Vec<u8>> {
    let size = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?.len();
    if size == 0 || size > LARGEST {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(most as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
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
