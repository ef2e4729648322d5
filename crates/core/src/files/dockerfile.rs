//! A Dockerfile, read: its stages with what they are built from, arguments filled in, and where everything stands. Pure.
//!
//! The lexing is the crate `parse-dockerfile`'s. It knows a here-document only where it is the first word, so the bodies
//! are found here first and hidden from it, letter for letter, and the positions stay.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use parse_dockerfile::{self as parser, HealthcheckArguments, JsonOrStringArray, Source};

use super::text::{FileProblem, Place, Text};

type Span = Range<usize>;

/// A piece of text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub span: Span,
}

/// `RUN`, `CMD` or `ENTRYPOINT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandForm {
    Exec(Vec<String>, Span),
    /// As written, continuation lines joined and comments between them left out.
    Shell(String, Span),
}

impl CommandForm {
    pub fn span(&self) -> &Span {
        match self {
            CommandForm::Exec(_, span) | CommandForm::Shell(_, span) => span,
        }
    }

    /// The words, a script as one behind `sh -c`.
    pub fn words(&self) -> Vec<String> {
        match self {
            CommandForm::Exec(words, _) => words.clone(),
            CommandForm::Shell(text, _) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()],
        }
    }

    /// What a shell would be given; for the other form its words with blanks between.
    pub fn script(&self) -> String {
        match self {
            CommandForm::Exec(words, _) => words.join(" "),
            CommandForm::Shell(text, _) => text.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// `COPY`, and `ADD`.
    Copy {
        is_add: bool,
        from: Option<Word>,
        sources: Vec<Word>,
        /// Texts that are written down in the Dockerfile itself.
        here: usize,
        target: Word,
    },
    Run(CommandForm),
    /// Names and values as written.
    Env(Vec<(Word, String)>),
    Arg(Vec<(Word, Option<String>)>),
    User(Word),
    Volume(Vec<String>),
    Cmd(CommandForm),
    Entrypoint(CommandForm),
    Shell(Vec<String>),
    Workdir(Word),
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub what: Directive,
    /// The word that names it, and then all of it.
    pub keyword: Span,
    pub span: Span,
    /// `--name=value`.
    pub flags: Vec<(String, String, Span)>,
    pub on_build: bool,
}

impl Instruction {
    pub fn flag(&self, name: &str) -> Option<&(String, String, Span)> {
        self.flags.iter().rev().find(|(flag, _, _)| flag == name)
    }
}

#[derive(Clone, Debug)]
pub struct Stage {
    pub name: Option<String>,
    /// What it is built from, as written.
    pub base: Word,
    /// The same with arguments filled in; empty where they do not say.
    pub image: String,
    /// The stage that it is built from.
    pub parent: Option<usize>,
    pub keyword: Span,
    pub instructions: Vec<Instruction>,
    /// The variables that are set at its end.
    variables: HashMap<String, String>,
}

#[derive(Clone, Debug)]
pub struct Dockerfile {
    pub text: Rc<Text>,
    pub syntax: Option<Word>,
    pub escape: char,
    /// `ARG` before the first `FROM`.
    pub globals: Vec<Instruction>,
    pub stages: Vec<Stage>,
    /// Where docker would stop reading; what stands before it is read.
    pub problem: Option<FileProblem>,
}

/// What the command line says about a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    pub arguments: Vec<(String, Option<String>)>,
    pub target: Option<String>,
}

