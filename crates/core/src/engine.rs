//! The questions that judging asks an engine or the real client. The edge implements the answers.

use crate::api::Version;
use crate::grammar::parse::Invocation;
use crate::host::Host;
pub use crate::lookup::Lookup;

/// What rules read of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// `sha256:…`.
    pub id: String,
    /// `Config.User`: a name or id, with `:GROUP` where one is set; empty for root.
    pub user: String,
    /// `Config.Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Config.Cmd`.
    pub command: Vec<String>,
    /// The container's paths of `Config.Volumes`, each of which gets an anonymous volume.
    pub volumes: Vec<String>,
    /// `name@sha256:…`.
    pub digests: Vec<String>,
    /// `Config.Env`: `NAME=value`.
    pub env: Vec<String>,
}

/// What rules read of a container that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name without the slash in front.
    pub name: String,
    /// The image as the container names it.
    pub image: String,
    /// Whether it runs now, paused or not.
    pub running: bool,
    /// `State.StartedAt`: since when it runs, as RFC 3339; empty where the engine does not say.
    pub started_at: String,
    /// `Config.StopTimeout` in seconds; None for the engine's 10.
    pub stop_timeout: Option<i64>,
    /// What is mounted into it.
    pub mounts: Vec<MountFacts>,
    /// `Config.Env`: `NAME=value`.
    pub env: Vec<String>,
    /// `HostConfig.AutoRemove`: it was made with `--rm`, and goes when it ends.
    pub auto_remove: bool,
    /// `HostConfig.Memory` in bytes; 0 for no limit.
    pub memory: i64,
    /// `HostConfig.PidsLimit`; 0 or less for no limit.
    pub pids_limit: i64,
    /// Billionths of a CPU, from `HostConfig.NanoCpus` or from `CpuQuota` and `CpuPeriod`; 0 or less for no limit.
    pub nano_cpus: i64,
}

/// Billionths of a CPU that a container may use, by the three fields in which the Engine API says it (moby `daemon/daemon_unix.go`); 0 for no limit.
pub fn nano_cpus(nano_cpus: i64, quota: i64, period: i64) -> i64 {
    match (nano_cpus, quota) {
        (1.., _) => nano_cpus,
        // Without a period the kernel's own one counts, in microseconds.
        (_, 1..) => quota.saturating_mul(1_000_000_000) / if period > 0 { period } else { 100_000 },
        _ => 0,
    }
}

/// One mount of a container that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountFacts {
    /// The volume's name; None for another kind of mount.
    pub volume: Option<String>,
    /// The path on the host.
    pub source: String,
    /// The path in the container.
    pub destination: String,
    /// Whether the container may write to it.
    pub writable: bool,
}

/// A container of a compose project, as its labels say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectContainer {
    /// Its name without the slash in front.
    pub name: String,
    /// The service that it is one of.
    pub service: String,
    /// The folder of the project that made it; empty where the label is missing.
    pub folder: String,
    /// The files of that project, with their whole paths; `-` is standard input.
    pub files: Vec<String>,
    /// Its image by name, or its id where that name has moved on.
    pub image: String,
    /// The names of its volumes.
    pub volumes: Vec<String>,
    /// Whether it runs now, paused or not.
    pub running: bool,
    /// It was made by `compose run`.
    pub one_off: bool,
}

/// What the engine says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFacts {
    /// The engine's own id, as `docker info` prints it.
    pub id: String,
    /// The name of its host.
    pub name: String,
    /// Labels of the engine itself, `key=value`.
    pub labels: Vec<String>,
    /// Bytes of memory of its host.
    pub memory: i64,
    /// The driver of a container's log where none is named; empty where the engine does not say it.
    pub log_driver: String,
    /// Whether it keeps images in containerd's store.
    pub containerd: bool,
    /// Whether `--init` works: without the program every such container fails at its start.
    pub has_init: bool,
}

