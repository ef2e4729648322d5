//! The statements of a Dockerfile, as BuildKit puts them together from lines: `frontend/dockerfile/parser`. Pure.

use super::lex::{Keeps, Setting, WordLexer};
use crate::files::instruction::Span;
use crate::go_json;
use crate::text::part;

/// One instruction with its here-documents.
#[derive(Clone, Debug)]
pub struct Statement {
    /// From its first letter to the end of its last line.
    pub span: Span,
    /// Its lines without their ends and the comments between them.
    pub text: String,
    /// The here-documents that it names.
    pub here: Vec<HereDocument>,
}

impl Statement {
    /// Whether it is a `FROM`.
    pub fn begins_stage(&self) -> bool {
        self.text.trim_start().split(BLANKS).next().is_some_and(|name| name.eq_ignore_ascii_case("from"))
    }
}

/// A text that stands in the Dockerfile itself.
#[derive(Clone, Debug)]
pub struct HereDocument {
    /// The line that ends it.
    pub name: String,
    /// Whether variables are filled in.
    pub expands: bool,
    /// Its lines, without the one that ends it.
    pub body: Span,
}

/// A statement that BuildKit refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedStatement {
    /// The byte at which it begins.
    pub at: usize,
    /// Why, for a person.
    pub reason: String,
    /// The stage in which it is refused, where only a build of this stage is; None where no build of the file begins.
    pub stage: Option<usize>,
}

/// A use of a variable that nothing sets where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsetVariable {
    /// Its name.
    pub name: String,
    /// Where the instruction stands that uses it.
    pub at: Span,
    /// The stage that the instruction is in; None for `FROM`, which knows only what stands before the first stage.
    pub stage: Option<usize>,
    /// Whether this instruction sets it: `ENV A=$A:/b`.
    pub sets_itself: bool,
    /// What of the file has this name all the same.
    pub set_where: SetWhere,
}

/// Where a variable is set that is not set where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetWhere {
    /// An `ARG` before the first stage, which a stage has to name again.
    BeforeStages,
    /// An argument that BuildKit itself has, which a stage has to name.
    BuildKit,
    /// Another stage, or a later instruction.
    InFile,
    /// Nowhere in the file.
    Nowhere,
}

/// What BuildKit warns of without refusing it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Variables that nothing in the file sets where they are used. Where a stage has a base image, the image may set them.
    pub unset: Vec<UnsetVariable>,
    /// `FROM` whose variables make no image's name unless the caller sets them.
    pub no_default: Vec<NoDefault>,
}

/// A `FROM` whose variables make no image's name unless the caller sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoDefault {
    /// The stage that it begins.
    pub stage: usize,
    /// Where it stands.
    pub at: Span,
    /// Whether this caller sets nothing either, so that it is refused.
    pub is_refused: bool,
}

impl Warnings {
    /// The same for a text with so many bytes more in front.
    pub fn moved(mut self, bytes: usize) -> Warnings {
        let spans = self.unset.iter_mut().map(|it| &mut it.at);
        for span in spans.chain(self.no_default.iter_mut().map(|it| &mut it.at)) {
            *span = span.start + bytes..span.end + bytes;
        }
        self
    }
}

/// A Dockerfile in statements.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    /// In their order.
    pub list: Vec<Statement>,
    /// The character that continues lines.
    pub escape: char,
    /// Where BuildKit stops to read, and why.
    pub problems: Vec<(usize, String)>,
}

/// A statement's parts: `splitCommand`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The instruction, in small letters.
    pub name: String,
    /// `--name=value`, without quotes.
    pub flags: Vec<String>,
    /// Whether `--` ends the flags.
    pub ends_flags: bool,
    /// What follows.
    pub rest: String,
}

/// BuildKit reads no longer line, in bytes: Go's `bufio.MaxScanTokenSize`.
const LONGEST_LINE: usize = 64 * 1024;