/// Reads a Dockerfile.
pub fn read(text: &Rc<Text>, given: &Given) -> Dockerfile {
    // The crate leaves out a byte order mark, and counts without it.
    let shift = if text.text.starts_with('\u{feff}') { 3 } else { 0 };
    let plain = &text.text[shift..];
    let (hidden, here) = without_here_documents(plain);
    let moved = |span: &Span| span.start + shift..span.end + shift;
    let mut dockerfile = Dockerfile {
        text: text.clone(),
        syntax: None,
        escape: '\\',
        globals: Vec::new(),
        stages: Vec::new(),
        problem: None,
    };
    let said = |error: &parser::Error| {
        let whole = error.to_string();
        let reason = whole.split(" at line").next().unwrap_or(&whole).to_owned();
        FileProblem { path: text.path.clone(), line: error.line().max(1), column: error.column().max(1), reason }
    };
    let instructions = match parser::parse_iter(&hidden) {
        Ok(instructions) => instructions,
        Err(error) => {
            dockerfile.problem = Some(said(&error));
            return dockerfile;
        }
    };
    (dockerfile.syntax, dockerfile.escape) = directives(plain, shift);
    let reading = Reading { plain, shift, escape: dockerfile.escape, here: &here };
    for instruction in instructions {
        let instruction = match instruction {
            Ok(instruction) => instruction,
            Err(error) => {
                // Where a file has no stage there is nothing to point at but its end.
                dockerfile.problem = Some(said(&error));
                break;
            }
        };
        if let parser::Instruction::From(from) = &instruction {
            let base = Word { text: from.image.value.clone().into_owned(), span: moved(&from.image.span) };
            dockerfile.stages.push(Stage {
                name: from.as_.as_ref().map(|(_, name)| name.value.to_lowercase()),
                base,
                image: String::new(),
                parent: None,
                keyword: moved(&from.from.span),
                instructions: Vec::new(),
                variables: HashMap::new(),
            });
            continue;
        }
        let instruction = reading.instruction(&instruction, false);
        match dockerfile.stages.last_mut() {
            Some(stage) => stage.instructions.push(instruction),
            None => dockerfile.globals.push(instruction),
        }
    }
    if dockerfile.problem.is_none() {
        dockerfile.problem = nested_too_deep(&dockerfile);
    }
    fill_in(&mut dockerfile, given);
    dockerfile
}

/// The parser directives that count here: comments of the form `# name=value` before anything else.
fn directives(plain: &str, shift: usize) -> (Option<Word>, char) {
    let (mut syntax, mut escape) = (None, '\\');
    let mut at = shift;
    for line in plain.split_inclusive('\n') {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else { break };
        let value = value.trim();
        match name.trim().to_lowercase().as_str() {
            "syntax" => {
                let start = at + line.find(value).unwrap_or(0);
                syntax = Some(Word { text: value.to_owned(), span: start..start + value.len() });
            }
            "escape" if value == "`" => escape = '`',
            "escape" | "check" => {}
            _ => break,
        }
        at += line.len();
    }
    (syntax, escape)
}

/// The text with the bodies of here-documents made comments of the same length, and where they stand.
fn without_here_documents(text: &str) -> (String, Vec<Span>) {
    let escape = directives(text, 0).1;
    let mut out = String::with_capacity(text.len());
    let mut bodies = Vec::new();
    let mut waiting: Vec<(String, bool)> = Vec::new();
    let (mut in_body, mut continued, mut takes_here, mut at) = (false, false, false, 0);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        at += line.len();
        if in_body {
            if let Some((delimiter, strips)) = waiting.first() {
                let compared = if *strips { bare.trim_start_matches('\t') } else { bare };
                let is_end = compared == delimiter;
                hide(&mut out, line);
                if let Some(body) = bodies.last_mut() {
                    let body: &mut Span = body;
                    body.end = at;
                }
                if is_end {
                    waiting.remove(0);
                    in_body = !waiting.is_empty();
                    if in_body {
                        bodies.push(at..at);
                    }
                }
            }
            continue;
        }
        let trimmed = bare.trim_start();
        if trimmed.starts_with('#') || (continued && trimmed.is_empty()) {
            out.push_str(line);
            continue;
        }
        if !continued {
            let word = trimmed.split_whitespace().next().unwrap_or_default().to_uppercase();
            let word = if word == "ONBUILD" {
                trimmed.split_whitespace().nth(1).unwrap_or_default().to_uppercase()
            } else {
                word
            };
            takes_here = matches!(word.as_str(), "RUN" | "COPY" | "ADD");
        }
        let mut shown = line.to_owned();
        if takes_here {
            for (mark, delimiter, strips) in here_marks(bare) {
                shown.replace_range(mark..mark + 2, "__");
                waiting.push((delimiter, strips));
            }
        }
        out.push_str(&shown);
        continued = bare.trim_end_matches([' ', '\t']).ends_with(escape);
        if !continued && !waiting.is_empty() {
            in_body = true;
            bodies.push(at..at);
        }
    }
    // Without its end the crate shall say so where it begins.
    if waiting.is_empty() { (out, bodies) } else { (text.to_owned(), Vec::new()) }
}

/// A line of a body as a comment.
fn hide(out: &mut String, line: &str) {
    let bare = line.trim_end_matches(['\n', '\r']);
    if !bare.is_empty() {
        out.push('#');
        out.extend(std::iter::repeat_n('x', bare.len() - 1));
    }
    out.push_str(&line[bare.len()..]);
}

