//! A question and its answer: the one way in which fender asks. It goes to the terminal that controls this process, never
//! to standard input: a pipe cannot say yes. Only [`Question::ask`] makes an [`Answer`].

use fender_core::order::PutInOrder as _;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::os::fd::BorrowedFd;

use super::pager;
use super::screen::{Screen, cut, shown, width};
use super::terminal::{Input, Terminal};
use fender_core::policy::CallerKind;

/// What a person said. Nothing else makes one: whoever holds it has asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    reply: Reply,
}

/// The kinds of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What was asked is to be done: y, or the name that was wanted.
    Yes,
    /// One of the keys that were offered.
    Key(char),
    /// Some of the numbered fixes, from 1 on, in order.
    Fixes(Vec<usize>),
    /// What was asked for in words.
    Words(String),
    /// Anything else, or nothing.
    No,
}

impl Answer {
    /// What was answered.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// Whether the answer is a plain yes.
    pub fn is_yes(&self) -> bool {
        self.reply == Reply::Yes
    }
}

/// Nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no terminal.
    NoTerminal,
    /// A coding agent runs this. It may have a terminal, and what it types there is nobody's answer.
    Agent,
}

impl NoAnswer {
    /// Why, for a person.
    pub fn why(self) -> &'static str {
        match self {
            NoAnswer::NoTerminal => "no terminal to ask on",
            NoAnswer::Agent => "an agent cannot answer questions",
        }
    }

    /// The same as a whole clause: `there is no terminal to ask on`.
    pub fn reason(self) -> &'static str {
        match self {
            NoAnswer::NoTerminal => "there is no terminal to ask on",
            NoAnswer::Agent => self.why(),
        }
    }
}

/// So many lines in a row that came too early are no accident: somebody else is writing to the terminal.
const PATIENCE: usize = 3;

/// What becomes known while a question stands.
pub struct QuestionNews<'a> {
    /// Can be read from once it is known.
    pub ready: BorrowedFd<'a>,
    /// What is shown then, in whole lines, and the question that stands from then on.
    pub read: &'a mut dyn FnMut() -> (String, Question),
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    text: String,
    place: Option<QuestionPlace>,
    keys: Vec<(char, String)>,
    fixes: usize,
    list: Option<String>,
    warning: String,
    wants: Wants,
}

#[derive(Clone, Debug)]
struct QuestionPlace {
    name: String,
    is_production: bool,
}

#[derive(Clone, Debug)]
enum Wants {
    /// y; any other answer is a no.
    Yes(String),
    /// Any line; nothing stands for `otherwise`.
    Words { question: String, otherwise: String },
    /// This name; other names that a person could take for it, and what they are.
    Name { name: String, to: String, others: Vec<(String, String)> },
}

impl Question {
    /// `Delete these?`, to which `y` is the answer; `[y/N]` is added.
    pub fn yes_or_no(question: &str) -> Question {
        Question::with(Wants::Yes(question.to_owned()))
    }

    /// `Type vm to delete, Enter to cancel:`, for `to` = `delete`. Exactly this name is the answer.
    pub fn name(name: &str, to: &str) -> Question {
        Question::with(Wants::Name { name: name.to_owned(), to: to.to_owned(), others: Vec::new() })
    }

    /// `Reason (Enter for "x"):`: any line is an answer, and nothing stands for `otherwise`. Ctrl-C and Ctrl-D cancel.
    pub fn words(question: &str, otherwise: &str) -> Question {
        Question::with(Wants::Words { question: question.to_owned(), otherwise: otherwise.to_owned() })
    }

    fn with(wants: Wants) -> Question {
        let (text, warning) = (String::new(), String::new());
        Question { text, place: None, keys: Vec::new(), fixes: 0, list: None, warning, wants }
    }

    /// What a person has to read first, in whole lines. It is shown again when a stopped command goes on.
    pub fn text(mut self, text: impl Into<String>) -> Question {
        self.text = text.into();
        self
    }

