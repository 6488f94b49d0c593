//! Link layers, extension headers and tunnels: frames that are built here, read by the sensor and, so that our idea
//! of a header is not just our own, by tshark.
//!
//! Each test writes a capture of DNS responses behind some header, over IPv4 and over IPv6. Both programs have to
//! find all of them, with the innermost addresses. Where there is no tshark, that half is left out loudly; with
//! `CI=true` it has to be there.

mod details;
mod judge;
mod links;
mod tunnels;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));

/// A test for each group of captures.
macro_rules! check {
    ($($group:ident)*) => {
        $(
            #[test]
            fn $group() {
                crate::judge::check(captures::$group());
            }
        )*
    };
}

use check;
