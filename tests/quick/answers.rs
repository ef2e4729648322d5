//! What the engine answers right before a deletion: a wrong answer deletes nothing.

use fender::apply::{ItemOutcome, carry_out};
use fender::engine::connection::Connection;
use fender_core::plan::{Item, ItemChange, ObjectKind, Plan, Recoverable, Step};
use fender_core::target::Target;

use crate::support::faulty::{At, Fault, Faulty};
use crate::support::place::Place;

/// What answers another question, or none.
const FAULTS: &[Fault] = &[
    Fault::Closed,
    Fault::Cut,
    Fault::Malformed,
    Fault::WrongShape,
    Fault::WrongLists,
    Fault::Empty,
    Fault::Nulls,
    Fault::Page(404),
    Fault::Page(503),
];

fn item(kind: ObjectKind, id: &str, name: &str, mark: &str) -> Item {
    Item {
        kind,
        id: id.to_owned(),
        name: name.to_owned(),
        tags: if kind == ObjectKind::Image { vec!["x:1".to_owned()] } else { Vec::new() },
        size: None,
        reason: String::new(),
        recoverable: Recoverable::No,
        not_kept: None,
        about: Vec::new(),
        created: None,
        used: None,
        mark: mark.to_owned(),
        force: true,
        volumes: false,
        frees: 0,
        users: vec!["a".repeat(64)],
        step: 0,
        change: ItemChange::Removed,
        since: None,
        downtime: None,
    }
}

/// Carries out the deletion of one object on an engine that misbehaves; the requests, those that change something, and the outcome.
fn deleted(item: &Item, step: &Step, at: At, fault: Fault) -> (Vec<String>, Vec<String>, Option<ItemOutcome>) {
    let place = Place::new();
    let socket = place.path("sock");
    let engine = Faulty::start(&socket, &[], at, fault);
    let target = Target { host: format!("unix://{}", socket.display()), ..Target::default() };
    let plan = Plan { deletes: vec![item.clone()], steps: vec![step.clone()], ..Plan::default() };
    let outcome = Connection::open(&target, None)
        .ok()
        .map(|connection| carry_out(&connection, &plan, &mut |_, _| {}).items.remove(0));
    (engine.requests(), engine.changes(), outcome)
}

#[test]
fn a_wrong_answer_before_a_deletion_deletes_nothing() {
    let image = format!("sha256:{}", "c".repeat(64));
    let usual = Step::Container { name: "web".to_owned(), force: true, volumes: false };
    let forced = Step::Image { name: "x:1".to_owned(), force: true, prune: false };
    let objects = [
        (item(ObjectKind::Container, &"a".repeat(64), "web", "exited"), &usual),
        (item(ObjectKind::Volume, "spare", "spare", "2026-01-01T00:00:00Z"), &usual),
        (item(ObjectKind::Tag, &image, "x:1", ""), &usual),
        (item(ObjectKind::Image, &image, "x:1", ""), &usual),
        (item(ObjectKind::Image, &image, "x:1", ""), &forced),
    ];
    let mut tried = 0;
    for (item, step) in objects {
        let (requests, changes, _) = deleted(&item, step, At::Never, Fault::Empty);
        assert_eq!(changes.first().map(|it| it.starts_with("DELETE ")), Some(true), "{requests:?}");
        let first = requests.iter().position(|it| Some(it) == changes.first()).unwrap();
        assert!(first > 0, "nothing is looked at before {requests:?}");
        for number in 1..=first {
            for fault in FAULTS {
                let (requests, changes, outcome) = deleted(&item, step, At::Number(number), *fault);
                // The first requests ask for the version, which a later one may still say.
                let looks_at_it =
                    !matches!(requests.get(number - 1).map(String::as_str), Some("GET /_ping" | "GET /version"));
                if looks_at_it {
                    tried += 1;
                    assert_eq!(changes, [""; 0], "{fault:?} at {number} of {requests:?}: {outcome:?}");
                    assert_ne!(outcome, Some(ItemOutcome::Gone), "{fault:?} at {number} of {requests:?}");
                }
            }
        }
    }
    assert!(tried > 50, "{tried}");
}