    /// The environment and the engine, shown right before the answer: `[PROD vm]`.
    pub fn on(mut self, environment: &str, is_production: bool, engine: &str) -> Question {
        let environment = if is_production { environment.to_uppercase() } else { environment.to_owned() };
        let name = format!("{environment} {engine}").trim().to_owned();
        self.place = Some(QuestionPlace { name, is_production });
        self
    }

    /// A line right before the answer, in a whole sentence.
    pub fn warning(mut self, text: impl Into<String>) -> Question {
        self.warning = text.into();
        self
    }

    /// Another answer, by one small letter.
    pub fn key(mut self, key: char, does: &str) -> Question {
        self.keys.push((key, does.to_owned()));
        self
    }

    /// `count` fixes, of which some can be chosen by their numbers: `1 3`.
    pub fn fixes(mut self, count: usize) -> Question {
        self.fixes = count;
        self
    }

    /// The whole list, which `l` shows.
    pub fn list(mut self, whole: impl Into<String>) -> Question {
        self.list = Some(whole.into());
        self
    }

    /// Another name that a person could type by mistake, and what it is: `the context's name`.
    pub fn not(mut self, other: &str, is: &str) -> Question {
        if let Wants::Name { name, others, .. } = &mut self.wants
            && name != other
            && !other.is_empty()
        {
            others.push((other.to_owned(), is.to_owned()));
        }
        self
    }

    /// Shows the question on the terminal and waits for its answer. Why an answer was not accepted is said there, too;
    /// what then does not happen is the caller's to say.
    pub fn ask(&self, screen: &Screen, caller: CallerKind) -> Result<Answer, NoAnswer> {
        self.ask_beside(screen, caller, None)
    }

    /// The same. Once `news` is there, it is shown, and the question stands anew: what was typed before and not ended with Enter does not count.
    pub fn ask_beside(
        &self,
        screen: &Screen,
        caller: CallerKind,
        news: Option<QuestionNews<'_>>,
    ) -> Result<Answer, NoAnswer> {
        match caller {
            CallerKind::Person => {}
            CallerKind::Script => return Err(NoAnswer::NoTerminal),
            CallerKind::Agent => return Err(NoAnswer::Agent),
        }
        let waiting = "\nfender: another command is asking on this terminal; this one waits for its answer\n";
        let mut terminal = Terminal::open(waiting).ok_or(NoAnswer::NoTerminal)?;
        let reply = self.asked(&mut terminal, screen, waiting, news).unwrap_or(Reply::No);
        if reply == Reply::No {
            terminal.close_with_the_process();
        }
        Ok(Answer { reply })
    }

    fn asked(
        &self,
        terminal: &mut Terminal,
        screen: &Screen,
        waiting: &str,
        mut news: Option<QuestionNews<'_>>,
    ) -> std::io::Result<Reply> {
        terminal.show(&self.text)?;
        let mut current = Cow::Borrowed(self);
        let mut early = 0;
        loop {
            match terminal.ask(&current.prompt(screen), waiting, news.as_ref().map(|news| news.ready))? {
                Input::Line(line) => match current.reply(&line) {
                    Read::List => {
                        if let Some(list) = &current.list {
                            pager::show(terminal, list);
                        }
                    }
                    Read::Reply(reply) => return Ok(reply),
                    Read::Wrong(why) => {
                        terminal.show(&screen.filled("fender: ", &why))?;
                        return Ok(Reply::No);
                    }
                },
                Input::News => {
                    if let Some(QuestionNews { read, .. }) = news.take() {
                        let (text, question) = read();
                        // The cursor stands behind the question.
                        terminal.show(&format!("\n{text}"))?;
                        current = Cow::Owned(question);
                    }
                }
                Input::TooEarly if early < PATIENCE => {
                    early += 1;
                    terminal
                        .show("fender: this answer came before the question could be read; please answer again\n")?;
                }
                Input::TooEarly | Input::Several => {
                    terminal.show("fender: several lines came at once; only a single typed line is an answer\n")?;
                    return Ok(Reply::No);
                }
                Input::End => {
                    // The cursor stands behind the question.
                    terminal.show("\n")?;
                    return Ok(Reply::No);
                }
                Input::Continued => terminal.show(&format!("\n{}", current.text))?,
            }
        }
    }

