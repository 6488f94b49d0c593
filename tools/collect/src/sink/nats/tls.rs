//! TLS, by rustls.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::failure::unfit;
use super::options::{Options, Server};
use crate::sink::SinkError;

/// A connection by TLS.
pub(super) type Stream = Box<StreamOwned<ClientConnection, TcpStream>>;

/// Goes on by TLS. The handshake is made with the first bytes.
pub(super) fn start(
    options: &Options,
    server: &Server,
    socket: TcpStream,
) -> Result<Stream, SinkError> {
    let mut roots = RootCertStore::empty();
    match &options.authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let wrong = |text: &str| unfit(format!("ca={}: {text}", path.display()));
            let found = CertificateDer::pem_file_iter(path);
            for certificate in found.map_err(|error| wrong(&error.to_string()))? {
                let certificate = certificate.map_err(|error| wrong(&error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| wrong(&error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(wrong("there is no certificate in it"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(server.host.clone())
        .map_err(|_| unfit(format!("{} can't be in a certificate", server.host)))?;
    let client = ClientConnection::new(Arc::new(config), name).map_err(|error| unfit(&error))?;
    Ok(Box::new(StreamOwned::new(client, socket)))
}
