//! A tap in the line between the SDK and the edge: it writes down every request, and can refuse all paths but one.
//!
//! What it never does: change what passes through it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Ends with its value, and with it every connection.
pub struct Tap {
    pub url: String,
    line: Arc<Line>,
    _runtime: Runtime,
}

struct Line {
    edge: String,
    only: Option<&'static str>,
    requests: Mutex<Vec<String>>,
    client: reqwest::Client,
}

impl Tap {
    /// `edge` is where requests are passed on to; `only` the one path that is let through, any other being answered 418.
    pub fn new(edge: &str, only: Option<&'static str>) -> Tap {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port to listen on");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let client = reqwest::Client::new();
        let line = Arc::new(Line { edge: edge.to_owned(), only, requests: Mutex::default(), client });
        let app = Router::new().fallback(pass).with_state(line.clone());
        // Else each answer would wait for an acknowledgement that the SDK's side delays: 40 ms a request.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("no delay"));
        runtime.spawn(async { axum::serve(listener, app).await });
        Tap { url, line, _runtime: runtime }
    }

    /// What came, each as `GET /path`, refused or not.
    pub fn requests(&self) -> Vec<String> {
        self.line.requests.lock().expect("requests").clone()
    }
}

async fn pass(State(line): State<Arc<Line>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    line.requests.lock().expect("requests").push(format!("{} {path}", head.method));
    if line.only.is_some_and(|only| only != path) {
        return answer(StatusCode::IM_A_TEAPOT, HeaderMap::new(), "refused by the tap".into());
    }
    let body = to_bytes(body, usize::MAX).await.expect("a request's body");
    let onward = line.client.request(head.method, format!("{}{path}", line.edge));
    let answered = onward.headers(without_own(head.headers)).body(body).send().await.expect("an answer");
    let (status, headers) = (answered.status(), without_own(answered.headers().clone()));
    answer(status, headers, answered.bytes().await.expect("an answer's body").into())
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Without the headers that are about one connection, or that each side counts for itself.
fn without_own(mut headers: HeaderMap) -> HeaderMap {
    for name in ["host", "connection", "content-length", "transfer-encoding"] {
        headers.remove(name);
    }
    headers
}
