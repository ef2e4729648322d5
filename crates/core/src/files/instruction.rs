//! The instructions of a Dockerfile, read from what the lexer gives. Pure.

use std::borrow::Cow;
use std::ops::Range;

use parse_dockerfile::{self as parser, HealthcheckArguments, JsonOrStringArray, Source};

use super::expansion::{joined, split};
use crate::text::part;

/// Bytes of a file, from the first to the one after the last.
pub type Span = Range<usize>;

/// A piece of text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The word without quotes.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `RUN`, `CMD` or `ENTRYPOINT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandForm {
    /// `["a", "b"]`: the words, and where the list stands.
    Exec(Vec<String>, Span),
    /// As written, continuation lines joined and comments between them left out.
    Shell(String, Span),
}

impl CommandForm {
    /// Where it stands.
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
    pub fn script(&self) -> Cow<'_, str> {
        match self {
            CommandForm::Exec(words, _) => Cow::Owned(words.join(" ")),
            CommandForm::Shell(text, _) => Cow::Borrowed(text),
        }
    }
}

/// A file that is written down in the Dockerfile itself: a here-document of `COPY` or `ADD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HereText {
    /// The name behind `<<`, which is that of the file in a folder.
    pub name: String,
    /// What is written down, without the line that ends it.
    pub text: String,
}

/// What an instruction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// `COPY`, and `ADD`.
    Copy {
        /// Whether it is `ADD`, not `COPY`.
        is_add: bool,
        /// The stage, image or context of `--from`.
        from: Option<Word>,
        /// What is copied.
        sources: Vec<Word>,
        /// The texts that are written down in the Dockerfile itself.
        here: Vec<HereText>,
        /// Where it is copied to.
        target: Word,
    },
    /// `RUN`.
    Run(CommandForm),
    /// Names and values as written.
    Env(Vec<(Word, String)>),
    /// `ARG`: names with their defaults.
    Arg(Vec<(Word, Option<String>)>),
    /// `USER`.
    User(Word),
    /// `VOLUME`: the container's paths.
    Volume(Vec<String>),
    /// `CMD`.
    Cmd(CommandForm),
    /// `ENTRYPOINT`.
    Entrypoint(CommandForm),
    /// `SHELL`: the words before a command in shell form.
    Shell(Vec<String>),
    /// `WORKDIR`.
    Workdir(Word),
    /// `HEALTHCHECK CMD`.
    Healthcheck(CommandForm),
    /// `LABEL`: names and values as written.
    Label(Vec<(Word, String)>),
    /// Any other instruction.
    Other,
}

/// One instruction of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub what: Directive,
    /// The word that names it, and then all of it.
    pub keyword: Span,
    /// Where it stands, from its keyword to its last byte.
    pub span: Span,
    /// `--name=value`.
    pub flags: Vec<(String, String, Span)>,
    /// Whether it stands after `ONBUILD`: it is done by the builds that start from this image.
    pub on_build: bool,
}

impl Instruction {
    /// The flag of this name: name, value, and where it stands.
    pub fn flag(&self, name: &str) -> Option<&(String, String, Span)> {
        self.flags.iter().rev().find(|(flag, _, _)| flag == name)
    }
}

pub struct Reading<'a> {
    pub plain: &'a str,
    pub shift: usize,
    pub escape: char,
    pub here: &'a [Span],
}

