//! The fuzz targets' seeds, as they are and changed in many small ways: what the targets look for, without a fuzzer.

use std::fs;

use crate::support::process::root;

#[path = "../fuzz/bodies.rs"]
mod bodies;

/// Each seed whole, then cut, with bytes changed, doubled and left out: the same ones each time.
fn each(target: &str, rounds: u64, run: fn(&[u8])) {
    let folder = root().join("tests/fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seed");
    for seed in seeds {
        let whole = fs::read(&seed).unwrap();
        run(&whole);
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut below = |end: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 11).unwrap() % end.max(1)
        };
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                match below(5) {
                    0 => bytes.truncate(at),
                    1 => bytes[at..].iter_mut().take(1).for_each(|byte| *byte = b"\"\\{}[]:,.=0-1e\n \xff'#n"[at % 20]),
                    2 => drop(bytes.drain(at..(at + 1 + at % 7).min(whole.len()).min(bytes.len()).max(at))),
                    3 => {
                        let piece = bytes[at..(at + 9).min(bytes.len())].to_vec();
                        let to = at / 2;
                        bytes.splice(to..to, piece);
                    }
                    _ => bytes.extend_from_slice(&whole[at.min(whole.len())..]),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            run(&bytes);
        }
    }
}

#[test]
fn any_words() {
    each("grammar", 1500, bodies::grammar);
}

#[test]
fn any_files() {
    each("files", 300, bodies::files);
}

#[test]
fn policies() {
    each("policy", 1500, bodies::policy);
}

#[test]
fn dockers_own_files() {
    each("go_json", 5000, bodies::go_json);
}

#[test]
fn entries_of_the_trash() {
    each("trash", 300, bodies::trash);
}

#[test]
fn answers_of_engines() {
    each("answers", 1500, bodies::answers);
}
