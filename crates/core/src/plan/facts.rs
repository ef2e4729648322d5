//! Questions about everything that an engine holds.

use std::rc::Rc;

use super::compose::Project;
use super::preview::Preview;
use super::{Change, ChangeStep, Plan, Protections, Step};
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

    /// The same for a command that deletes, whose plan will be asked for: the lists of the plan say most of it.
    fn protections_of(&self, _: &[Step]) -> Result<Rc<Protections>, EngineProblem> {
        self.protections()
    }

    /// What these steps would delete.
    fn plan(&self, _: &[Step]) -> Result<Rc<Plan>, EngineProblem> {
        Err(not_asked())
    }

    /// What these steps would change.
    fn changes(&self, _: &[ChangeStep]) -> Result<Vec<Change>, EngineProblem> {
        Err(not_asked())
    }

    /// What compose's dry run of an invocation says.
    fn preview(&self, _: &Invocation, _: &dyn Host) -> Lookup<Rc<Preview>> {
        Lookup::NoEngine
    }

    /// Whether the engine has containers or volumes with the label of this project.
    fn project_holds_anything(&self, _name: &str) -> Lookup<bool> {
        Lookup::NoEngine
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