impl Reading<'_> {
    pub fn span(&self, span: &Span) -> Span {
        span.start + self.shift..span.end + self.shift
    }

    pub fn word(&self, text: &parser::UnescapedString) -> Word {
        Word { text: text.value.clone().into_owned(), span: self.span(&text.span) }
    }

    pub fn flags<'f, 'g: 'f>(
        &self,
        flags: impl IntoIterator<Item = &'f parser::Flag<'g>>,
    ) -> Vec<(String, String, Span)> {
        let value = |flag: &parser::Flag| {
            flag.value.as_ref().map_or_else(String::new, |value| value.value.clone().into_owned())
        };
        flags
            .into_iter()
            .map(|flag| (flag.name.value.clone().into_owned(), value(flag), self.span(&flag.span())))
            .collect()
    }

    /// The end of an instruction whose line ends here: behind its here-documents, where it has some.
    pub fn end(&self, at: usize) -> usize {
        let line_end =
            part(self.plain, at.min(self.plain.len())..).find('\n').map_or(self.plain.len(), |end| at + end + 1);
        let mut end = at;
        let mut next = line_end;
        let first = self.here.partition_point(|body| body.start < line_end);
        for body in self.here.iter().skip(first) {
            if body.start != next {
                break;
            }
            end = part(self.plain, ..body.end).trim_end_matches(['\n', '\r']).len();
            next = body.end;
        }
        end
    }

    pub fn command(&self, command: &parser::Command) -> CommandForm {
        match command {
            parser::Command::Exec(words) => CommandForm::Exec(
                words.value.iter().map(|word| word.value.clone().into_owned()).collect(),
                self.span(&words.span),
            ),
            parser::Command::Shell(text) => {
                let end = self.end(text.span.end);
                let written = part(self.plain, text.span.start..text.span.end);
                let mut script = joined(written, self.escape);
                // A script in a here-document is the script.
                let first = self.here.partition_point(|body| body.start <= text.span.end);
                for body in self.here.iter().skip(first).take_while(|body| body.end <= end + 2) {
                    script.push('\n');
                    script.push_str(part(self.plain, body.clone()));
                }
                CommandForm::Shell(script, self.span(&(text.span.start..text.span.end)))
            }
            _ => CommandForm::Shell(String::new(), 0..0),
        }
    }

    pub fn copied(
        &self,
        is_add: bool,
        flags: &[(String, String, Span)],
        sources: &[Source],
        target: &parser::UnescapedString,
    ) -> Directive {
        let from = flags.iter().rev().find(|(name, _, _)| name == "from");
        let from = from.map(|(_, value, span)| Word { text: value.clone(), span: span.clone() });
        let (mut paths, mut here) = (Vec::new(), Vec::new());
        let end = self.end(target.span.end);
        let first = self.here.partition_point(|body| body.start <= target.span.end);
        let mut bodies = self.here.iter().skip(first).take_while(|body| body.end <= end + 2);
        for source in sources {
            match source {
                Source::Path(path) => {
                    match self.plain.get(path.span.clone()).and_then(|text| text.strip_prefix("<<")) {
                        Some(name) => here.push(self.here_text(name, bodies.next())),
                        None => paths.push(self.word(path)),
                    }
                }
                _ => here.push(self.here_text("", bodies.next())),
            }
        }
        Directive::Copy { is_add, from, sources: paths, here, target: self.word(target) }
    }

    /// A here-document; its name as it stands behind `<<`.
    fn here_text(&self, name: &str, body: Option<&Span>) -> HereText {
        let body = body.and_then(|body| self.plain.get(body.clone())).unwrap_or_default();
        let body = body.trim_end_matches(['\n', '\r']);
        let text = body.rsplit_once('\n').map_or("", |(text, _)| text);
        HereText { name: name.trim_start_matches('-').trim_matches(['"', '\'']).to_owned(), text: format!("{text}\n") }
    }

    pub fn instruction(&self, instruction: &parser::Instruction, on_build: bool) -> Instruction {
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
                let (end, what) = match &it.arguments {
                    HealthcheckArguments::Cmd { arguments, .. } => {
                        (command_end(arguments), Directive::Healthcheck(self.command(arguments)))
                    }
                    _ => (it.healthcheck.span.end, Directive::Other),
                };
                plain(&it.healthcheck, end, what, self.flags(&it.options))
            }
            It::Expose(it) => {
                let end = it.arguments.last().map_or(it.expose.span.end, |word| word.span.end);
                plain(&it.expose, end, Directive::Other, Vec::new())
            }
            It::Label(it) => {
                plain(&it.label, it.arguments.span.end, Directive::Label(self.pairs(&it.arguments)), Vec::new())
            }
            It::Stopsignal(it) => plain(&it.stopsignal, it.arguments.span.end, Directive::Other, Vec::new()),
            It::Maintainer(it) => plain(&it.maintainer, it.name.span.end, Directive::Other, Vec::new()),
            _ => Instruction { what: Directive::Other, keyword: 0..0, span: 0..0, flags: Vec::new(), on_build },
        }
    }

    /// `NAME=value …`, or the old `NAME value`.
    pub fn pairs(&self, arguments: &parser::UnescapedString) -> Vec<(Word, String)> {
        let text = arguments.value.as_ref();
        let written = self.written(arguments);
        let first = text.split_whitespace().next().unwrap_or_default();
        if !first.contains('=') {
            let (name, value) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
            let at = text.len() - text.trim_start().len();
            return vec![(self.located(&written, at, name), value.trim().to_owned())];
        }
        split(text, self.escape)
            .into_iter()
            .map(|(at, word)| {
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                (self.located(&written, at, name), value.to_owned())
            })
            .collect()
    }

    pub fn names(&self, arguments: &parser::UnescapedString) -> Vec<(Word, Option<String>)> {
        let written = self.written(arguments);
        split(arguments.value.as_ref(), self.escape)
            .into_iter()
            .map(|(at, word)| match word.split_once('=') {
                Some((name, value)) => (self.located(&written, at, name), Some(value.to_owned())),
                None => (self.located(&written, at, word), None),
            })
            .collect()
    }

    fn written(&self, arguments: &parser::UnescapedString) -> Written {
        let written = self.plain.get(arguments.span.clone()).unwrap_or_default();
        Written { span: arguments.span.clone(), runs: runs(&arguments.value, written, self.escape) }
    }

    /// A name that begins at this byte of an instruction's arguments.
    fn located(&self, written: &Written, at: usize, name: &str) -> Word {
        let (start, end) = (written.start(at), written.end(at + name.len()));
        let is_whole = self.plain.get(start..end).is_some();
        let span = if is_whole { start..end } else { written.span.clone() };
        Word { text: name.to_owned(), span: self.span(&span) }
    }
}

