//! A terminal in which a program runs: keys go in, and the screen is what a terminal would show.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use dnsflow_testkit::patience::until;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use pty_process::Size;
use pty_process::blocking::{Command, Pts, Pty, open};

/// What the program has written.
struct Written {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

/// A running program and its terminal. Dropped, the program is killed, by its id.
pub(crate) struct Terminal {
    child: Child,
    /// This side of the terminal.
    own: Arc<Pty>,
    /// Kept open, so that its settings can be asked for when the program has ended.
    _other: Pts,
    written: Arc<Mutex<Written>>,
}

impl Terminal {
    /// Starts a command in a terminal of this size.
    pub(crate) fn start(command: Command, rows: u16, columns: u16) -> Self {
        let mut command = command.env("TERM", "xterm-256color");
        let (pty, pts) = open().expect("a terminal");
        pty.resize(Size::new(rows, columns)).expect("a size");
        let child = command.spawn_borrowed(&pts).expect("it starts");
        let own = Arc::new(pty);
        let written = Arc::new(Mutex::new(Written {
            screen: vt100::Parser::new(cells(rows), cells(columns), 0),
            bytes: Vec::new(),
        }));
        let from = Arc::clone(&own);
        let to = Arc::clone(&written);
        let read = move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = (&*from).read(&mut buffer) {
                let mut to = to.lock().expect("no test panics with it");
                to.screen.process(&buffer[..length]);
                to.bytes.extend(&buffer[..length]);
            }
        };
        // It ends with this test program: a terminal whose other side is open has no end.
        thread::spawn(read);
        Self {
            child,
            own,
            _other: pts,
            written,
        }
    }

    /// The program with these arguments, at 80 by 24.
    pub(crate) fn of_program(arguments: &[&str]) -> Self {
        let command = Command::new(crate::BUILT.path("dnsflow-top")).args(arguments);
        Self::start(command, 24, 80)
    }

    /// The same with something piped into standard input.
    pub(crate) fn of_pipe(arguments: &[&str], input: &[u8]) -> Self {
        let command = Command::new(crate::BUILT.path("dnsflow-top")).args(arguments);
        let mut terminal = Self::start(command.stdin(Stdio::piped()), 24, 80);
        let mut stdin = terminal.child.stdin.take().expect("a pipe");
        stdin.write_all(input).expect("it reads");
        terminal
    }

    /// The lines of the screen, without blanks at their ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let written = self.written.lock().expect("the reader does not panic");
        let screen = written.screen.screen();
        let (_, columns) = screen.size();
        let rows = screen.rows(0, columns.get());
        rows.map(|row| row.trim_end().to_owned()).collect()
    }

    /// Waits until the screen is as wanted, and returns its lines.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut last = Vec::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(what, || {
                last = self.lines();
                wanted(&last).then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|_| panic!("waited for {what}, and saw:\n{}", last.join("\n")))
    }

    /// Waits until a line has `text` in it.
    pub(crate) fn wait_for(&self, text: &str) -> Vec<String> {
        self.wait(text, |lines| lines.iter().any(|line| line.contains(text)))
    }

    /// Presses keys, as a terminal sends them.
    pub(crate) fn press(&mut self, keys: &str) {
        (&*self.own).write_all(keys.as_bytes()).expect("it runs");
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let mut written = self.written.lock().expect("the reader does not panic");
        written
            .screen
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        self.own.resize(Size::new(rows, columns)).expect("a size");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are positive");
        kill(Pid::from_raw(id), signal).expect("it runs");
    }

    /// All bytes that were written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let written = self.written.lock().expect("the reader does not panic");
        written.bytes.clone()
    }

    /// Waits for the end, and holds that the terminal is as before, with `said` on it.
    pub(crate) fn end(mut self, said: &str) -> ExitStatus {
        let status = until("the program to end", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        // What it wrote last may still be on its way.
        self.wait("the terminal to be given back", |lines| {
            let written = self.written.lock().expect("the reader does not panic");
            let screen = written.screen.screen();
            let is_back = !screen.alternate_screen() && !screen.hide_cursor();
            is_back && lines.iter().any(|line| line.contains(said))
        });
        let settings = tcgetattr(&*self.own).expect("settings");
        let cooked = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
        assert!(settings.local_flags.contains(cooked), "{settings:?}");
        status
    }

    /// The same for a program that ends well.
    pub(crate) fn end_well(self) {
        let status = self.end("");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a terminal has cells")
}
