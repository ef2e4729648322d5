//! Reads a Dockerfile: its stages and their base images, with arguments filled in and the position of everything. Pure.
//!
//! The crate `parse-dockerfile` does the lexing. It knows a here-document only if it is the first word. So the bodies of
//! here-documents are found first and replaced by comments of the same length, which keeps all positions.

use crate::order::PutInOrder as _;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use parse_dockerfile as parser;

pub use super::buildkit::statement::{NoDefault, SetWhere, UnsetVariable};
use super::buildkit::statement::{RefusedStatement, Warnings};
use super::buildkit::{self, Checked};
pub use super::copied::{copied_patterns, is_archive, is_remote};
use super::expansion::{DEEPEST, Variables, expanded};
pub use super::expansion::{as_patterns, is_nested_too_deep};
use super::here_documents::{directives, for_lexer};
use super::instruction::Reading;
pub use super::instruction::{CommandForm, Directive, HereText, Instruction, Span, Word};
use super::not_lexed::not_lexed;
use super::text::{FileProblem, Place, Text};

/// One build stage: a `FROM` and what follows it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The name after `AS`.
    pub name: Option<String>,
    /// What it is built from, as written.
    pub base: Word,
    /// The same with arguments filled in; empty where they do not say.
    pub image: String,
    /// The stage that it is built from.
    pub parent: Option<usize>,
    /// The place of the word `FROM`.
    pub keyword: Span,
    /// What follows, in order.
    pub instructions: Vec<Instruction>,
}

/// A Dockerfile, read.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// The file itself.
    pub text: Rc<Text>,
    /// The frontend that a `# syntax=` line names.
    pub syntax: Option<Word>,
    /// The character that continues lines: a backslash, or what `# escape=` says.
    pub escape: char,
    /// `ARG` before the first `FROM`.
    pub globals: Vec<Instruction>,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// The last stage of each name.
    names: HashMap<String, usize>,
    /// Why fender cannot read on; what stands before it is read.
    pub unread: Option<FileProblem>,
    /// What BuildKit refuses in it, in the order of the file; the rest is read all the same.
    pub refused: Vec<RefusedLine>,
    /// What BuildKit warns of; nothing where another frontend than docker's reads the file.
    pub warnings: Warnings,
}

/// A line that BuildKit refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// Where and why.
    pub problem: FileProblem,
    /// The stage whose builds it stops; None where it stops every build of the file.
    pub stage: Option<usize>,
}

/// What the command line says about a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Build arguments that the command sets, `None` where a variable of the same name counts.
    pub arguments: Vec<(String, Option<String>)>,
    /// The stage that is built; None for the last one.
    pub target: Option<String>,
}

