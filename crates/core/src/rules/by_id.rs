//! Containers that a command names, by their names or by ids that tell a reader nothing.

use super::Case;
use crate::engine::Lookup;

/// As many containers are asked about; of the others only what was typed is known.
const ASKED: usize = 64;

/// One container that a command names, as far as the engine says what it is.
#[derive(Clone, Debug)]
pub struct NamedContainer {
    /// Its name, or what was typed where the engine does not say it.
    pub name: String,
    /// It was named by an id, typed or put there by the shell (`$(docker ps -q)`).
    pub by_id: bool,
    /// Since when it runs, as RFC 3339; empty where that is not known.
    pub started_at: String,
    /// Its image, by the name in the container's settings; empty where that is not known.
    pub image: String,
    /// Its own grace period in seconds.
    pub stop_timeout: Option<i64>,
}

/// Those of the containers that run, or may run: the engine knows nothing of the others, or says that they do not.
pub fn running<'a>(case: &Case, typed: impl Iterator<Item = &'a str>) -> Vec<NamedContainer> {
    let found = typed.enumerate().filter_map(|(at, word)| {
        let answer = match at < ASKED {
            true => case.facts.container(word),
            false => Lookup::Unknown("it was not asked".to_owned()),
        };
        match answer {
            Lookup::Found(container) => container.running.then(|| NamedContainer {
                by_id: container.name != word,
                name: container.name,
                started_at: container.started_at,
                image: container.image,
                stop_timeout: container.stop_timeout,
            }),
            Lookup::Missing => None,
            Lookup::NoEngine | Lookup::Unknown(_) => Some(NamedContainer {
                name: word.to_owned(),
                by_id: looks_like_an_id(word),
                started_at: String::new(),
                image: String::new(),
                stop_timeout: None,
            }),
        }
    });
    found.collect()
}

/// `docker ps -q` prints 12 digits, `--no-trunc` all 64.
fn looks_like_an_id(word: &str) -> bool {
    word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `web, which runs since 2026-11-23 14:02 UTC`.
pub fn with_start(container: &NamedContainer) -> String {
    let moment = container.started_at.split_once('T').and_then(|(day, time)| Some((day, time.get(..5)?)));
    match moment {
        Some((day, minute)) => format!("{}, which runs since {day} {minute} UTC", container.name),
        None => container.name.clone(),
    }
}
