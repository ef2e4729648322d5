//! `build` with the legacy builder: docker/cli `cli/command/image/build.go`.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::Origins;
use crate::files::context::{ContextRequest, Sender};
use crate::files::dockerfile::{self, Directive, Dockerfile, Given};
use crate::files::text::{FileProblem, Place, Text};
use crate::host::Host;

/// An image that is built from files: its Dockerfile, read, and where its context lies.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// The Dockerfile, where it could be read.
    pub dockerfile: Option<Rc<Dockerfile>>,
    /// The file that is the Dockerfile; None where it comes from standard input or stands in another file.
    pub path: Option<String>,
    /// Why its Dockerfile cannot be read, or is refused by docker.
    pub problems: Vec<FileProblem>,
    /// Whether docker refuses the Dockerfile before anything is sent or built: its own error is all that happens.
    pub is_refused: bool,
    /// The stage that is built.
    pub stage: usize,
    /// Every stage that is needed for it.
    pub needed: Vec<usize>,
    /// A folder of this host that is sent.
    pub context: Option<ContextRequest>,
    /// Names of other contexts, which an image's name may be.
    pub named: BTreeSet<String>,
    /// `--build-arg` names that choose the program which reads the Dockerfile.
    pub frontend: Option<(String, Origins)>,
    /// The words of the context.
    pub origins: Origins,
}

/// What a command says about a build.
pub struct Said<'a> {
    /// The folder of the context; None for a context that is no folder here.
    pub folder: Option<&'a str>,
    /// Where the Dockerfile lies, as it is named to a person.
    pub dockerfile: Option<String>,
    /// The Dockerfile itself, where it does not come from a file.
    pub text: Option<Vec<u8>>,
    /// Where that text stands, if another file carries it.
    pub carrier: Option<Place>,
    /// Build arguments and the target.
    pub given: Given,
    /// Names of additional contexts.
    pub named: BTreeSet<String>,
    /// Which builder sends the context.
    pub sender: Sender,
    /// Where it comes from.
    pub origins: Origins,
}

/// The Dockerfiles that one command reads: each once, and no more than so many bytes of them for all its builds.
#[derive(Debug)]
pub struct Dockerfiles {
    read: HashMap<String, Rc<Dockerfile>>,
    room: usize,
}

/// Bytes of Dockerfiles that are looked at for one command.
const MOST: usize = 16 * 1024 * 1024;

impl Default for Dockerfiles {
    fn default() -> Dockerfiles {
        Dockerfiles { read: HashMap::new(), room: MOST }
    }
}

impl Dockerfiles {
    /// Reads a text as a Dockerfile, once for the same `key`.
    fn read(&mut self, text: &Rc<Text>, given: &Given, key: Option<String>) -> Result<Rc<Dockerfile>, FileProblem> {
        let Some(left) = self.room.checked_sub(text.text.len()) else {
            let reason = format!(
                "one command builds more than {} MiB of Dockerfiles; fender does not read this one",
                MOST >> 20
            );
            return Err(FileProblem { path: text.path.clone(), line: 1, column: 1, reason });
        };
        self.room = left;
        let Some(key) = key else { return Ok(Rc::new(dockerfile::read(text, given))) };
        Ok(self.read.entry(key).or_insert_with(|| Rc::new(dockerfile::read(text, given))).clone())
    }
}

