//! The gateway that servers send messages to: answers every request with 200 at once.

use std::{convert::Infallible, rc::Rc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::pins::Waiting;

/// A message, as Verigator's webhook has it.
#[derive(Deserialize)]
struct Message {
    to: String,
    text: String,
}

pub(crate) async fn serve(listener: TcpListener, waiting: Rc<Waiting>) {
    while let Ok((stream, _)) = listener.accept().await {
        let waiting = Rc::clone(&waiting);
        let take = service_fn(move |request| take(request, Rc::clone(&waiting)));
        let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), take);
        tokio::task::spawn_local(async { drop(serving.await) });
    }
}

async fn take(
    request: Request<Incoming>,
    waiting: Rc<Waiting>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(query) = request.uri().query() {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        if let (Some(phone), Some(pin)) = (value("phone"), value("otp")) {
            waiting.receive(&phone.replace("%2B", "+"), pin);
        }
    } else if let Ok(body) = request.into_body().collect().await
        && let Ok(message) = serde_json::from_slice::<Message>(&body.to_bytes())
    {
        waiting.receive(&message.to, &message.text);
    }
    Ok(Response::new(Full::from("ok")))
}
