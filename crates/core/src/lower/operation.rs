//! What a plugin or a follow-up request is known to do, if the arguments do not show a single request.

use crate::target::Target;

/// One such operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PredictedOperation {
    /// A pipe to the engine's API, which nothing judges.
    RawApi,
    /// The same over standard input and output: `system dial-stdio`, which docker starts on the host of an `ssh://` context.
    DialStdio,
    /// The services, networks, secrets and configs of this stack are removed: `stack rm`.
    RemovesStack(String),
    /// Services of this stack that are no longer in the file are removed: `stack deploy --prune`.
    RemovesServices(String),
    /// Services are made, and those that are there are updated: `stack deploy`.
    DeploysStack,
    /// An image that is built gets this name.
    NamesImage(String),
    /// Containers are removed: `compose down`, `compose rm`.
    RemovesContainers,
    /// Removes containers that are stopped for it first.
    RemovesRunning,
    /// Volumes are removed with them: `compose down -v`.
    RemovesVolumes,
    /// Networks are removed.
    RemovesNetworks,
    /// Containers are made for services, and those that are not as the files say are replaced: `compose up`.
    MakesContainers,
    /// Images are removed: `compose down --rmi`.
    RemovesImages,
    /// Stopped without the time to end by themselves.
    KillsContainers,
    /// No replica of a service is left running.
    ScalesToZero,
    /// The build may do what only the host's root may.
    BuildEntitlement(String),
    /// Build cache that nothing uses is removed.
    PrunesCache,
    /// All build cache is removed.
    PrunesAllCache,
    /// Built from a place that may change under the same name.
    RemoteContext(String),
    /// A process with all privileges is started in a container.
    PrivilegedExec,
    /// A builder is removed with its cache.
    RemovesBuilder,
    /// An image gets a name that may be another one's.
    Retags,
    /// An argument that will be kept in the image's history.
    BuildArgument {
        /// Its name.
        name: String,
        /// Its value; None where the environment gives it.
        value: Option<String>,
    },
    /// The build shares the host's network.
    HostNetworkBuild,
    /// Later commands, or this one's build, go to another engine.
    Redirects(Box<Redirection>),
    /// A context of the client is removed.
    RemovesContext,
    /// What this names goes to a registry, where others get it.
    Publishes(String),
    /// The signatures of an image at its registry are removed.
    RevokesSignatures,
    /// Records of finished builds are removed: `buildx history rm`.
    RemovesBuildRecords,
    /// A builder is started, for most drivers a container with all privileges.
    StartsBuilder,
    /// The policy that decides which sources a build may use is not applied.
    BuildPolicyOff,
    /// The build's steps are put into this cgroup.
    BuildCgroup(String),
    /// Containers of the project are stopped, restarted or paused: how, and the services that are named; none for all of them.
    StopsServices {
        /// `stops`, `restarts` or `pauses`.
        how: &'static str,
        /// The services as they were typed.
        services: Vec<String>,
    },
    /// Running containers of the project are given a grace period and then killed.
    EndsContainers {
        /// Their names and images.
        containers: Vec<(String, String)>,
        /// Seconds, where the command says how many; else each container's own.
        seconds: Option<i64>,
    },
    /// A password is an argument.
    TypesPassword,
    /// Tags of images move to what the registry has now: `compose pull`.
    PullsTags,
    /// Containers of another project that has the same name are used.
    UsesOtherProject(Box<OtherProject>),
    /// A project is named of which the engine has nothing.
    NamesNoProject {
        /// The name.
        name: String,
        /// The projects that the engine has.
        others: Vec<String>,
    },
}

impl PredictedOperation {
    /// A build argument as a flag says it: `NAME=value`, or `NAME` for the value of the environment.
    pub fn build_argument(text: &str) -> PredictedOperation {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
        PredictedOperation::BuildArgument { name: name.to_owned(), value }
    }