/// `<<NAME`, `<<-"NAME"` in a line: where, the delimiter, and whether tabs are stripped. BuildKit's
/// `^(\d*)<<(-?)([^<]*)$` on each word.
fn here_marks(line: &str) -> Vec<(usize, String, bool)> {
    let mut marks = Vec::new();
    let mut quote: Option<char> = None;
    let mut word_start = true;
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let starts = word_start;
        word_start = letter.is_whitespace() && quote.is_none();
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '\\') => {
                letters.next();
            }
            (None, _) if starts && !letter.is_whitespace() => {
                let rest = &line[at..];
                let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
                let Some(after) = rest[digits..].strip_prefix("<<") else { continue };
                let (strips, after) = after.strip_prefix('-').map_or((false, after), |after| (true, after));
                let (name, end) = match after.chars().next() {
                    Some(open @ ('"' | '\'')) => match after[1..].split_once(open) {
                        Some((name, rest)) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
                            (name, name.len() + 2)
                        }
                        _ => continue,
                    },
                    _ => {
                        let end = after.find(char::is_whitespace).unwrap_or(after.len());
                        (&after[..end], end)
                    }
                };
                if name.is_empty() || name.contains('<') {
                    continue;
                }
                marks.push((at + digits, name.to_owned(), strips));
                let past = at + digits + 2 + usize::from(strips) + end;
                while letters.peek().is_some_and(|(next, _)| *next < past) {
                    letters.next();
                }
            }
            _ => {}
        }
    }
    marks
}

struct Reading<'a> {
    plain: &'a str,
    shift: usize,
    escape: char,
    here: &'a [Span],
}

