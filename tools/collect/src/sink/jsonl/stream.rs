//! Standard output, and a TCP connection.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::sink::SinkError;

/// How long a connection may take to be made, and to take some bytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where bytes go one behind the other.
pub(super) enum Stream {
    StandardOutput,
    Tcp {
        address: String,
        connection: Option<TcpStream>,
    },
}

impl Stream {
    pub(super) fn standard_output() -> Self {
        Self::StandardOutput
    }

    pub(super) fn tcp(address: &str) -> Self {
        Self::Tcp {
            address: address.to_owned(),
            connection: None,
        }
    }

    /// Connects, if it is not connected.
    pub(super) fn open(&mut self) -> Result<(), SinkError> {
        let Self::Tcp {
            address,
            connection,
        } = self
        else {
            return Ok(());
        };
        if connection.is_none() {
            let made = connect(address);
            *connection = Some(made.map_err(|error| away(address, &error))?);
        }
        Ok(())
    }

    /// Writes all of `lines`, or they are to come again.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        self.open()?;
        match self {
            Self::StandardOutput => {
                let mut output = io::stdout().lock();
                let written = output.write_all(lines).and_then(|()| output.flush());
                written.map_err(|error| match error.kind() {
                    io::ErrorKind::BrokenPipe => {
                        SinkError::Gone("the reader of standard output has gone".to_owned())
                    }
                    _ => SinkError::Away(format!("can't write to standard output: {error}")),
                })
            }
            Self::Tcp {
                address,
                connection,
            } => {
                let written = connection.as_mut().map(|to| to.write_all(lines));
                if let Some(Err(error)) = written {
                    *connection = None;
                    return Err(away(address, &error));
                }
                Ok(())
            }
        }
    }
}

fn away(address: &str, error: &io::Error) -> SinkError {
    SinkError::Away(format!("tcp://{address}: {error}"))
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
