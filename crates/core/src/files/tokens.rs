//! The shapes of well-known tokens: one table for what is found in a file and for what is masked where it is shown. Pure.

use std::ops::Range;

use crate::text::part;

/// Which letters a token has behind its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letters {
    /// Letters and digits.
    Plain,
    /// These, and `_`, `-`, `.`, `=`.
    Wide,
    /// A JSON web token: three parts with dots between, of which the first two are JSON.
    Jwt,
}

/// How a kind of token is known.
#[derive(Clone, Copy, Debug)]
struct TokenShape {
    /// How it begins.
    start: &'static str,
    /// How many letters follow at least for it to be one for certain; None for a beginning that other words have, too. Those are only
    /// masked.
    least: Option<usize>,
    letters: Letters,
    /// What it is.
    what: &'static str,
}

const fn plain(start: &'static str, least: usize, what: &'static str) -> TokenShape {
    TokenShape { start, least: Some(least), letters: Letters::Plain, what }
}

const fn wide(start: &'static str, least: usize, what: &'static str) -> TokenShape {
    TokenShape { start, least: Some(least), letters: Letters::Wide, what }
}

const fn only_masked(start: &'static str) -> TokenShape {
    TokenShape { start, least: None, letters: Letters::Wide, what: "" }
}

/// From the documentation of those who give the tokens out.
const SHAPES: &[TokenShape] = &[
    plain("AKIA", 16, "an AWS access key"),
    plain("ASIA", 16, "an AWS access key"),
    plain("ghp_", 36, "a GitHub token"),
    plain("gho_", 36, "a GitHub token"),
    plain("ghu_", 36, "a GitHub token"),
    plain("ghs_", 36, "a GitHub token"),
    plain("ghr_", 36, "a GitHub token"),
    wide("github_pat_", 40, "a GitHub token"),
    wide("glpat-", 20, "a GitLab token"),
    wide("gldt-", 20, "a GitLab token"),
    wide("glrt-", 20, "a GitLab token"),
    wide("glptt-", 20, "a GitLab token"),
    wide("xoxb-", 20, "a Slack token"),
    wide("xoxp-", 20, "a Slack token"),
    wide("xoxa-", 20, "a Slack token"),
    wide("xoxr-", 20, "a Slack token"),
    wide("xoxs-", 20, "a Slack token"),
    wide("xapp-", 20, "a Slack token"),
    plain("sk_live_", 20, "a Stripe key"),
    plain("sk_test_", 20, "a Stripe key"),
    plain("rk_live_", 20, "a Stripe key"),
    plain("whsec_", 24, "a Stripe key"),
    wide("sk-ant-", 24, "an Anthropic key"),
    wide("sk-proj-", 24, "an OpenAI key"),
    plain("npm_", 36, "an npm token"),
    wide("pypi-AgE", 20, "a PyPI token"),
    only_masked("pypi-"),
    wide("dckr_pat_", 20, "a Docker token"),
    wide("dckr_oat_", 20, "a Docker token"),
    plain("hf_", 30, "a Hugging Face token"),
    wide("AIza", 30, "a Google key"),
    wide("ya29.", 20, "a Google token"),
    wide("SG.", 40, "a SendGrid key"),
    wide("hvs.", 20, "a Vault token"),
    wide("SWMTKN-", 30, "a swarm's token"),
    wide("SWMKEY-", 30, "a swarm's key"),
    plain("AGE-SECRET-KEY-", 20, "an age key"),
    plain("dop_v1_", 32, "a DigitalOcean token"),
    plain("shpat_", 32, "a Shopify token"),
    wide("sntrys_", 20, "a Sentry token"),
    plain("rubygems_", 32, "a RubyGems key"),
    wide("glsa_", 32, "a Grafana token"),
    wide("tskey-", 20, "a Tailscale key"),
    wide("ATATT3", 40, "an Atlassian token"),
    TokenShape { start: "eyJ", least: Some(30), letters: Letters::Jwt, what: "a JSON web token" },
];

/// How many letters follow at least what is masked.
const MASKED_LENGTH: usize = 8;

/// The shortest text that is a token for certain.
const SHORTEST: usize = 20;

/// What a text holds that is a token for certain. Only long runs of a token's letters are looked at: nearly all of a text is none.
pub fn find(text: &str) -> Option<&'static str> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '=');
    text.split(|letter| !is_letter(letter)).filter(|run| run.len() >= SHORTEST).find_map(|run| {
        let ends = run.match_indices(|letter: char| !letter.is_ascii_alphanumeric()).map(|(at, end)| at + end.len());
        std::iter::once(0).chain(ends).find_map(|at| {
            let begins = |shape: &&TokenShape| part(run, at..).starts_with(shape.start);
            let shape = SHAPES
                .iter()
                .filter(begins)
                .find(|shape| shape.least.is_some_and(|least| is_token(run, at, shape, least)));
            shape.map(|shape| shape.what)
        })
    })
}