/// An instruction's arguments as they stand in the file, where lines that go on may lie between their letters.
struct Written {
    span: Span,
    /// Where a run of arguments begins in their text, and where it stands.
    runs: Vec<(usize, usize)>,
}

impl Written {
    /// Where what begins at this byte of the arguments stands.
    fn start(&self, at: usize) -> usize {
        self.place(at, self.runs.partition_point(|(start, _)| *start <= at))
    }

    /// Where what ends at this byte of the arguments ends.
    fn end(&self, at: usize) -> usize {
        self.place(at, self.runs.partition_point(|(start, _)| *start < at))
    }

    fn place(&self, at: usize, after: usize) -> usize {
        // The first run begins at the first byte.
        let (start, place) = self.runs.get(after.saturating_sub(1)).copied().unwrap_or((0, 0));
        (self.span.start + place + (at - start)).min(self.span.end)
    }
}

/// The pieces of a text as it is written, between which its lines go on.
fn runs(text: &str, written: &str, escape: char) -> Vec<(usize, usize)> {
    let mut runs = vec![(0, 0)];
    if text.len() == written.len() {
        return runs;
    }
    let (mut length, mut at) = (0, 0);
    for line in written.split_inclusive('\n') {
        let start = at;
        at += line.len();
        // A comment or nothing between lines that go on.
        let is_left_out = start > 0 && (line.trim().is_empty() || line.trim_start().starts_with('#'));
        if is_left_out {
            continue;
        }
        if start > 0 {
            runs.push((length, start));
        }
        let bare = line.trim_end_matches(['\n', '\r', ' ', '\t']);
        length += bare.strip_suffix(escape).map_or(line.len(), str::len);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_lead_back_to_what_is_written() {
        let written = "A=1 \\\n  # a comment\n\n  B=2 \\  \nC=3";
        let text = "A=1   B=2 C=3";
        let written_at = Written { span: 10..10 + written.len(), runs: runs(text, written, '\\') };
        for name in ["A", "B", "C"] {
            let (at, place) = (text.find(name).unwrap(), written.find(name).unwrap());
            assert_eq!((written_at.start(at), written_at.end(at + 1)), (10 + place, 11 + place), "{name}");
        }
    }
}