/// Reads a Dockerfile.
pub fn read(text: &Rc<Text>, given: &Given) -> Dockerfile {
    // The crate leaves out a byte order mark, and counts without it.
    let plain = text.text.strip_prefix('\u{feff}').unwrap_or(&text.text);
    let shift = text.text.len() - plain.len();
    let moved = |span: &Span| span.start + shift..span.end + shift;
    let argument = |wanted: &str| {
        given.arguments.iter().rev().find(|(name, _)| name == wanted).and_then(|(_, value)| value.clone())
    };
    let Checked { statements, read, escape, refusals, warnings } = buildkit::check(plain, &argument);
    let (syntax, _) = directives(plain, shift);
    // Another frontend may read what docker's own refuses.
    let is_own = syntax.as_ref().is_none_or(|syntax| is_dockers(&syntax.text));
    let pairs = statements.iter().zip(&read);
    let odd: Vec<Option<Instruction>> =
        pairs.map(|(statement, read)| not_lexed(plain, statement, read.as_ref()?, shift)).collect();
    let is_hidden = |at: usize| {
        let begins_stage = statements.get(at).is_some_and(|it| it.begins_stage());
        let is_odd = odd.get(at).is_some_and(Option::is_some);
        is_odd || is_own && !begins_stage && read.get(at).is_some_and(Option::is_none)
    };
    let (hidden, here) = for_lexer(plain, &statements, is_hidden);
    let refused = |refusal: RefusedStatement| RefusedLine {
        problem: problem_at(text, refusal.at + shift, &refusal.reason),
        stage: refusal.stage,
    };
    let mut dockerfile = Dockerfile {
        text: text.clone(),
        syntax,
        escape,
        globals: Vec::new(),
        stages: Vec::new(),
        names: HashMap::new(),
        unread: None,
        refused: refusals.into_iter().filter(|_| is_own).map(refused).collect(),
        warnings: if is_own { warnings.moved(shift) } else { Warnings::default() },
    };
    let said = |error: &parser::Error| {
        let whole = error.to_string();
        let reason = whole.split(" at line").next().unwrap_or(&whole).to_owned();
        FileProblem { path: text.path.clone(), line: error.line().max(1), column: error.column().max(1), reason }
    };
    let instructions = match parser::parse_iter(&hidden) {
        Ok(instructions) => instructions,
        Err(error) => {
            dockerfile.unread = Some(said(&error)).filter(|_| dockerfile.refused.is_empty());
            return dockerfile;
        }
    };
    let reading = Reading { plain, shift, escape, here: &here };
    let mut odd = odd.into_iter().flatten().peekable();
    for instruction in instructions {
        let instruction = match instruction {
            Ok(instruction) => instruction,
            Err(error) => {
                // Where a file has no stage there is nothing to point at but its end. What BuildKit refuses, too, is said once.
                let problem = said(&error);
                let is_known =
                    dockerfile.refused.iter().any(|it| it.problem.line >= problem.line || dockerfile.stages.is_empty());
                dockerfile.unread = Some(problem).filter(|_| !is_known);
                break;
            }
        };
        let read = match &instruction {
            parser::Instruction::From(from) => Err(from),
            other => Ok(reading.instruction(other, false)),
        };
        let start = match &read {
            Ok(instruction) => instruction.span.start,
            Err(from) => moved(&from.from.span).start,
        };
        while let Some(odd) = odd.next_if(|odd| odd.span.start < start) {
            dockerfile.push(odd);
        }
        match read {
            Ok(instruction) => dockerfile.push(instruction),
            Err(from) => {
                let base = Word { text: from.image.value.clone().into_owned(), span: moved(&from.image.span) };
                dockerfile.stages.push(Stage {
                    name: from.as_.as_ref().map(|(_, name)| name.value.to_lowercase()),
                    base,
                    image: String::new(),
                    parent: None,
                    keyword: moved(&from.from.span),
                    instructions: Vec::new(),
                });
            }
        }
    }
    odd.for_each(|odd| dockerfile.push(odd));
    for (at, stage) in dockerfile.stages.iter().enumerate() {
        dockerfile.names.extend(stage.name.clone().map(|name| (name, at)));
    }
    let too_much = fill_in(&mut dockerfile, given);
    if dockerfile.unread.is_none() {
        let too_much =
            too_much.map(|span| problem_at(text, span.start, "variables make more text of it than fender fills in"));
        dockerfile.unread = nested_too_deep(&dockerfile).or(too_much);
    }
    dockerfile
}

/// Whether a frontend is docker's own.
fn is_dockers(syntax: &str) -> bool {
    let name = syntax.split([':', '@', ' ']).next().unwrap_or_default();
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    matches!(name, "docker/dockerfile" | "docker/dockerfile-upstream")
}

fn problem_at(text: &Text, byte: usize, reason: &str) -> FileProblem {
    let (line, column) = text.position(byte);
    FileProblem { path: text.path.clone(), line, column, reason: reason.to_owned() }
}

/// The first instruction in which variables are nested too deep.
fn nested_too_deep(dockerfile: &Dockerfile) -> Option<FileProblem> {
    let text = &dockerfile.text;
    let bases = dockerfile.stages.iter().map(|stage| &stage.base.span);
    let instructions = dockerfile.stages.iter().flat_map(|stage| &stage.instructions).chain(&dockerfile.globals);
    // What a shell makes of its own words is the shell's.
    let filled =
        instructions.filter(|it| !matches!(it.what, Directive::Run(_) | Directive::Cmd(_) | Directive::Entrypoint(_)));
    let spans = bases.chain(filled.map(|it| &it.span));
    let deep = spans.filter(|span| text.text.get((*span).clone()).is_some_and(is_nested_too_deep));
    let reason = format!("variables are nested more than {DEEPEST} deep; fender does not fill them in");
    Some(problem_at(text, deep.map(|span| span.start).min()?, &reason))
}

