//! What a question leaves open is asked of the engine while a person reads it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow};

use super::connection::{Client, Connection, Route};
use super::inventory::volume_sizes;
use super::layers::layers;
use fender_core::api::EngineProblem;
use fender_core::plan::Plan;
use fender_core::plan::inventory::{Image, ImageLayer, Volume};

/// How long the engine may take in all; each request has its own, shorter limit.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a plan leaves open.
pub struct LeftOpen {
    volumes: bool,
    images: Vec<Image>,
}

impl LeftOpen {
    /// None where the plan knows it all. What the containers share is not among it.
    pub fn of(plan: &Plan) -> Option<LeftOpen> {
        let images = plan.unreckoned.as_ref().map_or_else(Vec::new, |it| it.images.clone());
        (plan.unmeasured || !images.is_empty()).then_some(LeftOpen { volumes: plan.unmeasured, images })
    }
}

/// What the engine said.
pub struct LateAnswers {
    /// Bytes of all volumes by their names; None where that was not left open.
    volumes: Option<HashMap<String, i64>>,
    layers: HashMap<String, Vec<ImageLayer>>,
}

impl LateAnswers {
    /// Fills it in where a plan left it open.
    pub fn fill(&self, plan: &mut Plan) {
        if let Some(sizes) = &self.volumes {
            plan.measure(sizes);
        }
        plan.reckon(&self.layers);
    }
}

/// Bytes by the volume's name; those that the engine does not say are left out.
pub(super) fn by_name(volumes: Vec<Volume>) -> HashMap<String, i64> {
    volumes.into_iter().filter_map(|volume| Some((volume.name.clone(), volume.size()?))).collect()
}

/// Asks what was left open.
///
/// # Errors
/// The engine does not say it.
pub async fn answers(client: &Arc<Client>, open: &LeftOpen) -> Result<LateAnswers, EngineProblem> {
    let volumes = async {
        match open.volumes {
            true => volume_sizes(client).await.map(|volumes| Some(by_name(volumes))),
            false => Ok(None),
        }
    };
    let images: Vec<&Image> = open.images.iter().collect();
    let (volumes, layers) = tokio::try_join!(volumes, layers(client, &images, false))?;
    Ok(LateAnswers { volumes, layers })
}

/// An answer that somebody else waits for.
pub struct Later {
    /// Ends when the answer is there.
    ready: UnixStream,
    answer: Receiver<Result<LateAnswers, EngineProblem>>,
}

impl Later {
    /// Begins to ask, over a connection of its own.
    ///
    /// # Errors
    /// There is no room for another thread or file.
    pub fn begin(route: &Route, open: LeftOpen) -> io::Result<Later> {
        let (ready, done) = UnixStream::pair()?;
        let (sender, answer) = channel();
        let route = route.clone();
        // Signals are the question's.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let begun = std::thread::Builder::new().spawn(move || {
            let asked = Connection::along(&route)
                .and_then(|connection| connection.within(PATIENCE, answers(&connection.client, &open)));
            let _ = sender.send(asked);
            drop(done);
        });
        before.thread_set_mask()?;
        begun?;
        Ok(Later { ready, answer })
    }

    /// Can be read from when the answer is there.
    pub fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// Waits for the answer, which can be had once.
    ///
    /// # Errors
    /// The engine does not say it, or it was had already.
    pub fn answer(&self) -> Result<LateAnswers, EngineProblem> {
        self.answer.recv().unwrap_or_else(|_| Err(EngineProblem::unanswered("it was not asked to the end")))
    }
}
