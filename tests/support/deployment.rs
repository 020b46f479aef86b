//! A stand-in for the part of Fastly's API that a deployment talks to: enough for `fastly compute deploy` to come to its end.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::server::{Cut, Server, serve, server};

/// A running stand-in, which has no service at first.
pub struct DeploymentApi {
    server: Server,
    calls: Arc<Mutex<Vec<DeploymentCall>>>,
}

/// What a deployment asked for.
#[derive(Debug, Clone)]
pub struct DeploymentCall {
    /// Such as `POST /service`.
    pub route: String,
    pub body: Bytes,
}

/// Starts a stand-in.
#[track_caller]
pub fn deployment_api() -> DeploymentApi {
    let calls: Arc<Mutex<Vec<DeploymentCall>>> = Arc::default();
    let shared = Arc::clone(&calls);
    DeploymentApi { server: server(move |listener| accept(listener, shared)), calls }
}

impl DeploymentApi {
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What was asked for so far.
    pub fn calls(&self) -> Vec<DeploymentCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, calls: Arc<Mutex<Vec<DeploymentCall>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let calls = Arc::clone(&calls);
        tokio::spawn(serve(stream, move |request| answer(request, Arc::clone(&calls))));
    }
}

async fn answer(
    request: Request<Incoming>,
    calls: Arc<Mutex<Vec<DeploymentCall>>>,
) -> Result<Response<impl Body<Data = Bytes, Error = Cut> + 'static>, Cut> {
    let route = format!("{} {}", request.method(), request.uri().path());
    let body = request.into_body().collect().await.map_err(|_| Cut)?.to_bytes();
    let answer = answer_to(&route);
    calls.lock().unwrap_or_else(PoisonError::into_inner).push(DeploymentCall { route, body });
    let status = if answer.is_some() { 200 } else { 404 };
    let body = answer.unwrap_or_else(|| json!({ "msg": "the stand-in has no such route" })).to_string();
    let response = Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(Full::from(body).map_err(|never| match never {})).unwrap())
}

/// Fastly's API reference has these: services, versions, domains, backends, packages, resource links and stores.
fn answer_to(route: &str) -> Option<Value> {
    let answer = match route {
        "POST /service" => json!({
            "id": "SERVICE",
            "name": "jackstaff",
            "type": "wasm",
            "versions": [{ "number": 1, "service_id": "SERVICE", "active": false, "locked": false }],
        }),
        // Whose token it is.
        "GET /realms/fastly/.well-known/openid-configuration" => json!({}),
        "GET /service/SERVICE/version/1/domain" | "GET /resources/stores/config" => json!([]),
        "GET /resources/stores/kv" | "GET /resources/stores/secret" => json!({ "data": [], "meta": {} }),
        "POST /resources/stores/config" => json!({ "id": "CONFIG_STORE", "name": "jackstaff" }),
        "POST /resources/stores/kv" => json!({ "id": "KV_STORE", "name": "jackstaff" }),
        "POST /resources/stores/secret" => json!({ "id": "SECRET_STORE", "name": "jackstaff" }),
        "PUT /resources/stores/config/CONFIG_STORE/item/settings" => json!({ "item_key": "settings" }),
        "POST /service/SERVICE/version/1/domain"
        | "POST /service/SERVICE/version/1/backend"
        | "POST /service/SERVICE/version/1/resource"
        | "PUT /service/SERVICE/version/1/package" => json!({ "service_id": "SERVICE", "version": 1 }),
        "PUT /service/SERVICE/version/1/activate" => {
            json!({ "number": 1, "service_id": "SERVICE", "active": true })
        }
        _ => return None,
    };
    Some(answer)
}
