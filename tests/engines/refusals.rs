//! What BuildKit refuses in a Dockerfile, line by line: fender refuses the same and takes the rest. The engine's classic builder reads with
//! BuildKit's own parser and answers in a few milliseconds; what it takes is then put into one file, a stage for each line, and BuildKit's
//! `--call check` looks at the values. Where it refuses a line, that line is taken out and the rest is looked at again.
//!
//! `FENDER_REFUSAL_CASES` sets how many lines (500 without it), `FENDER_REFUSAL_SEED` where they start.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::support::engine::Engine;
use crate::support::lint::out;
use crate::support::process::client;
use crate::support::random::Random;
use fender_core::files::dockerfile::{Given, read};
use fender_core::files::text::Text;

/// What stands before each line.
const BEFORE: &str = "FROM scratch\nUSER 5\n";

/// Lines that are wrong, or odd and right, each in its own way.
const KNOWN: &[&str] = &[
    "ENV A",
    "LABEL a",
    "RUN --foo=1 x",
    "COPY --keep-git-dir a b",
    "COPY --chmod a b",
    "EXPOSE abc",
    "ENV A=\"b",
    "ONBUILD FROM x",
    "RUN --mount=type=foo x",
    "RUN --network=foo x",
    "FROM x AS 1a",
    "ADD --checksum=x a b",
    "ENTRYPOINT",
    "CMD",
    "RUN",
    "RUN []",
    "CMD []",
    "ENTRYPOINT []",
    "SHELL []",
    "SHELL a",
    "SHELL [\"a\"]",
    "CMD --x y",
    "ENTRYPOINT --help",
    "HEALTHCHECK NONE",
    "HEALTHCHECK NONE x",
    "HEALTHCHECK CMD",
    "HEALTHCHECK CMD []",
    "HEALTHCHECK CMD x",
    "HEALTHCHECK --interval=1 CMD x",
    "HEALTHCHECK --interval=1s CMD x",
    "HEALTHCHECK --retries=-1 CMD x",
    "HEALTHCHECK --timeout=1us CMD x",
    "HEALTHCHECK x",
    "STOPSIGNAL x",
    "STOPSIGNAL SIGTERM",
    "STOPSIGNAL term",
    "STOPSIGNAL 0",
    "STOPSIGNAL 32",
    "STOPSIGNAL 33",
    "STOPSIGNAL 64",
    "STOPSIGNAL 65",
    "STOPSIGNAL RTMIN+3",
    "STOPSIGNAL SIGRTMIN+16",
    "STOPSIGNAL a b",
    "MAINTAINER",
    "MAINTAINER a b",
    "VOLUME",
    "VOLUME []",
    "VOLUME [\"\"]",
    "VOLUME [\"/a\", 1]",
    "VOLUME $NOTHING",
    "USER",
    "USER $NOTHING",
    "USER a b",
    "WORKDIR",
    "WORKDIR $NOTHING",
    "WORKDIR \"a",
    "ARG",
    "ARG =x",
    "ARG A=\"x",
    "ARG A B=1",
    "ARG --x=1 A",
    "EXPOSE",
    "EXPOSE 80/tcp",
    "EXPOSE 80/xyz",
    "EXPOSE 80-70",
    "EXPOSE 99999",
    "EXPOSE 80:90",
    "EXPOSE 80-82:90",
    "EXPOSE 80:90-92",
    "EXPOSE $NOTHING",
    "EXPOSE ${X:-80}",
    "EXPOSE 80${X:-81}",
    "EXPOSE [::1]:80:90",
    "EXPOSE x:80:90",
    "ONBUILD",
    "ONBUILD ONBUILD x",
    "ONBUILD ENV A",
    "ONBUILD RUN --foo x",
    "ONBUILD BOGUS x",
    "ONBUILD COPY x",
    "COPY a",
    "COPY [\"a\"]",
    "COPY [\"a\", \"b\"]",
    "COPY [\"a\", 1]",
    "COPY https://x/y /y",
    "COPY --link=maybe a b",
    "COPY --link a b",
    "COPY --chmod=999 a b",
    "COPY --chmod=755 a b",
    "COPY --chmod=17777 a b",
    "COPY --chmod=u+x a b",
    "COPY --chmod=u+y a b",
    "COPY --chmod=$NOTHING a b",
    "COPY --chown=\"a b\" c d",
    "COPY --from=$X a b",
    "COPY --from=0 a b",
    "COPY --from=7 a b",
    "COPY --from=-1 a b",
    "COPY a <<E\nx\nE",
    "COPY <<E /x\n$X ${\nE",
    "COPY <<'E' /x\n$X ${\nE",
    "COPY <<E <<F /x\na\nE\nb\nF",
    "COPY <<E /x\na",
    "RUN <<E\na\nE",
    "RUN <<-E cat\n\ta\n\tE",
    "RUN << E\na\nE",
    "RUN cat <<\"E F\"\na\nE F",
    "RUN [\"cat\", \"<<E\"]",
    "RUN --mount=type=secret x",
    "RUN --mount=type=secret,id=a x",
    "RUN --mount=type=secret,id=a,source=b x",
    "RUN --mount=type=cache x",
    "RUN --mount=type=cache,target=/x,sharing=locked x",
    "RUN --mount=type=cache,target=/x,sharing=odd x",
    "RUN --mount=type=bind,target=/x,sharing=locked x",
    "RUN --mount=type=bind x",
    "RUN --mount=type=bind,target=/ x",
    "RUN --mount=target=x x",
    "RUN --mount=type=tmpfs,target=/x,size=1m x",
    "RUN --mount=type=tmpfs,target=/x,size=z x",
    "RUN --mount=type=cache,target=/x,size=1m x",
    "RUN --mount=type=bind,target=/x,uid=5 x",
    "RUN --mount=type=cache,target=/x,uid=5,mode=0755 x",
    "RUN --mount=type=cache,target=/x,mode=9 x",
    "RUN --mount=type=ssh x",
    "RUN --mount=type=ssh,required x",
    "RUN --mount=type=cache,target=/x,required x",
    "RUN --mount=type=cache,target=/x,ro x",
    "RUN --mount=type=cache,target=/x,foo x",
    "RUN --mount=type=cache,target=/x,foo=1 x",
    "RUN --mount=type=cache,from=$X,target=/x x",
    "RUN --mount=type=cache,target=\"/x x",
    "RUN --mount x",
    "RUN --network=none x",
    "RUN --network=none --network=host x",
    "RUN -- --x",
    "ENV =x",
    "ENV A=b c",
    "ENV A b c",
    "ENV A=b C=d",
    "ENV A='b",
    "ENV A=${X",
    "ENV A=${",
    "ENV A=${}",
    "ENV A=${:x}",
    "ENV A=${X:x}",
    "ENV A=${X^}",
    "ENV A=${X:?no}",
    "ENV A=${X?no}",
    "ENV A=${X:-$Y}",
    "ENV A=${X:-\"}",
    "ENV A=${X#a*} B=${X/a/b}",
    "ENV A=${X/a}",
    "ENV A=\\",
    "ENV \"A=b\"=c",
    "LABEL a=b c",
    "LABEL \"a b\"=c",
    "LABEL a=$X",
    "LABEL a \"b",
    "FROM",
    "FROM a b",
    "FROM a AS",
    "FROM scratch AS b c",
    "FROM scratch as Ab_.1",
    "FROM scratch as ab_c-d.1",
    "FROM scratch AS _a",
    "FROM --platform=linux/arm64 scratch",
    "FROM --platform=odd scratch",
    "FROM --platform=$NOTHING scratch",
    "FROM --platform scratch",
    "FROM --odd=1 scratch",
    "FROM $NOTHING",
    "FROM ${X:-scratch}",
    "FROM Up/Per",
    "ADD a",
    "ADD --checksum=sha256:abc https://x/y /y",
    "ADD --keep-git-dir=true https://x/y.git /y",
    "ADD --link --chown=1:1 a b",
    "BOGUS x",
    "# comment",
    "RUN a \\\n# comment\n  b",
    "RUN a \\\n\n  b",
    "RUN a \\",
    "\\",
    "run a",
    "env a=b",
];

