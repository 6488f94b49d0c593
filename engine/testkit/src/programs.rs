//! The programs of one build.

use std::path::{Path, PathBuf};

/// The programs of one build, which lie in one folder.
///
/// ```ignore
/// const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));
/// ```
///
/// The rooms for processes add what can be done with them: [`crate::sensor`] and [`crate::generator`].
#[derive(Clone, Copy, Debug)]
pub struct Programs {
    program: &'static str,
}

impl Programs {
    /// Those in the folder of `program`, a path that cargo gives to the tests of a package for each of its programs.
    #[must_use]
    pub const fn beside(program: &'static str) -> Self {
        Self { program }
    }

    /// The path of a program.
    ///
    /// # Panics
    /// If it was not built: cargo builds only the programs of the package that is tested.
    #[must_use]
    pub fn path(self, name: &str) -> PathBuf {
        let path = Path::new(self.program).with_file_name(name);
        assert!(
            path.is_file(),
            "{} is missing; build it: cargo build --workspace --bins",
            path.display()
        );
        path
    }

    /// The same as an argument of a command line.
    ///
    /// # Panics
    /// As [`Programs::path`].
    #[must_use]
    pub fn argument(self, name: &str) -> String {
        let path = self.path(name);
        path.to_str().expect("a path of UTF-8").to_owned()
    }
}