impl Build {
    /// Reads what the command names; None where there is nothing to read.
    pub fn read(said: Said, dockerfiles: &mut Dockerfiles, host: &dyn Host) -> Option<Build> {
        let Said { folder, dockerfile, text, carrier, given, named, sender, origins } = said;
        let path = if text.is_some() { None } else { dockerfile.clone() };
        let name = dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned());
        let bytes = match (text, &dockerfile) {
            (Some(bytes), _) => bytes,
            (None, Some(path)) => host.read(path).ok()?,
            (None, None) => return None,
        };
        let frontend = given.arguments.iter().find(|(name, _)| name == "BUILDKIT_SYNTAX");
        let frontend = frontend.and_then(|(_, value)| Some((value.clone()?, origins.clone())));
        // The stage that is wanted says nothing about how the file is read.
        let key = path.as_ref().map(|path| format!("{path:?} {:?}", given.arguments));
        let mut build = Build { path, named, frontend, origins, ..Build::default() };
        let wanted = |copied| {
            folder.map(|folder| ContextRequest {
                folder: folder.to_owned(),
                root: None,
                dockerfile: dockerfile.clone(),
                sender,
                copied,
            })
        };
        let read = Text::from_bytes(&name, bytes).and_then(|text| {
            let text = match carrier {
                Some(place) => Text::carried(&place.text, place.span.clone(), &text.text),
                None => text,
            };
            dockerfiles.read(&text, &given, key)
        });
        match read {
            Ok(read) => {
                build.problems = read.problems().cloned().collect();
                if let Some(stage) = read.target(&given) {
                    build.stage = stage;
                    build.needed = match sender {
                        // The legacy builder goes through every stage up to the last one.
                        Sender::Legacy => (0..=stage).collect(),
                        Sender::BuildKit => read.needed(stage),
                    };
                }
                // The legacy builder sends everything before it reads the Dockerfile.
                build.is_refused =
                    sender == Sender::BuildKit && build.frontend.is_none() && read.is_refused(&build.needed);
                let copied = match sender {
                    Sender::Legacy => None,
                    Sender::BuildKit if read.unread.is_some() => None,
                    Sender::BuildKit => read.copied(&build.needed),
                };
                build.context = wanted(copied);
                build.dockerfile = Some(read);
            }
            Err(problem) => {
                build.problems.push(problem);
                build.context = wanted(None);
            }
        }
        Some(build)
    }

    /// What `ADD` does with what is no plain file.
    pub fn added(&self) -> Vec<String> {
        let Some(file) = self.file() else { return Vec::new() };
        let mut lines = Vec::new();
        for instruction in file.instructions_of(&self.needed) {
            let Directive::Copy { is_add: true, sources, .. } = &instruction.what else { continue };
            let checked = instruction.flag("checksum").is_some();
            for source in sources {
                let text = &source.text;
                let git = text.starts_with("git@")
                    || text.split(['#', '?']).next().is_some_and(|path| path.ends_with(".git"));
                if git {
                    lines.push(format!("clones           {text} (ADD)"));
                } else if dockerfile::is_remote(text) {
                    let how = if checked { "and compares its checksum" } else { "at each build, whatever it is then" };
                    lines.push(format!("downloads        {text} (ADD), {how}"));
                } else if dockerfile::is_archive(text) {
                    lines.push(format!("unpacks          {text} (ADD)"));
                }
            }
        }
        lines
    }

    /// Another context, as far as the Dockerfile copies from it.
    pub fn from_named(&self, name: &str, folder: &str, origins: Origins) -> Option<Build> {
        let file = self.file()?;
        let taken = file.instructions_of(&self.needed).filter_map(|it| match &it.what {
            Directive::Copy { from: Some(from), sources, .. } if from.text == name => Some(sources),
            _ => None,
        });
        let sources: Vec<&str> = taken.flatten().map(|source| source.text.as_str()).collect();
        let copied = dockerfile::copied_patterns(sources.iter().copied(), file.escape);
        let wanted = ContextRequest {
            folder: folder.to_owned(),
            root: None,
            dockerfile: None,
            sender: Sender::BuildKit,
            copied,
        };
        (!sources.is_empty()).then(|| Build { context: Some(wanted), origins, ..Build::default() })
    }

    /// Its Dockerfile, where it has a stage to build.
    pub fn file(&self) -> Option<&Dockerfile> {
        self.dockerfile.as_deref().filter(|dockerfile| !dockerfile.stages.is_empty())
    }

    /// Whether an image's name is another context, or nothing at all.
    pub fn is_own(&self, image: &str) -> bool {
        image.is_empty() || image == "scratch" || self.named.contains(image)
    }
}
