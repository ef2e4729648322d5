//! Words with quotes and variables, as BuildKit reads them: `frontend/dockerfile/shell/lex.go`. Pure.

use std::iter::Peekable;
use std::str::Chars;

use crate::files::expansion::{LONGEST, is_nested_too_deep};

/// What a variable is at a place of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Set to this, which may be nothing.
    Set(String),
    /// Not set.
    Unset,
    /// The base image or the caller may set it.
    Unknown,
}

/// How a word is read.
pub struct WordLexer<'a> {
    /// The character that takes the meaning from the next one.
    pub escape: char,
    /// What stays as it is written.
    pub keeps: Keeps,
    /// Whether quotes mean nothing.
    pub ignores_quotes: bool,
    /// The variables.
    pub variable: &'a dyn Fn(&str) -> Setting,
}

/// What of a word stays as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeps {
    /// Quotes.
    pub quotes: bool,
    /// The escape character.
    pub escapes: bool,
    /// Variables that are not set.
    pub unset: bool,
}

/// A word, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lexed {
    /// Its text.
    pub text: String,
    /// The same, split at blanks.
    pub words: Vec<String>,
    /// Whether all that is in it is known.
    pub is_known: bool,
    /// The variables in it that are not known to be set, and for which it names nothing else: `$A`, and not `${A:-b}`.
    pub unset: Vec<String>,
}

/// Whether a word has a letter that a lexer may read as something else than itself: a variable, a quote, a here-document, an escape.
pub fn means_more(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'$' | b'<' | b'\'' | b'"' | b'\\' | b'`'))
}

impl WordLexer<'_> {
    /// Reads a word; an error says why BuildKit refuses it.
    pub fn read(&self, text: &str) -> Result<Lexed, String> {
        if !means_more(text) {
            let words = text.split_whitespace().map(str::to_owned).collect();
            return Ok(Lexed { text: text.to_owned(), words, is_known: text.len() <= LONGEST, unset: Vec::new() });
        }
        // What is nested so deep is not filled in, which is said elsewhere.
        if is_nested_too_deep(text) {
            let words = vec![text.to_owned()];
            return Ok(Lexed { text: text.to_owned(), words, is_known: false, unset: Vec::new() });
        }
        let mut reader = WordReader {
            lexer: self,
            letters: text.chars().peekable(),
            word: String::new(),
            keeps_escapes: self.keeps.escapes,
            is_known: true,
            unset: Vec::new(),
        };
        let (text, words) = reader.until(None)?;
        let is_known = reader.is_known && text.len() <= LONGEST;
        Ok(Lexed { text, words, is_known, unset: reader.unset })
    }
}

struct WordReader<'a> {
    lexer: &'a WordLexer<'a>,
    letters: Peekable<Chars<'a>>,
    /// The word that is being read. There is one for all levels, as in BuildKit: what stands before `${A:-x}` in a word is lost where
    /// the text is split into words.
    word: String,
    keeps_escapes: bool,
    is_known: bool,
    unset: Vec<String>,
}

#[derive(Default)]
struct Words {
    list: Vec<String>,
    is_in_word: bool,
}

