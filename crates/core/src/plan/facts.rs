//! Questions about everything that an engine holds.

use std::rc::Rc;

use super::compose::Project;
use super::{Plan, Protections, Step};
use crate::api::EngineProblem;
use crate::engine::{Inspect, Lookup};
use crate::grammar::parse::Invocation;
use crate::host::Host;

/// Questions to the engine, asked only by the rules that need the answer.
pub trait Facts: Inspect {
    /// What protects anything on this engine.
    fn protections(&self) -> Result<Rc<Protections>, EngineProblem> {
        Err(not_asked())
    }

    /// What these steps would delete.
    fn plan(&self, _: &[Step]) -> Result<Rc<Plan>, EngineProblem> {
        Err(not_asked())
    }

    /// Why a volume is protected; None where it is not.
    fn protected_volume(&self, _: &str) -> Lookup<Option<String>> {
        Lookup::NoEngine
    }

    /// The compose project of an invocation.
    fn project(&self, _: &Invocation, _: &dyn Host) -> Lookup<Project> {
        Lookup::NoEngine
    }
}

fn not_asked() -> EngineProblem {
    EngineProblem::NoEngine("it was not asked".to_owned())
}