const INSTRUCTIONS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD RUN",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
    "env",
    "Copy",
    "RUM",
];

/// Flags; not those that docker 28 does not know and a later one does.
const FLAGS: &[&str] = &[
    "--chown=1:1",
    "--chmod=755",
    "--chmod=8",
    "--chmod",
    "--link",
    "--link=false",
    "--link=x",
    "--link=",
    "--keep-git-dir=true",
    "--checksum=x",
    "--mount=type=cache,target=/c",
    "--mount=type=bind,target=/b,rw",
    "--mount=type=tmpfs",
    "--mount=type=ssh",
    "--mount=type=secret,id=a",
    "--mount=type=\"cache\",target=/x",
    "--mount=",
    "--network=none",
    "--network=",
    "--interval=3s",
    "--interval=x",
    "--timeout=0",
    "--retries=3",
    "--retries=x",
    "--start-period=1h",
    "--foo",
    "--foo=1",
    "--",
    "--chown='a b'",
    "--chown=\"x",
    "-x",
];

const WORDS: &[&str] = &[
    "a",
    "b",
    "/x",
    "A=b",
    "A=\"b c\"",
    "A='x",
    "A=\"y",
    "=x",
    "A",
    "$X",
    "${X}",
    "${X:-d}",
    "${X:+y}",
    "${X",
    "${X:?e}",
    "${X-80}",
    "${X%a}",
    "$$",
    "\\$X",
    "a\\ b",
    "\"q\"",
    "'q'",
    "\"",
    "'",
    "\\",
    "[\"a\"]",
    "[\"a\", \"b\"]",
    "[1]",
    "[\"a\"",
    "[]",
    "[\"a\",]",
    "{}",
    "80",
    "80/udp",
    "80-90",
    "x/tcp",
    "0",
    "65536",
    "TERM",
    "9",
    "NONE",
    "CMD",
    "cmd",
    "true",
    "https://e.org/x",
    "<<E",
    "<<-E",
    "<<'E'",
    "<< E",
    "<<",
    "3<<E",
    "<",
    "é",
    "\u{a0}",
    "a;b",
    "#c",
    "`x`",
    "a:b",
    "*",
];

