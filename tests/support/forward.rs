//! A TCP proxy whose target changes for new connections alone, as a name does that leads to another server.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::server::{Server, server};

/// A proxy that listens, ended on drop.
pub struct Forward {
    server: Server,
    target: watch::Sender<SocketAddr>,
}

/// Starts a proxy in front of a server.
#[track_caller]
pub fn forward(target: SocketAddr) -> Forward {
    let (target, targets) = watch::channel(target);
    Forward { server: server(|listener| accept(listener, targets)), target }
}

impl Forward {
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// New connections go to another server. Those that there are stay.
    pub fn to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}

async fn accept(listener: TcpListener, targets: watch::Receiver<SocketAddr>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let target = *targets.borrow();
        tokio::spawn(async move {
            // Where nobody listens, the client is cut off.
            if let Ok(mut server) = TcpStream::connect(target).await {
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