impl Reading<'_> {
    fn span(&self, span: &Span) -> Span {
        span.start + self.shift..span.end + self.shift
    }

    fn word(&self, text: &parser::UnescapedString) -> Word {
        Word { text: text.value.clone().into_owned(), span: self.span(&text.span) }
    }

    fn flags<'f, 'g: 'f>(&self, flags: impl IntoIterator<Item = &'f parser::Flag<'g>>) -> Vec<(String, String, Span)> {
        let value = |flag: &parser::Flag| {
            flag.value.as_ref().map_or_else(String::new, |value| value.value.clone().into_owned())
        };
        flags
            .into_iter()
            .map(|flag| (flag.name.value.clone().into_owned(), value(flag), self.span(&flag.span())))
            .collect()
    }

    /// The end of an instruction whose line ends here: behind its here-documents, where it has some.
    fn end(&self, at: usize) -> usize {
        let line_end = self.plain[at.min(self.plain.len())..].find('\n').map_or(self.plain.len(), |end| at + end + 1);
        let mut end = at;
        let mut next = line_end;
        for body in self.here.iter().filter(|body| body.start >= line_end) {
            if body.start != next {
                break;
            }
            end = self.plain[..body.end].trim_end_matches(['\n', '\r']).len();
            next = body.end;
        }
        end
    }

    fn command(&self, command: &parser::Command) -> CommandForm {
        match command {
            parser::Command::Exec(words) => CommandForm::Exec(
                words.value.iter().map(|word| word.value.clone().into_owned()).collect(),
                self.span(&words.span),
            ),
            parser::Command::Shell(text) => {
                let end = self.end(text.span.end);
                let written = &self.plain[text.span.start..text.span.end];
                let mut script = joined(written, self.escape);
                // A script in a here-document is the script.
                for body in self.here.iter().filter(|body| body.start > text.span.end && body.end <= end + 2) {
                    script.push('\n');
                    script.push_str(&self.plain[body.clone()]);
                }
                CommandForm::Shell(script, self.span(&(text.span.start..text.span.end)))
            }
            _ => CommandForm::Shell(String::new(), 0..0),
        }
    }

    fn copied(
        &self,
        is_add: bool,
        flags: &[(String, String, Span)],
        sources: &[Source],
        target: &parser::UnescapedString,
    ) -> Directive {
        let from = flags.iter().rev().find(|(name, _, _)| name == "from");
        let from = from.map(|(_, value, span)| Word { text: value.clone(), span: span.clone() });
        let (mut paths, mut here) = (Vec::new(), 0);
        for source in sources {
            match source {
                Source::Path(path) if self.plain.get(path.span.clone()).is_some_and(|text| text.starts_with("<<")) => {
                    here += 1
                }
                Source::Path(path) => paths.push(self.word(path)),
                _ => here += 1,
            }
        }
        Directive::Copy { is_add, from, sources: paths, here, target: self.word(target) }
    }

    fn instruction(&self, instruction: &parser::Instruction, on_build: bool) -> Instruction {
        use parser::Instruction as It;
        let plain = |keyword: &parser::Keyword, end: usize, what: Directive, flags: Vec<(String, String, Span)>| {
            let end = self.end(end);
            Instruction {
                what,
                keyword: self.span(&keyword.span),
                span: self.span(&(keyword.span.start..end)),
                flags,
                on_build,
            }
        };
        let command_end = |command: &parser::Command| match command {
            parser::Command::Exec(words) => words.span.end,
            parser::Command::Shell(text) => text.span.end,
            _ => 0,
        };
        match instruction {
            It::Add(it) => {
                let flags = self.flags(&it.options);
                let what = self.copied(true, &flags, &it.src, &it.dest);
                plain(&it.add, it.dest.span.end, what, flags)
            }
            It::Copy(it) => {
                let flags = self.flags(&it.options);
                let what = self.copied(false, &flags, &it.src, &it.dest);
                plain(&it.copy, it.dest.span.end, what, flags)
            }
            It::Run(it) => plain(
                &it.run,
                command_end(&it.arguments),
                Directive::Run(self.command(&it.arguments)),
                self.flags(&it.options),
            ),
            It::Cmd(it) => {
                plain(&it.cmd, command_end(&it.arguments), Directive::Cmd(self.command(&it.arguments)), Vec::new())
            }
            It::Entrypoint(it) => plain(
                &it.entrypoint,
                command_end(&it.arguments),
                Directive::Entrypoint(self.command(&it.arguments)),
                Vec::new(),
            ),
            It::Env(it) => plain(&it.env, it.arguments.span.end, Directive::Env(self.pairs(&it.arguments)), Vec::new()),
            It::Arg(it) => {
                let list = self.names(&it.arguments);
                plain(&it.arg, it.arguments.span.end, Directive::Arg(list), Vec::new())
            }
            It::User(it) => {
                plain(&it.user, it.arguments.span.end, Directive::User(self.word(&it.arguments)), Vec::new())
            }
            It::Workdir(it) => {
                plain(&it.workdir, it.arguments.span.end, Directive::Workdir(self.word(&it.arguments)), Vec::new())
            }
            It::Volume(it) => {
                let (list, end): (Vec<String>, usize) = match &it.arguments {
                    JsonOrStringArray::Json(list) => {
                        (list.value.iter().map(|word| word.value.clone().into_owned()).collect(), list.span.end)
                    }
                    JsonOrStringArray::String(list) => (
                        list.iter().map(|word| word.value.clone().into_owned()).collect(),
                        list.last().map_or(it.volume.span.end, |word| word.span.end),
                    ),
                };
                plain(&it.volume, end, Directive::Volume(list), Vec::new())
            }
            It::Shell(it) => {
                let list: Vec<String> = it.arguments.iter().map(|word| word.value.clone().into_owned()).collect();
                let end = it.arguments.last().map_or(it.shell.span.end, |word| word.span.end);
                plain(&it.shell, end, Directive::Shell(list), Vec::new())
            }
            It::Onbuild(it) => {
                let mut inner = self.instruction(&it.instruction, true);
                inner.span.start = it.onbuild.span.start + self.shift;
                inner
            }
            It::Healthcheck(it) => {
                let end = match &it.arguments {
                    HealthcheckArguments::Cmd { arguments, .. } => command_end(arguments),
                    _ => it.healthcheck.span.end,
                };
                plain(&it.healthcheck, end, Directive::Other, self.flags(&it.options))
            }
            It::Expose(it) => {
                let end = it.arguments.last().map_or(it.expose.span.end, |word| word.span.end);
                plain(&it.expose, end, Directive::Other, Vec::new())
            }
            It::Label(it) => plain(&it.label, it.arguments.span.end, Directive::Other, Vec::new()),
            It::Stopsignal(it) => plain(&it.stopsignal, it.arguments.span.end, Directive::Other, Vec::new()),
            It::Maintainer(it) => plain(&it.maintainer, it.name.span.end, Directive::Other, Vec::new()),
            _ => Instruction { what: Directive::Other, keyword: 0..0, span: 0..0, flags: Vec::new(), on_build },
        }
    }

    /// `NAME=value …`, or the old `NAME value`.
    fn pairs(&self, arguments: &parser::UnescapedString) -> Vec<(Word, String)> {
        let text = arguments.value.as_ref();
        let first = text.split_whitespace().next().unwrap_or_default();
        if !first.contains('=') {
            let (name, value) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
            return vec![(self.located(arguments, name), value.trim().to_owned())];
        }
        let words = split(text, self.escape);
        words
            .into_iter()
            .map(|word| {
                let (name, value) = word.split_once('=').unwrap_or((&word, ""));
                (self.located(arguments, name), value.to_owned())
            })
            .collect()
    }

    fn names(&self, arguments: &parser::UnescapedString) -> Vec<(Word, Option<String>)> {
        let words = split(arguments.value.as_ref(), self.escape);
        words
            .into_iter()
            .map(|word| match word.split_once('=') {
                Some((name, value)) => (self.located(arguments, name), Some(value.to_owned())),
                None => (self.located(arguments, &word), None),
            })
            .collect()
    }

    /// Where a name stands in an instruction's arguments: as a whole word before `=` or a blank.
    fn located(&self, arguments: &parser::UnescapedString, name: &str) -> Word {
        let written = &self.plain[arguments.span.clone()];
        let whole = |at: &usize| {
            let before = written[..*at].chars().next_back().is_none_or(char::is_whitespace);
            let after = written[at + name.len()..].chars().next();
            before && after.is_none_or(|letter| letter == '=' || letter.is_whitespace())
        };
        let at = written.match_indices(name).map(|(at, _)| at).find(whole).unwrap_or(0);
        let start = arguments.span.start + at;
        let end = (start + name.len()).min(arguments.span.end);
        Word { text: name.to_owned(), span: self.span(&(start..end)) }
    }
}