/// What is known of an engine's labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labels {
    /// The engine said them now.
    Known(Vec<String>),
    /// It did not answer now. These are from an earlier answer at this endpoint: `ago` says when, `why` why not now.
    Remembered {
        /// The labels of then.
        labels: Vec<String>,
        /// When that was, for a person.
        ago: String,
        /// Why the engine does not say them now.
        why: String,
    },
    /// There is no engine, or none was to be asked: nothing runs on it either.
    NoEngine,
    /// It was asked and did not answer: why.
    Unknown(String),
}

impl Labels {
    /// Those that are known, from whenever.
    pub fn known(&self) -> &[String] {
        match self {
            Labels::Known(labels) | Labels::Remembered { labels, .. } => labels,
            Labels::NoEngine | Labels::Unknown(_) => &[],
        }
    }

    /// Why there may be others, where there may.
    pub fn open(&self) -> Option<&str> {
        match self {
            Labels::Known(_) | Labels::NoEngine => None,
            Labels::Remembered { why, .. } | Labels::Unknown(why) => Some(why),
        }
    }
}

/// Whether docker's client can get through to an engine at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// An engine answers, or may answer, or nobody asked.
    Open,
    /// There is nobody at the endpoint: docker's client can only say so.
    NoEngine,
    /// This user may not open the socket: docker's client can only say so.
    NotAllowed,
}

/// Which program answers to the name docker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientProduct {
    /// Docker's own client.
    #[default]
    Docker,
    /// Podman, as the package podman-docker installs it.
    Podman,
    /// containerd's nerdctl.
    Nerdctl,
    /// A program that does not say that it is docker's client, nor which other one it is.
    Unnamed,
}

/// The products, and the names by which they are remembered.
const PRODUCTS: &[(ClientProduct, &str)] = &[
    (ClientProduct::Docker, "docker"),
    (ClientProduct::Podman, "podman"),
    (ClientProduct::Nerdctl, "nerdctl"),
    (ClientProduct::Unnamed, "unnamed"),
];

/// What stands before ` version ` in what these programs print. Letter case counts: docker's client writes its name with a capital letter,
/// whatever its file is called, and podman writes the name of its file, so that a copy of it prints `docker version 4.3.1`.
const VERSION_NAMES: &[(&str, ClientProduct)] = &[
    ("podman", ClientProduct::Podman),
    ("podman-compose", ClientProduct::Podman),
    ("nerdctl", ClientProduct::Nerdctl),
    ("Docker", ClientProduct::Docker),
    ("Docker Compose", ClientProduct::Docker),
    ("docker-compose", ClientProduct::Docker),
];

/// Commands of these programs that docker does not have and that only read: the first word, and the second one; none for any.
const ONLY_READ: &[(&str, &[&str])] = &[
    ("artifact", &["inspect", "ls", "list"]),
    ("container", &["exists", "list"]),
    ("farm", &["ls", "list"]),
    ("generate", &[]),
    ("healthcheck", &[]),
    ("image", &["exists", "tree", "mount"]),
    ("kube", &["generate"]),
    ("machine", &["info", "inspect", "ls", "list"]),
    ("manifest", &["exists"]),
    ("namespace", &["inspect", "ls", "list"]),
    ("network", &["exists"]),
    ("pod", &["exists", "inspect", "list", "logs", "ls", "ps", "stats", "top"]),
    ("quadlet", &["list", "print"]),
    ("secret", &["exists"]),
    ("volume", &["exists"]),
];

impl ClientProduct {
    /// The product that prints this for `--version`: `Docker version 28.5.2, build …`, `podman version 5.2.2`. None where it names none of them.
    /// Where several lines name one, another client than docker's counts.
    pub fn of_version(printed: &str) -> Option<ClientProduct> {
        let names: Vec<&str> =
            printed.lines().filter_map(|line| line.split_once(" version ")).map(|(name, _)| name.trim()).collect();
        VERSION_NAMES.iter().find(|(name, _)| names.contains(name)).map(|(_, product)| *product)
    }

