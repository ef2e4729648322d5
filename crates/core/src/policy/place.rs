//! What is known about the engine that a command would reach.

use std::cell::OnceCell;

use crate::endpoint::{fits, without_links};
use crate::engine::{Labels, Lookup};

/// Whether a value of the variable `CI` says that this is one: false, 0 and nothing do not.
pub fn is_ci(value: &str) -> bool {
    !matches!(value.to_lowercase().as_str(), "" | "false" | "0")
}

/// What is known of the place a command would act on.
pub struct EnginePlace<'a> {
    /// The name of docker's context.
    pub context: String,
    /// The endpoint, such as `tcp://10.0.0.1:2376`.
    pub host: String,
    /// The name or address in the endpoint; empty for a local socket.
    pub address: String,
    /// This machine's name.
    pub hostname: String,
    /// Whether `CI` is set.
    pub ci: bool,
    /// Why it is not known which engine this is, where docker's own files do not say.
    pub unclear: Option<String>,
    /// The engine's labels, asked at the first look.
    labels: OnceCell<Labels>,
    ask: Box<dyn Fn() -> Labels + 'a>,
    /// The engine's id, asked at the first look.
    id: OnceCell<Lookup<String>>,
    ask_id: Box<dyn Fn() -> Lookup<String> + 'a>,
    /// Follows the links of a path.
    resolve: Box<dyn Fn(&str) -> String + 'a>,
}

impl<'a> EnginePlace<'a> {
    /// A place with everything that environments are told by; labels are asked for only where they decide.
    pub fn new(
        context: &str,
        host: &str,
        address: &str,
        hostname: &str,
        ci: bool,
        ask: impl Fn() -> Labels + 'a,
    ) -> EnginePlace<'a> {
        EnginePlace {
            context: context.to_owned(),
            host: host.to_owned(),
            address: address.to_owned(),
            hostname: hostname.to_owned(),
            ci,
            unclear: None,
            labels: OnceCell::new(),
            ask: Box::new(ask),
            id: OnceCell::new(),
            ask_id: Box::new(|| Lookup::NoEngine),
            resolve: Box::new(without_links),
        }
    }

    /// How the engine's id is asked for; without this, no policy can know the engine by it.
    pub fn with_id(self, ask: impl Fn() -> Lookup<String> + 'a) -> EnginePlace<'a> {
        EnginePlace { ask_id: Box::new(ask), ..self }
    }

    /// How links in the path of a socket are followed.
    pub fn resolving(self, resolve: impl Fn(&str) -> String + 'a) -> EnginePlace<'a> {
        EnginePlace { resolve: Box::new(resolve), ..self }
    }

    /// Whether a pattern for endpoints means this one.
    pub fn is_at(&self, glob: &str) -> bool {
        fits(glob, &self.host, &*self.resolve)
    }

    /// The engine's id.
    pub fn id(&self) -> &Lookup<String> {
        self.id.get_or_init(|| (self.ask_id)())
    }

    /// The same where it may be another engine: every environment could be its own.
    pub fn unclear(self, why: Option<String>) -> EnginePlace<'a> {
        EnginePlace { unclear: why, ..self }
    }

    /// The engine's labels.
    pub fn labels(&self) -> &Labels {
        self.labels.get_or_init(|| (self.ask)())
    }
}
