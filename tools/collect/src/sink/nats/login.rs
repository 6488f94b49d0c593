//! What a client shows to be let in.

use super::options::{Login, Options};
use super::wire::Info;
use crate::sink::SinkError;

/// What goes into CONNECT.
#[derive(Default)]
pub(super) struct Proof {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) token: Option<String>,
    pub(super) jwt: Option<String>,
    pub(super) key: Option<String>,
    pub(super) signature: Option<String>,
}

/// What is shown to a server that has said `info`.
pub(super) fn proof(options: &Options, info: &Info) -> Result<Proof, SinkError> {
    match &options.login {
        Login::Nobody if info.auth_required => Err(super::failure::unfit(
            "the server wants to know who this is; give user and password as \
             nats://user:password@host or by password_file, a token by token_file, or credentials \
             by creds",
        )),
        Login::Nobody => Ok(Proof::default()),
        Login::Password { user, password } => Ok(Proof {
            user: Some(user.clone()),
            password: Some(password.0.clone()),
            ..Proof::default()
        }),
        Login::Token(token) => Ok(Proof {
            token: Some(token.0.clone()),
            ..Proof::default()
        }),
        #[cfg(feature = "tls")]
        Login::Key(path) => super::keys::proof(path, &info.nonce),
        #[cfg(not(feature = "tls"))]
        Login::Key(_) => Err(super::failure::unfit(
            "creds: this build has no keys: build it with the feature tls",
        )),
    }
}
