//! `dnsflow-collect check`: what would keep a run with the same options from its work.

use std::fs;
use std::process::ExitCode;

use crate::options::Options;
use crate::receive::bind;
use crate::run::start;
use crate::serve::server;

/// Looks at the stores, the sockets, the spool and the limits of this machine, and prints what it
/// finds. The exit status is 1 if a run could not work.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let mut fails = false;
    let mut say = |is_bad: bool, text: String| {
        println!("{}  {text}", if is_bad { "FAIL" } else { "ok  " });
        fails |= is_bad;
    };
    if options.listen.is_empty() && options.read.is_empty() {
        say(
            true,
            "nothing to receive: give --listen ADDRESS:PORT, or --read FILE".to_owned(),
        );
    }
    let buffer = (options.receive_buffer as usize) << 20;
    for &address in &options.listen {
        match bind(address, 1, buffer) {
            Err(error) => say(true, error.to_string()),
            Ok(sockets) => {
                let has = sockets
                    .first()
                    .map_or(0, crate::receive::Listener::receive_buffer);
                if has < buffer {
                    println!(
                        "warn  {address}: the receive buffer is {} KiB and not {} MiB, so bursts may be lost: sysctl -w net.core.rmem_max={buffer}",
                        has >> 10,
                        options.receive_buffer
                    );
                } else {
                    say(false, format!("{address} can be listened on"));
                }
            }
        }
    }
    for path in &options.read {
        match fs::metadata(path) {
            Err(error) if path.as_os_str() != "-" => {
                say(true, format!("{}: {error}", path.display()))
            }
            _ => say(false, format!("{} can be read", path.display())),
        }
    }
    if let Some(folder) = &options.spool {
        match writable(folder) {
            Err(error) => say(true, format!("{}: {error}", folder.display())),
            Ok(()) => say(false, format!("{} can be written", folder.display())),
        }
    } else {
        println!(
            "note  without --spool, batches that wait for a store are lost when this program ends"
        );
    }
    if options.to.is_empty() && options.serve.is_none() {
        say(
            true,
            "nowhere to store: give --to URL, as in --to jsonl:-, or --serve ADDRESS:PORT"
                .to_owned(),
        );
    }
    naming(options, &mut say);
    for to in &options.to {
        match to.sink(0).open() {
            Err(error) => say(true, format!("{}: {error}", to.name())),
            Ok(_) => say(false, format!("{} takes records", to.name())),
        }
    }
    if fails {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Looks at what the naming service needs.
fn naming(options: &Options, say: &mut impl FnMut(bool, String)) {
    if let Err(error) = start::validate_serve(options) {
        say(true, error.to_owned());
    }
    let Some(address) = options.serve else {
        return;
    };
    match server::listen(address) {
        Err(error) => say(true, error.to_string()),
        Ok(_) => say(false, format!("{address} can serve names")),
    }
    if let Err(error) = start::access(options) {
        say(true, error.to_string());
    }
    if let Err(error) = start::disguise(options) {
        say(true, format!("--address-key {error}"));
    }
    if let Some(path) = &options.map_snapshot {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(std::path::Path::new("."));
        match writable(folder) {
            Err(error) => say(true, format!("{}: {error}", folder.display())),
            Ok(()) => say(false, format!("{} can be written", path.display())),
        }
    }
}

/// Whether files can be made in a folder, which is made if it is not there.
fn writable(folder: &std::path::Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join("check.tmp");
    fs::write(&path, b"")?;
    fs::remove_file(path)
}
