//! Docker's command line as data, and the parser that reads a command line by it.
//!
//! The tables are made by `build.rs` from `data/grammar/*.jsonl`. Nothing here touches files, the environment or the
//! terminal: `lower` finds out what a flag's value means (an environment variable, a file).

pub mod parse;
pub mod values;

mod tables {
    use super::{Command, Flag, FlagKind};
    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

pub use tables::COMMANDS;

/// How a flag's value is checked and kept, after the Go type that docker gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// pflag's `Bool`: without a value it is true.
    Bool,
    /// Any text.
    Text,
    /// docker's `ListOpts`: may stand several times, each with one value.
    List,
    /// pflag's `StringSlice`: each value is a line of CSV.
    Slice,
    /// `key=value` pairs.
    Map,
    /// docker's `FilterOpt`: `key=value`, the key in lower case.
    Filter,
    /// docker's `NetworkOpt`: a name or a line of CSV.
    Network,
    /// docker's `MemBytes`: `512m`.
    Bytes,
    /// docker's `MemSwapBytes`: the same, or -1 for no limit.
    SwapBytes,
    /// A whole number of 64 bits.
    Int64,
    /// A whole number of 64 bits that is not negative.
    Uint64,
    /// A whole number of 16 bits that is not negative.
    Uint16,
    /// A whole number of 32 bits that is not negative.
    Uint32,
    /// Go's `time.Duration`: `1h30m`.
    Duration,
    /// The same, not negative.
    PositiveDuration,
    /// docker's `NanoCPUs`: a decimal number.
    Decimal,
    /// A number with a fraction.
    Float,
    /// An IP address.
    Ip,
}

/// One flag of one command, as every docker from 23 to 29 that has it declares it.
#[derive(Debug)]
pub struct Flag {
    /// Its name without the dashes.
    pub name: &'static str,
    /// The one-letter form, or 0.
    pub short: u8,
    /// How its value is read.
    pub kind: FlagKind,
    /// What the flag is set to when it stands without a value; empty when the next word is its value.
    pub no_opt: &'static str,
    /// Its value where it does not stand.
    pub default: &'static str,
    /// docker's own words where it is deprecated; else empty.
    pub deprecated: &'static str,
}

/// One command of docker, compose or buildx.
#[derive(Debug)]
pub struct Command {
    /// As typed, such as `run` or `container run`; empty for `docker` itself.
    pub path: &'static str,
    /// The management form of the same command, such as `container run`.
    pub canonical: &'static str,
    /// Other last words for it.
    pub aliases: &'static [&'static str],
    /// Its flags, sorted by name.
    pub flags: &'static [Flag],
    /// Whether flags may follow operands.
    pub interspersed: bool,
    /// Whether it groups others, as `docker container` does.
    pub group: bool,
    /// The least and most operands; `u8::MAX` is any number.
    pub least: u8,
    /// The most operands; `u8::MAX` is any number.
    pub most: u8,
}

impl Command {
    /// The flag of this name.
    pub fn long(&self, name: &str) -> Option<&'static Flag> {
        self.flags.binary_search_by(|flag| flag.name.cmp(name)).ok().and_then(|index| self.flags.get(index))
    }

    /// The flag of this letter.
    pub fn short(&self, letter: u8) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.short == letter && letter != 0)
    }
}

/// The persistent `--help` that every command has unless it declares its own.
pub static HELP: Flag =
    Flag { name: "help", short: b'h', kind: FlagKind::Bool, no_opt: "true", default: "false", deprecated: "" };

/// The command `docker` itself: its flags are the global ones.
pub fn root() -> &'static Command {
    ROOT
}

/// Looked up when the program is built: the tables are sorted, and the shortest path is the empty one.
static ROOT: &Command = match COMMANDS {
    [root, ..] if root.path.is_empty() => root,
    _ => panic!("the tables have no command docker"),
};

