//! Clients that send too much, too slowly or not to the end; and the end of the server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Client, PHONE};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use verigator_server::{
    config::Limits,
    sandbox::{Fault, Sandbox},
};

async fn connect(sandbox: &Sandbox) -> TcpStream {
    TcpStream::connect(sandbox.url().strip_prefix("http://").unwrap())
        .await
        .unwrap()
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    // A reset after the answer is an end like any other.
    let _ = tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

fn quick() -> Limits {
    let brief = Duration::from_millis(300);
    Limits {
        head_timeout: brief,
        body_timeout: brief,
        drain: brief,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_413() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let body = |size: usize| {
        let empty = json!({"name": "shop", "fqdn": "shop.ee", "x": ""}).to_string();
        empty.replace(
            "\"x\":\"\"",
            &format!("\"x\":\"{}\"", "x".repeat(size - empty.len())),
        )
    };
    let longer = client
        .raw("POST", "/v1/service/service", body(65_537))
        .await;
    assert_eq!(longer.error(), (413, "body_too_large".to_owned()));
    let longest = client
        .raw("POST", "/v1/service/service", body(65_536))
        .await;
    assert_eq!(longest.status, 201);
}

/// Its length is not announced, so that it is found out on the way.
#[tokio::test]
async fn a_body_in_chunks_has_the_same_limit() {
    let sandbox = Sandbox::start().await.unwrap();
    for (size, status) in [(65_536, "422"), (65_537, "413")] {
        let mut stream = connect(&sandbox).await;
        let head = "POST /v1/service/service HTTP/1.1\r\nHost: x\r\nX-Service-Auth: test:test\r\n\
                    Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for start in (0..size).step_by(1_000) {
            let chunk = "x".repeat(1_000.min(size - start));
            let chunk = format!("{:x}\r\n{chunk}\r\n", chunk.len());
            stream.write_all(chunk.as_bytes()).await.unwrap();
        }
        let _ = stream.write_all(b"0\r\n\r\n").await;
        let answer = read_to_end(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

/// However it arrives: at once or in pieces.
#[tokio::test]
async fn a_head_of_64_kib_is_read_and_one_over_256_kib_is_431() {
    let sandbox = Sandbox::start().await.unwrap();
    let head = |size: usize| {
        let start = "GET /healthz HTTP/1.1\r\nConnection: close\r\nX: ";
        let end = "\r\n\r\n";
        format!("{start}{}{end}", "x".repeat(size - start.len() - end.len()))
    };
    for (size, status) in [(65_536, "200"), (262_145, "431")] {
        for piece in [1_000, 50_000, size] {
            let mut stream = connect(&sandbox).await;
            for piece in head(size).as_bytes().chunks(piece) {
                // The server may answer and close before it read all.
                let _ = stream.write_all(piece).await;
            }
            let answer = read_to_end(&mut stream).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{size} in pieces of {piece}: {answer}"
            );
        }
    }
}

/// The time is for all of it: a byte now and then buys no more.
#[tokio::test]
async fn a_trickle_is_408_too() {
    let sandbox = Sandbox::builder().limits(quick()).start().await.unwrap();
    let body = "POST /v1/service/service HTTP/1.1\r\nHost: x\r\nX-Service-Auth: test:test\r\n\
                Content-Length: 60000\r\n\r\n";
    for start in ["GET /healthz HTTP/1.1\r\nHost: ", body] {
        let mut stream = connect(&sandbox).await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let trickling = tokio::spawn(async move {
            for _ in 0..500 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if writing.write_all(b"x").await.is_err() {
                    return true;
                }
            }
            false
        });
        let mut answer = [0; 13];
        let read = reading.read_exact(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(10), read).await;
        read.expect("it is cut off").unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408 ");
        assert!(trickling.await.unwrap(), "the connection is closed");
    }
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let sandbox = Sandbox::builder().limits(quick()).start().await.unwrap();
    let mut stream = connect(&sandbox).await;
    let head = "POST /v1/service/service HTTP/1.1\r\nHost: x\r\nX-Service-Auth: test:test\r\n\
                Content-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"slow_body\""), "{answer}");
}

#[tokio::test]
async fn a_slow_head_is_408_and_an_idle_connection_is_closed() {
    let sandbox = Sandbox::builder().limits(quick()).start().await.unwrap();
    let mut slow = connect(&sandbox).await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost")
        .await
        .unwrap();
    let answer = read_to_end(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.ends_with('}') && answer.contains("\"code\":\"slow_head\""),
        "{answer}"
    );

    let mut silent = connect(&sandbox).await;
    assert_eq!(read_to_end(&mut silent).await, "");

    let mut idle = connect(&sandbox).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let answer = read_to_end(&mut idle).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && !answer.contains(" 408 "),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let user = client.user(&client.service("shop").await, "jo").await;
    let mut stream = connect(&sandbox).await;
    let head = format!(
        "POST {user}/auth HTTP/1.1\r\nHost: x\r\nX-Service-Auth: test:test\r\n\
         Content-Length: 100\r\n\r\n{{\"method\":\"sms\"}}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    assert!(sandbox.messages().is_empty());
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_the_operation() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let user = client.user(&client.service("shop").await, "jo").await;
    sandbox
        .fail_next(Fault::delay(Duration::from_millis(300)))
        .unwrap();
    let mut stream = connect(&sandbox).await;
    let body = "{\"method\":\"sms\"}";
    let request = format!(
        "POST {user}/auth HTTP/1.1\r\nHost: x\r\nX-Service-Auth: test:test\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    assert!(sandbox.messages().is_empty(), "gone before it began");
    assert!(
        sandbox
            .wait_for_message(PHONE, Duration::from_secs(5))
            .await
            .is_some()
    );
}

#[tokio::test]
async fn connections_over_the_limit_wait_their_turn() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let sandbox = Sandbox::builder().limits(limits).start().await.unwrap();
    let held = (connect(&sandbox).await, connect(&sandbox).await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let client = Client::new(&sandbox);
    let waiting = client.get("/healthz");
    tokio::pin!(waiting);
    let soon = Duration::from_millis(200);
    assert!(tokio::time::timeout(soon, &mut waiting).await.is_err());
    drop(held);
    assert_eq!(waiting.await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_what_runs_end_and_takes_nothing_new() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let service = client.service("shop").await;
    sandbox
        .fail_next(Fault::delay(Duration::from_millis(250)))
        .unwrap();
    let running = tokio::spawn(async move { client.get(&service).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    sandbox.stop();
    assert_eq!(running.await.unwrap().status, 200);
    assert!(
        Client::new(&sandbox)
            .try_raw("GET", "/healthz", "")
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_has_a_limit() {
    let sandbox = Sandbox::builder().limits(quick()).start().await.unwrap();
    let client = Client::new(&sandbox);
    let service = client.service("shop").await;
    sandbox
        .fail_next(Fault::delay(Duration::from_mins(1)))
        .unwrap();
    let running = tokio::spawn(async move { client.try_raw("GET", &service, "").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    sandbox.stop();
    let took = begun.elapsed();
    let (least, most) = (Duration::from_millis(250), Duration::from_secs(5));
    assert!(took > least && took < most, "{took:?}");
    assert!(running.await.unwrap().is_err());
}