/// Arguments that BuildKit sets by itself.
const PREDEFINED: &[(&str, &str)] =
    &[("TARGETOS", "linux"), ("BUILDOS", "linux"), ("TARGETVARIANT", ""), ("TARGETSTAGE", "")];

/// Works out what each stage is built from, and fills variables in; where that becomes too much, the place.
fn fill_in(dockerfile: &mut Dockerfile, given: &Given) -> Option<Span> {
    let said: HashMap<&str, Option<&String>> =
        given.arguments.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
    let mut globals = Variables::default();
    globals.known.extend(PREDEFINED.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let filling = Filler { escape: dockerfile.escape, said: &said };
    let mut too_much = None;
    for instruction in &dockerfile.globals {
        let Directive::Arg(list) = &instruction.what else { continue };
        for (name, default) in list {
            if let Some(value) = filling.argument(name, default.as_ref(), &globals, None) {
                globals.known.insert(name.text.clone(), value);
            }
        }
        if globals.is_exhausted() {
            too_much.get_or_insert_with(|| instruction.span.clone());
        }
    }
    let children = families(dockerfile, &globals, filling.escape);
    // A stage knows what those that it is built from set. One set of variables is carried down each line of stages, and what
    // a stage has set is taken back behind it, so that no stage copies them.
    let mut scope = Scope { variables: globals.others(HashMap::new()), before: Vec::new() };
    let mut steps: Vec<StageStep> = roots(dockerfile).map(StageStep::Enter).collect();
    while let Some(step) = steps.pop() {
        match step {
            StageStep::Leave(length) => scope.back_to(length),
            StageStep::Enter(at) => {
                steps.push(StageStep::Leave(scope.before.len()));
                for instruction in dockerfile.stages.get_mut(at).into_iter().flat_map(|stage| &mut stage.instructions) {
                    filling.instruction(instruction, &mut scope, &globals);
                    if globals.is_exhausted() {
                        too_much.get_or_insert_with(|| instruction.span.clone());
                    }
                }
                steps.extend(children.get(at).into_iter().flatten().copied().map(StageStep::Enter));
            }
        }
    }
    too_much
}

/// Names what each stage is built from; the stages that are built from each.
fn families(dockerfile: &mut Dockerfile, globals: &Variables, escape: char) -> Vec<Vec<usize>> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); dockerfile.stages.len()];
    let mut names: HashMap<String, usize> = HashMap::new();
    for (at, stage) in dockerfile.stages.iter_mut().enumerate() {
        stage.image = expanded(&stage.base.text, escape, globals).unwrap_or_default();
        stage.parent = names.get(&stage.image.to_lowercase()).copied();
        if let Some(of_parent) = stage.parent.and_then(|parent| children.get_mut(parent)) {
            of_parent.push(at);
        }
        names.extend(stage.name.clone().map(|name| (name, at)));
    }
    children
}

/// The stages that are built from no other one.
fn roots(dockerfile: &Dockerfile) -> impl Iterator<Item = usize> {
    dockerfile.stages.iter().enumerate().filter(|(_, stage)| stage.parent.is_none()).map(|(at, _)| at)
}

/// A step on the way through the stages.
enum StageStep {
    Enter(usize),
    /// The stage and all that are built from it are done: so many changes of variables stay.
    Leave(usize),
}

/// The variables of a stage, and what each of them was before it was set.
struct Scope {
    variables: Variables,
    before: Vec<(String, Option<String>)>,
}

impl Scope {
    fn set(&mut self, name: &str, value: Option<String>) {
        let before = match value {
            Some(value) => self.variables.known.insert(name.to_owned(), value),
            None => self.variables.known.remove(name),
        };
        self.before.push((name.to_owned(), before));
    }

    fn back_to(&mut self, length: usize) {
        while self.before.len() > length {
            match self.before.pop() {
                Some((name, Some(value))) => self.variables.known.insert(name, value),
                Some((name, None)) => self.variables.known.remove(&name),
                None => None,
            };
        }
    }
}

