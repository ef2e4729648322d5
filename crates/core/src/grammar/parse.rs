//! Reads a command line as cobra and pflag do.
//!
//! Follows docker/cli `cli/cobra.go` and `cmd/docker/docker.go` (global flags end at the first operand; then the tree
//! is walked), cobra's `Traverse` and `execute`, and pflag's `parseArgs`. No I/O.

use super::{COMMANDS, Command, Flag, FlagKind, HELP, child, find, root, values};

/// A flag with a value, and where both stand.
#[derive(Clone, Debug)]
pub struct Set {
    /// Which flag.
    pub flag: &'static Flag,
    /// As typed (or the flag's value-less form), before docker's own normalisation.
    pub value: String,
    /// The word with the flag's name.
    pub word: usize,
    /// The word with the value, and the byte in it where the value starts; none where no value was typed.
    pub at: Option<(usize, usize)>,
}

impl Set {
    /// The words to point at.
    pub fn words(&self) -> Vec<usize> {
        match self.at {
            Some((value, _)) if value != self.word => vec![self.word, value],
            _ => vec![self.word],
        }
    }
}

/// What the words ask for besides running a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// `--help`, or the command `help`.
    Help,
    /// `--version` or `-v`.
    Version,
    /// cobra's hidden commands by which shells complete.
    Completion,
}

/// Why docker would not run the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// docker's own message.
    pub text: String,
    /// The words are not in the tables: another version of docker may know them.
    pub unknown: bool,
    /// The word where it shows.
    pub word: Option<usize>,
}

/// One parsed command line. Positions are indexes into `words`, which do not include `docker` itself.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The args as they were typed, without `docker` in front.
    pub words: Vec<String>,
    /// Flags of docker itself, in the order in which they stand.
    pub globals: Vec<Set>,
    /// None when the words name no command of the tables.
    pub command: Option<&'static Command>,
    /// Where the command's own words stand.
    pub named_by: Vec<usize>,
    /// The name of a plugin that is not in the tables, such as `scout`.
    pub plugin: Option<String>,
    /// Flags of groups above the command (`docker compose -f …`), then the command's own.
    pub above: Vec<Set>,
    /// Flags of the command, in the order in which they stand.
    pub flags: Vec<Set>,
    /// Positions of operands in `words`.
    pub operands: Vec<usize>,
    /// Where another flag of the command may be put in: before `--` or the first operand.
    pub flags_end: usize,
    /// What docker prints instead of running the command.
    pub shows: Option<Shows>,
    /// Why docker would not run it.
    pub refusal: Option<Refusal>,
}

/// What to take an unknown flag for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Docker's own way.
    Refuse,
    /// A flag of a newer docker that takes no value.
    Alone,
    /// A flag of a newer docker that takes the next word.
    TakesValue,
    /// As `Alone`, and values that docker refuses are passed over, too: what the rest would do is then known if docker takes
    /// the words after all. The number of operands stays: no docker runs a command without them.
    Despite,
}

/// Which program `docker build`, `docker builder` and `docker image build` reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Builder {
    /// The builder of the engine.
    Legacy,
    /// BuildKit, by the plugin buildx.
    Buildx,
    /// The plugin with this name, where the alias `builder` of config.json says so.
    Other(String),
}