/// A line that may be anything.
fn line(random: &mut Random) -> String {
    let mut line = random.one(INSTRUCTIONS).to_owned();
    for _ in 0..[0, 0, 0, 1, 1, 2][random.below(6)] {
        line.push(' ');
        line.push_str(random.one(FLAGS));
    }
    for _ in 0..[0, 1, 1, 1, 2, 2, 3][random.below(7)] {
        line.push_str(random.one(&[" ", " ", " ", " ", "  ", "\t", " \\\n", " \\\n# c\n "]));
        line.push_str(random.one(WORDS));
    }
    if line.contains("<<") && random.below(6) > 0 {
        line.push_str(random.one(&["\nx\nE", "\n$X\n\tE\nE", "\n${\nE"]));
    }
    line
}

/// Whether the engine's parser takes a file: its answer, where it does not.
fn parse_error(socket: &str, text: &str) -> Option<String> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "Dockerfile", text.as_bytes()).unwrap();
    let body = builder.into_inner().unwrap();
    let mut stream = UnixStream::connect(socket).unwrap();
    // Only the first stage is built: what stands behind it is read, and no more.
    write!(
        stream,
        "POST /v1.44/build?version=1&target=ok&q=1 HTTP/1.0\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(&body).unwrap();
    // An engine that refuses may end the connection before it has read everything.
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("sha256:") || answer.contains("parse") || answer.contains("\"message\""), "{answer}");
    answer.contains("\"message\"").then_some(answer)
}

