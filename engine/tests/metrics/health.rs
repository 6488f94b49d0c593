//! Whether the sensor says so when it is not well.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::scrape::get;
use dnsflow_testkit::sensor::Stopped;

use crate::{BUILT, METRICS, samples};

#[test]
fn a_core_that_is_stuck() {
    if !requirements("a_core_that_is_stuck", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let sensor = BUILT.capture(&wire.sensor, TAP, &["--cores", "2", "--metrics", METRICS]);
    let page = |path: &str| get(&wire.sensor, METRICS, path);
    let ok = (200, "ok\n".to_owned());
    until("the sensor to be ready", || {
        (page("/readyz") == ok).then_some(())
    });
    assert_eq!(page("/healthz"), ok);

    let stopped = Stopped::first_core(sensor.id());
    let (status, text) = until("the sensor to be unwell", || {
        let page = page("/healthz");
        (page.0 != 200).then_some(page)
    });
    assert_eq!(status, 503, "{text}");
    assert!(
        text == "core 0 did not answer within a second\n"
            || text == "core 1 did not answer within a second\n",
        "{text}"
    );
    assert_eq!(page("/readyz").0, 503);
    assert_eq!(samples(&wire.sensor).sum("dnsflow_core_up", "core="), 1.0);

    drop(stopped);
    until("the sensor to be well again", || {
        (page("/healthz") == ok).then_some(())
    });
    assert_eq!(samples(&wire.sensor).sum("dnsflow_core_up", "core="), 2.0);

    assert!(page("/").1.contains("/metrics"));
    assert_eq!(page("/else").0, 404);
    sensor.stop();
}

#[test]
fn an_interface_that_is_down() {
    if !requirements("an_interface_that_is_down", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let sensor = BUILT.capture(&wire.sensor, TAP, &["--metrics", METRICS]);
    let ready = || get(&wire.sensor, METRICS, "/readyz");
    until("the sensor to be ready", || {
        (ready().0 == 200).then_some(())
    });
    wire.sensor.ip(&format!("link set dev {TAP} down"));
    let text = until("the sensor not to be ready", || {
        let (status, text) = ready();
        (status == 503).then_some(text)
    });
    assert_eq!(text, format!("interface {TAP} is down or away\n"));
    assert_eq!(get(&wire.sensor, METRICS, "/healthz").0, 200);
    wire.sensor.ip(&format!("link set dev {TAP} up"));
    until("the sensor to be ready again", || {
        (ready().0 == 200).then_some(())
    });
    sensor.stop();
}

/// It is said before anything is captured, with what to do.
#[test]
fn an_address_that_is_taken() {
    if !requirements("an_address_that_is_taken", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let _other = wire
        .sensor
        .enter(|| TcpListener::bind(METRICS))
        .expect("a namespace of our own has all ports free");
    let mut command = wire.sensor.command(BUILT.path("dnsflow"));
    command.args(["--interface", TAP, "--metrics", METRICS]);
    let ended = Process::spawn("dnsflow", &mut command).wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let start = format!("dnsflow: can't serve metrics on {METRICS}: ");
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("give --metrics another"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

/// Thirty clients that say nothing, or don't end what they say: health and readiness are answered all the same,
/// packets go their way, and so does the end.
#[test]
fn silent_clients() {
    if !requirements("silent_clients", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let sensor = BUILT.capture(&wire.sensor, TAP, &["--metrics", METRICS]);
    let connect = || TcpStream::connect(METRICS).expect("a sensor that serves");
    let mut silent = Vec::new();
    for number in 0..30 {
        let mut client = wire.sensor.enter(connect);
        if number % 2 == 0 {
            // It may be closed as soon as others come.
            let _ = client.write_all(b"GET /metrics HTTP/1.1\r\nHost:");
        }
        silent.push(client);
        for path in ["/healthz", "/readyz"] {
            let page = until("an answer of readiness", || {
                let page = get(&wire.sensor, METRICS, path);
                (path == "/healthz" || page.0 == 200).then_some(page)
            });
            assert_eq!(page, (200, "ok\n".to_owned()), "{path} beside {number}");
        }
    }
    let sent = BUILT.send(
        &wire.sender,
        OUT,
        &folder,
        "--count 5000 --frames 5000 --rate 50000",
    );
    let account = sensor.stop();
    assert_eq!(account.total.exported, sent.number("responses") as u64);
}
