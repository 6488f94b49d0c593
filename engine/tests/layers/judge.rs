//! What the sensor and tshark find in a capture.

use std::path::{Path, PathBuf};

use dnsflow_testkit::corpus::Capture;
use dnsflow_testkit::export::{Export, assert_same_of};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::{requirements, tshark};

use crate::{BUILT, details};

/// Has both programs read each.
#[track_caller]
pub(crate) fn check(captures: impl IntoIterator<Item = Capture>) {
    for capture in captures {
        let folder = Folder::new();
        let path = write(&capture, &folder);
        check_sensor(&capture, &path);
        let dissected = dissected(&capture, &path);
        assert_eq!(dissected, capture.sets(), "{} by tshark", capture.name);
        details::check(&capture, &path);
    }
}

/// Writes it into a folder.
pub(crate) fn write(capture: &Capture, folder: &Folder) -> PathBuf {
    let file = capture.file();
    folder.file(&file.name, &file.bytes)
}

/// Has the sensor read it: it has to find all responses, and nothing else.
#[track_caller]
pub(crate) fn check_sensor(capture: &Capture, path: &Path) {
    let (sets, said) = sensor(capture, path, "all");
    let mut expected = capture.sets();
    expected.sort();
    assert_same_of(&format!("{}: {said}", capture.name), &expected, &sets);
}

/// The sets that the sensor exports, sorted, and what it says at the end; it looks only into tunnels of `kinds`.
pub(crate) fn sensor(capture: &Capture, path: &Path, kinds: &str) -> (Vec<String>, String) {
    let export = path.with_extension("export");
    let ended = BUILT
        .reading(path)
        .option("--decap", kinds)
        .with(&capture.options.join(" "))
        .option("-w", &export)
        .run();
    ended.assert_success();
    (Export::of(&export).sets(), ended.stderr)
}

/// The sets that tshark finds in a file with these responses, in their order; what is expected where there is no
/// tshark.
///
/// Of a tunnel it lists the innermost addresses of each version: which version those of the response are of is
/// taken from that.
pub(crate) fn dissected(capture: &Capture, path: &Path) -> Vec<String> {
    if !requirements::programs("the comparison with tshark", &["tshark"]) {
        return capture.sets();
    }
    let responses = ["-Y", "dns.flags.response == 1", "-E", "occurrence=l"];
    let options: Vec<&str> = capture.dissect.iter().map(String::as_str).collect();
    let rows = tshark::fields(path, &[&responses[..], &options].concat(), tshark::SET);
    let is_ipv6 = |index: usize| {
        let response = capture.responses.get(index);
        response.is_some_and(|response| response.ends.is_ipv6())
    };
    let rows = rows.into_iter().enumerate();
    rows.map(|(index, row)| {
        let [dst, dst6, src, src6, name, alias, a, aaaa] = row;
        let none = String::new;
        let row = if is_ipv6(index) {
            [none(), dst6, none(), src6, name, alias, a, aaaa]
        } else {
            [dst, none(), src, none(), name, alias, a, aaaa]
        };
        tshark::set(&row).join("\t")
    })
    .collect()
}
