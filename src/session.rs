//! The engine and the real client that a command, or a command of fender's own, uses.

use std::env;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::engine::{Engine, OtherClient};
use crate::environment::host::Surroundings;
use crate::environment::{client, product};
use crate::ui::progress::after_two_seconds;
use fender_core::engine::ClientProduct;
use fender_core::lower::read;
use fender_core::plan::Facts;
use fender_core::policy::{CallerKind, Policy};
use fender_core::target::{Target, choose};

/// The way to ask this engine; the real client carries the questions to one that is not on a local socket.
pub fn engine(target: &Target, client: &Path, policy: &Policy) -> Engine {
    let api = env::var("DOCKER_API_VERSION").ok();
    Engine::new(target.clone(), Some(client.as_os_str().to_owned()), api.as_deref(), policy.protected())
        .with_waiting(|what| Box::new(after_two_seconds(what)))
}

/// A person who waits for a question waits so long for the sizes of volumes at least.
const SIZES: Duration = Duration::from_millis(50);

/// What is known of the engine at this target, for a command that the client `real` is to run and that reads its files. `caller` waits for it.
pub fn facts(target: &Target, real: &Path, client: &Path, policy: &Policy, caller: CallerKind) -> Rc<dyn Facts> {
    let printer = client::Printer::new(Some(real.as_os_str().to_owned()));
    match product::of(client) {
        ClientProduct::Docker => {
            let engine = engine(target, client, policy).with_printer(printer);
            // For a script everything has to be kept, or it does not run: it waits.
            Rc::new(if caller == CallerKind::Person { engine.with_sizes_within(SIZES) } else { engine })
        }
        product => Rc::new(OtherClient { product, printer }),
    }
}

/// The same where there may be no client at all.
pub fn facts_without_client(target: &Target, policy: &Policy) -> Rc<dyn Facts> {
    match client::find(policy.client().as_deref()) {
        Ok(client) => facts(target, &client, &client, policy, CallerKind::Script),
        Err(_) => Rc::new(engine_without_client(target, policy)),
    }
}

/// The same where there may be no client at all: a local engine can be asked without one.
pub fn engine_without_client(target: &Target, policy: &Policy) -> Engine {
    let client = client::find(policy.client().as_deref()).unwrap_or_else(|_| PathBuf::from("/nonexistent/docker"));
    engine(target, &client, policy)
}

/// The real client, for files alone.
pub fn printer(policy: &Policy) -> client::Printer {
    client::Printer::new(client::find(policy.client().as_deref()).ok().map(PathBuf::into_os_string))
}

/// The engine that docker would reach here without any words, for fender's own commands.
pub fn engine_here(policy: &Policy) -> Engine {
    let host = Surroundings { assume_terminal: true };
    engine_without_client(&choose(&read(&[], &host), &host), policy)
}
