//! The peer plays every form of answer as the vectors' README says, and ends when it should.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod raw_http;

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use raw_http::{connect, exchange};
use serde_json::Value;
use verigator_tests::peer::{Peer, Verdict};

const REQUEST: &str = "GET /v1/service/service/s-1";

/// A peer with one case, `case`, that gives these answers.
fn peer(answers: &[&str]) -> Peer {
    let exchanges: Vec<String> = answers
        .iter()
        .map(|answer| {
            format!(
                r#"{{"request":{{"method":"GET","path":"/v1/service/service/s-1"}},"answer":{answer}}}"#
            )
        })
        .collect();
    let cases = format!(
        r#"[{{"name":"case","about":"","result":{{"none":true}},"exchanges":[{}],
            "call":{{"operation":"services.get","arguments":{{"id":"s-1"}}}}}}]"#,
        exchanges.join(",")
    );
    Peer::start(&serde_json::from_str::<Vec<_>>(&cases).unwrap()).unwrap()
}

/// A right request of a run.
fn request(run: &str) -> String {
    format!(
        "GET /{run}/v1/service/service/s-1 HTTP/1.1\r\nX-Service-Auth: user:pass\r\n\
         Accept: application/json\r\nUser-Agent: verigator-x/1\r\n\r\n"
    )
}

/// The same request as the last one of its connection.
fn last(request: &str) -> String {
    let lines = request.strip_suffix("\r\n").unwrap();
    format!("{lines}connection: close\r\n\r\n")
}

fn get(url: &str, path: &str) -> raw_http::Answer {
    exchange(
        url,
        &last(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")),
    )
}

fn verdict(peer: &Peer, run: &str) -> Verdict {
    let answer = get(peer.url(), &format!("/-/verdict/{run}"));
    serde_json::from_str(answer.body()).unwrap()
}

fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn one_connection_carries_several_exchanges() {
    let peer = peer(&[
        r#"{"status":200,"headers":{"retry-after":"0"},"json":{"a":1}}"#,
        r#"{"status":202}"#,
        r#"{"status":204}"#,
        r#"{"status":502,"text":"ü","pad_to":4}"#,
    ]);
    let answer = exchange(
        peer.url(),
        &(request("case").repeat(3) + &last(&request("case"))),
    );
    assert_eq!(
        answer.text(),
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nretry-after: 0\r\ncontent-length: 7\r\n\r\n\
         {\"a\":1}\
         HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n\
         HTTP/1.1 204 No Content\r\n\r\n\
         HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\nü  "
    );
    assert_eq!(
        verdict(&peer, "case"),
        Verdict {
            ok: true,
            why: None
        }
    );
}

#[test]
fn broken_answers_are_broken_as_told() {
    let peer = peer(&[
        r#"{"raw":"HTTP/1.1 200"}"#,
        r#"{"close":true}"#,
        r#"{"reset":true}"#,
        r#"{"raw":"\u00ff","hang":true}"#,
        r#"{"hang":true}"#,
    ]);
    assert_eq!(
        exchange(peer.url(), &request("case")).text(),
        "HTTP/1.1 200"
    );
    assert_eq!(exchange(peer.url(), &request("case")).text(), "");

    let mut reset = connect(peer.url());
    reset.write_all(request("case").as_bytes()).unwrap();
    let error = reset.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    for expected in [&[0xff][..], &[]] {
        let mut silent = connect(peer.url());
        silent.write_all(request("case").as_bytes()).unwrap();
        silent
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut came = [0; 2];
        if !expected.is_empty() {
            assert_eq!(silent.read(&mut came).unwrap(), 1);
        }
        assert_eq!(came[..expected.len()], *expected);
        let error = silent.read(&mut came).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{error}"
        );
    }
    assert!(verdict(&peer, "case").ok);
}

#[test]
fn a_silent_answer_ends_with_the_client() {
    let peer = peer(&[r#"{"hang":true}"#]);
    let mut silent = connect(peer.url());
    silent.write_all(request("case").as_bytes()).unwrap();
    silent.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
}

#[test]
fn wrong_requests_are_answered_and_told() {
    let peer = peer(&[r#"{"status":200,"json":{}}"#]);
    let wrong = format!("{REQUEST} HTTP/1.1\r\n\r\n").replace("/v1", "/case/v1");
    let answer = exchange(peer.url(), &(wrong.clone() + &last(&wrong)));
    assert!(
        answer.text().starts_with("HTTP/1.1 200 OK\r\n"),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("HTTP/1.1 418 "), "{}", answer.text());
    let why = verdict(&peer, "case").why.unwrap();
    for fault in [
        "request 1: x-service-auth is missing",
        "beyond the last",
        "2 requests, not 1",
    ] {
        assert!(why.contains(fault), "{why}");
    }
    let answer = get(peer.url(), "/other/x");
    assert!(
        answer.text().starts_with("HTTP/1.1 404 "),
        "{}",
        answer.text()
    );
}

#[test]
fn many_connections_at_once_are_served() {
    let peer = peer(&[r#"{"status":200,"json":{"a":1}}"#]);
    let mut streams: Vec<TcpStream> = (0..200).map(|_| connect(peer.url())).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        stream
            .write_all(request(&format!("case~{n}")).as_bytes())
            .unwrap();
    }
    thread::scope(|scope| {
        for (n, stream) in streams.iter_mut().enumerate() {
            let peer = &peer;
            scope.spawn(move || {
                assert_eq!(read(stream, 15), "HTTP/1.1 200 OK");
                assert!(verdict(peer, &format!("case~{n}")).ok);
            });
        }
    });
}

#[test]
fn nobody_listens_at_the_closed_port() {
    let peer = peer(&[]);
    let address = peer.closed_url().strip_prefix("http://").unwrap();
    let error = TcpStream::connect(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn the_program_says_where_it_is_and_ends_with_its_input() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_verigator-peer"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let places: Value = serde_json::from_str(&line).unwrap();
    for name in ["documents", "old_clients"] {
        assert_eq!(places[name]["username"], "test");
        let url = places[name]["url"].as_str().unwrap();
        assert_eq!(get(url, "/sandbox/messages").body(), "[]");
    }
    let url = places["url"].as_str().unwrap();
    let answer = get(url, "/-/verdict/services-get");
    assert_eq!(
        answer.body(),
        r#"{"ok":false,"why":"came 0 requests, not 1"}"#
    );
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
}

#[test]
fn the_program_refuses_a_folder_that_is_none() {
    let program = Command::new(env!("CARGO_BIN_EXE_verigator-peer"))
        .arg("/nowhere")
        .output();
    let output = program.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere"));
}