/// The statements of a text without a byte order mark.
pub fn statements(plain: &str) -> Statements {
    let mut read = Statements { escape: '\\', ..Statements::default() };
    let mut directives = Some(Vec::new());
    let mut lines = Lines { plain, at: 0 };
    while let Some((start, line)) = lines.next() {
        if line.len() >= LONGEST_LINE {
            read.problems.push((start, format!("docker reads no line of {LONGEST_LINE} bytes or more")));
        }
        let bare = line.trim_end_matches(['\r', '\n']).trim_start();
        if let Some(seen) = &mut directives
            && !directive(bare, seen, &mut read, start)
        {
            directives = None;
        }
        if bare.starts_with('#') {
            continue;
        }
        let (first, mut continues) = without_continuation(bare, read.escape);
        if !continues && first.is_empty() {
            continue;
        }
        let mut text = first.to_owned();
        let begin = start + (line.len() - line.trim_start().len());
        let mut end = start + line.trim_ascii_end().len();
        while continues {
            let Some((start, line)) = lines.next() else { break };
            if line.len() >= LONGEST_LINE {
                read.problems.push((start, format!("docker reads no line of {LONGEST_LINE} bytes or more")));
            }
            let bare = line.trim_end_matches(['\r', '\n']);
            if bare.trim().is_empty() {
                // Blanks that are none to others belong to the statement.
                if !bare.trim_ascii().is_empty() {
                    end = start + bare.len();
                }
                continue;
            }
            if bare.trim_start().starts_with('#') {
                continue;
            }
            let (more, goes_on) = without_continuation(bare, read.escape);
            text.push_str(more);
            continues = goes_on;
            end = start + line.trim_ascii_end().len();
        }
        let mut here = Vec::new();
        if text.contains("<<") && takes_here_documents(&text, read.escape) {
            for (name, expands, strips) in marks(&text) {
                let rest = lines.at;
                let (body, after) = lines.body(&name, strips).unwrap_or_else(|| {
                    read.problems.push((begin, format!("its here-document does not end: there is no line {name}")));
                    (rest..plain.len(), plain.trim_end().len())
                });
                end = after.max(end);
                here.push(HereDocument { name, expands, body });
            }
        }
        read.list.push(Statement { span: begin..end.max(begin), text, here });
    }
    if read.list.is_empty() && read.problems.is_empty() {
        read.problems.push((plain.len(), "there is no instruction in it".to_owned()));
    }
    read
}

struct Lines<'a> {
    plain: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line with its end, and where it begins.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let start = self.at;
        let line = part(self.plain, start..).split_inclusive('\n').next()?;
        self.at += line.len();
        Some((start, line))
    }

    /// The lines up to the one that ends a here-document, and the end of that line; None where there is none.
    fn body(&mut self, name: &str, strips: bool) -> Option<(Span, usize)> {
        let begin = self.at;
        while let Some((start, line)) = self.next() {
            let bare = line.trim_end_matches(['\r', '\n']);
            let compared = if strips { bare.trim_start_matches('\t') } else { bare };
            if compared == name {
                return Some((begin..start, start + bare.len()));
            }
        }
        None
    }
}

/// Takes a comment for a parser directive; false from the first that is none.
fn directive(line: &str, seen: &mut Vec<String>, read: &mut Statements, start: usize) -> bool {
    let Some((name, value)) = line.strip_prefix('#').and_then(|rest| rest.split_once('=')) else { return false };
    let (name, value) = (name.trim().to_lowercase(), value.trim());
    if value.is_empty() || !matches!(name.as_str(), "syntax" | "escape" | "check") {
        return false;
    }
    if seen.contains(&name) {
        read.problems.push((start, format!("# {name}= stands here a second time")));
        return true;
    }
    if name == "escape" {
        match value {
            "`" => read.escape = '`',
            "\\" => {}
            _ => read.problems.push((start, "# escape= takes only ` or \\".to_owned())),
        }
    }
    seen.push(name);
    true
}

/// The line without the character that continues it, and whether there is one: the last of two such characters does not continue.
fn without_continuation(line: &str, escape: char) -> (&str, bool) {
    let bare = line.trim_end_matches([' ', '\t']);
    match bare.strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before, true),
        _ => (line, false),
    }
}

