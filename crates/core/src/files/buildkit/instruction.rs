//! One instruction as BuildKit's parser takes it: `frontend/dockerfile/parser/line_parsers.go`,
//! `frontend/dockerfile/instructions/parse.go`. Pure.

use std::fmt;

use super::lex::means_more;
use super::statement::{CommandLine, Statement, at_blanks, command_line, here_document, json_list};
use super::values;
use crate::grammar::values::{decimal, duration};

/// An instruction whose words are what BuildKit's parser takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedInstruction {
    /// Its name in small letters.
    pub name: String,
    /// `--name=value`.
    pub flags: Vec<(String, String)>,
    /// Its words.
    pub args: Vec<String>,
    /// Names and values of `ENV` and `LABEL`.
    pub pairs: Vec<(String, String)>,
    /// Whether the words are a list in JSON.
    pub is_json: bool,
    /// Whether `--` stands before the words.
    pub ends_flags: bool,
    /// Whether it is an `ONBUILD` of something that can be read.
    pub holds_readable: bool,
}

impl ParsedInstruction {
    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| flag == name).map(|(_, value)| value.as_str())
    }
}

/// The kinds of flags: `instructions/bflag.go`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BuildFlag {
    Bool,
    Text,
    /// May stand several times.
    Texts,
}

/// The flags of an instruction. An older docker knows fewer of them: fender does not know which docker will read the file.
fn flags_of(name: &str) -> &'static [(&'static str, BuildFlag)] {
    use BuildFlag::{Bool, Text, Texts};
    match name {
        "add" => &[
            ("chown", Text),
            ("chmod", Text),
            ("link", Bool),
            ("keep-git-dir", Bool),
            ("checksum", Text),
            ("unpack", Bool),
            ("exclude", Texts),
        ],
        "copy" => {
            &[("chown", Text), ("from", Text), ("chmod", Text), ("link", Bool), ("exclude", Texts), ("parents", Bool)]
        }
        "from" => &[("platform", Text)],
        "run" => &[("mount", Texts), ("network", Text), ("security", Text), ("device", Texts)],
        "healthcheck" => &[
            ("interval", Text),
            ("timeout", Text),
            ("start-period", Text),
            ("start-interval", Text),
            ("retries", Text),
        ],
        _ => &[],
    }
}

/// An instruction's name as messages write it. Only a message makes the text.
#[derive(Clone, Copy)]
struct Upper<'a>(&'a str);

impl fmt::Display for Upper<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.to_uppercase())
    }
}

/// Reads a statement; an error says why BuildKit refuses it.
pub fn read(statement: &Statement, escape: char) -> Result<ParsedInstruction, String> {
    let line = command_line(&statement.text, escape);
    let parsed = words(&line, escape)?;
    checked(parsed, &line)
}