impl Invocation {
    /// The canonical command, such as `container run`; empty when there is none.
    pub fn canonical(&self) -> &'static str {
        self.command.map_or("", |command| command.canonical)
    }

    /// Whether docker asks an engine for it: not for help, nor for what stands in its own files or a registry.
    pub fn asks_an_engine(&self) -> bool {
        const OTHERS: [&str; 8] =
            ["context ", "manifest ", "trust ", "login", "logout", "compose config", "compose version", "buildx "];
        let command = self.command.filter(|command| !command.group && !command.canonical.is_empty());
        command.is_some_and(|command| !OTHERS.iter().any(|other| command.canonical.starts_with(other)))
            && self.shows.is_none()
            && self.refusal.is_none()
    }

    /// All values of the flags with these names, in the order typed.
    pub fn all<'a>(&'a self, names: &'a [&'a str]) -> impl DoubleEndedIterator<Item = &'a Set> + 'a {
        self.flags.iter().filter(move |set| names.contains(&set.flag.name))
    }

    /// The value that counts: the last one.
    pub fn last(&self, name: &str) -> Option<&Set> {
        self.flags.iter().rev().find(|set| set.flag.name == name)
    }

    /// The value of a text flag, or its default.
    pub fn text(&self, name: &str) -> &str {
        self.last(name).map_or_else(
            || self.command.and_then(|command| command.long(name)).map_or("", |flag| flag.default),
            |set| &set.value,
        )
    }

    /// The text values of a repeatable flag.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.flags.iter().filter(|set| set.flag.name == name).map(|set| set.value.clone()).collect()
    }

    /// Whether a boolean flag is on, after its default.
    pub fn on(&self, name: &str) -> bool {
        is_on(&self.flags, name, self.command)
    }

    /// The same for a flag of the group above (`docker compose --dry-run`).
    pub fn on_above(&self, name: &str) -> bool {
        is_on(&self.above, name, None)
    }

    /// Whether a flag of the command stands there, with whatever value.
    pub fn changed(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// A flag's whole number; its default where it does not stand.
    pub fn int(&self, name: &str) -> i64 {
        self.last(name).and_then(|set| values::int(&set.value).ok()).unwrap_or_else(|| {
            self.command
                .and_then(|command| command.long(name))
                .and_then(|flag| flag.default.parse().ok())
                .unwrap_or_default()
        })
    }

    /// The operand at this position among the operands; empty where there is none.
    pub fn operand(&self, index: usize) -> &str {
        self.operands.get(index).map_or("", |word| self.arg(*word))
    }

    /// The position of the operand with this number, for the effect that it makes; none where there is no such operand.
    pub fn operand_at(&self, index: usize) -> &[usize] {
        self.operands.get(index..=index).unwrap_or_default()
    }

    /// The arg at this position, which is one that this invocation names: of its operands, its flags or its command.
    pub fn arg(&self, at: usize) -> &str {
        arg(&self.words, at)
    }

    /// All operands.
    pub fn operand_texts(&self) -> Vec<String> {
        self.operands.iter().map(|word| self.arg(*word).to_owned()).collect()
    }

    /// The last of docker's own flags with this name.
    pub fn global(&self, name: &str) -> Option<&Set> {
        self.globals.iter().rev().find(|set| set.flag.name == name)
    }
}

fn is_on(sets: &[Set], name: &str, command: Option<&'static Command>) -> bool {
    match sets.iter().rev().find(|set| set.flag.name == name) {
        Some(set) => values::bool(&set.value).unwrap_or(false),
        None => command.and_then(|command| command.long(name)).is_some_and(|flag| flag.default == "true"),
    }
}

/// Reads `words` (without `docker`). `builder` is asked only for build commands.
pub fn parse(words: &[String], unknown: Unknown, builder: &dyn Fn() -> Builder) -> Invocation {
    let mut invocation = Invocation {
        words: words.to_vec(),
        globals: Vec::new(),
        command: None,
        named_by: Vec::new(),
        plugin: None,
        above: Vec::new(),
        flags: Vec::new(),
        operands: Vec::new(),
        flags_end: words.len(),
        shows: None,
        refusal: None,
    };
    if let Err(refusal) = (Reader { words, unknown }).read(&mut invocation, builder) {
        invocation.refusal = Some(refusal);
    }
    invocation
}

struct Reader<'a> {
    words: &'a [String],
    unknown: Unknown,
}

/// The outcome of reading flags: what was set, which words are operands, and where flags end.
struct Flags {
    sets: Vec<Set>,
    operands: Vec<usize>,
    end: usize,
    help: bool,
}

#[expect(
    clippy::indexing_slicing,
    reason = "positions are found in these words; an arg that is not read must not look empty"
)]
fn arg(words: &[String], at: usize) -> &str {
    &words[at]
}

