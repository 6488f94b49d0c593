//! A real Prometheus in a namespace, with a folder of its own and nothing of the machine's.

use std::fs;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::Namespace;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use serde_json::Value;

use crate::scrape::{METRICS, get};

const ADDRESS: &str = "127.0.0.1:9090";

/// It scrapes the sensor's address every second.
#[derive(Debug)]
pub(crate) struct Prometheus<'n> {
    namespace: &'n Namespace,
    _process: Process,
}

impl<'n> Prometheus<'n> {
    /// Starts it and waits until it serves.
    pub(crate) fn start(namespace: &'n Namespace, folder: &Folder) -> Self {
        let rules = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../monitoring/dnsflow.rules.yml"
        );
        let configuration = folder.argument("prometheus.yml");
        let text = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files:\n  - {rules}\nscrape_configs:\n  \
             - job_name: dnsflow\n    static_configs:\n      - targets: ['{METRICS}']\n"
        );
        fs::write(&configuration, text).expect("a file in a folder of our own");
        let mut command = namespace.command("prometheus");
        command.args([
            &format!("--config.file={configuration}"),
            &format!("--storage.tsdb.path={}", folder.argument("data")),
            &format!("--web.listen-address={ADDRESS}"),
            "--log.level=warn",
        ]);
        let mut process = Process::spawn("prometheus", &mut command);
        until("Prometheus to serve", || {
            assert!(process.is_running(), "Prometheus has ended");
            namespace
                .enter(|| std::net::TcpStream::connect(ADDRESS))
                .ok()?;
            (get(namespace, ADDRESS, "/-/ready").0 == 200).then_some(())
        });
        Self {
            namespace,
            _process: process,
        }
    }

    /// What an expression gives now, as the API has it: a list of labels and values.
    ///
    /// # Panics
    /// If it is no expression.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", escaped(expression));
        let answer = self.ask(&path);
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let result = &answer["data"]["result"];
        result
            .as_array()
            .unwrap_or_else(|| panic!("{expression}: {answer}"))
            .clone()
    }

    /// The one number that an expression gives.
    pub(crate) fn number(&self, expression: &str) -> Option<f64> {
        match self.query(expression).as_slice() {
            [sample] => sample["value"][1].as_str()?.parse().ok(),
            _ => None,
        }
    }

    /// What it says of its targets.
    pub(crate) fn target(&self) -> Value {
        self.ask("/api/v1/targets")["data"]["activeTargets"][0].clone()
    }

    fn ask(&self, path: &str) -> Value {
        let (_, body) = get(self.namespace, ADDRESS, path);
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }
}

/// Percent-encoded, all but letters and digits.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
