//! What has to be mended is told at the start, with what mends it; and no password with it.

use std::process::Command;

use dnsflow_collect::sink::SinkError;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::programs::Programs;
use serde_json::json;

use crate::server::{JETSTREAM, Server, is_there};
use crate::{of_file, of_responses, sink, write};

const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-collect"));

fn unfit(server: &Server, who: &str, parameters: &str) -> String {
    match sink(server, who, parameters).open() {
        Err(SinkError::Unfit(text)) => text,
        other => panic!("{who}{parameters}: {other:?}"),
    }
}

#[test]
fn streams_that_do_not_fit() {
    if !is_there("streams_that_do_not_fit") {
        return;
    }
    let server = Server::with(JETSTREAM, "");
    let says = |wanted: &str, parameters: &str| {
        let text = unfit(&server, "", parameters);
        assert!(text.contains(wanted), "{text}");
    };
    says(
        "no stream takes dnsflow.*.responses; to mend it: nats stream add DNSFLOW --subjects \
         'dnsflow.*.*' --storage file --discard new --dupe-window 1h --max-msg-size 524288",
        "",
    );
    says(
        "to mend it: nats stream add OTHER --subjects",
        "stream=OTHER",
    );
    server.stream("S", json!({ "subjects": ["dnsflow.*.responses"] }));
    says("no stream takes dnsflow.*.statistics", "");
    says(
        "--subjects 'dnsflow.*.responses,dnsflow.*.statistics'",
        "stream=S",
    );
    sink(&server, "", "form=ecs")
        .open()
        .expect("events have no statistics");
    server.set_stream(
        "UPDATE",
        "S",
        json!({ "subjects": ["dnsflow.>"], "max_msg_size": 65_536 }),
    );
    says("nats stream edit S --max-msg-size 524288", "");
    sink(&server, "", "message=64K")
        .open()
        .expect("messages fit");
    server.set_stream("UPDATE", "S", json!({ "no_ack": true }));
    says("nats stream edit S --ack", "");
    server.set_stream("UPDATE", "S", json!({}));
    says(
        "message=2097152 is more; to mend it: give message=1048576",
        "message=2M",
    );
    server.api("STREAM.DELETE.S", &json!({}));
    server.stream("ONE", json!({ "subjects": ["dnsflow.a.responses"] }));
    server.stream("TWO", json!({ "subjects": ["dnsflow.b.responses"] }));
    says("is divided among streams, such as", "");
    assert_eq!(
        server
            .try_ask("$JS.API.STREAM.INFO.ONE", "", "")
            .expect("it")["state"]["messages"],
        0
    );
}

/// A stream that is made anew while batches are written is no reason to give one up.
#[test]
fn a_stream_that_is_gone_keeps_the_batch() {
    if !is_there("a_stream_that_is_gone_keeps_the_batch") {
        return;
    }
    let server = Server::start();
    let mut sink = sink(&server, "", "");
    sink.open().expect("the stream fits");
    write(&mut *sink, &of_responses(1, 10));
    server.api("STREAM.DELETE.S", &json!({}));
    let batch = of_responses(2, 10);
    let error = sink.write(&batch).expect_err("it is gone").to_string();
    assert!(error.contains("no responders"), "{error}");
    let error = sink.write(&batch).expect_err("it is gone").to_string();
    assert!(error.contains("nats stream add"), "{error}");
    server.stream("S", json!({}));
    write(&mut *sink, &batch);
    assert!(server.lines() == of_file(&[batch], "keys"));
}

#[test]
fn servers_that_do_not_fit() {
    if !is_there("servers_that_do_not_fit") {
        return;
    }
    let server = Server::with("", "");
    let text = unfit(&server, "", "");
    assert!(
        text.contains("JetStream is off") && text.contains("-js"),
        "{text}"
    );
    let server = Server::with("monitor_port: 0", "");
    drop(server);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let other = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("somebody connects");
        std::io::Write::write_all(&mut socket, b"220 mail.example ESMTP\r\n").expect("it reads");
    });
    let url = format!("nats://127.0.0.1:{port}");
    let to: dnsflow_collect::sink::Destination = url.parse().expect("a URL");
    let error = to.sink(7).open().expect_err("it is none").to_string();
    assert!(error.contains("no NATS server"), "{error}");
    other.join().expect("it was asked");
}

