//! Whether a request is answered, from where it comes: what is counted of it lasts as long as its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::client_address::{ClientAddress, forwarded};
use crate::connections::{Connection, UnderWay};
use crate::request;
use crate::request_error::RequestError;
use crate::state::Origin;
use crate::stream::IsStream;

/// The answer of the app to a request, unless its address has too many.
pub(crate) async fn answer(
    origin: Origin,
    app: Router,
    connection: Arc<Connection>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let headers = request.headers();
    let is_known = request::is_known(&origin, headers);
    let client = client(&origin, &connection, peer, headers);
    match connection.request(is_known, client, Instant::now()) {
        Ok(under_way) => Ok(keep(under_way, app.oneshot(request).await?)),
        Err(error) => {
            let mut refused = RequestError::from(error).into_response();
            if !connection.is_of_proxy() {
                refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(refused)
        }
    }
}

/// Whose request it is.
fn client(origin: &Origin, connection: &Connection, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
    let believed = connection.is_of_proxy().then(|| forwarded(origin.trusted_proxies(), headers));
    believed.flatten().unwrap_or_else(|| ClientAddress::of(peer))
}

/// Keeps counting a request whose answer is a stream, until that ends. Other answers are small and complete.
fn keep(under_way: UnderWay, response: Response) -> Response {
    if response.extensions().get::<IsStream>().is_none() {
        return response;
    }
    under_way.begin_stream();
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _until_the_end = &under_way;
            frame
        }))
    })
}
