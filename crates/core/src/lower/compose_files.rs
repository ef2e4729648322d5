//! Which files compose reads for a command, and which folder is the project's: compose-go `cli/options.go`.

use std::collections::HashMap;

use crate::files::ignore::clean;
use crate::grammar::parse::Invocation;
use crate::host::Host;

/// Docker's own names for the file, the first wins: compose-go `DefaultFileNames` and `DefaultOverrideFileNames`.
const USUAL: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: &[&str] =
    &["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// The files of a project as they are named, or found, and its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComposeFiles {
    /// In compose's order; `-` is standard input. None where no file is named and none is found.
    pub paths: Vec<String>,
    /// The project's folder; `.` for the working directory.
    pub folder: String,
}

impl ComposeFiles {
    /// The files for these words.
    pub fn of_words(invocation: &Invocation, host: &dyn Host) -> ComposeFiles {
        let folder = ["project-directory", "workdir"].iter().find_map(|name| above(invocation, name).pop());
        let mut paths = above(invocation, "file");
        if paths.is_empty() {
            let set = |name: &str| host.env(name).filter(|text| !text.is_empty());
            let separator = set("COMPOSE_PATH_SEPARATOR").unwrap_or_else(|| ":".to_owned());
            let listed = set("COMPOSE_FILE").or_else(|| {
                let typed = folder.as_deref().unwrap_or(".");
                dotenv(typed, &above(invocation, "env-file"), host)
                    .remove("COMPOSE_FILE")
                    .filter(|text| !text.is_empty())
            });
            paths = listed.map(|listed| listed.split(&separator).map(str::to_owned).collect()).unwrap_or_default();
        }
        if paths.is_empty() {
            paths = usual(folder.as_deref(), host);
        }
        let parent = |path: &String| {
            let (parent, _) = path.rsplit_once('/')?;
            Some(if parent.is_empty() { "/".to_owned() } else { parent.to_owned() })
        };
        let folder = folder.or_else(|| paths.first().and_then(parent)).unwrap_or_else(|| ".".to_owned());
        ComposeFiles { paths, folder }
    }

    /// The folder and the files with their whole paths, as compose writes them on what it makes: compose `pkg/api/labels.go`,
    /// `working_dir` and `config_files`.
    pub fn whole(&self, host: &dyn Host) -> (String, Vec<String>) {
        let here = host.directory();
        let whole = |path: &String| if path == "-" { path.clone() } else { join(&here, path) };
        (join(&here, &self.folder), self.paths.iter().map(whole).collect())
    }
}

/// The values of one of compose's own flags, which stand before its command.
pub fn above(invocation: &Invocation, name: &str) -> Vec<String> {
    invocation.above.iter().filter(|set| set.flag.name == name).map(|set| set.value.clone()).collect()
}

/// What `.env` in a folder, or the files named instead, set.
pub fn dotenv(folder: &str, named: &[String], host: &dyn Host) -> HashMap<String, String> {
    let files = if named.is_empty() { vec![join(folder, ".env")] } else { named.to_vec() };
    let mut all = HashMap::new();
    for bytes in files.iter().filter_map(|path| host.read(path).ok()) {
        for line in String::from_utf8_lossy(&bytes).lines() {
            let line = line.trim();
            let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') else {
                continue;
            };
            if !name.starts_with('#') {
                all.insert(name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned());
            }
        }
    }
    all
}

/// The usual file here or in a folder above, with its override.
fn usual(folder: Option<&str>, host: &dyn Host) -> Vec<String> {
    let here = host.directory();
    let mut at = match folder {
        Some(folder) if folder.starts_with('/') => folder.to_owned(),
        Some(folder) => join(&here, folder),
        None => here.clone(),
    };
    loop {
        let path = |name: &str| if at == here { name.to_owned() } else { join(&at, name) };
        if let Some(file) = USUAL.iter().map(|name| path(name)).find(|path| host.exists(path)) {
            let over = OVERRIDES.iter().map(|name| path(name)).find(|path| host.exists(path));
            return std::iter::once(file).chain(over).collect();
        }
        match at.rsplit_once('/') {
            Some((parent, _)) if !parent.is_empty() => at = parent.to_owned(),
            Some(_) if at != "/" => "/".clone_into(&mut at),
            _ => return Vec::new(),
        }
    }
}

/// A path below a folder; one that is absolute stays what it is.
pub fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') || folder == "." || folder.is_empty() {
        return clean(path);
    }
    clean(&format!("{folder}/{path}"))
}
