//! The terminal: taken over, and given back however the program ends.

use std::io::{self, Stdout};
use std::os::fd::AsFd;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// Whether the terminal is taken over: it is given back once, by whoever comes first.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal in raw mode, on its alternate screen. Dropped, it is given back as it was; a panic of
/// any thread gives it back first, so that its message can be read.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes over the terminal of standard output.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                give_back();
                before(panic);
            }));
        });
        TAKEN.store(true, Ordering::SeqCst);
        let take = || {
            enable_raw_mode()?;
            execute!(io::stdout(), EnterAlternateScreen, Hide)?;
            Terminal::new(CrosstermBackend::new(io::stdout()))
        };
        // What was done before it failed.
        let taken = take().inspect_err(|_| give_back());
        taken.map(|terminal| Self { terminal })
    }

    /// The terminal to draw on; none if a panic of another thread has given it back.
    pub fn terminal(&mut self) -> Option<&mut Terminal<CrosstermBackend<Stdout>>> {
        TAKEN.load(Ordering::SeqCst).then_some(&mut self.terminal)
    }

    /// Whether the terminal has hung up. That is no signal to a program that does not belong to its
    /// session, and keys can be awaited there without an end.
    #[must_use]
    pub fn has_hung_up() -> bool {
        let stdout = io::stdout();
        let mut of_stdout = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        let hung_up = PollFlags::POLLHUP | PollFlags::POLLERR;
        poll(&mut of_stdout, PollTimeout::ZERO).is_ok()
            && of_stdout[0]
                .revents()
                .is_some_and(|it| it.intersects(hung_up))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if that was not done before: leaving the alternate screen twice would move
/// the cursor over what was written in between.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // There is nobody left to tell.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}