/// Whether a token of this shape begins here.
fn is_token(text: &str, at: usize, shape: &TokenShape, least: usize) -> bool {
    let rest = part(text, at + shape.start.len()..);
    let fits = |letter: char| {
        letter.is_ascii_alphanumeric() || shape.letters != Letters::Plain && matches!(letter, '_' | '-' | '.' | '=')
    };
    let token = part(rest, ..rest.find(|letter| !fits(letter)).unwrap_or(rest.len()));
    let is_filled = !token.bytes().all(|byte| matches!(byte, b'x' | b'X' | b'0' | b'.' | b'_' | b'-'));
    let is_formed = match shape.letters {
        Letters::Plain => true,
        // A word of a sentence has no digit.
        Letters::Wide => token.bytes().any(|byte| byte.is_ascii_digit()),
        Letters::Jwt => {
            let parts: Vec<&str> = token.split('.').collect();
            parts.len() >= 3 && parts.get(1).is_some_and(|part| part.starts_with("eyJ"))
        }
    };
    is_formed && is_filled && token.len() >= least && !token.contains("EXAMPLE")
}

/// Where tokens stand in a text that is shown, each at the beginning of a word. What only looks like one is among them: masking too
/// much costs a reader nothing.
pub fn masked(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut done, mut inside) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        let begins = !inside && at >= done;
        inside = letter.is_ascii_alphanumeric();
        let Some(rest) = text.get(at..).filter(|_| begins && inside) else { continue };
        let Some(shape) = SHAPES.iter().find(|shape| rest.starts_with(shape.start)) else { continue };
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '+');
        let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        if length >= shape.start.len() + MASKED_LENGTH {
            done = at + length;
            found.push(at..done);
        }
    }
    found
}

/// Whether a text holds a private key: its first line, and something of the key behind it. A comment and a pattern that is searched for
/// hold none.
pub fn has_private_key(text: &str) -> bool {
    if text.starts_with("PuTTY-User-Key-File") {
        return true;
    }
    text.match_indices("PRIVATE KEY-----").any(|(at, end)| {
        let line = part(text, ..at).rsplit('\n').next().unwrap_or_default();
        let Some((before, _)) = line.rsplit_once("-----BEGIN ") else { return false };
        let is_comment = ["#", "//", ";", "*", "--", "<!--"].iter().any(|mark| before.trim_start().starts_with(mark));
        let key = part(text, at + end.len()..);
        let key = key.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\\');
        // `\n` as two letters.
        let key = key.strip_prefix('n').map_or(key, |rest| rest.trim_start_matches(['\\', 'n']));
        let letters =
            key.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
        !is_comment && letters >= 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_found_and_masked() {
        for shape in SHAPES {
            let end = "a1B2c3D4e5".repeat(9);
            let text = match shape.letters {
                Letters::Jwt => "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_gh12".to_owned(),
                _ => format!("{}{end}", shape.start),
            };
            assert_eq!(masked(&format!("x={text}")).first(), Some(&(2..2 + text.len())), "{}", shape.start);
            let expected = shape.least.map(|_| shape.what);
            assert_eq!(find(&format!("https://a:{text}@x")), expected, "{}", shape.start);
            assert_eq!(find(&format!("\"{}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", shape.start)), None);
            assert_eq!(find(&format!("my{text}")), None, "{}", shape.start);
        }
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_short",
            "npm_config_registry_of_a_company_with_a_long_name",
            "eyJhbGciOiJIUzI1NiJ9",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_more_than_its_first_line() {
        for text in [
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
            "-----BEGIN PRIVATE KEY-----\\nMIIE",
            "-----BEGIN OPENSSH PRIVATE KEY-----\\\nb3Bl",
            "x=\"-----BEGIN EC PRIVATE KEY----- MHcC\"",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
            "# -----BEGIN PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\nMII",
        ] {
            assert!(has_private_key(text), "{text}");
        }
        for text in [
            "# -----BEGIN RSA PRIVATE KEY-----\n# MIIE\n",
            "    // -----BEGIN PRIVATE KEY-----\nMII",
            "grep -q -- '-----BEGIN RSA PRIVATE KEY-----' /x",
            "-----BEGIN PUBLIC KEY-----\nMII",
            "-----BEGIN CERTIFICATE-----\nMII",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
            "PRIVATE KEY-----\nMII",
        ] {
            assert!(!has_private_key(text), "{text}");
        }
    }
}
