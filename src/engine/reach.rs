//! What is certain about an endpoint from which no answer came. Only where docker's own client can do nothing but report an error is there no
//! engine, or no permission; each of these takes two signs that do not depend on each other.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use fender_core::api::EngineProblem;
use fender_core::grammar::values::parse_host;

/// What the real client says of an endpoint that it cannot read.
pub const NO_ADDRESS: &str = "unable to resolve docker endpoint: invalid ";

/// How long one address may take to refuse a connection.
const REFUSES: Duration = Duration::from_secs(2);

/// The name of an abstract socket, which has no file: Go takes `@` in front for it.
pub fn abstract_name(socket: &str) -> Option<&str> {
    socket.strip_prefix('@')
}

/// Whether this user may not open a socket: its permissions say so, and so does the attempt.
pub fn is_denied(socket: &str) -> bool {
    abstract_name(socket).is_none()
        && accessat(CWD, socket, Access::WRITE_OK, AtFlags::EACCESS) == Err(Errno::ACCESS)
        && matches!(UnixStream::connect(socket), Err(error) if error.kind() == io::ErrorKind::PermissionDenied)
}

/// What an error of connecting to a local socket means.
pub fn not_connected(error: &io::Error, socket: &str) -> EngineProblem {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            EngineProblem::NoEngine(format!("{socket}: {error}"))
        }
        io::ErrorKind::PermissionDenied if is_denied(socket) => EngineProblem::NotAllowed(format!("{socket}: {error}")),
        _ => EngineProblem::Unanswered(format!("{socket}: {error}")),
    }
}

/// Looks at a local socket before anything is sent to it.
pub fn look(socket: &str) -> Result<(), EngineProblem> {
    if let Some(name) = abstract_name(socket) {
        let address = SocketAddr::from_abstract_name(name).map_err(|error| not_connected(&error, socket))?;
        return UnixStream::connect_addr(&address).map(drop).map_err(|error| not_connected(&error, socket));
    }
    std::fs::metadata(socket).map_err(|error| not_connected(&error, socket))?;
    if is_denied(socket) {
        return Err(EngineProblem::NotAllowed(format!("{socket}: permission denied")));
    }
    Ok(())
}

/// What a pipe to a remote engine means that ended without an answer, where the client has `said` this of it.
pub fn of_pipe(host: &str, said: &str, error: &str) -> EngineProblem {
    let said = said.trim();
    if nobody_is_there(host, said) {
        return EngineProblem::NoEngine(last_line(said).to_owned());
    }
    match last_line(said) {
        "" => EngineProblem::Unanswered(error.to_owned()),
        line => EngineProblem::Unanswered(format!("the docker client says: {line}")),
    }
}

fn last_line(said: &str) -> &str {
    said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("")
}

/// Whether the client cannot reach the endpoint either: every address refuses the connection, there is no such name, or the endpoint
/// is no address.
fn nobody_is_there(host: &str, said: &str) -> bool {
    if said.contains(NO_ADDRESS) && parse_host(host, false).is_err() {
        return true;
    }
    let Some((scheme, rest)) = host.split_once("://") else { return false };
    if scheme == "ssh" {
        return ssh_reaches_nobody(said);
    }
    // Behind a proxy it is the proxy that reaches the engine.
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    if proxies.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return false;
    }
    let authority = rest.split('/').next().unwrap_or(rest);
    if said.ends_with("connect: connection refused") {
        return every_address_refuses(authority);
    }
    said.ends_with(": no such host") && authority.to_socket_addrs().is_err()
}

fn every_address_refuses(authority: &str) -> bool {
    let Ok(addresses) = authority.to_socket_addrs() else { return false };
    let addresses: Vec<_> = addresses.collect();
    let refuses = |address| matches!(TcpStream::connect_timeout(address, REFUSES), Err(error) if error.kind() == io::ErrorKind::ConnectionRefused);
    !addresses.is_empty() && addresses.iter().all(refuses)
}

/// ssh ends with 255 where it is itself that fails, and says why for each address.
fn ssh_reaches_nobody(said: &str) -> bool {
    let Some((before, words)) = said.split_once("stderr=") else { return false };
    let mut of_ssh = words.lines().map(str::trim).filter(|line| line.starts_with("ssh: ")).peekable();
    let is_final = |line: &str| {
        (line.starts_with("ssh: connect to host ") && line.ends_with(": Connection refused"))
            || (line.starts_with("ssh: Could not resolve hostname ") && line.ends_with(": Name or service not known"))
    };
    before.contains("has exited with exit status 255") && of_ssh.peek().is_some() && of_ssh.all(is_final)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ssh_itself_cannot_do_is_nobody() {
        let said = |code: u8, words: &str| {
            format!(
                "error while Copy (stream to stdout): command [ssh -T -- h docker system dial-stdio] has exited with exit status {code}, make sure the URL is valid: stderr={words}"
            )
        };
        for (text, nobody) in [
            (said(255, "ssh: connect to host h port 22: Connection refused"), true),
            (said(255, "ssh: Could not resolve hostname h: Name or service not known\n"), true),
            (
                said(
                    255,
                    "ssh: connect to host h port 22: Connection refused\nssh: connect to host h port 22: No route to host",
                ),
                false,
            ),
            (said(255, "ssh: Could not resolve hostname h: Temporary failure in name resolution"), false),
            (said(255, "ssh: connect to host h port 22: Connection timed out"), false),
            (said(255, "Permission denied (publickey)."), false),
            (said(1, "ssh: connect to host h port 22: Connection refused"), false),
            (said(1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."), false),
            (String::new(), false),
        ] {
            assert_eq!(nobody_is_there("ssh://h", &text), nobody, "{text}");
        }
    }

    #[test]
    fn a_name_or_an_address_is_looked_at_here_too() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let refused = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
        // Somebody listens, whatever the client said.
        assert!(!nobody_is_there(&format!("tcp://127.0.0.1:{port}"), &refused));
        drop(free);
        // A process that another test is just starting may still have the socket.
        let closed = || TcpStream::connect(("127.0.0.1", port)).is_err();
        for _ in 0..1000 {
            if closed() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(nobody_is_there(&format!("tcp://127.0.0.1:{port}"), &refused));
        assert!(!nobody_is_there(&format!("tcp://127.0.0.1:{port}"), "dial tcp: i/o timeout"));
        assert!(!nobody_is_there("tcp://localhost:1", "dial tcp: lookup localhost: no such host"));
        let invalid = "Failed to initialize: unable to resolve docker endpoint: invalid bind address format: foo://x";
        assert!(nobody_is_there("foo://x", invalid));
        assert!(!nobody_is_there("tcp://localhost:1", invalid));
    }
}