/// Fills variables in.
struct Filler<'a> {
    escape: char,
    /// What the command line says of arguments.
    said: &'a HashMap<&'a str, Option<&'a String>>,
}

impl Filler<'_> {
    /// What an argument is; None where nothing says it.
    fn argument(
        &self,
        name: &Word,
        default: Option<&String>,
        variables: &Variables,
        global: Option<&String>,
    ) -> Option<String> {
        let said = self.said.get(name.text.as_str()).copied().flatten().cloned();
        said.or_else(|| default.and_then(|text| expanded(text, self.escape, variables))).or_else(|| global.cloned())
    }

    /// Fills one instruction of a stage in, and sets the variables that it sets.
    fn instruction(&self, instruction: &mut Instruction, scope: &mut Scope, globals: &Variables) {
        if instruction.on_build {
            return;
        }
        let escape = self.escape;
        match &mut instruction.what {
            Directive::Arg(list) => {
                for (name, default) in list.iter() {
                    let global = globals.known.get(&name.text);
                    let value = self.argument(name, default.as_ref(), &scope.variables, global);
                    if value.is_some() {
                        scope.set(&name.text, value);
                    }
                }
            }
            Directive::Env(list) => {
                // The values of one instruction do not see each other.
                let values: Vec<Option<String>> =
                    list.iter().map(|(_, value)| expanded(value, escape, &scope.variables)).collect();
                for ((name, _), value) in list.iter().zip(values) {
                    scope.set(&name.text, value);
                }
            }
            Directive::Copy { from, sources, target, .. } => {
                // BuildKit takes arguments in `--from` from before the first stage.
                if let Some(from) = from
                    && let Some(text) = expanded(&from.text, escape, globals)
                {
                    from.text = text;
                }
                for word in sources.iter_mut().chain(std::iter::once(target)) {
                    if let Some(text) = expanded(&word.text, escape, &scope.variables) {
                        word.text = text;
                    }
                }
            }
            Directive::User(word) | Directive::Workdir(word) => {
                // What is not known is no reason to take it for root.
                if let Some(text) = expanded(&word.text, escape, &scope.variables) {
                    word.text = text;
                }
            }
            _ => {}
        }
    }
}

impl Dockerfile {
    fn push(&mut self, instruction: Instruction) {
        match self.stages.last_mut() {
            Some(stage) => stage.instructions.push(instruction),
            None => self.globals.push(instruction),
        }
    }

    /// Why docker refuses the file, or why fender does not read on: the first of all reasons in the file.
    pub fn problem(&self) -> Option<&FileProblem> {
        let refused = self.refused.iter().map(|it| &it.problem);
        refused.chain(&self.unread).min_by_key(|problem| (problem.line, problem.column))
    }

    /// All of them.
    pub fn problems(&self) -> impl Iterator<Item = &FileProblem> {
        self.refused.iter().map(|it| &it.problem).chain(&self.unread)
    }

    /// Whether docker builds none of these stages, because it refuses a line.
    pub fn is_refused(&self, stages: &[usize]) -> bool {
        self.refused.iter().any(|it| it.stage.is_none_or(|stage| stages.contains(&stage)))
    }

    /// A span of this file as a place to point at.
    pub fn place(&self, span: &Span) -> Place {
        Place::new(&self.text, span.clone())
    }

    /// The stage with this name or number.
    pub fn find(&self, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        let named = self.names.get(&lower).copied();
        named.or_else(|| name.parse::<usize>().ok().filter(|at| *at < self.stages.len()))
    }

    /// The stage that is built; None where there is no such one.
    pub fn target(&self, given: &Given) -> Option<usize> {
        match given.target.as_deref().filter(|target| !target.is_empty()) {
            Some(target) => self.find(target),
            None => self.stages.len().checked_sub(1),
        }
    }

    /// A stage and the stages it is built from, the last first.
    pub fn line(&self, stage: usize) -> Vec<usize> {
        let mut line = vec![stage];
        let mut last = stage;
        while let Some(parent) = self.stages.get(last).and_then(|stage| stage.parent) {
            line.push(parent);
            last = parent;
        }
        line
    }