/// A script with its continuation lines joined, and without the comments between them.
fn joined(written: &str, escape: char) -> String {
    let mut out = String::new();
    let mut continued = false;
    for line in written.split('\n') {
        let line = line.trim_end_matches('\r');
        if continued && (line.trim_start().starts_with('#') || line.trim().is_empty()) {
            continue;
        }
        let bare = line.trim_end_matches([' ', '\t']);
        match bare.strip_suffix(escape) {
            Some(start) => {
                out.push_str(start);
                continued = true;
            }
            None => {
                out.push_str(line);
                continued = false;
            }
        }
    }
    out.trim().to_owned()
}

/// Words with blanks between, quotes kept.
fn split(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (None | Some('"'), letter) if letter == escape => {
                word.push(letter);
                if let Some(next) = letters.next() {
                    word.push(next);
                }
                continue;
            }
            _ => {}
        }
        word.push(letter);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Deeper than this nobody nests `${A:-${B:-…}}`: what does is not filled in.
const DEEPEST: usize = 100;
/// Variables that hold each other can make a short file endless: no text becomes longer, in bytes.
const LONGEST: usize = 64 * 1024;

/// Whether variables are nested deeper in a text than fender follows.
pub fn is_nested_too_deep(text: &str) -> bool {
    let (mut depth, mut before) = (0usize, 0u8);
    for byte in text.bytes() {
        match (before, byte) {
            (b'$', b'{') => depth += 1,
            (_, b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
        before = byte;
    }
    false
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
    let (line, column) = text.position(deep.map(|span| span.start).min()?);
    let reason = format!("variables are nested more than {DEEPEST} deep; fender does not fill them in");
    Some(FileProblem { path: text.path.clone(), line, column, reason })
}

/// A word without its quotes and with variables filled in; None where one of them is not known.
pub fn expanded(text: &str, escape: char, variables: &HashMap<String, String>) -> Option<String> {
    if is_nested_too_deep(text) {
        return None;
    }
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(letter) = letters.next() {
        if out.len() > LONGEST {
            return None;
        }
        match (quote, letter) {
            (None, '\'') | (Some('\''), '\'') => quote = if quote.is_some() { None } else { Some('\'') },
            (Some('\''), letter) => out.push(letter),
            (_, '"') => quote = if quote.is_some() { None } else { Some('"') },
            (_, letter) if letter == escape => out.extend(letters.next()),
            (_, '$') => out.push_str(&variable(&mut letters, escape, variables)?),
            (_, letter) => out.push(letter),
        }
    }
    Some(out)
}

fn variable(
    letters: &mut std::iter::Peekable<std::str::Chars>,
    escape: char,
    variables: &HashMap<String, String>,
) -> Option<String> {
    if letters.next_if_eq(&'{').is_none() {
        let mut name = String::new();
        while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
            name.push(letter);
        }
        return if name.is_empty() { Some("$".to_owned()) } else { variables.get(&name).cloned() };
    }
    let (mut inside, mut depth) = (String::new(), 1);
    for letter in letters.by_ref() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        inside.push(letter);
    }
    let end = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inside.len());
    let (name, modifier) = inside.split_at(end);
    let known = variables.get(name);
    let spoken = known.filter(|value| !value.is_empty());
    let other = |rest: &str| expanded(rest, escape, variables);
    match modifier.as_bytes() {
        [] => known.cloned(),
        [b':', b'-', ..] => spoken.cloned().or_else(|| other(&modifier[2..])),
        [b'-', ..] => known.cloned().or_else(|| other(&modifier[1..])),
        [b':', b'+', ..] => {
            if spoken.is_some() {
                other(&modifier[2..])
            } else {
                Some(String::new())
            }
        }
        [b'+', ..] => {
            if known.is_some() {
                other(&modifier[1..])
            } else {
                Some(String::new())
            }
        }
        // `:?` stops the build where it is not set; patterns are not worked out.
        [b':', b'?', ..] | [b'?', ..] => known.cloned(),
        _ => None,
    }
}

