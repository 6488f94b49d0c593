//! What the page shows, by whom it can be used, and on what.

use std::collections::BTreeSet;

use dnsflow_testkit::folder::Folder;
use serde_json::json;

use crate::Opened;
use crate::datagrams::Sender;
use crate::program::Collector;
use crate::service::{CLIENT, address, feed, get, request, served_at};

/// What is found, once it is there.
const FOUND: &str = "document.querySelectorAll('#found .lane:not(.head)').length";

impl Opened {
    /// Sends records with these numbers.
    fn feed(&mut self, numbers: std::ops::RangeInclusive<u16>) -> Sender {
        let sender = Sender::from("127.0.0.1", self.collector.address);
        let all = u64::from(*numbers.end());
        feed(&self.collector, &sender, numbers, all);
        sender
    }

    /// Searches as people do.
    fn search(&mut self, text: &str) {
        self.browser.value("document.querySelector('#q').select()");
        self.browser.write(text);
        self.browser.press("Enter");
        let title = format!("document.querySelector('#results-title').textContent === {text:?}");
        self.browser.wait(&title);
        self.browser
            .wait("!['', 'searching'].includes(document.querySelector('#said').textContent)");
    }
}

#[test]
fn addresses_clients_and_names_are_found_by_typing() {
    let Some(mut opened) = Opened::start("page::search", &[]) else {
        return;
    };
    opened.feed(1..=12);
    // The field has the focus from the start.
    let focus = opened.browser.text("document.activeElement.id");
    assert_eq!(focus, "q");
    let found = "[...document.querySelectorAll('#found .lane:not(.head)')].map((lane) => \
                 [...lane.querySelectorAll('a')].map((link) => link.textContent).join(' ')).join(', ')";
    opened.search(&address(2));
    assert_eq!(opened.browser.text(found), format!("n2.example {CLIENT}"));
    opened.search("N3.example");
    let expected = format!("{} {CLIENT}", address(3));
    assert_eq!(opened.browser.text(found), expected);
    opened.search(CLIENT);
    assert_eq!(opened.browser.value(FOUND), json!(12));
    opened.search("*.example");
    assert_eq!(opened.browser.value(FOUND), json!(12));
    // Held from the look-up on, in a picture.
    let bars = "document.querySelectorAll('#found svg rect.held').length";
    assert_eq!(opened.browser.value(bars), json!(12));
    // What is found leads on, and the address line can be given to others.
    opened
        .browser
        .value("document.querySelector('#found .lane:not(.head) a').click()");
    opened.browser.wait(&format!("{FOUND} === 1"));
    let hash = opened.browser.text("location.hash");
    assert!(hash.starts_with("#q=203.0.0."), "{hash}");
    let url = format!("http://{}/{hash}", opened.service);
    let blank = json!({ "url": "about:blank" });
    opened.browser.call("Page.navigate", blank);
    opened.browser.wait("location.protocol === 'about:'");
    opened.browser.open(&url);
    opened.browser.wait(&format!("{FOUND} === 1"));
    // A time that nothing is of, and what can't be searched for, are said in words.
    opened
        .browser
        .value("document.querySelector('#last').value = '3600'");
    opened.search("n1.example");
    let said = opened
        .browser
        .text("document.querySelector('#said').textContent");
    assert!(said.starts_with("Nobody was told anything"), "{said}");
    opened.search("1:2:3");
    let said = opened
        .browser
        .text("document.querySelector('#said').textContent");
    assert!(said.contains("is no address"), "{said}");
    let problems = opened.browser.problems();
    assert!(
        problems.iter().all(|text| text.contains("400")),
        "{problems:?}"
    );
    opened.collector.stop().assert_success();
}

