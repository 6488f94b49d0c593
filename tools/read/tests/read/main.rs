//! `dnsflow-read` as its users meet it: the program is run, and all that it prints is compared.

mod capture;
mod errors;
mod export;
mod files;
mod live;
mod program;
