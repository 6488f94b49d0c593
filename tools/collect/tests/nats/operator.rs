//! An operator of NATS with one account and one user, whose claims are signed here as its tools do.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// What a key is, as the highest five bits of its first byte.
const OPERATOR: u8 = 14 << 3;
const ACCOUNT: u8 = 0;

/// The public key of the user, and the seed that belongs to it: the example of the documentation.
pub(crate) const USER: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
pub(crate) const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

/// A configuration with the operator, and a file of credentials of the user.
pub(crate) fn operator() -> (String, String) {
    let operator = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("a key");
    let account = Ed25519KeyPair::from_seed_unchecked(&[2; 32]).expect("a key");
    let operator_name = public(OPERATOR, &operator);
    let account_name = public(ACCOUNT, &account);
    let of_operator = json!({ "type": "operator", "version": 2 });
    let of_account = json!({ "type": "account", "version": 2, "limits": {
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1,
        "consumer": -1,
    } });
    let of_user = json!({
        "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {},
    });
    let operator_claims = signed(&operator, &operator_name, &operator_name, &of_operator);
    let account_claims = signed(&operator, &operator_name, &account_name, &of_account);
    // JetStream wants an account of the system's own.
    let system = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).expect("a key");
    let system_name = public(ACCOUNT, &system);
    let of_system = json!({ "type": "account", "version": 2, "limits": {
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1,
    } });
    let system_claims = signed(&operator, &operator_name, &system_name, &of_system);
    let user_claims = signed(&account, &account_name, USER, &of_user);
    let config = format!(
        "jetstream {{ store_dir: \"STORE\" }}\noperator: \"{operator_claims}\"\n\
         system_account: {system_name}\nresolver: MEMORY\nresolver_preload: {{\n\
         {account_name}: \"{account_claims}\"\n{system_name}: \"{system_claims}\"\n}}"
    );
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{user_claims}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
    );
    (config, credentials)
}

/// Claims about `subject`, as a JWT of `issuer`.
fn signed(key: &Ed25519KeyPair, issuer: &str, subject: &str, claims: &Value) -> String {
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" }).to_string();
    let body = json!({
        "jti": "none", "iat": 1_700_000_000, "iss": issuer, "name": subject, "sub": subject,
        "nats": claims,
    });
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(head),
        URL_SAFE_NO_PAD.encode(body.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()));
    format!("{text}.{signature}")
}

/// A public key in base32, with what it is before and a checksum behind.
fn public(kind: u8, key: &Ed25519KeyPair) -> String {
    let mut bytes = vec![kind];
    bytes.extend(key.public_key().as_ref());
    let mut sum = 0_u16;
    for byte in &bytes {
        sum ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            sum = sum << 1 ^ if sum & 0x8000 == 0 { 0 } else { 0x1021 };
        }
    }
    bytes.extend(sum.to_le_bytes());
    // 35 bytes are 56 digits.
    let digits = bytes.chunks(5).flat_map(|five| {
        let number = five
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        (0..8).rev().map(move |place| {
            let digit = number >> (5 * place) & 31;
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::try_from(digit).expect("below 32")]
        })
    });
    String::from_utf8(digits.collect()).expect("ASCII")
}