#[test]
fn rates_and_lists_come_by_themselves() {
    let Some(mut opened) = Opened::start("page::live", &[]) else {
        return;
    };
    let note = "document.querySelector('#sensors').textContent";
    opened
        .browser
        .wait(&format!("{note}.includes('Nothing has come yet')"));
    let sender = opened.feed(1..=20);
    // Number 21 never comes.
    sender.send(&crate::service::told(22, &[b"n22", b"example"]));
    let lost = "document.querySelector('#sensors tbody td.wrong')?.textContent === '1'";
    opened.browser.wait(lost);
    opened
        .browser
        .wait("document.querySelector('#rates dd').textContent !== '0.0'");
    let names = "document.querySelectorAll('#list-names ~ ol li').length";
    opened.browser.wait(&format!("{names} === 10"));
    let of = opened
        .browser
        .text("document.querySelector('#list-names span').textContent");
    assert_eq!(of, "of 21");
    opened
        .browser
        .wait("document.querySelector('#sensors svg polyline') !== null");
    opened
        .browser
        .wait("document.querySelector('#state').textContent === 'live'");
    let live = get(opened.service, "/live?rows=3");
    assert_eq!(
        live.json()["lists"]["names"]["items"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(live.json()["total"]["lost"], 1);
    opened.finish();
}

/// Every control can be reached by Tab alone, and each shows where the focus is.
#[test]
fn a_keyboard_is_enough() {
    let Some(mut opened) = Opened::start("page::keyboard", &[]) else {
        return;
    };
    opened.feed(1..=3);
    opened.search(CLIENT);
    opened
        .browser
        .wait("document.querySelector('#lists a') !== null");
    // Rows would be others while they are counted.
    opened
        .browser
        .value("document.querySelector('#pause').click()");
    opened
        .browser
        .wait("document.querySelector('#state').textContent === 'paused'");
    let controls = opened.browser.value(
        "(window.controls = [...document.querySelectorAll('a, button, input, select')]\
         .filter((control) => control.checkVisibility())).length",
    );
    let controls = controls.as_u64().expect("a number");
    assert!(controls > 15, "{controls}");
    opened
        .browser
        .value("document.querySelector('h1 a').focus()");
    let mut reached = BTreeSet::new();
    for _ in 0..controls + 5 {
        let state = opened.browser.value(
            "[controls.indexOf(document.activeElement), \
              document.activeElement === document.body || \
              getComputedStyle(document.activeElement).outlineStyle !== 'none']",
        );
        if let Some(number) = state[0].as_i64().filter(|number| *number >= 0) {
            reached.insert(number);
        }
        assert_eq!(state[1], json!(true), "the focus is not seen: {state}");
        opened.browser.press("Tab");
    }
    assert_eq!(reached.len() as u64, controls);
    // A link far below leads to what is found, which is where the focus is then.
    opened
        .browser
        .value("document.querySelector('#list-names ~ ol a').focus()");
    opened.browser.press("Enter");
    opened
        .browser
        .wait("document.activeElement.id === 'results-title' && scrollY < 200");
    opened.browser.wait(&format!("{FOUND} === 1"));
    opened.finish();
}

#[test]
fn it_fits_a_phone_and_both_colour_schemes() {
    let Some(mut opened) = Opened::start("page::fits", &[]) else {
        return;
    };
    let sender = opened.feed(1..=12);
    // A name as long as names can be, without a place to break.
    let label: &[u8] = &[b'w'; 63];
    sender.send(&crate::service::told(
        13,
        &[label, label, label, &label[..61]],
    ));
    opened.collector.wait_for(crate::service::LOOKUPS, "", 13);
    opened.search(CLIENT);
    opened.browser.wait(&format!("{FOUND} === 13"));
    opened
        .browser
        .wait("document.querySelectorAll('#list-names ~ ol li').length === 10");
    opened.browser.value(
        "document.querySelector('#last').value = 'between'; \
                          document.querySelector('#last').dispatchEvent(new Event('change'))",
    );
    let folder = Folder::new();
    for (width, height) in [(400, 900), (320, 700), (1200, 900)] {
        opened.browser.resize(width, height);
        let wide = opened.browser.value("document.documentElement.scrollWidth");
        assert!(wide.as_u64() <= Some(width.into()), "{wide} of {width}");
        opened.browser.picture(&folder.path("page.png"));
    }
    let colours = ["light", "dark"].map(|scheme| {
        opened.browser.prefer(scheme);
        let colours = "[getComputedStyle(document.body).backgroundColor, \
                        getComputedStyle(document.body).color].join()";
        opened.browser.text(colours)
    });
    let swapped = [
        "rgb(251, 251, 250),rgb(28, 32, 36)",
        "rgb(20, 23, 26),rgb(228, 231, 234)",
    ];
    assert_eq!(colours, swapped);
    opened.finish();
}

#[test]
fn a_token_is_asked_for_and_taken() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let file = folder.file("token", b"correct-horse-battery\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let options = ["--token-file", file.to_str().expect("text")];
    let Some(mut opened) = Opened::start("page::token", &options) else {
        return;
    };
    opened.browser.wait("document.activeElement.id === 'token'");
    let title = "document.querySelector('#door-title').textContent";
    assert!(opened.browser.text(title).contains("demands a token"));
    opened.browser.write("wrong-horse-battery");
    opened.browser.press("Enter");
    opened
        .browser
        .wait(&format!("{title}.includes('another token')"));
    opened.browser.wait("document.activeElement.id === 'token'");
    opened.browser.write("correct-horse-battery");
    opened.browser.press("Enter");
    opened
        .browser
        .wait("document.querySelector('#state').textContent === 'live'");
    opened
        .browser
        .wait("document.querySelector('#door').hidden");
    opened.feed(1..=2);
    opened.browser.value("document.querySelector('#q').focus()");
    opened.search("n2.example");
    assert_eq!(opened.browser.value(FOUND), json!(1));
    let kept = opened
        .browser
        .text("Object.keys(localStorage).join() + document.cookie");
    assert_eq!(kept, "");
    let problems = opened.browser.problems();
    assert!(
        problems.iter().all(|text| text.contains("401")),
        "{problems:?}"
    );
    opened.collector.stop().assert_success();
}

/// No browser is needed to see what is handed out, and to whom.
#[test]
fn the_files_have_a_strict_policy_and_are_there_if_asked_for() {
    let plain = Collector::start(&["--serve", "127.0.0.1:0"]);
    let service = served_at(&plain.process);
    assert!(get(service, "/").body.contains("GET  /search"));
    assert_eq!(get(service, "/page.js").status, 404);
    let live = get(service, "/live");
    assert!((live.status, live.error().contains("--page")) == (404, true));
    plain.stop().assert_success();

    let collector = Collector::start(&["--serve", "127.0.0.1:0", "--page"]);
    let service = served_at(&collector.process);
    for path in ["/", "/page.css", "/page.js", "/draw.js", "/live.js"] {
        let file = get(service, path);
        assert_eq!(file.status, 200, "{path}");
        for header in [
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'",
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "nosniff",
            "no-referrer",
        ] {
            assert!(file.head.contains(header), "{path}: {}", file.head);
        }
        let file = request(
            service,
            &format!("GET {path}"),
            "Host: evil.example\r\n",
            "",
        );
        assert_eq!(file.status, 421, "{path}");
    }
    let head = "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n";
    assert_eq!(request(service, "GET /live", head, "").status, 403);
    assert_eq!(
        request(service, "GET /", head, "").status,
        200,
        "a link leads here"
    );
    assert_eq!(
        request(service, "POST /live", "Host: localhost\r\n", "").status,
        405
    );
    for (path, words) in [
        ("/live?rows=1001", "no number from 1 to 1000"),
        ("/live?rows=x", "no number"),
        ("/live?x=1", "no parameter"),
        ("/search", "nothing to search for"),
        ("/search?q=a&limit=501", "no number from 1 to 500"),
    ] {
        let response = get(service, path);
        assert_eq!(response.status, 400, "{path}");
        assert!(response.error().contains(words), "{}", response.body);
    }
    collector.stop().assert_success();
}
