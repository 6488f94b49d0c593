//! The packages and the service as operators have them: Debian's systemd as process 1, the package that
//! `make packages` built, real traffic on a veth pair. `make test-system` runs this.
//!
//! Every machine lives in namespaces of its own, on a Debian that `make test-system` keeps in
//! `target/system/root` and that no test changes.

mod collect;
mod machine;
mod packages;
mod sandbox;
mod service;
mod sockets;

use dnsflow_testkit::programs::Programs;
use dnsflow_testkit::requirements::requirements;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));

/// Whether machines can be made here; where they can't, that is said, and is a failure where none may be skipped.
fn needs(test: &str) -> bool {
    requirements(test, &["nsenter", "unshare", "find"])
}