/// The words of an instruction, each as its own parser splits them.
fn words(line: &CommandLine, escape: char) -> Result<ParsedInstruction, String> {
    let mut parsed =
        ParsedInstruction { name: line.name.clone(), ends_flags: line.ends_flags, ..ParsedInstruction::default() };
    let rest = line.rest.as_str();
    let split = |rest: &str| -> Vec<String> {
        if rest.is_empty() { Vec::new() } else { at_blanks(rest).into_iter().map(str::to_owned).collect() }
    };
    let single = |rest: &str| -> Vec<String> { if rest.is_empty() { Vec::new() } else { vec![rest.to_owned()] } };
    match line.name.as_str() {
        "add" | "copy" | "volume" => match json_list(rest)? {
            Some(list) => (parsed.args, parsed.is_json) = (list, true),
            None => parsed.args = split(rest),
        },
        "cmd" | "entrypoint" | "run" | "shell" => match json_list(rest)? {
            Some(list) => (parsed.args, parsed.is_json) = (list, true),
            None => parsed.args = single(rest),
        },
        "healthcheck" => {
            let (kind, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
            parsed.args = single(kind);
            match json_list(after)? {
                Some(list) => {
                    parsed.args.extend(list);
                    parsed.is_json = true;
                }
                None => parsed.args.extend(single(after.trim())),
            }
        }
        "env" | "label" => parsed.pairs = pairs(rest, Upper(&line.name), escape)?,
        "arg" => parsed.args = quoted_words(rest, escape),
        "expose" | "from" => parsed.args = split(rest),
        "maintainer" | "stopsignal" | "user" | "workdir" => parsed.args = single(rest),
        "onbuild" if !rest.is_empty() => {
            // What an ONBUILD holds is read, and checked when it is done: by a build that starts from the image.
            let inner = command_line(rest, escape);
            // One within another is refused below, however many there are.
            if inner.name != "onbuild" {
                let held = words(&inner, escape)?;
                let has_words = !held.args.is_empty() || !held.pairs.is_empty();
                parsed.holds_readable = !held.ends_flags && has_words && checked(held, &inner).is_ok();
            }
            parsed.args = vec![inner.name.clone()];
        }
        _ => {}
    }
    Ok(parsed)
}

/// Words at blanks, where quotes hold words together and stay.
fn quoted_words(rest: &str, escape: char) -> Vec<String> {
    if !means_more(rest) {
        return rest.split_whitespace().map(str::to_owned).collect();
    }
    let mut words = Vec::new();
    let (mut word, mut quote, mut is_word) = (String::new(), None, false);
    let mut letters = rest.chars().peekable();
    while let Some(letter) = letters.next() {
        if quote.is_none() && letter.is_whitespace() {
            if is_word {
                words.push(std::mem::take(&mut word));
            }
            is_word = false;
            continue;
        }
        if letter == escape && quote != Some('\'') {
            // At the end it means nothing.
            let Some(next) = letters.next() else { break };
            word.push(letter);
            word.push(next);
            is_word = true;
            continue;
        }
        match quote {
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            Some(open) if letter == open => quote = None,
            _ => {}
        }
        word.push(letter);
        is_word = true;
    }
    if is_word {
        words.push(word);
    }
    words
}

/// `NAME=value …`, or the old `NAME value`.
fn pairs(rest: &str, name: Upper<'_>, escape: char) -> Result<Vec<(String, String)>, String> {
    let words = quoted_words(rest, escape);
    let Some(first) = words.first() else { return Ok(Vec::new()) };
    if !first.contains('=') {
        let blank = rest.find(['\t', '\u{b}', '\u{c}', '\r', ' ']);
        let Some(blank) = blank else { return Err(format!("{name} needs a value: {name} {first}=…")) };
        let (key, value) = rest.split_at(blank);
        return Ok(vec![(key.to_owned(), value.trim_start().to_owned())]);
    }
    let split = |word: &String| match word.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!("{name} needs a value for each name: {word} has no =")),
    };
    words.iter().map(split).collect()
}

/// The flags, each as its kind wants it.
fn flags(line: &CommandLine) -> Result<Vec<(String, String)>, String> {
    let upper = Upper(&line.name);
    let known = flags_of(&line.name);
    let mut flags: Vec<(String, String)> = Vec::new();
    for flag in &line.flags {
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (flag.as_str(), None),
        };
        let Some((_, kind)) = known.iter().find(|(known, _)| Some(*known) == name.strip_prefix("--")) else {
            return Err(format!("{upper} has no flag {name}"));
        };
        let short = name.trim_start_matches("--").to_owned();
        if *kind != BuildFlag::Texts && flags.iter().any(|(flag, _)| *flag == short) {
            return Err(format!("{upper} takes {name} once"));
        }
        match (kind, value) {
            (BuildFlag::Bool, None) => {}
            (BuildFlag::Bool, Some(value)) => {
                if !matches!(value.to_lowercase().as_str(), "true" | "false") {
                    return Err(format!("{upper} {name} is true or false, not {value:?}"));
                }
            }
            (_, None) => return Err(format!("{upper} {name} needs a value: {name}=…")),
            (_, Some(_)) => {}
        }
        flags.push((short, value.unwrap_or("true").to_owned()));
    }
    Ok(flags)
}

