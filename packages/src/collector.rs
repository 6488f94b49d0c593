//! The programs of the package `dnsflow-collect`.

use clap::CommandFactory;
use dnsflow_collect::options::Cli;

use crate::configuration::ConfigurationPage;
use crate::manual::Page;

pub(crate) fn pages() -> Vec<Page> {
    vec![
        Page {
            command: Cli::command(),
            section: "8",
            summary: "collector of DNS responses",
            synopsis: "dnsflow-collect -l ADDRESS:PORT [-t URL] [--serve ADDRESS:PORT] [OPTIONS]\n\
                       dnsflow-collect -r FILE [-t URL] [--serve ADDRESS:PORT] [OPTIONS]\n\
                       dnsflow-collect check [-l ADDRESS:PORT] [-t URL] [OPTIONS]",
            more: include_str!("../man/dnsflow-collect.8"),
        },
        Page {
            command: dnsflow_name::Options::command(),
            section: "1",
            summary: "add to flow records the names that were looked up",
            synopsis: "dnsflow-name --from SOURCE [OPTIONS] [FILE...]",
            more: include_str!("../man/dnsflow-name.1"),
        },
        Page {
            command: dnsflow_query::Options::command(),
            section: "1",
            summary: "ask which names an address stood for",
            synopsis: "dnsflow-query ADDRESS [--client ADDRESS] [--at TIME] [OPTIONS]\n\
                       dnsflow-query NAME [--suffix] [--client ADDRESS] [OPTIONS]\n\
                       dnsflow-query --client ADDRESS [OPTIONS]",
            more: include_str!("../man/dnsflow-query.1"),
        },
        Page {
            command: dnsflow_top::Options::command(),
            section: "1",
            summary: "show live what dnsflow sensors export",
            synopsis: "dnsflow-top --listen ADDR:PORT [OPTIONS]\n\
                       dnsflow-top -r FILE [OPTIONS]",
            more: include_str!("../man/dnsflow-top.1"),
        },
    ]
}

pub(crate) fn configuration_page() -> ConfigurationPage {
    ConfigurationPage {
        command: Cli::command(),
        text: include_str!("../man/dnsflow-collect.toml.5"),
        // A reload asks for these two; it is in `dnsflow_collect::run`.
        waits_for_start: |option| !matches!(option, "allow" | "sensor"),
    }
}