/// What BuildKit says to a file where it refuses it.
fn check_error(host: &str, text: &str) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("Dockerfile"), text).unwrap();
    let output =
        client(host).env("HOME", place.path()).args(["build", "--call", "check"]).arg(place.path()).output().unwrap();
    let said = out(&output);
    // Warnings have lines, too, and stand before it.
    said.split_once("ERROR: ").map(|(_, error)| error.to_owned())
}

/// Which of these lines BuildKit refuses, each in a stage of its own.
fn refused_values(host: &str, lines: &[(usize, &str)]) -> Vec<usize> {
    let mut refused = Vec::new();
    let mut left: Vec<(usize, &str)> = lines.to_vec();
    while !left.is_empty() {
        let mut text = String::new();
        let mut starts = Vec::new();
        for (_, line) in &left {
            starts.push(text.matches('\n').count() + 1);
            text.push_str(&format!("{BEFORE}{line}\n"));
        }
        let Some(said) = check_error(host, &text) else { break };
        let line = |said: &str| said.split_once("Dockerfile:")?.1.split([':', ' ']).next()?.parse::<usize>().ok();
        match (said.lines().filter_map(line).next_back(), left.as_slice()) {
            (Some(number), _) => {
                let at = starts.iter().rposition(|start| *start <= number).unwrap();
                refused.push(left.remove(at).0);
            }
            (None, [(only, _)]) => {
                refused.push(*only);
                break;
            }
            // Some errors have no line.
            (None, several) => {
                let (first, second) = several.split_at(several.len() / 2);
                refused.extend([first, second].into_iter().flat_map(|half| refused_values(host, half)));
                break;
            }
        }
    }
    refused
}

fn is_refused(text: &str) -> Option<String> {
    let given = Given::default();
    read(&Text::new("Dockerfile", text.to_owned()), &given).problem().map(|problem| problem.reason.clone())
}

fn compare(engine: &Engine, lines: &[String]) -> Vec<String> {
    let host = engine.host();
    let socket = host.strip_prefix("unix://").unwrap();
    let mut refused: Vec<bool> = Vec::new();
    for line in lines {
        refused.push(parse_error(socket, &format!("FROM scratch AS ok\nUSER 5\n{BEFORE}{line}\n")).is_some());
    }
    let taken = lines.iter().enumerate().filter(|(at, _)| !refused[*at]).map(|(at, line)| (at, line.as_str()));
    // The number of a stage means another one in a file of many, and a line that goes on takes the next one in.
    let is_alone = |line: &str| line.contains("--from=") || line.trim_end().ends_with('\\');
    let (alone, taken): (Vec<_>, Vec<_>) = taken.partition(|(_, line)| is_alone(line));
    let at_once: Vec<Vec<usize>> = std::thread::scope(|scope| {
        let parts: Vec<_> = taken
            .chunks(taken.len().div_ceil(4).max(1))
            .map(|part| scope.spawn(|| refused_values(&host, part)))
            .collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let alone = alone.chunks(1).flat_map(|one| refused_values(&host, one));
    at_once.into_iter().flatten().chain(alone).for_each(|at| refused[at] = true);
    let mut wrong = Vec::new();
    for (line, refused) in lines.iter().zip(refused) {
        let ours = is_refused(&format!("{BEFORE}{line}\n"));
        if ours.is_some() != refused {
            wrong.push(format!("{line:?}: refused by BuildKit {refused}, by fender {ours:?}"));
        }
    }
    wrong
}

/// No line is taken here that BuildKit refuses, and none is refused that it takes.
#[test]
fn buildkit_refuses_the_same_lines() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
    };
    let mut random = Random(number("FENDER_REFUSAL_SEED", 88_172_645_463_325_252));
    let engine = Engine::start("refusals", "new", "");
    let mut lines: Vec<String> = KNOWN.iter().map(|line| (*line).to_owned()).collect();
    lines.extend((0..number("FENDER_REFUSAL_CASES", 500)).map(|_| line(&mut random)));
    lines.sort();
    lines.dedup();
    let wrong = compare(&engine, &lines);
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
