//! `fender context`: which files a build would send. Runs nothing and asks no engine.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::environment::context::{survey, survey_with_left};
use crate::environment::host::Surroundings;
use crate::exit::DONE;
use crate::failure::Failure;
use crate::ui::screen::{Screen, shown};
use fender_core::files::context::{ContextEntry, ContextRequest, Sender, Survey};
use fender_core::files::dockerfile::Given;
use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::lower::{self, Build, Effect};
use fender_core::text::{bytes, count, did_you_mean};

/// How many of the largest entries are named.
const LARGEST: usize = 10;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ContextFormat {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub struct ContextCommand {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: ContextFormat,
    /// The Dockerfile, if it is not PATH/Dockerfile
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// The stage that is built, if it is not the last one
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// The build context: a folder
    #[arg(default_value = ".", value_name = "PATH")]
    path: String,
}

impl ContextCommand {
    pub fn run(self) -> Result<u8, Failure> {
        let sender = match lower::builder(&Surroundings { assume_terminal: true }) {
            Builder::Legacy => Sender::Legacy,
            // What another builder sends is not known: as BuildKit would.
            Builder::Buildx | Builder::Other(_) => Sender::BuildKit,
        };
        let dockerfile = self.file.clone().unwrap_or_else(|| format!("{}/Dockerfile", self.path.trim_end_matches('/')));
        let left = ContextRequest {
            folder: self.path.clone(),
            root: None,
            dockerfile: Some(dockerfile),
            sender,
            copied: None,
        };
        let build = build_of(&left, self.target.as_deref());
        if let Some(target) = self.target.as_deref().filter(|target| !target.is_empty()) {
            let file = left.dockerfile.as_deref().unwrap_or_default();
            check_target(target, file, build.as_ref())?;
        }
        let sends = match sender {
            Sender::Legacy => Sends::Everything("the legacy builder sends all of it, whatever the Dockerfile copies"),
            Sender::BuildKit => sends(&left, build.as_ref()),
        };
        let context = match sends {
            Sends::Everything(why) => {
                let sent = survey(&left).map_err(Failure::user)?;
                ContextAnswer { sent, left: None, why, sender }
            }
            Sends::Copied(wanted) => {
                let (sent, left) = survey_with_left(&wanted).map_err(Failure::user)?;
                ContextAnswer {
                    sent,
                    left: Some(left),
                    why: "BuildKit sends only the files that the Dockerfile copies",
                    sender,
                }
            }
        };
        let text = match self.format {
            ContextFormat::Json => format!("{:#}\n", as_json(&context)),
            ContextFormat::Text => as_text(&self.path, &context, &Screen::new(stdout().is_terminal())),
        };
        stdout().write_all(text.as_bytes())?;
        Ok(DONE)
    }
}

/// Which part of a context a build sends.
enum Sends {
    /// Everything that an ignore file leaves, and why.
    Everything(&'static str),
    /// What the Dockerfile copies.
    Copied(ContextRequest),
}

/// The build of a context: of the last stage, or of `target`. None where its Dockerfile cannot be read.
fn build_of(left: &ContextRequest, target: Option<&str>) -> Option<Build> {
    let file = format!("--file={}", left.dockerfile.as_deref().unwrap_or_default());
    let target = format!("--target={}", target.unwrap_or_default());
    let words = ["buildx", "build", &file, &target, "--", &left.folder].map(str::to_owned);
    let host = Surroundings { assume_terminal: true };
    let invocation = parse(&words, Unknown::Refuse, &|| Builder::Buildx);
    let build = lower::lower(&invocation, &host).effects.into_iter().find_map(|effect| match effect {
        Effect::Builds(build) => Some(*build),
        _ => None,
    });
    build.filter(|build| build.dockerfile.is_some())
}

/// Refuses a stage that the Dockerfile does not have, as the builder would.
fn check_target(target: &str, path: &str, build: Option<&Build>) -> Result<(), Failure> {
    let Some(file) = build.and_then(|build| build.dockerfile.as_ref()) else {
        return Err(Failure::user(format!("{path} cannot be read, so it is not known what its stage {target} copies")));
    };
    let given = Given { target: Some(target.to_owned()), ..Given::default() };
    if file.target(&given).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = file.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    let failure = Failure::user(format!("there is no stage {target:?} in {path}"));
    Err(match names.is_empty() {
        true => failure.hint("its stages have no names; they have the numbers 0, 1, …"),
        false => {
            failure.hint(did_you_mean(target, names.iter().copied(), &format!("its stages: {}", names.join(", "))))
        }
    })
}

/// What BuildKit sends of a context.
fn sends(left: &ContextRequest, build: Option<&Build>) -> Sends {
    let Some(build) = build else {
        return Sends::Everything("no Dockerfile could be read, so this counts as if one copied everything");
    };
    match build.context.as_ref().and_then(|wanted| wanted.copied.clone()) {
        Some(copied) => Sends::Copied(ContextRequest { copied: Some(copied), ..left.clone() }),
        None => Sends::Everything("the Dockerfile may copy all of it"),
    }
}

/// What is said of a context.
struct ContextAnswer {
    /// What a build sends.
    sent: Survey,
    /// How many files, and how many bytes, the ignore file leaves, where the build sends only a part of them.
    left: Option<(usize, u64)>,
    /// Why it sends these.
    why: &'static str,
    sender: Sender,
}

fn as_json(context: &ContextAnswer) -> Value {
    let survey = &context.sent;
    let (files, size) = context.left.unwrap_or((survey.paths.len(), survey.bytes()));
    let entries = |list: Vec<ContextEntry>| -> Vec<Value> {
        list.iter().map(|it| json!({"path": it.path, "size": it.size, "files": it.files})).collect()
    };
    let needless = survey.needless();
    json!({
        "root": survey.root.to_string_lossy(),
        "builder": match context.sender { Sender::Legacy => "legacy", Sender::BuildKit => "buildkit" },
        "ignore": survey.ignore.as_ref().map(|path| path.to_string_lossy()),
        "files": survey.files().map(|(path, size)| json!({"path": path, "size": size})).collect::<Vec<_>>(),
        "bytes": survey.bytes(),
        "left": {"files": files, "bytes": size},
        "secrets": survey.secrets.iter().map(|(path, what)| json!({"path": path, "what": what})).collect::<Vec<_>>(),
        "largest": entries(survey.largest(LARGEST)),
        "saves": {"bytes": needless.iter().map(|it| it.size).sum::<u64>(), "entries": entries(needless)},
    })
}

fn size(of: u64) -> String {
    bytes(i64::try_from(of).unwrap_or(i64::MAX))
}

fn as_text(path: &str, context: &ContextAnswer, screen: &Screen) -> String {
    let survey = &context.sent;
    let mut out = String::new();
    let ignore = match &survey.ignore {
        Some(path) => {
            let path = path.strip_prefix(&survey.root).unwrap_or(path);
            format!("without the files that {} excludes", shown(&path.to_string_lossy()))
        }
        None => "no ignore file".to_owned(),
    };
    let whole = format!("{}: {}, {}", shown(path), count(survey.paths.len(), "file"), size(survey.bytes()));
    let _ = match context.left {
        None => writeln!(out, "{}  {}", screen.bold(&whole), screen.dim(&format!("({ignore})"))),
        Some((files, bytes)) => {
            let of = format!("(of {}, {}; {ignore})", count(files, "file"), size(bytes));
            writeln!(out, "{}  {}", screen.bold(&whole), screen.dim(&of))
        }
    };
    if !survey.secrets.is_empty() {
        let _ = writeln!(out, "\n  {}", screen.marked("secrets"));
        for (path, what) in &survey.secrets {
            let _ = writeln!(out, "    {}  {}", shown(path), screen.dim(what));
        }
    }
    let entries = |out: &mut String, list: &[ContextEntry]| {
        let width = list.iter().map(|it| console::measure_text_width(&shown(&it.path))).max().unwrap_or(0).min(48);
        for it in list {
            let name = shown(&it.path);
            let gap = " ".repeat(width.saturating_sub(console::measure_text_width(&name)));
            let files = if it.path.ends_with('/') { count(it.files, "file") } else { String::new() };
            let line = format!("    {name}{gap}  {:>8}  {files}", size(it.size));
            let _ = writeln!(out, "{}", line.trim_end());
        }
    };
    let largest = survey.largest(LARGEST);
    if !largest.is_empty() {
        let _ = writeln!(out, "\n  {}", screen.bold("largest"));
        entries(&mut out, &largest);
    }
    let needless = survey.needless();
    if !needless.is_empty() {
        let saved: u64 = needless.iter().map(|it| it.size).sum();
        let _ = writeln!(out, "\n  {}", screen.bold(&format!("an ignore file would save {}", size(saved))));
        entries(&mut out, &needless[..needless.len().min(LARGEST)]);
        let rest = needless.len().saturating_sub(LARGEST);
        if rest > 0 {
            let _ = writeln!(out, "    and {rest} more; fender lint --diff --unsafe-fixes shows the lines to add");
        } else {
            let _ = writeln!(out, "    {}", screen.dim("fender lint --diff --unsafe-fixes shows the lines to add"));
        }
    }
    let _ = writeln!(out, "\n  {}", screen.dim(context.why));
    out
}