    /// What a person reads first.
    pub fn whole_text(&self) -> &str {
        &self.text
    }

    /// All that is shown of it, for documents.
    pub fn shown(&self, screen: &Screen) -> String {
        format!("{}{}", self.text, self.prompt(screen))
    }

    /// The last lines: where this is, the other keys, and what Enter is not.
    pub fn prompt(&self, screen: &Screen) -> String {
        let mut out = String::from("\n");
        if !self.warning.is_empty() {
            out.push_str(&screen.filled("", &self.warning));
        }
        // The environment stands apart from the keys.
        let mut parts: Vec<(&str, String)> = Vec::new();
        if let Some(place) = &self.place {
            let name = format!("[{}]", shown(&place.name));
            parts.push(("  ", if place.is_production { screen.marked(&name) } else { name }));
        }
        if self.list.is_some() {
            parts.push(("   ", "l: list all".to_owned()));
        }
        parts.extend(self.keys.iter().map(|(key, does)| ("   ", format!("{key}: {does}"))));
        match self.fixes {
            0 => {}
            1 => parts.push(("   ", "1: only this fix".to_owned())),
            count => parts.push(("   ", format!("1 {count}: only these fixes"))),
        }
        let (mut column, mut gap) = (0, "");
        for (next, part) in &parts {
            if column > 0 && column + gap.len() + width(part) > screen.width {
                out.push('\n');
                column = 0;
            } else {
                out.push_str(gap);
                column += gap.len();
            }
            out.push_str(part);
            column += width(part);
            gap = next;
        }
        if !parts.is_empty() {
            out.push('\n');
        }
        match &self.wants {
            Wants::Yes(question) => {
                let _ = write!(out, "{question} [y/N] ");
            }
            Wants::Words { question, otherwise } => {
                let _ = write!(out, "{question} (Enter for {:?}): ", shown(otherwise));
            }
            Wants::Name { name, to, .. } => {
                let _ = write!(out, "Type {} to {to}, Enter to cancel: ", shown(name));
            }
        }
        out
    }

    /// What a line means.
    fn reply(&self, line: &str) -> Read {
        let lower = line.to_lowercase();
        let mut letters = lower.chars();
        if let (Some(key), None) = (letters.next(), letters.next()) {
            // A key is a key, whatever the engine is called.
            if self.keys.iter().any(|(known, _)| *known == key) {
                return Read::Reply(Reply::Key(key));
            }
            if key == 'l' && self.list.is_some() {
                return Read::List;
            }
        }
        if let Some(fixes) = self.chosen(line) {
            return Read::Reply(Reply::Fixes(fixes));
        }
        match &self.wants {
            Wants::Words { otherwise, .. } => {
                let said = if line.trim().is_empty() { otherwise.as_str() } else { line.trim() };
                Read::Reply(Reply::Words(said.to_owned()))
            }
            _ if line.is_empty() => Read::Reply(Reply::No),
            Wants::Yes(_) => match lower.as_str() {
                "y" | "yes" => Read::Reply(Reply::Yes),
                "n" | "no" => Read::Reply(Reply::No),
                _ => Read::Wrong(format!("{} is not an answer here", said(line))),
            },
            Wants::Name { name, .. } if line == name && !name.is_empty() => Read::Reply(Reply::Yes),
            Wants::Name { name, others, .. } => {
                let name = shown(name);
                let other = others.iter().find(|(other, _)| other == line);
                Read::Wrong(match other {
                    Some((other, is)) => format!("{} is {is}; the engine's name is {name}", shown(other)),
                    None => format!("{} is not the engine's name, which is {name}", said(line)),
                })
            }
        }
    }

