//! Where later commands go after a context or a builder is chosen or changed.

use super::operation::{Redirected, Redirection};
use super::{Effect, Origins, PredictedOperation, Typed};
use crate::docker_files::{ConfigFile, builder_endpoints};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;
use crate::target::Target;

/// The contexts and builders of the client's configuration folder.
struct Store<'a> {
    folder: String,
    host: &'a dyn Host,
}

impl<'a> Store<'a> {
    fn new(invocation: &Invocation, host: &'a dyn Host) -> Store<'a> {
        let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
        Store { folder, host }
    }

    fn context(&self, name: &str) -> Target {
        Target::of_context(name, &self.folder, self.host)
    }

    /// The context that the configuration names: where commands go in a shell that sets nothing.
    fn current(&self) -> Target {
        let file = format!("{}/config.json", self.folder);
        match self.host.read_own(&file) {
            Ok(text) => {
                let named = text.map(|text| ConfigFile::read(&text).current_context).unwrap_or_default();
                self.context(if named.is_empty() { "default" } else { &named })
            }
            Err(why) => Target { unclear: Some(format!("{file} cannot be read: {why}")), ..Target::default() },
        }
    }

    /// What wins in this shell over the context that the configuration names: docker/cli `cli/command/cli.go`, `resolveContextName`.
    fn overriding(&self) -> Option<(&'static str, String)> {
        ["DOCKER_HOST", "DOCKER_CONTEXT"]
            .into_iter()
            .find_map(|name| Some((name, self.host.env(name).filter(|value| !value.is_empty())?)))
    }

    /// The engines that a builder builds on. None where the client has no such builder.
    fn builder(&self, name: &str) -> Option<Vec<Target>> {
        let folder = self.host.env("BUILDX_CONFIG").filter(|it| !it.is_empty());
        let folder = folder.unwrap_or_else(|| format!("{}/buildx", self.folder));
        // Buildx keeps each builder in a file of its name: buildx `store/store.go`.
        let file = format!("{folder}/instances/{}", name.to_lowercase());
        let endpoints = match self.host.read_own(&file) {
            Ok(None) => return None,
            Ok(Some(text)) => builder_endpoints(&text),
            Err(why) => Err(why),
        };
        Some(match endpoints {
            Ok(endpoints) => endpoints.iter().map(|endpoint| self.endpoint(endpoint, name)).collect(),
            Err(why) => vec![Target {
                context: name.to_owned(),
                unclear: Some(format!("{file} cannot be read: {why}")),
                ..Target::default()
            }],
        })
    }

    /// An endpoint of a builder: the name of a context, or an address.
    fn endpoint(&self, endpoint: &str, builder: &str) -> Target {
        match endpoint.contains("://") {
            true => Target { context: builder.to_owned(), host: endpoint.to_owned(), ..Target::default() },
            false => self.context(if endpoint.is_empty() { "default" } else { endpoint }),
        }
    }
}

fn switches(redirection: Redirection, origins: Origins) -> Effect {
    Effect::Does { operation: PredictedOperation::Redirects(Box::new(redirection)), origins }
}

/// `context use`.
pub fn of_use(invocation: &Invocation, host: &dyn Host) -> Option<Effect> {
    let store = Store::new(invocation, host);
    let name = invocation.operand(0);
    let (from, to) = (store.current(), store.context(name));
    let overridden = store.overriding().filter(|(_, value)| value != name);
    // Chosen already: nothing goes anywhere else.
    if from.context == to.context && overridden.is_none() {
        return None;
    }
    let what = Redirected::Context(name.to_owned());
    Some(switches(Redirection { what, from: Some(from), to: vec![to], overridden }, invocation.operands.origins()))
}

/// `context update`, `create` and `import`: a context that is in use, or may be, leads to another engine.
pub fn of_change(invocation: &Invocation, host: &dyn Host) -> Option<Effect> {
    let store = Store::new(invocation, host);
    let name = invocation.operand(0);
    let current = store.current();
    let updates = invocation.canonical() == "context update";
    let is_used = current.context == name || store.host.env("DOCKER_CONTEXT").is_some_and(|value| value == name);
    let before = store.context(name);
    // Nothing can be made in place of a context that is there: docker/cli `cli/command/context/create.go`.
    if !updates && (!is_used || !before.host.is_empty() || before.unclear.is_some()) {
        return None;
    }
    let unclear = |why: &str| Target { context: name.to_owned(), unclear: Some(why.to_owned()), ..Target::default() };
    let to = if invocation.canonical() == "context import" {
        unclear("it stands in the archive that is imported")
    } else if let Some(set) = invocation.last("docker") {
        let mut fields = values::read_record(&set.value).unwrap_or_default().into_iter();
        let pairs: Vec<(String, String)> = fields
            .by_ref()
            .filter_map(|field| Some((field.split_once('=')?.0.to_lowercase(), field.split_once('=')?.1.to_owned())))
            .collect();
        let value = |key: &str| pairs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let host = match (value("from"), value("host")) {
            (Some(other), _) if !other.is_empty() => store.context(other).host,
            // Without an address docker takes its own default, whatever the context had before.
            (_, None | Some("")) => store.context("default").host,
            (_, Some(typed)) => values::parse_host(typed, false).unwrap_or_else(|_| typed.to_owned()),
        };
        Target { context: name.to_owned(), host, ..Target::default() }
    } else if let Some(set) = invocation.last("from") {
        Target { context: name.to_owned(), ..store.context(&set.value) }
    } else if updates {
        // Only its description.
        return None;
    } else {
        Target { context: name.to_owned(), ..store.context("default") }
    };
    if to.host == before.host && to.unclear.is_none() && before.unclear.is_none() {
        return None;
    }
    let what = Redirected::ChangedContext { name: name.to_owned(), is_used };
    Some(switches(
        Redirection { what, from: Some(before), to: vec![to], overridden: None },
        invocation.operands.origins(),
    ))
}

/// `buildx use`, and `buildx create --use`.
pub fn of_builder(invocation: &Invocation, host: &dyn Host) -> Option<Effect> {
    let store = Store::new(invocation, host);
    let creates = invocation.canonical() == "buildx create";
    let (name, to, origins) = if creates {
        let set = invocation.last("use").filter(|_| invocation.on("use"))?;
        let name = Some(invocation.text("name")).filter(|name| !name.is_empty()).unwrap_or("the new builder");
        let endpoint = invocation.operand(0);
        // Without an endpoint it builds on the engine that the command reaches.
        (name, (!endpoint.is_empty()).then(|| vec![store.endpoint(endpoint, name)])?, set.origins())
    } else {
        let name = invocation.operand(0);
        (name, store.builder(name)?, invocation.operands.origins())
    };
    let what = Redirected::Builder(name.to_owned());
    Some(switches(Redirection { what, from: None, to, overridden: None }, origins))
}

/// `--builder NAME` of a command that builds, or removes build cache.
pub fn of_flag(invocation: &Invocation, host: &dyn Host) -> Option<Effect> {
    let uses = ["buildx build", "buildx bake", "buildx prune", "image build", "builder prune", "builder build"];
    if !uses.contains(&invocation.canonical()) {
        return None;
    }
    let set = invocation.flags.iter().chain(&invocation.above).rev().find(|set| set.flag.name == "builder")?;
    let to = Store::new(invocation, host).builder(&set.value)?;
    let what = Redirected::OneBuild(set.value.clone());
    Some(switches(Redirection { what, from: None, to, overridden: None }, set.origins()))
}