    /// The product whose help this is, of a program that did not name one as its version: podman's help names podman under every name of
    /// its file. Docker's help names neither.
    pub fn of_help(printed: &str) -> ClientProduct {
        let printed = printed.to_lowercase();
        let named = [ClientProduct::Podman, ClientProduct::Nerdctl].into_iter().find(|it| printed.contains(it.key()));
        named.unwrap_or(ClientProduct::Unnamed)
    }

    /// The name by which it is remembered.
    pub fn key(self) -> &'static str {
        PRODUCTS.iter().find(|(product, _)| *product == self).map_or("unnamed", |(_, name)| name)
    }

    /// How a sentence names it.
    pub fn name(self) -> &'static str {
        if self == ClientProduct::Unnamed { "an unknown program" } else { self.key() }
    }

    /// The product that is remembered by this name.
    pub fn of_key(name: &str) -> Option<ClientProduct> {
        PRODUCTS.iter().find(|(_, known)| *known == name).map(|(product, _)| *product)
    }

    /// Whether a command that docker does not have only reads: its words without flags in front.
    pub fn only_reads(command: &[&str]) -> bool {
        let (Some(first), second) = (command.first(), command.get(1)) else { return false };
        let listed = ONLY_READ.iter().find(|(name, _)| name == first);
        listed.is_some_and(|(_, second_words)| {
            second_words.is_empty() || second.is_some_and(|second| second_words.contains(second))
        })
    }
}

/// Questions about single objects, asked only by those who need the answer.
pub trait Inspect {
    /// Whether there is an engine behind the endpoint. Only what is certain is not [`Reach::Open`].
    fn reach(&self) -> Reach {
        Reach::Open
    }
    /// Which program answers to the name docker.
    fn product(&self) -> ClientProduct {
        ClientProduct::Docker
    }
    /// Whether this user may open the engine's socket, without a request to it.
    fn may_open(&self) -> bool {
        true
    }
    /// The image with this name or id: `GET /images/{name}/json`.
    fn image(&self, name: &str) -> Lookup<ImageFacts>;
    /// The container with this name or id: `GET /containers/{id}/json`.
    fn container(&self, name: &str) -> Lookup<ContainerFacts>;
    /// The engine itself: `GET /info`.
    fn engine(&self) -> Lookup<EngineFacts>;
    /// The engine's labels. Where a command `stops` without them they are waited for longer.
    fn labels(&self, _stops: bool) -> Labels {
        match self.engine() {
            Lookup::Found(engine) => Labels::Known(engine.labels),
            Lookup::Missing | Lookup::NoEngine => Labels::NoEngine,
            Lookup::Unknown(why) => Labels::Unknown(why),
        }
    }
    /// The engine's labels without a connection to another machine: what an engine that no command has reached yet said before.
    fn labels_at_hand(&self) -> Labels {
        self.labels(false)
    }
    /// Whether the engine has the object of this path, such as `/plugins/x/json`. Missing also where it says that it does not look:
    /// a node that is no manager of a swarm changes nothing of the swarm either.
    fn there(&self, _path: &str) -> Lookup<()> {
        Lookup::NoEngine
    }
    /// Whether a container that has all these labels (`key=value`) runs now, paused or not; Missing where none does.
    fn runs_any(&self, _labels: &[String]) -> Lookup<()> {
        Lookup::NoEngine
    }
    /// Whether some container, running or not, stands on the image with this id or on one built from it; Missing where none does.
    fn uses_image(&self, _id: &str) -> Lookup<()> {
        Lookup::NoEngine
    }
    /// The containers of a compose project, those that do not run too: `GET /containers/json`.
    fn project_containers(&self, _project: &str) -> Lookup<Vec<ProjectContainer>> {
        Lookup::NoEngine
    }
    /// The names of the compose projects of which the engine has a container, a volume or a network.
    fn project_names(&self) -> Lookup<Vec<String>> {
        Lookup::NoEngine
    }
    /// The names of all volumes: `GET /volumes`.
    fn volume_names(&self) -> Lookup<Vec<String>> {
        Lookup::NoEngine
    }
    /// Whether the engine belongs to a swarm.
    fn in_swarm(&self) -> Lookup<bool> {
        Lookup::NoEngine
    }
    /// The API version in force: the lower of the client's and the engine's.
    fn api_version(&self) -> Lookup<Version>;

