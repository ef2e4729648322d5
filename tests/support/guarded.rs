//! A person at a terminal in front of a guarded engine: production, so that every deletion is asked about.

use std::path::PathBuf;
use std::process::{Command, Output};

use fender::trash::TrashStore;

use super::engine::Engine;
use super::place::Place;
use super::process::{program, without_terminal};
use super::terminal::Terminal;

pub struct Guarded<'a> {
    pub engine: &'a Engine,
    pub place: Place,
    /// What the engine calls itself.
    pub name: String,
    state: PathBuf,
    /// fender sees other mounts than the engine.
    is_apart: bool,
}

impl<'a> Guarded<'a> {
    pub fn new(engine: &'a Engine) -> Guarded<'a> {
        let place = Place::new().with_real_client();
        place.policy("[environments.prod]\nhostname = \"*\"\n");
        let name = engine.plain(&["info", "--format", "{{.Name}}"]);
        let state = place.path("home/state");
        Guarded { engine, place, name, state, is_apart: false }
    }

    /// Another place for the trash.
    pub fn with_state(mut self, state: PathBuf) -> Guarded<'a> {
        self.state = state;
        self
    }

    /// From now on fender runs in a mount namespace of its own, or with the engine again.
    pub fn set_apart(&mut self, is_apart: bool) {
        self.is_apart = is_apart;
    }

    fn set(&self, mut command: Command) -> Command {
        command
            .env("PATH", self.place.search_path())
            .env("HOME", self.place.path("home"))
            .env("XDG_STATE_HOME", &self.state)
            .env("DOCKER_HOST", self.engine.host())
            .env("DOCKER_CONFIG", super::cache().join("config"))
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .current_dir(self.place.path("home"));
        if !self.is_apart {
            return command;
        }
        let mut outer = program("unshare");
        outer.arg("--mount").arg(command.get_program()).args(command.get_args()).current_dir(self.place.path("home"));
        outer.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        outer
    }

    /// `docker` through fender.
    pub fn docker(&self, words: &[&str]) -> Command {
        let mut command = program(self.place.path("front/docker"));
        command.args(words);
        self.set(command)
    }

    /// One of fender's own commands.
    pub fn fender(&self, words: &[&str]) -> Output {
        self.fender_command(words).output().unwrap()
    }

    /// The same, to be changed before it runs.
    pub fn fender_command(&self, words: &[&str]) -> Command {
        let mut command = without_terminal(env!("CARGO_BIN_EXE_fender"));
        command.args(words);
        self.set(command)
    }

    /// One of fender's own commands with a folder for the system's state that belongs to this test: what is released or locked for everybody
    /// stays out of this machine's own.
    pub fn fender_with_system_state(&self, words: &[&str]) -> Output {
        let folder = self.place.path("var-lib");
        std::fs::create_dir_all(folder.join("fender")).unwrap();
        let command = self.fender_command(words);
        let mut outer = program("unshare");
        let script = "mount --bind \"$1\" /var/lib && shift && exec \"$@\"";
        outer.args(["--mount", "sh", "-c", script, "sh"]).arg(folder).arg(command.get_program());
        outer.args(command.get_args()).current_dir(self.place.path("home")).stdin(std::process::Stdio::null());
        outer.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        outer.output().unwrap()
    }

    /// A command on a terminal, whether it asks or not.
    pub fn on_terminal(&self, words: &[&str]) -> Terminal {
        Terminal::start(&self.docker(words), None)
    }

    /// The question of a guarded deletion, on a terminal.
    pub fn asked(&self, words: &[&str]) -> Terminal {
        let terminal = Terminal::start(&self.docker(words), None);
        terminal.expect_question();
        terminal
    }

    /// The same, with the right answer; what stood on the terminal, and the exit code.
    pub fn deleted(&self, words: &[&str]) -> (String, i32) {
        let mut terminal = self.asked(words);
        let typed = terminal.seen().contains("Type ");
        terminal.send(&if typed { format!("{}\n", self.name) } else { "y\n".to_owned() });
        let code = terminal.wait().code().unwrap();
        (terminal.seen(), code)
    }

    /// Without a terminal: nobody can be asked.
    pub fn piped(&self, words: &[&str]) -> Output {
        let mut command = without_terminal(self.place.path("front/docker"));
        command.args(words);
        self.set(command).output().unwrap()
    }

    /// One of fender's own commands on a terminal.
    pub fn fender_on_terminal(&self, words: &[&str]) -> Terminal {
        let mut command = super::process::fender();
        command.args(words);
        Terminal::start(&self.set(command), None)
    }

    /// One of fender's own commands on a terminal, with a yes to every question; what stood there, and the exit code.
    pub fn said_yes(&self, words: &[&str]) -> (String, i32) {
        let mut terminal = self.fender_on_terminal(words);
        let mut answered = 0;
        loop {
            let asked = terminal.seen().matches("[y/N]").count();
            if asked > answered {
                answered = asked;
                terminal.send("y\n");
            }
            if let Some(status) = terminal.ended() {
                return (terminal.seen(), status.code().unwrap_or(-1));
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn undone(&self) -> (String, i32) {
        self.said_yes(&["undo"])
    }

    /// Everything comes back.
    pub fn undo(&self) -> String {
        let (text, code) = self.undone();
        assert_eq!(code, 0, "{text}");
        text
    }

    /// What a person sees of commands, one after the other, in colours, with the answer `y` where something is asked.
    pub fn in_colour(&self, lines: &[&str]) -> String {
        let mut out = String::new();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let mut command = match words[0] {
                "docker" => program(self.place.path("front/docker")),
                _ => super::process::fender(),
            };
            command.args(&words[1..]);
            let mut command = self.set(command);
            command.env_remove("NO_COLOR");
            let mut terminal = Terminal::start(&command, None);
            terminal.expect("[y/N] ");
            // An answer counts when the question could be read.
            std::thread::sleep(std::time::Duration::from_millis(300));
            terminal.send("y\n");
            assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
            out.push_str(&format!("\u{1b}[2m$\u{1b}[0m {line}\n{}", terminal.seen()));
        }
        out
    }

    /// What was brought back once and is gone again comes back once more.
    pub fn undo_again(&self) {
        let id = TrashStore::at(self.trash()).entries().last().map(|(id, _)| *id).unwrap();
        let (text, code) = self.said_yes(&["trash", "restore", &id.to_string()]);
        assert_eq!(code, 0, "{text}");
    }

    pub fn trash(&self) -> PathBuf {
        self.state.join("fender/trash")
    }
}