impl Reader<'_> {
    fn read(&self, invocation: &mut Invocation, builder: &dyn Fn() -> Builder) -> Result<(), Refusal> {
        let globals = self.flags(root(), 0, false)?;
        let help = globals.help;
        invocation.globals = globals.sets;
        let Some(first) = globals.operands.first().copied() else {
            // `docker`, `docker --version`, `docker --help`: it prints something about itself.
            let version = is_on(&invocation.globals, "version", None) && !help;
            invocation.shows = Some(if version { Shows::Version } else { Shows::Help });
            return Ok(());
        };
        if invocation.global("host").is_some() && !invocation.global("context").is_none_or(|set| set.value.is_empty()) {
            return Err(usage("conflicting options: cannot specify both --host and --context", None));
        }
        match arg(self.words, first) {
            word if word.starts_with("__complete") => {
                invocation.shows = Some(Shows::Completion);
                return Ok(());
            }
            "completion" => {
                invocation.shows = Some(Shows::Completion);
                return Ok(());
            }
            "help" => {
                invocation.shows = Some(Shows::Help);
                return Ok(());
            }
            _ => {}
        }
        if let Some((_, words)) = self.build_words(first)
            && let Builder::Other(name) = builder()
        {
            invocation.named_by = (first..first + words).collect();
            invocation.plugin = Some(name);
            return Ok(());
        }
        let (start, at) = match self.forwarded(first, builder) {
            Some((command, named_by)) => {
                let at = first + named_by;
                invocation.named_by = (first..at).collect();
                (command, at)
            }
            None => (root(), first),
        };
        self.walk(invocation, start, at, help)
    }

    /// docker/cli `cmd/docker/builder.go`: these words are replaced by a call of the buildx plugin.
    fn forwarded(&self, first: usize, builder: &dyn Fn() -> Builder) -> Option<(&'static Command, usize)> {
        if self.words.get(first)? == "bake" {
            return find("buildx bake").map(|command| (command, 1));
        }
        let (path, words) = self.build_words(first)?;
        (builder() == Builder::Buildx).then(|| find(path).map(|command| (command, words))).flatten()
    }

    /// The words that are replaced, as a command of buildx and their number.
    fn build_words(&self, first: usize) -> Option<(&'static str, usize)> {
        match (self.words.get(first)?.as_str(), self.words.get(first + 1).map(String::as_str)) {
            ("builder", _) => Some(("buildx", 1)),
            ("build", _) => Some(("buildx build", 1)),
            ("image", Some("build")) => Some(("buildx build", 2)),
            _ => None,
        }
    }

    /// cobra's `Traverse`: down the tree, reading the flags of each group on the way, then the command's own.
    fn walk(
        &self,
        invocation: &mut Invocation,
        start: &'static Command,
        from: usize,
        mut help: bool,
    ) -> Result<(), Refusal> {
        let mut command = start;
        let mut at = from;
        'tree: loop {
            let mut index = at;
            let mut value_next = false;
            while let Some(word) = self.words.get(index) {
                let name = word.strip_prefix('-').filter(|name| !name.contains('='));
                let takes_next = |flag: Option<&Flag>| flag.is_none_or(|flag| flag.no_opt.is_empty());
                let of_letter =
                    |name: &str| matches!(name.as_bytes(), [letter] if takes_next(lookup_short(command, *letter)));
                if let Some(long) = name.and_then(|name| name.strip_prefix('-')) {
                    value_next = takes_next(lookup_long(command, long));
                } else if name.is_some_and(of_letter) {
                    value_next = true;
                } else if value_next {
                    value_next = false;
                } else if !(word.starts_with('-') && word.len() >= 2) {
                    let Some(next) = child(command, word) else { break };
                    let above = self.flags_between(command, at, index)?;
                    help |= above.help;
                    invocation.above.extend(above.sets);
                    invocation.named_by.push(index);
                    command = next;
                    at = index + 1;
                    continue 'tree;
                }
                index += 1;
            }
            break;
        }
        if command.path.is_empty() {
            return self.not_a_command(invocation, at);
        }
        invocation.command = Some(command);
        let own = self.flags(command, at, command.interspersed)?;
        // `run`, `create` and the like declare a `--help` of their own; the others share the global one.
        help = own.help || (help && command.long("help").is_none());
        invocation.flags = own.sets;
        invocation.operands = own.operands;
        invocation.flags_end = own.end;
        if help {
            invocation.shows = Some(Shows::Help);
            return Ok(());
        }
        if command.group && command.canonical != "buildx history inspect" {
            return self.group(invocation, command);
        }
        self.count_operands(command, &invocation.operands)
    }

    /// The first word is no command of the tables: a plugin's name, or nothing docker knows.
    fn not_a_command(&self, invocation: &mut Invocation, at: usize) -> Result<(), Refusal> {
        let Some(word) = self.words.get(at) else {
            invocation.shows = Some(Shows::Help);
            return Ok(());
        };
        invocation.named_by = vec![at];
        let mut letters = word.bytes();
        if letters.next().is_some_and(|b| b.is_ascii_lowercase())
            && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        {
            invocation.plugin = Some(word.clone());
            return Ok(());
        }
        if word.starts_with('-') {
            self.flags(root(), at, true)?;
        }
        Err(usage(&format!("docker: unknown command: docker {word}"), Some(at)))
    }

    fn group(&self, invocation: &mut Invocation, command: &'static Command) -> Result<(), Refusal> {
        match invocation.operands.first() {
            None => {
                invocation.shows =
                    Some(if is_on(&invocation.flags, "version", None) { Shows::Version } else { Shows::Help });
                Ok(())
            }
            Some(word) => Err(Refusal {
                text: format!("docker: unknown command: docker {} {}", command.path, arg(self.words, *word)),
                unknown: true,
                word: Some(*word),
            }),
        }
    }

    fn count_operands(&self, command: &Command, operands: &[usize]) -> Result<(), Refusal> {
        let (least, most) = (command.least as usize, command.most as usize);
        let count = operands.len();
        if count >= least && (count <= most || most == u8::MAX as usize) {
            return Ok(());
        }
        let noun = |n: usize| if n == 1 { "argument" } else { "arguments" };
        let path = command.path;
        let text = match (least, most) {
            (0, 0) => format!("docker: 'docker {path}' accepts no arguments"),
            (least, most) if least == most => format!("docker: 'docker {path}' requires {least} {}", noun(least)),
            (least, most) if most == u8::MAX as usize => {
                format!("docker: 'docker {path}' requires at least {least} {}", noun(least))
            }
            (0, most) => format!("docker: 'docker {path}' requires at most {most} {}", noun(most)),
            (least, most) => {
                format!("docker: 'docker {path}' requires at least {least} and at most {most} {}", noun(most))
            }
        };
        Err(usage(&text, operands.get(most).copied()))
    }

    fn flags_between(&self, command: &'static Command, from: usize, to: usize) -> Result<Flags, Refusal> {
        Reader { words: self.words.get(..to).unwrap_or(self.words), unknown: self.unknown }.flags(command, from, true)
    }

    /// pflag's `parseArgs`.
    fn flags(&self, command: &'static Command, from: usize, interspersed: bool) -> Result<Flags, Refusal> {
        let mut flags = Flags { sets: Vec::new(), operands: Vec::new(), end: self.words.len(), help: false };
        let mut ended = false;
        let mut index = from;
        while let Some(word) = self.words.get(index) {
            if !word.starts_with('-') || word.len() == 1 {
                if !ended {
                    flags.end = index;
                    ended = true;
                }
                if !interspersed {
                    flags.operands.extend(index..self.words.len());
                    break;
                }
                flags.operands.push(index);
                index += 1;
            } else if word == "--" {
                if !ended {
                    flags.end = index;
                }
                flags.operands.extend(index + 1..self.words.len());
                break;
            } else if let Some(name) = word.strip_prefix("--") {
                index = self.long(command, name, index, &mut flags)?;
            } else {
                index = self.shorts(command, index, &mut flags)?;
            }
            if flags.help && lookup_long(command, "help").is_none() {
                break;
            }
        }
        flags.help |= is_on(&flags.sets, "help", None);
        Ok(flags)
    }

    /// One word that starts with `--`; gives the index of the next word.
    fn long(&self, command: &'static Command, name: &str, index: usize, flags: &mut Flags) -> Result<usize, Refusal> {
        let word = arg(self.words, index);
        if name.starts_with('-') || name.starts_with('=') {
            return self.passed_over(usage(&format!("bad flag syntax: {word}"), Some(index)), index + 1);
        }
        let (name, attached) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        let Some(flag) = lookup_long(command, name) else {
            return match self.unknown {
                Unknown::Refuse => {
                    Err(Refusal { text: format!("unknown flag: --{name}"), unknown: true, word: Some(index) })
                }
                Unknown::TakesValue if attached.is_none() => Ok(index + 2),
                _ => Ok(index + 1),
            };
        };
        if let Some(value) = attached {
            let at = word.len() - value.len();
            self.set(command, flag, value.to_owned(), index, Some((index, at)), flags)?;
            return Ok(index + 1);
        }
        if !flag.no_opt.is_empty() {
            self.set(command, flag, flag.no_opt.to_owned(), index, None, flags)?;
            return Ok(index + 1);
        }
        let Some(value) = self.words.get(index + 1) else {
            return self.passed_over(usage(&format!("flag needs an argument: --{name}"), Some(index)), index + 1);
        };
        self.set(command, flag, value.clone(), index, Some((index + 1, 0)), flags)?;
        Ok(index + 2)
    }

    /// One word of clustered one-letter flags; gives the index of the next word.
    fn shorts(&self, command: &'static Command, index: usize, flags: &mut Flags) -> Result<usize, Refusal> {
        let word = arg(self.words, index);
        let mut at = 1;
        while let Some(rest @ [letter, after @ ..]) = word.as_bytes().get(at..) {
            let Some(flag) = lookup_short(command, *letter) else {
                if matches!(self.unknown, Unknown::Alone | Unknown::Despite) {
                    at += 1;
                    continue;
                }
                let letter = String::from_utf8_lossy(std::slice::from_ref(letter));
                return match self.unknown {
                    Unknown::Refuse => Err(Refusal {
                        text: format!("unknown shorthand flag: '{letter}' in -{}", String::from_utf8_lossy(rest)),
                        unknown: true,
                        word: Some(index),
                    }),
                    Unknown::TakesValue if rest.len() == 1 => Ok(index + 2),
                    _ => Ok(index + 1),
                };
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            if let Some(value) = after.strip_prefix(b"=").filter(|value| !value.is_empty()) {
                self.set(command, flag, text(value), index, Some((index, at + 2)), flags)?;
                return Ok(index + 1);
            }
            if !flag.no_opt.is_empty() {
                self.set(command, flag, flag.no_opt.to_owned(), index, None, flags)?;
                at += 1;
                continue;
            }
            if !after.is_empty() {
                self.set(command, flag, text(after), index, Some((index, at + 1)), flags)?;
                return Ok(index + 1);
            }
            let Some(value) = self.words.get(index + 1) else {
                let text = format!("flag needs an argument: '{}' in {word}", flag.short as char);
                return self.passed_over(usage(&text, Some(index)), index + 1);
            };
            self.set(command, flag, value.clone(), index, Some((index + 1, 0)), flags)?;
            return Ok(index + 2);
        }
        Ok(index + 1)
    }

    /// The next word to read, where what docker refuses is passed over.
    fn passed_over(&self, refusal: Refusal, next: usize) -> Result<usize, Refusal> {
        if self.unknown == Unknown::Despite { Ok(next) } else { Err(refusal) }
    }

    fn set(
        &self,
        command: &'static Command,
        flag: &'static Flag,
        value: String,
        word: usize,
        at: Option<(usize, usize)>,
        flags: &mut Flags,
    ) -> Result<(), Refusal> {
        let problem = values::check(command, flag, &value).err();
        // A value that only a newer docker may know passes where unknown words are let through.
        if problem.is_some() && self.unknown == Unknown::Despite {
            return Ok(());
        }
        if let Some(problem) = problem.filter(|problem| self.unknown == Unknown::Refuse || !problem.unknown) {
            let name = match flag.short {
                0 => format!("--{}", flag.name),
                short => format!("-{}, --{}", short as char, flag.name),
            };
            return Err(Refusal {
                text: format!("invalid argument {value:?} for {name:?} flag: {}", problem.text),
                unknown: problem.unknown,
                word: Some(at.map_or(word, |(value, _)| value)),
            });
        }
        flags.sets.push(Set { flag, value, word, at });
        Ok(())
    }
}

fn usage(text: &str, word: Option<usize>) -> Refusal {
    Refusal { text: text.to_owned(), unknown: false, word }
}

fn lookup_long(command: &'static Command, name: &str) -> Option<&'static Flag> {
    command.long(name).or_else(|| (name == HELP.name).then_some(&HELP))
}

fn lookup_short(command: &'static Command, letter: u8) -> Option<&'static Flag> {
    command.short(letter).or_else(|| (letter == HELP.short).then_some(&HELP))
}

/// Whether a boolean flag of this kind takes a value only after `=`.
pub fn is_switch(flag: &Flag) -> bool {
    flag.kind == FlagKind::Bool
}

/// All commands, for completions and tests.
pub fn commands() -> &'static [Command] {
    COMMANDS
}
