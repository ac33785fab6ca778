//! Connections: accepted, limited in number and in time, and drained at the end.
//!
//! `axum::serve` waits for ever for a client that sends its headers byte by byte, or that does not
//! read its answer; hyper can be configured not to.

use std::{
    future::Future,
    io::{self, Write},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use super::{networks, shares::Shares};
use crate::metrics::ServerMetrics;

/// Longest time for a request's head, which begins with the connection or with the last answer;
/// so an idle connection is closed after it.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// Longest time in which a client reads nothing of its answer.
const TAKE_TIME: Duration = Duration::from_secs(15);
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// Most bytes of a request's head.
const MAX_HEAD: usize = 32 << 10;
/// The answer to a client that has too many connections.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-type: text/plain\r\ncontent-length: 39\r\n\r\n\
    too many connections from this address\n";
/// Pause after an error of `accept`, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// Most open connections; more wait to be accepted.
    pub most: usize,
    /// Most connections of one client; further ones are answered 429.
    pub of_one: Option<usize>,
    /// Time for requests to finish when the server stops.
    pub drain: Duration,
}

/// Serves until `shutdown` is done, then waits for the requests that have begun.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Connections,
    metrics: &ServerMetrics,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(connections.most));
    // Behind a proxy there is no limit for one: all connections are the proxy's.
    let clients = match connections.of_one {
        Some(of_one) => Shares::new(connections.most, of_one),
        None => Shares::new(usize::MAX, usize::MAX),
    };
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            // The client closed it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(one) = clients.one(networks::client(peer.ip())) else {
            metrics.turned_away("connections");
            // Without waiting: a client that is not ready to read it finds the connection closed.
            if let Ok(mut stream) = stream.into_std() {
                let _ = stream.write_all(TOO_MANY);
            }
            continue;
        };
        let connection = graceful.watch(connection(stream, peer, &router));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, "a connection ended: {error}");
            }
            drop((place, one));
        });
    }
    // No client can connect from here on.
    drop(listener);
    let open = graceful.count();
    if tokio::time::timeout(connections.drain, graceful.shutdown()).await.is_err() {
        let drain = connections.drain.as_secs();
        tracing::warn!("some of {open} connections did not end within {drain} s");
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, Place)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are small and complete: nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer, place))
}

/// One connection, with the router that answers on it.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: &Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(TAKE_TIME));
    let service = router.clone().map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(service))
}