    /// Compose will soon be asked for the model of this invocation, and mostly for its dry run: what takes long can begin.
    fn begin_compose(&self, _: &Invocation, _: &dyn Host) {}

    /// The real client will soon be asked to print each of these, in this order: reading can begin.
    fn begin_printed(&self, _: &[Vec<String>], _: &dyn Host) {}

    /// What the real client prints for words that only read; Missing where it fails, Unknown where it cannot be asked.
    fn printed(&self, _: &[String], _: &dyn Host) -> Lookup<Vec<u8>> {
        Lookup::NoEngine
    }

    /// The error of the real client for words that only read; Missing where it takes them, Unknown where it cannot be asked.
    fn error_of(&self, _: &[String], _: &dyn Host) -> Lookup<String> {
        Lookup::NoEngine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_known_by_what_they_print() {
        for (printed, expected) in [
            ("Docker version 28.5.2, build ecc6942", Some(ClientProduct::Docker)),
            ("podman version 5.2.2\n", Some(ClientProduct::Podman)),
            ("Emulate Docker CLI using podman.\npodman version 4.3.1\n", Some(ClientProduct::Podman)),
            ("nerdctl version 1.7.6", Some(ClientProduct::Nerdctl)),
            ("Docker Compose version v2.40.3", Some(ClientProduct::Docker)),
            ("docker-compose version 1.29.2, build 5becea4c", Some(ClientProduct::Docker)),
            ("podman-compose version 1.0.6\npodman version 4.3.1\n", Some(ClientProduct::Podman)),
            ("Docker version 28.5.2, build x\npodman version 5.2.2\n", Some(ClientProduct::Podman)),
            ("welcome to this version of the shell\nDocker version 28.5.2, build x\n", Some(ClientProduct::Docker)),
            // Podman's file, copied under docker's name.
            ("docker version 4.3.1\n", None),
            ("Docker versions 28", None),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(ClientProduct::of_version(printed), expected, "{printed}");
        }
    }

    #[test]
    fn help_names_what_the_version_does_not() {
        for (printed, expected) in [
            ("Manage pods, containers and images\n  system      Manage podman\n", ClientProduct::Podman),
            ("  version     Display the Podman version information\n", ClientProduct::Podman),
            ("nerdctl is a command line interface for containerd\n", ClientProduct::Nerdctl),
            ("Usage: docker [OPTIONS] COMMAND\n", ClientProduct::Unnamed),
            ("", ClientProduct::Unnamed),
        ] {
            assert_eq!(ClientProduct::of_help(printed), expected, "{printed}");
        }
        for (product, name) in PRODUCTS {
            assert_eq!((product.key(), ClientProduct::of_key(name)), (*name, Some(*product)));
        }
    }

    #[test]
    fn what_only_reads() {
        for (words, reads) in [
            (&["pod", "ps"][..], true),
            (&["pod", "rm", "-f", "web"], false),
            (&["pod"], false),
            (&["kube", "generate", "web"], true),
            (&["kube", "play", "x.yaml"], false),
            (&["system", "reset", "-f"], false),
            (&["generate", "kube", "web"], true),
            (&["unknown"], false),
            (&[], false),
        ] {
            assert_eq!(ClientProduct::only_reads(words), reads, "{words:?}");
        }
    }
}
