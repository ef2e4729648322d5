//! The configuration of lint: `.fender.toml` of a repository, found upward from each file, and the policies.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Write, stderr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::environment::host::read_regular;
use crate::environment::owned::caller;
use crate::environment::repository;
use crate::ui::screen::shown;
use fender_core::lint::{Level, PathRoot};
use fender_core::policy::{Policy, PolicyProblem, RepositoryConfig};
use fender_core::rules::Finding;

/// The file's name in a repository.
const NAME: &str = ".fender.toml";

/// A configuration is a page or two.
const LARGEST: u64 = 1 << 20;

/// Where the repository's configuration comes from.
pub enum ConfigSource {
    /// The nearest `.fender.toml` at or above each file.
    Upward,
    /// This file, for all files.
    File(PathBuf),
    /// There is none.
    Nowhere,
}

/// A configuration, and the folder that its patterns are for.
#[derive(Clone)]
struct Found {
    config: Rc<RepositoryConfig>,
    folder: PathBuf,
}

/// The configuration of each file.
pub struct Configs {
    policy: Policy,
    /// Where paths are named from.
    pub paths: PathRoot,
    /// The one for all files.
    fixed: Option<Found>,
    is_searched: bool,
    /// What was found at or above a folder.
    known: RefCell<HashMap<PathBuf, Option<Found>>>,
}

impl Configs {
    /// Reads a file that is named.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn new(source: &ConfigSource, policy: Policy, paths: PathRoot) -> Result<Configs, PolicyProblem> {
        let fixed = match source {
            ConfigSource::File(path) => {
                Some(Found { config: Rc::new(read(path)?), folder: PathBuf::from(&paths.root) })
            }
            ConfigSource::Upward | ConfigSource::Nowhere => None,
        };
        let is_searched = matches!(source, ConfigSource::Upward);
        Ok(Configs { policy, paths, fixed, is_searched, known: RefCell::default() })
    }

    /// The level of a finding in a file; None where it is not reported.
    ///
    /// # Errors
    /// The file's configuration cannot be used.
    pub fn level(&self, finding: &Finding, path: &str) -> Result<Option<Level>, PolicyProblem> {
        let found = self.of(path)?;
        let inside = self.inside(found.as_ref(), path);
        let config = found.as_ref().map(|found| (&*found.config, inside.as_str()));
        Ok(self.policy.lint_level(finding, &self.paths.path(path), config))
    }

    /// Whether a file is not linted.
    ///
    /// # Errors
    /// The file's configuration cannot be used.
    pub fn excludes(&self, path: &str) -> Result<bool, PolicyProblem> {
        let found = self.of(path)?;
        let inside = self.inside(found.as_ref(), path);
        let config = found.as_ref().map(|found| (&*found.config, inside.as_str()));
        Ok(self.policy.lint_excludes(&self.paths.path(path), config))
    }

    /// Whether unsafe fixes of a file are written without being asked for on the command line.
    ///
    /// # Errors
    /// The file's configuration cannot be used.
    pub fn fixes_unsafely(&self, path: &str) -> Result<bool, PolicyProblem> {
        let found = self.of(path)?;
        Ok(self.policy.lint_fixes_unsafely(found.as_ref().map(|found| &*found.config)))
    }

    /// A file's path from the folder that a configuration's patterns are for.
    fn inside(&self, found: Option<&Found>, path: &str) -> String {
        let Some(found) = found else { return String::new() };
        let root = found.folder.to_string_lossy().into_owned();
        PathRoot { directory: self.paths.directory.clone(), root }.path(path)
    }

    fn of(&self, path: &str) -> Result<Option<Found>, PolicyProblem> {
        if !self.is_searched {
            return Ok(self.fixed.clone());
        }
        let whole = PathRoot { directory: self.paths.directory.clone(), root: "/".to_owned() }.path(path);
        let whole = Path::new("/").join(whole);
        whole.parent().map_or(Ok(None), |folder| self.above(folder))
    }

    /// The configuration at or above a folder, up to the root of its repository.
    fn above(&self, folder: &Path) -> Result<Option<Found>, PolicyProblem> {
        if let Some(known) = self.known.borrow().get(folder) {
            return Ok(known.clone());
        }
        let file = folder.join(NAME);
        let found = if file.symlink_metadata().is_ok() && is_usable(folder, &file) {
            Some(Found { config: Rc::new(read(&file)?), folder: folder.to_path_buf() })
        } else if repository::is_root(folder) {
            None
        } else {
            folder.parent().map_or(Ok(None), |folder| self.above(folder))?
        };
        self.known.borrow_mut().insert(folder.to_path_buf(), found.clone());
        Ok(found)
    }
}

/// Whether a configuration counts. In a repository it is a part of it like the files that are linted. Outside of one, such as in a folder
/// where everybody may write, another user's file does not decide what the caller is told.
fn is_usable(folder: &Path, file: &Path) -> bool {
    let owner = |path: &Path| path.symlink_metadata().map(|known| known.uid()).ok();
    if repository::root(folder).is_some() || owner(file).is_some_and(|uid| uid == caller() || uid == 0) {
        return true;
    }
    let _ = writeln!(
        stderr(),
        "fender: {} is not used: it belongs to another user and is in no repository",
        shown(&file.to_string_lossy())
    );
    false
}

fn read(path: &Path) -> Result<RepositoryConfig, PolicyProblem> {
    let problem = |reason: String| PolicyProblem { path: path.to_path_buf(), at: None, reason };
    let bytes = read_regular(path, LARGEST).map_err(|error| problem(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| problem(error.utf8_error().to_string()))?;
    RepositoryConfig::parse(path, &text)
}