/// What the parser of each instruction demands.
fn checked(mut parsed: ParsedInstruction, line: &CommandLine) -> Result<ParsedInstruction, String> {
    let upper = Upper(&line.name);
    let one =
        |args: &[String]| if args.len() == 1 { Ok(()) } else { Err(format!("{upper} takes exactly one argument")) };
    let some = |count: usize| if count > 0 { Ok(()) } else { Err(format!("{upper} needs an argument")) };
    match parsed.name.as_str() {
        "env" | "label" => {
            parsed.flags = flags(line)?;
            some(parsed.pairs.len())?;
            if parsed.pairs.iter().any(|(name, _)| name.is_empty()) {
                return Err(format!("{upper} needs a name before ="));
            }
        }
        "add" | "copy" => {
            if parsed.args.len() < 2 {
                return Err(format!("{upper} needs a source and a destination"));
            }
            parsed.flags = flags(line)?;
            if parsed.args.last().is_some_and(|target| here_document(target).is_some()) {
                return Err(format!("{upper} copies into no here-document"));
            }
        }
        "from" => {
            match parsed.args.as_slice() {
                [_] => {}
                [_, word, name] if word.eq_ignore_ascii_case("as") => {
                    let name = name.to_lowercase();
                    let letters = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-' | '_' | '.');
                    if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) || !name.chars().all(letters) {
                        return Err(format!(
                            "{name:?} is no name for a stage: it begins with a letter and has letters, digits, - _ and ."
                        ));
                    }
                }
                _ => return Err("FROM takes an image, or an image AS a name".to_owned()),
            }
            parsed.flags = flags(line)?;
        }
        "onbuild" => {
            some(parsed.args.len())?;
            parsed.flags = flags(line)?;
            if let Some(inner @ ("onbuild" | "maintainer" | "from")) = parsed.args.first().map(String::as_str) {
                return Err(format!("ONBUILD takes no {}", inner.to_uppercase()));
            }
        }
        "workdir" | "user" | "maintainer" => {
            one(&parsed.args)?;
            parsed.flags = flags(line)?;
        }
        "stopsignal" => one(&parsed.args)?,
        "run" => {
            parsed.flags = flags(line)?;
            run(&parsed)?;
        }
        "cmd" | "entrypoint" => parsed.flags = flags(line)?,
        "shell" => {
            parsed.flags = flags(line)?;
            some(parsed.args.len())?;
            if !parsed.is_json {
                return Err("SHELL takes a list in JSON: SHELL [\"/bin/sh\", \"-c\"]".to_owned());
            }
        }
        "healthcheck" => {
            some(parsed.args.len())?;
            health(&mut parsed, line)?;
        }
        "expose" => {
            some(parsed.args.len())?;
            parsed.flags = flags(line)?;
        }
        "volume" => {
            some(parsed.args.len())?;
            parsed.flags = flags(line)?;
            if parsed.args.iter().any(|path| path.trim().is_empty()) {
                return Err("VOLUME needs a path".to_owned());
            }
        }
        "arg" => {
            some(parsed.args.len())?;
            if parsed.args.iter().any(|arg| arg.starts_with('=')) {
                return Err("ARG needs a name before =".to_owned());
            }
        }
        _ => return Err(format!("there is no instruction {upper}")),
    }
    Ok(parsed)
}

fn run(parsed: &ParsedInstruction) -> Result<(), String> {
    if let Some(network) = parsed.flag("network")
        && !matches!(network, "default" | "none" | "host")
    {
        return Err(format!("RUN --network is default, none or host, not {network:?}"));
    }
    if let Some(security) = parsed.flag("security")
        && !matches!(security, "insecure" | "sandbox")
    {
        return Err(format!("RUN --security is insecure or sandbox, not {security:?}"));
    }
    for (_, mount) in parsed.flags.iter().filter(|(name, _)| name == "mount") {
        for field in values::fields(mount)? {
            let from = field.split_once('=').filter(|(key, _)| key.eq_ignore_ascii_case("from"));
            // A dollar at the end is none of a variable.
            if from.is_some_and(|(_, value)| value.find('$').is_some_and(|at| at + 1 < value.len())) {
                return Err("RUN --mount: from takes no variables; a stage of its own can".to_owned());
            }
        }
    }
    Ok(())
}

fn health(parsed: &mut ParsedInstruction, line: &CommandLine) -> Result<(), String> {
    let kind = parsed.args.first().map(|kind| kind.to_uppercase()).unwrap_or_default();
    if kind == "NONE" {
        return if parsed.args.len() == 1 { Ok(()) } else { Err("HEALTHCHECK NONE takes no arguments".to_owned()) };
    }
    parsed.flags = flags(line)?;
    if kind != "CMD" {
        return Err(format!("HEALTHCHECK takes CMD or NONE, not {kind}"));
    }
    // A shell's command is one argument, even an empty one; a list may be empty.
    if parsed.args.len() < 2 {
        return Err("HEALTHCHECK CMD needs a command".to_owned());
    }
    for name in ["interval", "timeout", "start-period", "start-interval"] {
        let Some(text) = parsed.flag(name).filter(|text| !text.is_empty()) else { continue };
        match duration(text) {
            Ok(0) => {}
            Ok(time) if time >= 1_000_000 => {}
            Ok(_) => return Err(format!("HEALTHCHECK --{name}={text} is less than 1 ms")),
            Err(_) => return Err(format!("HEALTHCHECK --{name}={text} is no time: 30s")),
        }
    }
    if let Some(text) = parsed.flag("retries").filter(|text| !text.is_empty())
        && !decimal(text).is_ok_and(|number| (0..=i64::from(i32::MAX)).contains(&number))
    {
        return Err(format!("HEALTHCHECK --retries={text} is no number"));
    }
    Ok(())
}
