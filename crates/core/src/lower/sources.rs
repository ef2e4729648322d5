//! The positions of a compose model's parts in its files, through extends, includes and merges. compose itself makes
//! the model; this module only finds where each part is written.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use crate::files::dockerfile::is_nested_too_deep;
use crate::files::ignore::clean;
use crate::files::text::{Place, Text};
use crate::files::yaml::{self, Node};
use crate::grammar::parse::Invocation;
use crate::host::Host;

/// Docker's own names for the file, the first wins: compose-go `DefaultFileNames` and `DefaultOverrideFileNames`.
const USUAL: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: &[&str] =
    &["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// One step down into a file.
#[derive(Clone, Copy, Debug)]
pub enum PathStep<'a> {
    /// A key of a map.
    Key(&'a str),
    /// The item or entry that says this.
    Item(&'a str),
}

/// The files, the last word first.
#[derive(Default)]
pub struct Sources {
    files: Vec<Source>,
    variables: HashMap<String, (String, &'static str)>,
    folder: String,
}

#[derive(Clone)]
struct Source {
    text: Rc<Text>,
    root: Rc<Node>,
    folder: String,
    /// The include that brings it in.
    through: Option<Place>,
}

/// What describes one service: the file, the node, and the `extends` that leads there.
struct ServiceSource {
    text: Rc<Text>,
    /// Its name, where it has one.
    key: std::ops::Range<usize>,
    node: Rc<Node>,
    through: Option<Place>,
}

impl Sources {
    /// The files that compose would read for these words.
    pub fn of_words(invocation: &Invocation, host: &dyn Host) -> Sources {
        let above = |name: &str| {
            invocation.above.iter().filter(|set| set.flag.name == name).map(|set| set.value.clone()).collect::<Vec<_>>()
        };
        let folder = above("project-directory").pop().or_else(|| above("workdir").pop());
        let mut sources = Sources { folder: folder.clone().unwrap_or_else(|| ".".to_owned()), ..Sources::default() };
        let mut paths = above("file");
        if paths.is_empty() {
            let separator =
                host.env("COMPOSE_PATH_SEPARATOR").filter(|text| !text.is_empty()).unwrap_or_else(|| ":".to_owned());
            let dotenv = sources.read_variables(&above("env-file"), host);
            let listed = host
                .env("COMPOSE_FILE")
                .or_else(|| dotenv.get("COMPOSE_FILE").cloned())
                .filter(|text| !text.is_empty());
            paths = listed.map(|listed| listed.split(&separator).map(str::to_owned).collect()).unwrap_or_default();
        }
        if paths.is_empty() {
            paths = usual(folder.as_deref(), host);
        }
        if folder.is_none()
            && let Some((parent, _)) = paths.first().and_then(|path| path.rsplit_once('/'))
        {
            sources.folder = if parent.is_empty() { "/".to_owned() } else { parent.to_owned() };
        }
        sources.read_variables(&above("env-file"), host);
        for path in &paths {
            sources.add(path, None, host, 0);
        }
        sources.files.reverse();
        sources
    }

    /// Files that are named one by one, such as a stack's.
    pub fn of_files(paths: &[String], host: &dyn Host) -> Sources {
        let mut sources = Sources { folder: ".".to_owned(), ..Sources::default() };
        for path in paths {
            sources.add(path, None, host, 0);
        }
        sources.files.reverse();
        sources
    }

    /// The text of every file.
    pub fn texts(&self) -> impl Iterator<Item = &Rc<Text>> {
        self.files.iter().map(|source| &source.text)
    }

    /// What `.env`, or the files named instead, set; kept for what is shown of a variable.
    fn read_variables(&mut self, named: &[String], host: &dyn Host) -> HashMap<String, String> {
        let files = if named.is_empty() { vec![join(&self.folder, ".env")] } else { named.to_vec() };
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
        self.variables.extend(all.iter().map(|(name, value)| (name.clone(), (value.clone(), "the .env file"))));
        all
    }

    fn add(&mut self, path: &str, through: Option<Place>, host: &dyn Host, depth: usize) {
        let bytes = if path == "-" { host.input() } else { host.read(path).ok() };
        let name = if path == "-" { "standard input" } else { path };
        let Some(text) = bytes.and_then(|bytes| Text::from_bytes(name, bytes).ok()) else { return };
        let Ok(Some(root)) = yaml::read(&text) else { return };
        let folder = path.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| folder.to_owned());
        if depth < 10 {
            for include in root.get("include").iter().flat_map(|node| node.list().to_vec()) {
                let listed = include.get("path").unwrap_or_else(|| include.clone());
                let single = [listed.clone()];
                for one in if listed.list().is_empty() { &single[..] } else { listed.list() } {
                    let Some(named) = one.text().filter(|named| !named.contains("://")) else { continue };
                    let place = Place::new(&text, one.span.clone());
                    let inside = join(&folder, &self.interpolated(named, host).0);
                    self.add(&inside, Some(place), host, depth + 1);
                }
            }
        }
        self.files.push(Source { text, root, folder, through });
    }

    /// Includes of files from elsewhere, with the place that names them.
    pub fn remote(&self) -> Vec<(String, Place)> {
        let mut found = Vec::new();
        for source in &self.files {
            for include in source.root.get("include").iter().flat_map(|node| node.list().to_vec()) {
                let listed = include.get("path").unwrap_or_else(|| include.clone());
                let single = [listed.clone()];
                for one in if listed.list().is_empty() { &single[..] } else { listed.list() } {
                    if let Some(named) = one.text().filter(|named| is_remote(named)) {
                        found.push((named.to_owned(), Place::new(&source.text, one.span.clone())));
                    }
                }
            }
        }
        found
    }

    /// Where a top-level entry or what is below it stands.
    pub fn find(&self, path: &[PathStep], host: &dyn Host) -> Option<Place> {
        self.files.iter().find_map(|source| {
            let found = ServiceSource {
                text: source.text.clone(),
                key: 0..0,
                node: source.root.clone(),
                through: source.through.clone(),
            };
            self.descend(&found, path, host)
        })
    }

    /// Where something of a service stands; the value is what compose makes of it.
    pub fn of_service(
        &self,
        service: &str,
        path: &[PathStep],
        value: Option<&Value>,
        host: &dyn Host,
    ) -> Option<Place> {
        let found = self.services(service, host);
        let mut place = found.iter().find_map(|found| self.descend(found, path, host))?;
        place.of = Some(format!("service {service}"));
        place.meaning = self.meaning(&place, value, host);
        Some(place)
    }

    /// The env files that a service names, with where it does.
    pub fn env_files(&self, service: &str, host: &dyn Host) -> Vec<(String, Place)> {
        let mut files = Vec::new();
        for found in self.services(service, host) {
            let Some(listed) = found.node.get("env_file") else { continue };
            let single = [listed.clone()];
            for item in if listed.list().is_empty() { &single[..] } else { listed.list() } {
                let path = item.text().map(str::to_owned).or_else(|| item.get("path")?.text().map(str::to_owned));
                let Some(path) = path else { continue };
                let folder = found.text.path.rsplit_once('/').map_or(".", |(folder, _)| folder);
                let mut place = Place::new(&found.text, item.span.clone());
                place.of = Some(format!("service {service}"));
                place.through = found.through.clone().map(Box::new);
                files.push((join(folder, &self.interpolated(&path, host).0), place));
            }
        }
        files
    }

    /// Where a text begins in the files, for those that are no YAML.
    pub fn of_targets(paths: &[String], target: &str, host: &dyn Host) -> Option<Place> {
        paths.iter().find_map(|path| {
            let text = Text::from_bytes(path, host.read(path).ok()?).ok()?;
            let quoted = format!("\"{target}\"");
            let at = text.text.match_indices(&quoted).map(|(at, _)| at).find(|at| {
                let line = &text.text[text.line_start(*at)..*at];
                line.trim_start().starts_with("target") || text.text[at + quoted.len()..].trim_start().starts_with(':')
            })?;
            let start = text.line_start(at);
            let start = start + text.text[start..at].len() - text.text[start..at].trim_start().len();
            let mut place = Place::new(&text, start..at + quoted.len());
            place.of = Some(format!("target {target}"));
            Some(place)
        })
    }

    /// Everything that describes a service, the last word first.
    fn services(&self, service: &str, host: &dyn Host) -> Vec<ServiceSource> {
        let mut all = Vec::new();
        for source in &self.files {
            if let Some((key, node)) = source.root.get("services").and_then(|services| services.entry(service)) {
                self.with_bases(source, (&key, node), source.through.clone(), host, 0, &mut all);
            }
        }
        all
    }

    fn with_bases(
        &self,
        source: &Source,
        (key, node): (&Node, Rc<Node>),
        through: Option<Place>,
        host: &dyn Host,
        depth: usize,
        all: &mut Vec<ServiceSource>,
    ) {
        all.push(ServiceSource {
            text: source.text.clone(),
            key: key.span.clone(),
            node: node.clone(),
            through: through.clone(),
        });
        let Some((key, extends)) = node.entry("extends").filter(|_| depth < 20) else { return };
        let name = extends.text().map(str::to_owned).or_else(|| extends.get("service")?.text().map(str::to_owned));
        let Some(name) = name else { return };
        let mut place = Place::new(&source.text, key.span.start..extends.span.end);
        place.through = through.map(Box::new);
        let base = match extends.get("file").and_then(|file| file.text().map(str::to_owned)) {
            Some(file) => {
                let path = join(&source.folder, &self.interpolated(&file, host).0);
                let text = host.read(&path).ok().and_then(|bytes| Text::from_bytes(&path, bytes).ok());
                let Some((text, root)) = text.and_then(|text| Some((text.clone(), yaml::read(&text).ok()??))) else {
                    return;
                };
                let folder = path.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| folder.to_owned());
                Source { text, root, folder, through: None }
            }
            None => source.clone(),
        };
        if let Some((key, node)) = base.root.get("services").and_then(|services| services.entry(&name)) {
            self.with_bases(&base, (&key, node), Some(place), host, depth + 1, all);
        }
    }

    fn descend(&self, found: &ServiceSource, path: &[PathStep], host: &dyn Host) -> Option<Place> {
        let mut node = found.node.clone();
        let mut span = found.key.clone();
        for step in path {
            (span, node) = match step {
                PathStep::Key(name) => {
                    let (key, value) = node.entry(name)?;
                    // A plain value is pointed at, a whole section by its key.
                    let is_short = value.text().is_some_and(|text| !text.contains('\n')) && !value.span.is_empty();
                    (if is_short { value.span.clone() } else { key.span.clone() }, value)
                }
                PathStep::Item(wanted) => self.item(&node, wanted, host)?,
            };
        }
        let mut place = Place::new(&found.text, span);
        place.through = found.through.clone().map(Box::new);
        Some(place)
    }

    /// The item of a list, or the entry of a map, that says this.
    fn item(&self, node: &Node, wanted: &str, host: &dyn Host) -> Option<(std::ops::Range<usize>, Rc<Node>)> {
        for (key, value) in node.entries() {
            if key.text() == Some(wanted) {
                return Some((key.span.start..value.span.end.max(key.span.end), value));
            }
        }
        let mut best: Option<(u8, &Rc<Node>)> = None;
        for item in node.list() {
            let score = self.score(item, wanted, host);
            if score > best.map_or(0, |(score, _)| score) {
                best = Some((score, item));
            }
        }
        best.map(|(_, item)| (item.span.clone(), item.clone()))
    }

    /// How surely an item says this.
    fn score(&self, item: &Node, wanted: &str, host: &dyn Host) -> u8 {
        let Some(text) = item.text() else {
            let below = item.entries().into_iter().map(|(_, value)| value).chain(item.list().iter().cloned());
            return below.map(|value| self.score(&value, wanted, host)).max().unwrap_or(0).min(3);
        };
        let text = self.interpolated(text, host).0;
        if text.eq_ignore_ascii_case(wanted) {
            return 4;
        }
        let parts = || text.split([':', '=', ',', '/']).chain(text.split([':', '=']));
        if parts().any(|part| part.eq_ignore_ascii_case(wanted) || part.trim_end_matches('/') == wanted) {
            return 3;
        }
        u8::from(!wanted.is_empty() && text.contains(wanted))
    }

    /// What a marked text with variables in it means, and why.
    fn meaning(&self, place: &Place, value: Option<&Value>, host: &dyn Host) -> Option<String> {
        let marked = place.marked();
        if !marked.contains('$') {
            return None;
        }
        let (text, why) = self.interpolated(marked.trim_matches(['"', '\'']), host);
        let value = match value {
            Some(Value::String(value)) => value.clone(),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
            _ => text,
        };
        Some(if why.is_empty() { value } else { format!("{value}: {}", why.join(", ")) })
    }

    /// A text with its variables filled in as compose does, and where their values come from.
    fn interpolated(&self, text: &str, host: &dyn Host) -> (String, Vec<String>) {
        if is_nested_too_deep(text) {
            return (text.to_owned(), vec!["the variables are nested too deep to be filled in".to_owned()]);
        }
        let (mut out, mut why, mut rest) = (String::new(), Vec::new(), text);
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let (inside, after) = match rest.strip_prefix('{') {
                Some(inner) => {
                    let mut depth = 1;
                    let end = inner.char_indices().find(|(_, letter)| {
                        depth += match letter {
                            '{' => 1,
                            '}' => -1,
                            _ => 0,
                        };
                        depth == 0
                    });
                    let end = end.map_or(inner.len(), |(end, _)| end);
                    (&inner[..end], inner.get(end + 1..).unwrap_or_default())
                }
                None => {
                    let end = rest
                        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                        .unwrap_or(rest.len());
                    rest.split_at(end)
                }
            };
            rest = after;
            let end =
                inside.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inside.len());
            let (name, modifier) = inside.split_at(end);
            let (value, from) = match (host.env(name), self.variables.get(name)) {
                (Some(value), _) => (Some(value), format!("{name} is set in the environment")),
                (None, Some((value, file))) => (Some(value.clone()), format!("{name} is set in {file}")),
                (None, None) => (None, format!("{name} is not set")),
            };
            why.push(from);
            let spoken = value.clone().filter(|value| !value.is_empty());
            let other = |from: usize| self.interpolated(&modifier[from..], host).0;
            out.push_str(&match modifier.as_bytes() {
                [b':', b'-', ..] => spoken.unwrap_or_else(|| other(2)),
                [b'-', ..] => value.unwrap_or_else(|| other(1)),
                [b':', b'+', ..] => spoken.map(|_| other(2)).unwrap_or_default(),
                [b'+', ..] => value.map(|_| other(1)).unwrap_or_default(),
                _ => value.unwrap_or_default(),
            });
        }
        out.push_str(rest);
        (out, why)
    }
}

/// A file from elsewhere.
pub fn is_remote(path: &str) -> bool {
    ["oci://", "http://", "https://", "git://", "ssh://", "git@", "github.com/"]
        .iter()
        .any(|start| path.starts_with(start))
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

fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') || folder == "." || folder.is_empty() {
        return clean(path);
    }
    clean(&format!("{folder}/{path}"))
}