/// Arguments that BuildKit sets by itself.
const PREDEFINED: &[(&str, &str)] =
    &[("TARGETOS", "linux"), ("BUILDOS", "linux"), ("TARGETVARIANT", ""), ("TARGETSTAGE", "")];

/// Works out what each stage is built from.
fn fill_in(dockerfile: &mut Dockerfile, given: &Given) {
    let escape = dockerfile.escape;
    let said =
        |name: &str| given.arguments.iter().rev().find(|(given, _)| given == name).and_then(|(_, value)| value.clone());
    let mut globals: HashMap<String, String> =
        PREDEFINED.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let add =
        |variables: &mut HashMap<String, String>, name: &str, default: Option<&String>, global: Option<&String>| {
            let value = said(name)
                .or_else(|| default.and_then(|text| expanded(text, escape, variables)))
                .or_else(|| global.cloned());
            if let Some(value) = value {
                variables.insert(name.to_owned(), value);
            }
        };
    for instruction in &dockerfile.globals {
        if let Directive::Arg(list) = &instruction.what {
            for (name, default) in list {
                add(&mut globals, &name.text, default.as_ref(), None);
            }
        }
    }
    for at in 0..dockerfile.stages.len() {
        let image = expanded(&dockerfile.stages[at].base.text, escape, &globals).unwrap_or_default();
        let parent = dockerfile.stages[..at]
            .iter()
            .rposition(|stage| stage.name.as_deref() == Some(image.to_lowercase().as_str()));
        let mut variables = parent.map(|parent| dockerfile.stages[parent].variables.clone()).unwrap_or_default();
        let stage = &mut dockerfile.stages[at];
        for instruction in stage.instructions.iter_mut().filter(|instruction| !instruction.on_build) {
            match &mut instruction.what {
                Directive::Arg(list) => {
                    for (name, default) in list.iter() {
                        let global = globals.get(&name.text).cloned();
                        add(&mut variables, &name.text, default.as_ref(), global.as_ref());
                    }
                }
                Directive::Env(list) => {
                    let before = variables.clone();
                    for (name, value) in list.iter() {
                        match expanded(value, escape, &before) {
                            Some(value) => variables.insert(name.text.clone(), value),
                            None => variables.remove(&name.text),
                        };
                    }
                }
                Directive::Copy { from, sources, target, .. } => {
                    // BuildKit takes arguments in `--from` from before the first stage.
                    if let Some(from) = from
                        && let Some(text) = expanded(&from.text, escape, &globals)
                    {
                        from.text = text;
                    }
                    for word in sources.iter_mut().chain(std::iter::once(target)) {
                        if let Some(text) = expanded(&word.text, escape, &variables) {
                            word.text = text;
                        }
                    }
                }
                Directive::User(word) | Directive::Workdir(word) => {
                    // What is not known is no reason to take it for root.
                    word.text = expanded(&word.text, escape, &variables).unwrap_or_else(|| word.text.clone());
                }
                _ => {}
            }
        }
        stage.image = image;
        stage.parent = parent;
        stage.variables = variables;
    }
}

