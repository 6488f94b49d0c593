//! A real browser: Chromium without a window, driven by the DevTools protocol over a pair of FIFOs.
//!
//! Messages are JSON, each behind the one before with a zero byte between (`--remote-debugging-pipe`).

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::{PATIENCE, until};
use dnsflow_testkit::process::Process;
use serde_json::{Value, json};

/// Its name, as Debian has it.
pub(crate) const CHROMIUM: &str = "chromium";

/// It sees no network but the loopback, and does nothing that it is not told.
const OPTIONS: [&str; 15] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
];

/// A browser with one tab.
pub(crate) struct Browser {
    process: Process,
    to: File,
    from: Receiver<Value>,
    number: u64,
    session: Option<String>,
    /// What it has told by itself.
    events: Vec<Value>,
    _folder: Folder,
}

/// A browser that shows a page.
impl Browser {
    /// Starts one whose tab has this size.
    pub(crate) fn start(width: u32, height: u32) -> Self {
        let folder = Folder::new();
        let fifos = ["to", "from"].map(|name| folder.path(name));
        let made = Command::new("mkfifo").args(&fifos).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        let mut command = Command::new("sh");
        let line = r#"to=$1 from=$2; shift 2; exec "$@" 3<"$to" 4>"$from""#;
        command.args(["-c", line, "sh"]).args(&fifos).arg(CHROMIUM);
        command.args(OPTIONS).env("TZ", "UTC");
        command.arg(format!("--user-data-dir={}", folder.argument("profile")));
        let process = Process::spawn(CHROMIUM, &mut command);
        // For both, so that it does not wait for a program that may not start.
        let to = OpenOptions::new().read(true).write(true).open(&fifos[0]);
        let mut browser = Self {
            process,
            to: to.expect("a FIFO"),
            from: messages(&fifos[1]),
            number: 0,
            session: None,
            events: Vec::new(),
            _folder: folder,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.resize(width, height);
        browser
    }

    /// Calls a method and waits for its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let sent = self.to.write_all(format!("{message}\0").as_bytes());
        sent.expect("it reads");
        loop {
            let message = match self.from.recv_timeout(PATIENCE) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => panic!("{method}: no answer"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{method}: the browser ended: {}", self.process.said())
                }
            };
            if message["id"] == json!(self.number) {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Prefers `light` or `dark`.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": feature }));
    }

    /// Opens a page, and waits until its script has run.
    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.wait("document.readyState === 'complete' && location.protocol === 'http:'");
    }

    /// The value of an expression.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true
        });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// The value of an expression that is a text.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    /// Waits until an expression is true.
    pub(crate) fn wait(&mut self, expression: &str) {
        let expression = format!("Boolean({expression})");
        until(&expression, || {
            (self.value(&expression) == json!(true)).then_some(())
        });
    }

    /// Types a text where the focus is.
    pub(crate) fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Presses a key and lets it go: `Tab`, `Enter` or `Escape`.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            _ => (27, ""),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Writes a picture of the window.
    pub(crate) fn picture(&mut self, path: &Path) {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = decoded(picture["data"].as_str().expect("text"));
        assert!(bytes.starts_with(b"\x89PNG"));
        std::fs::write(path, bytes).expect("a file");
    }

    /// What was asked for so far, as URLs.
    pub(crate) fn requests(&mut self) -> Vec<String> {
        self.events_of("Network.requestWillBeSent", "/params/request/url")
    }

    /// What went wrong so far: errors of scripts, and what the policy of a page forbids.
    pub(crate) fn problems(&mut self) -> Vec<String> {
        let mut problems = self.events_of("Runtime.exceptionThrown", "/params/exceptionDetails");
        problems.extend(self.events_of("Page.javascriptDialogOpening", "/params/message"));
        problems.extend(self.events_of("Log.entryAdded", "/params/entry/text"));
        problems
    }

    fn events_of(&mut self, method: &str, member: &str) -> Vec<String> {
        // What was told before this is answered has come.
        self.value("0");
        let events = self.events.iter().filter(|event| event["method"] == method);
        let members = events.filter_map(|event| event.pointer(member));
        members
            .map(|member| {
                member
                    .as_str()
                    .map_or_else(|| member.to_string(), str::to_owned)
            })
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes end with it; killed, it would leave them behind for a moment.
        self.session = None;
        let _ = self
            .to
            .write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        for _ in 0..500 {
            if !self.process.is_running() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The messages of a FIFO, until its other end is closed.
fn messages(fifo: &Path) -> Receiver<Value> {
    let (sender, receiver) = channel();
    let fifo = fifo.to_owned();
    thread::spawn(move || {
        let mut from = BufReader::new(File::open(fifo).expect("a FIFO"));
        let mut message = Vec::new();
        while from
            .read_until(0, &mut message)
            .is_ok_and(|count| count > 0)
        {
            message.pop();
            let parsed = serde_json::from_slice(&message);
            if sender.send(parsed.unwrap_or_default()).is_err() {
                return;
            }
            message.clear();
        }
    });
    receiver
}

/// The bytes of a text in base64 (RFC 4648, section 4).
fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = ALPHABET.iter().position(|known| *known == byte);
        let value = value.and_then(|value| u32::try_from(value).ok());
        bits = (bits << 6 | value.expect("base64")) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).expect("a byte"));
        }
    }
    bytes
}