    /// The stages at these positions.
    pub fn stages_at<'a>(&'a self, stages: &[usize]) -> impl DoubleEndedIterator<Item = &'a Stage> {
        stages.iter().filter_map(|stage| self.stages.get(*stage))
    }

    /// The instructions of the stages at these positions.
    pub fn instructions_of<'a>(&'a self, stages: &[usize]) -> impl DoubleEndedIterator<Item = &'a Instruction> {
        self.stages_at(stages).flat_map(|stage| &stage.instructions)
    }

    /// The stage that this one is built from in the end: the one that starts with an image.
    pub fn first_of(&self, stage: usize) -> Option<&Stage> {
        self.stages.get(self.line(stage).last().copied()?)
    }

    /// Every stage that a build of this one needs, in their order.
    pub fn needed(&self, stage: usize) -> Vec<usize> {
        let mut needed = vec![stage];
        let mut is_needed = HashSet::from([stage]);
        let mut at = 0;
        while let Some(stage) = needed.get(at).copied() {
            at += 1;
            let Some(its) = self.stages.get(stage) else { continue };
            let mut more: Vec<usize> = its.parent.into_iter().collect();
            for instruction in &its.instructions {
                if let Directive::Copy { from: Some(from), .. } = &instruction.what {
                    more.extend(self.find(&from.text));
                }
                for mount in mounts(instruction) {
                    more.extend(mount.iter().find(|(key, _)| key == "from").and_then(|(_, name)| self.find(name)));
                }
            }
            for one in more {
                if is_needed.insert(one) {
                    needed.push(one);
                }
            }
        }
        needed.put_in_order();
        needed
    }

    /// The last word on something, looked for from the end of the stage back through those it is built from.
    pub fn last<'a, T>(&'a self, stage: usize, wanted: impl Fn(&'a Instruction) -> Option<T>) -> Option<T> {
        self.line(stage).into_iter().find_map(|stage| {
            let own = self.stages.get(stage)?.instructions.iter().rev().filter(|instruction| !instruction.on_build);
            own.filter_map(&wanted).next()
        })
    }

    /// The patterns of what these stages take from the context; None for all of it.
    pub fn copied(&self, stages: &[usize]) -> Option<Vec<String>> {
        let mut patterns = Vec::new();
        for stage in self.stages_at(stages) {
            for instruction in stage.instructions.iter().filter(|instruction| !instruction.on_build) {
                if let Directive::Copy { from: None, sources, .. } = &instruction.what {
                    for source in sources.iter().filter(|source| !is_remote(&source.text)) {
                        patterns.push(source.text.clone());
                    }
                }
                for mount in mounts(instruction) {
                    let get = |wanted: &[&str]| {
                        mount.iter().find(|(key, _)| wanted.contains(&key.as_str())).map(|(_, value)| value.clone())
                    };
                    if get(&["from"]).is_none() && get(&["type"]).is_none_or(|kind| kind == "bind") {
                        patterns.push(get(&["source", "src"]).unwrap_or_else(|| ".".to_owned()));
                    }
                }
            }
        }
        copied_patterns(patterns.iter().map(String::as_str), self.escape)
    }
}

