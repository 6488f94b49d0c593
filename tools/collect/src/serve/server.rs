//! Connections, and what bounds them. All are served by one thread.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioTimer;
use log::info;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{Semaphore, oneshot};

use super::access::Access;
use super::page;
use super::route::{self, Answers};
use super::stall::Stalling;
use super::{Naming, Refusal};

/// Connections at a time. With the largest body each, 4 MiB, that is the memory which strangers can take.
const MAX_CONNECTIONS: usize = 64;

/// Bytes of the head of a request at most, and how long it may take to come, the pause before it included.
const MAX_HEAD_BYTES: usize = 16 << 10;
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Headers of a request at most.
const MAX_HEADERS: usize = 64;

/// How long the other side may read nothing of an answer.
const READ_TIME: Duration = Duration::from_secs(60);

/// The pause after a connection can't be accepted, as without descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Questions can't be answered at an address, that of `--serve`.
#[derive(Debug, Error)]
#[error(
    "can't serve names on {address}: {source}; `ss -ltnp` lists ports in use, `ip address` addresses"
)]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

/// Listens, so that the address is known to be free before the program begins its work.
///
/// # Errors
/// If it can't be used.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| ListenError { address, source })
}

/// The server; dropped, it ends.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves until the server is dropped.
///
/// # Errors
/// If there can be no thread.
pub fn start(listener: TcpListener, naming: Arc<Naming>, access: Access) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new().name("serve".to_owned());
    let thread = thread.spawn(move || {
        runtime.block_on(async {
            let accepting = tokio::spawn(accept(listener, naming, Arc::new(access)));
            // It comes when the sender is dropped.
            let _ = stopped.await;
            accepting.abort();
        });
    })?;
    info!("names on http://{address}/");
    Ok(Server {
        stop: Some(stop),
        thread: Some(thread),
    })
}

async fn accept(listener: tokio::net::TcpListener, naming: Arc<Naming>, access: Arc<Access>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // One more is closed at once: it waits for nothing, and tries again.
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            naming.refuse(Refusal::Busy);
            continue;
        };
        let (naming, access) = (Arc::clone(&naming), Arc::clone(&access));
        tokio::spawn(async move {
            if connection(stream, &naming, &access).await.is_err() {
                naming.refuse(Refusal::Connection);
            }
            drop(place);
        });
    }
}

/// Answers a request, if it may be.
async fn respond(
    naming: &Arc<Naming>,
    access: &Access,
    local: SocketAddr,
    request: Request<Incoming>,
) -> Response<Answers> {
    if let Err(refusal) = access.check_place(request.headers(), local) {
        return route::refused(naming, refusal);
    }
    if naming.live.is_some()
        && let Some(file) = page::file(&request)
    {
        return file;
    }
    match access.check_asker(request.headers()) {
        Ok(()) => route::answer(naming, request).await,
        Err(refusal) => route::refused(naming, refusal),
    }
}

/// Answers the requests of a connection.
async fn connection(
    stream: TcpStream,
    naming: &Arc<Naming>,
    access: &Access,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let local = stream.local_addr()?;
    stream.set_nodelay(true)?;
    let answer = service_fn(async |request| {
        Ok::<_, Infallible>(respond(naming, access, local, request).await)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(Stalling::new(stream, READ_TIME), answer)
        .await?;
    Ok(())
}