/// The command with this path, such as `container run`.
pub fn find(path: &str) -> Option<&'static Command> {
    COMMANDS.binary_search_by(|command| command.path.cmp(path)).ok().and_then(|index| COMMANDS.get(index))
}

/// The command below `parent` that `word` names, by its name or one of its aliases.
pub fn child(parent: &Command, word: &str) -> Option<&'static Command> {
    if !parent.group || word.is_empty() || word.contains(' ') {
        return None;
    }
    let joined = if parent.path.is_empty() { word.to_owned() } else { format!("{} {word}", parent.path) };
    find(&joined).or_else(|| {
        COMMANDS.iter().find(|command| {
            command.aliases.contains(&word)
                && command.path.rsplit_once(' ').map_or("", |(above, _)| above) == parent.path
        })
    })
}

/// Whether these words begin with a command that only reads: such commands go straight to the real client.
pub fn only_reads(canonical: &str) -> bool {
    READING.binary_search(&canonical).is_ok()
}

/// Commands that change nothing on the engine, the host or the client's configuration, sorted.
static READING: &[&str] = &[
    "",
    "builder",
    "buildx",
    "buildx du",
    "buildx history",
    "buildx history inspect",
    "buildx history logs",
    "buildx history ls",
    "buildx imagetools",
    "buildx imagetools inspect",
    "buildx ls",
    "buildx policy json-schema",
    "buildx version",
    "checkpoint",
    "checkpoint ls",
    "compose",
    "compose events",
    "compose images",
    "compose logs",
    "compose ls",
    "compose port",
    "compose ps",
    "compose stats",
    "compose top",
    "compose version",
    "compose volumes",
    "config",
    "config inspect",
    "config ls",
    "container",
    "container diff",
    "container inspect",
    "container logs",
    "container ls",
    "container port",
    "container stats",
    "container top",
    "container wait",
    "context",
    "context inspect",
    "context ls",
    "context show",
    "image",
    "image history",
    "image inspect",
    "image ls",
    "inspect",
    "manifest",
    "manifest inspect",
    "network",
    "network inspect",
    "network ls",
    "node",
    "node inspect",
    "node ls",
    "node ps",
    "plugin",
    "plugin inspect",
    "plugin ls",
    "search",
    "secret",
    "secret inspect",
    "secret ls",
    "service",
    "service inspect",
    "service logs",
    "service ls",
    "service ps",
    "stack",
    "stack ls",
    "stack ps",
    "stack services",
    "swarm",
    "system",
    "system df",
    "system events",
    "system info",
    "trust",
    "trust inspect",
    "trust key",
    "trust signer",
    "version",
    "volume",
    "volume inspect",
    "volume ls",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_without_duplicates() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].path < pair[1].path));
        for command in COMMANDS {
            assert!(command.flags.windows(2).all(|pair| pair[0].name < pair[1].name), "{}", command.path);
            let mut shorts: Vec<u8> = command.flags.iter().map(|flag| flag.short).filter(|short| *short != 0).collect();
            shorts.sort_unstable();
            assert!(shorts.windows(2).all(|pair| pair[0] != pair[1]), "{} has one letter twice", command.path);
            assert!(find(command.canonical).is_some(), "{} has no command {}", command.path, command.canonical);
        }
        assert!(READING.windows(2).all(|pair| pair[0] < pair[1]));
        for path in READING {
            assert!(find(path).is_some(), "{path}");
        }
    }

    #[test]
    fn aliases_name_their_command() {
        let below = |parent: &str, word: &str| child(find(parent)?, word).map(|command| command.canonical);
        assert_eq!(below("image", "remove"), Some("image rm"));
        assert_eq!(below("", "rmi"), Some("image rm"));
        assert_eq!(below("stack", "down"), Some("stack rm"));
        assert_eq!(below("container", ""), None);
        assert_eq!(below("run", "alpine"), None);
    }
}