/// `RUN --mount=type=bind,source=x`.
pub fn mounts(instruction: &Instruction) -> Vec<Vec<(String, String)>> {
    let mounts = instruction.flags.iter().filter(|(name, _, _)| name == "mount");
    mounts
        .map(|(_, value, _)| {
            let fields = value.split(',');
            fields
                .map(|field| {
                    let (key, value) = field.split_once('=').unwrap_or((field, ""));
                    (key.to_owned(), value.to_owned())
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a test fails by a panic")]
mod tests {
    use super::*;

    fn of(text: &str) -> Dockerfile {
        read(&Text::new("Dockerfile", text.to_owned()), &Given::default())
    }

    #[test]
    fn stages_arguments_and_what_they_need() {
        let text = "ARG V=1.2\nARG BASE=alpine:${V}\nFROM ${BASE} AS Build\nRUN make\nFROM scratch AS other\nFROM build\nCOPY --from=other /a /b\nUSER ${U:-app}\n";
        let dockerfile = of(text);
        assert_eq!(dockerfile.problem(), None);
        assert_eq!(dockerfile.stages[0].image, "alpine:1.2");
        assert_eq!(dockerfile.stages[2].parent, Some(0));
        assert_eq!(dockerfile.needed(2), [0, 1, 2]);
        let user =
            dockerfile.last(2, |it| if let Directive::User(user) = &it.what { Some(user.text.as_str()) } else { None });
        assert_eq!(user, Some("app"));
        let given = Given { arguments: vec![("V".into(), Some("3".into()))], target: Some("other".into()) };
        let dockerfile = read(&Text::new("Dockerfile", text.to_owned()), &given);
        assert_eq!(dockerfile.stages[0].image, "alpine:3");
        assert_eq!(dockerfile.needed(dockerfile.target(&given).unwrap()), [1]);
    }

    #[test]
    fn here_documents_anywhere() {
        let text = "FROM a:1\nRUN python3 <<EOF && echo \"<<X\"\nFROM nowhere\nEOF\nCOPY <<A <<-'B' /x/\na\nA\n\tb\n\tB\nRUN cat <<EOF > /f \\\n  && true\nx\nEOF\nUSER 5\n";
        let dockerfile = of(text);
        assert_eq!(dockerfile.problem(), None);
        assert_eq!(dockerfile.stages.len(), 1);
        let kinds: Vec<&Directive> = dockerfile.stages[0].instructions.iter().map(|it| &it.what).collect();
        assert!(
            matches!(kinds[1], Directive::Copy { here, .. } if here.len() == 2 && here[0].text == "a\n"),
            "{kinds:?}"
        );
        assert!(matches!(kinds[3], Directive::User(_)), "{kinds:?}");
        assert!(
            matches!(kinds[0], Directive::Run(CommandForm::Shell(script, _)) if script.contains("FROM nowhere")),
            "{kinds:?}"
        );
        let first = &dockerfile.stages[0].instructions[0];
        assert!(dockerfile.text.text[first.span.clone()].ends_with("nowhere\nEOF"));
    }

    #[test]
    fn odd_files() {
        let dockerfile = of(
            "\u{feff}# escape=`\r\n# syntax=docker/dockerfile:1\r\nFROM a:1\r\nRUN a `\r\n  # comment\r\n\r\n  b\r\nCMD run\r\n",
        );
        assert_eq!((dockerfile.problem(), dockerfile.escape), (None, '`'));
        assert_eq!(dockerfile.syntax.unwrap().text, "docker/dockerfile:1");
        let run = &dockerfile.stages[0].instructions[0];
        assert!(matches!(&run.what, Directive::Run(CommandForm::Shell(script, _)) if script == "a   b"), "{run:?}");
        let cmd = &dockerfile.stages[0].instructions[1];
        assert_eq!(&dockerfile.text.text[cmd.span.clone()], "CMD run");
        assert_eq!(dockerfile.text.position(cmd.span.start), (8, 1));
        for (text, line) in
            [("RUN x\n", 1), ("FROM a\nBAD x\n", 2), ("", 1), ("FROM a\n\nCOPY x\n", 3), ("FROM a\nRUN <<E\nx\n", 2)]
        {
            assert_eq!(of(text).problem().map(|problem| problem.line), Some(line), "{text:?}");
        }
        assert!(
            Text::from_bytes("D", vec![b'F', b'\n', 0xff])
                .is_err_and(|problem| (problem.line, problem.column) == (2, 1))
        );
    }

    #[test]
    fn names_and_values() {
        let dockerfile = of("FROM a:1\nENV A=1 B=\"x y\" \\\n  C=$A\nENV OLD some value\nARG X Y=2\n");
        let Directive::Env(list) = &dockerfile.stages[0].instructions[0].what else { panic!() };
        let names: Vec<&str> = list.iter().map(|(name, _)| &dockerfile.text.text[name.span.clone()]).collect();
        assert_eq!(names, ["A", "B", "C"]);
        let Directive::Env(list) = &dockerfile.stages[0].instructions[1].what else { panic!() };
        assert_eq!((list[0].0.text.as_str(), list[0].1.as_str()), ("OLD", "some value"));
    }
}