impl WordReader<'_> {
    fn add(&mut self, words: &mut Words, letter: char) {
        if !letter.is_whitespace() {
            self.word.push(letter);
            words.is_in_word = true;
        } else if words.is_in_word && !self.word.is_empty() {
            words.list.push(std::mem::take(&mut self.word));
            words.is_in_word = false;
        }
    }

    fn add_raw(&mut self, words: &mut Words, text: &str) {
        self.word.push_str(text);
        words.is_in_word = true;
    }

    /// Everything up to this letter, or up to the end.
    fn until(&mut self, stop: Option<char>) -> Result<(String, Vec<String>), String> {
        let mut text = String::new();
        let mut words = Words::default();
        self.word.clear();
        let mut is_closed = stop.is_none();
        while let Some(letter) = self.letters.peek().copied() {
            if Some(letter) == stop {
                self.letters.next();
                is_closed = true;
                break;
            }
            match letter {
                '$' => {
                    let value = self.dollar()?;
                    value.chars().for_each(|letter| self.add(&mut words, letter));
                    text.push_str(&value);
                }
                '<' => {
                    let mark = self.here_mark();
                    self.add_raw(&mut words, &mark);
                    text.push_str(&mark);
                }
                '\'' | '"' if !self.lexer.ignores_quotes => {
                    let quoted = if letter == '"' { self.double_quoted()? } else { self.single_quoted()? };
                    self.add_raw(&mut words, &quoted);
                    text.push_str(&quoted);
                }
                _ => {
                    self.letters.next();
                    if letter != self.lexer.escape {
                        self.add(&mut words, letter);
                        text.push(letter);
                        continue;
                    }
                    if self.keeps_escapes {
                        self.add_raw(&mut words, letter.encode_utf8(&mut [0; 4]));
                        text.push(letter);
                    }
                    let Some(next) = self.letters.next() else { break };
                    self.add_raw(&mut words, next.encode_utf8(&mut [0; 4]));
                    text.push(next);
                }
            }
        }
        if !is_closed {
            return Err(format!("{} is missing", stop.unwrap_or_default()));
        }
        if !self.word.is_empty() {
            words.list.push(std::mem::take(&mut self.word));
        }
        Ok((text, words.list))
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let quote = self.letters.next();
        text.extend(quote.filter(|_| self.lexer.keeps.quotes));
        loop {
            match self.letters.next() {
                None => return Err("a single quote is not closed".to_owned()),
                Some('\'') => {
                    text.extend(quote.filter(|_| self.lexer.keeps.quotes));
                    return Ok(text);
                }
                Some(letter) => text.push(letter),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let quote = self.letters.next();
        text.extend(quote.filter(|_| self.lexer.keeps.quotes));
        loop {
            match self.letters.peek().copied() {
                None => return Err("a double quote is not closed".to_owned()),
                Some('"') => {
                    self.letters.next();
                    text.extend(quote.filter(|_| self.lexer.keeps.quotes));
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(letter) => {
                    self.letters.next();
                    if letter != self.lexer.escape {
                        text.push(letter);
                        continue;
                    }
                    if self.keeps_escapes {
                        text.push(letter);
                    }
                    match self.letters.peek().copied() {
                        // An escape at the end means nothing.
                        None => {}
                        Some(next) if next == '"' || next == '$' || next == self.lexer.escape => {
                            self.letters.next();
                            text.push(next);
                        }
                        Some(_) => text.push(letter),
                    }
                }
            }
        }
    }

    /// What a variable of this name is, and its value as far as it is known.
    fn value(&mut self, name: &str) -> (Setting, String) {
        let setting = (self.lexer.variable)(name);
        let value = match &setting {
            Setting::Set(value) => value.clone(),
            Setting::Unset => String::new(),
            Setting::Unknown => {
                self.is_known = false;
                String::new()
            }
        };
        (setting, value)
    }

    /// The same where nothing else is named for one that is not set.
    fn plain_value(&mut self, name: &str) -> (Setting, String) {
        let (setting, value) = self.value(name);
        if !matches!(setting, Setting::Set(_)) {
            self.unset.push(name.to_owned());
        }
        (setting, value)
    }

    fn dollar(&mut self) -> Result<String, String> {
        self.letters.next();
        if self.letters.next_if_eq(&'{').is_none() {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            let (setting, value) = self.plain_value(&name);
            return Ok(self.kept(&setting, value, || format!("${name}")));
        }
        match self.letters.peek() {
            None => return Err("} is missing".to_owned()),
            Some('{' | '}' | ':') => return Err("a variable has no name".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        let mut operator = self.letters.next();
        if operator == Some('}') {
            let (setting, value) = self.plain_value(&name);
            return Ok(self.kept(&setting, value, || format!("${{{name}}}")));
        }
        let takes_empty = operator == Some(':');
        if takes_empty {
            operator = self.letters.next();
        }
        let unsupported = |operator: Option<char>| {
            let colon = if takes_empty { ":" } else { "" };
            Err(format!("docker does not know {colon}{} in a variable", operator.map(String::from).unwrap_or_default()))
        };
        let Some(sign) = operator else { return unsupported(None) };
        match sign {
            '/' if !takes_empty => {
                self.letters.next_if_eq(&'/');
                self.part('/')?;
                self.part('}')?;
                let (setting, value) = self.plain_value(&name);
                // What a pattern makes of a text is not worked out.
                self.is_known &= value.is_empty();
                Ok(self.kept(&setting, value, || format!("${{{name}/}}")))
            }
            '#' | '%' if !takes_empty => {
                self.part('}')?;
                let (setting, value) = self.plain_value(&name);
                self.is_known &= value.is_empty();
                Ok(self.kept(&setting, value, || format!("${{{name}{sign}}}")))
            }
            // BuildKit reads the rest before it looks at a sign that follows a colon.
            _ if takes_empty || matches!(sign, '+' | '-' | '?') => {
                if takes_empty && matches!(sign, '#' | '%') {
                    return unsupported(Some(sign));
                }
                let keeps = std::mem::replace(&mut self.keeps_escapes, false);
                let rest = self.until(Some('}'));
                self.keeps_escapes = keeps;
                let (rest, _) = rest?;
                let known = self.is_known;
                let (setting, value) = self.value(&name);
                if self.lexer.keeps.unset && setting == Setting::Unset {
                    return Ok(format!("${{{name}{sign}{rest}}}"));
                }
                let counts = setting != Setting::Unset && !(takes_empty && value.is_empty());
                match sign {
                    '-' => Ok(if counts { value } else { rest }),
                    '+' => Ok(if counts { rest } else { String::new() }),
                    '?' if setting == Setting::Unknown || counts => Ok(value),
                    '?' => {
                        self.is_known = known;
                        Err(format!("{name} has to be set: {rest}").trim_end_matches([':', ' ']).to_owned())
                    }
                    _ => unsupported(Some(sign)),
                }
            }
            _ => unsupported(Some(sign)),
        }
    }

    /// A part of a pattern, in which escapes stay.
    fn part(&mut self, stop: char) -> Result<String, String> {
        let keeps = std::mem::replace(&mut self.keeps_escapes, true);
        let read = self.until(Some(stop));
        self.keeps_escapes = keeps;
        read.map(|(text, _)| text)
    }

    /// The value, or what stands for a variable that is not set where those stay.
    fn kept(&self, setting: &Setting, value: String, written: impl Fn() -> String) -> String {
        if self.lexer.keeps.unset && *setting == Setting::Unset { written() } else { value }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(letter) = self.letters.peek().copied() {
            let is_digit = letter.is_numeric();
            if name.is_empty() && is_digit {
                while let Some(digit) = self.letters.next_if(|letter| letter.is_numeric()) {
                    name.push(digit);
                }
                break;
            }
            if name.is_empty() && matches!(letter, '@' | '*' | '#' | '?' | '-' | '$' | '!') {
                self.letters.next();
                name.push(letter);
                break;
            }
            if !letter.is_alphabetic() && !is_digit && letter != '_' {
                break;
            }
            self.letters.next();
            name.push(letter);
        }
        name
    }

    /// `<<` and the blanks behind it, or a single `<`.
    fn here_mark(&mut self) -> String {
        let mut mark = String::from("<");
        self.letters.next();
        if self.letters.next_if_eq(&'<').is_none() {
            return mark;
        }
        mark.push('<');
        while let Some(blank) = self.letters.next_if(|letter| matches!(letter, ' ' | '\t' | '\r' | '\n')) {
            mark.push(blank);
        }
        mark
    }
}
