//! TLS with an authority of the test's own, and keys; or that this build has none.

#[cfg(not(feature = "tls"))]
#[test]
fn a_build_without_tls_says_so() {
    use crate::server::{Server, is_there};
    use dnsflow_collect::sink::Destination;

    for url in ["nats+tls://h", "nats://h?ca=/x", "nats://h?creds=/x"] {
        let error = url
            .parse::<Destination>()
            .expect_err("there is none")
            .to_string();
        assert!(error.contains("build it with the feature tls"), "{error}");
    }
    if !is_there("a_build_without_tls_says_so") {
        return;
    }
    // A server that knows keys alone.
    let server = Server::with(
        "jetstream { store_dir: \"STORE\" }\nauthorization { users: [ \
         { nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 } ] }",
        "",
    );
    let error = crate::sink(&server, "", "")
        .open()
        .expect_err("there is no key")
        .to_string();
    assert!(error.contains("wants to know who this is"), "{error}");
}

#[cfg(feature = "tls")]
mod tls {
    use std::process::Command;

    use dnsflow_collect::sink::{Destination, SinkError};
    use dnsflow_testkit::folder::Folder;
    use dnsflow_testkit::process::Process;
    use dnsflow_testkit::requirements;
    use serde_json::json;

    use crate::operator::{SEED, USER, operator};
    use crate::server::{Server, is_there};
    use crate::{of_file, of_responses, write};

    /// An authority, and a certificate of it for 127.0.0.1.
    fn certificates(folder: &Folder) {
        let run = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            let command = command.args(arguments).current_dir(folder.path(""));
            Process::spawn("openssl", command).wait().assert_success();
        };
        let _ = folder.file("extensions", b"subjectAltName=IP:127.0.0.1\n");
        run(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=authority",
            "-days",
            "2",
        ]);
        run(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "request",
            "-subj",
            "/CN=server",
        ]);
        run(&[
            "x509",
            "-req",
            "-in",
            "request",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "cert.pem",
            "-days",
            "2",
            "-extfile",
            "extensions",
        ]);
        run(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "other.key",
            "-out",
            "other.pem",
            "-subj",
            "/CN=other",
            "-days",
            "2",
        ]);
    }

    /// Credentials with claims, as an operator's accounts have them.
    #[test]
    fn by_credentials() {
        if !is_there("by_credentials") {
            return;
        }
        let (config, credentials) = operator();
        let folder = Folder::new();
        let path =
            |name: &str, text: &str| folder.file(name, text.as_bytes()).display().to_string();
        let right = path("user.creds", &credentials);
        let server = Server::with(&config, "");
        let said = |file: &str| {
            let url = format!("nats://127.0.0.1:{}?creds={file}", server.port);
            let to: Destination = url.parse().expect("the URL is right");
            let error = to.sink(7).open().expect_err("there is no stream");
            error.to_string()
        };
        let text = said(&right);
        assert!(text.contains("no stream takes"), "{text}");
        // The user's claims, and another one's key.
        let other = "SUAMK2FG4MI6UE3ACF3FK3OIQBCEIEZV7NSWFFEW63UXMRLFM2XLAXK4GY";
        let other = path("other.creds", &credentials.replace(SEED, other));
        let text = said(&other);
        assert!(text.contains("Authorization Violation"), "{text}");
        let seed = path("seed", SEED);
        let text = said(&seed);
        assert!(text.contains("Authorization Violation"), "{text}");
    }

    #[test]
    fn by_tls_and_by_key() {
        if !is_there("by_tls_and_by_key")
            || !requirements::programs("by_tls_and_by_key", &["openssl"])
        {
            return;
        }
        let folder = Folder::new();
        certificates(&folder);
        let path = |name: &str| folder.argument(name);
        let (ca, other) = (path("ca.pem"), path("other.pem"));
        let seed = folder.file("user.nk", format!("{SEED}\n").as_bytes());
        let config = format!(
            "jetstream {{ store_dir: \"STORE\" }}
tls {{ cert_file: \"{}\", key_file: \"{}\" }}
allow_non_tls: true
authorization {{ users: [ {{ user: admin, password: admin }}, {{ nkey: {USER} }} ] }}",
            path("cert.pem"),
            path("key.pem")
        );
        let server = Server::with(&config, ",\"user\":\"admin\",\"pass\":\"admin\"");
        server.stream("S", json!({}));
        let at = format!("127.0.0.1:{}/dnsflow", server.port);
        let sink = |url: &str| {
            url.parse::<Destination>()
                .expect("the URL is right")
                .sink(7)
        };
        let mut by_password = sink(&format!("nats+tls://admin:admin@{at}?ca={ca}"));
        by_password.open().expect("the authority is trusted");
        let batches = [of_responses(1, 2000), of_responses(2, 2000)];
        write(&mut *by_password, &batches[0]);
        let by_key = format!("nats+tls://{at}?ca={ca}&creds={}", seed.display());
        let mut by_key = sink(&by_key);
        by_key.open().expect("the key is known");
        write(&mut *by_key, &batches[1]);
        assert!(server.lines() == of_file(&batches, "keys"));
        let unfit = |url: &str| match sink(url).open() {
            Err(SinkError::Unfit(text)) => text,
            other => panic!("{url}: {other:?}"),
        };
        for authority in [String::new(), format!("ca={other}")] {
            let text = unfit(&format!("nats+tls://admin:admin@{at}?{authority}"));
            assert!(text.contains("ca=FILE says which authorities"), "{text}");
        }
        let text = unfit(&format!(
            "nats+tls://admin:admin@{at}?ca={}",
            path("request")
        ));
        assert!(text.contains("no certificate in it"), "{text}");
        let text = unfit(&format!("nats+tls://admin:admin@{at}?ca=/nowhere"));
        assert!(text.contains("ca=/nowhere"), "{text}");
        let text = unfit(&format!("nats+tls://{at}?ca={ca}&creds={ca}"));
        assert!(text.contains("there is no seed of a user in it"), "{text}");
        assert!(!text.contains("BEGIN"), "{text}");
        // A server that demands TLS gets it, and one without is told.
        let only = config.replace("allow_non_tls: true", "");
        let server = Server::with(&only, "");
        let at = format!("127.0.0.1:{}", server.port);
        let text = unfit(&format!("nats://admin:admin@{at}?ca={ca}"));
        assert!(text.contains("no stream takes"), "{text}");
        let plain = Server::start();
        let text = unfit(&format!("nats+tls://127.0.0.1:{}?ca={ca}", plain.port));
        assert!(text.contains("the server has no TLS"), "{text}");
    }
}
