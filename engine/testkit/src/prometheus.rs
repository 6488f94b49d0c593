//! A real Prometheus with a folder of its own and nothing of the machine's, and what dashboards ask.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::folder::Folder;
use crate::network::Namespace;
use crate::patience::until;
use crate::process::Process;
use crate::scrape::get;

/// It scrapes one target every second.
#[derive(Debug)]
pub struct Prometheus<'n> {
    namespace: Option<&'n Namespace>,
    address: String,
    _process: Process,
}

impl<'n> Prometheus<'n> {
    /// Starts it, in a namespace or in this one, and waits until it serves.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(
        namespace: impl Into<Option<&'n Namespace>>,
        folder: &Folder,
        rules: &Path,
        (job, target): (&str, &str),
    ) -> Self {
        let namespace = namespace.into();
        let bind = || TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
        let address = match namespace {
            Some(namespace) => namespace.enter(bind),
            None => bind(),
        };
        let address = address.expect("a port is free").to_string();
        let text = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files:\n  - {}\nscrape_configs:\n  \
             - job_name: {job}\n    static_configs:\n      - targets: ['{target}']\n",
            rules.display()
        );
        let configuration = folder.file("prometheus.yml", text.as_bytes());
        let mut command = match namespace {
            Some(namespace) => namespace.command("prometheus"),
            None => Command::new("prometheus"),
        };
        command.args([
            &format!("--config.file={}", configuration.display()),
            &format!("--storage.tsdb.path={}", folder.argument("data")),
            &format!("--web.listen-address={address}"),
            "--log.level=warn",
        ]);
        let mut process = Process::spawn("prometheus", &mut command);
        until("Prometheus to serve", || {
            assert!(
                process.is_running(),
                "Prometheus has ended: {}",
                process.said()
            );
            let connect = || TcpStream::connect(&address);
            let connected = match namespace {
                Some(namespace) => namespace.enter(connect),
                None => connect(),
            };
            connected.ok()?;
            (get(namespace, &address, "/-/ready").0 == 200).then_some(())
        });
        Self {
            namespace,
            address,
            _process: process,
        }
    }

    /// What an expression gives now, as the API has it: a list of labels and values.
    ///
    /// # Panics
    /// If it is no expression.
    #[must_use]
    pub fn query(&self, expression: &str) -> Vec<Value> {
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
    ///
    /// # Panics
    /// If it is no expression.
    #[must_use]
    pub fn number(&self, expression: &str) -> Option<f64> {
        match self.query(expression).as_slice() {
            [sample] => sample["value"][1].as_str()?.parse().ok(),
            _ => None,
        }
    }

    /// What it says of its target.
    ///
    /// # Panics
    /// If it says nothing.
    #[must_use]
    pub fn target(&self) -> Value {
        self.ask("/api/v1/targets")["data"]["activeTargets"][0].clone()
    }

    fn ask(&self, path: &str) -> Value {
        let (_, body) = get(self.namespace, &self.address, path);
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

/// Every expression of a dashboard, and of its variables.
#[must_use]
pub fn expressions(dashboard: &Value) -> Vec<&str> {
    match dashboard {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(text) if key == "expr" || key == "definition" => vec![text.as_str()],
                value => expressions(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

/// Words of an expression, or of rules, that are names of our metrics, as they are served.
#[must_use]
pub fn metrics(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with("dnsflow_") || word.starts_with("process_"))
        .collect()
}

/// An expression as Grafana would ask it, with everything of `variables` selected.
#[must_use]
pub fn filled_in(text: &str, variables: &[&str]) -> String {
    let text = text.replace("$__rate_interval", "1m");
    variables.iter().fold(text, |text, variable| {
        text.replace(&format!("${variable}"), ".*")
    })
}
