//! Names that anyone can make a sensor report: they are shown as text, and do nothing.

use dnsflow_testkit::datagrams::v5;

use crate::Opened;
use crate::datagrams::Sender;
use crate::service::{CLIENT, LOOKUPS, get, told};

/// All bytes that labels can have, in as many labels as fit into 255 bytes.
fn soup() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = (0..=248).collect();
    bytes.chunks(62).map(<[u8]>::to_vec).collect()
}

#[test]
fn hostile_names_are_text() {
    let Some(mut opened) = Opened::start("page::hostile", &[]) else {
        return;
    };
    let sender = Sender::from("127.0.0.1", opened.collector.address);
    let soup = soup();
    let soup: Vec<&[u8]> = soup.iter().map(Vec::as_slice).collect();
    let bidi = "\u{202e}elpmaxe\u{2066}".as_bytes();
    let names: [&[&[u8]]; 7] = [
        &[b"<script>window.ran=1</script>"],
        &[b"\"><img src=x onerror=window.ran=1>"],
        &[b"</title></style><svg onload=window.ran=1>"],
        &[b"javascript:window.ran=1//", b"'\"`${window.ran=1}"],
        &[b"{{constructor.constructor('window.ran=1')()}}"],
        &[bidi, b"\x1b[2J", b"\0\r\n"],
        &soup,
    ];
    for (number, labels) in (1..).zip(names) {
        sender.send(&told(number, labels));
    }
    // A sensor's own name is one that it chose.
    let other = Sender::from("127.0.0.1", opened.collector.address);
    let name = "<img src=x onerror=window.ran=1>\u{202e}";
    other.send(&v5(Some(name.as_bytes()), 0, 1, 1, &[]));
    opened.collector.wait_for(LOOKUPS, "", 7);

    // What the service has, as the page is to show it.
    let found = get(opened.service, &format!("/search?client={CLIENT}")).json();
    let rows = found["rows"].as_array().expect("rows");
    let mut expected: Vec<_> = rows.iter().map(|row| row["question"].to_string()).collect();
    expected.sort();
    assert_eq!(expected.len(), 7);
    opened.browser.write(CLIENT);
    opened.browser.press("Enter");
    opened
        .browser
        .wait("document.querySelectorAll('#found .lane:not(.head)').length === 7");
    let shown = "[...document.querySelectorAll('#found .lane:not(.head) > div:first-child > a')]\
                 .map((link) => link.textContent)";
    let shown = opened.browser.value(shown);
    let mut shown: Vec<_> = shown
        .as_array()
        .expect("texts")
        .iter()
        .map(ToString::to_string)
        .collect();
    shown.sort();
    assert_eq!(shown, expected);
    assert!(shown.iter().any(|name| name.contains("<script>window")));
    opened
        .browser
        .wait("document.querySelectorAll('#list-names ~ ol li').length === 7");
    let sensor = "[...document.querySelectorAll('#sensors td')]\
                  .some((cell) => cell.textContent.startsWith('<img'))";
    opened.browser.wait(sensor);

    // Each name can be searched for by its link, and the address line takes anything.
    for number in 0..7 {
        opened.browser.value(&format!(
            "document.querySelectorAll('#list-names ~ ol a')[{number}].click()"
        ));
        opened
            .browser
            .wait("document.querySelectorAll('#found .lane:not(.head)').length === 1");
        opened.browser.value("document.querySelector('#q').focus()");
    }
    for hash in [
        "<img src=x onerror=window.ran=1>",
        "\u{202e}x",
        "%00%ff%",
        "javascript:1:",
    ] {
        opened.browser.value(&format!(
            "location.hash = 'q=' + {hash:?}.replace('\\u{{202e}}', '\\u202e')"
        ));
        opened
            .browser
            .wait("!['', 'searching'].includes(document.querySelector('#said').textContent)");
    }
    // Nothing of it became part of the page.
    let counts = "['script', 'img', 'iframe', 'style', 'object'].map((tag) => \
                  document.querySelectorAll(tag).length).join()";
    assert_eq!(opened.browser.text(counts), "1,0,0,0,0");
    assert_eq!(opened.browser.text("typeof window.ran"), "undefined");
    let is_plain = "!/[\\u202a-\\u202e\\u2066-\\u2069\\0\\x1b]/.test(document.body.innerText + document.title)";
    opened.browser.wait(is_plain);
    let problems = opened.browser.problems();
    assert!(
        problems.iter().all(|text| text.contains("400")),
        "{problems:?}"
    );
    let own = format!("http://{}/", opened.service);
    let requests = opened.browser.requests();
    assert!(
        requests
            .iter()
            .all(|url| url.starts_with(&own) || url.starts_with("data:")),
        "{requests:?}"
    );
    drop(opened.browser);
    opened.collector.stop().assert_success();
}
