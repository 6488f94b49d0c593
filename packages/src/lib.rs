//! What packages hold besides the programs: manual pages. Their text is that of `--help`; only what
//! a command line's definition has no place for (files, signals, exit status) is written by hand,
//! in `packages/man`.
//!
//! | module | what it is |
//! |---|---|
//! | `sensor`, `collector` | which programs a package has; a feature each, so that neither builds the other |
//! | [`manual`] | the page of a program |
//! | [`configuration`] | the page of a configuration file |

#[cfg(feature = "collector")]
mod collector;
pub mod configuration;
pub mod manual;
#[cfg(feature = "sensor")]
mod sensor;

use configuration::ConfigurationPage;
use manual::Page;

/// The pages of all programs that this was built for.
#[must_use]
pub fn pages() -> Vec<Page> {
    [
        #[cfg(feature = "sensor")]
        sensor::pages(),
        #[cfg(feature = "collector")]
        collector::pages(),
    ]
    .concat()
}

/// The pages of their configuration files.
#[must_use]
pub fn configuration_pages() -> Vec<ConfigurationPage> {
    vec![
        #[cfg(feature = "sensor")]
        sensor::configuration_page(),
        #[cfg(feature = "collector")]
        collector::configuration_page(),
    ]
}
