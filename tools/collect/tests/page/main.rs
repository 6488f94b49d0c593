//! The page of `--page` as its users meet it: datagrams in over UDP, and a real browser that shows them.

mod browser;
#[path = "../collect/datagrams.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod datagrams;
mod hostile;
mod picture;
#[path = "../collect/program.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod program;
#[path = "../serve/service.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod service;
mod shown;

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dnsflow_testkit::programs::Programs;
use dnsflow_testkit::requirements;

use browser::{Browser, CHROMIUM};
use program::Collector;
use service::served_at;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-collect"));

/// A collector with a page, and a browser that has opened it.
struct Opened {
    browser: Browser,
    collector: Collector,
    service: SocketAddr,
    /// One browser at a time: each has several processes.
    _alone: MutexGuard<'static, ()>,
}

impl Opened {
    /// Both, or nothing where there is no browser.
    fn start(test: &str, options: &[&str]) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        if !requirements::programs(test, &[CHROMIUM, "mkfifo"]) {
            return None;
        }
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let serve = ["--serve", "127.0.0.1:0", "--page"];
        let collector = Collector::start(&[&serve[..], options].concat());
        let service = served_at(&collector.process);
        let mut browser = Browser::start(1200, 900);
        browser.open(&format!("http://{service}/"));
        Some(Self {
            browser,
            collector,
            service,
            _alone: alone,
        })
    }

    /// Nothing went wrong in the browser, and nobody else was asked for anything.
    fn finish(mut self) {
        assert_eq!(self.browser.problems(), Vec::<String>::new());
        let own = format!("http://{}/", self.service);
        for url in self.browser.requests() {
            // The browser draws its own controls with pictures that it has.
            let is_own = url.starts_with(&own) || url.starts_with("data:");
            assert!(is_own, "{url}");
        }
        drop(self.browser);
        self.collector.stop().assert_success();
    }
}
