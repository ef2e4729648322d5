//! What BuildKit refuses when it goes through the stages: values with variables, and stages that are not there:
//! `frontend/dockerfile/dockerfile2llb/convert.go`. Pure.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use super::instruction::ParsedInstruction;
use super::lex::{Keeps, Lexed, Setting, WordLexer, means_more};
use super::statement::{NoDefault, RefusedStatement, SetWhere, Statement, UnsetVariable, Warnings, here_document};
use super::values;
use crate::files::copied::is_remote;
use crate::files::expansion::LONGEST;
use crate::grammar::values::reference;
use crate::order::PutInOrder as _;
use crate::text::part;

/// Stages that are built from each other are followed so far for a variable; behind that it is not known.
const DEEPEST: usize = 64;
/// So many bytes of values are worked out for one file; after that none is known.
const MOST: usize = 4 * 1024 * 1024;

/// Arguments that BuildKit sets before the first stage.
const PLATFORM_ARGUMENTS: &[&str] = &[
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// One stage, as far as its values count.
#[derive(Default)]
struct StageValues {
    parent: Option<usize>,
    /// Whether nothing but the Dockerfile sets its variables.
    is_whole: bool,
    variables: HashMap<String, Setting>,
    /// The arguments that it names, set or not.
    arguments: HashSet<String>,
    /// Where relative paths begin; None where that is not known.
    folder: Option<String>,
}

struct Walk<'a> {
    plain: &'a str,
    escape: char,
    argument: &'a dyn Fn(&str) -> Option<String>,
    globals: HashMap<String, Setting>,
    /// What `ARG` before the first stage names, set or not.
    declared: HashSet<String>,
    /// The same as `globals` where the caller sets nothing; None where that cannot be worked out.
    defaults: Option<HashMap<String, Setting>>,
    stages: Vec<StageValues>,
    /// The last stage of each name so far, and of the whole file.
    names: HashMap<String, usize>,
    all_names: HashMap<String, usize>,
    count: usize,
    /// Images that are copied from; BuildKit counts them behind the stages.
    others: usize,
    room: Cell<usize>,
    /// The stage of the instruction that is looked at; None before the first one and for `FROM`.
    current: Option<usize>,
    /// Whether the `FROM` that was just read is refused because its variables make no image's name.
    is_nameless: bool,
    /// The variables of that instruction which nothing sets.
    unset: RefCell<Vec<String>>,
}

/// What is refused and what is warned of in statements that can be read.
pub fn walk(
    plain: &str,
    statements: &[Statement],
    read: &[Option<ParsedInstruction>],
    escape: char,
    argument: &dyn Fn(&str) -> Option<String>,
) -> (Vec<RefusedStatement>, Warnings) {
    let (mut refused, mut warnings) = (Vec::new(), Warnings::default());
    let all: Vec<(&Statement, &ParsedInstruction)> =
        statements.iter().zip(read).filter_map(|(statement, read)| Some((statement, read.as_ref()?))).collect();
    let is_from = |it: &ParsedInstruction| it.name == "from";
    let mut all_names = HashMap::new();
    let mut count = 0;
    for (_, it) in all.iter().filter(|(_, it)| is_from(it)) {
        all_names.extend(it.args.get(2).map(|name| (name.to_lowercase(), count)));
        count += 1;
    }
    let platform: HashMap<String, Setting> =
        PLATFORM_ARGUMENTS.iter().map(|name| ((*name).to_owned(), Setting::Unknown)).collect();
    let mut walk = Walk {
        plain,
        escape,
        argument,
        defaults: Some(platform.clone()),
        globals: platform,
        declared: HashSet::new(),
        stages: Vec::new(),
        names: HashMap::new(),
        all_names,
        count,
        others: 0,
        room: Cell::new(MOST),
        current: None,
        is_nameless: false,
        unset: RefCell::default(),
    };
    // A FROM that cannot be read begins a stage all the same.
    let has_stage = read
        .iter()
        .zip(statements)
        .any(|(read, statement)| read.as_ref().map_or_else(|| statement.begins_stage(), is_from));
    if !has_stage {
        let at = statements.first().map_or(0, |statement| statement.span.start);
        refused.push(RefusedStatement { at, reason: "a Dockerfile needs a FROM".to_owned(), stage: None });
        return (refused, warnings);
    }
    let mut said_missing = false;
    for &(statement, it) in &all {
        let stage = walk.stages.len().checked_sub(1);
        walk.current = stage.filter(|_| it.name != "from");
        let outcome = match (it.name.as_str(), stage) {
            ("from", _) => {
                let has_no_default = walk.has_no_default(it);
                let stage = walk.stages.len();
                let outcome = walk.from(it);
                let is_refused = std::mem::take(&mut walk.is_nameless);
                if has_no_default {
                    warnings.no_default.push(NoDefault { stage, at: statement.span.clone(), is_refused });
                }
                outcome
            }
            ("arg", None) => walk.global(it),
            (_, None) if !said_missing => {
                said_missing = true;
                Err(format!("{} stands before the first FROM", it.name.to_uppercase()))
            }
            (_, None) => Ok(()),
            (_, Some(stage)) => walk.instruction(stage, statement, it),
        };
        let mut unset = walk.unset.take();
        unset.put_in_order();
        unset.dedup();
        let sets = set_by(it);
        warnings.unset.extend(unset.into_iter().map(|name| {
            let sets_itself = sets.contains(&name.as_str());
            walk.unset_variable(name, sets_itself, statement)
        }));
        if let Err(reason) = outcome {
            let is_value = stage.is_some() && it.name != "from";
            refused.push(RefusedStatement { at: statement.span.start, reason, stage: stage.filter(|_| is_value) });
        }
    }
    set_elsewhere(&mut warnings.unset, &all);
    (refused, warnings)
}

