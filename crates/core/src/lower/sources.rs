//! The positions of a compose model's parts in its files, through extends, includes and merges. compose itself makes
//! the model; this module only finds where each part is written.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::compose_files::{ComposeFiles, above, dotenv, join};
use crate::files::dockerfile::is_nested_too_deep;
use crate::files::text::{FileProblem, Place, Text};
use crate::files::yaml::{self, Node};
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::text::part;

/// Files that include each other, and services that extend each other, are followed so far.
const DEEPEST: usize = 20;
/// A text with variables is filled in up to this length, in bytes.
const LONGEST: usize = 64 * 1024;
/// So many bytes of lists are searched for what no item of them says whole; after that the list itself is pointed at.
const SEARCHED: usize = 4 * 1024 * 1024;

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
    /// The files that have an entry of a section, such as a service: each file is not asked for each of them.
    declared: HashMap<(String, String), Vec<usize>>,
    /// Why a file was not read, or not followed further.
    problems: RefCell<Vec<FileProblem>>,
    /// The files of `extends`, each read once; None for one that cannot be.
    bases: RefCell<HashMap<String, Option<Source>>>,
    /// What describes each service, worked out once.
    services: RefCell<HashMap<String, Rc<Vec<ServiceSource>>>>,
    /// What the items of lists say, by the lists' nodes, which live as long as the files.
    items: RefCell<HashMap<*const Node, Rc<Items>>>,
    searched: Cell<usize>,
}

/// What the items of a list say.
#[derive(Default)]
struct Items {
    /// The first item that says this, without case: the whole of it, then a part of it.
    whole: HashMap<String, usize>,
    parts: HashMap<String, usize>,
    /// All texts, each with its item.
    texts: Vec<(String, usize)>,
}