    /// `1 3` or `1,3`: numbers of fixes, each in range.
    fn chosen(&self, line: &str) -> Option<Vec<usize>> {
        let parts = line.split([' ', ',']).filter(|part| !part.is_empty());
        let mut numbers: Vec<usize> = parts
            .map(|part| part.parse().ok().filter(|number| (1..=self.fixes).contains(number)))
            .collect::<Option<_>>()?;
        numbers.put_in_order();
        numbers.dedup();
        (!numbers.is_empty()).then_some(numbers)
    }
}

/// What was typed, as far as a line takes it.
fn said(line: &str) -> String {
    format!("\"{}\"", cut(&shown(line), 40))
}

#[derive(Debug, PartialEq, Eq)]
enum Read {
    Reply(Reply),
    List,
    /// No answer: why.
    Wrong(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(question: &Question, line: &str) -> Option<Reply> {
        match question.reply(line) {
            Read::Reply(reply) => Some(reply),
            Read::List | Read::Wrong(_) => None,
        }
    }

    #[test]
    fn only_what_was_offered_is_an_answer() {
        let plain = Question::yes_or_no("Run it?");
        for (line, expected) in [
            ("y", Some(Reply::Yes)),
            ("YES", Some(Reply::Yes)),
            ("", Some(Reply::No)),
            ("n", Some(Reply::No)),
            ("f", None),
            ("l", None),
            ("1", None),
            ("yy", None),
            ("y y", None),
        ] {
            assert_eq!(reply(&plain, line), expected, "{line:?}");
        }
        let keys = plain.key('f', "run the fixed command").fixes(3).list("all");
        for (line, expected) in [
            ("f", Some(Reply::Key('f'))),
            ("F", Some(Reply::Key('f'))),
            ("1 3", Some(Reply::Fixes(vec![1, 3]))),
            ("3,1, 3", Some(Reply::Fixes(vec![1, 3]))),
            ("1 4", None),
            ("0", None),
            ("1 y", None),
            ("-1", None),
        ] {
            assert_eq!(reply(&keys, line), expected, "{line:?}");
        }
        assert_eq!(keys.reply("l"), Read::List);
    }

    #[test]
    fn one_name_counts() {
        let question = Question::name("vm", "delete").not("prod", "the context's name").not("vm", "itself");
        assert_eq!(reply(&question, "vm"), Some(Reply::Yes));
        assert_eq!(reply(&question, ""), Some(Reply::No));
        for line in ["y", "VM", "vm vm", "prod", "v"] {
            assert_eq!(reply(&question, line), None, "{line:?}");
        }
        let Read::Wrong(why) = question.reply("prod") else { panic!("a reason") };
        assert_eq!(why, "prod is the context's name; the engine's name is vm");
        // An engine that is called like a key is not confirmed by the key, and no name at all by nothing.
        assert_eq!(reply(&Question::name("s", "delete").key('s', "the smaller one"), "s"), Some(Reply::Key('s')));
        assert_eq!(reply(&Question::name("", "delete"), ""), Some(Reply::No));
    }

    #[test]
    fn the_last_lines_say_where_and_end_with_no() {
        let screen = Screen::plain();
        let question =
            Question::yes_or_no("Run as typed?").on("prod", true, "web-2").key('f', "run the fixed command").fixes(3);
        assert_eq!(
            question.prompt(&screen),
            "\n[PROD web-2]  f: run the fixed command   1 3: only these fixes\nRun as typed? [y/N] "
        );
        assert_eq!(Question::yes_or_no("Restore?").prompt(&screen), "\nRestore? [y/N] ");
        let narrow = Screen { width: 40, ..screen };
        for line in question.list("all").prompt(&narrow).lines() {
            assert!(width(line) <= 40, "{line:?}");
        }
    }
}