/// Says of the variables that nothing sets before they are used whether another instruction of the file sets them.
fn set_elsewhere(unset: &mut [UnsetVariable], all: &[(&Statement, &ParsedInstruction)]) {
    if unset.iter().all(|it| it.set_where != SetWhere::Nowhere) {
        return;
    }
    let mut setters: HashMap<&str, usize> = HashMap::new();
    for name in all.iter().flat_map(|(_, it)| set_by(it)) {
        *setters.entry(name).or_default() += 1;
    }
    for unset in unset.iter_mut().filter(|it| it.set_where == SetWhere::Nowhere) {
        let setters = setters.get(unset.name.as_str()).copied().unwrap_or_default();
        if setters > usize::from(unset.sets_itself) {
            unset.set_where = SetWhere::InFile;
        }
    }
}

/// The names that an instruction sets, or names as arguments.
fn set_by(it: &ParsedInstruction) -> Vec<&str> {
    match it.name.as_str() {
        "env" => it.pairs.iter().map(|(name, _)| name.as_str()).collect(),
        "arg" => it.args.iter().map(|arg| arg.split('=').next().unwrap_or_default()).collect(),
        _ => Vec::new(),
    }
}

impl Walk<'_> {
    fn lexed(&self, text: &str, variable: &dyn Fn(&str) -> Setting) -> Result<Lexed, String> {
        // Behind that no value is copied any more.
        let is_spent = self.room.get() == 0;
        let variable = |name: &str| if is_spent { Setting::Unknown } else { variable(name) };
        let keeps = Keeps::default();
        let lexer = WordLexer { escape: self.escape, keeps, ignores_quotes: false, variable: &variable };
        let mut read = lexer.read(text)?;
        let left = self.room.get().saturating_sub(read.text.len().saturating_sub(text.len()));
        self.room.set(left);
        read.is_known &= left > 0 && read.text.len() <= LONGEST;
        Ok(read)
    }

    /// A word with variables filled in; None where they are not all known.
    fn filled(&self, text: &str, variable: &dyn Fn(&str) -> Setting) -> Result<Option<String>, String> {
        // Most words are as they stand.
        if !means_more(text) {
            let is_known = self.room.get() > 0 && text.len() <= LONGEST;
            return Ok(is_known.then(|| text.to_owned()));
        }
        let read = self.lexed(text, variable)?;
        self.note_unset(read.unset);
        Ok(read.is_known.then_some(read.text))
    }

    /// Remembers the variables of an instruction that nothing sets before it.
    fn note_unset(&self, names: Vec<String>) {
        // Where no value is worked out any more, nothing is known of any.
        if !names.is_empty() && self.room.get() > 0 {
            self.unset.borrow_mut().extend(names.into_iter().filter(|name| !self.is_named(name)));
        }
    }

    /// Whether something sets a variable where the walk is, to whatever it may be, or names it as an argument.
    fn is_named(&self, name: &str) -> bool {
        let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
        // `$1` and `$@` are nothing that a Dockerfile could set.
        if !name.chars().all(is_letter) || name.starts_with(|letter: char| letter.is_numeric()) {
            return true;
        }
        let Some(stage) = self.current else {
            return self.declared.contains(name) || PLATFORM_ARGUMENTS.contains(&name);
        };
        let mut at = Some(stage);
        for _ in 0..DEEPEST {
            let Some(this) = at.and_then(|at| self.stages.get(at)) else { return false };
            if this.variables.contains_key(name) || this.arguments.contains(name) || name == "PATH" {
                return true;
            }
            at = this.parent;
        }
        true
    }

    /// What is said of a variable that an instruction uses and nothing sets.
    fn unset_variable(&self, name: String, sets_itself: bool, statement: &Statement) -> UnsetVariable {
        let set_where = match self.current {
            Some(_) if self.declared.contains(&name) => SetWhere::BeforeStages,
            Some(_) if PLATFORM_ARGUMENTS.contains(&name.as_str()) => SetWhere::BuildKit,
            _ => SetWhere::Nowhere,
        };
        UnsetVariable { name, at: statement.span.clone(), stage: self.current, sets_itself, set_where }
    }

    /// Whether the variables of a `FROM` make no name of an image where the caller sets nothing.
    fn has_no_default(&mut self, it: &ParsedInstruction) -> bool {
        let base = it.args.first().map(String::as_str).unwrap_or_default();
        let Some(defaults) = self.defaults.take_if(|_| base.contains('$')) else { return false };
        let read = self.lexed(base, &|name| defaults.get(name).cloned().unwrap_or(Setting::Unset));
        // Where a value cannot be worked out, BuildKit looks at no other line.
        self.defaults = read.is_ok().then_some(defaults);
        read.is_ok_and(|read| read.is_known && reference(&read.text).is_err())
    }

    fn global_value(&self, name: &str) -> Setting {
        self.globals.get(name).cloned().unwrap_or(Setting::Unset)
    }

    /// A variable as a stage sees it.
    fn value(&self, stage: usize, name: &str) -> Setting {
        let mut at = Some(stage);
        for _ in 0..DEEPEST {
            let Some(this) = at.and_then(|at| self.stages.get(at)) else { return Setting::Unset };
            if let Some(setting) = this.variables.get(name) {
                return setting.clone();
            }
            if this.parent.is_none() {
                // PATH is always set.
                return if this.is_whole && name != "PATH" { Setting::Unset } else { Setting::Unknown };
            }
            at = this.parent;
        }
        Setting::Unknown
    }

    /// `ARG` before the first stage.
    fn global(&mut self, it: &ParsedInstruction) -> Result<(), String> {
        for arg in &it.args {
            let (name, default) = arg.split_once('=').map_or((arg.as_str(), None), |(name, value)| (name, Some(value)));
            self.declared.insert(name.to_owned());
            if let (Some(mut defaults), Some(default)) = (self.defaults.take_if(|_| default.is_some()), default) {
                let read = self.lexed(default, &|name| defaults.get(name).cloned().unwrap_or(Setting::Unset));
                if let Ok(read) = read {
                    let value = if read.is_known { Setting::Set(read.text) } else { Setting::Unknown };
                    defaults.insert(name.to_owned(), value);
                    self.defaults = Some(defaults);
                }
            }
            let value = match ((self.argument)(name), default) {
                (Some(value), _) => Setting::Set(value),
                (None, Some(default)) => self.setting(self.filled(default, &|name| self.global_value(name))?),
                (None, None) => continue,
            };
            self.globals.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn setting(&self, value: Option<String>) -> Setting {
        value.map_or(Setting::Unknown, Setting::Set)
    }

    fn from(&mut self, it: &ParsedInstruction) -> Result<(), String> {
        let base = it.args.first().map(String::as_str).unwrap_or_default();
        let filled = self.filled(base, &|name| self.global_value(name));
        let known = filled.as_ref().ok().cloned().flatten();
        let parent = known.as_ref().and_then(|name| self.names.get(&name.to_lowercase())).copied();
        let is_whole = known.as_deref() == Some("scratch");
        let folder = match parent {
            Some(parent) => self.stages.get(parent).and_then(|stage| stage.folder.clone()),
            None => is_whole.then(|| "/".to_owned()),
        };
        self.stages.push(StageValues { parent, is_whole, folder, ..StageValues::default() });
        self.names.extend(it.args.get(2).map(|name| (name.to_lowercase(), self.stages.len() - 1)));
        // Another context may have the stage's name, so it has to be one of an image.
        if let Some(name) = it.args.get(2)
            && reference(&name.to_lowercase()).is_err()
        {
            return Err(format!("{name:?} is no name for a stage"));
        }
        if let Some(image) = filled? {
            let is_other = parent.is_none() && !is_whole && reference(&image).is_err();
            self.is_nameless = image.is_empty() || is_other;
            if image.is_empty() {
                return Err(format!("the image's name {base} is empty: its arguments are not set"));
            }
            if is_other {
                return Err(format!("{image:?} is no name of an image"));
            }
        }
        if let Some(platform) = it.flag("platform")
            && let Some(platform) = self.filled(platform, &|name| self.global_value(name))?
        {
            if platform.is_empty() {
                return Err("FROM --platform is empty".to_owned());
            }
            values::platform(&platform)?;
        }
        Ok(())
    }

    fn set(&mut self, stage: usize, name: String, value: Setting) {
        if let Some(stage) = self.stages.get_mut(stage) {
            stage.variables.insert(name, value);
        }
    }

    fn instruction(&mut self, stage: usize, statement: &Statement, it: &ParsedInstruction) -> Result<(), String> {
        let filled = |walk: &Self, text: &str| walk.filled(text, &|name| walk.value(stage, name));
        match it.name.as_str() {
            "arg" => {
                for arg in &it.args {
                    let (name, default) =
                        arg.split_once('=').map_or((arg.as_str(), None), |(name, value)| (name, Some(value)));
                    let value = match ((self.argument)(name), default) {
                        (Some(value), _) => Some(Setting::Set(value)),
                        (None, Some(default)) => {
                            let value = filled(self, default)?;
                            Some(self.setting(value))
                        }
                        (None, None) => self.globals.get(name).cloned(),
                    };
                    if let Some(value) = value {
                        self.set(stage, name.to_owned(), value);
                    }
                    if let Some(stage) = self.stages.get_mut(stage) {
                        stage.arguments.insert(name.to_owned());
                    }
                }
            }
            "env" => {
                let mut set = Vec::new();
                for (name, value) in &it.pairs {
                    let (name, value) = (filled(self, name)?, filled(self, value)?);
                    set.extend(name.map(|name| (name, self.setting(value))));
                }
                for (name, value) in set {
                    self.set(stage, name, value);
                }
            }
            "label" => {
                for (name, value) in &it.pairs {
                    filled(self, name)?;
                    filled(self, value)?;
                }
            }
            "add" | "copy" => self.copied(stage, statement, it)?,
            "run" => self.run(stage, it)?,
            "workdir" => {
                let path = it.args.first().map(String::as_str).unwrap_or_default();
                let path = filled(self, path)?;
                if let Some(stage) = self.stages.get_mut(stage) {
                    stage.folder = match (path, stage.folder.take()) {
                        (Some(path), _) if path.starts_with('/') => Some(path),
                        (Some(path), Some(folder)) => Some(format!("{}/{path}", folder.trim_end_matches('/'))),
                        _ => None,
                    };
                }
            }
            "user" => {
                filled(self, it.args.first().map(String::as_str).unwrap_or_default())?;
            }
            "volume" => {
                for path in &it.args {
                    if filled(self, path.trim())?.is_some_and(|path| path.is_empty()) {
                        return Err("VOLUME needs a path".to_owned());
                    }
                }
            }
            "stopsignal" => {
                if let Some(signal) = filled(self, it.args.first().map(String::as_str).unwrap_or_default())? {
                    values::signal(&signal)?;
                }
            }
            "expose" => {
                for arg in &it.args {
                    let read = self.lexed(arg, &|name| self.value(stage, name))?;
                    self.note_unset(read.unset);
                    for port in read.words.iter().filter(|_| read.is_known) {
                        values::port(port)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The number of the stage that a name or number means; None where it means an image.
    fn stage_of(&mut self, name: &str, in_stage: usize) -> Result<(), String> {
        let later = |walk: &Self, at: usize| {
            if at == in_stage {
                Err("a stage cannot copy from itself".to_owned())
            } else if at > in_stage && at < walk.count {
                Err(format!("the stage {name} comes later in the file; one can copy only from stages before"))
            } else {
                Ok(())
            }
        };
        if let Some(at) = self.all_names.get(&name.to_lowercase()) {
            return later(self, *at);
        }
        self.others += 1;
        Ok(())
    }

    fn copied(&mut self, stage: usize, statement: &Statement, it: &ParsedInstruction) -> Result<(), String> {
        let filled = |walk: &Self, text: &str| walk.filled(text, &|name| walk.value(stage, name));
        let is_add = it.name == "add";
        if let Some(from) = it.flag("from").filter(|from| !from.is_empty()) {
            let plain = self.lexed(from, &|_| Setting::Unset)?;
            if plain.text != from {
                return Err("COPY --from takes no variables; a stage of its own can: FROM $IMAGE AS name".to_owned());
            }
            let digits = from.strip_prefix(['+', '-']).unwrap_or(from);
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let number = from.trim_start_matches('+').parse::<usize>().ok();
                match number {
                    Some(at) if at < self.count => {
                        if at >= stage {
                            return Err(format!("the stage {from} is not before this one"));
                        }
                    }
                    Some(at) if at < self.count + self.others => {}
                    _ => return Err(format!("there is no stage {from}")),
                }
            } else {
                self.stage_of(from, stage)?;
            }
        }
        filled(self, it.flag("chown").unwrap_or_default())?;
        let mode = filled(self, it.flag("chmod").unwrap_or_default())?.unwrap_or_default();
        let checksum = it.flag("checksum").unwrap_or_default();
        let checksum = filled(self, checksum)?.filter(|checksum| !checksum.is_empty());
        let (target, words) = match it.args.split_last() {
            Some((target, words)) => (target.as_str(), words),
            None => ("", &[][..]),
        };
        let mut sources = Vec::new();
        for word in words.iter().filter(|word| here_document(word).is_none()) {
            sources.push(filled(self, word)?);
        }
        filled(self, target)?;
        // `<< E` with a blank names a here-document, and is no source.
        let named = words.iter().filter_map(|word| here_document(word)).map(|(name, _, _)| name);
        for name in named {
            let here = statement.here.iter().rev().find(|here| here.name == name && here.expands);
            let Some(here) = here else { continue };
            let variable = |name: &str| self.value(stage, name);
            let keeps = Keeps::default();
            let lexer = WordLexer { escape: '\\', keeps, ignores_quotes: true, variable: &variable };
            self.note_unset(lexer.read(part(self.plain, here.body.clone()))?.unset);
        }
        if !mode.is_empty() {
            values::mode(&mode)?;
        }
        if let Some(checksum) = checksum {
            let [source] = sources.as_slice() else { return Err("ADD --checksum takes one source".to_owned()) };
            if source.as_ref().is_some_and(|source| !is_remote(source)) {
                return Err("ADD --checksum is for a URL or a git repository".to_owned());
            }
            let is_file = |source: &str| source.starts_with("http") && !source.contains(".git");
            if source.as_deref().is_some_and(is_file) {
                values::digest(&checksum)?;
            }
        }
        let is_url = |source: &String| !is_add && is_remote(source);
        match sources.iter().flatten().find(|source| is_url(source)) {
            Some(source) => Err(format!("COPY takes no URL: {source}; ADD does")),
            None => Ok(()),
        }
    }

    fn run(&mut self, stage: usize, it: &ParsedInstruction) -> Result<(), String> {
        let mounts: Vec<&String> =
            it.flags.iter().filter(|(name, _)| name == "mount").map(|(_, value)| value).collect();
        for mount in mounts {
            let read = values::run_mount(mount, &|text| self.filled(text, &|name| self.value(stage, name)))?;
            if read.from.is_empty() {
                self.others += 1;
            } else {
                self.stage_of(&read.from, stage)?;
            }
            if !read.is_known || matches!(read.kind.as_str(), "secret" | "ssh") {
                continue;
            }
            let is_root = |path: &str| path.split('/').all(|part| part.is_empty() || part == ".");
            let folder = self.stages.get(stage).and_then(|stage| stage.folder.as_deref());
            let ends_at_root = match (read.target.starts_with('/'), folder) {
                (true, _) => is_root(&read.target),
                (false, Some(folder)) => is_root(folder) && is_root(&read.target),
                (false, None) => false,
            };
            if ends_at_root {
                return Err("RUN --mount needs a target, and no mount covers /".to_owned());
            }
        }
        Ok(())
    }
}