    /// For the reader of `fender explain`.
    pub fn text(&self) -> String {
        match self {
            PredictedOperation::RawApi | PredictedOperation::DialStdio => {
                "opens a raw connection to the engine's API".to_owned()
            }
            PredictedOperation::RemovesStack(_) => {
                "removes the stack's services, networks, secrets and configs".to_owned()
            }
            PredictedOperation::RemovesServices(_) => "removes services that are no longer in the file".to_owned(),
            PredictedOperation::DeploysStack => "makes or updates the stack's services".to_owned(),
            PredictedOperation::NamesImage(name) => format!("names what is built {name}"),
            PredictedOperation::RemovesContainers => "removes the project's containers".to_owned(),
            PredictedOperation::RemovesRunning => "stops and removes the project's containers".to_owned(),
            PredictedOperation::RemovesVolumes => "removes volumes with their data".to_owned(),
            PredictedOperation::RemovesNetworks => "removes the project's networks".to_owned(),
            PredictedOperation::MakesContainers => {
                "creates the project's containers, and replaces those that are not as the files say".to_owned()
            }
            PredictedOperation::RemovesImages => "removes images".to_owned(),
            PredictedOperation::KillsContainers => "kills containers without waiting".to_owned(),
            PredictedOperation::ScalesToZero => "leaves no replica running".to_owned(),
            PredictedOperation::BuildEntitlement(name) => format!("allows the build {name}"),
            PredictedOperation::PrunesCache => "removes unused build cache".to_owned(),
            PredictedOperation::PrunesAllCache => "removes all build cache".to_owned(),
            PredictedOperation::RemoteContext(place) => format!("builds from {place}"),
            PredictedOperation::PrivilegedExec => "runs a command with all privileges".to_owned(),
            PredictedOperation::RemovesBuilder => "removes a builder and its cache".to_owned(),
            PredictedOperation::Retags => "gives an image a name that may be another's".to_owned(),
            PredictedOperation::BuildArgument { name, .. } => format!("passes the build argument {name}"),
            PredictedOperation::HostNetworkBuild => "builds in the host's network".to_owned(),
            PredictedOperation::Redirects(redirection) => match redirection.what {
                Redirected::OneBuild(_) => "builds on the engine of a builder".to_owned(),
                _ => "changes which engine later commands go to".to_owned(),
            },
            PredictedOperation::RemovesContext => "removes a context, with its endpoint and its TLS keys".to_owned(),
            PredictedOperation::Publishes(what) => format!("sends {what} to a registry"),
            PredictedOperation::RevokesSignatures => "removes signatures at a registry".to_owned(),
            PredictedOperation::RemovesBuildRecords => "removes records of finished builds".to_owned(),
            PredictedOperation::StartsBuilder => "starts a builder".to_owned(),
            PredictedOperation::BuildPolicyOff => "builds without the policy for its sources".to_owned(),
            PredictedOperation::BuildCgroup(name) => format!("builds in the cgroup {name}"),
            PredictedOperation::StopsServices { how, services } if services.is_empty() => {
                format!("{how} the project's containers")
            }
            PredictedOperation::StopsServices { how, services } => {
                format!("{how} the services {}", services.join(", "))
            }
            PredictedOperation::EndsContainers { containers, .. } => {
                let names: Vec<&str> = containers.iter().map(|(name, _)| name.as_str()).collect();
                format!("ends {}", names.join(", "))
            }
            PredictedOperation::TypesPassword => "reads a password from the arguments".to_owned(),
            PredictedOperation::UsesOtherProject(other) => {
                format!("uses containers of another project with the name {:?}", other.name)
            }
            PredictedOperation::NamesNoProject { name, .. } => format!("finds nothing of the project {name:?}"),
            PredictedOperation::PullsTags => "moves tags to what the registry has now".to_owned(),
        }
    }
}

/// Containers of the same project name that this command would use, and that it did not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherProject {
    /// The project's name.
    pub name: String,
    /// The folder of this command, or its files where the folder is the same.
    pub here: Vec<String>,
    /// The folders, or the files, that the containers come from.
    pub there: Vec<String>,
    /// What is known of the other one.
    pub difference: Difference,
    /// Compose's command: `up`.
    pub command: String,
    /// What it would do to the containers: `replace or take over`.
    pub does: &'static str,
    /// Whether the command makes containers, which join the other project's networks.
    pub makes: bool,
    /// The containers, by their names.
    pub containers: Vec<String>,
    /// Volumes of theirs that the command would use or remove.
    pub volumes: Vec<String>,
    /// Whether these volumes are removed.
    pub removes_volumes: bool,
    /// A name for the project of this folder that is not the other one's.
    pub suggested: String,
}

/// How the containers of a project differ from the project of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// They come from another folder, which is there.
    Folder,
    /// They come from other files in the same folder.
    Files,
    /// They come from a folder that cannot be looked at from here: it is gone, or it is one of another machine or of a container. `alike`:
    /// the services that both have use the same images, so it may well be the same project.
    OutOfSight {
        /// Whether it is certain that this machine does not have the folder.
        gone: bool,
        /// Whether it may be the same project.
        alike: bool,
    },
    /// The engine, or compose, was asked and did not answer: why.
    Unknown(String),
}

/// Where commands go after a context or a builder is chosen or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// What is chosen or changed.
    pub what: Redirected,
    /// Where they went before; None for the engine that this command reaches.
    pub from: Option<Target>,
    /// Where they go.
    pub to: Vec<Target>,
    /// The variable that wins over the choice in this shell, and its value.
    pub overridden: Option<(&'static str, String)>,
}

/// What leads to another engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirected {
    /// The current context is now this one.
    Context(String),
    /// A context has another endpoint.
    ChangedContext {
        /// Its name.
        name: String,
        /// Whether it is the current one.
        is_used: bool,
    },
    /// The current builder is now this one.
    Builder(String),
    /// This one build goes to this builder.
    OneBuild(String),
}
