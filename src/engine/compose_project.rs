//! The project of a compose command, as compose reads it.

use serde_json::{Value, json};

use crate::environment::client::Printer;
use fender_core::engine::Lookup;
use fender_core::grammar::parse::Invocation;
use fender_core::host::Host;
use fender_core::lower::{ComposeFiles, ComposeModel, goes_by_name, model_words, takes_orphans};
use fender_core::plan::compose::{Project, WORKING_DIR};
use fender_core::plan::preview::preview_words;

/// Begins what compose will be asked for this invocation. `found` looks for a container with these labels on the engine; it comes back.
pub fn begin<T>(
    printer: &Printer,
    invocation: &Invocation,
    host: &dyn Host,
    found: impl FnOnce(&Value) -> Option<T>,
) -> Option<T> {
    let (model, preview) = (model_words(invocation)?, preview_words(invocation)?);
    printer.begin_printed(&model);
    // Where the engine has nothing from this folder, its dry run is mostly not asked for, and could wait for a registry.
    let (folder, _) = ComposeFiles::of_words(invocation, host).whole(host);
    let there = found(&json!({ "label": [format!("{WORKING_DIR}={folder}")] }));
    if there.is_some() {
        printer.begin_said(&preview);
    }
    there
}

/// The words with which compose prints what belongs to the services that `down` names. For these alone, and those that they need, it removes
/// images, networks and volumes; 2.26 counts the networks and volumes of the whole project.
fn down_words(invocation: &Invocation, model: &[String]) -> Option<Vec<String>> {
    let services = invocation.operand_texts();
    let is_wanted = invocation.canonical() == "compose down" && !services.is_empty();
    is_wanted.then(|| model.iter().cloned().chain(services).collect())
}

/// Compose's own reading of its files, with the words that stand before its command; else the name that they give.
pub fn read_project(printer: &Printer, invocation: &Invocation, host: &dyn Host) -> Lookup<Project> {
    let set = |name: &str| invocation.above.iter().rev().find(|set| set.flag.name == name).map(|set| set.value.clone());
    let named = set("project-name").or_else(|| host.env("COMPOSE_PROJECT_NAME")).filter(|name| !name.is_empty());
    let by_name = |otherwise: Lookup<Project>| match &named {
        Some(name) => Lookup::Found(Project { name: name.to_lowercase(), model: None }),
        None => otherwise,
    };
    if goes_by_name(invocation) {
        return by_name(Lookup::Missing);
    }
    let Some(words) = model_words(invocation) else {
        return by_name(Lookup::Unknown("its words name no command of compose".to_owned()));
    };
    let of_services = down_words(invocation, &words);
    if let Some(words) = &of_services {
        printer.begin_printed(words);
    }
    let read = |words: &[String]| {
        printer.printed(words).then(|bytes| match ComposeModel::read(&bytes) {
            Ok(model) => match Project::from_model(&model) {
                Some(project) => Lookup::Found(project),
                None => Lookup::Unknown("compose's model has no name".to_owned()),
            },
            Err(error) => Lookup::Unknown(format!("compose's model cannot be read: {error}")),
        })
    };
    let project = read(&words);
    let Lookup::Found(mut project) = project else { return by_name(project) };
    // Where it does not say what belongs to these services, everything of the project may.
    if let Some(Lookup::Found(chosen)) = of_services.map(|words| read(&words)) {
        project = chosen;
    }
    if takes_orphans(invocation, host)
        && let Some(model) = &mut project.model
    {
        // Compose knows the services of all profiles; its model shows the active ones.
        let mut words = words[..words.len() - 3].to_vec();
        words.extend(["--profile", "*", "config", "--services"].map(str::to_owned));
        let all = match printer.printed(&words) {
            Lookup::Found(all) => String::from_utf8_lossy(&all).into_owned(),
            other => return other.map(|_| project),
        };
        model.inactive = all.lines().map(str::to_owned).filter(|name| !model.has(name)).collect();
    }
    Lookup::Found(project)
}