/// Blanks between words, as BuildKit's parser splits at them.
const BLANKS: [char; 5] = ['\t', '\u{b}', '\u{c}', '\r', ' '];

/// Splits at blanks, where two blanks beside each other are one.
pub fn at_blanks(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(BLANKS) {
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after.trim_start_matches(BLANKS);
    }
    words.push(rest);
    words
}

/// The parts of a statement.
pub fn command_line(text: &str, escape: char) -> CommandLine {
    let text = text.trim();
    let Some(end) = text.find(BLANKS) else {
        return CommandLine { name: text.to_lowercase(), ..CommandLine::default() };
    };
    let (name, after) = text.split_at(end);
    let after = after.trim_start_matches(BLANKS);
    let (flags, ends_flags, rest) = flags(after, escape);
    CommandLine { name: name.to_lowercase(), flags, ends_flags, rest: rest.trim().to_owned() }
}

/// The words that begin with two dashes, whether `--` ends them, and what follows.
fn flags(text: &str, escape: char) -> (Vec<String>, bool, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (mut word, mut quote, mut was_quoted) = (String::new(), None, false);
        let mut letters = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, letter)) = letters.next() {
            match quote {
                None if letter.is_whitespace() => {
                    end = at;
                    break;
                }
                None if letter == '\'' || letter == '"' => (quote, was_quoted) = (Some(letter), true),
                Some(open) if letter == open => quote = None,
                _ if letter == escape => word.extend(letters.next().map(|(_, letter)| letter)),
                _ => word.push(letter),
            }
        }
        rest = part(rest, end..);
        if word == "--" && !was_quoted {
            return (flags, true, rest);
        }
        flags.push(word);
        rest = rest.trim_start();
    }
    (flags, false, rest)
}

/// The texts of a list in JSON; None where it is no list, an error where something else than a text is in it.
pub fn json_list(rest: &str) -> Result<Option<Vec<String>>, String> {
    let rest = rest.trim_start();
    if !rest.starts_with('[') {
        return Ok(None);
    }
    let Ok(list) = go_json::whole_value(rest.as_bytes()) else { return Ok(None) };
    if !list.numbers_fit() {
        return Ok(None);
    }
    let texts: Option<Vec<String>> = list.items().unwrap_or_default().into_iter().map(|item| item.text()).collect();
    texts.map(Some).ok_or_else(|| "a list in JSON may hold nothing but texts".to_owned())
}

/// Whether `<<` means a here-document there.
fn takes_here_documents(text: &str, escape: char) -> bool {
    let mut line = command_line(text, escape);
    if line.name == "onbuild" {
        line = command_line(&line.rest, escape);
    }
    matches!(line.name.as_str(), "add" | "copy" | "run") && json_list(&line.rest).is_ok_and(|list| list.is_none())
}

/// The here-documents that a statement names: the line that ends each, whether variables are filled in, whether tabs are left out.
fn marks(text: &str) -> Vec<(String, bool, bool)> {
    let keeps = Keeps { quotes: true, escapes: true, unset: true };
    let lexer = WordLexer { escape: '\\', keeps, ignores_quotes: false, variable: &|_| Setting::Unset };
    let words = lexer.read(text).map(|read| read.words).unwrap_or_default();
    words.iter().filter_map(|word| here_document(word)).collect()
}

/// A word that names a here-document.
pub fn here_document(word: &str) -> Option<(String, bool, bool)> {
    let after = word.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix("<<")?;
    let (strips, after) = after.strip_prefix('-').map_or((false, after), |after| (true, after));
    let after = after.trim_start();
    if after.is_empty() || after.contains('<') {
        return None;
    }
    let read = |quotes| {
        let keeps = Keeps { quotes, escapes: false, unset: true };
        let lexer = WordLexer { escape: '\\', keeps, ignores_quotes: false, variable: &|_| Setting::Unset };
        lexer.read(after).ok().map(|read| read.words)
    };
    let plain = read(false)?;
    let [name] = plain.as_slice() else { return None };
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    let raw = read(true)?;
    Some((name.clone(), raw.first().is_some_and(|raw| quotes(raw) == quotes(name)), strips))
}