impl Dockerfile {
    pub fn place(&self, span: &Span) -> Place {
        Place::new(&self.text, span.clone())
    }

    /// The stage with this name or number.
    pub fn find(&self, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        let named = self.stages.iter().rposition(|stage| stage.name.as_deref() == Some(lower.as_str()));
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
        while let Some(parent) = self.stages[*line.last().unwrap_or(&0)].parent {
            line.push(parent);
        }
        line
    }

    /// Every stage that a build of this one needs, in their order.
    pub fn needed(&self, stage: usize) -> Vec<usize> {
        let mut needed = vec![stage];
        let mut at = 0;
        while let Some(stage) = needed.get(at).copied() {
            at += 1;
            let its = &self.stages[stage];
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
                if !needed.contains(&one) {
                    needed.push(one);
                }
            }
        }
        needed.sort_unstable();
        needed
    }

    /// The last word on something, looked for from the end of the stage back through those it is built from.
    pub fn last<'a, T>(&'a self, stage: usize, wanted: impl Fn(&'a Instruction) -> Option<T>) -> Option<T> {
        self.line(stage).into_iter().find_map(|stage| {
            let own = self.stages[stage].instructions.iter().rev().filter(|instruction| !instruction.on_build);
            own.filter_map(&wanted).next()
        })
    }

    /// The patterns of what these stages take from the context; None for all of it.
    pub fn copied(&self, stages: &[usize]) -> Option<Vec<String>> {
        let mut patterns = Vec::new();
        for stage in stages {
            for instruction in self.stages[*stage].instructions.iter().filter(|instruction| !instruction.on_build) {
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
        let patterns: Vec<String> = patterns
            .iter()
            .map(|pattern| super::ignore::clean(&format!("/{pattern}")).trim_start_matches('/').to_owned())
            .collect();
        // An unknown variable may be anything.
        let whole = patterns.iter().any(|pattern| pattern.is_empty() || pattern == "*" || pattern.contains('$'));
        (!whole).then_some(patterns)
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

/// A URL or a repository, as `ADD` takes it.
pub fn is_remote(source: &str) -> bool {
    ["http://", "https://", "ftp://", "git://", "ssh://", "git@"].iter().any(|start| source.starts_with(start))
}

/// A tar, by its name: `ADD` unpacks it.
pub fn is_archive(source: &str) -> bool {
    let lower = source.to_lowercase();
    let ends = [
        ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".gz", ".bz2",
        ".xz", ".zst",
    ];
    ends.iter().any(|end| lower.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Dockerfile {
        read(&Text::new("Dockerfile", text.to_owned()), &Given::default())
    }

    #[test]
    fn stages_arguments_and_what_they_need() {
        let text = "ARG V=1.2\nARG BASE=alpine:${V}\nFROM ${BASE} AS Build\nRUN make\nFROM scratch AS other\nFROM build\nCOPY --from=other /a /b\nUSER ${U:-app}\n";
        let dockerfile = of(text);
        assert_eq!(dockerfile.problem, None);
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
        assert_eq!(dockerfile.problem, None);
        assert_eq!(dockerfile.stages.len(), 1);
        let kinds: Vec<&Directive> = dockerfile.stages[0].instructions.iter().map(|it| &it.what).collect();
        assert!(matches!(kinds[1], Directive::Copy { here: 2, .. }), "{kinds:?}");
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
        assert_eq!((dockerfile.problem.as_ref(), dockerfile.escape), (None, '`'));
        assert_eq!(dockerfile.syntax.unwrap().text, "docker/dockerfile:1");
        let run = &dockerfile.stages[0].instructions[0];
        assert!(matches!(&run.what, Directive::Run(CommandForm::Shell(script, _)) if script == "a   b"), "{run:?}");
        let cmd = &dockerfile.stages[0].instructions[1];
        assert_eq!(&dockerfile.text.text[cmd.span.clone()], "CMD run");
        assert_eq!(dockerfile.text.position(cmd.span.start), (8, 1));
        for (text, line) in
            [("RUN x\n", 1), ("FROM a\nBAD x\n", 2), ("", 1), ("FROM a\n\nCOPY x\n", 3), ("FROM a\nRUN <<E\nx\n", 4)]
        {
            assert_eq!(of(text).problem.map(|problem| problem.line), Some(line), "{text:?}");
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