/// Users who may not, and passwords that nobody sees.
#[test]
fn rights_and_passwords() {
    if !is_there("rights_and_passwords") {
        return;
    }
    const USERS: &str = "jetstream { store_dir: \"STORE\" }
authorization { users: [
{ user: admin, password: admin }
{ user: \"w:r\", password: \"p@ss/w%rd\", permissions: { publish: [\"dnsflow.>\", \
\"$JS.API.STREAM.NAMES\", \"$JS.API.STREAM.INFO.*\", \"$JS.API.STREAM.MSG.GET.*\"], subscribe: \"_INBOX.>\" } }
{ user: mute, password: mute, permissions: { publish: [\"$JS.API.>\"], subscribe: \"_INBOX.>\" } }
{ user: deaf, password: deaf, permissions: { subscribe: \"other\" } }
{ user: blind, password: blind, permissions: { publish: [\"dnsflow.>\"], subscribe: \"_INBOX.>\" } }
] }";
    let server = Server::with(USERS, ",\"user\":\"admin\",\"pass\":\"admin\"");
    server.stream("S", json!({}));
    let folder = dnsflow_testkit::folder::Folder::new();
    let file = folder.file("password", b"p@ss/w%rd\nsomething else\n");
    let right = format!("password_file={}", file.display());
    // What `rights` names is enough.
    let mut writer = sink(&server, "w%3Ar:p%40ss%2Fw%25rd@", "");
    writer.open().expect("user and password are right");
    write(&mut *writer, &of_responses(1, 100));
    write(&mut *writer, &of_responses(2, 100));
    sink(&server, "w%3Ar@", &right)
        .open()
        .expect("the file is right");
    for (who, wanted) in [
        ("", "the server wants to know who this is"),
        (
            "w%3Ar:secret-word@",
            "Authorization Violation; give user and password",
        ),
        ("nobody:secret-word@", "Authorization Violation"),
        (
            "mute:mute@",
            "Permissions Violation for Publish to \"dnsflow.check.responses\"; to mend it",
        ),
        ("deaf:deaf@", "Permissions Violation for Subscription to"),
        (
            "blind:blind@",
            "publish: [\"dnsflow.>\", \"$JS.API.STREAM.NAMES\"",
        ),
    ] {
        let text = unfit(&server, who, "");
        assert!(text.contains(wanted), "{who}: {text}");
        assert!(!text.contains("secret-word"), "{text}");
    }
    let token = Server::with(
        "jetstream { store_dir: \"STORE\" }\nauthorization { token: \"t0ken\" }",
        ",\"auth_token\":\"t0ken\"",
    );
    token.stream("S", json!({}));
    let file = folder.file("token", b"t0ken\n");
    sink(&token, "", &format!("token_file={}", file.display()))
        .open()
        .expect("it is right");
    // The check of the program, and its log.
    let url = format!("nats://w%3Ar:secret-word@127.0.0.1:{}", server.port);
    let mut command = Command::new(BUILT.path("dnsflow-collect"));
    command.args(["check", "--listen", "127.0.0.1:0", "--to", &url]);
    let checked = Process::spawn("dnsflow-collect", &mut command).wait();
    assert_eq!(checked.status.code(), Some(1), "{}", checked.text());
    let shown = format!(
        "FAIL  nats://127.0.0.1:{}: nats: Authorization Violation",
        server.port
    );
    assert!(checked.text().contains(&shown), "{}", checked.text());
    assert!(
        !checked.text().contains("secret-word"),
        "{}",
        checked.text()
    );
    let mut command = Command::new(BUILT.path("dnsflow-collect"));
    command.args(["--listen", "127.0.0.1:0", "--to", &url]);
    let ended = Process::spawn("dnsflow-collect", &mut command).wait();
    ended.assert_failure(1, &["Authorization Violation"]);
    assert!(!ended.stderr.contains("secret-word"), "{}", ended.stderr);
}
