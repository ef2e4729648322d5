//! A script of a shell, cut into commands and words. Pure.

use crate::text::part;

/// One command of a script.
#[derive(Debug, Default)]
pub struct Line {
    /// Its words without quotes. A `$` stands for what the shell fills in, also for a script in a word.
    pub words: Vec<String>,
    /// What `>`, `>>` and the like write to.
    pub overwritten: Vec<String>,
    /// Scripts in it: `$(…)` and the like.
    pub inner: Vec<String>,
    /// What `<<<` hands to it.
    pub handed: Vec<String>,
    /// Whether its output is the input of the next one.
    pub is_piped: bool,
}

/// Cuts a script into commands, as far as a shell's grammar is needed for it.
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// What the next word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Word,
    /// Behind `>`.
    Overwritten,
    /// Behind `<`.
    Read,
    /// Behind `<<<`.
    Handed,
}

impl<'a> Lexer<'a> {
    /// At the beginning of a script.
    pub fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0 }
    }

    fn peek(&self) -> Option<char> {
        part(self.text, self.at..).chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn skip_if(&mut self, wanted: char) -> bool {
        let fits = self.peek() == Some(wanted);
        if fits {
            self.at += wanted.len_utf8();
        }
        fits
    }

    /// The next command; None behind the last one. It may have no words.
    pub fn next_command(&mut self) -> Option<Line> {
        self.peek()?;
        let mut line = Line::default();
        let mut word: Option<String> = None;
        let mut role = Role::Word;
        while let Some(letter) = self.take() {
            match letter {
                ' ' | '\t' | '\r' => ended(&mut line, &mut word, &mut role),
                '|' => {
                    line.is_piped = !self.skip_if('|');
                    self.skip_if('&');
                    break;
                }
                ';' | '\n' | '(' | ')' => break,
                '&' if self.peek() != Some('>') => break,
                '&' => {}
                '#' if word.is_none() => {
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.take();
                    }
                }
                '>' | '<' => {
                    // `2>` is no word.
                    if word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
                        word = None;
                    }
                    ended(&mut line, &mut word, &mut role);
                    role = if letter == '>' || self.peek() == Some('>') { Role::Overwritten } else { Role::Read };
                    let begin = self.at;
                    while self.peek().is_some_and(|letter| matches!(letter, '>' | '<' | '|')) {
                        self.take();
                    }
                    if letter == '<' && part(self.text, begin..self.at) == "<<" {
                        role = Role::Handed;
                    }
                    if self.skip_if('&') && self.peek().is_some_and(|letter| letter.is_ascii_digit() || letter == '-') {
                        role = Role::Read;
                    }
                }
                '\\' => {
                    if let Some(next) = self.take().filter(|next| *next != '\n') {
                        word.get_or_insert_default().push(next);
                    }
                }
                '\'' => {
                    let quoted = word.get_or_insert_default();
                    while let Some(letter) = self.take().filter(|letter| *letter != '\'') {
                        quoted.push(letter);
                    }
                }
                '"' => self.quoted(word.get_or_insert_default(), &mut line.inner),
                '$' | '`' => self.expanded(letter, word.get_or_insert_default(), &mut line.inner),
                letter => word.get_or_insert_default().push(letter),
            }
        }
        ended(&mut line, &mut word, &mut role);
        Some(line)
    }

    fn quoted(&mut self, word: &mut String, inner: &mut Vec<String>) {
        while let Some(letter) = self.take() {
            match letter {
                '"' => return,
                '\\' => word.extend(self.take()),
                '$' | '`' => self.expanded(letter, word, inner),
                letter => word.push(letter),
            }
        }
    }

    /// What the shell fills in. The word keeps a mark of it, and a script in it is read by itself.
    fn expanded(&mut self, letter: char, word: &mut String, inner: &mut Vec<String>) {
        word.push('$');
        let begin = self.at + usize::from(letter == '$');
        if letter == '`' {
            while self.take().is_some_and(|letter| letter != '`') {}
            inner.push(part(self.text, begin..self.at).trim_end_matches('`').to_owned());
        } else if self.peek() == Some('(') {
            let mut open = 0;
            while let Some(letter) = self.take() {
                match letter {
                    '(' => open += 1,
                    ')' if open == 1 => break,
                    ')' => open -= 1,
                    _ => {}
                }
            }
            let script = part(self.text, begin..self.at);
            inner.push(script.strip_suffix(')').unwrap_or(script).to_owned());
        }
    }
}

fn ended(line: &mut Line, word: &mut Option<String>, role: &mut Role) {
    let Some(word) = word.take() else { return };
    match role {
        Role::Word => line.words.push(word),
        Role::Overwritten => line.overwritten.push(word),
        Role::Handed => line.handed.push(word),
        Role::Read => {}
    }
    *role = Role::Word;
}
