//! The programs of the package `dnsflow`.

use clap::CommandFactory;
use dnsflow::start::cli::Cli;
use dnsflow::supervisor;

use crate::configuration::ConfigurationPage;
use crate::manual::Page;

pub(crate) fn pages() -> Vec<Page> {
    vec![
        Page {
            command: Cli::command(),
            section: "8",
            summary: "sensor for DNS responses",
            synopsis: "dnsflow [-i IF] [-u HOST[:PORT]] [OPTIONS]\n\
                       dnsflow -r FILE [-w FILE] [-u HOST[:PORT]] [OPTIONS]\n\
                       dnsflow check [-i IF] [OPTIONS]\n\
                       dnsflow --print-filter [OPTIONS]",
            more: include_str!("../man/dnsflow.8"),
        },
        Page {
            command: dnsflow_read::Options::command(),
            section: "1",
            summary: "reader and collector for what dnsflow sensors export",
            synopsis: "dnsflow-read --listen ADDR:PORT [OPTIONS]\n\
                       dnsflow-read -i IF [-f EXPR|-F EXPR] [OPTIONS]\n\
                       dnsflow-read -r FILE [-f EXPR|-F EXPR] [OPTIONS]",
            more: include_str!("../man/dnsflow-read.1"),
        },
        Page {
            command: dnsflow_generate::options::Options::command(),
            section: "1",
            summary: "make DNS responses to try a sensor with",
            synopsis: "dnsflow-gen --write FILE --count N [OPTIONS]\n\
                       dnsflow-gen --interface IF [--rate PPS] [--seconds S] [OPTIONS]",
            more: include_str!("../man/dnsflow-gen.1"),
        },
    ]
}

pub(crate) fn configuration_page() -> ConfigurationPage {
    ConfigurationPage {
        command: Cli::command(),
        text: include_str!("../man/dnsflow.toml.5"),
        waits_for_start: supervisor::waits_for_start,
    }
}
