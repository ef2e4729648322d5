//! A raw request to the engine is judged as the command line that makes it.

use std::collections::BTreeSet;

use crate::support::example::{SmallEngine, judged, with_context};
use fender_core::judge::judge_effects;
use fender_core::lower::{Effect, Lowered, Origin, Request, lower_http};
use fender_core::policy::Action;
use fender_core::rules::Class;
use fender_core::target::Target;

/// Rule and class of each finding.
type Findings = BTreeSet<(&'static str, Class)>;

fn found(lowered: &Lowered) -> Findings {
    with_context("dev", |context| {
        let complaints = judge_effects(lowered, &Target::default(), &SmallEngine, context);
        complaints.iter().map(|complaint| (complaint.finding.rule.id, complaint.finding.class)).collect()
    })
}

/// Percent-encoded, but for what a segment or value may hold.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The request as it goes over the wire.
fn raw(request: &Request) -> Lowered {
    let query: Vec<String> =
        request.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let target = format!("/v1.47{}?{}", encoded(&request.path), query.join("&"));
    let body = request.body_json();
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    lower_http(request.method, &target, &body)
}

fn is_create(effect: &Effect) -> bool {
    let paths = ["/containers/create", "/services/create", "/volumes/create", "/networks/create"];
    matches!(effect, Effect::Request(request) if paths.iter().any(|path| request.is("POST", path)))
}

#[test]
fn a_raw_create_gets_the_findings_of_its_command_line() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for name in ["dangerous.txt", "outage.txt", "plain.txt", "once_differed.txt"] {
        let path = format!("{}/tests/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if shell_words::split(line).is_err() {
                continue;
            }
            let judgement = judged(line, "dev");
            if !judgement.lowered.effects.iter().any(is_create) || judgement.lowered.refusal.is_some() {
                continue;
            }
            compared += 1;
            let line_finds: Findings =
                judgement.complaints.iter().map(|it| (it.finding.rule.id, it.finding.class)).collect();
            // What the client does on this host besides is no part of a request: the files and programs of the line.
            let (requests, besides): (Vec<Effect>, Vec<Effect>) =
                judgement.lowered.effects.iter().cloned().partition(|effect| matches!(effect, Effect::Request(_)));
            let mut raw_finds = found(&Lowered { effects: besides, ..Lowered::default() });
            for effect in &requests {
                let Effect::Request(request) = effect else { continue };
                let raw = raw(request);
                let (one, other) =
                    (found(&Lowered { effects: vec![effect.clone()], ..Lowered::default() }), found(&raw));
                if one != other {
                    wrong.push(format!("docker {line}\n  {} {}: {one:?}, raw {other:?}", request.method, request.path));
                }
                raw_finds.extend(other);
            }
            if raw_finds != line_finds {
                wrong.push(format!("docker {line}\n  line {line_finds:?}\n  raw {raw_finds:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 200, "{compared} lines were compared");
}

#[test]
fn a_finding_about_a_raw_request_points_into_its_body() {
    let body = br#"{"Image":"safe:1","hostconfig":{"binds":["/data:/d","/:/h"],"Privileged":true}}"#;
    let lowered = lower_http("POST", "/v1.47/containers/create", body);
    with_context("prod", |context| {
        let complaints = judge_effects(&lowered, &Target::default(), &SmallEngine, context);
        let of = |id: &str| complaints.iter().find(|it| it.finding.rule.id == id).unwrap();
        assert_eq!(of("host-mount").finding.origins, [Origin::Request("/HostConfig/Binds/1".into())]);
        assert_eq!(of("privileged").finding.origins, [Origin::Request("/HostConfig/Privileged".into())]);
        assert_eq!(of("privileged").decision.action, Action::Refuse);
        // Arguments alone can be rewritten.
        assert!(complaints.iter().all(|it| it.finding.args().is_empty() && it.finding.edits.is_empty()));
    });
}

#[test]
fn a_raw_request_that_is_not_understood_is_a_finding() {
    let ids = |body: &[u8]| found(&lower_http("POST", "/containers/create", body));
    assert!(
        ids(br#"{"Image":"safe:1","HostConfig":{"Privileged":"yes"}}"#).iter().any(|(id, _)| *id == "not-understood")
    );
    assert!(
        ids(br#"{"Image":"safe:1","HostConfig":{},"hostConfig":{"Privileged":true}}"#)
            .iter()
            .any(|(id, _)| *id == "not-understood")
    );
    assert!(found(&lower_http("POST", "/grpc", b"")).iter().any(|(id, _)| *id == "raw-api"));
    assert!(found(&lower_http("DELETE", "/v1.47/volumes/pg", b"")).iter().any(|(id, _)| *id == "removes-volume"));
    assert!(
        found(&lower_http("POST", "/volumes/prune?filters={\"all\":[\"1\"]}", b""))
            .iter()
            .any(|(id, _)| *id == "prune-all")
    );
}