impl Items {
    fn add(&mut self, text: String, item: usize, is_item: bool) {
        let add = |to: &mut HashMap<String, usize>, part: &str| {
            if !part.is_empty() {
                to.entry(part.to_ascii_lowercase()).or_insert(item);
            }
        };
        add(if is_item { &mut self.whole } else { &mut self.parts }, &text);
        for part in text.split([':', '=', ',', '/']).chain(text.split([':', '='])) {
            add(&mut self.parts, part);
            add(&mut self.parts, part.trim_end_matches('/'));
        }
        self.texts.push((text, item));
    }
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
        let env_files = above(invocation, "env-file");
        let read = ComposeFiles::of_words(invocation, host);
        let mut sources = Sources { folder: read.folder.clone(), ..Sources::default() };
        sources.read_variables(&env_files, host);
        sources.add_all(&read.paths, host);
        sources
    }

    /// Files that are named one by one, such as a stack's.
    pub fn of_files(paths: &[String], host: &dyn Host) -> Sources {
        let mut sources = Sources { folder: ".".to_owned(), ..Sources::default() };
        sources.add_all(paths, host);
        sources
    }

    fn add_all(&mut self, paths: &[String], host: &dyn Host) {
        let mut known = HashSet::new();
        for path in paths {
            self.add(path, None, host, 0, &mut known);
        }
        self.files.reverse();
        for (at, source) in self.files.iter().enumerate() {
            for (section, node) in source.root.entries() {
                for (name, _) in node.entries() {
                    let key =
                        section.text().zip(name.text()).map(|(section, name)| (section.to_owned(), name.to_owned()));
                    self.declared.entry(key.unwrap_or_default()).or_default().push(at);
                }
            }
        }
    }

    /// The files that have this entry of a section.
    fn declaring(&self, section: &str, name: &str) -> impl Iterator<Item = &Source> {
        let files = self.declared.get(&(section.to_owned(), name.to_owned()));
        files.into_iter().flatten().filter_map(|at| self.files.get(*at))
    }

    fn problem(&self, text: &Text, byte: usize, reason: &str) {
        let (line, column) = text.position(byte);
        let problem = FileProblem { path: text.path.clone(), line, column, reason: reason.to_owned() };
        let mut problems = self.problems.borrow_mut();
        if problems.last() != Some(&problem) {
            problems.push(problem);
        }
    }

    /// A file as YAML; None where it is none, which is kept as a problem.
    fn read_yaml(&self, path: &str, bytes: Vec<u8>) -> Option<(Rc<Text>, Rc<Node>)> {
        let name = if path == "-" { "standard input" } else { path };
        let read = Text::from_bytes(name, bytes).and_then(|text| Ok((text.clone(), yaml::read(&text)?)));
        match read {
            Ok((text, root)) => {
                let root = root?;
                if let Some(deep) = root.find(&is_nested_too_deep) {
                    self.problem(&text, deep.span.start, "variables are nested too deep; fender does not fill them in");
                }
                Some((text, root))
            }
            Err(problem) => {
                self.problems.borrow_mut().push(problem);
                None
            }
        }
    }

    /// Why a file was not read, or not followed further, as far as it was looked at.
    pub fn problems(&self) -> Vec<FileProblem> {
        self.problems.borrow().clone()
    }

    /// The text of every file.
    pub fn texts(&self) -> impl Iterator<Item = &Rc<Text>> {
        self.files.iter().map(|source| &source.text)
    }

    /// What `.env`, or the files named instead, set; kept for what is shown of a variable.
    fn read_variables(&mut self, named: &[String], host: &dyn Host) {
        let all = dotenv(&self.folder, named, host);
        self.variables.extend(all.into_iter().map(|(name, value)| (name, (value, "the .env file"))));
    }

    /// Adds a file and those that it includes, each once.
    fn add(&mut self, path: &str, through: Option<Place>, host: &dyn Host, depth: usize, known: &mut HashSet<String>) {
        if !known.insert(path.to_owned()) {
            return;
        }
        let bytes = if path == "-" { host.input() } else { host.read(path).ok() };
        let Some((text, root)) = bytes.and_then(|bytes| self.read_yaml(path, bytes)) else { return };
        let folder = folder_of(path);
        for include in root.get("include").iter().flat_map(|node| node.list()) {
            if depth == DEEPEST {
                self.problem(
                    &text,
                    include.span.start,
                    "files include each other too deep; fender does not follow them",
                );
                break;
            }
            let listed = include.get("path").unwrap_or_else(|| include.clone());
            let single = [listed.clone()];
            for one in if listed.list().is_empty() { &single[..] } else { listed.list() } {
                let Some(named) = one.text().filter(|named| !named.contains("://")) else { continue };
                let place = Place::new(&text, one.span.clone());
                let inside = join(&folder, &self.interpolated(named, host).0);
                self.add(&inside, Some(place), host, depth + 1, known);
            }
        }
        self.files.push(Source { text, root, folder, through });
    }

    /// Includes of files from elsewhere, with the place that names them.
    pub fn remote(&self) -> Vec<(String, Place)> {
        let mut found = Vec::new();
        for source in &self.files {
            for include in source.root.get("include").iter().flat_map(|node| node.list()) {
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
        let [PathStep::Key(section), PathStep::Key(name), ..] = path else { return None };
        self.declaring(section, name).find_map(|source| {
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
        for found in self.services(service, host).iter() {
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

    /// The names in a section of all files.
    pub(super) fn names(&self, section: &str) -> BTreeSet<&str> {
        self.declared.keys().filter(|(of, _)| of == section).map(|(_, name)| name.as_str()).collect()
    }

    /// What describes a service, from what it extends to the last file, each with the folder that its paths begin in.
    pub(super) fn descriptions(&self, service: &str, host: &dyn Host) -> Vec<(String, Rc<Node>)> {
        let found = self.services(service, host);
        found.iter().rev().map(|found| (self.folder_for(&found.text.path), found.node.clone())).collect()
    }

    /// An entry of another section in each file that has it, the first file first.
    pub(super) fn entries(&self, section: &str, name: &str) -> Vec<(String, Rc<Node>)> {
        let found = self
            .declaring(section, name)
            .filter_map(|source| Some((self.folder_for(&source.text.path), source.root.get(section)?.get(name)?)));
        let mut found: Vec<_> = found.collect();
        found.reverse();
        found
    }

    /// The project's folder for the project's own files, for others their own.
    fn folder_for(&self, path: &str) -> String {
        let is_own = self.files.iter().any(|file| file.text.path == path && file.through.is_none());
        if is_own { self.folder.clone() } else { folder_of(path) }
    }

    /// The name that a file gives the project.
    pub(super) fn named(&self, host: &dyn Host) -> Option<String> {
        let name = self.files.iter().find_map(|file| file.root.get("name"))?;
        Some(self.interpolated(name.text()?, host).0).filter(|name| !name.is_empty())
    }

    /// The project's folder.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// A text with its variables filled in; None where there are none in it.
    pub(super) fn filled(&self, text: &str, host: &dyn Host) -> Option<String> {
        text.contains('$').then(|| self.interpolated(text, host).0)
    }

    /// Whether neither the environment nor `.env` sets a variable to a text.
    pub(super) fn is_unset(&self, name: &str, host: &dyn Host) -> bool {
        let value = host.env(name).or_else(|| self.variables.get(name).map(|(value, _)| value.clone()));
        value.is_none_or(|value| value.is_empty())
    }

    /// Where this text stands first in the files.
    pub(super) fn place_of_text(&self, wanted: &str) -> Option<Place> {
        self.files.iter().rev().find_map(|file| {
            let start = file.text.text.find(wanted)?;
            Some(Place::new(&file.text, start..file.text.line_end(start)))
        })
    }

    /// Everything that describes a service, the last word first.
    fn services(&self, service: &str, host: &dyn Host) -> Rc<Vec<ServiceSource>> {
        if let Some(known) = self.services.borrow().get(service) {
            return known.clone();
        }
        let mut all = Vec::new();
        for source in self.declaring("services", service) {
            self.with_bases(source, service, host, &mut all);
        }
        let all = Rc::new(all);
        self.services.borrow_mut().insert(service.to_owned(), all.clone());
        all
    }

    /// A service of a file, and those that it extends.
    fn with_bases(&self, source: &Source, service: &str, host: &dyn Host, all: &mut Vec<ServiceSource>) {
        let (mut source, mut service, mut through) = (source.clone(), service.to_owned(), source.through.clone());
        for depth in 0.. {
            let found = source.root.get("services").and_then(|services| services.entry(&service));
            let Some((key, node)) = found else { return };
            let text = source.text.clone();
            all.push(ServiceSource { text, key: key.span.clone(), node: node.clone(), through: through.clone() });
            let Some((key, extends)) = node.entry("extends") else { return };
            if depth == DEEPEST {
                let reason = "services extend each other too deep; fender does not follow them";
                return self.problem(&source.text, key.span.start, reason);
            }
            let name = extends.text().map(str::to_owned).or_else(|| extends.get("service")?.text().map(str::to_owned));
            let Some(name) = name else { return };
            let mut place = Place::new(&source.text, key.span.start..extends.span.end);
            place.through = through.map(Box::new);
            if let Some(file) = extends.get("file").and_then(|file| file.text().map(str::to_owned)) {
                let path = join(&source.folder, &self.interpolated(&file, host).0);
                let Some(base) = self.base(&path, host) else { return };
                source = base;
            }
            (service, through) = (name, Some(place));
        }
    }

    /// The file of an `extends`.
    fn base(&self, path: &str, host: &dyn Host) -> Option<Source> {
        if let Some(known) = self.bases.borrow().get(path) {
            return known.clone();
        }
        let read = host.read(path).ok().and_then(|bytes| self.read_yaml(path, bytes));
        let base = read.map(|(text, root)| Source { text, root, folder: folder_of(path), through: None });
        self.bases.borrow_mut().insert(path.to_owned(), base.clone());
        base
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
    fn item(&self, node: &Rc<Node>, wanted: &str, host: &dyn Host) -> Option<(std::ops::Range<usize>, Rc<Node>)> {
        if let Some((key, value)) = node.entry(wanted) {
            return Some((key.span.start..value.span.end.max(key.span.end), value));
        }
        if node.list().is_empty() {
            return None;
        }
        let known = self.items.borrow().get(&Rc::as_ptr(node)).cloned();
        let items = known.unwrap_or_else(|| {
            let mut items = Items::default();
            for (at, item) in node.list().iter().enumerate() {
                self.add_texts(item, at, true, &mut items, host);
            }
            let items = Rc::new(items);
            self.items.borrow_mut().insert(Rc::as_ptr(node), items.clone());
            items
        });
        let lower = wanted.to_ascii_lowercase();
        let said = items.whole.get(&lower).or_else(|| items.parts.get(&lower)).copied();
        let at = said.or_else(|| self.containing(&items, wanted))?;
        node.list().get(at).map(|item| (item.span.clone(), item.clone()))
    }

    /// What an item says; of one that is a map or a list, what is in it.
    fn add_texts(&self, node: &Node, at: usize, is_item: bool, items: &mut Items, host: &dyn Host) {
        if let Some(text) = node.text() {
            items.add(self.interpolated(text, host).0, at, is_item);
        }
        for below in node.entries().iter().map(|(_, value)| value).chain(node.list()) {
            self.add_texts(below, at, false, items, host);
        }
    }

    /// The first item that has this in it. Long lists are not searched again and again.
    fn containing(&self, items: &Items, wanted: &str) -> Option<usize> {
        if wanted.is_empty() {
            return None;
        }
        items.texts.iter().find_map(|(text, at)| {
            let searched = self.searched.get() + text.len() + 1;
            self.searched.set(searched);
            (searched < SEARCHED && text.contains(wanted)).then_some(*at)
        })
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
        let mut said = BTreeSet::new();
        while let Some((before, behind)) = rest.split_once('$') {
            if out.len() > LONGEST.max(text.len()) {
                return (text.to_owned(), vec!["the variables make too long a text to be filled in".to_owned()]);
            }
            out.push_str(before);
            rest = behind;
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
                    (part(inner, ..end), inner.get(end + 1..).unwrap_or_default())
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
            if said.insert(name) {
                why.push(from);
            }
            let spoken = value.clone().filter(|value| !value.is_empty());
            let other = |text: &str| self.interpolated(text, host).0;
            // With a colon, an empty value counts as none.
            let (known, operator) =
                modifier.strip_prefix(':').map_or((value.clone(), modifier), |operator| (spoken, operator));
            out.push_str(&if let Some(rest) = operator.strip_prefix('-') {
                known.unwrap_or_else(|| other(rest))
            } else if let Some(rest) = operator.strip_prefix('+') {
                known.map(|_| other(rest)).unwrap_or_default()
            } else if operator.starts_with('?') {
                // Compose refuses one that is not set; any text stands for it then.
                known.unwrap_or_else(|| name.to_lowercase())
            } else {
                value.unwrap_or_default()
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

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| folder.to_owned())
}

/// Where the targets of bake's files begin, for files that are no YAML.
pub struct Targets(HashMap<String, Place>);

impl Targets {
    /// Reads these files, as far as they can be read.
    pub fn read(paths: &[String], host: &dyn Host) -> Targets {
        let mut all = HashMap::new();
        for path in paths {
            let text = host.read(path).ok().and_then(|bytes| Text::from_bytes(path, bytes).ok());
            text.iter().for_each(|text| in_text(text, &mut all));
        }
        Targets(all)
    }

    /// Where a target begins.
    pub fn get(&self, target: &str) -> Option<Place> {
        self.0.get(target).cloned()
    }
}

/// The quoted names that begin a target: those in a line that starts with `target`, and those that are keys.
fn in_text(text: &Rc<Text>, all: &mut HashMap<String, Place>) {
    let quotes: Vec<usize> = text.text.match_indices('"').map(|(at, _)| at).collect();
    // Where the line of the quote before begins, and what in it is no blank.
    let (mut line, mut first) = (usize::MAX, 0);
    for (open, close) in quotes.iter().zip(quotes.iter().skip(1)).map(|(open, close)| (*open, *close)) {
        let start = text.line_start(open);
        if start != line {
            line = start;
            first = start + part(&text.text, start..).find(|letter: char| !letter.is_whitespace()).unwrap_or(0);
        }
        let names = part(&text.text, first.min(open)..open).starts_with("target");
        if !names && !part(&text.text, close + 1..).trim_start().starts_with(':') {
            continue;
        }
        let name = part(&text.text, open + 1..close);
        if !all.contains_key(name) {
            let mut place = Place::new(text, first.min(open)..close + 1);
            place.of = Some(format!("target {name}"));
            all.insert(name.to_owned(), place);
        }
    }
}
